//! The canonical schema: which entities and fields exist, of which type, what they mean and who wins by default.

mod marketplace;
mod tables;

use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::LazyLock,
};

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// A company or other body: partner, customer, distributor or prospect.
    Organization,
    /// A human being at an organization.
    Person,
    /// An organization's membership of a partner programme.
    Partnership,
    /// An expression of interest, not yet qualified.
    Lead,
    /// A deal in the making, with the partners on it.
    Opportunity,
    /// A partner's claim on a deal.
    DealRegistration,
    /// A product as cloud marketplaces show it: plans, dimensions, texts, media.
    Listing,
    /// The right of a reseller to sell a listing.
    ResaleAuthorization,
    /// Terms for named buyers of a listing.
    PrivateOffer,
    /// A deal shared with a cloud provider's sales team.
    CosellDeal,
    /// The contract that an accepted offer became.
    Agreement,
    /// A sales order.
    Order,
    /// An invoice to a customer.
    Invoice,
    /// A customer account as partner and billing systems keep it: who was brought by whom.
    Customer,
    /// A payment or other event of a customer from which partners are rewarded.
    Transaction,
    /// What a buyer may use, for how long, and whether it is in force.
    Entitlement,
    /// What a buyer used of a dimension in an hour.
    UsageRecord,
}

impl Entity {
    /// Every entity, referenced ones before those that refer to them.
    pub const ALL: [Self; 17] = [
        Self::Organization,
        Self::Person,
        Self::Partnership,
        Self::Lead,
        Self::Opportunity,
        Self::DealRegistration,
        Self::Listing,
        Self::ResaleAuthorization,
        Self::PrivateOffer,
        Self::CosellDeal,
        Self::Agreement,
        Self::Order,
        Self::Invoice,
        Self::Customer,
        Self::Transaction,
        Self::Entitlement,
        Self::UsageRecord,
    ];
    /// The name, as configuration, messages and URLs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Person => "person",
            Self::Partnership => "partnership",
            Self::Lead => "lead",
            Self::Opportunity => "opportunity",
            Self::DealRegistration => "deal_registration",
            Self::Listing => "listing",
            Self::ResaleAuthorization => "resale_authorization",
            Self::PrivateOffer => "private_offer",
            Self::CosellDeal => "cosell_deal",
            Self::Agreement => "agreement",
            Self::Order => "order",
            Self::Invoice => "invoice",
            Self::Customer => "customer",
            Self::Transaction => "transaction",
            Self::Entitlement => "entitlement",
            Self::UsageRecord => "usage_record",
        }
    }
    /// The entity of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entity| entity.name() == name)
    }
    /// Its fields.
    pub fn fields(self) -> &'static [FieldSpec] {
        tables::fields(self)
    }
    /// Whether a field holds what names or reaches a person: sentences and logs do not repeat such values.
    pub fn is_personal(self, field: &str) -> bool {
        matches!(field, "email" | "phone" | "given_name" | "family_name" | "job_title") || field.ends_with("_address")
    }
    /// One field.
    pub fn field(self, name: &str) -> Option<&'static FieldSpec> {
        self.fields().iter().find(|field| field.name == name)
    }
}

/// A name of the schema, which the program has once.
#[derive(Debug)]
pub(crate) struct KnownField {
    /// The name.
    pub(crate) name: &'static str,
    /// Its place among all of them in the order of texts: two names are compared by it.
    pub(crate) place: usize,
}

/// The one that a text names.
pub(crate) fn known_field(name: &str) -> Option<&'static KnownField> {
    static NAMES: LazyLock<HashMap<&'static str, KnownField>> = LazyLock::new(|| {
        let names = Entity::ALL.into_iter().flat_map(|entity| entity.fields().iter().map(|field| field.name));
        let names: BTreeSet<&'static str> = names.collect();
        names.into_iter().enumerate().map(|(place, name)| (name, KnownField { name, place })).collect()
    });
    NAMES.get(name)
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Free text.
    Text,
    /// Minor units and ISO 4217 currency.
    Money,
    /// Civil date.
    Date,
    /// Point in time.
    Instant,
    /// One of these.
    Enum(&'static [&'static str]),
    /// A record of that entity.
    Reference(Entity),
    /// A set of these.
    List(&'static Type),
    /// Postal address.
    Address,
}

/// What a system is for; the order of categories in [`FieldSpec::order`] is the default source of truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Customer relationship management.
    Crm,
    /// Enterprise resource planning, billing.
    Erp,
    /// Partner relationship management.
    Prm,
    /// Cloud marketplace or co-sell program.
    Marketplace,
}

/// Who wins by default when systems disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefaultRule {
    /// The latest edit, wherever it was made.
    Latest,
    /// The first system in the order that says anything.
    Owner,
    /// Every element that somebody added and nobody removed later.
    Union,
}

/// One field of an entity.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// The name, in snake case.
    pub name: &'static str,
    /// The type.
    pub ty: Type,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// Who wins by default.
    pub rule: DefaultRule,
    /// The default source-of-truth order.
    pub order: &'static [Category],
}
