//! What Google does not take of a deal, found before it is sent.

use concord_connector::{
    Context, Fields, Value,
    exchange::{Change, Unfit, Write},
    value::AddressPart,
};

/// What Google can be asked for.
const HELP: [&str; 6] =
    ["OTHER_SUPPORT_LEVEL", "TECH", "TRANSACTION", "UPSELL_RENEW_CROSS_SELL", "ALIGN_SALES_ACCOUNT", "ALREADY_CONTACT"];
/// How a solution is delivered.
const DELIVERY: [&str; 4] =
    ["OTHER_DELIVERY_MODEL", "DATA_TO_CUSTOMER_BIGQUERY", "VM_ON_CUSTOMER_TENANCY", "SAAS_ON_GOOGLE_CLOUD"];

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn lines<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    match fields.get(name) {
        Some(Some(Value::List(lines))) => lines.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The mistakes, each with what to write.
pub(crate) fn preflight(cx: &Context, write: &Write) -> Vec<Unfit> {
    if !crate::is_on(cx) {
        let sentence =
            "co-sell with Google is off: ask Google for access to opportunities, and set `channel_api = \"true\"`";
        return vec![Unfit::whole(sentence)];
    }
    let fields = &write.fields;
    let mut mistakes = Vec::new();
    let mut need = |holds: bool, field: &'static str, sentence: &str| {
        if !holds {
            mistakes.push(Unfit::field(field, sentence));
        }
    };
    let creates = matches!(write.change, Change::Create { .. });
    for (field, sentence) in [
        ("name", "write a title for the deal"),
        ("customer_name", "write the customer's name"),
        ("website", "write the customer's domain: `contoso.example`"),
        ("size", "write how many people work at the customer, as a number"),
        ("given_name", "write the given name of somebody at the customer"),
        ("family_name", "write the family name of somebody at the customer"),
        ("email", "write an e-mail address at the customer"),
    ] {
        need(!creates || text(fields, field).is_some(), field, sentence);
    }
    let country = match fields.get("address") {
        Some(Some(Value::Address(address))) => Some(address.get(AddressPart::Country).unwrap_or_default().to_owned()),
        _ => None,
    };
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let sentence = "write an address with the country as its two letters (ISO 3166): `US`";
    need(country.as_deref().map_or(!creates, is_code), "address", sentence);
    let domain = text(fields, "website").is_none_or(|text| text.contains('.') && !text.contains(['/', ':', ' ']));
    need(domain, "website", "write the domain alone: `contoso.example`");
    let number = text(fields, "size").is_none_or(|text| text.parse::<u64>().is_ok_and(|count| count > 0));
    need(number, "size", "write a number: `500`");
    need(text(fields, "email").is_none_or(|text| text.contains('@')), "email", "write an e-mail address");
    let phone = text(fields, "phone").is_none_or(|text| {
        text.strip_prefix('+')
            .is_some_and(|rest| (6..=15).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit()))
    });
    need(phone, "phone", "write it as E.164: `+12025550123`");
    for (field, known) in [("help", &HELP[..]), ("delivery_models", &DELIVERY[..])] {
        let said = lines(fields, field);
        need(
            said.len() <= 1 && said.iter().all(|word| known.contains(word)),
            field,
            &format!("write one of {}", known.join(", ")),
        );
    }
    mistakes
}
