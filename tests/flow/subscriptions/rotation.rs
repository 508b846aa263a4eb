//! Secrets are replaced without a gap.

use super::{SIGNING, change, phone, world};
use crate::crm::company;
use concord_hub::{ports::Secret, subscription};
use std::time::Duration;

const OTHER: &str = "whsec_YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI=";

/// Security line 22.
#[tokio::test]
async fn s22_while_a_secret_is_replaced_both_sign_and_afterwards_only_the_new_one() {
    let (mut world, [inbox]) = world(["portal"]).await;
    change(&world, "portal", |one| one.given_secrets.clear());
    let name = "portal".into();
    let first = subscription::rotate(&world.hub, &name, Duration::from_secs(3600)).await.unwrap();
    assert_eq!(first.previous_until, None, "there was none before");
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let second = subscription::rotate(&world.hub, &name, Duration::from_secs(3600)).await.unwrap();
    assert_eq!(second.previous_until, Some(world.now().plus(Duration::from_secs(3600))));
    phone(&world, &id, "1");
    world.settle().await;
    world.clock.advance(Duration::from_secs(3600));
    phone(&world, &id, "2");
    world.settle().await;
    let events = inbox.accepted();
    assert_eq!(events.iter().map(|event| event.signatures().len()).collect::<Vec<_>>(), [1, 2, 1]);
    events[0].verified(&[first.secret.expose()]);
    events[1].verified(&[first.secret.expose(), second.secret.expose()]);
    events[2].verified(&[second.secret.expose()]);
    assert!(!events[2].verifies(first.secret.expose(), &events[2].body), "the old one is over");
    assert_eq!(events[1].header("concord-key-ids"), format!("{} {}", second.key_id, first.key_id));
    assert_eq!(events[2].header("concord-key-ids"), second.key_id);
    assert_ne!(first.secret, second.secret);
}

#[tokio::test]
async fn secrets_of_the_configuration_sign_together_until_their_time_is_over() {
    let (mut world, [inbox]) = world(["portal"]).await;
    let until = world.now().plus(Duration::from_secs(86_400));
    change(&world, "portal", |one| {
        one.given_secrets = vec![Secret::new(OTHER), Secret::new(SIGNING)];
        one.previous_until = Some(until);
    });
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.clock.advance(Duration::from_secs(86_400));
    phone(&world, &id, "1");
    world.settle().await;
    let events = inbox.accepted();
    events[0].verified(&[SIGNING, OTHER]);
    events[1].verified(&[OTHER]);
    assert!(!events[1].verifies(SIGNING, &events[1].body));
    let refused = subscription::rotate(&world.hub, &"portal".into(), Duration::ZERO).await.unwrap_err();
    assert!(refused.message().contains("come from the configuration"), "{refused}");
}
