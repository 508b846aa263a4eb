//! JSON values as Concise Binary Object Representation (RFC 8949), as Smithy's RPC v2 protocol writes them: definite or
//! indefinite lengths, times as seconds under tag 1, blobs as bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ciborium::Value as Cbor;
use serde_json::{Map, Number, Value as Json};

/// The content type.
pub(super) const TYPE: &str = "application/cbor";
/// The tag of a time.
const EPOCH: u64 = 1;

/// A JSON value's bytes.
pub(super) fn encode(json: &Json) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail.
    let _written = ciborium::into_writer(&cbor(json), &mut bytes);
    bytes
}

/// The JSON value of bytes: times are seconds, bytes base64. `None` when they are no such thing.
pub(super) fn decode(bytes: &[u8]) -> Option<Json> {
    json(ciborium::from_reader(bytes).ok()?)
}

fn cbor(json: &Json) -> Cbor {
    match json {
        Json::Null => Cbor::Null,
        Json::Bool(flag) => Cbor::Bool(*flag),
        Json::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Cbor::from(number),
            (_, Some(number), _) => Cbor::from(number),
            (_, _, Some(number)) => Cbor::Float(number),
            _ => Cbor::Text(number.to_string()),
        },
        Json::String(text) => Cbor::Text(text.clone()),
        Json::Array(elements) => Cbor::Array(elements.iter().map(cbor).collect()),
        Json::Object(members) => {
            Cbor::Map(members.iter().map(|(name, value)| (Cbor::Text(name.clone()), cbor(value))).collect())
        }
    }
}

fn json(cbor: Cbor) -> Option<Json> {
    Some(match cbor {
        Cbor::Null => Json::Null,
        Cbor::Bool(flag) => Json::Bool(flag),
        Cbor::Integer(number) => Json::Number(Number::from(i64::try_from(number).ok()?)),
        // Times come as doubles of whole or fractional seconds.
        Cbor::Float(number) => Json::Number(Number::from_f64(number)?),
        Cbor::Text(text) => Json::String(text),
        Cbor::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
        Cbor::Array(elements) => Json::Array(elements.into_iter().map(json).collect::<Option<_>>()?),
        Cbor::Map(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                object.insert(name.into_text().ok()?, json(value)?);
            }
            Json::Object(object)
        }
        Cbor::Tag(EPOCH, value) => json(*value)?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let value = serde_json::json!({ "a": [1, -2, "x", true, null], "b": { "c": 12.5 } });
        assert_eq!(decode(&encode(&value)), Some(value));
        assert_eq!(decode(b"\xff"), None);
    }

    #[test]
    fn times_are_seconds_and_bytes_are_base64() {
        // {"t": 1(1700000000.5), "b": h'0102'} with an indefinite length.
        let bytes = hex::decode("bf6174c1fb41d954fc40200000616242010cff".replace("42010c", "420102")).unwrap();
        assert_eq!(decode(&bytes), Some(serde_json::json!({ "t": 1_700_000_000.5, "b": "AQI=" })));
    }
}
