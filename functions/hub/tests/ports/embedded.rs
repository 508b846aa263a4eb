//! The embedded adapters: the laws, and what only they promise.

use concord_hub::{
    broker::Inbox,
    embedded::{Blobs, Embedded, Folder, Store, Vault, vault::Key},
    keys,
    ports::{
        Clock, Condition, Index, IndexEntry, Item, ItemKey, Outgoing, Query, Queue, QueueName, Secret, Secrets, Table,
        TableChange, Vault as _,
    },
    testing::{FakeClock, laws},
};
use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;

/// Folders that live until the test ends.
#[derive(Default)]
struct Folders(Mutex<Vec<TempDir>>);

impl Folders {
    fn make(&self) -> std::path::PathBuf {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        self.0.lock().unwrap().push(dir);
        path
    }
}

fn open(dir: &Path, clock: &FakeClock) -> Arc<Store> {
    Arc::new(Store::open(Arc::new(Folder::open(dir).unwrap()), Arc::new(clock.clone())).unwrap())
}

#[tokio::test]
async fn the_embedded_table_obeys() {
    let folders = Folders::default();
    laws::table(|| open(&folders.make(), &FakeClock::default())).await;
}

#[tokio::test]
async fn embedded_queues_obey() {
    let folders = Folders::default();
    laws::queue(|clock| open(&folders.make(), &clock)).await;
}

#[tokio::test]
async fn the_store_obeys_as_one() {
    let folders = Folders::default();
    laws::once(|| {
        let store = open(&folders.make(), &FakeClock::default());
        (store.clone(), store)
    })
    .await;
}

#[tokio::test]
async fn the_vault_file_obeys() {
    let folders = Folders::default();
    laws::vault(|| Arc::new(Vault::open(folders.make().join("vault.sealed"), Key::from_bytes([7; 32])).unwrap())).await;
}

#[tokio::test]
async fn the_folder_of_blobs_obeys() {
    let folders = Folders::default();
    laws::blobs(|| Arc::new(Blobs::open(folders.make(), Key::from_bytes([7; 32])).unwrap())).await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), FakeClock::default());
    let key = ItemKey::new("R#1", "R");
    let shows = IndexEntry { index: Index::List, partition: "all".into(), sort: "a".into() };
    let fifo = QueueName::Deliveries("crm".into());
    let marked =
        |body: &str| Outgoing { group: Some("g".into()), dedupe: Some("d".into()), ..Outgoing::new(body.into()) };
    {
        let store = open(dir.path(), &clock);
        for (rev, body) in [(1, "one"), (2, "two")] {
            let item = Item { rev, index: vec![shows.clone()], ..Item::new(key.clone(), body) };
            store.transact(vec![TableChange::Put(item, Condition::None)]).await.unwrap();
        }
        store.send(&QueueName::Observations, vec![Outgoing::new("in flight".into())]).await.unwrap();
        store.send(&fifo, vec![marked("first")]).await.unwrap();
        let received = store.receive(&QueueName::Observations, 10, Duration::from_secs(600)).await.unwrap();
        assert_eq!(received[0].receives, 1);
    }
    let store = open(dir.path(), &clock);
    let item = store.get(std::slice::from_ref(&key)).await.unwrap().remove(0).unwrap();
    assert_eq!((item.rev, &*item.body, item.index), (2, &b"two"[..], vec![shows]));
    let page = store.query(Query::partition(Some(Index::List), "all", 10)).await.unwrap();
    assert_eq!(page.keys, [("a".to_owned(), key.clone())]);
    assert_eq!(store.changes(None, 10).await.unwrap().entries.len(), 2);
    let received = store.receive(&QueueName::Observations, 10, Duration::from_secs(600)).await.unwrap();
    assert_eq!(
        (received[0].body.as_str(), received[0].receives),
        ("in flight", 1),
        "visible at once, and not counted as a failure"
    );
    store.send(&fifo, vec![marked("a repeat of what still waits")]).await.unwrap();
    assert_eq!(store.receive(&fifo, 10, Duration::from_secs(600)).await.unwrap().len(), 1);
    store.send(&QueueName::Observations, vec![Outgoing::new("new".into())]).await.unwrap();
    let ids: Vec<_> = received.into_iter().map(|received| received.id).collect();
    store.delete(&QueueName::Observations, &ids).await.unwrap();
    let rest = store.receive(&QueueName::Observations, 10, Duration::from_secs(600)).await.unwrap();
    assert_eq!(rest.iter().map(|received| received.body.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test]
async fn texts_beyond_the_memory_for_them_are_read_from_disk() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), FakeClock::default());
    let store = open(dir.path(), &clock);
    let text = |n: u8| char::from(b'a' + n).to_string().repeat(8 << 20);
    for n in 0..6 {
        store.send(&QueueName::Observations, vec![Outgoing::new(text(n))]).await.unwrap();
    }
    let received = store.receive(&QueueName::Observations, 10, Duration::from_secs(60)).await.unwrap();
    let texts: Vec<_> = received.into_iter().map(|received| received.body).collect();
    assert!(texts == (0..6).map(text).collect::<Vec<_>>(), "all six texts, in order");
}

#[tokio::test]
async fn a_sweep_forgets_what_expired_and_what_the_feed_no_longer_needs() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), FakeClock::default());
    let store = open(dir.path(), &clock);
    let put = async |key: ItemKey, body: &str, expires| {
        let shows = IndexEntry { index: Index::DeadLetters, partition: "all".into(), sort: "x".into() };
        let item = Item { expires, index: vec![shows], ..Item::new(key, body.to_owned()) };
        store.transact(vec![TableChange::Put(item, Condition::None)]).await.unwrap();
    };
    let record = || ItemKey::new(format!("{}1", keys::RECORDS), "R");
    put(ItemKey::new("seen", "1"), "x", Some(clock.now().plus(Duration::from_secs(60)))).await;
    put(record(), "one", None).await;
    put(record(), "two", None).await;
    assert_eq!(store.sweep().await.unwrap(), 0, "nothing is old yet");
    let day = Duration::from_secs(86_400);
    clock.advance(day);
    put(record(), "three", None).await;
    assert_eq!(store.sweep().await.unwrap(), 1, "the seen mark");
    assert_eq!(store.get(&[ItemKey::new("seen", "1")]).await.unwrap(), [None]);
    let shown = store.query(Query::partition(Some(Index::DeadLetters), "all", 10)).await.unwrap();
    assert_eq!(shown.keys.len(), 1, "and where it showed");

    clock.advance(day * 6);
    store.sweep().await.unwrap();
    let feed = store.changes(None, 10).await.unwrap();
    assert_eq!(feed.entries.len(), 1, "the first two entries are seven days old");
    assert_eq!(feed.entries[0].old.as_ref().map(|old| &*old.body), Some(&b"two"[..]), "the third is whole");
    clock.advance(day * 30);
    store.sweep().await.unwrap();
    assert!(store.changes(None, 10).await.unwrap().entries.is_empty());
    let item = store.get(&[record()]).await.unwrap().remove(0).unwrap();
    assert_eq!((item.rev, &*item.body), (3, &b"three"[..]), "an old item is not an old entry");
    put(record(), "four", None).await;
    let feed = store.changes(None, 10).await.unwrap();
    assert_eq!(feed.entries[0].old.as_ref().map(|old| &*old.body), Some(&b"three"[..]));
}

#[tokio::test]
async fn the_vault_file_opens_with_its_key_only_and_shows_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.sealed");
    {
        let vault = Vault::open(path.clone(), Key::from_bytes([7; 32])).unwrap();
        let parts = [("token".to_owned(), Secret::new("fake-and-recognizable"))].into();
        assert!(vault.write("crm-recognizable", Secrets { generation: 0, parts }).await.unwrap());
    }
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(12).any(|window| window == b"recognizable"));
    let vault = Vault::open(path.clone(), Key::from_bytes([7; 32])).unwrap();
    assert_eq!(vault.names(), ["crm-recognizable"]);
    assert_eq!(vault.read("crm-recognizable").await.unwrap().parts["token"].expose(), "fake-and-recognizable");
    let fault = Vault::open(path.clone(), Key::from_bytes([8; 32])).err().unwrap();
    assert!(fault.message().contains("does not open the vault"), "{fault}");
    for place in 0..bytes.len() {
        let mut touched = bytes.clone();
        touched[place] ^= 1;
        std::fs::write(&path, touched).unwrap();
        assert!(Vault::open(path.clone(), Key::from_bytes([7; 32])).is_err(), "byte {place} is sealed");
    }
}

#[tokio::test]
async fn s15_what_could_not_be_read_lies_sealed_and_opens_with_its_key_only() {
    use concord_hub::ports::Blobs as _;
    let dir = tempfile::tempdir().unwrap();
    let (key, other) = (Key::from_bytes([7; 32]), Key::from_bytes([8; 32]));
    let blobs = Blobs::open(dir.path().to_owned(), key.clone()).unwrap();
    let body = b"{\"email\": \"recognizable@example.com\", no json".to_vec();
    blobs.put("webhooks/1", body.clone()).await.unwrap();
    blobs.put("webhooks/2", b"another".to_vec()).await.unwrap();
    let mut files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 2);
    for file in &files {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"recognizable"));
    }
    assert_eq!(blobs.get("webhooks/1").await.unwrap(), Some(body));
    let stranger = Blobs::open(dir.path().to_owned(), other).unwrap();
    assert!(stranger.get("webhooks/1").await.is_err(), "another key opens nothing");
    // One blob does not pass for another.
    std::fs::copy(&files[0], &files[1]).unwrap();
    assert!(blobs.get("webhooks/2").await.is_err());
    std::fs::write(&files[0], b"plain").unwrap();
    assert!(blobs.get("webhooks/1").await.is_err());
}

#[tokio::test]
async fn a_folder_opens_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::default());
    let opened = Embedded::open(dir.path(), Key::from_bytes([1; 32]), clock.clone()).unwrap();
    opened.store.probe().await.unwrap();
    drop(opened);
    assert!(Embedded::open(dir.path(), Key::from_bytes([1; 32]), clock).is_ok());
}
