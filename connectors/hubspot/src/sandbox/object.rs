//! The portal's objects and what each of them has.

use super::property::{
    Kind::{self, Checkboxes, Choice, Date, DateTime, Domain, Email, Number, Stage, Text},
    Property,
};
use serde_json::Value as Json;

const fn of(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, unique: false, read_only: false }
}
const fn unique(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, unique: true, read_only: false }
}
const fn calculated(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, unique: false, read_only: true }
}

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
