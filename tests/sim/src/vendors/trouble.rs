//! Troubles that a vendor's own sandbox does not make: requests that arrive after their caller has given up, and records
//! that a read does not show for a moment.

use super::Vendor;
use crate::gate::Gate;
use concord_connector::sandbox::WireRequest;

/// An id that no record has.
const NOBODY: &str = "900000000001";

/// What is read so soon after a write is its read-back.
const READ_BACK: i64 = 2000;

/// A request that is still on its way although its caller was told that the connection broke.
pub(super) struct Orphan {
    at: i64,
    request: WireRequest,
}

impl Vendor {
    /// Whether this request is the one that arrives late; it does by itself then.
    pub(super) fn comes_late(&mut self, ms: i64, wait: i64, request: &WireRequest) -> bool {
        if !self.late || !makes(request) {
            return false;
        }
        self.late = false;
        self.orphans.push(Orphan { at: ms + wait, request: request.clone() });
        true
    }
    /// When the next late request arrives.
    pub fn orphan_at(&self) -> Option<i64> {
        self.orphans.iter().map(|orphan| orphan.at).min()
    }
    /// Late requests arrive.
    pub fn adopt_orphans(&mut self, ms: i64, gate: &Gate) {
        while let Some(at) = self.orphans.iter().position(|orphan| orphan.at <= ms) {
            let orphan = self.orphans.swap_remove(at);
            let answer = self.handle(ms, &orphan.request, gate);
            *self.met.entry("late requests").or_default() += 1;
            gate.note(&answer.body);
        }
    }
    /// A record that is not shown just now is asked for under an id that nobody has. What is read after a write is not
    /// concerned: a vendor shows its own write.
    pub(super) fn blink(&mut self, ms: i64, request: &WireRequest) -> Option<WireRequest> {
        let is_read = request.path().starts_with("/crm/v3/objects/") && request.path().ends_with("/batch/read");
        let read = is_read && !self.blinks.is_empty() && self.wrote_at + READ_BACK < ms;
        let mut body = request.json().filter(|_| read)?;
        let mut hidden = false;
        for input in body.get_mut("inputs")?.as_array_mut()? {
            let Some(id) = input.get("id").and_then(|id| id.as_str()).map(str::to_owned) else { continue };
            if let Some(left) = self.blinks.get_mut(&id) {
                *left -= 1;
                if *left == 0 {
                    self.blinks.remove(&id);
                }
                input["id"] = NOBODY.into();
                hidden = true;
            }
        }
        *self.met.entry("records not shown").or_default() += u64::from(hidden);
        hidden.then(|| WireRequest { body: body.to_string().into_bytes(), ..request.clone() })
    }
    /// Counts what a planned trouble did to a request.
    pub(super) fn met_trouble(&mut self, status: u16, planned: usize) {
        if self.sandbox.faults().left() < planned {
            let what = if status == 0 { "answers lost" } else { "calls throttled" };
            *self.met.entry(what).or_default() += 1;
        }
    }
}

/// Whether a request makes records.
fn makes(request: &WireRequest) -> bool {
    let rpc = request.path().ends_with("/rpc/") && String::from_utf8_lossy(&request.body).contains(".create\"");
    rpc || request.path().ends_with("/batch/upsert") || request.method == "POST" && request.path().ends_with("/deals")
}
