//! Roles: of an account towards us, and of a partner on an opportunity.

use concord_connector::Context;
use serde_json::{Value as Json, json};

const ROLES: &str = "Concord_Roles__c";

/// Fills the roles of an account where nobody has chosen any. The vendor has no such field: `IsPartner` is the partner
/// programme's own switch, and `Type` is a picklist of one value, with these values in a new org.
pub(crate) fn of_account(row: &mut Json) {
    if row.get(ROLES).and_then(Json::as_str).is_some_and(|roles| !roles.trim().is_empty()) {
        return;
    }
    let mut roles = Vec::new();
    match row.get("Type").and_then(Json::as_str) {
        Some("Channel Partner / Reseller" | "Installation Partner" | "Technology Partner" | "Partner") => {
            roles.push("partner");
        }
        Some("Customer - Direct" | "Customer - Channel" | "Customer") => roles.push("customer"),
        Some("Distributor") => roles.push("distributor"),
        Some("Prospect") => roles.push("prospect"),
        _ => {}
    }
    if row.get("IsPartner") == Some(&Json::Bool(true)) && !roles.contains(&"partner") {
        roles.push("partner");
    }
    if !roles.is_empty() {
        row[ROLES] = json!(roles.join(";"));
    }
}

/// The org's labels for roles of partners, as the option `partner_roles` pairs them with ours.
pub(crate) struct Partners<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Partners<'a> {
    pub(crate) fn of(cx: &'a Context) -> Self {
        let pairs = cx.option("partner_roles").unwrap_or_default().split(';').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(ours, label)| (ours.trim(), label.trim())).collect())
    }
    /// Ours for a label; labels that nobody paired keep their words.
    pub(crate) fn ours(&self, label: &str) -> String {
        let known = self.0.iter().find(|(_, theirs)| theirs.eq_ignore_ascii_case(label.trim()));
        known.map_or_else(|| label.trim().to_lowercase().replace([' ', '-', '/'], "_"), |(ours, _)| (*ours).to_owned())
    }
    /// The label for one of ours; an unpaired one is written as words, which the org's picklist accepts or refuses.
    pub(crate) fn label(&self, ours: &str) -> String {
        let known = self.0.iter().find(|(name, _)| *name == ours);
        known.map_or_else(|| words(ours), |(_, label)| (*label).to_owned())
    }
}

fn words(snake: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    };
    snake.split('_').map(capital).collect::<Vec<String>>().join(" ")
}
