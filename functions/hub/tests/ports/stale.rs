//! Reads of the embedded table while others write: what somebody was told is written is what everybody reads from then on.

use concord_hub::{
    embedded::{Folder, Store, SystemClock},
    keys,
    ports::{Condition, Item, ItemKey, Table, TableChange},
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// So many pairs of items; both items of a pair are only ever written together.
const PAIRS: u64 = 6;
/// So often each pair is written.
const ROUNDS: u64 = 140;

fn open(dir: &Path) -> Arc<Store> {
    Arc::new(Store::open(Arc::new(Folder::open(dir).unwrap()), Arc::new(SystemClock)).unwrap())
}

fn pair(n: u64) -> [ItemKey; 2] {
    [ItemKey::new(format!("{}{n}", keys::RECORDS), "R"), ItemKey::new(format!("L#{n}"), "L")]
}

/// A text that begins with its number. Every third is too large to be held in memory, so that reads go both ways.
fn text(round: u64) -> Vec<u8> {
    format!("{round:>20}{}", "x".repeat(if round.is_multiple_of(3) { 70_000 } else { 100 })).into()
}

fn round(item: Option<&Item>) -> u64 {
    item.map_or(0, |item| std::str::from_utf8(&item.body[..20]).unwrap().trim().parse().unwrap())
}

/// Every seventh round deletes both: that they are absent must not go stale either.
async fn write(store: &Store, n: u64, at: u64) {
    let change = |key| match at.is_multiple_of(7) {
        true => TableChange::Delete(key, Condition::None),
        false => TableChange::Put(Item::new(key, text(at)), Condition::None),
    };
    store.transact(pair(n).map(change).into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_reads_what_was_before_a_write_that_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // The last round of each pair that a writer was told is written, and whether the writers are done.
    let told: Arc<Vec<AtomicU64>> = Arc::new((0..PAIRS).map(|_| AtomicU64::new(0)).collect());
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..PAIRS)
        .map(|n| {
            let (store, told) = (store.clone(), told.clone());
            tokio::spawn(async move {
                for at in 1..=ROUNDS {
                    write(&store, n, at).await;
                    told[n as usize].store(at, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let readers: Vec<_> = (0..8)
        .map(|reader: u64| {
            let (store, told, done) = (store.clone(), told.clone(), done.clone());
            tokio::spawn(async move {
                let mut seen = [0; PAIRS as usize];
                let mut reads = 0;
                while !done.load(Ordering::SeqCst) {
                    let n = (reads * 5 + reader) % PAIRS;
                    let least = told[n as usize].load(Ordering::SeqCst);
                    let items = store.get(&pair(n)).await.unwrap();
                    let [one, other] = [round(items[0].as_ref()), round(items[1].as_ref())];
                    assert_eq!(one, other, "both items of a pair come from one moment");
                    let most = told[n as usize].load(Ordering::SeqCst) + 1;
                    // Absent says only that some seventh round is the last.
                    let possible = match one {
                        0 => (least..=most).any(|at| at.is_multiple_of(7)),
                        _ => one >= least.max(seen[n as usize]),
                    };
                    assert!(possible, "pair {n}: read {one}, told {least}, seen {}", seen[n as usize]);
                    seen[n as usize] = one.max(seen[n as usize]);
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    // What is held in memory is what is on disk.
    let all: Vec<ItemKey> = (0..PAIRS).flat_map(pair).collect();
    let held = store.get(&all).await.unwrap();
    drop(store);
    assert_eq!(open(dir.path()).get(&all).await.unwrap(), held);
}
