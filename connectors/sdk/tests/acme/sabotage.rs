//! The guide's connector with one defect at a time: a suite that passes everything proves nothing.

use super::connector::Acme;
use concord_connector::{
    Connector, Context, Fault, Kind, Manifest, Operation, Outcome, Request, Response, Result, Signal, Step, Verified,
    Webhook,
    exchange::{Body, Written},
};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Defect {
    WritesWithoutPrecondition,
    LosesTheLastOfAPage,
    ShowsTheFirstTwice,
    WritesNoMarker,
    SetsACredential,
    WritesAnotherField,
    GivesEveryEventTheSameKey,
    PanicsAtOddBodies,
    CallsAnOutageARefusal,
    ForgetsRetryAfter,
    RepeatsTheBodyInAFault,
    HidesThatARequestWrites,
    CallsEveryCreateNew,
    HearsNothing,
}
use Defect::*;

/// Each defect with a law that it has to break.
pub(crate) const ALL: &[(Defect, &str)] = &[
    (WritesWithoutPrecondition, "vendor::organization_update_covers_nobody_else"),
    (LosesTheLastOfAPage, "vendor::organization_pages_show_every_record_once"),
    (ShowsTheFirstTwice, "vendor::organization_pages_show_every_record_once"),
    (WritesNoMarker, "vendor::organization_new_record_is_found_by_its_marker"),
    (WritesNoMarker, "vendor::organization_repeated_create_makes_no_second_record"),
    (SetsACredential, "exchange::replays_find"),
    (SetsACredential, "vendor::organization_new_record_is_read_back"),
    (WritesAnotherField, "vendor::organization_update_touches_only_its_fields"),
    (GivesEveryEventTheSameKey, "webhook::keys_tell_events_apart"),
    (PanicsAtOddBodies, "webhook::signed_any_bytes_are_read_or_refused"),
    (CallsAnOutageARefusal, "faults::outage_is_of_the_connection"),
    (CallsAnOutageARefusal, "faults::table_is_the_committed_one"),
    (ForgetsRetryAfter, "faults::throttled_call_says_when_to_come_back"),
    (RepeatsTheBodyInAFault, "faults::no_fault_repeats_a_body"),
    (HidesThatARequestWrites, "faults::lost_answer_of_a_write_is_unknown"),
    (CallsEveryCreateNew, "exchange::replays_create_taken"),
    (HearsNothing, "exchange::hears_changed"),
];

pub(crate) struct Sabotaged {
    pub(crate) inner: Acme,
    pub(crate) defect: Defect,
}

impl Connector for Sabotaged {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        Ok(match self.inner.next(cx, operation, seen)? {
            Step::Send(request) => Step::Send(self.request(request)),
            Step::Done(outcome) => Step::Done(self.outcome(outcome)),
        })
    }

    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        assert!(self.defect != PanicsAtOddBodies || serde_json::from_slice::<serde_json::Value>(hook.body()).is_ok());
        let mut signals = self.inner.signals(cx, hook)?;
        match self.defect {
            GivesEveryEventTheSameKey => signals.iter_mut().for_each(|signal| signal.key = "same".into()),
            HearsNothing => signals.clear(),
            _ => {}
        }
        Ok(signals)
    }

    fn classify(&self, request: &Request, response: &Response) -> Fault {
        let fault = self.inner.classify(request, response);
        match self.defect {
            CallsAnOutageARefusal if response.status == 503 => Fault::new(Kind::Rejected, "acme", "no"),
            ForgetsRetryAfter => Fault::new(fault.kind, "acme", "later"),
            RepeatsTheBodyInAFault => Fault::new(fault.kind, "acme", response.body.to_string()).retry(fault.retry),
            _ => fault,
        }
    }
}

impl Sabotaged {
    fn request(&self, mut request: Request) -> Request {
        match (self.defect, &mut request.body) {
            (WritesWithoutPrecondition, _) => request.headers.clear(),
            (SetsACredential, _) => request = request.header("Authorization", "Bearer acme-fake-token"),
            (HidesThatARequestWrites, _) => request.writes = false,
            (WritesNoMarker, Body::Json(body)) => body["external_id"] = serde_json::Value::Null,
            (WritesAnotherField, Body::Json(body)) if body.get("external_id").is_none() => {
                body["contact"] = json!({ "phone": "0" })
            }
            _ => {}
        }
        request
    }

    fn outcome(&self, mut outcome: Outcome) -> Outcome {
        match (self.defect, &mut outcome) {
            (LosesTheLastOfAPage, Outcome::Page { records, .. }) => drop(records.pop()),
            (ShowsTheFirstTwice, Outcome::Page { records, .. }) => records.extend(records.first().cloned()),
            (CallsEveryCreateNew, Outcome::Written(rows)) => {
                for row in rows.iter_mut().flatten() {
                    if let Written::Done { created, .. } = row {
                        *created = true;
                    } else {
                        *row = Written::Exists("c999999".into());
                    }
                }
            }
            _ => {}
        }
        outcome
    }
}
