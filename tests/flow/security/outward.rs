//! What vendors answer beside what was asked for stays out of logs and letters. Lines about what leaves are in
//! [`crate::one_way_out`] and [`crate::subscriptions`].

use crate::{
    crm::company,
    meddle::Meddler,
    secrecy::{Log, work},
};
use concord_tests::world::{World, account};

#[tokio::test]
async fn s14_cookies_and_headers_of_vendors_reach_no_log_and_no_letter() {
    const COOKIE: &str = "recognizable-session-cookie";
    let (log, _guard) = Log::begin();
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let meddler = Meddler::enter(&mut world);
    meddler.answers(|request, response| {
        for name in ["set-cookie", "authorization", "x-request-cookie"] {
            response.headers.insert(name.into(), format!("session={COOKIE}"));
        }
        if request.method != "GET" && request.url.contains("salesforce") {
            response.status = 400;
        }
    });
    world.act("hubspot-eu", company("Acme", "acme.example"));
    work(&mut world, 30).await;
    assert!(log.text().contains("salesforce"), "the trouble is told");
    assert!(!log.text().contains(COOKIE), "and no cookie");
    for item in world.table.items() {
        assert!(!String::from_utf8_lossy(&item.body).contains(COOKIE), "{:?}", item.key);
    }
}
