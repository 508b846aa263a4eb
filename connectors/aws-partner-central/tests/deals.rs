//! Deals from their first send to their end.

use crate::world::*;
use concord_connector::{
    Entity, ExternalId, Kind, Operation, Outcome, RecordId,
    exchange::{Checked, Written},
    sandbox::{Act, Sandbox, Trouble},
    snapshot::Presence,
};
use serde_json::json;

const DEAL: Entity = Entity::CosellDeal;

fn review(world: &mut World, id: &ExternalId, status: &str) {
    let fields = json!({ "LifeCycle": { "ReviewStatus": status, "ReviewComments": "See the field list." } });
    world.act(Act::Update { object: "Opportunity".into(), id: id.to_string(), fields });
}

#[test]
fn a_deal_is_made_named_with_its_solution_and_submitted() {
    let mut world = World::new();
    let write = create("one", deal());
    let id = world.started(DEAL, &write);
    let sent = world.sent("CreateOpportunity");
    assert_eq!(sent["Catalog"], "AWS");
    assert_eq!(sent["PartnerOpportunityIdentifier"], "concord-one");
    assert_eq!(sent["Customer"]["Contacts"][0]["Email"], "bo@contoso.example.com");
    let spend =
        json!([{ "Amount": "12500.00", "CurrencyCode": "USD", "Frequency": "Monthly", "TargetCompany": "AWS" }]);
    assert_eq!(sent["Project"]["ExpectedCustomerSpend"], spend);
    // It is not shown yet.
    assert!(matches!(world.check(DEAL, &id, &write), Checked::Running { .. }));
    world.later(5);
    assert!(matches!(world.check(DEAL, &id, &write), Checked::Running { .. }));
    assert_eq!(world.called(), ["GetOpportunity", "AssociateOpportunity", "StartEngagementFromOpportunityTask"]);
    world.later(20);
    let Checked::Done { after, created: true } = world.check(DEAL, &id, &write) else { panic!("not done") };
    assert_eq!(after.marker, Some(RecordId::new("one")));
    assert_eq!(after.fields["status"], word("under_review"));
    assert_eq!(after.fields["customer_name"], text("Contoso & Sons"), "entities of HTML are characters");
    for (name, value) in deal() {
        assert_eq!(after.fields[&name], value, "{name}");
    }
}

#[test]
fn the_same_write_again_makes_no_second_deal() {
    let mut world = World::new();
    let write = create("one", deal());
    world.partner.faults().plan("/", Trouble::Fail(503));
    assert_eq!(
        world.run(&Operation::Write { entity: DEAL, writes: vec![write.clone()] }).unwrap_err().kind,
        Kind::Unavailable
    );
    let first = world.started(DEAL, &write);
    // At once it is in no list yet: the token tells AWS that it is the same.
    assert_eq!(world.started(DEAL, &write), first);
    world.later(20);
    let Ok(Written::Exists(id)) = world.send(DEAL, &write) else { panic!("made again") };
    assert_eq!(id, first);
    let find = Operation::Find { entity: DEAL, record: RecordId::new("one"), keys: Vec::new() };
    assert_eq!(world.run(&find).unwrap(), Outcome::Found(vec![id]));
    assert_eq!(world.partner.records()["Opportunity"].len(), 1);
}

#[test]
fn what_changes_during_the_review_waits_for_its_end() {
    let mut world = World::new();
    let there = world.done(&create("one", deal()));
    let wanted = fields([("next_step", text("Second workshop"))]);
    assert!(matches!(world.send(DEAL, &update(&there, "a", wanted.clone())), Ok(Written::Closed { .. })));
    review(&mut world, &there.id, "Approved");
    let there = world.fetch(DEAL, &there.id).unwrap();
    assert_eq!(there.fields["status"], word("accepted"));
    assert_eq!(there.fields["score"], text("72 (Improving)"));
    assert_eq!(
        there.fields["recommendations"],
        lines(&["Keep the stage current.", "Name the AWS services that are adopted."])
    );
    let Ok(Written::Done { after, .. }) = world.send(DEAL, &update(&there, "b", wanted)) else { panic!("closed") };
    assert_eq!(after.fields["next_step"], text("Second workshop"));
    // What is approved stays.
    let Err(refused) = world.send(DEAL, &update(&after, "c", fields([("name", text("Another title"))]))) else {
        panic!("taken")
    };
    assert!(refused.message.starts_with("name: AWS keeps this"), "{}", refused.message);
}

#[test]
fn an_update_sends_everything_that_is_there() {
    let mut world = World::new();
    let mut wanted = deal();
    wanted.insert("consent".into(), word("withheld"));
    let there = world.done(&create("one", wanted));
    let extra =
        json!({ "SoftwareRevenue": { "DeliveryModel": "Contract" }, "Project": { "ApnPrograms": ["ISV Accelerate"] } });
    world.act(Act::Update { object: "Opportunity".into(), id: there.id.to_string(), fields: extra });
    let ours = update(&there, "a", fields([("next_step", None), ("phone", text("+12025550199"))]));
    let Ok(Written::Done { after, .. }) = world.send(DEAL, &ours) else { panic!("not done") };
    let sent = world.sent("UpdateOpportunity");
    assert_eq!(sent["SoftwareRevenue"]["DeliveryModel"], "Contract");
    assert_eq!(sent["Project"]["ApnPrograms"], json!(["ISV Accelerate"]));
    assert_eq!(
        sent["Customer"]["Contacts"][0],
        json!({
            "FirstName": "Bo", "LastName": "Lee", "Email": "bo@contoso.example.com", "Phone": "+12025550199",
        })
    );
    assert!(sent["LifeCycle"].get("NextSteps").is_none() && sent.get("Arn").is_none() && sent.get("Origin").is_none());
    assert_eq!(after.fields.get("next_step").cloned().flatten(), None);
    // What somebody else changed in the field meanwhile is covered by nothing.
    let theirs = json!({ "Customer": { "Contacts": [{ "FirstName": "Ann", "Phone": "+12025550155" }] } });
    world.act(Act::Update { object: "Opportunity".into(), id: there.id.to_string(), fields: theirs });
    let late = update(&after, "b", fields([("phone", text("+12025550100"))]));
    assert!(matches!(world.send(DEAL, &late), Ok(Written::Moved(_))));
}

#[test]
fn what_aws_wants_mended_is_mended_and_submitted_again() {
    let mut world = World::new();
    let there = world.done(&create("one", deal()));
    review(&mut world, &there.id, "Action Required");
    let there = world.fetch(DEAL, &there.id).unwrap();
    assert_eq!(there.fields["status"], word("needs_fix"));
    assert_eq!(there.fields["status_reason"], text("See the field list."));
    let mended = update(&there, "mend", fields([("website", text("https://www.contoso.example.com"))]));
    let after = world.done(&mended);
    assert_eq!(after.fields["status"], word("under_review"));
}

#[test]
fn a_stage_moves_when_the_deal_is_approved_and_a_lost_one_says_why() {
    let mut world = World::new();
    let mut wanted = deal();
    wanted.insert("consent".into(), word("withheld"));
    let there = world.done(&create("one", wanted));
    let both = fields([("stage", word("qualified")), ("consent", word("given"))]);
    let write = update(&there, "a", both);
    assert!(matches!(world.send(DEAL, &write), Ok(Written::Closed { .. })), "submitted, and the stage waits");
    assert!(world.called().contains(&"StartEngagementFromOpportunityTask".to_owned()));
    world.later(30);
    review(&mut world, &there.id, "Approved");
    let there = world.fetch(DEAL, &there.id).unwrap();
    let moved = update(&there, "b", fields([("stage", word("qualified"))]));
    let Ok(Written::Done { after, .. }) = world.send(DEAL, &moved) else { panic!("not moved") };
    let lost = update(&after, "c", fields([("stage", word("lost")), ("lost_reason", text("Price"))]));
    let Ok(Written::Done { after, .. }) = world.send(DEAL, &lost) else { panic!("not lost") };
    assert_eq!(after.fields["lost_reason"], text("Price"));
    let late = update(&after, "d", fields([("next_step", text("Call again"))]));
    assert!(world.send(DEAL, &late).is_err(), "what is lost is closed");
}

#[test]
fn what_is_missing_is_told_before_and_after() {
    let mut world = World::new();
    for (name, value) in [
        ("problem", text("Too short")),
        ("industry", text("Baking")),
        ("phone", text("030 123")),
        ("duns", text("12")),
        ("website", None),
        ("delivery_models", lines(&["By bicycle"])),
        ("lost_reason", text("Bad weather")),
    ] {
        let mut wanted = deal();
        wanted.insert(name.into(), value);
        let mistakes = world.connector.preflight(&world.cx, DEAL, &create("one", wanted));
        assert!(
            mistakes.iter().any(|unfit| unfit.field.as_ref().is_some_and(|field| field.as_str() == name)),
            "{name}: {mistakes:?}"
        );
    }
    assert_eq!(world.connector.preflight(&world.cx, DEAL, &create("one", deal())), []);
    // AWS's own list of mistakes, each on its field.
    let mut wanted = deal();
    wanted.insert("close_date".into(), day("2020-01-01"));
    let Err(refused) = world.send(DEAL, &create("one", wanted)) else { panic!("taken") };
    assert_eq!(refused.message, "close_date: Target close date is in the past. (INVALID_VALUE)");
    world.partner.fail_next_task("OpportunitySubmissionFailed");
    assert!(matches!(world.finish(&create("two", deal())), Checked::Refused { .. }));
    world.partner.fail_next_task("InternalError");
    assert!(matches!(world.finish(&create("three", deal())), Checked::Broken { .. }));
}

#[test]
fn an_invitation_is_accepted_and_goes_on_as_its_opportunity() {
    let mut world = World::new();
    let payload = json!({
        "ReceiverResponsibilities": ["Software Partner"],
        "Customer": { "CompanyName": "Fabrikam", "Industry": "Retail", "CountryCode": "US", "WebsiteUrl": "https://fabrikam.example.com" },
        "Project": { "Title": "Fabrikam / stock", "BusinessProblem": "Stock is counted twice in every warehouse.",
            "TargetCompletionDate": "2027-06-30", "ExpectedCustomerSpend": [] },
    });
    let invite = Act::Create { object: "EngagementInvitation".into(), fields: payload };
    let id: ExternalId = world.act(invite.clone()).as_str().into();
    assert!(world.heard().iter().any(|signal| signal.id == id));
    assert!(world.polled(DEAL, None).0.iter().any(|deal| deal.id == id), "found without the event, too");
    let there = world.fetch(DEAL, &id).unwrap();
    assert_eq!((&there.fields["origin"], &there.fields["status"]), (&word("cloud"), &word("under_review")));
    let after = world.done(&update(&there, "yes", fields([("decision", word("approved"))])));
    assert_eq!(after.fields["decision"], word("approved"));
    let Presence::MergedInto(deal) = world.fetch(DEAL, &id).unwrap().presence else { panic!("still an invitation") };
    world.later(5);
    assert_eq!(world.fetch(DEAL, &deal).unwrap().fields["name"], text("Fabrikam / stock"));

    let other: ExternalId = world.act(invite).as_str().into();
    let there = world.fetch(DEAL, &other).unwrap();
    let no = update(&there, "no", fields([("decision", word("rejected"))]));
    let Ok(Written::Done { after, .. }) = world.send(DEAL, &no) else { panic!("not rejected") };
    assert_eq!(after.fields["status"], word("rejected"));
}

#[test]
fn events_of_the_other_catalog_are_left_alone() {
    let mut world = World::new();
    world.cx.options.insert("catalog".into(), "Sandbox".into());
    world.act(Act::Create { object: "Opportunity".into(), fields: json!({}) });
    assert!(world.heard().is_empty());
}
