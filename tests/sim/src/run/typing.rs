//! What people type, drawn by lot.

use super::Run;
use crate::systems;
use concord_connector::{
    Context, Entity, Money, Reference, Value,
    mapping::Rule,
    schema::Type,
    value::{Address, AddressPart, Currency},
};

impl Run<'_> {
    pub(super) fn some_record(&mut self, name: &str, to: Entity) -> Option<Value> {
        let ids = self.world.vendors.with(name, |vendor| vendor.ids(to));
        let id = self.lot.pick(&ids)?.clone();
        Some(Value::from(Reference::external(to, id)))
    }

    /// A new value of a field; texts are never used twice.
    pub(super) fn value(
        &mut self,
        cx: &Context,
        entity: Entity,
        rule: &Rule,
        thing: usize,
        number: u64,
    ) -> Option<Value> {
        let spec = entity.field(rule.field.as_str())?;
        let name = spec.name;
        let codec = rule.effective(entity).ok()?;
        let made = match spec.ty {
            Type::Text if name == systems::title(entity) => Value::Text(format!("T{thing} number {number}").into()),
            Type::Text if name == "customer_name" => Value::Text(format!("T{thing} customer {number}").into()),
            Type::Text if name == "phone" => Value::Text(format!("+49 30 {number:05}").into()),
            Type::Text if name == "program" => Value::Text("Partner Program".into()),
            Type::Text if name == "tier" => Value::Text((*self.lot.pick(&["Silver", "Gold", "Platinum"])?).into()),
            Type::Text if name == "email" => Value::Text(format!("box{number}@t{thing}.example.com").into()),
            Type::Text => Value::Text(format!("{name} {number}").into()),
            Type::Money => {
                let minor = 1000 * i64::try_from(number).ok()? + self.lot.between(0, 99);
                Value::Money(Money { minor, currency: Currency::parse("EUR")? })
            }
            Type::Date => Value::Date(
                format!("20{:02}-{:02}-{:02}", 26 + number / 300 % 50, 1 + number / 28 % 12, 1 + number % 28)
                    .parse()
                    .ok()?,
            ),
            Type::Enum(all) => Value::Enum(self.one_of(codec.pairs(), all)?.into()),
            Type::List(Type::Enum(all)) => {
                let mut some = Vec::new();
                for _ in 0..=self.lot.place(2) {
                    some.push(Value::Enum(self.one_of(codec.pairs(), all)?.into()));
                }
                Value::list(some)?
            }
            Type::Address => Value::Address(Address::from_parts([
                (AddressPart::Street, format!("{number} Example Street")),
                (AddressPart::City, "Bern".to_owned()),
                (AddressPart::PostalCode, format!("{:04}", 1000 + number)),
            ])?),
            _ => return None,
        };
        // What the system would keep in another form is typed in that form.
        let image = self.plan.accounts.iter().find(|account| account.name == cx.connection.as_str());
        let connector = systems::connector(&image?.system);
        connector.image(cx, entity, &rule.field, Some(&made)).ok().flatten()
    }

    fn one_of(&mut self, pairs: Option<&concord_connector::codec::Pairs>, all: &[&str]) -> Option<String> {
        let mapped: Vec<&str> = pairs.into_iter().flatten().map(|(_, ours)| ours.as_str()).collect();
        let from = if mapped.is_empty() { all.to_vec() } else { mapped };
        self.lot.pick(&from).map(|value| (*value).to_owned())
    }

    /// The fields that people edit at a connection.
    pub(super) fn editable(&self, system: &str, cx: &Context, entity: Entity) -> Vec<Rule> {
        let Ok(mapping) = cx.mapping(entity) else { return Vec::new() };
        let edits = |rule: &&Rule| {
            let spec = entity.field(rule.field.as_str());
            let list = |ty: Type| matches!(ty, Type::List(Type::Enum(_)));
            systems::is_edited(system, rule.flow)
                && !systems::is_key(rule.field.as_str())
                && spec.is_some_and(|spec| systems::is_plain(spec.ty) || list(spec.ty))
        };
        mapping.active(cx).filter(edits).cloned().collect()
    }
}
