//! Every signature vector of the file is accepted by the scheme of its version.

use super::read;
use concord_connector::{Connector, Unverified, Webhook, time::Instant};
use libtest_mimic::Failed;
use std::path::Path;

pub(crate) fn check(file: &Path) -> Result<(), Failed> {
    let json = read(file);
    let secret = json["clientSecret"].as_str().unwrap();
    let connector = concord_hubspot::connector();
    let vectors = json["vectors"].as_array().unwrap();
    for vector in vectors {
        let of = |name: &str| vector[name].as_str().unwrap_or_default().to_owned();
        let scheme = connector.manifest().webhooks.iter().find(|scheme| scheme.name == of("version")).unwrap();
        let headers = match of("version").as_str() {
            "v3" => {
                vec![("x-hubspot-signature-v3", of("signature")), ("x-hubspot-request-timestamp", of("timestamp"))]
            }
            version => {
                vec![("x-hubspot-signature", of("signature")), ("x-hubspot-signature-version", version.to_owned())]
            }
        };
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        let hook: Webhook<Unverified> = Webhook::new(of("method"), of("uri"), None, headers, of("body").into_bytes());
        let now = Instant::from_ms(of("timestamp").parse().unwrap_or_default());
        if hook.verify(scheme, &[secret.as_bytes()], now).is_err() {
            return Err(format!("refused: {vector}").into());
        }
    }
    if vectors.is_empty() { Err("the file has no vectors".into()) } else { Ok(()) }
}
