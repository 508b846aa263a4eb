//! Jobs at Microsoft that take longer than anybody waits for them.

use super::*;
use concord_connector::sandbox::Trouble;

const PRODUCT: &str = "product/00000000-0000-4000-8000-0000000000c1";
const PLAN: &str = "plan/00000000-0000-4000-8000-0000000000c1/00000000-0000-4000-8000-0000000000d1";
const BUYER: &str = "00000001-0000-4000-8000-0000000000e1:00000001-0000-4000-8000-000000000001_2019-05-31";

fn offers(world: &World, state: &str) -> usize {
    let records = world.vendor("cloud", |vendor| vendor.records());
    records.get("private-offer").map_or(0, |all| all.values().filter(|offer| offer["state"] == state).count())
}

#[tokio::test]
async fn an_order_that_nobody_answered_and_that_is_late_makes_no_second_offer() {
    const CREATES: &[Entity] = &[OFFER];
    // The first is over before the second is ordered, while it works, or when the offer is long published: then a draft is left
    // over, which no customer sees.
    for (first_s, second_s, left) in [(45, 45, 0), (900, 3_600, 0), (1_800, 45, 1)] {
        let mut world = World::new(&[Account { creates: CREATES, ..account("cloud", "microsoft-marketplace") }]).await;
        minutes(&mut world, 2).await;
        let takes = |job_s: u64| Act::Update {
            object: "Settings".into(),
            id: String::new(),
            fields: json!({ "job_s": job_s }),
        };
        world.act("cloud", takes(first_s));
        world.vendor("cloud", |vendor| vendor.faults().plan("/configure", Trouble::LoseAnswer));
        let fields = json!({
            "name": "Contoso 12 months", "product": PRODUCT, "plan": PLAN, "buyers": [BUYER], "discount": "10",
            "accept_by": "2026-12-31", "ends_on": "2027-12-31",
        });
        let Json::Object(fields) = fields else { unreachable!("an object") };
        let offer = make(&world, fields).await;
        minutes(&mut world, 5).await;
        world.act("cloud", takes(second_s));
        for _ in 0..30 {
            minutes(&mut world, 5).await;
            assert!(offers(&world, "live") <= 1, "{first_s} s and {second_s} s: customers see one offer");
        }
        assert_eq!(offers(&world, "live"), 1, "{first_s} s and {second_s} s");
        assert_eq!(offers(&world, "draft"), left, "{first_s} s and {second_s} s: what was too much is taken away");
        assert_eq!(world.records(OFFER).await.len(), 1, "{first_s} s and {second_s} s: and nobody is told of it");
        let record = world.record(&offer.id).await;
        assert_eq!(word(&record, "status"), "open", "{first_s} s and {second_s} s");
        assert!(record.pending().is_empty(), "{:?}", record.outbox);
    }
}
