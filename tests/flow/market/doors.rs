//! Webhooks that a vendor's published keys prove, through the hub: the key set is fetched, kept, and not fetched for forgers.

use super::*;
use concord_connector::{
    sandbox::WireRequest,
    testing::{PRIVATE_KEY, token},
};
use concord_hub::{events::Count, ports::Clock as _};

fn microsoft<'a>() -> Account<'a> {
    account("cloud", "microsoft-marketplace")
}

fn fetched(world: &World) -> u64 {
    let served = world.vendor("cloud", |vendor| vendor.served().clone());
    served.iter().filter(|(call, _)| call.contains("/keys")).map(|(_, count)| count).sum()
}

/// What the vendor would send of a purchase, with the token that is given.
fn knock(authorization: Option<String>) -> WireRequest {
    let body = json!({
        "id": "11111111-2222-3333-4444-555555555555", "subscriptionId": "66666666-7777-8888-9999-000000000000",
        "action": "Suspend", "timeStamp": "2026-01-01T00:00:00Z", "status": "Success",
    });
    WireRequest {
        method: "POST".into(),
        target: format!("{}/hooks/cloud", concord_tests::world::PUBLIC_URL),
        headers: authorization.map(|value| ("authorization".to_owned(), value)).into_iter().collect(),
        body: body.to_string().into_bytes(),
    }
}

/// The claims of a token as the vendor makes them for this account, at the world's time.
fn claims(world: &World) -> Json {
    let settings = world.hub.settings();
    let options = &settings.connections["cloud"].context.options;
    let now = world.clock.now().seconds();
    json!({
        "iss": format!("https://sts.windows.net/{}/", options["tenant_id"]), "aud": options["app_id"],
        "tid": options["tenant_id"], "appid": "20e940b3-4c77-4b0b-9a53-9e16a1b010a7",
        "iat": now, "nbf": now, "exp": now + 3600,
    })
}

#[tokio::test]
async fn a_token_of_the_vendor_is_let_in_and_no_other() {
    let world = World::new(&[microsoft()]).await;
    let good = claims(&world);
    let bearer = |claims: &Json| Some(format!("Bearer {}", token(claims)));
    assert_eq!(world.post("cloud", &knock(None)).await, 401);
    assert_eq!(fetched(&world), 0, "nothing is fetched for who shows nothing");
    let answer = world.post("cloud", &knock(bearer(&good))).await;
    assert!((200..300).contains(&answer), "the vendor's own: {answer}");
    for (name, value) in [
        ("iss", json!("https://sts.windows.net/somebody-else/")),
        ("aud", json!("another-app")),
        ("tid", json!("another-tenant")),
        ("appid", json!("another-app")),
        ("exp", json!(world.clock.now().seconds() - 120)),
    ] {
        let mut wrong = good.clone();
        wrong[name] = value;
        assert_eq!(world.post("cloud", &knock(bearer(&wrong))).await, 401, "{name}");
    }
    assert_eq!(world.hub.tally.get(Count::WebhooksAccepted), 1);
    assert_eq!(fetched(&world), 1, "once for all of them");
}

#[tokio::test]
async fn forged_tokens_with_keys_of_their_own_buy_no_requests() {
    let world = World::new(&[microsoft()]).await;
    let good = format!("Bearer {}", token(&claims(&world)));
    assert!((200..300).contains(&world.post("cloud", &knock(Some(good.clone()))).await));
    let header = jsonwebtoken::Header {
        kid: Some("of-their-own".into()),
        ..jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256)
    };
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(PRIVATE_KEY.as_bytes()).expect("a key");
    let forged = jsonwebtoken::encode(&header, &claims(&world), &key).expect("a token");
    for _ in 0..100 {
        assert_eq!(world.post("cloud", &knock(Some(format!("Bearer {forged}")))).await, 401);
    }
    assert_eq!(fetched(&world), 1, "none within a minute");
    world.clock.advance(Duration::from_secs(61));
    for _ in 0..100 {
        assert_eq!(world.post("cloud", &knock(Some(format!("Bearer {forged}")))).await, 401);
    }
    assert_eq!(fetched(&world), 2, "one in a minute: the vendor may have new keys");
    // An outage of the keys locks nobody out who was known.
    world.vendor("cloud", |vendor| vendor.faults().outage = Some(503));
    world.clock.advance(Duration::from_secs(25 * 3600));
    let again = format!("Bearer {}", token(&claims(&world)));
    assert!((200..300).contains(&world.post("cloud", &knock(Some(again))).await), "old keys are better than none");
}
