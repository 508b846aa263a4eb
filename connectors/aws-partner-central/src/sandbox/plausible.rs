//! Values that AWS takes, for tests.

use concord_connector::{
    Value,
    value::{Address, AddressPart},
};
use jiff::civil::date;

pub(super) fn value(field: &str, n: u64) -> Option<Option<Value>> {
    let text = |text: &str| Some(Some(Value::Text(text.into())));
    let word = |word: &str| Some(Some(Value::Enum(word.into())));
    let list = |word: &str| Some(Value::list(vec![Value::Text(word.into())]));
    match field {
        "website" => text(&format!("https://company{n}.example.com")),
        "industry" => text("Software and Internet"),
        "address" => {
            let parts = [
                (AddressPart::Street, format!("{} Example Street", 1 + n)),
                (AddressPart::City, "Albany".to_owned()),
                (AddressPart::Region, "New York".to_owned()),
                (AddressPart::PostalCode, "12207".to_owned()),
                (AddressPart::Country, "US".to_owned()),
            ];
            Some(Address::from_parts(parts).map(Value::Address))
        }
        "duns" => text("123456789"),
        "buyer_account" => text("111122223333"),
        "phone" => text("+12025550123"),
        "problem" => text(&format!("Partner deals differ in four systems, and nobody knows why ({n}).")),
        "close_date" => Some(Some(Value::Date(date(2030, 12, 31)))),
        "stage" => word("prospect"),
        "type" => word("new_business"),
        "help" => list("Co-Sell - Deal Support"),
        "delivery_models" => list("SaaS or PaaS"),
        "solution" => text("S-0012345"),
        "consent" => word("withheld"),
        "lost_reason" | "decision" | "marketplace_offer" => Some(None),
        _ => None,
    }
}
