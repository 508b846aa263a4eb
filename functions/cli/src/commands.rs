//! The commands, each written once over a [`Session`].

mod admin;
mod backfill;
mod check;
mod config;
mod connect;
mod connector;
mod deals;
mod market;
mod matches;
mod people;
mod plan;
mod records;
mod replay;
mod status;
mod subscriptions;
mod tap;
mod trigger;

use crate::args::{Command, Dlq, Review, Vault};
use anyhow::Result;

/// Runs a command other than `demo` and `up`.
pub(crate) async fn run(command: &Command, json: bool) -> Result<()> {
    match command {
        Command::Demo(_) | Command::Up(_) | Command::Bench(_) => Ok(()),
        Command::Check { config } => check::check(config, json),
        Command::Config { verb } => config::run(verb, json).await,
        Command::Connector { verb } => connector::connector(verb, json).await,
        Command::Connect(args) => connect::connect(args, json).await,
        Command::Backfill { connection, at } => backfill::backfill(connection, at, json).await,
        Command::Match(args) => matches::run(args, json).await,
        Command::Records { entity, after, limit, at } => {
            records::list(entity, after.as_deref(), *limit, at, json).await
        }
        Command::Explain { record, field, at } => records::explain(record, field.as_deref(), at, json).await,
        Command::Plan { connection, limit, with, out, at } => {
            plan::plan(connection.as_deref(), *limit, with.as_deref(), out.as_deref(), at, json).await
        }
        Command::Apply { plan, at } => plan::apply(plan, at, json).await,
        Command::Offer { verb } => market::offer(verb, json).await,
        Command::Listing { verb } => market::listing(verb, json).await,
        Command::Operations(args) => market::operations(args, json).await,
        Command::Deal { record, at } => deals::deal(record, at, json).await,
        Command::Usage { verb } => deals::usage(verb, json).await,
        Command::Replay(args) => replay::replay(args, json).await,
        Command::Dlq { verb: Dlq::List { at } } => admin::dead_letters(at, json).await,
        Command::Dlq { verb: Dlq::Redrive { ids, connection, at, .. } } => {
            admin::redrive(ids, connection.as_deref(), at, json).await
        }
        Command::Review { verb: Review::List { at } } => people::reviews(at, json).await,
        Command::Review { verb: Review::Show { id, at } } => people::review(id, at, json).await,
        Command::Review { verb: Review::Decide { id, choice, value, reason, at } } => {
            people::decide(id, choice, value.as_deref(), reason.as_deref(), at, json).await
        }
        Command::Set { record, field, value, withdraw: _, reason, at } => {
            people::set(record, field, value.as_deref(), reason.as_deref(), at, json).await
        }
        Command::Merge { record, other, reason, at } => people::merge(record, other, reason.as_deref(), at, json).await,
        Command::Unmerge { record, part, reason, at } => {
            people::unmerge(record, part.as_deref(), reason.as_deref(), at, json).await
        }
        Command::Link { record, external, reason, at } => {
            people::link("link", record, external, reason.as_deref(), at, json).await
        }
        Command::Unlink { record, external, reason, at } => {
            people::link("unlink", record, external, reason.as_deref(), at, json).await
        }
        Command::Subscription { verb } => subscriptions::run(verb, json).await,
        Command::Tap(args) => tap::tap(args, json).await,
        Command::Trigger(args) => trigger::trigger(args, json).await,
        Command::Vault { verb: Vault::Set { name, part, at } } => admin::keep(name, part.as_deref(), at, json).await,
        Command::Backup { file, at } => admin::backup(file, at, json).await,
        Command::Restore { file, data } => admin::restore(file, data, json),
        Command::Status { at } => status::status(at, json).await,
    }
}
