//! The fields of what cloud marketplaces and co-sell programs keep.
//!
//! Lists of lines (dimensions, rates, instalments) are written in the forms of [`crate::offer`].

use super::{
    Category::{self, *},
    DefaultRule::*,
    Entity, FieldSpec,
    Type::*,
    tables::{DEAL_TYPES, FINANCE, SALES, STAGES, field},
};

const LISTING_STATES: &[&str] = &["draft", "in_review", "limited", "public", "restricted", "retired"];
const OFFER_STATES: &[&str] =
    &["draft", "publishing", "publish_failed", "open", "accepted", "expired", "withdrawn", "deleted", "ended"];
const OFFER_KINDS: &[&str] = &["new", "renewal", "amendment"];
const PRICING: &[&str] = &["contract", "usage", "free", "byol"];
/// Of agreements and entitlements alike.
const RIGHT_STATES: &[&str] =
    &["pending_activation", "active", "change_pending", "suspended", "cancel_pending", "ended", "superseded"];
const DECISIONS: &[&str] = &["approved", "rejected"];
const USAGE_STATES: &[&str] = &["pending", "accepted", "duplicate", "rejected"];
const AUTHORIZATION_STATES: &[&str] = &["draft", "publishing", "publish_failed", "open", "restricted", "ended"];
const SUBMISSION_STATES: &[&str] = &["not_submitted", "under_review", "needs_fix", "accepted", "rejected", "expired"];
const ORIGINS: &[&str] = &["partner", "cloud"];
const CLOUDS: &[&str] = &["aws", "microsoft", "google"];
const CONSENTS: &[&str] = &["given", "withheld"];

/// What the marketplace itself decides.
const CLOUD: &[Category] = &[Marketplace, Crm, Prm, Erp];

pub(super) const LISTING: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "The title."),
    field("short_description", Text, Latest, SALES, "What it is, in a sentence or two."),
    field("description", Text, Latest, SALES, "What it is, at length."),
    field("highlights", List(&Text), Latest, SALES, "Why somebody buys it, a line each."),
    field("keywords", List(&Text), Latest, SALES, "Words by which it is found."),
    field("categories", List(&Text), Latest, SALES, "The marketplace's categories that it is in."),
    field("logo_url", Text, Latest, SALES, "Where the logo is."),
    field("video_urls", List(&Text), Latest, SALES, "Where videos are."),
    field("landing_url", Text, Latest, SALES, "Where a buyer registers after the purchase."),
    field("support", Text, Latest, SALES, "How a buyer gets help."),
    field("dimensions", List(&Text), Latest, SALES, "What is sold or metered: `KEY | TYPE | NAME | DESCRIPTION`."),
    field("plans", List(&Text), Latest, SALES, "The plans: `KEY | NAME | DESCRIPTION`."),
    field("regions", List(&Text), Latest, SALES, "Where it is sold, as ISO 3166 country codes."),
    field("visibility", Enum(&["limited", "public", "restricted"]), Latest, SALES, "Who is to see it."),
    field("status", Enum(LISTING_STATES), Owner, CLOUD, "Where it stands at the marketplace."),
    field("product_code", Text, Owner, CLOUD, "The code that metering and entitlements use for it."),
];

pub(super) const PRIVATE_OFFER: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title that the buyer sees."),
    field("cloud", Enum(CLOUDS), Latest, SALES, "Whose marketplace or program it is for."),
    field("kind", Enum(OFFER_KINDS), Latest, SALES, "New business, the renewal of an agreement or its amendment."),
    field("opportunity", Reference(Entity::Opportunity), Latest, SALES, "The deal that it closes."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The customer."),
    field("listing", Reference(Entity::Listing), Latest, SALES, "What is offered."),
    field("product", Text, Latest, SALES, "What is offered, by the marketplace's own id, where no listing is kept."),
    field("buyers", List(&Text), Latest, SALES, "The accounts that may accept, by the marketplace's ids."),
    field("customer_name", Text, Latest, SALES, "The customer as the marketplace is told."),
    field("contact", Text, Latest, SALES, "The name of whom to talk to at the customer."),
    field("email", Text, Latest, SALES, "The e-mail address of whom to talk to at the customer."),
    field("pricing", Enum(PRICING), Latest, SALES, "What the buyer pays for."),
    field("amount", Money, Latest, SALES, "The total contract value."),
    field("discount", Text, Latest, SALES, "What the buyer pays less than the list price, in percent."),
    field("grants", List(&Text), Latest, SALES, "What the price includes: `DIMENSION QUANTITY`."),
    field("rates", List(&Text), Latest, SALES, "Prices of metered units: `DIMENSION PRICE CURRENCY`."),
    field(
        "prices",
        List(&Text),
        Latest,
        SALES,
        "What a unit costs in advance, to choose from: `DIMENSION PRICE CURRENCY`.",
    ),
    field("installments", List(&Text), Latest, SALES, "When what is due: `YYYY-MM-DD AMOUNT CURRENCY`."),
    field("plan", Text, Latest, SALES, "The plan that it is for."),
    field("duration", Text, Latest, SALES, "How long the agreement holds, as ISO 8601: `P12M`."),
    field("starts_on", Date, Latest, SALES, "The day on which the agreement begins, if not with its acceptance."),
    field("ends_on", Date, Latest, SALES, "The last day of the agreement, if no duration says so."),
    field("accept_by", Date, Latest, SALES, "The last day on which it can be accepted."),
    field("eula", Text, Latest, SALES, "The terms of use: `standard`, or where the document is."),
    field("internal_note", Text, Latest, SALES, "A note that the buyer does not see."),
    field("note_to_buyer", Text, Latest, SALES, "A note to the buyer."),
    field("agreement", Reference(Entity::Agreement), Latest, SALES, "The agreement that it renews or amends."),
    field("reseller", Reference(Entity::Organization), Latest, SALES, "The partner that sells it on."),
    field("resale_authorization", Reference(Entity::ResaleAuthorization), Latest, SALES, "The right to resell."),
    field("markup", Text, Latest, SALES, "What the reseller adds, in percent."),
    field("withdrawn", Enum(&["yes", "no"]), Latest, SALES, "Whether it is to be taken back."),
    field(
        "confirmed",
        Enum(&["yes", "no"]),
        Latest,
        SALES,
        "Whether a draft may be sent: `no` keeps it here until a person says `yes`.",
    ),
    field("status", Enum(OFFER_STATES), Owner, CLOUD, "Where it stands at the marketplace."),
    field("fee", Text, Latest, FINANCE, "The marketplace's share, in percent."),
    field("net_amount", Money, Latest, FINANCE, "What is left of the amount after the marketplace's fee."),
    field("ending", Enum(&["yes", "no"]), Latest, SALES, "Whether the last day of acceptance is near."),
    field("url", Text, Owner, CLOUD, "Where the buyer accepts it."),
];

pub(super) const RESALE_AUTHORIZATION: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title."),
    field("cloud", Enum(CLOUDS), Latest, SALES, "Whose marketplace or program it is for."),
    field("description", Text, Latest, SALES, "What there is to know about it."),
    field("listing", Reference(Entity::Listing), Latest, SALES, "What may be sold."),
    field("product", Text, Latest, SALES, "What may be sold, by the marketplace's own id."),
    field("reseller", Reference(Entity::Organization), Latest, SALES, "Who may sell it."),
    field("reseller_account", Text, Latest, SALES, "The reseller's account at the marketplace."),
    field("pricing", Enum(PRICING), Latest, SALES, "What the reseller pays for."),
    field("amount", Money, Latest, SALES, "What the reseller pays for the contract."),
    field("grants", List(&Text), Latest, SALES, "What the price includes: `DIMENSION QUANTITY`."),
    field("rates", List(&Text), Latest, SALES, "What metered units cost the reseller: `DIMENSION PRICE CURRENCY`."),
    field(
        "prices",
        List(&Text),
        Latest,
        SALES,
        "What a unit costs the reseller in advance: `DIMENSION PRICE CURRENCY`.",
    ),
    field("installments", List(&Text), Latest, SALES, "When what is due: `YYYY-MM-DD AMOUNT CURRENCY`."),
    field("duration", Text, Latest, SALES, "How long an agreement made with it holds, as ISO 8601: `P12M`."),
    field("discount", Text, Latest, SALES, "What the reseller pays less than the list price, in percent."),
    field("offers", Text, Latest, SALES, "How many offers may be made with it."),
    field("available_until", Date, Latest, SALES, "The last day on which offers can be made."),
    field("buyers", List(&Text), Latest, SALES, "The accounts to which it may be sold; any, when there is none."),
    field("eula", Text, Latest, SALES, "The terms of use: `standard`, or where the document is."),
    field("status", Enum(AUTHORIZATION_STATES), Owner, CLOUD, "Where it stands at the marketplace."),
];

pub(super) const AGREEMENT: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title."),
    field("private_offer", Reference(Entity::PrivateOffer), Owner, CLOUD, "The offer that was accepted."),
    field("opportunity", Reference(Entity::Opportunity), Latest, SALES, "The deal that it closed."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The customer."),
    field("listing", Reference(Entity::Listing), Owner, CLOUD, "What was bought."),
    field("product", Text, Owner, CLOUD, "What was bought, by the marketplace's own id."),
    field("buyer_account", Text, Owner, CLOUD, "The buyer's account at the marketplace."),
    field("status", Enum(RIGHT_STATES), Owner, CLOUD, "Where it stands."),
    field("amount", Money, Owner, CLOUD, "Its value."),
    field("accepted_at", Instant, Owner, CLOUD, "When the buyer accepted."),
    field("starts_on", Date, Owner, CLOUD, "The day on which it begins."),
    field("ends_on", Date, Owner, CLOUD, "The day on which it ends."),
    field("renews", Enum(&["yes", "no"]), Owner, CLOUD, "Whether it goes on by itself at its end."),
    field("replaces", Reference(Entity::Agreement), Owner, CLOUD, "The agreement that it took the place of."),
    field("order", Reference(Entity::Order), Latest, FINANCE, "The order that it became."),
    field("fee", Text, Latest, FINANCE, "The marketplace's share, in percent."),
    field("net_amount", Money, Latest, FINANCE, "What is left of the amount after the marketplace's fee."),
    field("ending", Enum(&["yes", "no"]), Latest, SALES, "Whether its end is near."),
];

pub(super) const ENTITLEMENT: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title."),
    field("agreement", Reference(Entity::Agreement), Owner, CLOUD, "The agreement that gives it."),
    field("private_offer", Reference(Entity::PrivateOffer), Owner, CLOUD, "The offer that was accepted."),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The customer."),
    field("listing", Reference(Entity::Listing), Owner, CLOUD, "What may be used."),
    field("product", Text, Owner, CLOUD, "What may be used, by the marketplace's own id."),
    field("plan", Text, Latest, SALES, "The plan."),
    field("quantity", Text, Latest, SALES, "How many seats or units; a whole number."),
    field("dimensions", List(&Text), Owner, CLOUD, "What is included: `DIMENSION QUANTITY`."),
    field("buyer_account", Text, Owner, CLOUD, "The buyer's account at the marketplace."),
    field("email", Text, Latest, SALES, "Where the buyer is reached."),
    field("usage_key", Text, Owner, CLOUD, "What usage is reported against: a licence, a resource, a consumer."),
    field("product_code", Text, Owner, CLOUD, "The code that metering and entitlements use for what was bought."),
    field("customer_id", Text, Owner, CLOUD, "The buyer's id at the seller, where the marketplace gives one."),
    field("registration", Text, Owner, CLOUD, "The id under which the buyer was sent to the seller's sign-up page."),
    field("decision", Enum(DECISIONS), Latest, SALES, "Whether the seller lets it begin."),
    field("decision_reason", Text, Latest, SALES, "Why it was rejected, for the buyer."),
    field("status", Enum(RIGHT_STATES), Owner, CLOUD, "Where it stands."),
    field("starts_on", Date, Owner, CLOUD, "The day on which it begins."),
    field("ends_on", Date, Owner, CLOUD, "The day on which it ends."),
    field("renews", Enum(&["yes", "no"]), Owner, CLOUD, "Whether it goes on by itself at its end."),
];

pub(super) const USAGE_RECORD: &[FieldSpec] = &[
    field("entitlement", Reference(Entity::Entitlement), Owner, FINANCE, "Who used it."),
    field("dimension", Text, Owner, FINANCE, "What was used."),
    field("quantity", Text, Owner, FINANCE, "How much: a decimal number without exponent."),
    field("hour", Instant, Owner, FINANCE, "The full hour, in UTC, in which it was used."),
    field("plan", Text, Owner, FINANCE, "The plan, where the marketplace asks for it."),
    field("status", Enum(USAGE_STATES), Owner, CLOUD, "What the marketplace made of it."),
    field("reason", Text, Owner, CLOUD, "Why it was rejected."),
];

pub(super) const COSELL_DEAL: &[FieldSpec] = &[
    field("name", Text, Latest, SALES, "A title for the deal."),
    field("cloud", Enum(CLOUDS), Latest, SALES, "Whose marketplace or program it is for."),
    field("opportunity", Reference(Entity::Opportunity), Latest, SALES, "The deal in the seller's own CRM."),
    field(
        "registration",
        Reference(Entity::DealRegistration),
        Latest,
        SALES,
        "The claim of the partner that brought it.",
    ),
    field("organization", Reference(Entity::Organization), Latest, SALES, "The customer."),
    field("customer_name", Text, Latest, SALES, "The customer as the cloud is told."),
    field("website", Text, Latest, SALES, "The customer's website."),
    field("address", Address, Latest, SALES, "The customer's address."),
    field("industry", Text, Latest, SALES, "The customer's line of business, in the cloud's own words."),
    field("size", Text, Latest, SALES, "How many people work there."),
    field("duns", Text, Latest, SALES, "The customer's D-U-N-S number."),
    field("buyer_account", Text, Latest, SALES, "The customer's account at the cloud."),
    field("given_name", Text, Latest, SALES, "The given name of whom to talk to."),
    field("family_name", Text, Latest, SALES, "The family name of whom to talk to."),
    field("email", Text, Latest, SALES, "The e-mail address of whom to talk to, in lower case."),
    field("phone", Text, Latest, SALES, "The telephone number of whom to talk to, as E.164."),
    field("job_title", Text, Latest, SALES, "What they do there."),
    field("problem", Text, Latest, SALES, "What the customer needs solved."),
    field("next_step", Text, Latest, SALES, "What happens next."),
    field("amount", Money, Latest, SALES, "What the customer is expected to spend; for AWS in a month."),
    field("stage", Enum(STAGES), Latest, SALES, "How far it has come."),
    field("close_date", Date, Latest, SALES, "The day on which it is expected to close."),
    field("type", Enum(DEAL_TYPES), Latest, SALES, "New business, expansion or renewal."),
    field("help", List(&Text), Latest, SALES, "What is asked of the cloud's team, in the cloud's own words."),
    field("solution", Text, Latest, SALES, "The solution that is sold, by the cloud's own id."),
    field("delivery_models", List(&Text), Latest, SALES, "How it is delivered, in the cloud's own words."),
    field("consent", Enum(CONSENTS), Latest, SALES, "Whether the customer's data may be shared with the cloud."),
    field("private_offer", Reference(Entity::PrivateOffer), Latest, SALES, "The offer that closes it."),
    field("marketplace_offer", Text, Latest, SALES, "The offer that closes it, by the marketplace's own id."),
    field("lost_reason", Text, Latest, SALES, "Why it was lost, in the cloud's own words."),
    field("origin", Enum(ORIGINS), Owner, CLOUD, "Who brought it."),
    field("decision", Enum(DECISIONS), Latest, SALES, "What is answered to an invitation of the cloud's."),
    field("status", Enum(SUBMISSION_STATES), Owner, CLOUD, "How the cloud's review of it stands."),
    field("status_reason", Text, Owner, CLOUD, "What the cloud's review says."),
    field("score", Text, Owner, CLOUD, "How the cloud rates it."),
    field("recommendations", List(&Text), Owner, CLOUD, "What the cloud suggests to do."),
];
