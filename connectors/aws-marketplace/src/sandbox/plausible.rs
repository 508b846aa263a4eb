//! Values that AWS takes, for tests.

use super::{
    seed::{BUYER, PRODUCT, RESELLER},
    store::Store,
};
use concord_connector::{Entity, Instant, Money, Reference, Value, value::Currency};
use jiff::civil::date;

pub(super) fn value(store: &Store, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
    let text = |text: &str| Some(Some(Value::Text(text.into())));
    let word = |word: &str| Some(Some(Value::Enum(word.into())));
    let lines = |lines: &[&str]| Some(Value::list(lines.iter().map(|line| Value::Text((*line).into())).collect()));
    let out = Some(None);
    match (entity, field) {
        (Entity::Listing, "highlights") => lines(&["Everything in step"]),
        (Entity::Listing, "keywords") => lines(&["partner", "sync"]),
        (Entity::Listing, "categories") => lines(&["Data Integration"]),
        (Entity::Listing, "logo_url") => text("https://example-bucket.s3.amazonaws.com/logo.png"),
        (Entity::Listing, "landing_url") => text(&format!("https://example.com/aws/{n}")),
        (Entity::Listing, "dimensions") => lines(&[
            "BasicService | Entitled | Basic | The basic tier",
            "calls | ExternallyMetered | Calls | Calls of the API",
        ]),
        (Entity::Listing, "visibility") => word("limited"),
        (Entity::Listing, "video_urls") => out,
        (Entity::PrivateOffer | Entity::ResaleAuthorization, "listing") => {
            Some(Some(Value::from(Reference::external(Entity::Listing, PRODUCT))))
        }
        (_, "product" | "prices" | "installments" | "starts_on" | "ends_on" | "markup" | "withdrawn") => out,
        (Entity::PrivateOffer, "agreement" | "resale_authorization") => out,
        (Entity::PrivateOffer, "kind") => word("new"),
        (Entity::PrivateOffer | Entity::ResaleAuthorization, "buyers") => lines(&[BUYER]),
        (_, "pricing") => word("contract"),
        (_, "amount") => {
            let currency = Currency::parse("USD")?;
            let minor = 1_200_000 + i64::try_from(n % 1000).ok()? * 100;
            Some(Some(Value::Money(Money { minor, currency })))
        }
        (_, "grants") => lines(&["BasicService 10"]),
        (_, "rates") => lines(&["api_calls 0.002 USD"]),
        (_, "duration") => text("P12M"),
        (_, "eula") => text("standard"),
        (_, "accept_by" | "available_until") => Some(Some(Value::Date(date(2030, 12, 31)))),
        (_, "reseller_account") => text(RESELLER),
        (_, "offers") => text("1"),
        (Entity::UsageRecord, "entitlement") => {
            let agreement = store.agreements.values().next()?;
            let id = format!("{}/{}", agreement.buyer, agreement.licence);
            Some(Some(Value::from(Reference::external(Entity::Entitlement, id))))
        }
        (Entity::UsageRecord, "dimension") => text("api_calls"),
        (Entity::UsageRecord, "quantity") => text("3.5"),
        (Entity::UsageRecord, "hour") => {
            let hour = Instant::from_ms(store.now.ms() / 3_600_000 * 3_600_000);
            Some(Some(Value::Instant(hour)))
        }
        _ => None,
    }
}
