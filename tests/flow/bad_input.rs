//! Bad input: a dead letter with a sentence that names system, record and pointer; neighbours unharmed; nothing lost.

use crate::{
    crm::{company, edit, text},
    meddle::{Meddler, event, tell},
};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{dead_letter::DeadLetter, events::Count, views};
use concord_tests::world::{Account, World, account, links};
use serde_json::{Value as Json, json};

const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

async fn crms() -> (World, Meddler) {
    let sync = |name, system| Account { creates: BOTH, maps: BOTH, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    let meddler = Meddler::enter(&mut world);
    (world, meddler)
}

fn deal(name: &str, properties: Json) -> Act {
    let mut all = json!({
        "dealname": name, "amount": "100.00", "deal_currency_code": "EUR", "dealstage": "qualifiedtobuy",
        "closedate": "2026-06-30T00:00:00Z",
    });
    for (property, value) in properties.as_object().into_iter().flatten() {
        all[property] = value.clone();
    }
    Act::Create { object: "deals".into(), fields: json!({ "properties": all }) }
}

async fn letters(world: &World) -> Vec<DeadLetter> {
    views::dead_letters(&world.hub, None, 100).await.expect("a readable store").letters
}

/// The one letter about a record: its sentence names the system, the record and where in it the trouble is.
async fn letter(world: &World, subject: &str, pointer: &str) -> DeadLetter {
    let mut found = letters(world).await;
    found.retain(|letter| letter.subject.as_deref() == Some(subject));
    assert_eq!(found.len(), 1, "one letter about {subject}: {:#?}", letters(world).await);
    let letter = found.remove(0);
    for part in ["hubspot", subject.split_once('/').expect("entity and id").1, pointer] {
        assert!(letter.reason.contains(part), "names `{part}`: {}", letter.reason);
    }
    assert_eq!(letter.connection.as_ref().map(|name| name.as_str()), Some("hubspot-eu"));
    letter
}

/// A company that is shown wrongly beside one that is not: the neighbour gets through, the other waits in a letter, and
/// after the vendor is right again a redrive brings it.
async fn shown_wrongly(change: impl Fn(&mut Json) + Send + 'static, pointer: &str) {
    let (mut world, meddler) = crms().await;
    let bad = world.act("hubspot-eu", company("Bad", "bad.example"));
    world.act("hubspot-eu", company("Neighbour", "neighbour.example"));
    meddler.row(&bad, change);
    world.settle().await;
    let neighbour = world.named(Entity::Organization, "Neighbour").await;
    assert_eq!(links(&neighbour).len(), 2, "the neighbour is unharmed: {:?}", neighbour.outbox);
    assert_eq!(world.records(Entity::Organization).await.len(), 1);
    let letter = letter(&world, &format!("organization/{bad}"), pointer).await;
    meddler.leave();
    let redriven = views::redrive(&world.hub, Some(&letter.id)).await.expect("a letter that can be looked at again");
    assert_eq!(redriven.redriven, vec![letter.id.clone()]);
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Organization, "Bad").await).len(), 2, "nothing is lost");
    assert_eq!(letters(&world).await, Vec::new());
}

#[tokio::test]
async fn an_object_in_the_place_of_a_text_is_a_letter() {
    shown_wrongly(|row| row["properties"]["phone"] = json!({"number": "1"}), "/properties/phone").await;
}

#[tokio::test]
async fn an_array_in_the_place_of_a_text_is_a_letter() {
    shown_wrongly(|row| row["properties"]["name"] = json!(["Bad"]), "/properties/name").await;
}

#[tokio::test]
async fn a_number_in_the_place_of_a_street_is_a_letter() {
    shown_wrongly(|row| row["properties"]["city"] = json!(7), "/properties").await;
}

#[tokio::test]
async fn a_role_that_is_not_in_the_value_map_is_a_letter() {
    shown_wrongly(|row| row["properties"]["concord_roles"] = json!("partner;spy"), "/properties/concord_roles").await;
}

#[tokio::test]
async fn an_amount_that_is_no_number_is_a_letter() {
    for amount in ["NaN", "Infinity", "1e400", "twelve", "1,000.00", "99999999999999999999999999999999999999999"] {
        shown_wrongly(move |row| row["properties"]["annualrevenue"] = json!(amount), "/properties/annualrevenue").await;
    }
}

#[tokio::test]
async fn a_row_without_properties_is_not_taken_for_an_empty_one() {
    let (mut world, meddler) = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    meddler.row(&id, |row| row["properties"] = json!({}));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "1"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "name"), "Acme", "what is not shown is not said to be empty");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Name"], "Acme");
    meddler.leave();
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"description": "x"}})));
    world.settle().await;
    assert_eq!(world.shown(&world.only(Entity::Organization).await, "salesforce", "Account")["Phone"], "1");
}

#[tokio::test]
async fn a_row_without_an_id_harms_nobody() {
    let (mut world, meddler) = crms().await;
    let bad = world.act("hubspot-eu", company("Bad", "bad.example"));
    world.act("hubspot-eu", company("Neighbour", "neighbour.example"));
    meddler.row(&bad, |row| {
        row.as_object_mut().expect("a row").remove("id");
    });
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Organization, "Neighbour").await).len(), 2);
    meddler.leave();
    views::redrive(&world.hub, None).await.expect("a readable store");
    world.act("hubspot-eu", edit("companies", &bad, json!({"properties": {"phone": "1"}})));
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Organization, "Bad").await).len(), 2);
}

#[tokio::test]
async fn a_stage_that_is_not_in_the_value_map_is_a_letter_until_the_map_has_it() {
    let (mut world, meddler) = crms().await;
    let bad = world.act("hubspot-eu", deal("Odd", json!({})));
    world.act("hubspot-eu", deal("Even", json!({})));
    meddler.row(&bad, |row| row["properties"]["dealstage"] = json!("legal_review"));
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Opportunity, "Even").await).len(), 2);
    let letter = letter(&world, &format!("opportunity/{bad}"), "/properties/dealstage").await;
    assert!(letter.reason.contains("`legal_review` is not in the value map"), "{}", letter.reason);
    // The admin adds the value to the connection's overlay.
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("hubspot-eu").expect("a connection");
        let mapping = connection.context.mappings.get_mut(&Entity::Opportunity).expect("a mapping");
        let rule = mapping.fields.iter_mut().find(|rule| rule.field.as_str() == "stage").expect("a stage");
        let concord_connector::codec::Codec::Enum(pairs) = &mut rule.codec else { panic!("a value map") };
        pairs.push(("legal_review".into(), "committed".into()));
    });
    views::redrive(&world.hub, None).await.expect("a readable store");
    world.settle().await;
    let record = world.named(Entity::Opportunity, "Odd").await;
    assert_eq!((links(&record).len(), text(&record, "stage")), (2, "committed".into()));
}

#[tokio::test]
async fn an_amount_without_a_currency_is_a_letter_until_there_is_one() {
    let (mut world, meddler) = crms().await;
    world.reconfigure(|settings| {
        settings.connections.get_mut("hubspot-eu").expect("a connection").context.currency = None;
    });
    let bad = world.act("hubspot-eu", deal("Bare", json!({})));
    world.act("hubspot-eu", deal("Dressed", json!({})));
    meddler.row(&bad, |row| row["properties"]["deal_currency_code"] = Json::Null);
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Opportunity, "Dressed").await).len(), 2);
    let letter = letter(&world, &format!("opportunity/{bad}"), "/properties/amount").await;
    assert!(letter.reason.contains("an amount without a currency"), "{}", letter.reason);
    meddler.leave();
    views::redrive(&world.hub, None).await.expect("a readable store");
    world.settle().await;
    let record = world.named(Entity::Opportunity, "Bare").await;
    assert_eq!((links(&record).len(), text(&record, "amount")), (2, "100.00 EUR".into()));
}

#[tokio::test]
async fn dates_at_the_ends_of_the_calendar_are_taken_or_put_aside_and_never_panic() {
    for (date, taken) in [
        ("0001-01-01T00:00:00Z", true),
        ("9999-12-31T00:00:00Z", true),
        ("-0001-01-01T00:00:00Z", false),
        ("10000-01-01T00:00:00Z", false),
        ("2026-02-30T00:00:00Z", false),
        ("99999999999999999999", false),
    ] {
        let (mut world, meddler) = crms().await;
        let edge = world.act("hubspot-eu", deal("Edge", json!({})));
        world.act("hubspot-eu", deal("Even", json!({})));
        meddler.row(&edge, move |row| row["properties"]["closedate"] = json!(date));
        world.settle().await;
        assert_eq!(links(&world.named(Entity::Opportunity, "Even").await).len(), 2, "{date}");
        if taken {
            let record = world.named(Entity::Opportunity, "Edge").await;
            assert_eq!((links(&record).len(), text(&record, "close_date")), (2, date[..10].to_owned()));
            assert_eq!(world.shown(&record, "salesforce", "Opportunity")["CloseDate"], date[..10]);
        } else {
            letter(&world, &format!("opportunity/{edge}"), "/properties/closedate").await;
        }
    }
}

#[tokio::test]
async fn a_text_of_a_megabyte_is_a_letter_that_names_the_field() {
    let (mut world, meddler) = crms().await;
    let bad = world.act("hubspot-eu", company("Bad", "bad.example"));
    world.act("hubspot-eu", company("Neighbour", "neighbour.example"));
    // Hard to compress, as real texts are.
    let long: String = (0_u64..1 << 20)
        .map(|n| char::from(b'a' + (n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(29) % 26) as u8))
        .collect();
    meddler.row(&bad, move |row| row["properties"]["description"] = json!(long));
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Organization, "Neighbour").await).len(), 2);
    assert_eq!(world.records(Entity::Organization).await.len(), 1, "{:?}", world.hub.tally.counts());
    let letters = letters(&world).await;
    let about: Vec<&DeadLetter> =
        letters.iter().filter(|letter| letter.subject == Some(format!("organization/{bad}"))).collect();
    assert!(!about.is_empty());
    for letter in about {
        assert!(letter.reason.contains("description"), "{}", letter.reason);
        assert!(letter.reason.len() < 1000, "the reason does not repeat the text");
    }
    meddler.leave();
    views::redrive(&world.hub, None).await.expect("a readable store");
    world.settle().await;
    assert_eq!(links(&world.named(Entity::Organization, "Bad").await).len(), 2);
}

#[tokio::test]
async fn a_record_of_five_hundred_fields_is_read_by_its_mapped_ones() {
    let (mut world, meddler) = crms().await;
    let id = world.act("hubspot-eu", company("Wide", "wide.example"));
    meddler.row(&id, |row| {
        for n in 0..500 {
            row["properties"][format!("custom_{n}")] = json!(format!("value {n}"));
        }
    });
    world.settle().await;
    let record = world.named(Entity::Organization, "Wide").await;
    assert_eq!(links(&record).len(), 2);
    assert!(record.golden.len() < 20, "what nobody maps is not kept");
    assert_eq!(letters(&world).await, Vec::new());
}

#[tokio::test]
async fn of_a_key_that_is_there_twice_the_last_counts_and_neighbours_are_unharmed() {
    let (mut world, meddler) = crms().await;
    world.act("hubspot-eu", company("Twice", "twice.example"));
    world.act("hubspot-eu", company("Neighbour", "neighbour.example"));
    meddler.answers(|_, response| {
        let text = String::from_utf8_lossy(&response.body);
        response.body = text.replace("\"name\":\"Twice\"", "\"name\":\"Once\",\"name\":\"Twice\"").into_bytes();
    });
    world.settle().await;
    for name in ["Twice", "Neighbour"] {
        assert_eq!(links(&world.named(Entity::Organization, name).await).len(), 2, "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_json_loses_nothing() {
    let (mut world, meddler) = crms().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    meddler.answers(|request, response| {
        if request.url.contains("hubspot-eu") && response.status == 200 {
            response.body = b"<!doctype html><title>maintenance</title>".to_vec();
        }
    });
    for _ in 0..40 {
        while world.round().await {}
        world.clock.advance(std::time::Duration::from_secs(2));
    }
    assert_eq!(world.records(Entity::Organization).await.len(), 0);
    meddler.leave();
    views::redrive(&world.hub, None).await.expect("a readable store");
    world.settle().await;
    assert_eq!(links(&world.only(Entity::Organization).await).len(), 2);
}

#[tokio::test]
async fn signed_webhooks_that_cannot_be_understood_are_letters_beside_those_that_can() {
    let (mut world, _meddler) = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    let at = world.now().ms();
    let good = event(1, &id, "phone", "1", at);
    let without_id = json!([{ "subscriptionType": "company.creation", "occurredAt": at, "eventId": 2 }]);
    let odd_time = json!([{ "subscriptionType": "company.creation", "occurredAt": "soon", "objectId": 7 }]);
    let far_time =
        json!([{ "subscriptionType": "company.creation", "occurredAt": 9_000_000_000_000_000_i64, "objectId": 7 }]);
    let bodies: Vec<(Vec<u8>, &str)> = vec![
        (b"{ no json".to_vec(), "/"),
        (b"".to_vec(), "/"),
        (vec![b'[', b'"', 0xff, 0xfe, b'"', b']'], "/"),
        (vec![0xfe, 0xff, 0, b'['], "/"),
        (b"\"text\"".to_vec(), "/"),
        (b"[1]".to_vec(), "/0"),
        (without_id.to_string().into_bytes(), "/0/objectId"),
        (odd_time.to_string().into_bytes(), "/0/occurredAt"),
        (far_time.to_string().into_bytes(), "/0/occurredAt"),
        (json!([{ "occurredAt": at, "objectId": 7 }]).to_string().into_bytes(), "/0/subscriptionType"),
    ];
    for (number, (body, pointer)) in bodies.iter().enumerate() {
        assert_eq!(tell(&world, "hubspot-eu", body).await.status, 200, "{pointer}");
        let letters = letters(&world).await;
        assert_eq!(letters.len(), number + 1, "{pointer}");
        let letter = letters.iter().max_by_key(|letter| letter.at).expect("a letter");
        assert!(
            letter.reason.contains("hubspot") && letters.iter().any(|l| l.reason.contains(pointer)),
            "{pointer}: {}",
            letter.reason
        );
        assert!(letter.blob.is_some(), "the body is kept");
        world.clock.advance(std::time::Duration::from_millis(1));
    }
    assert_eq!(tell(&world, "hubspot-eu", json!([good]).to_string().as_bytes()).await.status, 200);
    world.settle().await;
    assert_eq!(links(&world.only(Entity::Organization).await).len(), 2);
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_or_with_keys_twice_is_no_trouble() {
    let (mut world, _meddler) = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    let at = world.now().ms();
    let twice = format!(
        r#"[{{"objectId":1,"objectId":{id},"occurredAt":{at},"eventId":5,"subscriptionType":"company.creation"}}]"#
    );
    let unknown = json!([{ "subscriptionType": "starship.launched", "occurredAt": at, "objectId": 7, "eventId": 9 }]);
    assert_eq!(tell(&world, "hubspot-eu", unknown.to_string().as_bytes()).await.status, 200);
    assert_eq!(tell(&world, "hubspot-eu", twice.as_bytes()).await.status, 200);
    world.settle().await;
    assert_eq!(links(&world.only(Entity::Organization).await).len(), 2);
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 0);
}

#[tokio::test]
async fn one_bad_event_does_not_take_its_neighbours_along() {
    let (mut world, _meddler) = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    world.act("hubspot-eu", concord_connector::sandbox::Act::Delete { object: "companies".into(), id: id.clone() });
    let at = world.now().ms();
    let mut deleted = event(2, &id, "phone", "1", at);
    deleted["subscriptionType"] = json!("company.deletion");
    let batch = json!([{ "subscriptionType": "company.creation", "occurredAt": at }, deleted]);
    assert_eq!(tell(&world, "hubspot-eu", batch.to_string().as_bytes()).await.status, 200);
    let letters = letters(&world).await;
    assert!(matches!(letters.as_slice(), [one] if one.reason.contains("event 0")), "{letters:?}");
    // No poll tells of a delete: it was the event beside the bad one that did.
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(record.facets.iter().filter(|facet| facet.is_live()).count(), 1);
    assert_eq!(world.reviews().await.len(), 1);
}
