//! What Partner Center does not take of a referral, found before it is sent.

use concord_connector::{
    Fields, Value,
    exchange::{Change, Unfit, Write},
    value::AddressPart,
};

/// What Microsoft can be asked for.
const HELP: [&str; 7] = [
    "Unknown",
    "GeneralOrOther",
    "CustomerTechnicalArchitecture",
    "ProofOfConceptOrDemo",
    "QuotesOrLicensing",
    "PostSalesCustomerSuccess",
    "WorkloadSpecificValueProposition",
];

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str)
}

fn lines<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    match fields.get(name) {
        Some(Some(Value::List(lines))) => lines.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The mistakes, each with what to write.
pub(crate) fn preflight(write: &Write) -> Vec<Unfit> {
    let fields = &write.fields;
    let mut mistakes = Vec::new();
    let mut need = |holds: bool, field: &'static str, sentence: &str| {
        if !holds {
            mistakes.push(Unfit::field(field, sentence));
        }
    };
    let creates = matches!(write.change, Change::Create { .. });
    need(!creates || text(fields, "name").is_some(), "name", "write a title for the deal");
    need(!creates || text(fields, "customer_name").is_some(), "customer_name", "write the customer's name");
    let country = match fields.get("address") {
        Some(Some(Value::Address(address))) => Some(address.get(AddressPart::Country).unwrap_or_default().to_owned()),
        _ => None,
    };
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let sentence = "write an address with the country as its two letters (ISO 3166): `US`";
    need(country.as_deref().map_or(!creates, is_code), "address", sentence);
    let help = lines(fields, "help");
    need(help.len() <= 1, "help", "ask for one kind of help");
    let known = help.iter().all(|code| HELP.contains(code));
    need(known, "help", &format!("write one of {}", HELP.join(", ")));
    let shares = text(fields, "consent") == Some("given");
    let asks = creates && !help.is_empty();
    need(!asks || shares, "consent", "Microsoft can help only where the customer agreed: write `given`");
    need(!asks || text(fields, "solution").is_some(), "solution", "a deal that Microsoft helps with names a solution");
    need(
        !asks || text(fields, "email").is_some(),
        "email",
        "a deal that Microsoft helps with names somebody at the customer",
    );
    if let Some(duns) = text(fields, "duns") {
        need(duns.len() == 9 && duns.bytes().all(|byte| byte.is_ascii_digit()), "duns", "write nine digits");
    }
    if let Some(size) = text(fields, "size") {
        need(size.ends_with("employees"), "size", "write Microsoft's code: `1to9employees`, `10to50employees`");
    }
    if let Some(email) = text(fields, "email") {
        need(email.contains('@'), "email", "write an e-mail address");
    }
    if creates && text(fields, "stage") == Some("lost") {
        need(text(fields, "lost_reason").is_some(), "lost_reason", "write why it was lost");
    }
    mistakes
}
