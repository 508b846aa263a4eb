//! The signature of requests to AWS vendors' APIs, against AWS's own crate.

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use concord_connector::{
    Instant,
    sigv4::{Signable, Signer},
};
use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

const BODY: &[u8] = br#"{"Catalog":"AWSMarketplace","ChangeSet":[]}"#;

/// What AWS's crate adds to a request.
fn theirs(signer: &Signer, request: &Signable<'_>, now: Instant) -> BTreeMap<String, String> {
    let token = signer.session_token.clone();
    let identity = Credentials::new(&signer.access_key_id, &signer.secret_access_key, token, None, "a test").into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.ms()).unwrap());
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(&signer.region)
        .name(&signer.service)
        .time(at)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let url = format!("https://{}{}{query}", request.host, request.path);
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method, url, headers, body).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    let (headers, _) = instructions.into_parts();
    headers.iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect()
}

#[test]
fn a_signature_is_the_one_that_aws_makes() {
    let headers = [
        ("content-type".to_owned(), "application/x-amz-json-1.0".to_owned()),
        ("x-amz-target".to_owned(), "A.B".to_owned()),
    ];
    for (method, path, query, headers, body, session_token) in [
        ("POST", "/StartChangeSet", "", &headers[..1], BODY, None),
        ("POST", "/", "", &headers[..], BODY, Some("session/token+=".to_owned())),
        ("GET", "/DescribeChangeSet", "changeSetId=cs-1&catalog=AWSMarketplace", &[][..], b"", None),
        ("GET", "/DescribeEntity", "entityId=offer-a%401&catalog=AWSMarketplace", &[][..], b"", None),
        ("GET", "/a%20b/c", "b=1&a=x%20y&a=b", &[][..], b"", None),
    ] {
        let signer = Signer {
            access_key_id: "AKIAEXAMPLEEXAMPLE00".into(),
            secret_access_key: "not-a-real-secret/key+00".into(),
            session_token,
            region: "us-east-1".into(),
            service: "aws-marketplace".into(),
        };
        let request = Signable { method, host: "catalog.example.com", path, query, headers, body };
        let now = Instant::parse("2026-11-22T09:00:00.400Z").unwrap();
        let ours: BTreeMap<String, String> = signer.sign(&request, now).into_iter().collect();
        assert_eq!(ours, theirs(&signer, &request, now), "{method} {path}?{query}");
    }
}
