//! What Microsoft does not take of a private offer, found before it is sent.

use super::build::{date, end, lines, text};
use crate::ingestion;
use concord_connector::{
    Context, Fields, Reference, Value,
    exchange::{Change, Unfit, Write},
    offer::{Grant, Rate, decimal},
};
use jiff::{ToSpan, civil::Date};
use serde_json::{Value as Json, json};

/// How long something is billed for: a month, or one to five years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Month,
    Years(i64),
}

impl Term {
    pub(super) const YEAR: Self = Self::Years(1);

    pub(super) fn json(self) -> Json {
        match self {
            Self::Month => json!({ "type": "month", "value": 1 }),
            Self::Years(years) => json!({ "type": "year", "value": years }),
        }
    }
    /// The last day of a term that begins on a day.
    pub(super) fn after(self, begin: Date) -> Option<Date> {
        let span = match self {
            Self::Month => 1.month(),
            Self::Years(years) => years.years(),
        };
        begin.checked_add(span).and_then(|next| next.checked_sub(1.day())).ok()
    }
}

/// `P1M`, `P12M` or `P2Y`.
pub(super) fn term(text: &str) -> Option<Term> {
    let number = |unit: char| text.strip_prefix('P')?.strip_suffix(unit)?.parse::<i64>().ok();
    match (number('M'), number('Y')) {
        (Some(1), _) => Some(Term::Month),
        (Some(months), _) if months % 12 == 0 && (12..=60).contains(&months) => Some(Term::Years(months / 12)),
        (_, Some(years)) if (1..=5).contains(&years) => Some(Term::Years(years)),
        _ => None,
    }
}

/// What Microsoft does not take.
pub(crate) fn preflight(cx: &Context, write: &Write) -> Vec<Unfit> {
    if !matches!(write.change, Change::Create { .. }) {
        return Vec::new();
    }
    let fields = &write.fields;
    let mut found = Found { mistakes: Vec::new(), fields };
    found.need(text(fields, "name").is_some(), "name", "write a name; the customer is not shown it");
    let product = text(fields, "product").is_some_and(|id| ingestion::is_id("product", id)) || listed(fields);
    found.need(product, "product", "name the listing, or write its durable id: `product/` and a GUID");
    let plan = text(fields, "plan").is_some_and(|id| ingestion::is_id("plan", id));
    found.need(plan, "plan", "write the durable id of a plan: `plan/`, the product's GUID, `/` and the plan's GUID");
    found.buyers(cx.option("offer_type") == Some("cspPromotion"));
    found.prices();
    found.days();
    let terms = text(fields, "eula").is_none_or(|eula| eula == "standard" || eula.starts_with("https://"));
    found.need(terms, "eula", "write `standard`, or the https address of a PDF that Microsoft may read");
    found.mistakes
}

fn listed(fields: &Fields) -> bool {
    let listing = fields.get("listing").and_then(Option::as_ref).and_then(Value::as_reference);
    listing.and_then(Reference::external_id).is_some_and(|id| ingestion::is_id("product", id.as_str()))
}

struct Found<'a> {
    mistakes: Vec<Unfit>,
    fields: &'a Fields,
}

impl Found<'_> {
    fn need(&mut self, holds: bool, field: &'static str, sentence: &str) {
        if !holds {
            self.mistakes.push(Unfit::field(field, sentence));
        }
    }

    fn buyers(&mut self, resellers: bool) {
        let buyers = lines(self.fields, "buyers");
        self.need(!buyers.is_empty(), "buyers", "write at least one account that may accept it");
        let (good, sentence): (fn(&str) -> bool, _) = match resellers {
            true => (is_guid, "write the resellers' tenant ids: GUIDs"),
            false => (
                is_billing_account,
                "write billing account ids as the customer's Cost Management shows them: two GUIDs with `:` between, \
                 then `_` and a date",
            ),
        };
        self.need(buyers.into_iter().all(good), "buyers", sentence);
    }

    fn prices(&mut self) {
        let fields = self.fields;
        let discount = text(fields, "discount");
        let amount = match fields.get("amount") {
            Some(Some(Value::Money(amount))) => Some(*amount),
            _ => None,
        };
        let (rates, grants) = (lines(fields, "rates"), lines(fields, "grants"));
        let absolute = amount.is_some() || !rates.is_empty();
        let one = discount.is_some() != absolute;
        self.need(one, "discount", "write either a discount in percent, or an amount and rates");
        if let Some(discount) = discount {
            let percent = decimal(discount).filter(|percent| percent != "0");
            let most = percent.as_deref().and_then(|text| text.split('.').next()?.parse::<u32>().ok());
            let within = most.is_some_and(|whole| whole < 100) || percent.as_deref() == Some("100");
            self.need(within, "discount", "write a number above 0 and up to 100, without a percent sign");
            self.need(grants.is_empty(), "grants", "included quantities need an amount in place of a discount");
        }
        if let Some(amount) = amount {
            self.need(amount.currency.code() == "USD", "amount", "Microsoft takes prices of private offers in USD");
            self.need(amount.minor > 0, "amount", "write an amount above 0");
        }
        if absolute {
            let known = text(fields, "duration").is_some_and(|text| term(text).is_some());
            self.need(known, "duration", "write `P1M`, or `P1Y` to `P5Y`: for how long the amount is paid");
        }
        let in_dollars = |line: &str| Rate::parse(line).is_ok_and(|rate| rate.currency.code() == "USD");
        self.need(
            rates.into_iter().all(in_dollars),
            "rates",
            "write each as `DIMENSION PRICE USD`: `api_calls 0.002 USD`",
        );
        let counted = grants.into_iter().all(|line| Grant::parse(line).is_ok());
        self.need(counted, "grants", "write each as `DIMENSION QUANTITY`: `api_calls 1000`");
    }

    fn days(&mut self) {
        let fields = self.fields;
        let (start, accept, last) = (date(fields, "starts_on"), date(fields, "accept_by"), end(fields));
        self.need(accept.is_some(), "accept_by", "write the last day on which it can be accepted");
        self.need(last.is_some(), "ends_on", "write the last day, or a duration");
        if let (Some(start), Some(accept)) = (start, accept) {
            self.need(accept <= start, "accept_by", "it has to be accepted by the day on which it begins");
        }
        if let (Some(first), Some(last)) = (start.or(accept), last) {
            self.need(first < last, "ends_on", "write a day after the one on which it begins");
        }
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// `GUID:GUID_2019-05-31`.
fn is_billing_account(text: &str) -> bool {
    let parts = text.split_once(':').and_then(|(one, rest)| Some((one, rest.rsplit_once('_')?)));
    parts.is_some_and(|(one, (two, day))| is_guid(one) && is_guid(two) && day.parse::<Date>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_a_month_or_years() {
        let told = |text: &str| term(text);
        assert_eq!(told("P1M"), Some(Term::Month));
        assert_eq!(
            (told("P12M"), told("P1Y"), told("P36M")),
            (Some(Term::YEAR), Some(Term::YEAR), Some(Term::Years(3)))
        );
        assert_eq!((told("P6M"), told("P6Y"), told("P450D"), told("1Y")), (None, None, None, None));
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(Term::YEAR.after(day("2026-12-31")), Some(day("2027-12-30")));
    }

    #[test]
    fn an_account_is_told_from_a_word() {
        let good = "ac357579-e860-54a6-80b3-66958aea67fe:7471d04e-f696-4d20-af34-fa78d51e419c_2019-05-31";
        assert!(is_billing_account(good) && !is_guid(good));
        assert!(!is_billing_account("contoso") && !is_billing_account(&good[..73]));
    }
}
