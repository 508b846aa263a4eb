//! Who keeps knocking without a proof: not listened to for a while, never let in, whatever is sent.

use super::door::{body, door, enqueued};
use crate::meddle::{knock, signed};
use concord_hub::{events::Count, testing::When};
use concord_tests::{
    forge::{Flood, Forger},
    world::SECRET,
};
use std::time::Duration;

#[tokio::test]
async fn s13_who_is_refused_too_often_is_not_listened_to_before_anything_is_computed() {
    let world = door().await;
    let from = |source: &str, secret: &str| {
        let mut knock = signed(&world, "hubspot-eu", secret, &body(&world));
        knock.source = Some(source.into());
        knock
    };
    let mut statuses = Vec::new();
    for _ in 0..300 {
        statuses.push(knock(&world, "hubspot-eu", from("198.51.100.7", "another-secret")).await.status);
    }
    let listened = statuses.iter().filter(|status| **status == 401).count();
    assert!((50..=150).contains(&listened) && statuses.ends_with(&[429]), "{listened} were listened to");
    // Nothing is asked of any port for them, and an unknown connection is no way around.
    world.plan.fail(u64::MAX, When::Before);
    for name in ["hubspot-eu", "nobody"] {
        assert_eq!(knock(&world, name, from("198.51.100.7", "another-secret")).await.status, 429);
    }
    assert_eq!(world.plan.calls(), 0, "not even the secrets were read");
    assert_eq!(world.hub.tally.get(Count::WebhooksRefused), 302);
    assert_eq!(knock(&world, "hubspot-eu", from("198.51.100.8", SECRET)).await.status, 200, "neighbours are heard");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(knock(&world, "hubspot-eu", from("198.51.100.7", SECRET)).await.status, 200, "and so is who calms down");
}

/// A thousandth of what `make forge` sends.
#[tokio::test]
async fn nothing_forged_or_malformed_enters() {
    let world = Flood::world().await;
    let mut flood = Flood::default();
    let mut forger = Forger::new(7);
    for _ in 0..1_000 {
        flood.send(&world, &mut forger).await;
    }
    assert!(flood.refused + flood.barred > 900, "most of it proves nothing: {flood:?}");
    assert!(flood.unreadable > 5, "some of it is signed nonsense: {flood:?}");
    assert_eq!(flood.wrong, Vec::<String>::new());
    assert_eq!(enqueued(&world), Vec::new());
    assert_eq!(knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", SECRET, &body(&world))).await.status, 200);
}
