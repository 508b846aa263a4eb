//! Calls of the Selling API (JSON 1.0). Every one names the catalog.

use concord_connector::{
    Context, Request, Response,
    exchange::{Body, Method},
};
use serde_json::Value as Json;

/// How AWS knows which tool its traffic comes from.
const AGENT: &str = "Concord|Concord";

fn call(cx: &Context, operation: &str, mut input: Json) -> Request {
    input["Catalog"] = cx.option("catalog").filter(|catalog| !catalog.is_empty()).unwrap_or("AWS").into();
    let mut request = Request::new(Method::Post, "/")
        .header("x-amz-target", format!("AWSPartnerCentralSelling.{operation}"))
        .header("x-amzn-user-agent", AGENT);
    request.body = Body::JsonAs("application/x-amz-json-1.0".into(), input);
    request
}

/// A call that reads.
pub(crate) fn read(cx: &Context, operation: &str, input: Json) -> Request {
    call(cx, operation, input).limited_by("read")
}

/// A call that writes: one a second, for all of us.
pub(crate) fn write(cx: &Context, operation: &str, input: Json) -> Request {
    call(cx, operation, input).limited_by("write").accepting(&[200, 400]).writing()
}

/// The error's name, without name space.
pub(crate) fn error(response: &Response) -> &str {
    let named = response.text("/__type").unwrap_or_default();
    named.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default()
}

/// A text member, empty when there is none.
pub(crate) fn said<'a>(json: &'a Json, pointer: &str) -> &'a str {
    json.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// The elements of an array at a pointer.
pub(crate) fn rows<'a>(json: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    json.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}
