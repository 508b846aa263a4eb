//! The six rules.

use super::{Claim, Golden};
use crate::{
    policy::{FieldPolicy, Rule},
    settings::CONCORD,
};
use concord_connector::{Entity, Field, Instant, Money, Value, schema::Type};
use std::collections::BTreeMap;

/// The winner; `None` where a person has to decide.
pub(super) fn decide(entity: Entity, field: &Field, policy: &FieldPolicy, claims: &[Claim<'_>]) -> Option<Golden> {
    match policy.rule {
        Rule::Latest => Some(won(latest(claims)?, claims, policy.rule)),
        Rule::Owner => Some(won(owner(claims)?, claims, policy.rule)),
        Rule::Monotone => Some(won(furthest(entity, field, claims)?, claims, policy.rule)),
        Rule::Manual => manual(claims),
        Rule::Union => union(field, claims),
        Rule::Deltas => deltas(field, claims),
    }
}

fn latest<'a, 'b>(claims: &'b [Claim<'a>]) -> Option<&'b Claim<'a>> {
    claims.iter().max_by(|a, b| a.recency().cmp(&b.recency()))
}

fn owner<'a, 'b>(claims: &'b [Claim<'a>]) -> Option<&'b Claim<'a>> {
    let first = claims.iter().map(|claim| claim.rank).min()?;
    claims.iter().filter(|claim| claim.rank == first).max_by(|a, b| a.recency().cmp(&b.recency()))
}

/// The claim that is furthest along the order in which the schema lists the field's values.
fn furthest<'a, 'b>(entity: Entity, field: &Field, claims: &'b [Claim<'a>]) -> Option<&'b Claim<'a>> {
    let order = match entity.field(field.as_str()).map(|spec| spec.ty) {
        Some(Type::Enum(values)) => values,
        _ => &[],
    };
    let place = |claim: &Claim<'_>| {
        let text = claim.said.value.as_ref().and_then(Value::as_str)?;
        order.iter().position(|value| *value == text)
    };
    claims.iter().max_by(|a, b| (place(a), a.recency()).cmp(&(place(b), b.recency())))
}

fn manual(claims: &[Claim<'_>]) -> Option<Golden> {
    let decided = claims.iter().filter(|claim| claim.facet.link.connection.as_str() == CONCORD);
    if let Some(claim) = decided.max_by(|a, b| a.recency().cmp(&b.recency())) {
        return Some(won(claim, claims, Rule::Manual));
    }
    let first = latest(claims)?;
    claims.iter().all(|claim| claim.said.value == first.said.value).then(|| won(first, claims, Rule::Manual))
}

fn won(winner: &Claim<'_>, claims: &[Claim<'_>], rule: Rule) -> Golden {
    let losers = claims.iter().filter(|claim| claim.said.at.is_some() && claim.said.value != winner.said.value);
    let (mut conflict, mut uncertain) = (false, false);
    for loser in losers {
        conflict |= winner.said.at.is_some() || rule != Rule::Latest;
        let (Some(lost_at), Some(after), Some(at)) = (loser.said.at, winner.said.after, winner.said.at) else {
            continue;
        };
        uncertain |= rule == Rule::Latest && after < lost_at && lost_at <= at;
    }
    Golden {
        value: winner.said.value.clone(),
        from: winner.facet.link.clone(),
        at: winner.said.at,
        rule,
        conflict,
        uncertain,
    }
}

/// Element by element, over all facets: the later of add and remove; add wins between equals.
fn union(field: &Field, claims: &[Claim<'_>]) -> Option<Golden> {
    let mut elements: BTreeMap<&Value, (Option<Instant>, bool)> = BTreeMap::new();
    for claim in claims {
        let Some(cell) = claim.view.cells.get(field) else { continue };
        for (element, there, at) in &cell.elements {
            let word = (*at, *there);
            elements.entry(element).and_modify(|best| *best = (*best).max(word)).or_insert(word);
        }
    }
    let latest = latest(claims)?;
    let kept = elements.iter().filter(|(_, (_, there))| *there).map(|(element, _)| (*element).clone()).collect();
    Some(Golden {
        value: Value::list(kept),
        from: latest.facet.link.clone(),
        at: latest.said.at,
        rule: Rule::Union,
        conflict: false,
        uncertain: false,
    })
}

/// The first owner's baseline plus what people changed anywhere, in one currency: the baseline's.
fn deltas(field: &Field, claims: &[Claim<'_>]) -> Option<Golden> {
    let money = |claim: &Claim<'_>| match claim.view.cells.get(field).and_then(|cell| cell.baseline.as_ref()) {
        Some(Value::Money(money)) => Some(*money),
        _ => None,
    };
    let owner =
        claims.iter().filter(|claim| money(claim).is_some()).min_by_key(|claim| (claim.rank, &claim.facet.link))?;
    let base = money(owner)?;
    let sum = claims
        .iter()
        .filter(
            |claim| matches!(claim.view.held(field), Some(Some(Value::Money(held))) if held.currency == base.currency),
        )
        .filter_map(|claim| claim.view.cells.get(field))
        .fold(base.minor, |sum, cell| sum.saturating_add(cell.delta));
    let latest = latest(claims)?;
    Some(Golden {
        value: Some(Value::Money(Money { minor: sum, currency: base.currency })),
        from: latest.facet.link.clone(),
        at: latest.said.at,
        rule: Rule::Deltas,
        conflict: false,
        uncertain: false,
    })
}
