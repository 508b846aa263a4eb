//! What AWS would not take, found before it is sent: every published constraint, with what to write instead.

use concord_connector::{
    Context, Fields, Value,
    exchange::{Change, Unfit, Write},
    value::{Address, AddressPart},
};

const INDUSTRIES: [&str; 28] = [
    "Aerospace",
    "Agriculture",
    "Automotive",
    "Computers and Electronics",
    "Consumer Goods",
    "Education",
    "Energy - Oil and Gas",
    "Energy - Power and Utilities",
    "Financial Services",
    "Gaming",
    "Government",
    "Healthcare",
    "Hospitality",
    "Life Sciences",
    "Manufacturing",
    "Marketing and Advertising",
    "Media and Entertainment",
    "Mining",
    "Non-Profit Organization",
    "Professional Services",
    "Real Estate and Construction",
    "Retail",
    "Software and Internet",
    "Telecommunications",
    "Transportation and Logistics",
    "Travel",
    "Wholesale and Distribution",
    "Other",
];
const NEEDS: [&str; 8] = [
    "Co-Sell - Architectural Validation",
    "Co-Sell - Business Presentation",
    "Co-Sell - Competitive Information",
    "Co-Sell - Pricing Assistance",
    "Co-Sell - Technical Consultation",
    "Co-Sell - Total Cost of Ownership Evaluation",
    "Co-Sell - Deal Support",
    "Co-Sell - Support for Public Tender / RFx",
];
const MODELS: [&str; 6] =
    ["SaaS or PaaS", "BYOL or AMI", "Managed Services", "Professional Services", "Resell", "Other"];
const LOSSES: [&str; 19] = [
    "Customer Deficiency",
    "Delay / Cancellation of Project",
    "Legal / Tax / Regulatory",
    "Lost to Competitor - Google",
    "Lost to Competitor - Microsoft",
    "Lost to Competitor - SoftLayer",
    "Lost to Competitor - VMWare",
    "Lost to Competitor - Other",
    "No Opportunity",
    "On Premises Deployment",
    "Partner Gap",
    "Price",
    "Security / Compliance",
    "Technical Limitations",
    "Customer Experience",
    "Other",
    "People/Relationship/Governance",
    "Product/Technology",
    "Financial/Commercial",
];

/// The mistakes of a write.
pub(crate) fn write(_cx: &Context, write: &Write) -> Vec<Unfit> {
    let creating = match &write.change {
        Change::Create { .. } => true,
        Change::Update { .. } => false,
        Change::Archive { .. } | Change::Delete { .. } => return Vec::new(),
    };
    let fields = &write.fields;
    let mut found = Vec::new();
    lengths(fields, &mut found);
    words(fields, &mut found);
    forms(fields, &mut found);
    if creating {
        let submits = text(fields, "consent") == Some("given");
        needed(fields, submits, &mut found);
    }
    if text(fields, "stage") == Some("lost") && fields.get("lost_reason").is_some_and(Option::is_none) {
        found.push(Unfit::field("lost_reason", "a deal that is lost says why"));
    }
    found
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_ref().and_then(Value::as_str)
}

fn lengths(fields: &Fields, found: &mut Vec<Unfit>) {
    for (name, least, most) in [
        ("name", 1, 255),
        ("customer_name", 1, 120),
        ("website", 4, 255),
        ("problem", 20, 2000),
        ("next_step", 0, 255),
        ("given_name", 0, 80),
        ("family_name", 0, 80),
        ("job_title", 0, 80),
        ("email", 0, 80),
    ] {
        let Some(length) = text(fields, name).map(|text| text.chars().count()) else { continue };
        if length < least || length > most {
            let sentence = if least > 0 {
                format!("write {least} to {most} characters; there are {length}")
            } else {
                format!("at most {most} characters fit, and there are {length}")
            };
            found.push(Unfit::field(name, sentence));
        }
    }
}

fn words(fields: &Fields, found: &mut Vec<Unfit>) {
    let one_of = |known: &[&str]| format!("write one of AWS's words: {}", known.join(", "));
    if text(fields, "industry").is_some_and(|industry| !INDUSTRIES.contains(&industry)) {
        found.push(Unfit::field("industry", one_of(&INDUSTRIES)));
    }
    if text(fields, "lost_reason").is_some_and(|reason| !LOSSES.contains(&reason)) {
        found.push(Unfit::field("lost_reason", one_of(&LOSSES)));
    }
    for (name, known) in [("help", &NEEDS[..]), ("delivery_models", &MODELS[..])] {
        if let Some(Some(Value::List(listed))) = fields.get(name)
            && listed.iter().filter_map(Value::as_str).any(|word| !known.contains(&word))
        {
            found.push(Unfit::field(name, one_of(known)));
        }
    }
}

fn forms(fields: &Fields, found: &mut Vec<Unfit>) {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if text(fields, "duns").is_some_and(|duns| !digits(duns, 9)) {
        found.push(Unfit::field("duns", "a D-U-N-S number has 9 digits"));
    }
    if text(fields, "buyer_account").is_some_and(|account| !digits(account, 12)) {
        found.push(Unfit::field("buyer_account", "an AWS account is written as its 12 digits"));
    }
    let phone = |text: &str| {
        text.strip_prefix('+').is_some_and(|rest| {
            (2..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()) && !rest.starts_with('0')
        })
    };
    if text(fields, "phone").is_some_and(|text| !phone(text)) {
        found.push(Unfit::field("phone", "write the number with its country and no blanks: +12025550123"));
    }
    if text(fields, "email").is_some_and(|text| text != text.to_lowercase() || !text.contains('@')) {
        found.push(Unfit::field("email", "write an e-mail address in lower case"));
    }
    if let Some(Some(Value::Money(amount))) = fields.get("amount")
        && (amount.minor < 0 || amount.currency.exponent() > 2)
    {
        found.push(Unfit::field("amount", "write an amount that is not negative, with at most two decimals"));
    }
    if let Some(Some(Value::Address(address))) = fields.get("address") {
        of_address(address, found);
    }
}

fn of_address(address: &Address, found: &mut Vec<Unfit>) {
    let country = address.get(AddressPart::Country).unwrap_or_default();
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        found.push(Unfit::field("address", "write the country as its two letters (ISO 3166): US, DE"));
    }
    // AWS has a list of states in full.
    if country == "US" && address.get(AddressPart::Region).is_some_and(|state| state.chars().count() < 4) {
        found.push(Unfit::field("address", "write the state in full: New York"));
    }
    for (part, most) in [(AddressPart::City, 255), (AddressPart::Street, 255), (AddressPart::PostalCode, 20)] {
        if address.get(part).is_some_and(|text| text.chars().count() > most) {
            found.push(Unfit::field("address", format!("a line has at most {most} characters")));
        }
    }
}

/// What a new deal needs, and what one that is submitted at once needs beside.
fn needed(fields: &Fields, submits: bool, found: &mut Vec<Unfit>) {
    let mut need = |name: &str, sentence: &str| {
        if fields.get(name).is_none_or(Option::is_none) {
            found.push(Unfit::field(name, sentence));
        }
    };
    need("name", "write a title: customer, workload, delivery model");
    need("customer_name", "write the customer's name");
    if submits {
        need("website", "write the customer's website");
        need("industry", "write one of AWS's industries");
        need("address", "write the customer's address, with its country");
        need("problem", "write what the customer needs solved, in 20 to 2000 characters");
        need("close_date", "write the day on which it is expected to close");
        need("amount", "write what the customer is expected to spend at AWS in a month");
        need("delivery_models", "write how it is delivered: `SaaS or PaaS`");
        need("help", "write what is asked of AWS: `Co-Sell - Deal Support`");
    }
}
