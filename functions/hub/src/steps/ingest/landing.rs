//! Landings: a buyer comes with a purchase token, and is sent on to the seller's own page.

use crate::settings::Connection;
use concord_connector::{
    Verified, Webhook,
    webhook::{Answer, registration},
};

/// The setting of a connection with the seller's page.
const PAGE: &str = "signup_url";
/// What landings are counted as, and how many are let in a minute, per connection: each costs a call of the vendor's.
pub(super) const BUDGET: (&str, u32) = ("landings", 60);

/// Where a buyer goes on, with nothing in the address but an id that says nothing to anybody else: the entitlement has the
/// same as soon as the vendor has told whose it is.
pub(super) fn sent_on(connection: &Connection, hook: &Webhook<Verified>, token: &str) -> Answer {
    let id = hook.purchase_token(token).map(|token| registration(&token)).unwrap_or_default();
    match connection.context.option(PAGE).filter(|page| !page.is_empty()) {
        Some(page) => {
            let (address, place) = page.split_once('#').map_or((page, None), |(address, place)| (address, Some(place)));
            let mark = if address.contains('?') { '&' } else { '?' };
            let place = place.map(|place| format!("#{place}")).unwrap_or_default();
            Answer::see(format!("{address}{mark}registration={id}{place}"))
        }
        None => Answer::text(
            200,
            "text/plain; charset=utf-8",
            format!("Thank you. Your purchase has arrived; the seller will write to you. Your registration: {id}\n"),
        ),
    }
}
