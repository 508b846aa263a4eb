//! The change sets that AWS publishes as samples: each that the canonical fields can say is read into them and built again,
//! and has to be the same. The others are listed here by what they are about.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use crate::{
    entity::Beside,
    offer, resale,
    terms::{rows, said},
};
use concord_connector::{Connector, Context, Entity, Fields, Instant, RecordId, Reference, Value};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fs, path::Path};

/// Samples that are beyond the canonical fields, by a part of their name, and why.
const BEYOND: [(&str, &str); 24] = [
    ("resale_authorization_replacement_offer", "a duration of the price beside the last day of the agreement"),
    ("publish_cppo_eula", "a name in the first change instead of in one of its own"),
    ("/ami/", "server images"),
    ("_ami_product", "server images"),
    ("/container/", "containers"),
    ("_container_product", "containers"),
    ("multi_product_solutions", "offer sets and solutions"),
    ("products/saas/", "a product with its public offer in one change set"),
    ("1_publishSaasProcuct", "a product with its public offer in one change set"),
    ("2_createPrivateOffer", "a template with places to fill"),
    ("create_saas_product_custom_dimension", "a new dimension and an offer in one change set"),
    ("create_draft", "a draft without terms"),
    ("draft_resaleauth", "a draft without terms"),
    ("flexible_payment_schedule_for_saas_product", "support terms"),
    ("refund_policy", "support terms"),
    ("tiered_contract_pricing", "prices that exclude each other"),
    ("free_trial", "free trials"),
    ("hourly", "hourly prices"),
    ("offer_targeting", "countries as targets"),
    ("customreseller_contractdoc", "a contract with the reseller"),
    ("onetime_resaleauth_renewal", "a buyer's agreement from before"),
    ("restrict_resale_authorization", "a restriction, which is made on the portal"),
    ("update_unpublished_resale_authorization", "a draft without terms"),
    ("offer_with_contract_and_pay_as_you_go", "a change of prices without the rest of the offer"),
];

fn file() -> Option<Json> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/aws/samples");
    serde_json::from_slice(&fs::read(root.join("startchangeset.samples.json")).ok()?).ok()
}

/// What the entity would hold after the changes.
fn applied(changes: &[&Json]) -> Json {
    let mut document = json!({ "State": "Draft", "Rules": [], "Terms": [] });
    for change in changes {
        let told = &change["DetailsDocument"];
        match said(change, "ChangeType") {
            "UpdateTargeting" | "UpdateAvailability" => push(&mut document, "Rules", told.clone()),
            kind if kind.ends_with("Terms") => {
                rows(told, "/Terms").for_each(|term| push(&mut document, "Terms", term.clone()))
            }
            "UpdateMarkup" => document["MarkupPercentage"] = told["Percentage"].clone(),
            _ => {
                for (name, value) in told.as_object().into_iter().flatten() {
                    match name.as_str() {
                        "ResellerAccountId" => push(&mut document, "Rules", json!({ "ResellerAccountId": value })),
                        name => document[name] = value.clone(),
                    }
                }
            }
        }
    }
    // The model of prices is an authorization's own member.
    if let Some(model) = changes.iter().find_map(|change| change["DetailsDocument"].get("PricingModel")) {
        document["PricingModel"] = model.clone();
    }
    document
}

fn push(document: &mut Json, list: &str, one: Json) {
    if let Some(list) = document[list].as_array_mut() {
        list.push(one);
    }
}

/// Changes by their kind, in one form: prices and texts as they come back, our mark left out.
fn normal<'a>(changes: impl IntoIterator<Item = &'a Json>) -> BTreeMap<String, Json> {
    let one = |change: &Json| {
        let mut told = change["DetailsDocument"].clone();
        if let Some(description) = told.get("Description").and_then(Json::as_str) {
            let note = offer::Note::read(description).text.map(str::to_owned);
            told["Description"] = note.map_or(Json::Null, Json::String);
        }
        (said(change, "ChangeType").to_owned(), plain(told))
    };
    changes.into_iter().map(one).collect()
}

fn plain(json: Json) -> Json {
    match json {
        // The order of rates and grants says nothing.
        Json::Array(elements) => {
            let mut elements: Vec<Json> = elements.into_iter().map(plain).collect();
            elements.sort_by_key(Json::to_string);
            Json::Array(elements)
        }
        Json::Object(members) => {
            let members = members.into_iter().filter(|(_, value)| !value.is_null());
            members.map(|(name, value)| (name, plain(value))).collect()
        }
        Json::String(text) => {
            Json::String(concord_connector::offer::decimal(&text).unwrap_or_else(|| text.trim().to_owned()))
        }
        other => other,
    }
}

fn canonical(cx: &Context, entity: Entity, changes: &[&Json]) -> Fields {
    let document = applied(changes);
    let now = Instant::EPOCH;
    let row = match entity {
        Entity::ResaleAuthorization => resale::row(&document, now),
        _ => offer::row(&document, &Beside::default(), now),
    };
    let mut fields = cx.mapping(entity).and_then(|mapping| mapping.decode(cx, entity, &row)).expect("is read");
    // The members of the first change that lists tell, and documents do not.
    if let Some(id) = document.get("AgreementId").and_then(Json::as_str) {
        let agreement = Value::from(Reference::external(Entity::Agreement, id));
        fields.extend([("agreement".into(), Some(agreement)), ("kind".into(), Some(Value::Enum("renewal".into())))]);
    }
    fields.remove("withdrawn");
    fields.retain(|_, value| value.is_some());
    fields
}

#[test]
#[ignore = "needs AWS's published samples in ../shared/specs/aws/samples beside the repository; then run it with --ignored"]
fn published_change_sets_are_built_again() {
    let samples = file().expect("AWS's published samples in ../shared/specs/aws/samples");
    let connector = crate::connector();
    let mut cx = Context::new("aws", connector.manifest());
    cx.currency = None;
    let (mut same, mut beyond, mut differ) = (0, 0, Vec::new());
    for (name, sample) in samples.as_object().into_iter().flatten() {
        if BEYOND.iter().any(|(part, _)| name.contains(part)) {
            beyond += 1;
            continue;
        }
        let changes: Vec<&Json> = rows(sample, "/ChangeSet").collect();
        let first = changes.first().expect("a change");
        let of = match said(&first["Entity"], "Type") {
            "ResaleAuthorization@1.0" => Entity::ResaleAuthorization,
            "Offer@1.0" => Entity::PrivateOffer,
            other => panic!("{name}: {other} is neither built nor told as beyond"),
        };
        let fields = canonical(&cx, of, &changes);
        let record = RecordId::new("sample");
        let built = match (said(first, "ChangeType").starts_with("Create"), of) {
            (true, Entity::PrivateOffer) => offer::creation(&record, &fields),
            (true, _) => resale::creation(&record, &fields),
            (false, _) => {
                let draft = json!({ "State": "Draft", "Description": "" });
                // Only what the sample names is wanted of the offer.
                offer::update("offer-1111111111111", &draft, &Fields::new(), &fields, Instant::EPOCH)
                    .into_iter()
                    .filter(|change| changes.iter().any(|one| one["ChangeType"] == change["ChangeType"]))
                    .collect()
            }
        };
        let (ours, theirs) = (normal(&built), normal(changes.iter().copied()));
        match theirs.iter().chain(&ours).find(|(kind, _)| ours.get(*kind) != theirs.get(*kind)) {
            None => same += 1,
            Some((kind, _)) => {
                differ.push(format!("{name}: {kind}: {:?}, published {:?}", ours.get(kind), theirs.get(kind)))
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    println!("{same} built again, {beyond} beyond the canonical fields");
    assert_eq!(same + beyond, 79);
    assert!(same >= 15, "{same}");
}
