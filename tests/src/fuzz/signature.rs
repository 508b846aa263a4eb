//! Signatures: what was signed is let in, what was touched is not, and what was made up is not either.

use super::input::Input;
use concord_connector::{
    Instant, Unverified, Webhook,
    testing::{KEYS, Signature, sign},
    webhook::{Algorithm, Encoding, Form, Part, Scheme, Signed, Timestamp},
};
use std::sync::LazyLock;

const SECRET: &str = "fake-signing-secret";
const OTHER: &str = "fake-former-secret";
const NOW: Instant = Instant::from_ms(1_767_225_600_000);

/// The schemes of every connector, and what else the manifest's language can say.
static SCHEMES: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    let known = concord_connectors::all();
    let mut schemes: Vec<Scheme> =
        known.iter().flat_map(|connector| connector.manifest().webhooks.clone()).filter(|one| !one.is_open()).collect();
    schemes.retain(|scheme| !matches!(scheme.signed, Signed::Sns { .. }));
    let scheme = |name: &str, signed| Scheme { name: name.into(), signed, retry_horizon_s: 86_400 };
    schemes.push(scheme("standard", Signed::Standard { tolerance_s: 300 }));
    for encoding in [Encoding::Base64, Encoding::Hex] {
        let hmac = |algorithm, prefix: &str, separator: Option<&str>, parts, timestamp| Signed::Hmac {
            header: "x-signature".into(),
            algorithm,
            encoding,
            prefix: prefix.into(),
            separator: separator.map(str::to_owned),
            secret: Form::Text,
            parts,
            timestamp,
        };
        for (unit_ms, tolerance_s) in [(1, 300), (1000, 60)] {
            let (prefix, separator) = (String::new(), None);
            let time = Timestamp { header: "x-time".into(), unit_ms, tolerance_s, prefix, separator };
            let parts = vec![Part::Timestamp, Part::Text(".".into()), Part::Body];
            schemes.push(scheme("timed", hmac(Algorithm::Sha512, "v1=", Some(","), parts, Some(time))));
        }
        let parts = vec![Part::Method, Part::Uri, Part::Body];
        schemes.push(scheme("plain", hmac(Algorithm::Sha256, "", None, parts, None)));
        schemes.push(scheme("old", hmac(Algorithm::Sha1, "sha1=", None, vec![Part::Body], None)));
    }
    schemes
});

/// A request in parts that can be touched.
#[derive(Clone)]
struct Knock {
    method: String,
    uri: String,
    proof: Signature,
    body: Vec<u8>,
}

impl Knock {
    fn hook(&self) -> Webhook<Unverified> {
        let (headers, path) = (self.proof.headers.clone(), self.proof.path_secret.clone());
        Webhook::new(self.method.as_str(), self.uri.as_str(), path, headers, self.body.clone())
    }
    fn passes(&self, scheme: &Scheme, now: Instant) -> bool {
        // Where keys are published, their set stands for secrets.
        let keys = scheme.keys_url().map(|_| KEYS.as_bytes());
        let secrets: Vec<&[u8]> = [SECRET.as_bytes(), OTHER.as_bytes()].into_iter().chain(keys).collect();
        self.hook().verify(scheme, &secrets, now).is_ok()
    }
}

/// First a choice of scheme and of what is touched, then the proof that somebody made up, then the body.
pub fn signature(data: &[u8]) {
    let mut input = Input::new(data);
    let scheme = input.pick(&SCHEMES).clone();
    let (how, place, bit) = (input.byte(), usize::from(input.byte()), 1 << (input.byte() % 8));
    let late_s = i64::from(input.byte()) * 16 - 1024;
    let (made_up, stamp) = (input.line(), input.line());
    let method = if input.byte().is_multiple_of(2) { "POST" } else { "GET" };
    let uri = format!("https://hub.example.com/hooks/under-test?n={place}");
    let body = input.rest().to_vec();
    let signed_by = if how % 2 == 0 { SECRET } else { OTHER };

    let proof = sign(&scheme, signed_by, method, &uri, &body, NOW);
    let good = Knock { method: method.into(), uri, proof, body };
    assert!(good.passes(&scheme, NOW), "signed and refused: {scheme:?}");
    timely(&scheme, &good, late_s);
    for secrets in [&[][..], &[b"".as_slice()], &[b"somebody-elses".as_slice()]] {
        assert!(good.hook().verify(&scheme, secrets, NOW).is_err(), "opened with {secrets:?}: {scheme:?}");
    }
    if let Some(touched) = touch(&scheme, &good, how, place, bit) {
        assert!(!touched.passes(&scheme, NOW), "touched ({how}) and let in: {scheme:?}");
    }
    forge(&scheme, &good, &made_up, &stamp);
}

/// The same request at another time: inside the tolerance only.
fn timely(scheme: &Scheme, good: &Knock, late_s: i64) {
    let later = Instant::from_ms(NOW.ms() + late_s * 1000);
    let timely = match &scheme.signed {
        Signed::Hmac { timestamp: Some(timestamp), .. } => (-60..=timestamp.tolerance_s).contains(&late_s),
        Signed::Standard { tolerance_s } => (-tolerance_s..=*tolerance_s).contains(&late_s),
        // Good for an hour, and from a minute before it was made.
        Signed::Jwt { .. } => (-60..3660).contains(&late_s),
        _ => true,
    };
    assert_eq!(good.passes(scheme, later), timely, "{late_s} s late: {scheme:?}");
}

/// The request with one thing touched that its scheme covers; `None` when it covers nothing of the kind.
fn touch(scheme: &Scheme, good: &Knock, how: u8, place: usize, bit: u8) -> Option<Knock> {
    let mut bad = good.clone();
    let covers = |part: Part| match &scheme.signed {
        Signed::Hmac { parts, .. } | Signed::Digest { parts, .. } => parts.contains(&part),
        Signed::Standard { .. } => part == Part::Body,
        Signed::Header { .. } | Signed::Jwt { .. } | Signed::Path {} | Signed::None {} => false,
        // Not drawn: the first signs a message of its own, the second proves nothing.
        Signed::Sns { .. } | Signed::Landing { .. } => false,
    };
    match (how / 2) % 6 {
        0 if covers(Part::Body) => {
            let at = place.checked_rem(bad.body.len())?;
            bad.body[at] ^= bit;
        }
        1 if covers(Part::Body) => bad.body.push(bit),
        2 if covers(Part::Uri) || covers(Part::UriUnescaped) => bad.uri.push('x'),
        3 if covers(Part::Method) => bad.method.push('X'),
        4 => {
            let header = place.checked_rem(bad.proof.headers.len())?;
            let again = bad.proof.headers[header].clone();
            bad.proof.headers.push(again);
        }
        5 => {
            let header = place.checked_rem(bad.proof.headers.len())?;
            bad.proof.headers.remove(header);
        }
        _ => return None,
    }
    Some(bad)
}

/// A proof that somebody made up is let in only when it happens to be the right one.
fn forge(scheme: &Scheme, good: &Knock, made_up: &str, stamp: &str) {
    let mut forged = good.clone();
    let stamped = matches!(&scheme.signed, Signed::Hmac { timestamp: Some(_), .. });
    for (at, header) in forged.proof.headers.iter_mut().enumerate() {
        if at == 0 {
            header.1 = made_up.into();
        } else if stamped && !stamp.is_empty() {
            header.1 = stamp.into();
        }
    }
    forged.proof.path_secret = forged.proof.path_secret.map(|_| made_up.to_owned());
    let lucky = match &scheme.signed {
        Signed::Header { .. } | Signed::Path {} => [SECRET, OTHER].contains(&made_up),
        _ => good.proof.headers.iter().any(|(_, value)| value.eq_ignore_ascii_case(made_up)),
    };
    assert!(lucky || !forged.passes(scheme, NOW), "forged and let in: {made_up:?} {stamp:?} {scheme:?}");
}
