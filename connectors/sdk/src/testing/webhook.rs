//! Laws of webhooks, per declared scheme, over what the sandbox sends and over what the suite signs itself.

use super::{Group, KEYS, Live, Subject, Verdict, holds, property, sign, sns};
use crate::{
    Connector, Context, Instant, Signal, Unverified, Webhook,
    sandbox::Push,
    webhook::{Scheme, Signed},
};
use proptest::prelude::*;
use std::{collections::BTreeSet, sync::Arc};

/// A key in every form in which schemes take one: as text, in hexadecimal and in base64.
const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// How long the tokens hold that prove a sender, and how far a clock may be off, in seconds.
const TOKEN_S: i64 = 3_660;
/// How long messages of SNS are on their way at most, in seconds.
const SNS_S: i64 = 3_600;
const HOOK: &str = "https://hub.example.com/hooks/under-test";

type Of = fn(&Trial) -> Verdict;

pub(super) fn laws(subject: &Subject, group: &mut Group<'_>) {
    let capable = subject.connector.manifest().capabilities.push;
    let schemes = subject.connector.manifest().webhooks.clone();
    if schemes.is_empty() {
        match capable {
            true => group.law("push_has_a_scheme", || Err("`push` is declared without a webhook scheme".into())),
            false => group.ignored("every_scheme", "the system sends nothing by itself"),
        }
        return;
    }
    for scheme in schemes {
        let laws: [(&str, Of); 6] = [
            ("good_request_passes", Trial::good),
            ("touched_byte_is_refused", Trial::touched),
            ("other_time_is_refused", Trial::time),
            ("other_secret_is_refused", Trial::secret),
            ("header_sent_twice_is_refused", Trial::double),
            ("any_bytes_are_read_or_refused", Trial::any_bytes),
        ];
        for (name, law) in laws {
            let reason = match (name, &scheme.signed) {
                (
                    "other_time_is_refused",
                    Signed::Hmac { timestamp: Some(_), .. }
                    | Signed::Standard { .. }
                    | Signed::Jwt { .. }
                    | Signed::Sns { .. },
                ) => None,
                ("other_time_is_refused", _) => Some("the scheme has no time"),
                ("header_sent_twice_is_refused", Signed::Path {}) => Some("the proof is in the path"),
                (
                    "header_sent_twice_is_refused" | "other_secret_is_refused" | "touched_byte_is_refused",
                    Signed::None {} | Signed::Landing { .. },
                ) => Some("nothing proves the sender"),
                _ => None,
            };
            let trial = Trial { subject: subject.clone(), scheme: scheme.clone() };
            group.law_unless(reason, format!("{}_{name}", scheme.name), move || law(&trial));
        }
    }
    for (name, law) in [
        ("same_request_gives_the_same_signals", same_signals as fn(&Subject) -> Verdict),
        ("keys_tell_events_apart", keys_differ),
        ("a_change_there_is_signalled", change_is_signalled),
    ] {
        match (capable, &subject.sandbox) {
            (true, Some(_)) => {
                let subject = subject.clone();
                group.law(name, move || law(&subject));
            }
            (true, None) => group.ignored(name, "there is no sandbox that sends anything"),
            (false, _) => group.ignored(name, "the system sends nothing by itself"),
        }
    }
}

/// One request and the moment at which it came.
#[derive(Clone)]
struct Sample {
    method: String,
    uri: String,
    path_secret: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    at: Instant,
    cx: Context,
}

impl Sample {
    fn hook(&self) -> Webhook<Unverified> {
        let (headers, body) = (self.headers.clone(), self.body.clone());
        Webhook::new(self.method.as_str(), self.uri.as_str(), self.path_secret.clone(), headers, body)
    }
    fn filled(&self, scheme: &Scheme) -> Scheme {
        scheme.filled(&self.cx.options)
    }
    fn passes(&self, scheme: &Scheme) -> bool {
        self.hook().verify(&scheme.filled(&self.cx.options), &[proof(scheme)], self.at).is_ok()
    }
    fn pushed(push: Push, live: &Live, path_secret: Option<String>) -> Self {
        let request = push.request;
        let headers = request.headers.into_iter().collect();
        let (method, uri, body) = (request.method, request.target, request.body);
        Self { method, uri, path_secret, headers, body, at: live.now(), cx: live.context().clone() }
    }
    fn signed(scheme: &Scheme, body: &[u8], at: Instant, cx: &Context) -> Self {
        let scheme = scheme.filled(&cx.options);
        let proof = sign(&scheme, SECRET, "POST", HOOK, body, at);
        let (headers, path_secret) = (proof.headers, proof.path_secret);
        let body = match &scheme.signed {
            Signed::Sns { topics } => sns::notification(topics, &String::from_utf8_lossy(body), at).to_string().into(),
            _ => body.to_vec(),
        };
        let uri = match &scheme.signed {
            Signed::Landing { token } => format!("{HOOK}/landing?{token}=example"),
            _ => HOOK.to_owned(),
        };
        Self { method: "POST".into(), uri, path_secret, headers, body, at, cx: cx.clone() }
    }
}

/// What a sender is proved by: the secret, the set of its keys, or its certificate.
fn proof(scheme: &Scheme) -> &'static [u8] {
    match &scheme.signed {
        Signed::Jwt { .. } => KEYS.as_bytes(),
        Signed::Sns { .. } => sns::CERTIFICATE.as_bytes(),
        _ => SECRET.as_bytes(),
    }
}

/// The secrets in the path under which a system sends: none, unless the path is what proves it.
fn doors(subject: &Subject) -> Vec<Option<String>> {
    let schemes = &subject.connector.manifest().webhooks;
    let mut doors = Vec::new();
    if !schemes.iter().all(Scheme::is_hint) {
        doors.push(None);
    }
    if schemes.iter().any(Scheme::is_hint) {
        doors.push(Some(SECRET.to_owned()));
    }
    doors
}

/// What the sandbox sends when a few records change, for hooks with and without a secret in the path.
fn sent(subject: &Subject) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    for path_secret in doors(subject) {
        let url = path_secret.as_ref().map_or_else(|| HOOK.to_owned(), |secret| format!("{HOOK}/{secret}"));
        let mut live = Live::start(subject, 7)?;
        live.subscribe(&url, SECRET);
        for entity in live.creatable() {
            let id = live.make(entity)?;
            live.touch(entity, &id)?;
            live.later(1);
        }
        live.stir();
        for push in live.pushes() {
            samples.push(Sample::pushed(push, &live, path_secret.clone()));
        }
    }
    holds(!samples.is_empty(), || "records were made and the sandbox sends nothing".into())?;
    Ok(samples)
}

struct Trial {
    subject: Subject,
    scheme: Scheme,
}

impl Trial {
    /// Up to three of the sandbox's own requests under this scheme, and one that the suite signed.
    fn samples(&self) -> Result<Vec<Sample>, String> {
        let capable = self.subject.sandbox.is_some() && self.subject.connector.manifest().capabilities.push;
        let mut samples = if capable { sent(&self.subject)? } else { Vec::new() };
        samples.retain(|sample| sample.passes(&self.scheme));
        samples.truncate(3);
        samples.push(Sample::signed(
            &self.scheme,
            br#"[{"id":"1"}]"#,
            Instant::from_ms(1_767_225_600_000),
            &self.subject.context,
        ));
        Ok(samples)
    }

    fn each(&self, law: impl Fn(&Sample) -> Verdict) -> Verdict {
        self.samples()?.iter().try_for_each(law)
    }

    /// The headers that carry proof, by the scheme.
    fn proof(&self) -> Vec<&str> {
        self.scheme.headers()
    }

    fn refused(&self, sample: &Sample, why: impl FnOnce() -> String) -> Verdict {
        holds(!sample.passes(&self.scheme), || format!("{} passes {}", self.scheme.name, why()))
    }

    fn good(&self) -> Verdict {
        self.each(|sample| holds(sample.passes(&self.scheme), || "a good request is refused".into()))
    }

    fn touched(&self) -> Verdict {
        let signs_body =
            matches!(self.scheme.signed, Signed::Standard { .. } | Signed::Hmac { .. } | Signed::Digest { .. });
        self.each(|sample| {
            for at in (0..sample.body.len()).filter(|_| signs_body) {
                let mut touched = sample.clone();
                touched.body[at] ^= 1;
                self.refused(&touched, || format!("with byte {at} of the body touched"))?;
            }
            for name in self.proof() {
                let Some(place) = sample.headers.iter().position(|(header, _)| header.eq_ignore_ascii_case(name))
                else {
                    return Err(format!("the request has no header `{name}`"));
                };
                for at in 0..sample.headers[place].1.len() {
                    let mut touched = sample.clone();
                    let mut bytes = touched.headers[place].1.clone().into_bytes();
                    bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
                    touched.headers[place].1 = String::from_utf8(bytes).map_err(|e| e.to_string())?;
                    self.refused(&touched, || format!("with byte {at} of `{name}` touched"))?;
                }
            }
            if let (Signed::Path {}, Some(secret)) = (&self.scheme.signed, &sample.path_secret) {
                for cut in 0..secret.len() {
                    let mut touched = sample.clone();
                    touched.path_secret = Some(secret[..cut].to_owned());
                    self.refused(&touched, || format!("with {cut} characters of the secret"))?;
                }
            }
            Ok(())
        })
    }

    fn time(&self) -> Verdict {
        let (tolerance, early) = match &self.scheme.signed {
            Signed::Hmac { timestamp: Some(timestamp), .. } => (timestamp.tolerance_s, -120),
            Signed::Standard { tolerance_s } => (*tolerance_s, -tolerance_s - 2),
            Signed::Jwt { .. } => (TOKEN_S, -120),
            Signed::Sns { .. } => (SNS_S, -120),
            _ => return Ok(()),
        };
        self.each(|sample| {
            for (late_s, good) in
                [(tolerance - 1, true), (tolerance + 2, false), (86_400 + tolerance, false), (early, false)]
            {
                let mut later = sample.clone();
                later.at = Instant::from_ms(sample.at.ms() + late_s * 1000);
                let passes = later.passes(&self.scheme);
                holds(passes == good, || format!("{late_s} s after it was signed: passes is {passes}"))?;
            }
            Ok(())
        })
    }

    fn secret(&self) -> Verdict {
        self.each(|sample| {
            let good = proof(&self.scheme);
            for secrets in [vec![], vec!["".as_bytes()], vec![b"another".as_slice()], vec![&good[1..]]] {
                let passes = sample.hook().verify(&sample.filled(&self.scheme), &secrets, sample.at).is_ok();
                holds(!passes, || "another secret opens the door".into())?;
            }
            let several = [b"next".as_slice(), good];
            let passes = sample.hook().verify(&sample.filled(&self.scheme), &several, sample.at).is_ok();
            holds(passes, || "the second of two active secrets is refused".into())
        })
    }

    fn double(&self) -> Verdict {
        self.each(|sample| {
            for name in self.proof() {
                let mut double = sample.clone();
                let again = sample.headers.iter().filter(|(header, _)| header.eq_ignore_ascii_case(name)).cloned();
                double.headers.extend(again);
                self.refused(&double, || format!("with `{name}` twice"))?;
            }
            Ok(())
        })
    }

    /// A sender that holds the secret can send anything: signals are a result, never a panic.
    fn any_bytes(&self) -> Verdict {
        let (connector, cx) = (&self.subject.connector, &self.subject.context);
        let bodies: Vec<Vec<u8>> = self.samples()?.into_iter().map(|sample| sample.body).collect();
        let at = Instant::from_ms(1_767_225_600_000);
        let touched = (prop::sample::select(bodies), any::<prop::sample::Index>(), any::<u8>()).prop_map(
            |(mut body, index, byte)| {
                if !body.is_empty() {
                    let place = index.index(body.len());
                    body[place] = byte;
                }
                body
            },
        );
        let bytes = prop_oneof![
            touched,
            prop::collection::vec(any::<u8>(), 0..64),
            super::generate::json().prop_map(|json| json.to_string().into_bytes()),
        ];
        property(&bytes, |body| {
            let hook = Sample::signed(&self.scheme, &body, at, cx).hook();
            let hook = hook.verify(&self.scheme.filled(&cx.options), &[proof(&self.scheme)], at);
            drop(connector.signals(cx, &hook.map_err(|_| "signed and refused")?));
            Ok(())
        })
    }
}

fn signals(connector: &Arc<dyn Connector>, sample: &Sample) -> Result<Vec<Signal>, String> {
    for scheme in &connector.manifest().webhooks {
        let scheme = &scheme.filled(&sample.cx.options);
        if let Ok(hook) = sample.hook().verify(scheme, &[proof(scheme)], sample.at) {
            return connector.signals(&sample.cx, &hook).map_err(|e| e.to_string());
        }
    }
    Err(format!("no declared scheme verifies a request of the sandbox to {}", sample.uri))
}

fn same_signals(subject: &Subject) -> Verdict {
    for sample in sent(subject)? {
        let once = signals(&subject.connector, &sample)?;
        let twice = signals(&subject.connector, &sample)?;
        holds(once == twice, || format!("{once:?}, then {twice:?}"))?;
    }
    Ok(())
}

fn keys_differ(subject: &Subject) -> Verdict {
    let mut seen = BTreeSet::new();
    let mut uri = String::new();
    for sample in sent(subject)? {
        if uri != sample.uri {
            seen.clear();
            uri.clone_from(&sample.uri);
        }
        for signal in signals(&subject.connector, &sample)? {
            holds(!signal.key.is_empty(), || format!("a signal without key: {signal:?}"))?;
            holds(seen.insert(signal.key.clone()), || format!("two events share the key `{}`", signal.key))?;
        }
    }
    Ok(())
}

/// What a person changes there is heard of. Our own writes need not be: a connector may tell them by their mark.
fn change_is_signalled(subject: &Subject) -> Verdict {
    let mut live = Live::start(subject, 11)?;
    let path_secret = doors(subject).into_iter().next().flatten();
    let url = path_secret.as_ref().map_or_else(|| HOOK.to_owned(), |secret| format!("{HOOK}/{secret}"));
    live.subscribe(&url, SECRET);
    let polled = |entity| subject.connector.manifest().polls(entity);
    let (mut heard, mut touched) = (BTreeSet::new(), Vec::new());
    for entity in live.creatable() {
        let id = live.make(entity)?;
        if live.touch(entity, &id)? {
            touched.push((entity, id));
        }
        live.later(1);
    }
    live.stir();
    for push in live.pushes() {
        let sample = Sample::pushed(push, &live, path_secret.clone());
        heard.extend(signals(&subject.connector, &sample)?.into_iter().map(|s| (s.entity, s.id)));
    }
    holds(!heard.is_empty(), || format!("nothing was signalled of {touched:?}"))?;
    for (entity, id) in touched {
        let told = heard.contains(&(entity, id.clone())) || polled(entity);
        holds(told, || format!("{entity} {id} was edited and is neither signalled nor polled"))?;
    }
    Ok(())
}
