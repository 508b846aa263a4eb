//! What the account holds: opportunities and their lists.

use super::{good, invalid, refused, rules};
use concord_connector::{
    Instant,
    sandbox::{Push, WireResponse},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, time::Duration};

/// A new opportunity is shown that much later.
const LAG: Duration = Duration::from_secs(2);
/// A submission is looked at after that.
const LOOKED_AT: Duration = Duration::from_secs(60);

/// An opportunity.
#[derive(Clone)]
pub(super) struct Opportunity {
    pub(super) catalog: String,
    /// As `GetOpportunity` shows it.
    pub(super) body: Json,
    pub(super) created: Instant,
    pub(super) modified: Instant,
    pub(super) submitted: Option<Instant>,
}

/// A task that was started.
#[derive(Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) of: String,
    pub(super) ends: Instant,
    pub(super) status: &'static str,
    pub(super) reason: Option<String>,
    /// The opportunity that an accepted invitation became.
    pub(super) opportunity: Option<String>,
    pub(super) accepts: bool,
}

/// An invitation of AWS's.
#[derive(Clone)]
pub(super) struct Invitation {
    pub(super) body: Json,
    pub(super) expires: Instant,
}

/// The account.
pub(super) struct Store {
    pub(super) account: String,
    pub(super) now: Instant,
    pub(super) opportunities: BTreeMap<String, Opportunity>,
    pub(super) invitations: BTreeMap<String, Invitation>,
    pub(super) tasks: BTreeMap<String, Task>,
    /// Client tokens, with the request that they came with and what it made.
    pub(super) tokens: BTreeMap<String, (Json, String)>,
    pub(super) events: Vec<(Instant, Json)>,
    pub(super) again: Vec<(Instant, Push)>,
    pub(super) made: u64,
    pub(super) fails: Option<String>,
}

impl Store {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            account: format!("{:012}", 999_000_000_000 + seed % 1_000_000_000),
            now: Instant::EPOCH,
            opportunities: BTreeMap::new(),
            invitations: BTreeMap::new(),
            tasks: BTreeMap::new(),
            tokens: BTreeMap::new(),
            events: Vec::new(),
            again: Vec::new(),
            made: seed % 1_000 * 1_000_000,
            fails: None,
        }
    }

    /// The clock goes on: tasks end, reviews begin, invitations expire.
    pub(super) fn begin(&mut self, now: Instant) {
        self.now = self.now.max(now);
        super::task::advance(self);
        let now = self.now;
        for invitation in self.invitations.values_mut() {
            if invitation.expires <= now && invitation.body["Status"] == "PENDING" {
                invitation.body["Status"] = "EXPIRED".into();
            }
        }
        let due = |one: &Opportunity| one.submitted.is_some_and(|at| at.plus(LOOKED_AT) <= now);
        let due: Vec<String> =
            self.opportunities.iter().filter(|(_, one)| due(one)).map(|(id, _)| id.clone()).collect();
        for id in due {
            if let Some(one) = self.opportunities.get_mut(&id) {
                one.submitted = None;
                if one.body["LifeCycle"]["ReviewStatus"] != "Submitted" {
                    continue;
                }
                one.body["LifeCycle"]["ReviewStatus"] = "In review".into();
            }
            self.touch(&id);
        }
    }

    /// A record was changed: its time is later than before, and the bus says so.
    pub(super) fn touch(&mut self, id: &str) {
        let now = self.now;
        let Some(one) = self.opportunities.get_mut(id) else { return };
        one.modified = now.max(one.modified.plus(Duration::from_millis(1)));
        one.body["LastModifiedDate"] = one.modified.rfc3339().into();
        let catalog = one.catalog.clone();
        self.event("Opportunity Updated", json!({ "catalog": catalog, "opportunity": { "identifier": id } }));
    }

    pub(super) fn event(&mut self, kind: &str, mut detail: Json) {
        self.made += 1;
        detail["schemaVersion"] = "1".into();
        let event = json!({
            "version": "0",
            "id": format!("{:08x}-0000-4000-9000-{:012x}", self.made, self.made),
            "detail-type": kind,
            "source": "aws.partnercentral-selling",
            "account": self.account,
            "time": self.now.rfc3339(),
            "region": "us-east-1",
            "resources": [],
            "detail": detail,
        });
        self.events.push((self.now, event));
    }

    /// A fresh id with thirteen characters behind it.
    pub(super) fn name(&mut self, prefix: &str, length: usize) -> String {
        self.made += 1;
        format!("{prefix}-{:0>length$}", self.made)
    }

    /// Adds an opportunity; its id.
    pub(super) fn add(&mut self, catalog: &str, mut body: Json) -> String {
        self.made += 1;
        let id = format!("O{}", 1_000_000 + self.made);
        if let Some(body) = body.as_object_mut() {
            for own in ["ClientToken", "OpportunityTeam", "Tags"] {
                body.remove(own);
            }
        }
        body["Id"] = id.clone().into();
        body["Arn"] = format!("arn:aws:partnercentral:us-east-1::catalog/{catalog}/opportunity/{id}").into();
        body["CreatedDate"] = self.now.rfc3339().into();
        body["LastModifiedDate"] = self.now.rfc3339().into();
        body["RelatedEntityIdentifiers"] = json!({});
        if body["LifeCycle"]["ReviewStatus"].is_null() {
            body["LifeCycle"]["ReviewStatus"] = "Pending Submission".into();
        }
        let opportunity =
            Opportunity { catalog: catalog.to_owned(), body, created: self.now, modified: self.now, submitted: None };
        self.opportunities.insert(id.clone(), opportunity);
        self.event("Opportunity Created", json!({ "catalog": catalog, "opportunity": { "identifier": id } }));
        id
    }

    pub(super) fn create(&mut self, body: &Json) -> WireResponse {
        let token = body["ClientToken"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            return invalid(&[("clientToken", "REQUIRED_FIELD_MISSING", "ClientToken is needed")]);
        }
        if let Some((said, id)) = self.tokens.get(&token) {
            if said != body {
                return refused("ConflictException", "Conflicting client token submitted with a new request body.");
            }
            return self.made_answer(id);
        }
        let errors = rules::body(body, self.now);
        if !errors.is_empty() {
            return rules::told(&errors);
        }
        let id = self.add(body["Catalog"].as_str().unwrap_or("AWS"), without(body, &["Catalog"]));
        self.tokens.insert(token, (body.clone(), id.clone()));
        self.made_answer(&id)
    }

    fn made_answer(&self, id: &str) -> WireResponse {
        let one = self.opportunities.get(id).map(|one| &one.body);
        good(&json!({
            "Id": id,
            "PartnerOpportunityIdentifier": one.map(|one| one["PartnerOpportunityIdentifier"].clone()),
            "LastModifiedDate": one.map(|one| one["LastModifiedDate"].clone()),
        }))
    }

    /// An opportunity that is shown, by the member of the request that names it.
    pub(super) fn shown(&self, body: &Json, member: &str) -> Option<(String, &Opportunity)> {
        let id = body[member].as_str()?;
        let one = self.opportunities.get(id)?;
        let visible = one.created.plus(LAG) <= self.now && body["Catalog"] == one.catalog.as_str();
        visible.then(|| (id.to_owned(), one))
    }

    pub(super) fn get(&self, body: &Json) -> WireResponse {
        match self.shown(body, "Identifier") {
            Some((_, one)) => {
                // Who brought it is told by the summary alone.
                let mut shown = without(&one.body, &["Origin"]);
                shown["Catalog"] = one.catalog.clone().into();
                good(&escaped(&shown))
            }
            None => missing(),
        }
    }

    pub(super) fn update(&mut self, body: &Json) -> WireResponse {
        let Some((id, one)) = self.shown(body, "Identifier") else { return missing() };
        if body["LastModifiedDate"] != one.body["LastModifiedDate"] {
            return refused("ConflictException", "The opportunity was changed since.");
        }
        let mut errors = rules::locked(&one.body, body);
        errors.extend(rules::body(body, self.now));
        if !errors.is_empty() {
            return rules::told(&errors);
        }
        // What is not named is cleared.
        let mut replaced = without(body, &["Catalog", "Identifier", "LastModifiedDate"]);
        for own in ["Id", "Arn", "CreatedDate", "RelatedEntityIdentifiers", "Origin"] {
            replaced[own] = one.body[own].clone();
        }
        let status = one.body["LifeCycle"]["ReviewStatus"].clone();
        if replaced["LifeCycle"].is_null() {
            replaced["LifeCycle"] = json!({ "Stage": one.body["LifeCycle"]["Stage"] });
        }
        replaced["LifeCycle"]["ReviewStatus"] = status;
        if let Some(one) = self.opportunities.get_mut(&id) {
            one.body = replaced;
        }
        self.touch(&id);
        let modified = self.opportunities.get(&id).map(|one| one.body["LastModifiedDate"].clone());
        good(&json!({ "Id": id, "LastModifiedDate": modified }))
    }

    pub(super) fn associate(&mut self, body: &Json) -> WireResponse {
        let Some((id, one)) = self.shown(body, "OpportunityIdentifier") else { return missing() };
        let kind = body["RelatedEntityType"].as_str().unwrap_or_default().to_owned();
        let name = body["RelatedEntityIdentifier"].as_str().unwrap_or_default().to_owned();
        let held = one.body["RelatedEntityIdentifiers"][kind.as_str()].as_array().cloned().unwrap_or_default();
        let most = match kind.as_str() {
            "Solutions" | "AwsMarketplaceSolutions" | "AwsMarketplaceProducts" => 10,
            "AwsProducts" => 20,
            "AwsMarketplaceOffers" | "AwsMarketplaceOfferSets" => 1,
            _ => return invalid(&[("relatedEntityType", "INVALID_ENUM_VALUE", "no such type")]),
        };
        if kind.starts_with("AwsMarketplace") && !name.starts_with("arn:aws:aws-marketplace:") {
            return invalid(&[("relatedEntityIdentifier", "INVALID_STRING_FORMAT", "an ARN is needed")]);
        }
        if held.iter().any(|one| *one == name.as_str()) {
            return invalid(&[("relatedEntityIdentifier", "DUPLICATE_KEY_VALUE", "it is associated")]);
        }
        if held.len() >= most {
            return invalid(&[("relatedEntityIdentifier", "TOO_MANY_VALUES", "too many are associated")]);
        }
        if let Some(one) = self.opportunities.get_mut(&id) {
            let mut all = held;
            all.push(name.into());
            one.body["RelatedEntityIdentifiers"][kind.as_str()] = all.into();
        }
        self.touch(&id);
        good(&json!({}))
    }

    pub(super) fn list(&self, body: &Json) -> WireResponse {
        let most = body["MaxResults"].as_u64().unwrap_or(100).clamp(1, 100) as usize;
        let mut found: Vec<(&String, &Opportunity)> = self
            .opportunities
            .iter()
            .filter(|(_, one)| body["Catalog"] == one.catalog.as_str() && one.created.plus(LAG) <= self.now)
            .collect();
        let after =
            body.pointer("/LastModifiedDate/AfterLastModifiedDate").and_then(Json::as_str).and_then(Instant::parse);
        found.retain(|(_, one)| after.is_none_or(|after| one.modified >= after));
        let by_creation = body.pointer("/Sort/SortBy").and_then(Json::as_str) == Some("CreatedDate");
        let key = |one: &Opportunity| if by_creation { one.created } else { one.modified };
        found.sort_by_key(|(id, one)| (key(one), (*id).clone()));
        let descends = body.pointer("/Sort/SortOrder").and_then(Json::as_str) == Some("DESCENDING");
        if descends {
            found.reverse();
        }
        // The mark is where the last page ended: what changes meanwhile moves behind it, and hides nobody.
        let mark = body["NextToken"].as_str().and_then(|token| token.split_once(':'));
        let mark = mark.and_then(|(ms, id)| Some((Instant::from_ms(ms.parse().ok()?), id.to_owned())));
        found.retain(|(id, one)| {
            let here = (key(one), (*id).clone());
            mark.as_ref().is_none_or(|mark| if descends { here < *mark } else { here > *mark })
        });
        let next = found.get(most).and(found.get(most - 1)).map(|(id, one)| format!("{}:{id}", key(one).ms()));
        let rows: Vec<Json> = found
            .into_iter()
            .take(most)
            .map(|(_, one)| {
                let mut row = json!({ "Catalog": one.catalog });
                for name in [
                    "Id",
                    "Arn",
                    "PartnerOpportunityIdentifier",
                    "OpportunityType",
                    "LastModifiedDate",
                    "CreatedDate",
                    "LifeCycle",
                ] {
                    if !one.body[name].is_null() {
                        row[name] = one.body[name].clone();
                    }
                }
                row
            })
            .collect();
        let mut answer = json!({ "OpportunitySummaries": rows });
        if let Some(next) = next {
            answer["NextToken"] = next.into();
        }
        good(&answer)
    }

    /// AWS's own view, of what was submitted.
    pub(super) fn summary(&self, body: &Json) -> WireResponse {
        let Some((id, one)) = self.shown(body, "RelatedOpportunityIdentifier") else { return missing() };
        let approved = one.body["LifeCycle"]["ReviewStatus"] == "Approved";
        if !approved {
            return missing();
        }
        good(&json!({
            "Catalog": one.catalog,
            "RelatedOpportunityId": id,
            "Origin": one.body["Origin"],
            "LifeCycle": { "Stage": "Engaged" },
            "Insights": {
                "EngagementScore": "High",
                "NextBestActions": "Name the AWS services that are adopted.",
                "OpportunityQuality": { "Score": 72, "Trend": "Improving" },
                "Recommendations": [{ "Type": "Data", "Details": "Keep the stage current." }],
            },
        }))
    }

    pub(super) fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let mut records: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
        for (id, one) in &self.opportunities {
            records.entry("Opportunity".into()).or_default().insert(id.clone(), one.body.clone());
        }
        for (id, one) in &self.invitations {
            records.entry("EngagementInvitation".into()).or_default().insert(id.clone(), one.body.clone());
        }
        records
    }
}

pub(super) fn missing() -> WireResponse {
    refused("ResourceNotFoundException", "The resource does not exist, or is not shown.")
}

fn without(body: &Json, members: &[&str]) -> Json {
    let mut body = body.clone();
    if let Some(body) = body.as_object_mut() {
        for member in members {
            body.remove(*member);
        }
    }
    body
}

/// The service shows texts with entities of HTML.
fn escaped(json: &Json) -> Json {
    match json {
        Json::String(text) => Json::String(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")),
        Json::Array(elements) => elements.iter().map(escaped).collect(),
        Json::Object(members) => members.iter().map(|(name, value)| (name.clone(), escaped(value))).collect(),
        other => other.clone(),
    }
}
