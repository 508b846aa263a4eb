//! Index entries as an item stores them: count-free, length-prefixed texts.

use crate::ports::{Index, IndexEntry};

/// `None` for an item that shows nowhere.
pub(super) fn encode(entries: &[IndexEntry]) -> Option<Vec<u8>> {
    if entries.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for entry in entries {
        for text in [entry.index.name(), &entry.partition, &entry.sort] {
            bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    Some(bytes)
}

/// Entries of an index that this version does not know are left out.
pub(super) fn decode(bytes: Option<&[u8]>) -> Vec<IndexEntry> {
    let mut rest = bytes.unwrap_or_default();
    let mut entries = Vec::new();
    while let (Some(name), Some(partition), Some(sort)) = (text(&mut rest), text(&mut rest), text(&mut rest)) {
        if let Some(index) = Index::ALL.into_iter().find(|index| index.name() == name) {
            entries.push(IndexEntry { index, partition, sort });
        }
    }
    entries
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let (text, tail) = tail.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = tail;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_storage() {
        let entries: Vec<_> = Index::ALL
            .into_iter()
            .map(|index| IndexEntry { index, partition: "p\u{e9}".into(), sort: String::new() })
            .collect();
        assert_eq!(decode(encode(&entries).as_deref()), entries);
        assert_eq!(encode(&[]), None);
        assert_eq!(decode(None), []);
        assert_eq!(decode(Some(&[0, 0, 0, 9, 1])), [], "a torn value is no panic");
    }
}
