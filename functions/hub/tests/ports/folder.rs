//! The data folder: who may open it, backup and restore.

use concord_hub::{
    embedded::{self, Embedded, Folder, SystemClock, vault::Key},
    ports::{
        Blobs as _, Condition, Item, ItemKey, Outgoing, Queue, QueueName, Secret, Secrets, Table, TableChange,
        Vault as _,
    },
};
use std::{path::Path, sync::Arc, time::Duration};

const KEY: [u8; 32] = [7; 32];

fn open(dir: &Path) -> Embedded {
    Embedded::open(dir, Key::from_bytes(KEY), Arc::new(SystemClock)).unwrap()
}

fn item(n: usize) -> Vec<TableChange> {
    let put = |place: &str| {
        TableChange::Put(Item::new(ItemKey::new(format!("R#{n}"), place), vec![1; 500]), Condition::Absent)
    };
    vec![put("one"), put("two")]
}

#[test]
fn a_folder_is_opened_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!Folder::is_open_elsewhere(dir.path()));
    let folder = Folder::open(dir.path()).unwrap();
    let fault = Folder::open(dir.path()).unwrap_err();
    assert!(fault.message().contains("in use by another Concord process"), "{fault}");
    assert!(Folder::is_open_elsewhere(dir.path()));
    drop(folder);
    assert!(!Folder::is_open_elsewhere(dir.path()));
    assert!(Folder::open(dir.path()).is_ok());
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    let path = folder.database();
    drop(folder);
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    drop(connection);
    let fault = Folder::open(dir.path()).unwrap_err();
    assert!(fault.message().contains("written by a newer Concord"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_writing_is_one_moment_and_restores_whole() {
    let (dir, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let live = open(dir.path());
    let secrets = Secrets { generation: 0, parts: [("token".to_owned(), Secret::new("fake"))].into() };
    assert!(live.vault.write("crm", secrets).await.unwrap());
    live.blobs.put("raw/1", b"payload".to_vec()).await.unwrap();
    live.store.send(&QueueName::Observations, vec![Outgoing::new("waiting".into())]).await.unwrap();
    for n in 0..50 {
        live.store.transact(item(n)).await.unwrap();
    }
    let writing = {
        let store = live.store.clone();
        tokio::spawn(async move {
            let mut n = 50;
            loop {
                store.transact(item(n)).await.unwrap();
                n += 1;
            }
        })
    };
    let file = out.path().join("concord.backup");
    let (store, to) = (live.store.clone(), file.clone());
    tokio::task::spawn_blocking(move || embedded::backup(&store, &to)).await.unwrap().unwrap();
    writing.abort();
    assert!(embedded::backup(&live.store, &file).is_err(), "an existing file is not overwritten");
    assert!(embedded::restore(&file, dir.path()).is_err(), "nor a folder in use");

    let restored = out.path().join("restored");
    embedded::restore(&file, &restored).unwrap();
    let fault = embedded::restore(&file, &restored).unwrap_err();
    assert!(fault.message().contains("is not empty"), "{fault}");
    let again = open(&restored);
    assert_eq!(again.vault.read("crm").await.unwrap().parts["token"].expose(), "fake");
    assert_eq!(again.blobs.get("raw/1").await.unwrap().as_deref(), Some(&b"payload"[..]));
    let feed = again.store.changes(None, 100_000).await.unwrap();
    assert!(feed.entries.len() >= 100 && feed.entries.len() % 2 == 0, "transactions are whole");
    for n in 0..50 {
        let change = item(n).remove(0);
        assert!(again.store.get(&[change.key().clone()]).await.unwrap()[0].is_some());
    }
    use concord_hub::broker::Inbox;
    let received = again.store.receive(&QueueName::Observations, 9, Duration::from_secs(9)).await.unwrap();
    assert_eq!(received[0].body, "waiting");
}

#[test]
fn what_is_no_backup_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a database").unwrap();
    assert!(embedded::restore(&file, &dir.path().join("new")).is_err());
    let folder = Folder::open(&dir.path().join("live")).unwrap();
    let fault = embedded::restore(&folder.database(), &dir.path().join("newer")).unwrap_err();
    assert!(fault.message().contains("is no backup"), "{fault}");
}
