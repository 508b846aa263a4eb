//! What is known of the account: whether it lets us in at each of the two hosts.

use crate::{ingestion, saas};
use concord_connector::{
    Outcome,
    exchange::Account,
    script::{Run, Script},
    value::Currency,
};

/// Answers a description. A publisher may have no right to product ingestion and still sell: then offers and listings are
/// told to be off, and everything else works.
pub(crate) fn describe(script: &mut Script<'_>) -> Run<Outcome> {
    script.send(saas::list(None))?;
    let answer = script.send(ingestion::products(None).accepting(&[200, 401, 403]))?;
    let on = if answer.status == 200 { "on" } else { "off" };
    Ok(Outcome::Account(Account {
        time_zone: Some("UTC".into()),
        // Prices of private offers are in US dollars.
        currency: Currency::parse("USD"),
        facts: [("product_ingestion".to_owned(), on.to_owned())].into(),
        ..Account::default()
    }))
}
