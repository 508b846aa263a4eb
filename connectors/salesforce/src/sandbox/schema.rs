//! Objects and fields, as far as a partner programme uses them.

use concord_connector::Instant;
use std::fmt::Write as _;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Id,
    Text(usize),
    Email,
    Flag,
    /// A decimal with two decimals.
    Currency,
    Date,
    Stamp,
    /// The id of a record of that object.
    Reference(&'static str),
    /// A picklist that takes any value of at most that many characters.
    Pick(usize),
    /// A picklist that takes only these.
    Restricted(&'static [&'static str]),
    /// Several of these, kept in this order.
    Several(&'static [&'static str]),
}

/// Who may write a field through the API.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Access {
    Write,
    CreateOnly,
    Read,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) access: Access,
    pub(super) required: bool,
}

/// One object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    fields: &'static [Field],
    /// Whether change events are sent for it.
    pub(super) streams: bool,
}

use Access::{CreateOnly, Read, Write};
use Kind::{Currency, Date, Email, Flag, Id, Pick, Reference, Restricted, Several, Stamp, Text};

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, access: Write, required: false }
}
const fn needed(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, access: Write, required: true }
}
const fn once(name: &'static str, kind: Kind, required: bool) -> Field {
    Field { name, kind, access: CreateOnly, required }
}
const fn read(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, access: Read, required: false }
}

/// Fields of every record.
const COMMON: &[Field] = &[
    read("Id", Id),
    read("IsDeleted", Flag),
    read("CreatedDate", Stamp),
    read("LastModifiedDate", Stamp),
    read("SystemModstamp", Stamp),
];

/// The admin's external id.
pub(super) const MARKER: &str = "Concord_Id__c";
const KEYS: Field = field("Concord_External_Keys__c", Text(255));
const CODE: Field = field("CurrencyIsoCode", Restricted(CURRENCIES));
pub(super) const CURRENCIES: &[&str] =
    &["USD", "EUR", "GBP", "CHF", "JPY", "KWD", "SEK", "NOK", "DKK", "PLN", "CAD", "AUD", "INR", "BRL", "SGD"];
const ROLES: &[&str] = &["Partner", "Customer", "Distributor", "Prospect"];

const ACCOUNT: &[Field] = &[
    needed("Name", Text(255)),
    field("AccountNumber", Text(40)),
    field("Type", Pick(255)),
    field("Industry", Pick(255)),
    field("Website", Text(255)),
    field("Phone", Text(40)),
    field("Description", Text(32_000)),
    field("BillingStreet", Text(255)),
    field("BillingCity", Text(40)),
    field("BillingState", Text(80)),
    field("BillingPostalCode", Text(20)),
    field("BillingCountry", Text(80)),
    field("AnnualRevenue", Currency),
    CODE,
    field("ParentId", Reference("Account")),
    field("DunsNumber", Text(9)),
    read("IsPartner", Flag),
    read("ChannelProgramName", Text(255)),
    read("ChannelProgramLevelName", Text(255)),
    read("MasterRecordId", Reference("Account")),
    field(MARKER, Text(64)),
    KEYS,
    field("Concord_Roles__c", Several(ROLES)),
    field("Concord_Legal_Name__c", Text(255)),
    field("Concord_Email__c", Email),
    field("Concord_Tax_Id__c", Text(40)),
    field("Concord_Lei__c", Text(20)),
];

const CONTACT: &[Field] = &[
    read("Name", Text(121)),
    field("FirstName", Text(40)),
    needed("LastName", Text(80)),
    field("Email", Email),
    field("Phone", Text(40)),
    field("Title", Text(128)),
    field("AccountId", Reference("Account")),
    CODE,
    read("MasterRecordId", Reference("Contact")),
    field(MARKER, Text(64)),
    KEYS,
];

const LEAD: &[Field] = &[
    read("Name", Text(121)),
    needed("Company", Text(255)),
    field("FirstName", Text(40)),
    needed("LastName", Text(80)),
    field("Email", Email),
    field("Phone", Text(40)),
    field("Status", Pick(255)),
    field("LeadSource", Pick(255)),
    read("IsConverted", Flag),
    read("ConvertedAccountId", Reference("Account")),
    read("ConvertedContactId", Reference("Contact")),
    read("PartnerAccountId", Reference("Account")),
    CODE,
    read("MasterRecordId", Reference("Lead")),
    field(MARKER, Text(64)),
    KEYS,
    field("Concord_Title__c", Text(255)),
];

const OPPORTUNITY: &[Field] = &[
    needed("Name", Text(120)),
    field("AccountId", Reference("Account")),
    field("Amount", Currency),
    CODE,
    needed("StageName", Pick(255)),
    needed("CloseDate", Date),
    field("Type", Pick(255)),
    field("NextStep", Text(255)),
    field("Description", Text(32_000)),
    read("IsClosed", Flag),
    read("IsWon", Flag),
    read("PartnerAccountId", Reference("Account")),
    field(MARKER, Text(64)),
    KEYS,
    field("Concord_Lost_Reason__c", Text(255)),
];

const OPPORTUNITY_PARTNER: &[Field] = &[
    once("OpportunityId", Reference("Opportunity"), true),
    once("AccountToId", Reference("Account"), true),
    once("Role", Pick(40), false),
    once("IsPrimary", Flag, false),
    read("ReversePartnerId", Reference("OpportunityPartner")),
];

const PROGRAM: &[Field] = &[needed("Name", Text(80)), field("Category", Pick(255)), field("IsActive", Flag), CODE];

const LEVEL: &[Field] = &[
    once("ProgramId", Reference("ChannelProgram"), true),
    needed("Name", Text(80)),
    field("Description", Text(255)),
    CODE,
];

const MEMBER: &[Field] = &[
    read("Name", Text(80)),
    once("PartnerId", Reference("Account"), true),
    field("ProgramId", Reference("ChannelProgram")),
    field("LevelId", Reference("ChannelProgramLevel")),
    CODE,
    field(MARKER, Text(64)),
    KEYS,
    field("Concord_Status__c", Restricted(&["Active", "Prospective", "Suspended", "Ended"])),
    field("Concord_Started_On__c", Date),
];

const REGISTRATION: &[Field] = &[
    needed("Name", Text(80)),
    field("Partner__c", Reference("Account")),
    field("Account__c", Reference("Account")),
    field("Customer_Name__c", Text(255)),
    field("Opportunity__c", Reference("Opportunity")),
    field(
        "Status__c",
        Restricted(&["Draft", "Submitted", "In Review", "Approved", "Rejected", "Expired", "Converted", "Withdrawn"]),
    ),
    field("Amount__c", Currency),
    CODE,
    field("Close_Date__c", Date),
    field("Submitted_On__c", Date),
    field("Protected_Until__c", Date),
    field("Description__c", Text(32_000)),
    field(MARKER, Text(64)),
    KEYS,
];

const ORGANIZATION: &[Field] = &[read("Name", Text(80)), read("TimeZoneSidKey", Text(80)), read("IsSandbox", Flag)];
const CURRENCY_TYPE: &[Field] = &[read("IsoCode", Text(3)), read("IsCorporate", Flag), read("DecimalPlaces", Text(2))];

const fn object(name: &'static str, prefix: &'static str, fields: &'static [Field], streams: bool) -> Object {
    Object { name, prefix, fields, streams }
}

/// Every object. The prefix of standard ones is the vendor's, that of custom ones the org's.
pub(super) const OBJECTS: &[Object] = &[
    object("Account", "001", ACCOUNT, true),
    object("Contact", "003", CONTACT, true),
    object("Lead", "00Q", LEAD, true),
    object("Opportunity", "006", OPPORTUNITY, true),
    object("OpportunityPartner", "00I", OPPORTUNITY_PARTNER, false),
    object("ChannelProgram", "0iO", PROGRAM, false),
    object("ChannelProgramLevel", "0iP", LEVEL, false),
    object("ChannelProgramMember", "0iQ", MEMBER, false),
    object("Deal_Registration__c", "a01", REGISTRATION, true),
    object("Organization", "00D", ORGANIZATION, false),
    object("CurrencyType", "01L", CURRENCY_TYPE, false),
];

/// The object of a name; names are not case-sensitive.
pub(super) fn find(name: &str) -> Option<&'static Object> {
    OBJECTS.iter().find(|object| object.name.eq_ignore_ascii_case(name))
}

impl Object {
    /// Every field, the common ones first.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        COMMON.iter().chain(self.fields)
    }
    /// A field; names are not case-sensitive.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name))
    }
    /// The object behind a relationship: `Account` of a contact is what `AccountId` points at.
    pub(super) fn parent(&self, relationship: &str) -> Option<(&'static Field, &'static Object)> {
        let name = match relationship.strip_suffix("__r") {
            Some(custom) => format!("{custom}__c"),
            None => format!("{relationship}Id"),
        };
        let field = self.field(&name)?;
        let Kind::Reference(to) = field.kind else { return None };
        Some((field, find(to)?))
    }
    /// The child object and its field for a child relationship.
    pub(super) fn children(&self, relationship: &str) -> Option<(&'static Object, &'static str)> {
        let (child, field) = match (self.name, relationship) {
            ("Opportunity", "OpportunityPartnersFrom") => ("OpportunityPartner", "OpportunityId"),
            ("Account", "OpportunityPartnersTo") => ("OpportunityPartner", "AccountToId"),
            ("Account", "Contacts") => ("Contact", "AccountId"),
            ("Account", "Opportunities") => ("Opportunity", "AccountId"),
            ("ChannelProgram", "ChannelProgramMembers") => ("ChannelProgramMember", "ProgramId"),
            _ => return None,
        };
        Some((find(child)?, field))
    }
}

/// An id from a number: prefix, two characters of the pod, the number in base 62, then the three of the checksum.
pub(super) fn id(prefix: &str, seed: u64, number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digit = |value: u64| char::from(DIGITS[(value % 62) as usize]);
    let mut id = String::with_capacity(18);
    let _ignored = write!(id, "{prefix}{}{}", digit(seed), digit(seed / 62));
    for place in (0..10).rev() {
        id.push(digit(number / 62_u64.pow(place)));
    }
    full(&id)
}

/// The 18 characters of an id of 15; another text as it is.
pub(super) fn full(id: &str) -> String {
    if !id.is_ascii() || !matches!(id.len(), 15 | 18) {
        return id.to_owned();
    }
    let mut out = id[..15].to_owned();
    for block in 0..3 {
        let upper = |place: usize| id.as_bytes()[block * 5 + place].is_ascii_uppercase();
        let value = (0..5).filter(|place| upper(*place)).fold(0_u8, |sum, place| sum + (1 << place));
        out.push(char::from(if value < 26 { b'A' + value } else { b'0' + value - 26 }));
    }
    out
}

/// `2026-01-02T03:04:05.000+0000`: whole seconds, as the vendor keeps them.
pub(super) fn stamp(at: Instant) -> String {
    let text = at.rfc3339();
    format!("{}.000+0000", text.get(..19).unwrap_or(&text))
}
