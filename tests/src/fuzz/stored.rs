//! What comes back from store and queue: messages, records, letters, questions. Damage is a fault, never a panic, and what
//! can be read is written again as it was.

use super::input::Input;
use concord_connector::RecordId;
use concord_hub::{
    dead_letter::DeadLetter,
    facet::Facet,
    message::Message,
    ports::{Item, ItemKey},
    record::{self, Stored},
    review::Review,
};
use serde::{Serialize, de::DeserializeOwned};

/// Which kind, then its bytes.
pub fn stored(data: &[u8]) {
    let mut input = Input::new(data);
    let which = input.byte() % 6;
    let body = input.rest();
    match which {
        0 => message(body),
        1 => record(body.to_vec()),
        2 => record(framed(body)),
        3 => json::<DeadLetter>(body),
        4 => json::<Review>(body),
        _ => json::<Facet>(body),
    }
}

fn message(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else { return };
    let Ok(message) = Message::decode(text) else { return };
    let written = message.encode().expect("a message that travels");
    assert_eq!(Message::decode(&written).map_err(|e| e.to_string()), Ok(message), "{written}");
}

/// A record's body around two lines of JSON, head and facets: what a fuzzer could hardly compress by chance.
fn framed(body: &[u8]) -> Vec<u8> {
    let end = body.iter().position(|byte| *byte == b'\n').unwrap_or(body.len());
    let (head, facets) = (&body[..end], body.get(end + 1..).unwrap_or_default());
    let mut framed = u32::try_from(head.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    framed.extend_from_slice(head);
    framed.extend_from_slice(&miniz_oxide::deflate::compress_to_vec(facets, 1));
    framed
}

fn record(body: Vec<u8>) {
    let key = concord_hub::keys::record(&RecordId::from("r1"));
    let Ok(stored) = record::decode(&item(key, body)) else { return };
    if let Stored::Record(record) = &stored {
        // What lists and deliveries ask of every record.
        let _pending = record.pending().len();
        let _placeholder = record.is_placeholder();
        for facet in &record.facets {
            let _cells = facet.view().cells.len();
        }
    }
    let Ok(written) = record::encode(&RecordId::from("r1"), &stored, 1) else { return };
    assert_eq!(record::decode(&written).map_err(|e| e.to_string()), Ok(stored), "changed in the store");
}

fn item(key: ItemKey, body: Vec<u8>) -> Item {
    Item::new(key, body)
}

fn json<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(body: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(body) else { return };
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    assert_eq!(serde_json::from_slice::<T>(&written).map_err(|e| e.to_string()), Ok(value));
}
