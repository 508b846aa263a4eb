//! The marketplace act: one deal is won in a CRM, its private offer is accepted at AWS Marketplace, used, invoiced and paid
//! in the ERP, while everybody else lives on.

use super::{cast::Cast, door::Door};
use crate::session::segment;
use anyhow::{Context as _, Result, anyhow, bail};
use concord_connector::sandbox::Act;
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Each thing that has to come about does so within this, on a slow machine and while the hub is being killed.
const PATIENCE: Duration = Duration::from_secs(200);
/// From one look to the next.
const AGAIN: Duration = Duration::from_millis(200);
/// Who buys.
pub(super) const BUYER: &str = "222233334444";
/// What is sold.
pub(super) const PRODUCT: &str = "prod-sandboxexampl";
/// What the deal comes to, and what the marketplace leaves of it.
const AMOUNT: &str = "24000.00 EUR";
const NET: &str = "23280.00 EUR";
/// What is used of it in an hour.
const USED: &str = "1250";
const CRM: &str = "hubspot-eu";
const SELLER: &str = "aws";
const ERP: &str = "tryton";

/// What came of the act.
#[derive(Clone, Debug, Default)]
pub(super) struct Deal {
    /// What happened, and after how long.
    pub(super) steps: Vec<(String, Duration)>,
    /// What the parties say in the end, and whether that is one thing.
    pub(super) said: BTreeMap<&'static str, String>,
    /// Where they do not agree, or what did not come about.
    pub(super) amiss: Vec<String>,
    /// Everything that belongs to it, as the hub shows it.
    whole: Json,
}

impl Deal {
    pub(super) fn agrees(&self) -> bool {
        self.amiss.is_empty() && !self.said.is_empty()
    }

    pub(super) fn json(&self) -> Json {
        let step = |(what, after): &(String, Duration)| json!({ "what": what, "ms": after.as_millis() as u64 });
        json!({
            "agree": self.agrees(),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
            "said": self.said,
            "amiss": self.amiss,
            "whole": self.whole,
        })
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = vec!["One deal, all its parts:".to_owned()];
        for (what, after) in &self.steps {
            lines.push(format!("  {:5.1} s  {what}", after.as_secs_f64()));
        }
        for amiss in &self.amiss {
            lines.push(format!("  Amiss: {amiss}"));
        }
        if self.agrees() {
            lines.push(format!("  All parties agree on it: {AMOUNT}, {NET} after the marketplace's fee of 3 %."));
        }
        lines
    }
}

/// The act as it is played.
struct Player {
    door: Arc<Door>,
    cast: Arc<Cast>,
    began: Instant,
    deal: Deal,
}

/// Plays the act; what goes wrong is part of what it comes to.
pub(super) async fn play(door: Arc<Door>, cast: Arc<Cast>) -> Deal {
    let mut player = Player { door, cast, began: Instant::now(), deal: Deal::default() };
    if let Err(error) = player.all().await {
        player.deal.amiss.push(format!("{error:#}"));
    }
    player.deal
}

impl Player {
    async fn all(&mut self) -> Result<()> {
        let deal = self.win()?;
        self.began = Instant::now();
        self.told("The deal is won in HubSpot.");
        let offer = self.part(&deal, "private_offer", &["open"]).await?;
        let at_aws = self.id_at(SELLER, "private_offer", &offer).await?;
        self.told("Its private offer is open at AWS Marketplace, made once.");

        self.act(SELLER, Act::Create { object: "Agreement".into(), fields: json!({ "OfferId": at_aws }) })?;
        self.told("The buyer accepts it there.");
        self.part(&deal, "agreement", &["active"]).await?;
        let entitlement = self.part(&deal, "entitlement", &["active"]).await?;
        self.told("The hub knows of it: agreement and entitlement are active.");

        let order = self.part(&deal, "order", &["draft"]).await?;
        let sale = self.id_at(ERP, "order", &order).await?;
        self.told("The agreement is an order in Tryton.");
        let used = json!({ "dimension": "api_calls", "quantity": USED });
        self.door.post(&format!("/api/usage/{entitlement}"), &used).await?;
        for button in ["quote", "confirm", "process"] {
            self.press("sale.sale", &sale, button)?;
        }
        self.until(&deal, "the marketplace accepts the usage", |whole| {
            whole["usage"].as_array().is_some_and(|all| all.iter().any(|one| one["accepted"] == USED))
        })
        .await?;
        self.told(&format!("{USED} calls are metered at AWS, once for their hour."));

        let invoice = self.part(&deal, "invoice", &["draft", "validated", "posted"]).await?;
        let at_erp = self.id_at(ERP, "invoice", &invoice).await?;
        self.press("account.invoice", &at_erp, "post")?;
        self.told("Tryton invoices it.");
        self.press("account.invoice", &at_erp, "pay")?;
        self.part(&deal, "invoice", &["paid"]).await?;
        self.told("The marketplace has paid out: the invoice is paid in Tryton.");
        self.agree(&invoice, &at_aws, &at_erp).await
    }

    fn told(&mut self, what: &str) {
        self.deal.steps.push((what.to_owned(), self.began.elapsed()));
    }

    /// Somebody wins the deal; its id in the CRM.
    fn win(&self) -> Result<String> {
        let company = json!({ "properties": {
            "name": "Contoso", "domain": "contoso.example", "website": "https://contoso.example", "phone": "+49 30 999999",
            "address": "Marktplatz 1", "city": "Berlin", "zip": "10115", "country": "Germany", "concord_roles": "customer",
        } });
        let company = self.act(CRM, Act::Create { object: "companies".into(), fields: company })?;
        let deal = json!({
            "properties": {
                "dealname": "Contoso by AWS Marketplace", "amount": "24000", "deal_currency_code": "EUR",
                "dealstage": "contractsent", "pipeline": "default", "closedate": "2027-03-31T00:00:00Z",
                "dealtype": "existingbusiness",
            },
            "associations": [{ "to": "companies", "id": company, "label": "Primary" }],
        });
        let deal = self.act(CRM, Act::Create { object: "deals".into(), fields: deal })?;
        let won = json!({ "properties": { "dealstage": "closedwon" } });
        self.act(CRM, Act::Update { object: "deals".into(), id: deal, fields: won })
    }

    fn act(&self, at: &str, act: Act) -> Result<String> {
        let vendor = self.cast.vendors.get(at).ok_or_else(|| anyhow!("there is no {at}"))?;
        vendor.lock().act(SystemClock.now(), act).map_err(|sentence| anyhow!("{at} refused: {sentence}"))
    }

    fn press(&self, model: &str, id: &str, button: &str) -> Result<()> {
        let fields = json!({ "__action__": button });
        self.act(ERP, Act::Update { object: model.into(), id: id.into(), fields }).map(drop)
    }

    /// Looks at the deal, from its part in the CRM, until something is so.
    async fn until(&self, deal: &str, what: &str, is_so: impl Fn(&Json) -> bool) -> Result<Json> {
        let target = format!("/api/deals/{}", segment(&format!("{CRM}/opportunity/{deal}")));
        let began = Instant::now();
        let mut last = "it was not looked at".to_owned();
        while began.elapsed() < PATIENCE {
            match self.door.get(&target).await {
                Ok(whole) if is_so(&whole) => return Ok(whole),
                Ok(whole) => last = whole.to_string(),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(AGAIN).await;
        }
        bail!("it did not come about within {} s that {what}: {last}", PATIENCE.as_secs())
    }

    /// Waits for a part of the deal in one of these states; its id.
    async fn part(&self, deal: &str, entity: &str, states: &[&str]) -> Result<String> {
        let is_it = |part: &&Json| {
            part["entity"] == entity
                && part["state"].as_str().is_some_and(|state| states.contains(&state))
                && part["at"].as_array().is_some_and(|at| !at.is_empty())
        };
        let found = |whole: &Json| whole["parts"].as_array().and_then(|parts| parts.iter().find(is_it)).cloned();
        let what = format!("{entity} is {}", states.join(" or "));
        let whole = self.until(deal, &what, |whole| found(whole).is_some()).await?;
        let part = found(&whole).unwrap_or_default();
        part["id"].as_str().map(str::to_owned).ok_or_else(|| anyhow!("{entity} has no id"))
    }

    async fn id_at(&self, at: &str, entity: &str, record: &str) -> Result<String> {
        let record = self.door.get(&format!("/api/records/{entity}/{record}")).await?;
        let mut facets = record["facets"].as_array().into_iter().flatten();
        let facet = facets.find(|facet| facet["connection"] == at && facet["live"] == true);
        let id = facet.and_then(|facet| facet["id"].as_str());
        id.map(str::to_owned).with_context(|| format!("{entity} is not at {at}"))
    }

    /// Asks every party what it says of the deal, and the hub for the whole of it, from its last part.
    async fn agree(&mut self, invoice: &str, offer: &str, at_erp: &str) -> Result<()> {
        let whole = self.door.get(&format!("/api/deals/{invoice}")).await?;
        let parts = whole["parts"].as_array().cloned().unwrap_or_default();
        for part in &parts {
            let entity = part["entity"].as_str().unwrap_or_default();
            let (amount, net) = (part["amount"].as_str(), part["net_amount"].as_str());
            let is_priced = matches!(entity, "opportunity" | "private_offer" | "agreement" | "order" | "invoice");
            if is_priced && amount != Some(AMOUNT) {
                self.deal.amiss.push(format!("{entity} comes to {}", amount.unwrap_or("nothing")));
            }
            if matches!(entity, "private_offer" | "agreement") && net != Some(NET) {
                self.deal.amiss.push(format!("{entity} leaves {}", net.unwrap_or("nothing")));
            }
        }
        let count = |entity: &str| parts.iter().filter(|part| part["entity"] == entity).count();
        for entity in ["opportunity", "private_offer", "agreement", "entitlement", "order", "invoice"] {
            if count(entity) != 1 {
                self.deal.amiss.push(format!("there are {} of {entity}", count(entity)));
            }
        }
        self.deal.whole = whole;
        self.at_aws(offer)?;
        self.at_tryton(at_erp)
    }

    fn at_aws(&mut self, offer: &str) -> Result<()> {
        let vendor = self.cast.vendors.get(SELLER).ok_or_else(|| anyhow!("there is no {SELLER}"))?;
        let records = vendor.lock().records();
        let all = |object: &str| records.get(object).into_iter().flatten().map(|(_, record)| record);
        let offers = all("Offer").filter(|one| one["Name"] == "Contoso by AWS Marketplace").count();
        let agreed = all("Agreement").find(|one| one["proposalSummary"]["offerId"] == offer);
        let charges = agreed.map(|one| &one["estimatedCharges"]).cloned().unwrap_or_default();
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let said = format!("{} {}", text(&charges["agreementValue"]), text(&charges["currencyCode"]));
        let used: Vec<&str> = all("UsageRecord").filter_map(|one| one["Quantity"].as_str()).collect();
        if offers != 1 || said != AMOUNT || used != [USED] {
            let amiss = format!("AWS has {offers} offers, an agreement of {said}, and usage {}", used.join(", "));
            self.deal.amiss.push(amiss);
        }
        self.deal.said.insert("AWS Marketplace", format!("agreement of {said}, {} calls used", used.join(" ")));
        Ok(())
    }

    fn at_tryton(&mut self, invoice: &str) -> Result<()> {
        let vendor = self.cast.vendors.get(ERP).ok_or_else(|| anyhow!("there is no {ERP}"))?;
        let records = vendor.lock().records();
        let invoice =
            records.get("account.invoice").and_then(|all| all.get(invoice)).context("no invoice in Tryton")?;
        let state = invoice["state"].as_str().unwrap_or_default().to_owned();
        let decimal = invoice["total_amount"]["decimal"].as_str().or(invoice["total_amount"].as_str());
        let said = format!("{} EUR", decimal.unwrap_or_default());
        if state != "paid" || said != AMOUNT {
            self.deal.amiss.push(format!("Tryton's invoice is {state} and comes to {said}"));
        }
        self.deal.said.insert("Tryton", format!("invoice of {said}, {state}"));
        Ok(())
    }
}
