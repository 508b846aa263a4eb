//! The fields, one line each: name, type, rule, order, meaning.

use super::{
    Category::{self, *},
    DefaultRule::{self, *},
    Entity, FieldSpec,
    Type::{self, *},
    marketplace,
};

/// Roles that an organization plays for us.
pub(super) const ROLES: &[&str] = &["partner", "customer", "distributor", "prospect"];
const LEAD_STATES: &[&str] = &["new", "working", "qualified", "converted", "disqualified"];
pub(super) const STAGES: &[&str] =
    &["prospect", "qualified", "technical_validation", "business_validation", "committed", "won", "lost"];
pub(super) const DEAL_TYPES: &[&str] = &["new_business", "expansion", "renewal"];
const REGISTRATION_STATES: &[&str] =
    &["draft", "submitted", "in_review", "approved", "rejected", "expired", "converted", "withdrawn"];
const PARTNERSHIP_STATES: &[&str] = &["prospective", "active", "suspended", "ended"];
const ORDER_STATES: &[&str] = &["draft", "quotation", "confirmed", "processing", "done", "cancelled"];
const REVIEW_STATES: &[&str] = &["approved", "pending"];
const INVOICE_STATES: &[&str] = &["draft", "validated", "posted", "paid", "cancelled"];

pub(super) const SALES: &[Category] = &[Crm, Prm, Erp, Marketplace];
pub(super) const FINANCE: &[Category] = &[Erp, Crm, Prm, Marketplace];
const PROGRAM: &[Category] = &[Prm, Crm, Erp, Marketplace];

pub(super) const fn field(
    name: &'static str,
    ty: Type,
    rule: DefaultRule,
    order: &'static [Category],
    meaning: &'static str,
) -> FieldSpec {
    FieldSpec { name, ty, meaning, rule, order }
}

pub(super) fn fields(entity: Entity) -> &'static [FieldSpec] {
    match entity {
        Entity::Organization => ORGANIZATION,
        Entity::Person => PERSON,
        Entity::Partnership => PARTNERSHIP,
        Entity::Lead => LEAD,
        Entity::Opportunity => OPPORTUNITY,
        Entity::DealRegistration => DEAL_REGISTRATION,
        Entity::Order => ORDER,
        Entity::Invoice => INVOICE,
        Entity::Customer => CUSTOMER,
        Entity::Transaction => TRANSACTION,
        Entity::Listing => marketplace::LISTING,
        Entity::CosellDeal => marketplace::COSELL_DEAL,
        Entity::ResaleAuthorization => marketplace::RESALE_AUTHORIZATION,
        Entity::PrivateOffer => marketplace::PRIVATE_OFFER,
        Entity::Agreement => marketplace::AGREEMENT,
        Entity::Entitlement => marketplace::ENTITLEMENT,
        Entity::UsageRecord => marketplace::USAGE_RECORD,
    }
}

const ORGANIZATION: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "The name that people use for it."),
    field("legal_name", Text, Latest, FINANCE, "The name in the commercial register."),
    field("domain", Text, Latest, SALES, "The internet domain that is its own; a key when nobody else's."),
    field("website", Text, Latest, SALES, "The address of its website."),
    field("phone", Text, Latest, SALES, "The main telephone number."),
    field("email", Text, Latest, SALES, "The general e-mail address."),
    field("tax_id", Text, Latest, FINANCE, "The tax or VAT number with its country prefix; a key."),
    field("lei", Text, Latest, FINANCE, "The legal entity identifier (ISO 17442); a key."),
    field("duns", Text, Latest, FINANCE, "The D-U-N-S number, nine digits; a key."),
    field("roles", List(&Enum(ROLES)), Union, SALES, "What it is to us: partner, customer, distributor, prospect."),
    field("industry", Text, Latest, SALES, "The line of business."),
    field("description", Text, Latest, SALES, "What there is to know about it."),
    field("billing_address", Address, Latest, FINANCE, "Where invoices go."),
    field("annual_revenue", Money, Latest, SALES, "Its revenue in a year."),
    field("parent", Reference(Entity::Organization), Latest, SALES, "The organization that owns it."),
];

const PERSON: &[FieldSpec] = &[
    field("given_name", Text, Latest, SALES, "The given name."),
    field("family_name", Text, Latest, SALES, "The family name."),
    field("email", Text, Latest, SALES, "The business e-mail address, in lower case; a key."),
    field("phone", Text, Latest, SALES, "The telephone number."),
    field("job_title", Text, Latest, SALES, "The position held."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "Where the person works."),
];

const PARTNERSHIP: &[FieldSpec] = &[
    field("organization", Reference(Entity::Organization), Latest, PROGRAM, "The partner."),
    field("program", Text, Latest, PROGRAM, "The partner programme."),
    field("tier", Text, Latest, PROGRAM, "The tier or level held in it."),
    field("status", Enum(PARTNERSHIP_STATES), Latest, PROGRAM, "Whether the membership is in force."),
    field("started_on", Date, Latest, PROGRAM, "The day on which it began."),
    field("name", Text, Latest, PROGRAM, "The partner as the programme names it."),
];

const LEAD: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title for the lead."),
    field("company_name", Text, Latest, SALES, "The company as the lead named it."),
    field("given_name", Text, Latest, SALES, "The given name of the person."),
    field("family_name", Text, Latest, SALES, "The family name of the person."),
    field("email", Text, Latest, SALES, "The e-mail address, in lower case."),
    field("phone", Text, Latest, SALES, "The telephone number."),
    field("status", Enum(LEAD_STATES), Latest, SALES, "How far it has come."),
    field("source", Text, Latest, SALES, "Where it came from."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The organization, once it is known."),
    field("person", Reference(Entity::Person), Latest, SALES, "The person, once known."),
    field("partner", Reference(Entity::Organization), Latest, SALES, "The partner that brought it or works it."),
];

const OPPORTUNITY: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title for the deal."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The customer."),
    field("amount", Money, Latest, SALES, "The total contract value."),
    field("stage", Enum(STAGES), Latest, SALES, "How far it has come."),
    field("close_date", Date, Latest, SALES, "The day on which it is expected to close, or closed."),
    field("type", Enum(DEAL_TYPES), Latest, SALES, "New business, expansion or renewal."),
    field("partners", List(&Reference(Entity::Organization)), Union, SALES, "The partners on it, each in a role."),
    field("next_step", Text, Latest, SALES, "What happens next."),
    field("description", Text, Latest, SALES, "What there is to know about it."),
    field("lost_reason", Text, Latest, SALES, "Why it was lost."),
    field("buyer_accounts", List(&Text), Latest, SALES, "The customer's accounts at cloud marketplaces."),
];

const DEAL_REGISTRATION: &[FieldSpec] = &[
    field("name", Text, Latest, PROGRAM, "A title for the registration."),
    field("partner", Reference(Entity::Organization), Latest, PROGRAM, "The partner that claims the deal."),
    field("organization", Reference(Entity::Organization), Latest, PROGRAM, "The customer, once matched."),
    field("customer_name", Text, Latest, PROGRAM, "The customer as the partner named it."),
    field("opportunity", Reference(Entity::Opportunity), Latest, PROGRAM, "The deal that it became."),
    field("status", Enum(REGISTRATION_STATES), Latest, PROGRAM, "Where it stands."),
    field("amount", Money, Latest, PROGRAM, "The expected value."),
    field("close_date", Date, Latest, PROGRAM, "The day on which the deal is expected to close."),
    field("submitted_on", Date, Latest, PROGRAM, "The day on which the partner submitted it."),
    field("protected_until", Date, Latest, PROGRAM, "The last day on which the claim holds."),
    field("description", Text, Latest, PROGRAM, "What there is to know about it."),
];

const ORDER: &[FieldSpec] = &[
    field("number", Text, Owner, FINANCE, "The number that the order system gave it."),
    field("reference", Text, Latest, FINANCE, "The customer's or the sales team's own reference."),
    field("description", Text, Latest, FINANCE, "A title for the order."),
    field("organization", Reference(Entity::Organization), Latest, FINANCE, "The customer."),
    field("opportunity", Reference(Entity::Opportunity), Latest, SALES, "The deal that it came from."),
    field(
        "agreement",
        Reference(Entity::Agreement),
        Latest,
        SALES,
        "The agreement at a marketplace that it came from.",
    ),
    field("partner", Reference(Entity::Organization), Latest, SALES, "The partner through which it came."),
    field("status", Enum(ORDER_STATES), Owner, FINANCE, "Where it stands."),
    field("total", Money, Owner, FINANCE, "The amount, taxes included."),
    field("untaxed_total", Money, Owner, FINANCE, "The amount before taxes."),
    field("order_date", Date, Latest, FINANCE, "The day on which it was placed."),
];

const INVOICE: &[FieldSpec] = &[
    field("number", Text, Owner, FINANCE, "The number on the document."),
    field("reference", Text, Latest, FINANCE, "The customer's or the sales team's own reference."),
    field("description", Text, Latest, FINANCE, "A title for the invoice."),
    field("organization", Reference(Entity::Organization), Owner, FINANCE, "Who has to pay."),
    field("order", Reference(Entity::Order), Owner, FINANCE, "The order that it bills."),
    field("status", Enum(INVOICE_STATES), Owner, FINANCE, "Where it stands."),
    field("total", Money, Owner, FINANCE, "The amount, taxes included."),
    field("untaxed_total", Money, Owner, FINANCE, "The amount before taxes."),
    field("open_amount", Money, Owner, FINANCE, "What is still to be paid."),
    field("issued_on", Date, Owner, FINANCE, "The date on the document."),
    field("due_on", Date, Owner, FINANCE, "The day by which it has to be paid."),
];

const CUSTOMER: &[FieldSpec] = &[
    field("name", Text, Latest, PROGRAM, "The name that people use for it."),
    field("email", Text, Latest, PROGRAM, "The e-mail address that it signed up with, in lower case."),
    field("partner", Reference(Entity::Organization), Latest, PROGRAM, "The partner that brought it."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The organization, once it is known."),
    field("source", Text, Latest, PROGRAM, "How it came: the link, code or deal."),
];

const TRANSACTION: &[FieldSpec] = &[
    field("customer", Reference(Entity::Customer), Owner, FINANCE, "Who paid."),
    field("amount", Money, Owner, FINANCE, "The amount that rewards are computed from."),
    field("status", Enum(REVIEW_STATES), Owner, PROGRAM, "Whether it counts for rewards."),
    field("product", Text, Owner, FINANCE, "What was paid for, by the key that the programme has for it."),
    field("category", Text, Owner, FINANCE, "The kind of product."),
    field("invoice", Reference(Entity::Invoice), Owner, FINANCE, "The invoice that it is of, once it is known."),
];
