//! Listings: SaaS products as rows, and canonical fields as changes.

use crate::{
    catalog::change,
    fields::{lines, says, text},
    terms::{rows, said},
};
use concord_connector::{Fields, offer::Dimension};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

const TYPE: &str = "SaaSProduct@1.0";
/// The name by which the later changes of a set refer to the product that the first one makes.
const CREATED: &str = "CreateProduct1";
/// What a unit of a dimension is called, where nobody says otherwise.
const UNIT: &str = "Units";
/// Our fields and the members of `UpdateInformation`.
const TEXTS: [(&str, &str); 5] = [
    ("name", "ProductTitle"),
    ("short_description", "ShortDescription"),
    ("description", "LongDescription"),
    ("logo_url", "LogoUrl"),
    ("support", "SupportDescription"),
];
const LISTS: [(&str, &str); 4] = [
    ("highlights", "Highlights"),
    ("keywords", "SearchKeywords"),
    ("categories", "Categories"),
    ("video_urls", "VideoUrls"),
];

/// The row of a product: its document, with what is deep in it beside.
pub(crate) fn row(document: &Json) -> Json {
    let mut row = document.clone();
    let videos: Json =
        rows(document, "/PromotionalResources/Videos").filter_map(|video| video.get("Url").cloned()).collect();
    row["VideoUrls"] = videos;
    row["DimensionLines"] = rows(document, "/Dimensions").map(|one| Json::String(line(one))).collect();
    if let Some(option) = delivery(document) {
        row["FulfillmentUrl"] = option.get("FulfillmentUrl").cloned().unwrap_or_default();
    }
    let visibility = document.pointer("/Description/Visibility").and_then(Json::as_str).unwrap_or("Draft");
    row["State"] = visibility.into();
    row["Visibility"] = if visibility == "Draft" { Json::Null } else { visibility.into() };
    row
}

fn line(dimension: &Json) -> String {
    let types = rows(dimension, "/Types").filter_map(Json::as_str).map(str::to_owned).collect();
    let text = |member: &str| said(dimension, member).to_owned();
    Dimension { key: text("Key"), types, name: text("Name"), description: text("Description") }.to_string()
}

/// The way in which buyers come to the product: by a page of the seller's.
fn delivery(document: &Json) -> Option<&Json> {
    let options = rows(document, "/Versions").flat_map(|version| rows(version, "/DeliveryOptions"));
    options.filter(|option| option.get("FulfillmentUrl").is_some()).last()
}

/// The changes that make a product, and release it as one that is limited to accounts of the seller's.
pub(crate) fn creation(fields: &Fields) -> Vec<Json> {
    let title = text(fields, "name").unwrap_or_default();
    let mut first = change("CreateProduct", json!({ "Type": TYPE }), json!({ "ProductTitle": title }));
    first["ChangeName"] = CREATED.into();
    let mut changes = vec![first];
    let entity = json!({ "Type": TYPE, "Identifier": format!("${CREATED}.Entity.Identifier") });
    let mut add = |change_type: &str, document: Json| changes.push(change(change_type, entity.clone(), document));
    add("UpdateInformation", information(fields, |_| true));
    let url = text(fields, "landing_url");
    if let Some(url) = url {
        add("AddDeliveryOptions", options(&[json!({ "Details": landing(url) })]));
    }
    let dimensions = dimensions(fields);
    if !dimensions.is_empty() {
        add("AddDimensions", dimensions.values().map(added).collect());
    }
    if is_complete(fields) {
        add("ReleaseProduct", json!({}));
    }
    changes
}

/// Whether there is all that AWS wants of a product before it is released. Until then it is a draft.
pub(crate) fn is_complete(fields: &Fields) -> bool {
    let texts = ["name", "short_description", "description", "logo_url", "support", "landing_url"];
    let several = ["highlights", "keywords", "categories", "dimensions"];
    texts.iter().all(|name| text(fields, name).is_some()) && several.iter().all(|name| !lines(fields, name).is_empty())
}

fn options(options: &[Json]) -> Json {
    json!({ "DeliveryOptions": options })
}

fn landing(url: &str) -> Json {
    json!({ "SaaSUrlDeliveryOptionDetails": { "FulfillmentUrl": url } })
}

/// The document of `UpdateInformation` for the fields that are wanted: what it does not name stays as it is.
fn information(fields: &Fields, wanted: impl Fn(&str) -> bool) -> Json {
    let mut document = Map::new();
    for (field, member) in TEXTS {
        if let Some(text) = text(fields, field).filter(|_| wanted(field)) {
            document.insert(member.into(), text.into());
        }
    }
    for (field, member) in LISTS {
        if wanted(field) && says(fields, &[field]) {
            document.insert(member.into(), lines(fields, field).into());
        }
    }
    Json::Object(document)
}

fn dimensions(fields: &Fields) -> BTreeMap<String, Dimension> {
    let parsed = lines(fields, "dimensions").into_iter().filter_map(|line| Dimension::parse(line).ok());
    parsed.map(|dimension| (dimension.key.clone(), dimension)).collect()
}

fn added(dimension: &Dimension) -> Json {
    let mut document = updated(dimension);
    document["Unit"] = UNIT.into();
    document
}

fn updated(dimension: &Dimension) -> Json {
    json!({
        "Key": dimension.key,
        "Types": dimension.types,
        "Name": dimension.name,
        "Description": dimension.description,
    })
}

/// The changes that give a product these fields.
pub(crate) fn update(identifier: &str, document: &Json, there: &Fields, wanted: &Fields) -> Vec<Json> {
    let differs = |name: &str| wanted.get(name).is_some_and(|value| there.get(name) != Some(value));
    let entity = json!({ "Type": TYPE, "Identifier": identifier });
    let mut changes = Vec::new();
    let mut add = |change_type: &str, document: Json| changes.push(change(change_type, entity.clone(), document));
    let told = information(wanted, differs);
    if told.as_object().is_some_and(|told| !told.is_empty()) {
        add("UpdateInformation", told);
    }
    if differs("dimensions") {
        let (held, want) = (dimensions(there), dimensions(wanted));
        let new: Vec<Json> =
            want.iter().filter(|(key, _)| !held.contains_key(*key)).map(|(_, one)| added(one)).collect();
        let other: Vec<Json> = want
            .iter()
            .filter(|(key, one)| held.get(*key).is_some_and(|held| held != *one))
            .map(|(_, one)| updated(one))
            .collect();
        if !new.is_empty() {
            add("AddDimensions", Json::Array(new));
        }
        if !other.is_empty() {
            add("UpdateDimensions", Json::Array(other));
        }
    }
    if let (true, Some(url)) = (differs("landing_url"), text(wanted, "landing_url")) {
        match delivery(document).map(|option| said(option, "Id")) {
            Some(id) => add("UpdateDeliveryOptions", options(&[json!({ "Id": id, "Details": landing(url) })])),
            None => add("AddDeliveryOptions", options(&[json!({ "Details": landing(url) })])),
        }
    }
    if let (true, Some(visibility)) = (differs("visibility"), text(wanted, "visibility")) {
        let target = match visibility {
            "public" => "Public",
            "restricted" => "Restricted",
            _ => "Limited",
        };
        add("UpdateVisibility", json!({ "TargetVisibility": target }));
    }
    changes
}
