//! The mapping of a system as a table for its README.

use crate::{
    Manifest,
    codec::{Codec, DateForm, InstantForm},
    mapping::{Flow, Rule},
    schema::{Entity, Type},
};

const BEGIN: &str = "<!-- mapping:begin -->";
const END: &str = "<!-- mapping:end -->";

/// The table of every mapped field, in Markdown.
pub fn mapping_table(manifest: &Manifest) -> String {
    let mut out = String::new();
    for (entity, mapping) in &manifest.entity {
        out.push_str(&format!("\n**{entity}** is `{}`\n\n", mapping.object));
        out.push_str("| field | there | way | written as |\n|---|---|---|---|\n");
        for rule in &mapping.fields {
            let way = match rule.flow {
                Flow::Both => "both ways",
                Flow::In => "read",
                Flow::Out => "written",
                Flow::Create => "read; written once, on creation",
                Flow::Update => "read; written to what is there",
            };
            let mut notes = written_as(rule, *entity);
            for (said, note) in [(rule.required, "needed to create"), (rule.optional, "where the account has it")] {
                if said {
                    notes.push_str(&format!("; {note}"));
                }
            }
            out.push_str(&format!("| `{}` | `{}` | {way} | {notes} |\n", rule.field, rule.vendor));
        }
    }
    out
}

/// A README with the table between its markers; `None` when it has no markers.
pub fn with_mapping_table(readme: &str, manifest: &Manifest) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", mapping_table(manifest)))
}

fn written_as(rule: &Rule, entity: Entity) -> String {
    let pairs = |pairs: &[(String, String)]| {
        pairs.iter().map(|(theirs, ours)| format!("`{theirs}` = {ours}")).collect::<Vec<_>>().join(", ")
    };
    let Ok(codec) = rule.effective(entity) else { return "?".into() };
    match codec {
        Codec::Default | Codec::Text => "text".into(),
        Codec::TextMax(max) => format!("text, at most {max} characters"),
        Codec::Lower => "text in lower case".into(),
        Codec::Domain => "host name".into(),
        Codec::Date(DateForm::Iso) => "date".into(),
        Codec::Date(DateForm::InstantInZone) => "instant, as a date in the account's zone".into(),
        Codec::Date(DateForm::MidnightUtcMs) => "midnight UTC in milliseconds".into(),
        Codec::Instant(InstantForm::Rfc3339) => "instant".into(),
        Codec::Instant(InstantForm::EpochMs | InstantForm::EpochMsNumber) => "instant in milliseconds".into(),
        Codec::Instant(InstantForm::EpochS) => "instant in seconds".into(),
        Codec::Money { minor: true, currency: Some(pointer), .. } => format!("minor units, currency at `{pointer}`"),
        Codec::Money { minor: true, .. } => "minor units of the account's currency".into(),
        Codec::Flag(yes, no) => format!("true = {yes}, false = {no}"),
        Codec::Array(map) => format!("array of {}", pairs(&map)),
        Codec::ReferenceNumber(to) => format!("id of the {to}, a number"),
        Codec::Ids(to) => format!("ids of {to} records"),
        Codec::Money { currency: Some(pointer), .. } => format!("amount, currency at `{pointer}`"),
        Codec::Money { currency: None, .. } => "amount in the account's currency".into(),
        Codec::Enum(map) => pairs(&map),
        Codec::EnumOpen(map) if map.is_empty() => "any value".into(),
        Codec::EnumOpen(map) => format!("{}; others as they are", pairs(&map)),
        Codec::Reference(to) => format!("id of the {to}"),
        Codec::References(to) => format!("ids of {to} records, with roles"),
        Codec::Lines => "a line each".to_owned(),
        Codec::Texts => "an array of texts".to_owned(),
        Codec::Joined { separator, map } if map.is_empty() => format!("values separated by `{separator}`"),
        Codec::Joined { separator, map } => format!("values separated by `{separator}`: {}", pairs(&map)),
        Codec::Address(parts) => {
            let names: Vec<_> = parts.values().map(|name| format!("`{name}`")).collect();
            debug_assert!(entity.field(rule.field.as_str()).is_none_or(|spec| spec.ty == Type::Address));
            format!("address in {}", names.join(", "))
        }
    }
}
