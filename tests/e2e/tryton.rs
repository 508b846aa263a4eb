//! A real Tryton server and a HubSpot portal, kept in step by the running hub.

mod server;

use crate::hub::Hub;
use concord::sandbox_server::SandboxServer;
use concord_connector::sandbox::Act;
use libtest_mimic::Failed;
use serde_json::{Value as Json, json};
use server::Server;
use std::time::{SystemTime, UNIX_EPOCH};

const SECRET: &str = "fake-signing-secret";

pub(crate) fn in_step() -> Result<(), Failed> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

struct Both {
    tryton: Server,
    portal: SandboxServer,
    hub: Hub,
}

async fn run() -> Result<(), Failed> {
    let tryton = Server::start().await?;
    let portal = SandboxServer::start(concord_connectors::sandbox("hubspot", 6).ok_or("no sandbox")?).await?;
    let token = portal.lock().credentials()["token"].clone();
    let boot = &tryton.boot;
    let configuration = format!(
        r#"public_url = "{{url}}"
[connections.hubspot]
system = "hubspot"
auth = "private_app"
mode = "sync"
base_url = "{}"
allow_private = true
poll_every_s = 5
secrets = {{ token = "env:TOKEN", webhook = ["env:SIGNED"] }}
scope = {{ organization = "all", order = "all", invoice = "all" }}

[connections.tryton]
system = "tryton"
mode = "sync"
base_url = "{}"
allow_private = true
poll_every_s = 2
secrets = {{ username = "env:USERNAME_", password = "env:PASSWORD_" }}
options = {{ product = "{}", tax = "{}", payment_term = "{}" }}
scope = {{ organization = "all", order = "all" }}
"#,
        portal.url, tryton.url, boot["product"], boot["tax"], boot["payment_term"]
    );
    let text = |name: &str| boot[name].as_str().unwrap_or_default().to_owned();
    let (username, password) = (text("username"), text("password"));
    let environment =
        [("TOKEN", token.as_str()), ("SIGNED", SECRET), ("USERNAME_", &username), ("PASSWORD_", &password)];
    let hub = Hub::start(&configuration, &environment).await;
    portal.lock().subscribe(Some(hub.subscriber("hubspot", SECRET)));
    let both = Both { tryton, portal, hub };
    let (company, party) = both.parties().await?;
    both.edits(&company, party).await?;
    both.sale(&company, party).await?;
    Ok(())
}

impl Both {
    /// A company made in HubSpot is a party in Tryton, and the other way round.
    async fn parties(&self) -> Result<(String, i64), Failed> {
        let company = self.act(Act::Create {
            object: "companies".into(),
            fields: json!({"properties": {"name": "Acme Partner GmbH", "domain": "acme.example", "phone": "+49 30 100"}}),
        })?;
        self.hub.until("the company is a party", || async { self.party("Acme Partner GmbH").await.is_some() }).await;
        let party = self.party("Acme Partner GmbH").await.ok_or("no party")?;
        self.tryton
            .rpc("model.party.party.create", json!([[{"name": "Bolt AG"}], {"company": self.tryton.boot["company"]}]))
            .await?;
        self.hub.until("the party is a company", || async { self.company("Bolt AG").is_some() }).await;
        Ok((company, party))
    }

    /// Different fields edited on both sides at once both survive; the same field edited on both sides again and again,
    /// so that writes meet stale revisions, ends in agreement.
    async fn edits(&self, company: &str, party: i64) -> Result<(), Failed> {
        self.edit(company, json!({"phone": "+49 30 200"}))?;
        self.tryton.write("party.party", party, json!({"name": "Acme Partner AG"})).await?;
        self.hub
            .until("both edits are on both sides", || async {
                let there = self.tryton.phone(party).await;
                let here = self.properties(company);
                here["name"] == "Acme Partner AG"
                    && here["phone"] == "+49 30 200"
                    && there.as_deref() == Some("+49 30 200")
            })
            .await;
        for round in 0..5 {
            self.edit(company, json!({"name": format!("Acme {round} of HubSpot")}))?;
            self.tryton.write("party.party", party, json!({"name": format!("Acme {round} of Tryton")})).await?;
        }
        self.hub
            .until("both sides show the last edit", || async {
                let name = self.tryton.read("party.party", party, &["name"]).await["name"].clone();
                name == self.properties(company)["name"] && name.as_str().is_some_and(|name| name.starts_with("Acme 4"))
            })
            .await;
        let status = self.hub.get("/api/status").await;
        eprintln!("writes that met a changed record: {}", status["counts"]["moved"]);
        Ok(())
    }

    /// An order made in HubSpot is a sale in Tryton; its number, state and invoice come back.
    async fn sale(&self, company: &str, party: i64) -> Result<(), Failed> {
        let order = self.act(Act::Create {
            object: "orders".into(),
            fields: json!({
                "properties": {"hs_order_name": "Gold plan", "hs_subtotal_price": "199.00", "hs_currency_code": "USD", "concord_reference": "PO-4711"},
                "associations": [{"to": "companies", "id": company}]
            }),
        })?;
        self.hub.until("the order is a sale", || async { self.sale_of(party).await.is_some() }).await;
        let sale = self.sale_of(party).await.ok_or("no sale")?;
        for button in ["quote", "confirm", "process"] {
            self.tryton.press("sale.sale", button, sale).await?;
        }
        self.hub
            .until("number and state are back in HubSpot", || async {
                let shown = self.records()["orders"][&order]["properties"].clone();
                shown["hs_external_order_id"].is_string() && shown["hs_external_order_status"] == "processing"
            })
            .await;
        let invoices = self.tryton.read("sale.sale", sale, &["invoices"]).await["invoices"].clone();
        let invoice = invoices[0].as_i64().ok_or("the sale has no invoice")?;
        self.tryton.press("account.invoice", "post", invoice).await?;
        self.hub
            .until("the posted invoice is in HubSpot", || async {
                let all = self.records()["invoices"].clone();
                all.as_object()
                    .is_some_and(|all| all.values().any(|one| one["properties"]["concord_status"] == "posted"))
            })
            .await;
        // And back: what HubSpot's people call the sale reaches Tryton, where it may still be changed.
        let properties = json!({"properties": {"concord_reference": "PO-4712"}});
        self.act(Act::Update { object: "orders".into(), id: order, fields: properties })?;
        self.hub
            .until("the sale's reference reaches Tryton, or a person is told why not", || async {
                self.tryton.read("sale.sale", sale, &["reference"]).await["reference"] == "PO-4712"
                    || self.hub.get("/api/reviews").await.to_string().contains("tryton")
            })
            .await;
        Ok(())
    }

    fn act(&self, act: Act) -> Result<String, Failed> {
        #[expect(clippy::disallowed_methods, reason = "a vendor's clock is the real one")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        Ok(self.portal.lock().act(concord_connector::Instant::from_ms(i64::try_from(now)?), act)?)
    }

    fn edit(&self, company: &str, properties: Json) -> Result<(), Failed> {
        let fields = json!({ "properties": properties });
        self.act(Act::Update { object: "companies".into(), id: company.into(), fields }).map(drop)
    }

    fn records(&self) -> Json {
        json!(self.portal.lock().records())
    }

    fn properties(&self, company: &str) -> Json {
        self.records()["companies"][company]["properties"].clone()
    }

    fn company(&self, name: &str) -> Option<String> {
        let all = self.records()["companies"].clone();
        all.as_object()?.iter().find(|(_, one)| one["properties"]["name"] == name).map(|(id, _)| id.clone())
    }

    async fn party(&self, name: &str) -> Option<i64> {
        self.tryton.search("party.party", json!([["name", "=", name]])).await
    }

    async fn sale_of(&self, party: i64) -> Option<i64> {
        self.tryton.search("sale.sale", json!([["party", "=", party]])).await
    }
}
