//! What a subscriber's answer means.

use crate::ports::{HttpError, HttpResponse};
use concord_connector::Instant;
use std::time::Duration;

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The subscriber has it.
    Accepted,
    /// It wants no more of them.
    Gone,
    /// It did not take it.
    Failed {
        /// What happened.
        sentence: String,
        /// Set when it is too much for the subscriber as a whole: how long it asked to be left alone, if it said.
        holds: Option<Option<Duration>>,
    },
}

impl Answer {
    /// Only 2xx accepts. A redirect is not followed: the address is the admin's to say. Nothing of the body is repeated.
    pub(crate) fn of(answer: Result<HttpResponse, HttpError>, now: Instant) -> Self {
        let failed = |sentence: String, holds| Self::Failed { sentence, holds };
        match answer {
            Err(HttpError::NotSent(why) | HttpError::Lost(why)) => failed(why, None),
            Ok(response) => match response.status {
                200..300 => Self::Accepted,
                410 => Self::Gone,
                status @ (429 | 503) => {
                    let asked = response.headers.get("retry-after").and_then(|text| asked(text.trim(), now));
                    failed(
                        format!("The subscriber answered {status}: it asks to be left alone for a while."),
                        Some(asked),
                    )
                }
                status @ 300..400 => failed(
                    format!("The subscriber answered {status}, a redirect; those are not followed, so correct `url`."),
                    None,
                ),
                status => failed(format!("The subscriber answered {status}."), None),
            },
        }
    }
}

/// Seconds, or a date of the subscriber's clock (RFC 9110).
fn asked(text: &str, now: Instant) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    Some(Instant::from_ms(until).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&str>) -> Answer {
        let headers = retry_after.map(|text| ("retry-after".to_owned(), text.to_owned())).into_iter().collect();
        let now = Instant::parse("1994-11-06T08:49:30Z").unwrap();
        Answer::of(Ok(HttpResponse { status, headers, body: b"recognizable".to_vec() }), now)
    }

    #[test]
    fn only_2xx_accepts_and_no_body_is_repeated() {
        for status in [200, 201, 202, 204] {
            assert_eq!(answered(status, None), Answer::Accepted);
        }
        assert_eq!(answered(410, None), Answer::Gone);
        for status in [100, 301, 302, 307, 400, 401, 404, 500, 502, 504] {
            let Answer::Failed { sentence, holds: None } = answered(status, Some("9")) else { panic!("{status}") };
            assert!(sentence.contains(&status.to_string()) && !sentence.contains("recognizable"), "{sentence}");
        }
    }

    #[test]
    fn too_much_is_of_the_whole_subscriber() {
        for (asked, holds) in [
            (None, None),
            (Some("7"), Some(7)),
            (Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7)),
            (Some("x"), None),
            (Some("-1"), None),
        ] {
            for status in [429, 503] {
                let Answer::Failed { holds: held, .. } = answered(status, asked) else { panic!("{status}") };
                assert_eq!(held, Some(holds.map(Duration::from_secs)), "{asked:?}");
            }
        }
    }
}
