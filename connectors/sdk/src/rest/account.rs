//! What the account says of itself. Where it says nothing, a page of the first list tries the credential.

use super::{
    Place,
    fill::{Values, request},
};
use crate::{
    Context, Entity, Fault, Kind, Manifest, Outcome, Request,
    exchange::{Account, Method},
    script::{Run, Script},
    value::Currency,
};

/// Answers a description.
pub(super) fn describe(script: &mut Script<'_>, cx: &Context, manifest: &Manifest) -> Run<Outcome> {
    let facts = manifest.account.clone().unwrap_or_default();
    let mut account = Account {
        time_zone: facts.time_zone,
        currency: facts.currency.as_deref().and_then(Currency::parse),
        ..Account::default()
    };
    if let Some(path) = facts.path {
        let answer = script.send(Request::get(path))?;
        if !answer.body.is_object() {
            let sentence = format!("{} answers nothing about the account", manifest.title);
            return Err(Fault::new(Kind::Unavailable, "rest.describe", sentence).into());
        }
        let text = |pointer: Option<String>| pointer.and_then(|at| answer.text(&at).map(str::to_owned));
        account.time_zone = text(facts.time_zone_at).or(account.time_zone);
        account.currency = text(facts.currency_at).as_deref().and_then(Currency::parse).or(account.currency);
    } else if let Some((place, list)) = first_list(cx) {
        script.send(request(place.cx, list, Method::Get, &Values::default())?)?;
    }
    // A system that writes no local times lives by the world's.
    account.time_zone.get_or_insert_with(|| "UTC".to_owned());
    Ok(Outcome::Account(account))
}

fn first_list(cx: &Context) -> Option<(Place<'_>, &crate::manifest::Endpoint)> {
    Entity::ALL.into_iter().find_map(|entity| {
        let place = Place::of(cx, entity).ok()?;
        let list = place.api.list.as_ref()?;
        Some((place, list))
    })
}
