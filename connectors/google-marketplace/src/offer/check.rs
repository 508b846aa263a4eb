//! What Google does not take of a private offer, by the rules that its messages publish.

use super::build::{amount, date, lines, longest, product, term, text};
use concord_connector::{
    Context, Fields,
    exchange::{Change, Unfit, Write},
    offer::{Installment, decimal},
};

/// Seven years.
const LONGEST_TERM: i64 = 84;
/// A thousand million dollars, in cents.
const MOST: i64 = 100_000_000_000;
/// What our mark needs of the note.
const MARK: usize = 60;

struct Check<'a> {
    fields: &'a Fields,
    mistakes: Vec<Unfit>,
}

impl Check<'_> {
    fn need(&mut self, holds: bool, field: &'static str, sentence: &str) {
        if !holds {
            self.mistakes.push(Unfit::field(field, sentence));
        }
    }

    fn words(&mut self) {
        let fields = self.fields;
        let length = |name: &str| text(fields, name).map_or(0, |text| text.chars().count());
        self.need((1..=256).contains(&length("name")), "name", "write a title of at most 256 characters");
        self.need(
            (1..=256).contains(&length("customer_name")),
            "customer_name",
            "write who the customer is, in at most 256 characters",
        );
        self.need(
            (1..=256).contains(&length("contact")),
            "contact",
            "write whom the customer's contact is, in at most 256 characters",
        );
        self.need(length("note_to_buyer") <= 120, "note_to_buyer", "write at most 120 characters");
        self.need(
            length("internal_note") <= 1500 - MARK,
            "internal_note",
            "write at most 1440 characters: the rest is our mark's",
        );
        let address = text(fields, "email")
            .is_none_or(|text| text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.')));
        self.need(address, "email", "write an e-mail address, or nothing");
        self.need(
            text(fields, "eula").is_none_or(|text| text == "standard"),
            "eula",
            "write `standard`: documents of your own are attached in Producer Portal",
        );
        self.need(
            text(fields, "kind") != Some("amendment"),
            "kind",
            "amend an offer in Producer Portal, or write `new` or `renewal`",
        );
        let standard = product(fields).is_some_and(|name| {
            let parts: Vec<&str> = name.split('/').collect();
            matches!(parts.as_slice(), ["projects", _, "locations", _, "services", _, "standardOffers", _])
                && !parts.contains(&"")
        });
        self.need(
            standard,
            "product",
            "write the standard offer: `projects/P/locations/global/services/S/standardOffers/O`",
        );
        let buyers = lines(fields, "buyers");
        self.need(
            matches!(buyers.as_slice(), [one] if is_account(one)),
            "buyers",
            "write one billing account: `billingAccounts/012345-567890-ABCDEF`",
        );
    }

    fn days(&mut self) {
        let fields = self.fields;
        let (accept, start, end) = (date(fields, "accept_by"), date(fields, "starts_on"), date(fields, "ends_on"));
        self.need(
            accept.is_some(),
            "accept_by",
            "write the last day on which it can be accepted, at most three months ahead",
        );
        let before = |other: Option<jiff::civil::Date>| accept.zip(other).is_none_or(|(accept, other)| accept < other);
        self.need(before(start), "accept_by", "it has to be accepted before the day on which it begins");
        self.need(before(end), "accept_by", "it has to be accepted before its last day");
        self.need(
            start.zip(end).is_none_or(|(start, end)| start <= end),
            "ends_on",
            "write a day after the one on which it begins",
        );
        self.need(
            term(fields).is_some() != end.is_some(),
            "duration",
            "write either for how many months it holds (`P12M`) or its last day",
        );
        self.need(
            term(fields).is_none_or(|months| months <= LONGEST_TERM),
            "duration",
            "write at most seven years: `P84M`",
        );
    }

    fn prices(&mut self) {
        let fields = self.fields;
        let installments = lines(fields, "installments");
        let due: Vec<Installment> = installments.iter().filter_map(|line| Installment::parse(line).ok()).collect();
        self.need(
            due.len() == installments.len(),
            "installments",
            "write each as `YYYY-MM-DD AMOUNT USD`: `2026-12-20 12000.00 USD`",
        );
        let (amount, percent) = (amount(fields), text(fields, "discount"));
        self.need(amount.is_some() || percent.is_some(), "amount", "write an amount, or a discount on what is used");
        if let Some(amount) = amount {
            self.need(amount.currency.code() == "USD", "amount", "Google takes prices of private offers in USD");
            self.need((0..=MOST).contains(&amount.minor), "amount", "write an amount from 0 to 1,000,000,000");
        }
        if due.is_empty() {
            let even = match (amount, term(fields)) {
                (Some(amount), Some(months)) => amount.minor % (months / longest(months).1) == 0,
                (Some(_), None) => false,
                (None, _) => true,
            };
            self.need(even, "amount", "write an amount that is paid in equal parts in each year, quarter or month of the duration, or write installments");
        } else {
            let sum = due.iter().fold(0_i64, |sum, one| sum.saturating_add(one.amount.minor));
            self.need(
                amount.is_some_and(|amount| amount.minor == sum),
                "amount",
                "write what the installments add up to",
            );
            self.need(
                due.iter().all(|one| one.amount.currency.code() == "USD"),
                "installments",
                "Google takes prices in USD",
            );
            self.need(
                due.windows(2).all(|two| two[0].on < two[1].on),
                "installments",
                "write them in the order of their days, one a day",
            );
            self.need(
                date(fields, "starts_on") == Some(due[0].on),
                "starts_on",
                "write the day of the first installment",
            );
            self.need(percent.is_none(), "discount", "write either installments or a discount");
        }
        let within = percent.is_none_or(|text| {
            let whole = decimal(text).and_then(|text| text.split('.').next()?.parse::<u32>().ok());
            whole.is_some_and(|whole| whole < 100) || decimal(text).as_deref() == Some("100")
        });
        self.need(within, "discount", "write a number from 0 to 100, without a percent sign");
        for other in ["grants", "rates", "prices", "markup"] {
            self.need(
                lines(fields, other).is_empty() && text(fields, other).is_none(),
                other,
                "Google takes none: the plan has them",
            );
        }
    }
}

/// `billingAccounts/012345-567890-ABCDEF`.
fn is_account(text: &str) -> bool {
    let parts: Vec<&str> = text.strip_prefix("billingAccounts/").unwrap_or_default().split('-').collect();
    parts.len() == 3 && parts.iter().all(|part| part.len() == 6 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What would not be taken.
pub(crate) fn preflight(cx: &Context, write: &Write) -> Vec<Unfit> {
    if !crate::producer::is_on(cx) {
        let sentence =
            "private offers are off: ask Google for access to Commerce Producer, and set `producer_api = \"true\"`";
        return vec![Unfit::whole(sentence)];
    }
    if !matches!(write.change, Change::Create { .. }) {
        return Vec::new();
    }
    let mut check = Check { fields: &write.fields, mistakes: Vec::new() };
    check.words();
    check.days();
    check.prices();
    if cx.option("partner_contact").is_none_or(|text| text.trim().is_empty()) {
        check
            .mistakes
            .push(Unfit::whole("set the option `partner_contact` of the connection: Google shows it to the customer"));
    }
    check.mistakes
}

#[cfg(test)]
mod tests {
    use super::is_account;

    #[test]
    fn an_account_is_told_from_a_word() {
        assert!(is_account("billingAccounts/012345-567890-ABCDEF"));
        assert!(!is_account("012345-567890-ABCDEF") && !is_account("billingAccounts/contoso") && !is_account(""));
    }
}
