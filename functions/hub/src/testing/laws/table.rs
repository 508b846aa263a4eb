//! The laws of tables.

use crate::{
    keys,
    ports::{
        Cancelled, Condition, FeedEntry, Index, IndexEntry, Item, ItemKey, Query, Table, TableChange, TransactError,
    },
};
use concord_connector::{Instant, RecordId};
use futures::future::join_all;
use std::{collections::BTreeMap, sync::Arc};

/// Runs every law, each on an empty table.
pub async fn table(make: impl Fn() -> Arc<dyn Table>) {
    of_fifty_concurrent_creations_one_succeeds(&*make()).await;
    a_transaction_is_made_whole_or_not_at_all(&*make()).await;
    a_stale_revision_is_cancelled_and_named(&*make()).await;
    revisions_grow_by_one_whatever_the_caller_says(&*make()).await;
    an_expired_item_can_be_replaced_and_a_living_one_not(&*make()).await;
    ranges_are_read_in_order_and_in_pages(&*make()).await;
    indexes_show_what_items_say_and_nothing_else(&*make()).await;
    items_at_one_place_of_an_index_are_paged_without_loss(&*make()).await;
    the_feed_tells_every_change_of_records_in_order(&*make()).await;
    misuse_is_refused(&*make()).await;
}

fn key(partition: &str, sort: &str) -> ItemKey {
    ItemKey::new(partition, sort)
}

fn item(partition: &str, sort: &str, body: &str) -> Item {
    Item::new(key(partition, sort), body.to_owned())
}

async fn read(table: &dyn Table, key: &ItemKey) -> Option<Item> {
    table.get(std::slice::from_ref(key)).await.expect("a read works").remove(0)
}

async fn body(table: &dyn Table, key: &ItemKey) -> Option<String> {
    read(table, key).await.map(|item| String::from_utf8(item.body.into()).expect("the law wrote text"))
}

async fn make(table: &dyn Table, changes: Vec<TableChange>) {
    table.transact(changes).await.expect("the transaction is made");
}

async fn put(table: &dyn Table, item: Item) {
    make(table, vec![TableChange::Put(item, Condition::None)]).await;
}

async fn unmet(table: &dyn Table, changes: Vec<TableChange>) -> Vec<usize> {
    match table.transact(changes).await {
        Err(TransactError::Cancelled(Cancelled(unmet))) => unmet,
        other => panic!("expected a cancellation, got {other:?}"),
    }
}

async fn of_fifty_concurrent_creations_one_succeeds(table: &dyn Table) {
    let tries = (0..50).map(|n| async move {
        let change = TableChange::Put(item("claim", "c", &n.to_string()), Condition::Absent);
        table.transact(vec![change]).await.is_ok().then_some(n.to_string())
    });
    let winners: Vec<String> = join_all(tries).await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "exactly one of fifty creates the item");
    assert_eq!(body(table, &key("claim", "c")).await.as_ref(), winners.first(), "and what it wrote is there");
}

async fn a_transaction_is_made_whole_or_not_at_all(table: &dyn Table) {
    put(table, item("a", "taken", "old")).await;
    let changes = vec![
        TableChange::Put(item("a", "new", "x"), Condition::Absent),
        TableChange::Put(item("a", "taken", "x"), Condition::Absent),
        TableChange::Delete(key("a", "missing"), Condition::Rev(1)),
        TableChange::Check(key("a", "free"), Condition::Absent),
    ];
    assert_eq!(unmet(table, changes).await, [1, 2], "every unmet condition is named by its place");
    assert_eq!(body(table, &key("a", "new")).await, None, "nothing was written");
    assert_eq!(body(table, &key("a", "taken")).await.as_deref(), Some("old"));

    let changes = vec![
        TableChange::Put(item("a", "new", "x"), Condition::Absent),
        TableChange::Delete(key("a", "taken"), Condition::Rev(1)),
        TableChange::Delete(key("a", "missing"), Condition::None),
        TableChange::Check(key("b", "missing"), Condition::Absent),
    ];
    make(table, changes).await;
    let found = table.get(&[key("a", "taken"), key("a", "new"), key("a", "taken")]).await.expect("a read works");
    let found: Vec<bool> = found.iter().map(Option::is_some).collect();
    assert_eq!(found, [false, true, false], "answers come in the order asked for");
    assert_eq!(read(table, &key("b", "missing")).await, None, "a check writes nothing");
}

async fn a_stale_revision_is_cancelled_and_named(table: &dyn Table) {
    put(table, item("a", "1", "one")).await;
    make(table, vec![TableChange::Put(item("a", "1", "two"), Condition::Rev(1))]).await;
    let other = TableChange::Put(item("a", "2", "two"), Condition::None);
    let stale = TableChange::Put(item("a", "1", "stale"), Condition::Rev(1));
    assert_eq!(unmet(table, vec![other, stale]).await, [1]);
    assert_eq!(unmet(table, vec![TableChange::Delete(key("a", "1"), Condition::Rev(3))]).await, [0]);
    assert_eq!(unmet(table, vec![TableChange::Check(key("a", "9"), Condition::Rev(1))]).await, [0]);
    assert_eq!(body(table, &key("a", "1")).await.as_deref(), Some("two"));
}

async fn revisions_grow_by_one_whatever_the_caller_says(table: &dyn Table) {
    for expected in 1..=3 {
        put(table, Item { rev: expected, ..item("a", "1", "x") }).await;
        assert_eq!(read(table, &key("a", "1")).await.map(|item| item.rev), Some(expected));
    }
    make(table, vec![TableChange::Delete(key("a", "1"), Condition::None)]).await;
    make(table, vec![TableChange::Put(item("a", "1", "x"), Condition::Absent)]).await;
    assert_eq!(read(table, &key("a", "1")).await.map(|item| item.rev), Some(1), "a new life begins at 1");
}

async fn an_expired_item_can_be_replaced_and_a_living_one_not(table: &dyn Table) {
    let at = Instant::from_ms;
    let lease = |body: &str, expires| Item { expires: Some(at(expires)), ..item("lease", "l", body) };
    make(table, vec![TableChange::Put(lease("first", 1000), Condition::AbsentOrExpired(at(0)))]).await;
    let second =
        |now| vec![TableChange::Put(Item { rev: 2, ..lease("second", 3000) }, Condition::AbsentOrExpired(at(now)))];
    assert_eq!(unmet(table, second(999)).await, [0], "the lease is still held");
    make(table, second(1000)).await;
    assert_eq!(body(table, &key("lease", "l")).await.as_deref(), Some("second"));
    let release = vec![TableChange::Delete(key("lease", "l"), Condition::Rev(1))];
    assert_eq!(unmet(table, release).await, [0], "who lost a lease cannot release it");
    put(table, item("lease", "for ever", "x")).await;
    let taken = TableChange::Put(item("lease", "for ever", "y"), Condition::AbsentOrExpired(Instant::MAX));
    assert_eq!(unmet(table, vec![taken]).await, [0], "an item without expiry never expires");
}

async fn ranges_are_read_in_order_and_in_pages(table: &dyn Table) {
    for n in [3, 1, 4, 5, 9, 2, 6] {
        put(table, item("p", &format!("{n:03}"), "x")).await;
    }
    put(table, item("q", "002", "another partition")).await;
    let places = |query: Query| async move {
        let page = table.query(query).await.expect("a query works");
        assert!(page.keys.iter().all(|(place, key)| *place == key.sort && key.partition == "p"));
        (page.keys.into_iter().map(|(place, _)| place).collect::<Vec<_>>(), page.next)
    };
    let all = Query::partition(None, "p", 100);
    assert_eq!(
        places(all.clone()).await,
        (["001", "002", "003", "004", "005", "006", "009"].map(String::from).into(), None)
    );
    let range = Query { from: "002".into(), to: Some("005".into()), ..all.clone() };
    assert_eq!(places(range).await.0, ["002", "003", "004", "005"], "both ends are included");
    assert_eq!(places(Query { from: "0060".into(), ..all.clone() }).await.0, ["009"]);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let (mut page, next) = places(Query { limit: 3, after, from: "002".into(), ..all.clone() }).await;
        assert!(page.len() <= 3);
        seen.append(&mut page);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["002", "003", "004", "005", "006", "009"], "pages neither lose nor repeat");
    assert_eq!(places(Query::partition(None, "none", 5)).await, (Vec::new(), None));
}

fn shown(partition: &str, index: &[(Index, &str, &str)]) -> Item {
    let index = index.iter().map(|(index, partition, sort)| IndexEntry {
        index: *index,
        partition: (*partition).into(),
        sort: (*sort).into(),
    });
    Item { index: index.collect(), ..item(partition, "R", "x") }
}

async fn places(table: &dyn Table, index: Index, partition: &str) -> Vec<(String, String)> {
    let page = table.query(Query::partition(Some(index), partition, 100)).await.expect("a query works");
    page.keys.into_iter().map(|(place, key)| (place, key.partition)).collect()
}

async fn indexes_show_what_items_say_and_nothing_else(table: &dyn Table) {
    let pair = |place: &str, key: &str| (place.to_owned(), key.to_owned());
    put(table, shown("one", &[(Index::List, "all", "b"), (Index::Pending, "crm", "1"), (Index::Pending, "erp", "1")]))
        .await;
    put(table, shown("two", &[(Index::List, "all", "a")])).await;
    put(table, shown("three", &[])).await;
    assert_eq!(places(table, Index::List, "all").await, [pair("a", "two"), pair("b", "one")]);
    assert_eq!(places(table, Index::Pending, "crm").await, [pair("1", "one")]);
    assert_eq!(places(table, Index::Pending, "erp").await, [pair("1", "one")]);
    assert_eq!(places(table, Index::Reviews, "all").await, []);
    let kept = read(table, &key("one", "R")).await.expect("it is there");
    assert_eq!(kept.index.len(), 3, "an item tells where it shows");

    put(table, Item { rev: 2, ..shown("one", &[(Index::List, "all", "c"), (Index::Pending, "erp", "1")]) }).await;
    assert_eq!(places(table, Index::List, "all").await, [pair("a", "two"), pair("c", "one")]);
    assert_eq!(places(table, Index::Pending, "crm").await, []);
    assert_eq!(places(table, Index::Pending, "erp").await, [pair("1", "one")]);
    make(table, vec![TableChange::Delete(key("one", "R"), Condition::None)]).await;
    assert_eq!(places(table, Index::List, "all").await, [pair("a", "two")]);
    assert_eq!(places(table, Index::Pending, "erp").await, []);
}

async fn items_at_one_place_of_an_index_are_paged_without_loss(table: &dyn Table) {
    let names: Vec<String> = (0..7).map(|n| format!("item-{n}")).collect();
    for name in &names {
        put(table, shown(name, &[(Index::Pending, "crm", "same")])).await;
    }
    put(table, shown("last", &[(Index::Pending, "crm", "tail")])).await;
    let mut found = Vec::new();
    let mut query = Query::partition(Some(Index::Pending), "crm", 2);
    loop {
        let page = table.query(query.clone()).await.expect("a query works");
        found.extend(page.keys.into_iter().map(|(_, key)| key.partition));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(found, names.into_iter().chain(["last".to_owned()]).collect::<Vec<_>>());
}

async fn feed(table: &dyn Table, mut after: Option<String>, limit: usize) -> Vec<FeedEntry> {
    let mut all = Vec::new();
    loop {
        let feed = table.changes(after.as_deref(), limit).await.expect("the feed works");
        if feed.entries.is_empty() {
            return all;
        }
        assert!(feed.entries.len() <= limit);
        assert_eq!(feed.cursor, feed.entries.last().map(|entry| entry.cursor.clone()));
        after = feed.cursor;
        all.extend(feed.entries);
    }
}

async fn the_feed_tells_every_change_of_records_in_order(table: &dyn Table) {
    let record = |n: usize| keys::record(&RecordId::from(format!("r{n}")));
    assert_eq!(feed(table, None, 10).await, []);
    let writes = (0..8).map(|n| async move {
        for round in 1..=5_u64 {
            let new = Item { rev: round, ..Item::new(record(n), format!("{n}.{round}")) };
            let condition = if round == 1 { Condition::Absent } else { Condition::Rev(round - 1) };
            make(
                table,
                vec![
                    TableChange::Put(new, condition),
                    TableChange::Put(item("other", &format!("{n}.{round}"), "x"), Condition::None),
                ],
            )
            .await;
        }
        make(table, vec![TableChange::Delete(record(n), Condition::Rev(5))]).await;
    });
    join_all(writes).await;
    assert_eq!(unmet(table, vec![TableChange::Put(Item::new(record(0), Vec::new()), Condition::Rev(5))]).await, [0]);
    make(table, vec![TableChange::Delete(record(0), Condition::None)]).await;

    let entries = feed(table, None, 7).await;
    assert_eq!(entries.len(), 8 * 6, "only changes of records, and only changes that were made");
    let mut standing: BTreeMap<ItemKey, Option<Item>> = BTreeMap::new();
    for entry in &entries {
        let before = standing.insert(entry.key.clone(), entry.new.clone()).flatten();
        assert_eq!(entry.old, before, "each entry goes on where the one before ended");
        if let (Some(old), Some(new)) = (&entry.old, &entry.new) {
            assert_eq!(new.rev, old.rev + 1, "without gaps");
        }
    }
    assert_eq!(standing.len(), 8);
    assert!(standing.values().all(Option::is_none), "the last entry of each is its deletion");
    for (place, entry) in entries.iter().enumerate().step_by(11) {
        let rest = feed(table, Some(entry.cursor.clone()), 100).await;
        assert_eq!(rest, entries[place + 1..], "a cursor goes on after its entry");
    }
}

async fn misuse_is_refused(table: &dyn Table) {
    let twice = vec![
        TableChange::Put(item("a", "1", "x"), Condition::None),
        TableChange::Check(key("a", "1"), Condition::Absent),
    ];
    assert!(matches!(table.transact(twice).await, Err(TransactError::Store(_))), "each item at most once");
    let many = (0..101).map(|n| TableChange::Put(item("a", &n.to_string(), "x"), Condition::None)).collect();
    assert!(matches!(table.transact(many).await, Err(TransactError::Store(_))), "at most 100 changes");
    assert_eq!(body(table, &key("a", "1")).await, None);
    make(table, Vec::new()).await;
}
