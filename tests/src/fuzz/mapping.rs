//! Mappings: any JSON is read or refused, and a value that went through a vendor once does not change a second time.

use super::{input::Input, subjects::SUBJECTS};
use concord_connector::{Kind, mapping::Creating};
use jiff::tz::TimeZone;

const ZONES: [&str; 5] = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Europe/Berlin"];

/// Which connector, entity and time zone, then the vendor's row as JSON.
pub fn mapping(data: &[u8]) {
    let mut input = Input::new(data);
    let (connector, cx) = input.pick(&SUBJECTS);
    let mut cx = cx.clone();
    let entities: Vec<_> = cx.mappings.keys().copied().collect();
    let entity = *input.pick(&entities);
    cx.time_zone = TimeZone::get(input.pick::<&str>(&ZONES)).expect("a zone that the bundle has");
    let Ok(row) = serde_json::from_slice(input.rest()) else { return };
    let mapping = cx.mappings[&entity].clone();

    let fields = match mapping.decode(&cx, entity, &row) {
        Ok(fields) => fields,
        Err(fault) => {
            assert_eq!(fault.kind, Kind::Malformed, "{fault}");
            return;
        }
    };
    for (field, value) in &fields {
        let text = serde_json::to_string(value).expect("a value that travels");
        assert_eq!(serde_json::from_str(&text).ok().as_ref(), Some(value), "{field} changed in the queue: {text}");
        // A value that was read may be more than may be written; what can be written settles at once.
        let Ok(once) = connector.image(&cx, entity, field, value.as_ref()) else { continue };
        let twice = connector.image(&cx, entity, field, once.as_ref());
        assert_eq!(twice.map_err(|e| e.to_string()), Ok(once), "{entity} {field} does not settle from {value:?}");
    }
    for creating in [Creating::Yes, Creating::No] {
        let Ok(written) = mapping.encode(&cx, entity, &fields, creating) else { continue };
        let read = mapping.decode(&cx, entity, &written);
        assert!(read.is_ok(), "{entity}: what we write cannot be read: {written}: {read:?}");
    }
}
