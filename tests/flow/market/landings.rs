//! Buyers who come from a marketplace with a purchase token: resolved once, sent on, and known by what the seller's own page
//! is told.

use super::*;
use concord_connector::webhook::{Answer, registration};
use concord_hub::{
    events::Count,
    steps::ingest::{Incoming, ingest},
};

const PAGE: &str = "https://seller.example.com/welcome?from=cloud#start";

/// A world in which buyers may land.
async fn world(name: &str, system: &str) -> World {
    let mut world = World::new(&[account(name, system)]).await;
    minutes(&mut world, 2).await;
    world.reconfigure(|settings| {
        let connection =
            settings.connections.get_mut(&concord_connector::ConnectionName::from(name)).expect("the connection");
        let options = &mut connection.context.options;
        options.insert("signup_url".into(), PAGE.into());
        let schemes = &connection.connector.manifest().webhooks;
        connection.schemes = schemes.iter().map(|scheme| scheme.filled(options)).collect();
    });
    world
}

async fn knock(world: &World, method: &str, path_and_query: &str, form: Option<&str>) -> Answer {
    let rest = path_and_query.strip_prefix("/hooks/").expect("a hook");
    let (name, secret) = rest.split_once('/').map_or((rest, None), |(name, secret)| (name, Some(secret)));
    let kind = ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned());
    let incoming = Incoming {
        method: method.into(),
        path_and_query: path_and_query.into(),
        path_secret: secret.map(|secret| secret.split('?').next().unwrap_or_default().to_owned()),
        headers: form.map(|_| kind).into_iter().collect(),
        body: form.unwrap_or_default().as_bytes().to_vec(),
        source: None,
    };
    let name = name.split('?').next().expect("a name");
    ingest(&world.hub, name, incoming).await
}

/// How often tokens were shown to the vendor.
fn resolved(world: &World, name: &str) -> u64 {
    let served = world.vendor(name, |vendor| vendor.served().clone());
    served.iter().filter(|(call, _)| call.to_lowercase().contains("resolve")).map(|(_, count)| count).sum()
}

fn sent_to(answer: &Answer, token: &str) {
    assert_eq!(answer.status, 303, "{answer:?}");
    let id = registration(token);
    let page = format!("https://seller.example.com/welcome?from=cloud&registration={id}#start");
    assert_eq!(answer.location.as_deref(), Some(page.as_str()));
    assert!(!format!("{answer:?}").contains(token), "nothing of the token is shown on: {answer:?}");
}

/// The entitlement of a buyer who came with a token.
async fn landed(world: &World, token: &str) -> Record {
    let id = registration(token);
    let mut all = world.records(Entity::Entitlement).await;
    all.retain(|one| word(one, "registration") == id);
    assert_eq!(all.len(), 1, "one purchase of {id}");
    all.remove(0)
}

#[tokio::test]
async fn a_buyer_who_comes_from_aws_is_known_by_licence_and_sent_on() {
    let mut world = world("seller", "aws-marketplace").await;
    let known = world.records(Entity::Entitlement).await.len();
    let agreement = world.act(
        "seller",
        Act::Create {
            object: "Agreement".into(),
            fields: json!({ "OfferId": public_offer(&world), "AcceptorAccountId": "555566667777" }),
        },
    );
    let token = format!("token-{agreement}");
    let form = format!("x-amzn-marketplace-token={token}&x-amzn-marketplace-offer-type=free-trial");
    // Before AWS has told anything of the licence, as it happens.
    sent_to(&knock(&world, "POST", "/hooks/seller/landing", Some(&form)).await, &token);
    while world.round().await {}
    let early = landed(&world, &token).await;
    assert_eq!(word(&early, "buyer_account"), "555566667777");
    minutes(&mut world, 10).await;
    let entitlement = landed(&world, &token).await;
    assert_eq!(early.id, entitlement.id, "it is the one that AWS tells of later");
    assert_eq!(world.records(Entity::Entitlement).await.len(), known + 1);
    assert_eq!(word(&entitlement, "status"), "active");
    assert!(word(&entitlement, "usage_key").starts_with("arn:aws:license-manager::"), "{entitlement:?}");
    assert!(!word(&entitlement, "product_code").is_empty());
    // The page is loaded again: the same answer, and no second call.
    let before = resolved(&world, "seller");
    sent_to(&knock(&world, "POST", "/hooks/seller/landing", Some(&form)).await, &token);
    minutes(&mut world, 2).await;
    assert_eq!(resolved(&world, "seller"), before);
}

/// The offer to everybody.
fn public_offer(world: &World) -> String {
    let records = world.vendor("seller", |vendor| vendor.records());
    records["PublicOffer"].keys().next().expect("an offer to everybody").clone()
}

#[tokio::test]
async fn a_buyer_of_an_older_listing_is_known_by_account_and_customer() {
    let mut world = world("seller", "aws-marketplace").await;
    world.act(
        "seller",
        Act::Update { object: "Settings".into(), id: String::new(), fields: json!({ "concurrent": false }) },
    );
    let agreement = world.act(
        "seller",
        Act::Create {
            object: "Agreement".into(),
            fields: json!({ "OfferId": public_offer(&world), "AcceptorAccountId": "555566667777" }),
        },
    );
    minutes(&mut world, 5).await;
    let token = format!("token-{agreement}");
    let form = format!("x-amzn-marketplace-token={token}");
    sent_to(&knock(&world, "POST", "/hooks/seller/landing", Some(&form)).await, &token);
    minutes(&mut world, 2).await;
    let entitlement = landed(&world, &token).await;
    assert_eq!(word(&entitlement, "buyer_account"), "555566667777");
    assert!(!word(&entitlement, "customer_id").is_empty());
    assert_eq!(word(&entitlement, "status"), "active");
}

#[tokio::test]
async fn a_buyer_who_comes_from_microsoft_is_resolved_and_sent_on() {
    let mut world = world("cloud", "microsoft-marketplace").await;
    let bought = world.act("cloud", Act::Create { object: "subscriptions".into(), fields: json!({}) });
    let token = format!("purchase-{bought}");
    sent_to(&knock(&world, "GET", &format!("/hooks/cloud/landing?token={token}"), None).await, &token);
    minutes(&mut world, 1).await;
    let entitlement = landed(&world, &token).await;
    assert_eq!(word(&entitlement, "usage_key"), bought);
    assert_eq!(word(&entitlement, "status"), "pending_activation");
    minutes(&mut world, 20).await;
    assert_eq!(landed(&world, &token).await.id, entitlement.id, "polls find the same");
    // A token that stands for nothing: sent on like any other, tried once, and nothing comes of it.
    let known = world.records(Entity::Entitlement).await.len();
    let before = resolved(&world, "cloud");
    sent_to(&knock(&world, "GET", "/hooks/cloud/landing?token=made-up", None).await, "made-up");
    minutes(&mut world, 30).await;
    assert_eq!(world.records(Entity::Entitlement).await.len(), known);
    assert!(resolved(&world, "cloud") <= before + 1);
}

#[tokio::test]
async fn only_a_browser_with_one_token_lands_and_no_webhook_comes_in_this_way() {
    let world = world("cloud", "microsoft-marketplace").await;
    let event = r#"{"action":"Suspend","subscriptionId":"66666666-7777-8888-9999-000000000000"}"#;
    for (method, path, form) in [
        ("POST", "/hooks/cloud/landing", Some(event)),
        ("POST", "/hooks/cloud", Some("token=purchase-1")),
        ("GET", "/hooks/cloud?token=purchase-1", None),
        ("GET", "/hooks/cloud/elsewhere?token=purchase-1", None),
        ("GET", "/hooks/cloud/landing", None),
        ("GET", "/hooks/cloud/landing?token=", None),
        ("GET", "/hooks/cloud/landing?token=a&token=b", None),
        ("POST", "/hooks/cloud/landing?token=a", Some("token=b")),
        ("PUT", "/hooks/cloud/landing?token=a", None),
        ("GET", "/hooks/cloud/landing?x-amzn-marketplace-token=a", None),
    ] {
        assert_eq!(knock(&world, method, path, form).await.status, 401, "{method} {path} {form:?}");
    }
    assert_eq!(world.hub.tally.get(Count::WebhooksAccepted), 0);
    // No more of them than a marketplace has buyers.
    let mut let_in = 0;
    for number in 0..200 {
        let answer = knock(&world, "GET", &format!("/hooks/cloud/landing?token=guess-{number}"), None).await;
        let_in += u32::from(answer.status == 303);
    }
    assert_eq!(let_in, 60);
}

#[tokio::test]
async fn without_a_page_of_the_seller_a_buyer_is_thanked() {
    let world = world("cloud", "microsoft-marketplace").await;
    world.reconfigure(|settings| {
        let connection =
            settings.connections.get_mut(&concord_connector::ConnectionName::from("cloud")).expect("the connection");
        connection.context.options.insert("signup_url".into(), String::new());
    });
    let answer = knock(&world, "GET", "/hooks/cloud/landing?token=purchase-1", None).await;
    assert_eq!((answer.status, answer.location), (200, None));
    assert!(answer.body.contains(&registration("purchase-1")), "{}", answer.body);
}
