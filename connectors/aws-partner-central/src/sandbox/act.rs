//! What people do: the partner's on the portal, AWS's in their review.

use super::{invite, store::Store};
use concord_connector::sandbox::Act;
use serde_json::Value as Json;

pub(super) fn act(store: &mut Store, act: Act) -> Result<String, String> {
    match act {
        Act::Create { object, fields } if object == "EngagementInvitation" => Ok(invite::invite(store, fields)),
        Act::Create { object, fields } if object == "Opportunity" => Ok(store.add("AWS", fields)),
        Act::Update { object, id, fields } if object == "Opportunity" => {
            let one = store.opportunities.get_mut(&id).ok_or("there is no such opportunity")?;
            merge(&mut one.body, &fields);
            store.touch(&id);
            Ok(id)
        }
        _ => Err("Partner Central knows no such deed".into()),
    }
}

fn merge(held: &mut Json, said: &Json) {
    match (held, said) {
        (Json::Object(held), Json::Object(said)) => {
            for (name, value) in said {
                merge(held.entry(name.clone()).or_insert(Json::Null), value);
            }
        }
        (held, said) => *held = said.clone(),
    }
}
