//! Search: filter groups joined by "or", filters joined by "and", one sort, pages of at most 200, never past row 10,000.

use super::{
    Portal,
    object::Object,
    property::{Kind, instant},
    refusal::{Answer, Refusal},
    store::Record,
};
use concord_connector::time::Instant;
use serde_json::{Value as Json, json};
use std::{cmp::Ordering, collections::BTreeSet};

const PAGE: u64 = 200;
const ROWS: u64 = 10_000;
const GROUPS: usize = 5;

impl Portal {
    pub(super) fn search(&self, now: Instant, object: &'static Object, body: &Json) -> Answer<Json> {
        let limit = body["limit"].as_u64().unwrap_or(10);
        let after: u64 = match body.get("after") {
            None => 0,
            Some(after) => text(after).parse().map_err(|_| Refusal::invalid("Invalid `after`"))?,
        };
        if limit > PAGE {
            return Err(Refusal::invalid(format!("limit {limit} is greater than the maximum of {PAGE}")));
        }
        if after + limit > ROWS {
            return Err(Refusal::invalid(format!("ran past the {ROWS} rows that a search can answer")));
        }
        let none = Vec::new();
        let groups = body["filterGroups"].as_array().unwrap_or(&none);
        if groups.len() > GROUPS {
            return Err(Refusal::invalid(format!("at most {GROUPS} filter groups")));
        }
        let filters: Vec<Vec<Filter<'_>>> =
            groups.iter().map(|group| Filter::group(object, group)).collect::<Answer<_>>()?;
        let indexed = |record: &&Record| record.created().plus(self.search_lag) <= now;
        let hit = |record: &&Record| {
            let stale = record.updated.plus(self.search_lag) > now;
            filters.is_empty() || filters.iter().any(|group| group.iter().all(|filter| filter.holds(record, stale)))
        };
        let mut hits: Vec<&Record> =
            self.candidates(object, &filters).into_iter().filter(indexed).filter(hit).collect();
        sort(object, &body["sorts"], &mut hits)?;
        let names: BTreeSet<String> = body["properties"].as_array().into_iter().flatten().map(text).collect();
        let page: Vec<Json> = hits
            .iter()
            .skip(usize::try_from(after).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or_default())
            .map(|record| record.show(&names, &[]))
            .collect();
        let mut answer = json!({ "total": hits.len(), "results": page });
        let next = after + page_len(&answer);
        if next < hits.len() as u64 {
            answer["paging"] = json!({ "next": { "after": next.to_string() } });
        }
        Ok(answer)
    }

    /// Records that may be hits: the holders of a unique value, or those above an id, where the filters ask for that.
    fn candidates(&self, object: &'static Object, filters: &[Vec<Filter<'_>>]) -> Vec<&Record> {
        let holders = |group: &Vec<Filter<'_>>| {
            let unique = |filter: &&Filter<'_>| filter.operator == "EQ" && filter.unique;
            let filter = group.iter().find(unique)?;
            Some(self.by_unique(object, filter.name, &filter.value).ok().flatten())
        };
        if let Some(ids) = filters.iter().map(holders).collect::<Option<Vec<_>>>().filter(|ids| !ids.is_empty()) {
            let ids: BTreeSet<u64> = ids.into_iter().flatten().collect();
            return ids.into_iter().filter_map(|id| self.records.get(&(object.name, id))).collect();
        }
        let above = |group: &Vec<Filter<'_>>| {
            let filter = group.iter().find(|filter| filter.operator == "GT" && filter.name == "hs_object_id")?;
            filter.value.parse::<u64>().ok()
        };
        let from = filters.iter().map(above).min().flatten().map_or(0, |id| id.saturating_add(1));
        let records = self.records.range((object.name, from)..=(object.name, u64::MAX));
        records.map(|(_, record)| record).filter(|record| record.live()).collect()
    }
}

fn page_len(answer: &Json) -> u64 {
    answer["results"].as_array().map_or(0, |page| page.len() as u64)
}

fn text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn sort(object: &Object, sorts: &Json, hits: &mut [&Record]) -> Answer<()> {
    let Some(first) = sorts.as_array().and_then(|sorts| sorts.first()) else { return Ok(()) };
    let (name, descending) = match first {
        Json::String(text) => (text.trim_start_matches('-').to_owned(), text.starts_with('-')),
        other => (text(&other["propertyName"]), other["direction"] == "DESCENDING"),
    };
    let Some(property) = object.property(&name) else {
        return Err(Refusal::invalid(format!("There was a problem with the request: unknown sort property {name}")));
    };
    if name == "hs_object_id" && !descending {
        // They come in this order already.
        return Ok(());
    }
    hits.sort_by(|a, b| {
        let (a, b) = (a.value(&name).unwrap_or_default(), b.value(&name).unwrap_or_default());
        let order = compare(property.kind, &a, &b);
        if descending { order.reverse() } else { order }
    });
    Ok(())
}

/// One condition.
struct Filter<'a> {
    kind: Kind,
    name: &'a str,
    operator: &'a str,
    value: String,
    high: String,
    values: Vec<String>,
    /// On the modified time: the time to compare with.
    modified: Option<Instant>,
    unique: bool,
}

impl<'a> Filter<'a> {
    fn group(object: &Object, group: &'a Json) -> Answer<Vec<Self>> {
        let filters = group["filters"].as_array().ok_or_else(|| Refusal::invalid("a filter group has no filters"))?;
        filters.iter().map(|filter| Self::new(object, filter)).collect()
    }

    fn new(object: &Object, json: &'a Json) -> Answer<Self> {
        const KNOWN: [&str; 13] = [
            "EQ",
            "NEQ",
            "LT",
            "LTE",
            "GT",
            "GTE",
            "BETWEEN",
            "IN",
            "NOT_IN",
            "HAS_PROPERTY",
            "NOT_HAS_PROPERTY",
            "CONTAINS_TOKEN",
            "NOT_CONTAINS_TOKEN",
        ];
        let name = json["propertyName"].as_str().unwrap_or_default();
        let operator = json["operator"].as_str().unwrap_or_default();
        if !KNOWN.contains(&operator) {
            let message = format!("Invalid input JSON on line 1, column 79: Enum type must be one of {KNOWN:?}");
            return Err(Refusal::invalid(message));
        }
        let Some(property) = object.property(name) else {
            let message = format!("There was a problem with the request: property {name} does not exist");
            return Err(Refusal::invalid(message));
        };
        let values = json["values"].as_array().into_iter().flatten().map(text).collect();
        let [value, high] = ["value", "highValue"].map(|member| json.get(member).map(text).unwrap_or_default());
        let modified = (name == object.modified).then(|| instant(&value)).flatten();
        Ok(Self { kind: property.kind, name, operator, value, high, values, modified, unique: property.unique })
    }

    fn holds(&self, record: &Record, stale: bool) -> bool {
        if let Some(time) = self.modified.filter(|_| matches!(self.operator, "LT" | "LTE" | "GT" | "GTE")) {
            let order = (if stale { record.indexed } else { record.updated }).cmp(&time);
            return match self.operator {
                "LT" => order.is_lt(),
                "LTE" => order.is_le(),
                "GT" => order.is_gt(),
                _ => order.is_ge(),
            };
        }
        let Some(value) = record.value(self.name) else {
            return matches!(self.operator, "NOT_HAS_PROPERTY" | "NEQ" | "NOT_IN");
        };
        let order = compare(self.kind, &value, &self.value);
        match self.operator {
            "EQ" => order.is_eq(),
            "NEQ" => order.is_ne(),
            "LT" => order.is_lt(),
            "LTE" => order.is_le(),
            "GT" => order.is_gt(),
            "GTE" => order.is_ge(),
            "BETWEEN" => order.is_ge() && compare(self.kind, &value, &self.high).is_le(),
            "IN" => self.values.iter().any(|other| compare(self.kind, &value, other).is_eq()),
            "NOT_IN" => !self.values.iter().any(|other| compare(self.kind, &value, other).is_eq()),
            "HAS_PROPERTY" => true,
            "CONTAINS_TOKEN" => tokens(&value).any(|token| token == self.value.to_lowercase()),
            "NOT_CONTAINS_TOKEN" => !tokens(&value).any(|token| token == self.value.to_lowercase()),
            _ => false,
        }
    }
}

fn tokens(text: &str) -> impl Iterator<Item = String> + use<'_> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|token| !token.is_empty()).map(str::to_lowercase)
}

/// Text compares without case; numbers by value; times by instant, whichever way they are written.
fn compare(kind: Kind, a: &str, b: &str) -> Ordering {
    match kind {
        Kind::Number => {
            let scaled = |text: &str| {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(6).collect();
                format!("{whole}{fraction}").parse::<i128>().unwrap_or_default()
            };
            scaled(a).cmp(&scaled(b))
        }
        Kind::Date | Kind::DateTime => instant(a).cmp(&instant(b)),
        _ => a.to_lowercase().cmp(&b.to_lowercase()),
    }
}
