//! Properties: what an object has, and how lossily HubSpot keeps a value.

use super::refusal::{Answer, Refusal};
use concord_connector::time::Instant;
use serde_json::{Value as Json, json};

/// What a property holds. On the wire every value is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Lower case, checked for an `@`.
    Email,
    /// A bare host name in lower case.
    Domain,
    Number,
    /// `2026-01-31`; also taken as epoch milliseconds of midnight UTC.
    Date,
    /// Kept in milliseconds; taken as ISO 8601 or epoch milliseconds.
    DateTime,
    /// One of these.
    Choice(&'static [&'static str]),
    /// Several of these, joined by `;`.
    Checkboxes(&'static [&'static str]),
    /// A stage of a pipeline; the default pipeline's are these.
    Stage(&'static [&'static str]),
}

/// A property of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unique: bool,
    pub(super) read_only: bool,
}

const fn of(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, unique: false, read_only: false }
}
const fn unique(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, unique: true, read_only: false }
}
const fn calculated(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, unique: false, read_only: true }
}

use Kind::{Checkboxes, Choice, Date, DateTime, Domain, Email, Number, Stage, Text};

/// An object: its name, its type id, the word in its events, its properties.
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) type_id: &'static str,
    pub(super) word: Option<&'static str>,
    pub(super) modified: &'static str,
    pub(super) properties: &'static [Property],
    /// Properties that a create has to have.
    pub(super) required: &'static [&'static str],
}

const ROLES: &[&str] = &["partner", "customer", "distributor", "prospect"];
const STAGES: &[&str] = &[
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedlost",
];
const LEAD_STAGES: &[&str] =
    &["new-stage-id", "attempting-stage-id", "connected-stage-id", "qualified-stage-id", "unqualified-stage-id"];

/// The portal's objects: HubSpot's own with the properties that matter here, custom properties that an admin made as the
/// README says, and two custom objects.
pub(super) const OBJECTS: [Object; 8] = [
    Object {
        name: "companies",
        type_id: "0-2",
        word: Some("company"),
        modified: "hs_lastmodifieddate",
        required: &[],
        properties: &[
            of("name", Text),
            of("domain", Domain),
            of("website", Text),
            of("phone", Text),
            of("description", Text),
            of("address", Text),
            of("address2", Text),
            of("city", Text),
            of("state", Text),
            of("zip", Text),
            of("country", Text),
            of("annualrevenue", Number),
            of("numberofemployees", Number),
            of("industry", Choice(&["COMPUTER_SOFTWARE", "BANKING", "INSURANCE", "RETAIL"])),
            calculated("hs_parent_company_id", Number),
            calculated("hs_merged_object_ids", Text),
            unique("concord_id", Text),
            of("concord_external_keys", Text),
            of("concord_roles", Checkboxes(ROLES)),
            of("concord_industry", Text),
            of("company_email", Email),
            of("legal_name", Text),
            of("tax_id", Text),
            of("lei", Text),
            of("duns", Text),
        ],
    },
    Object {
        name: "contacts",
        type_id: "0-1",
        word: Some("contact"),
        modified: "lastmodifieddate",
        required: &[],
        properties: &[
            unique("email", Email),
            of("firstname", Text),
            of("lastname", Text),
            of("phone", Text),
            of("jobtitle", Text),
            calculated("hs_merged_object_ids", Text),
            unique("concord_id", Text),
            of("concord_external_keys", Text),
        ],
    },
    Object {
        name: "deals",
        type_id: "0-3",
        word: Some("deal"),
        modified: "hs_lastmodifieddate",
        required: &[],
        properties: &[
            of("dealname", Text),
            of("amount", Number),
            of("deal_currency_code", Choice(&["EUR", "USD", "GBP", "JPY", "KWD", "CHF"])),
            of("closedate", DateTime),
            of("pipeline", Choice(&["default"])),
            of("dealstage", Stage(STAGES)),
            of("dealtype", Choice(&["newbusiness", "existingbusiness"])),
            of("hs_next_step", Text),
            of("description", Text),
            of("closed_lost_reason", Text),
            calculated("hs_merged_object_ids", Text),
            unique("concord_id", Text),
            of("concord_external_keys", Text),
        ],
    },
    Object {
        name: "leads",
        type_id: "0-136",
        word: None,
        modified: "hs_lastmodifieddate",
        required: &["hs_lead_name"],
        properties: &[
            of("hs_lead_name", Text),
            of("hs_pipeline", Choice(&["lead-pipeline-id"])),
            of("hs_pipeline_stage", Stage(LEAD_STAGES)),
            of("concord_company_name", Text),
            of("concord_given_name", Text),
            of("concord_family_name", Text),
            of("concord_email", Email),
            of("concord_phone", Text),
            of("concord_source", Text),
            unique("concord_id", Text),
        ],
    },
    Object {
        name: "orders",
        type_id: "0-123",
        word: None,
        modified: "hs_lastmodifieddate",
        required: &[],
        properties: &[
            of("hs_order_name", Text),
            of("hs_external_order_id", Text),
            of("hs_external_order_status", Text),
            of("hs_external_created_date", DateTime),
            of("hs_total_price", Number),
            of("hs_subtotal_price", Number),
            of("hs_currency_code", Text),
            of("concord_reference", Text),
            unique("concord_id", Text),
        ],
    },
    Object {
        name: "invoices",
        type_id: "0-53",
        word: None,
        modified: "hs_lastmodifieddate",
        required: &[],
        properties: &[
            of("hs_title", Text),
            of("hs_invoice_date", DateTime),
            of("hs_due_date", DateTime),
            of("hs_currency", Text),
            of("concord_number", Text),
            of("concord_reference", Text),
            of("concord_status", Text),
            of("concord_total", Number),
            of("concord_untaxed_total", Number),
            of("concord_open_amount", Number),
            unique("concord_id", Text),
        ],
    },
    Object {
        name: "p_partnerships",
        type_id: "2-1001",
        word: None,
        modified: "hs_lastmodifieddate",
        required: &[],
        properties: &[
            of("program", Text),
            of("tier", Text),
            of("status", Choice(&["prospective", "active", "suspended", "ended"])),
            of("started_on", Date),
            unique("concord_id", Text),
        ],
    },
    Object {
        name: "p_deal_registrations",
        type_id: "2-1002",
        word: None,
        modified: "hs_lastmodifieddate",
        required: &[],
        properties: &[
            of("name", Text),
            of("customer_name", Text),
            of(
                "status",
                Choice(&[
                    "draft",
                    "submitted",
                    "in_review",
                    "approved",
                    "rejected",
                    "expired",
                    "converted",
                    "withdrawn",
                ]),
            ),
            of("amount", Number),
            of("currency_code", Text),
            of("close_date", Date),
            of("submitted_on", Date),
            of("protected_until", Date),
            of("description", Text),
            unique("concord_id", Text),
        ],
    },
];

impl Object {
    /// The object of a path segment: its name, its type id, or a custom object's full name.
    pub(super) fn find(segment: &str) -> Option<&'static Self> {
        OBJECTS.iter().find(|object| object.name == segment || object.type_id == segment)
    }
    /// A property; what every object has is not in the tables.
    pub(super) fn property(&self, name: &str) -> Option<Property> {
        let own = self.properties.iter().find(|property| property.name == name).copied();
        own.or_else(|| match name {
            "hs_object_id" => Some(calculated("hs_object_id", Number)),
            "createdate" => Some(calculated("createdate", DateTime)),
            name if name == self.modified => Some(calculated(self.modified, DateTime)),
            _ => None,
        })
    }
    /// The definitions, as the properties API lists them.
    pub(super) fn definitions(&self) -> Vec<Json> {
        let common = ["hs_object_id", "createdate", self.modified];
        let all = self.properties.iter().map(|property| property.name).chain(common);
        all.filter_map(|name| self.property(name)).map(|property| property.definition()).collect()
    }
}

impl Property {
    fn definition(&self) -> Json {
        let (ty, field) = match self.kind {
            Kind::Text | Kind::Email | Kind::Domain => ("string", "text"),
            Kind::Number => ("number", "number"),
            Kind::Date => ("date", "date"),
            Kind::DateTime => ("datetime", "date"),
            Kind::Choice(_) | Kind::Stage(_) => ("enumeration", "select"),
            Kind::Checkboxes(_) => ("enumeration", "checkbox"),
        };
        let choices = match self.kind {
            Kind::Choice(values) | Kind::Checkboxes(values) | Kind::Stage(values) => values,
            _ => &[],
        };
        let options: Vec<Json> =
            choices.iter().map(|value| json!({ "label": value, "value": value, "hidden": false })).collect();
        json!({
            "name": self.name,
            "label": self.name,
            "description": "",
            "groupName": "information",
            "type": ty,
            "fieldType": field,
            "options": options,
            "hasUniqueValue": self.unique,
            "modificationMetadata": { "archivable": true, "readOnlyDefinition": false, "readOnlyValue": self.read_only },
        })
    }

    /// The value as it is kept.
    pub(super) fn keep(&self, value: &Json) -> Answer<String> {
        let text = match value {
            Json::String(text) => text.trim().to_owned(),
            Json::Number(number) => number.to_string(),
            Json::Bool(truth) => truth.to_string(),
            Json::Null => String::new(),
            _ => return Err(Refusal::invalid(format!("Invalid input JSON: `{}` is no text", self.name))),
        };
        if self.read_only {
            let message = format!("\"{}\" is a read only property; its value cannot be set.", self.name);
            return Err(Refusal::property(self.name, "READ_ONLY_VALUE", message));
        }
        if text.len() > 65_536 {
            return Err(Refusal::property(self.name, "PROPERTY_VALUE_TOO_LONG", "at most 65536 characters"));
        }
        if text.is_empty() {
            return Ok(text);
        }
        let one_of = |values: &[&str], text: &str| {
            if values.contains(&text) {
                return Ok(());
            }
            let message = format!("{text} was not one of the allowed options: {values:?}");
            Err(Refusal::property(self.name, "INVALID_OPTION", message))
        };
        match self.kind {
            Kind::Text => Ok(text),
            Kind::Email if text.contains('@') => Ok(text.to_lowercase()),
            Kind::Email => {
                Err(Refusal::property(self.name, "INVALID_EMAIL", format!("Email address {text} is invalid")))
            }
            Kind::Domain => Ok(host(&text)),
            Kind::Number => number(&text)
                .ok_or_else(|| Refusal::property(self.name, "INVALID_LONG", format!("{text} was not a valid number."))),
            Kind::Date => date(&text)
                .ok_or_else(|| Refusal::property(self.name, "INVALID_DATE", format!("{text} was not a valid date."))),
            Kind::DateTime => instant(&text)
                .map(Instant::rfc3339)
                .ok_or_else(|| Refusal::property(self.name, "INVALID_DATE", format!("{text} was not a valid date."))),
            Kind::Choice(values) | Kind::Stage(values) => one_of(values, &text).map(|()| text),
            Kind::Checkboxes(values) => {
                text.split(';').filter(|part| !part.is_empty()).try_for_each(|part| one_of(values, part))?;
                Ok(text)
            }
        }
    }
}

fn host(text: &str) -> String {
    let text = text.to_lowercase();
    let rest = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or(rest);
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

/// Numbers lose the zeros behind the point: `1200.50` comes back as `1200.5`.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

pub(super) fn instant(text: &str) -> Option<Instant> {
    match text.parse::<i64>() {
        Ok(ms) => Some(Instant::from_ms(ms)),
        Err(_) => Instant::parse(text).or_else(|| Instant::parse(&format!("{text}T00:00:00Z"))),
    }
}

fn date(text: &str) -> Option<String> {
    let at = instant(text)?.rfc3339();
    at.ends_with("T00:00:00.000Z").then(|| at[..10].to_owned())
}
