//! Records that nobody can understand.

use super::Run;
use concord_connector::{Entity, sandbox::Act};

impl Run<'_> {
    /// A person types what a system takes and nobody can understand.
    pub(super) fn unreadable(&mut self, at: usize, thing: usize) {
        let Some((name, thing, id)) = self.poisonable(at, thing) else { return };
        let (entity, now) = (Entity::DealRegistration, self.now());
        let fields = serde_json::json!({ "properties": { "amount": "17", "currency_code": "doubloons" } });
        let act = Act::Update { object: "p_deal_registrations".into(), id: id.clone(), fields };
        if self.world.vendors.with(&name, |vendor| vendor.act(now, act)).is_ok() {
            self.count("poison records");
            self.tell(|| format!("{name}  a person types an amount of {entity} {id} in doubloons"));
            self.ledger.things[thing].muddled = Some("one of its records cannot be read");
            self.ledger.things[thing].poisoned.insert((name, id));
        }
    }

    /// A record in which something unreadable can be typed, the one that was drawn first of all.
    fn poisonable(&mut self, at: usize, thing: usize) -> Option<(String, usize, String)> {
        let (accounts, things) = (&self.plan.accounts, &self.plan.things);
        for (step, _) in things.iter().enumerate() {
            let thing = (thing + step) % things.len();
            if things[thing] != Entity::DealRegistration {
                continue;
            }
            for step in 0..accounts.len() {
                let account = &accounts[(at + step) % accounts.len()];
                if account.system != "hubspot" {
                    continue;
                }
                if let Some(id) = self.ids_of(&account.name, thing).into_iter().next() {
                    return Some((account.name.clone(), thing, id));
                }
            }
        }
        None
    }
}
