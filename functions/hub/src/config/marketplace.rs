//! `[marketplaces.CLOUD]`: what a marketplace keeps of the price, and when its ends are told of.

use super::reader::Reader;
use crate::derive::{Marketplace, Percent};
use concord_connector::{Entity, mistake::unknown, schema::Type};
use std::collections::BTreeMap;
use toml::de::DeTable;

const KNOWN: &[&str] = &["fee", "renewal_fee", "warn_before_days", "warn_offer_before_days"];

pub(super) fn read(reader: &mut Reader, root: &DeTable<'_>) -> BTreeMap<String, Marketplace> {
    let mut all = BTreeMap::new();
    let Some((table, _)) = reader.table(root, "marketplaces") else { return all };
    for (key, value) in table {
        let cloud = key.get_ref().to_string();
        let known = match Entity::PrivateOffer.field("cloud").map(|spec| spec.ty) {
            Some(Type::Enum(known)) => known,
            _ => &[],
        };
        if !known.contains(&cloud.as_str()) {
            reader.wrong(key.span().start, unknown(&cloud, "marketplace", known));
        }
        let Some((table, _)) = reader.table_of(value, &cloud) else { continue };
        reader.known(table, "a marketplace", KNOWN);
        let mut fee = |name: &str| {
            let text = reader.text(table, name)?;
            let percent = Percent::parse(&text.value);
            if percent.is_none() {
                let sentence = format!("`{}` is no share of a price; write `{name} = \"3 %\"`.", text.value);
                reader.wrong(text.at, sentence);
            }
            percent
        };
        let (fee, renewal_fee) = (fee("fee"), fee("renewal_fee"));
        let mut days = |name: &str| reader.number(table, name).and_then(|days| u32::try_from(days.value).ok());
        let market = Marketplace {
            fee,
            renewal_fee,
            warn_before_days: days("warn_before_days"),
            warn_offer_before_days: days("warn_offer_before_days"),
        };
        all.insert(cloud, market);
    }
    all
}
