//! The laws of blobs.

use crate::ports::Blobs;
use std::sync::Arc;

/// Runs every law on an empty place.
pub async fn blobs(make: impl Fn() -> Arc<dyn Blobs>) {
    let blobs = make();
    let get = |name: &'static str| {
        let blobs = blobs.clone();
        async move { blobs.get(name).await.expect("reading works") }
    };
    let put = |name: &'static str, bytes: Vec<u8>| {
        let blobs = blobs.clone();
        async move { blobs.put(name, bytes).await.expect("writing works") }
    };
    assert_eq!(get("missing").await, None);
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    put("raw/hubspot-eu/1", bytes.clone()).await;
    put("raw/hubspot-eu/1 ", b"another".to_vec()).await;
    put("../raw/hubspot-eu/1", Vec::new()).await;
    assert_eq!(get("raw/hubspot-eu/1").await, Some(bytes));
    assert_eq!(get("raw/hubspot-eu/1 ").await.as_deref(), Some(&b"another"[..]));
    assert_eq!(get("../raw/hubspot-eu/1").await, Some(Vec::new()), "an empty blob is a blob");
    put("raw/hubspot-eu/1", b"replaced".to_vec()).await;
    assert_eq!(get("raw/hubspot-eu/1").await.as_deref(), Some(&b"replaced"[..]));
    blobs.delete("raw/hubspot-eu/1").await.expect("deleting works");
    blobs.delete("raw/hubspot-eu/1").await.expect("a missing blob is no error");
    assert_eq!(get("raw/hubspot-eu/1").await, None);
    assert!(get("raw/hubspot-eu/1 ").await.is_some());
}
