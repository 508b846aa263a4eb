//! Record ids: 15 characters where case counts, or 18 where three more make case redundant. Stored and compared as 18.

use concord_connector::{Context, ExternalId};

/// The 18-character form of an id of either length; `None` when the text is no id.
///
/// Each of the last three characters stands for five of the others: bit n is set where character n is an upper-case letter.
/// An 18-character id is normalised by its first 15, so a wrong suffix cannot make a second id of one record.
pub(crate) fn full(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if !matches!(bytes.len(), 15 | 18) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return None;
    }
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut id = text[..15].to_owned();
    for five in bytes[..15].chunks(5) {
        let bits = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        id.push(char::from(LETTERS[bits.fold(0, |sum, (n, _)| sum | (1 << n))]));
    }
    Some(id)
}

/// The id that the vendor writes where there is none.
pub(crate) const NOBODY: &str = "000000000000000AAA";

/// The id in its 18-character form where it is one, else as it came.
pub(crate) fn normal(text: &str) -> String {
    full(text).unwrap_or_else(|| text.to_owned())
}

/// The same for an [`ExternalId`].
pub(crate) fn external(text: &str) -> ExternalId {
    ExternalId::new(normal(text))
}

/// The three characters with which ids of an object begin: fixed by the vendor for standard objects, and by the org for
/// custom ones, where the description of the account says them.
pub(crate) fn prefix<'a>(cx: &'a Context, object: &str) -> Option<&'a str> {
    let described = cx.option(&format!("prefix.{object}"));
    described.or(match object {
        "Account" => Some("001"),
        "Contact" => Some("003"),
        "Opportunity" => Some("006"),
        "Lead" => Some("00Q"),
        _ => None,
    })
}

/// The first id of an object that a text holds, for messages that name a record in prose.
pub(crate) fn find(text: &str, prefix: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with(prefix)).find_map(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_characters_become_the_eighteen_that_the_vendor_writes() {
        for id in ["001ZM000001n4n5YAA", "005ZM000000Q6ipYAC", "003q000000KvQ1tAAF", "a00D0000008pQRAIA2"] {
            assert_eq!(full(&id[..15]).as_deref(), Some(id));
            assert_eq!(full(id).as_deref(), Some(id));
        }
        assert_eq!(full("000000000000000").as_deref(), Some("000000000000000AAA"));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "001", "001ZM000001n4n5YA", "001ZM000001n4n'", "001ZM00000\u{e9}n4n5"] {
            assert_eq!(full(text), None, "{text}");
        }
        assert_eq!(find("duplicate on record with id: 001ZM000001n4n5)", "001").as_deref(), Some("001ZM000001n4n5YAA"));
    }
}
