//! Vendors' answers: whatever comes back, an operation sends something, ends, or says why it cannot go on.

use super::{input::Input, subjects::SUBJECTS};
use concord_connector::{
    ConnectionName, Connector, Context, Fault, Instant, Operation, Outcome, Response, Snapshot, Step,
    exchange::{Change, Checked, Write, Written},
};
use concord_hub::message::{Message, Observation};
use std::collections::BTreeMap;

const NOW: Instant = Instant::from_ms(1_767_225_600_000);
/// Answers that one input can hold.
const ANSWERS: usize = 12;

/// Which connector, the operation as JSON, then a line for every answer: three digits of status, then the body.
pub fn answers(data: &[u8]) {
    let mut input = Input::new(data);
    let (connector, cx) = input.pick(&SUBJECTS);
    let Ok(operation) = serde_json::from_str::<Operation>(&input.line()) else { return };
    let rest = input.rest();
    let mut seen: Vec<Response> = Vec::new();
    for line in rest.split(|byte| *byte == b'\n').take(ANSWERS) {
        let Some(request) = step(connector.as_ref(), cx, &operation, &seen) else { return };
        let answer = answer(line);
        if !request.accept.contains(&answer.status) {
            sentence(&connector.classify(&request, &answer));
            return;
        }
        seen.push(answer);
    }
    step(connector.as_ref(), cx, &operation, &seen);
}

fn answer(line: &[u8]) -> Response {
    let digits = line.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
    let status = digits.and_then(|digits| digits.parse().ok()).unwrap_or(200);
    let body = line.get(3..).unwrap_or_default();
    let headers = BTreeMap::from([("retry-after".to_owned(), String::from_utf8_lossy(body).chars().take(9).collect())]);
    Response::new(status, headers, body, NOW)
}

/// The next request, if there is one. Equal histories give equal steps.
fn step(
    connector: &dyn Connector,
    cx: &Context,
    operation: &Operation,
    seen: &[Response],
) -> Option<concord_connector::Request> {
    let (once, twice) = (connector.next(cx, operation, seen), connector.next(cx, operation, seen));
    match (once, twice) {
        (Ok(Step::Send(request)), Ok(Step::Send(again))) => {
            assert_eq!(request, again, "equal histories, another request");
            assert!(request.path.starts_with('/'), "the path `{}` leaves the base URL", request.path);
            Some(request)
        }
        (Ok(Step::Done(outcome)), Ok(Step::Done(again))) => {
            assert_eq!(outcome, again, "equal histories, another outcome");
            ended(operation, outcome);
            None
        }
        (Err(fault), Err(again)) => {
            assert_eq!(fault.to_string(), again.to_string(), "equal histories, another fault");
            sentence(&fault);
            None
        }
        (once, twice) => panic!("equal histories, another step: {once:?}, {twice:?}"),
    }
}

fn sentence(fault: &Fault) {
    assert!(!fault.message().is_empty(), "a fault without a sentence: {fault:?}");
}

fn ended(operation: &Operation, outcome: Outcome) {
    match (operation, outcome) {
        (Operation::Fetch { .. }, Outcome::Records(records)) => {
            records.into_iter().filter_map(|(_, read)| read.ok()).for_each(travels)
        }
        (Operation::Poll { .. } | Operation::Deleted { .. }, Outcome::Page { records, .. }) => {
            records.into_iter().filter_map(|(_, read)| read.ok()).for_each(travels);
        }
        (Operation::Find { .. }, Outcome::Found(_)) | (Operation::Describe, Outcome::Account(_)) => {}
        (Operation::Write { writes, .. }, Outcome::Written(rows)) => {
            assert_eq!(rows.len(), writes.len(), "one answer a row");
            for (write, row) in writes.iter().zip(rows) {
                let Ok(row) = row else { continue };
                if let Written::Done { created: true, .. } = row {
                    assert!(matches!(write.change, Change::Create { .. }), "made by {:?}", write.change);
                }
                if let Written::Done { after, .. } | Written::Moved(after) = row {
                    travels(after);
                }
            }
        }
        (Operation::Check { write, .. }, Outcome::Checked(checked)) => checked_on(write, checked),
        (operation, outcome) => panic!("a {} ended as {outcome:?}", operation.name()),
    }
}

/// What became of a job.
fn checked_on(write: &Write, checked: Checked) {
    match checked {
        Checked::Done { after, created } => {
            assert!(!created || matches!(write.change, Change::Create { .. }), "made by {:?}", write.change);
            travels(after);
        }
        Checked::Refused { mistakes } => {
            assert!(!mistakes.is_empty(), "refused, and nobody says why");
            assert!(
                mistakes.iter().all(|unfit| !unfit.sentence.is_empty()),
                "a mistake without a sentence: {mistakes:?}"
            );
        }
        Checked::Broken { reason } => assert!(!reason.is_empty(), "broken, and nobody says why"),
        Checked::Running { .. } | Checked::Next(_) => {}
    }
}

/// What was read survives the queue unchanged.
fn travels(snapshot: Snapshot) {
    assert!(!snapshot.id.as_str().is_empty(), "a record without an id: {snapshot:?}");
    let connection = ConnectionName::from("under-test");
    let observation = Observation {
        connection,
        snapshot,
        read_at: NOW,
        signalled_at: None,
        from_history: false,
        ours: Default::default(),
        looked: true,
    };
    let message = Message::ObservationV1(Box::new(observation));
    let text = message.encode().expect("a message that travels");
    assert_eq!(Message::decode(&text).map_err(|e| e.to_string()), Ok(message), "changed in the queue");
}
