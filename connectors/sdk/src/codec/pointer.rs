//! JSON pointers, for reading and for writing.

use serde_json::Value as Json;

/// The value at a JSON pointer, as `serde_json` finds it, without copying the names of plain pointers.
pub fn at<'a>(row: &'a Json, pointer: &str) -> Option<&'a Json> {
    if pointer.contains('~') || !pointer.starts_with('/') {
        return row.pointer(pointer);
    }
    pointer[1..].split('/').try_fold(row, |at, name| match at {
        Json::Object(members) => members.get(name),
        Json::Array(elements) => {
            // As RFC 6901 has it: no sign, no leading zero.
            let plain = name == "0" || name.starts_with(|first: char| first.is_ascii_digit() && first != '0');
            plain.then(|| name.parse::<usize>().ok()).flatten().and_then(|place| elements.get(place))
        }
        _ => None,
    })
}

/// Sets a value at a JSON pointer, making objects on the way.
///
/// # Errors
/// A sentence when something on the way is no object.
pub fn put(out: &mut Json, pointer: &str, value: Json) -> Result<(), String> {
    let mut at = out;
    let mut parts = pointer.strip_prefix('/').ok_or("no JSON pointer")?.split('/').peekable();
    while let Some(part) = parts.next() {
        let name = if part.contains('~') { part.replace("~1", "/").replace("~0", "~") } else { part.to_owned() };
        let object =
            at.as_object_mut().ok_or_else(|| format!("`{pointer}` leads through something that is no object"))?;
        if parts.peek().is_none() {
            object.insert(name, value);
            return Ok(());
        }
        at = object.entry(name).or_insert_with(|| Json::Object(serde_json::Map::new()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pointers_lead_where_the_library_leads() {
        let row = json!({"a": {"b": [1, {"c": 2}], "": 3, "x~y": 4, "x/y": 5}, "": 6});
        for pointer in [
            "", "/", "/a", "/a/b/0", "/a/b/1/c", "/a/b/01", "/a/b/+1", "/a/b/2", "/a/", "/a/x~0y", "/a/x~1y", "a",
            "/a/b/-",
        ] {
            assert_eq!(at(&row, pointer), row.pointer(pointer), "{pointer}");
        }
    }
}
