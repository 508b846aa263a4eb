//! What AWS would not take, found before it is sent: every published constraint, with what to write instead.

mod form;

use crate::{
    fields::{date, lines, money, reference, text},
    listing, offer, terms,
};
use concord_connector::{
    Entity, Fields, Value,
    exchange::{Change, Unfit, Write},
    offer::{Dimension, Grant, Installment, Rate, decimal},
};
use form::{Mistakes, is_account, is_duration, is_https};

/// The currencies in which AWS Marketplace sells.
const CURRENCIES: [&str; 5] = ["USD", "AUD", "EUR", "GBP", "JPY"];
/// Most dues of a schedule.
const DUES: usize = 60;

/// The mistakes of a write.
pub(crate) fn write(of: Entity, write: &Write) -> Vec<Unfit> {
    let creating = match &write.change {
        Change::Create { .. } => true,
        Change::Update { .. } => false,
        Change::Archive { .. } | Change::Delete { .. } => return Vec::new(),
    };
    let fields = &write.fields;
    let mut mistakes = Mistakes::default();
    match of {
        Entity::Listing => of_listing(fields, creating, &mut mistakes),
        Entity::ResaleAuthorization => of_authorization(fields, creating, &mut mistakes),
        Entity::PrivateOffer => of_offer(fields, creating, &mut mistakes),
        Entity::UsageRecord => of_usage(fields, &mut mistakes),
        _ => {}
    }
    mistakes.0
}

fn of_offer(fields: &Fields, creating: bool, mistakes: &mut Mistakes) {
    mistakes.length(fields, "name", 1, 150, creating);
    mistakes.length(fields, "internal_note", 1, offer::ROOM, false);
    accounts(fields, 26, mistakes);
    priced(fields, mistakes);
    spans(fields, mistakes);
    if let Some(markup) = text(fields, "markup")
        && decimal(markup).is_none_or(|markup| markup.split_once('.').is_some_and(|(_, tail)| tail.len() > 2))
    {
        mistakes.add("markup", "write a percentage with at most two decimals: `5.0`");
    }
    if !creating {
        return;
    }
    let replaces = !matches!(text(fields, "kind"), None | Some("new"));
    let (agreement, authorization) = (reference(fields, "agreement"), reference(fields, "resale_authorization"));
    let product = reference(fields, "listing").or_else(|| text(fields, "product"));
    if replaces && agreement.is_none() {
        mistakes.add("agreement", "a renewal or an amendment names the agreement that it takes the place of");
    }
    if !replaces && authorization.is_none() {
        match product {
            None => mistakes.add("product", "name the listing, or write the product's id: `prod-...`"),
            Some(id) if !id.starts_with("prod-") || id.len() > 50 => {
                mistakes.add("product", "an id of a product begins with `prod-`");
            }
            Some(_) => {}
        }
    }
    if !replaces && lines(fields, "buyers").is_empty() {
        mistakes.add("buyers", "write the account that may accept, 12 digits");
    }
    if replaces && date(fields, "ends_on").is_none() {
        mistakes.add("ends_on", "an offer that takes the place of an agreement says on which day the new one ends");
    }
    if date(fields, "accept_by").is_none() {
        mistakes.add("accept_by", "write the last day on which the offer can be accepted");
    }
    if text(fields, "withdrawn") == Some("yes") {
        mistakes.add("withdrawn", "an offer cannot be taken back before it is made");
    }
    if authorization.is_none() || text(fields, "markup").is_none() {
        has_price(fields, authorization.is_some(), mistakes);
    }
    schedule(fields, mistakes);
}

/// What a price needs when it is new.
fn has_price(fields: &Fields, resold: bool, mistakes: &mut Mistakes) {
    let none = |name: &str| lines(fields, name).is_empty();
    match text(fields, "pricing") {
        None if resold => mistakes.add("markup", "a resold offer has a markup, or prices of its own"),
        None => mistakes.add("pricing", "say what the buyer pays for: `contract`, `usage`, `free` or `byol`"),
        Some("usage") if none("rates") => {
            mistakes.add("rates", "usage is paid by rates: `api_calls 0.002 USD`, a line each");
        }
        Some("contract") => {
            if money(fields, "amount").is_none() && none("prices") && none("installments") {
                mistakes.add("amount", "write the price of the contract, its instalments, or prices to choose from");
            }
            if none("prices") && none("grants") {
                mistakes.add("grants", "say what the price includes: `BasicService 100`, a line each");
            }
            let ends = date(fields, "ends_on").is_some();
            if text(fields, "duration").is_none() && !ends {
                mistakes.add("duration", "say how long the agreement holds: `P12M`");
            }
        }
        Some(_) => {}
    }
}

/// The lines of prices, each by its own rules, and one currency in all of them.
fn priced(fields: &Fields, mistakes: &mut Mistakes) {
    let mut currencies = Vec::new();
    if let Some(amount) = money(fields, "amount") {
        currencies.push(("amount", amount.currency.code().to_owned()));
        if amount.minor < 0 {
            mistakes.add("amount", "a price is not negative");
        }
    }
    for (name, decimals) in [("rates", 8), ("prices", 3)] {
        for line in lines(fields, name) {
            match Rate::parse(line) {
                Err(sentence) => mistakes.add(name, &sentence),
                Ok(rate) => {
                    if rate.price.split_once('.').is_some_and(|(_, tail)| tail.len() > decimals) {
                        mistakes.add(name, &format!("a price has at most {decimals} decimals"));
                    }
                    mistakes.key(name, &rate.dimension);
                    currencies.push((name, rate.currency.code().to_owned()));
                }
            }
        }
    }
    for line in lines(fields, "grants") {
        match Grant::parse(line) {
            Err(sentence) => mistakes.add("grants", &sentence),
            Ok(grant) => {
                mistakes.key("grants", &grant.dimension);
                if grant.quantity.is_some_and(|quantity| !(1..=2_147_483_646).contains(&quantity)) {
                    mistakes.add("grants", "a quantity is from 1 to 2147483646");
                }
            }
        }
    }
    for line in lines(fields, "installments") {
        match Installment::parse(line) {
            Err(sentence) => mistakes.add("installments", &sentence),
            Ok(due) => currencies.push(("installments", due.amount.currency.code().to_owned())),
        }
    }
    if lines(fields, "installments").len() > DUES {
        mistakes.add("installments", "there are at most 60 instalments");
    }
    if let Some((name, code)) = currencies.iter().find(|(_, code)| !CURRENCIES.contains(&code.as_str())) {
        mistakes.add(name, &format!("AWS Marketplace does not sell in {code}; it does in USD, AUD, EUR, GBP and JPY"));
    }
    let first = currencies.first().cloned();
    if let Some((name, code)) = currencies.iter().find(|(_, code)| first.as_ref().is_some_and(|(_, one)| one != code)) {
        let sentence = format!("every price is in one currency, and this is in {code}");
        mistakes.add(name, &sentence);
    }
}

/// Instalments against the total and the last day of acceptance.
fn schedule(fields: &Fields, mistakes: &mut Mistakes) {
    let dues = terms::installments(fields);
    if dues.is_empty() {
        return;
    }
    let total = dues.iter().try_fold(0_i64, |total, due| total.checked_add(due.amount.minor));
    if let Some(amount) = money(fields, "amount")
        && total != Some(amount.minor)
    {
        mistakes.add("installments", "the instalments do not come to the amount");
    }
    if let Some(last) = date(fields, "accept_by") {
        let early = dues.iter().filter(|due| due.on <= last).count();
        if early != 1 {
            mistakes.add("installments", "exactly one instalment is due on or before the last day of acceptance");
        }
    }
}

fn spans(fields: &Fields, mistakes: &mut Mistakes) {
    if let Some(duration) = text(fields, "duration")
        && !is_duration(duration)
    {
        mistakes.add("duration", "write months or days, up to five years: `P12M`, `P450D`");
    }
    let (starts, ends) = (date(fields, "starts_on"), date(fields, "ends_on"));
    if starts.is_some() && ends.is_none() && !fields.contains_key("ends_on") {
        mistakes.add("ends_on", "an agreement that begins on a day ends on one");
    }
    if let (Some(starts), Some(ends)) = (starts, ends)
        && ends <= starts
    {
        mistakes.add("ends_on", "the last day is after the first");
    }
    if ends.is_some() && text(fields, "duration").is_some() {
        mistakes.add("duration", "either a duration or a last day says how long the agreement holds, not both");
    }
    if let Some(eula) = text(fields, "eula")
        && eula != "standard"
        && !is_https(eula)
    {
        mistakes.add("eula", "write `standard`, or the address of a PDF in S3: `https://...`");
    }
}

fn accounts(fields: &Fields, most: usize, mistakes: &mut Mistakes) {
    let buyers = lines(fields, "buyers");
    if buyers.iter().any(|account| !is_account(account)) {
        mistakes.add("buyers", "an AWS account is written as its 12 digits");
    }
    if buyers.len() > most {
        mistakes.add("buyers", &format!("at most {most} accounts can be named"));
    }
}

fn of_authorization(fields: &Fields, creating: bool, mistakes: &mut Mistakes) {
    mistakes.length(fields, "name", 1, 100, creating);
    mistakes.length(fields, "description", 1, offer::ROOM, false);
    accounts(fields, 25, mistakes);
    priced(fields, mistakes);
    spans(fields, mistakes);
    if let Some(offers) = text(fields, "offers")
        && offers != "1"
    {
        mistakes.add("offers", "write 1 for an authorization that is used once, or leave it empty");
    }
    if text(fields, "pricing") == Some("byol") {
        mistakes.add("pricing", "what can be resold is paid by `contract` or `usage`, or `free`");
    }
    if !creating {
        return;
    }
    if text(fields, "reseller_account").is_none_or(|account| !is_account(account)) {
        mistakes.add("reseller_account", "write the reseller's AWS account, 12 digits");
    }
    let product = reference(fields, "listing").or_else(|| text(fields, "product"));
    if product.is_none_or(|id| !id.starts_with("prod-")) {
        mistakes.add("product", "name the listing, or write the product's id: `prod-...`");
    }
    has_price(fields, false, mistakes);
}

fn of_listing(fields: &Fields, creating: bool, mistakes: &mut Mistakes) {
    for (name, most) in [("name", 72), ("short_description", 1000), ("description", 5000), ("support", 2000)] {
        mistakes.length(fields, name, 1, most, creating && name == "name");
    }
    for (name, most, longest) in [("highlights", 3, 500), ("keywords", 15, 50), ("categories", 3, 200)] {
        let listed = lines(fields, name);
        if listed.len() > most {
            mistakes.add(name, &format!("at most {most} are shown"));
        }
        if listed.iter().any(|text| text.chars().count() > longest) {
            mistakes.add(name, &format!("each has at most {longest} characters"));
        }
    }
    if lines(fields, "video_urls").len() > 1 {
        mistakes.add("video_urls", "one video is shown");
    }
    for name in ["logo_url", "landing_url"] {
        if text(fields, name).is_some_and(|url| !is_https(url)) {
            mistakes.add(name, "write an address that begins with `https://`");
        }
    }
    for line in lines(fields, "dimensions") {
        match Dimension::parse(line) {
            Err(sentence) => mistakes.add("dimensions", &sentence),
            Ok(dimension) => {
                mistakes.key("dimensions", &dimension.key);
                let known = ["Entitled", "Metered", "ExternallyMetered"];
                let types = &dimension.types;
                if types.is_empty() || types.iter().any(|one| !known.contains(&one.as_str())) {
                    mistakes.add("dimensions", "the type is `Entitled`, `Metered` or `ExternallyMetered`");
                }
                if dimension.name.is_empty() || dimension.name.chars().count() > 80 {
                    mistakes.add("dimensions", "the name has 1 to 80 characters");
                }
                if dimension.description.is_empty() || dimension.description.chars().count() > 1000 {
                    mistakes.add("dimensions", "the description has 1 to 1000 characters");
                }
            }
        }
    }
    if creating && text(fields, "visibility") == Some("public") && !listing::is_complete(fields) {
        let sentence = "a product is public once it has texts, highlights, keywords, categories, logo, landing page and dimensions";
        mistakes.add("visibility", sentence);
    }
}

fn of_usage(fields: &Fields, mistakes: &mut Mistakes) {
    let entitlement = reference(fields, "entitlement").and_then(|id| id.split_once('/'));
    if entitlement.is_none_or(|(account, licence)| !is_account(account) || !licence.starts_with("arn:aws")) {
        mistakes.add("entitlement", "name the entitlement of the buyer, as AWS Marketplace gave it");
    }
    mistakes.length(fields, "dimension", 1, 255, true);
    let quantity = text(fields, "quantity").and_then(decimal);
    let fits = |quantity: &str| {
        let (whole, fraction) = quantity.split_once('.').unwrap_or((quantity, ""));
        whole.len() <= 10 && fraction.len() <= 6
    };
    if quantity.is_none_or(|quantity| !fits(&quantity)) {
        mistakes.add("quantity", "write a number with at most 10 digits and 6 decimals: `3.5`");
    }
    match fields.get("hour") {
        Some(Some(Value::Instant(hour))) if hour.ms() % 3_600_000 == 0 => {}
        _ => mistakes.add("hour", "usage is counted by full hours: `2026-11-23T04:00:00Z`"),
    }
}
