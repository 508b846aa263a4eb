//! Reading records, links and keys from the table.

use crate::{
    facet::Link,
    hub::Hub,
    keys,
    known::Known,
    ports::{Item, ItemKey},
    record::Record,
};
use concord_connector::{Entity, Fault, Kind, RecordId, Result, key::Key};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// How many redirects are followed.
const HOPS: usize = 8;

/// A link item: whose an external record is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkItem {
    /// The golden record that holds its facet now.
    pub record: RecordId,
    /// The facet's home.
    pub home: RecordId,
}

/// A key item: everyone who claims a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyItem {
    /// The external records that claim it.
    pub claimants: Vec<Link>,
}

/// Reads a JSON body.
pub(crate) fn parse<T: DeserializeOwned>(item: &Item) -> Result<T> {
    serde_json::from_slice(&item.body).map_err(|e| {
        Fault::new(Kind::Unexpected, "store", format!("a stored item cannot be read: {e}"))
            .with("item", &item.key.partition)
    })
}

/// Writes a JSON body.
pub(crate) fn body(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Fault::malformed("store", e.to_string()))
}

impl Hub {
    /// One item.
    pub(crate) async fn item(&self, key: ItemKey) -> Result<Option<Item>> {
        Ok(self.table.get(&[key]).await?.into_iter().next().flatten())
    }

    /// A record with the revision of its item, redirects followed.
    pub async fn record(&self, id: &RecordId) -> Result<Option<(Record, u64)>> {
        Ok(self.records(std::slice::from_ref(id)).await?.remove(id))
    }

    /// Records by the ids asked for, redirects followed.
    pub async fn records(&self, ids: &[RecordId]) -> Result<BTreeMap<RecordId, (Record, u64)>> {
        let mut found = BTreeMap::new();
        let mut asked: Vec<(RecordId, RecordId)> = ids.iter().map(|id| (id.clone(), id.clone())).collect();
        for _ in 0..HOPS {
            if asked.is_empty() {
                break;
            }
            let keys: Vec<ItemKey> = asked.iter().map(|(_, id)| keys::record(id)).collect();
            let items = self.table.get(&keys).await?;
            let mut onward = Vec::new();
            for ((wanted, _), item) in asked.into_iter().zip(items) {
                let Some(item) = item else { continue };
                match self.known.decode(&item)? {
                    Known::Record(record) => {
                        found.insert(wanted, (Record::clone(&record), item.rev));
                    }
                    Known::Redirect(to) => onward.push((wanted, to)),
                }
            }
            asked = onward;
        }
        Ok(found)
    }

    /// The links of external records of an entity.
    pub async fn links(&self, entity: Entity, links: &[Link]) -> Result<Vec<Option<LinkItem>>> {
        let keys: Vec<ItemKey> = links.iter().map(|link| keys::link(&link.connection, entity, &link.id)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.table.get(&keys).await?.iter().map(|item| item.as_ref().map(parse).transpose()).collect()
    }

    /// Key items with their revisions (0: none yet).
    pub(crate) async fn key_items(&self, entity: Entity, keys: &[Key]) -> Result<Vec<(KeyItem, u64)>> {
        let names: Vec<ItemKey> = keys.iter().map(|key| keys::key(entity, key)).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.table.get(&names).await?;
        items
            .iter()
            .map(|item| item.as_ref().map_or(Ok((KeyItem::default(), 0)), |item| Ok((parse(item)?, item.rev))))
            .collect()
    }
}
