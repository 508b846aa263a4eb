//! Answers in the three protocols of the services.

use ciborium::Value as Cbor;
use concord_connector::sandbox::{WireRequest, WireResponse};
use serde_json::{Map, Value as Json, json};

/// An error of a REST-JSON or JSON service.
pub(super) fn refused(status: u16, name: &str, message: &str) -> WireResponse {
    let body = json!({ "__type": name, "Message": message });
    WireResponse::json(status, &body).header("x-amzn-errortype", name)
}

/// An answer in CBOR, times under tag 1.
pub(super) fn cbor(status: u16, json: &Json) -> WireResponse {
    let mut body = Vec::new();
    // Writing to memory cannot fail.
    let _written = ciborium::into_writer(&encode("", json), &mut body);
    let response = WireResponse::empty(status).header("content-type", "application/cbor");
    let mut response = response.header("smithy-protocol", "rpc-v2-cbor");
    response.body = body;
    response
}

/// An error in CBOR.
pub(super) fn cbor_refused(status: u16, name: &str, reason: &str, message: &str) -> WireResponse {
    let named = format!("com.amazonaws.awsmpcommerceservice_v20200301#{name}");
    cbor(status, &json!({ "__type": named, "reason": reason, "message": message }))
}

/// The input of a call in CBOR; `None` when it is none.
pub(super) fn input(request: &WireRequest) -> Option<Json> {
    let protocol = request.headers.get("smithy-protocol").is_some_and(|named| named == "rpc-v2-cbor");
    let typed = request.headers.get("content-type").is_some_and(|named| named == "application/cbor");
    if !protocol || !typed {
        return None;
    }
    decode(ciborium::from_reader(request.body.as_slice()).ok()?)
}

fn encode(name: &str, json: &Json) -> Cbor {
    let is_time = name.ends_with("Time") || name == "ExpirationDate";
    match json {
        Json::Null => Cbor::Null,
        Json::Bool(flag) => Cbor::Bool(*flag),
        Json::Number(number) => {
            let value = match number.as_i64() {
                Some(whole) if !is_time => Cbor::from(whole),
                _ => Cbor::Float(number.as_f64().unwrap_or_default()),
            };
            if is_time { Cbor::Tag(1, Box::new(value)) } else { value }
        }
        Json::String(text) => Cbor::Text(text.clone()),
        Json::Array(elements) => Cbor::Array(elements.iter().map(|one| encode("", one)).collect()),
        Json::Object(members) => {
            Cbor::Map(members.iter().map(|(name, value)| (Cbor::Text(name.clone()), encode(name, value))).collect())
        }
    }
}

fn decode(cbor: Cbor) -> Option<Json> {
    Some(match cbor {
        Cbor::Null => Json::Null,
        Cbor::Bool(flag) => Json::Bool(flag),
        Cbor::Integer(number) => Json::from(i64::try_from(number).ok()?),
        Cbor::Float(number) => Json::from(number),
        Cbor::Text(text) => Json::String(text),
        Cbor::Array(elements) => Json::Array(elements.into_iter().map(decode).collect::<Option<_>>()?),
        Cbor::Map(members) => {
            let mut object = Map::new();
            for (name, value) in members {
                object.insert(name.into_text().ok()?, decode(value)?);
            }
            Json::Object(object)
        }
        _ => return None,
    })
}
