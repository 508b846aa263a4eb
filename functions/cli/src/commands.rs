//! The commands, each written once over a [`Session`].

mod admin;
mod backfill;
mod check;
mod connect;
mod people;
mod records;
mod status;
mod subscriptions;
mod tap;
mod trigger;

use crate::args::{Command, Dlq, Review, Vault};
use anyhow::Result;

/// Runs a command other than `demo` and `up`.
pub(crate) async fn run(command: &Command, json: bool) -> Result<()> {
    match command {
        Command::Demo(_) | Command::Up(_) => Ok(()),
        Command::Check { config } => check::check(config, json),
        Command::Connect(args) => connect::connect(args, json).await,
        Command::Backfill { connection, at } => backfill::backfill(connection, at, json).await,
        Command::Records { entity, after, limit, at } => {
            records::list(entity, after.as_deref(), *limit, at, json).await
        }
        Command::Explain { record, field, at } => records::explain(record, field.as_deref(), at, json).await,
        Command::Dlq { verb: Dlq::List { at } } => admin::dead_letters(at, json).await,
        Command::Dlq { verb: Dlq::Redrive { ids, at } } => admin::redrive(ids, at, json).await,
        Command::Review { verb: Review::List { at } } => people::reviews(at, json).await,
        Command::Review { verb: Review::Show { id, at } } => people::review(id, at, json).await,
        Command::Review { verb: Review::Decide { id, choice, value, at } } => {
            people::decide(id, choice, value.as_deref(), at, json).await
        }
        Command::Set { record, field, value, at } => people::set(record, field, value, at, json).await,
        Command::Merge { record, other, at } => people::merge(record, other, at, json).await,
        Command::Unmerge { record, part, at } => people::unmerge(record, part.as_deref(), at, json).await,
        Command::Link { record, external, at } => people::link("link", record, external, at, json).await,
        Command::Unlink { record, external, at } => people::link("unlink", record, external, at, json).await,
        Command::Subscription { verb } => subscriptions::run(verb, json).await,
        Command::Tap(args) => tap::tap(args, json).await,
        Command::Trigger(args) => trigger::trigger(args, json).await,
        Command::Vault { verb: Vault::Set { name, part, at } } => admin::keep(name, part.as_deref(), at, json).await,
        Command::Backup { file, at } => admin::backup(file, at, json).await,
        Command::Restore { file, data } => admin::restore(file, data, json),
        Command::Status { at } => status::status(at, json).await,
    }
}
