//! The offer that renews an agreement before it ends: a draft, once.

use super::{
    Derivation, Makes, find, links, make, referred,
    values::{Values, refer},
    word,
};
use crate::{
    commit::{Hindrance, Transaction},
    hub::Hub,
    keys, people,
    ports::{Condition, TableChange},
    record::Record,
    review::{Review, Subject},
    settings::Settings,
    store,
};
use concord_connector::{Entity, Field, Result, Value, time::Date};
use std::collections::BTreeSet;

/// What of the offer that the agreement came from holds for its renewal, too.
const SAME: [&str; 13] = [
    "cloud",
    "opportunity",
    "organization",
    "listing",
    "product",
    "pricing",
    "amount",
    "grants",
    "rates",
    "prices",
    "plan",
    "eula",
    "reseller",
];

/// The rule by which an agreement is renewed: the one that its offer came from, or else the first for its marketplace.
pub(super) fn rule<'a>(settings: &'a Settings, offer: Option<&Record>, cloud: Option<&str>) -> Option<&'a Derivation> {
    let rules = || {
        let rules = settings.derivations.values();
        rules.filter(|rule| rule.makes == Makes::Offer && rule.renew_before_days.is_some())
    };
    let made = |rule: &&Derivation| {
        let facets = offer.into_iter().flat_map(|offer| &offer.facets);
        let prefix = format!("{}/", rule.name);
        facets.into_iter().any(|facet| facet.link.id.as_str().starts_with(&prefix))
    };
    let of_cloud = |rule: &&Derivation| rule.defaults.get("cloud").and_then(|cloud| cloud.as_str()) == cloud;
    rules().find(made).or_else(|| rules().find(of_cloud))
}

/// Drafts the offer, unless it is there. It waits for a person: `confirmed` is `no`.
pub(super) async fn draft(
    hub: &Hub,
    rule: &Derivation,
    agreement: &Record,
    offer: Option<&Record>,
    ends: Date,
) -> std::result::Result<(), Hindrance> {
    let links = links(agreement, |id| format!("{}/renewal/{id}", rule.name));
    if find(hub, Entity::PrivateOffer, &links).await?.is_some() {
        return Ok(());
    }
    let mut values: Values = people::values(hub, Entity::PrivateOffer, &rule.defaults).await?;
    let mut defaults: BTreeSet<String> = values.keys().map(|field| field.as_str().to_owned()).collect();
    let mut put = |field: &str, value: Option<Value>| {
        if value.is_some() {
            values.insert(Field::from(field), value);
            defaults.remove(field);
        }
    };
    for field in SAME {
        // The agreement is newer than the offer: amendments show in it.
        let own = agreement.value(field).filter(|_| agreement.entity.field(field).is_some());
        put(field, own.or_else(|| offer.and_then(|offer| offer.value(field))).cloned());
    }
    let buyer = agreement.value("buyer_account").cloned().and_then(|account| Value::list(vec![account]));
    put("buyers", buyer.or_else(|| offer.and_then(|offer| offer.value("buyers")).cloned()));
    let name = agreement.value("name").or_else(|| offer.and_then(|offer| offer.value("name")));
    let name = name.map_or_else(|| "Renewal".to_owned(), |name| format!("{name} - renewal"));
    put("name", Value::text(&name));
    put("kind", Some(Value::Enum("renewal".into())));
    put("agreement", Some(refer(Entity::Agreement, &agreement.id)));
    put("confirmed", Some(Value::Enum("no".into())));
    put("accept_by", Some(Value::Date(ends)));
    // It takes up where the other ends, for as long; what a marketplace asks of a renewal is checked before it is sent.
    if let Some(again) = again(agreement, ends) {
        put("ends_on", Some(Value::Date(again)));
        values.remove("duration");
    }
    values.remove("installments");
    make(hub, Entity::PrivateOffer, &links[0], &values, &defaults, &rule.name).await?;
    Ok(())
}

/// The last day of a term as long as the one that ends.
fn again(agreement: &Record, ends: Date) -> Option<Date> {
    let Some(Value::Date(starts)) = agreement.value("starts_on") else { return None };
    let span = ends.since(*starts).ok()?;
    ends.checked_add(span).ok().filter(|again| *again > ends)
}

/// Asks about a draft, and no longer about one that was confirmed, taken back, or is there.
pub(super) async fn confirmed(hub: &Hub, offer: &Record) -> std::result::Result<(), Hindrance> {
    let Some(agreement) = referred(offer, "agreement").filter(|_| word(offer, "kind").as_deref() == Some("renewal"))
    else {
        return Ok(());
    };
    let is_draft = word(offer, "confirmed").as_deref() == Some("no");
    let subject = Subject::Drafted { record: offer.id.clone(), agreement: agreement.clone() };
    if is_draft {
        let sentence = format!(
            "The offer {} that renews the agreement {agreement} is drafted; look at it (`concord offer check {}`) and \
             let it be sent, or withhold it.",
            offer.id, offer.id
        );
        let mut transaction = Transaction::default();
        hub.raise(&mut transaction, vec![Review::new(subject, sentence, &["send", "withhold"])], hub.now()).await?;
        return hub.transact(transaction).await;
    }
    Ok(close(hub, &subject).await?)
}

async fn close(hub: &Hub, subject: &Subject) -> Result<()> {
    let Some(item) = hub.item(keys::review(&subject.question())).await? else { return Ok(()) };
    let review: Review = store::parse(&item)?;
    if review.decided.is_some() {
        return Ok(());
    }
    hub.write_plain(vec![TableChange::Delete(item.key, Condition::Rev(item.rev))]).await
}
