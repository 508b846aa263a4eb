//! `make sim SEEDS=n [SEED=first]`: histories from seeds, what happened in them, and what is wrong.

use concord_sim::{
    many::{Many, mutations},
    plan::Stores,
    shrink::{shrink, tell},
};
use std::{io::Write, process::ExitCode, time::Instant};

const USAGE: &str =
    "concord-sim [--seeds N] [--first SEED] [--threads N] [--json] [--story] [--whole] [--stores KIND] [--mutation NAME|all]

  --seeds N      so many histories (100)
  --first SEED   the first seed (1)
  --threads N    side by side (the machine's)
  --json         the summary as JSON
  --story        tell the history of every seed
  --whole        do not shorten a history that fails
  --stores KIND  apart, one or drawn (drawn)
  --mutation     leave a rule of the hub out, and stop at the first seed that notices";

struct Options {
    many: Many,
    json: bool,
    story: bool,
    whole: bool,
}

fn options() -> Result<Options, String> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let many = Many { first: 1, seeds: 100, threads, stop: false, mutation: None, stores: Stores::Drawn };
    let mut options = Options { many, json: false, story: false, whole: false };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || {
            let text = args.next().ok_or(format!("{arg} needs a number"))?;
            text.parse::<u64>().map_err(|_| format!("`{text}` is no number"))
        };
        match arg.as_str() {
            "--seeds" => options.many.seeds = number()?,
            "--first" => options.many.first = number()?,
            "--threads" => options.many.threads = number()?,
            "--json" => options.json = true,
            "--story" => options.story = true,
            "--whole" => options.whole = true,
            "--mutation" => options.many.mutation = Some(args.next().ok_or("--mutation needs a name")?),
            "--stores" => {
                options.many.stores = match args.next().as_deref() {
                    Some("drawn") => Stores::Drawn,
                    Some("apart") => Stores::Apart,
                    Some("one") => Stores::One,
                    _ => return Err("--stores is apart, one or drawn".to_owned()),
                }
            }
            _ => return Err(format!("unknown argument `{arg}`")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match options() {
        Err(why) => {
            drop(writeln!(out, "{why}\n\n{USAGE}"));
            ExitCode::from(2)
        }
        Ok(options) if options.many.mutation.is_some() => mutants(&mut out, &options),
        Ok(options) if options.story => {
            for seed in options.many.first..options.many.first + options.many.seeds {
                let (lines, found) = tell(&options.many.stores.plan(seed));
                let found = found.iter().map(|one| format!("VIOLATION  {}: {}", one.kind, one.what));
                for line in lines.into_iter().chain(found) {
                    drop(writeln!(out, "{line}"));
                }
            }
            ExitCode::SUCCESS
        }
        Ok(options) => {
            drop(out);
            histories(&options)
        }
    }
}

fn histories(options: &Options) -> ExitCode {
    let started = Instant::now();
    let json = options.json;
    let summary = options.many.run(|seed, found| {
        if let (Some(first), false) = (found.first(), json) {
            drop(writeln!(std::io::stdout().lock(), "seed {seed}: {}: {}", first.kind, first.what));
        }
    });
    let took = started.elapsed();
    let mut out = std::io::stdout().lock();
    if options.json {
        drop(writeln!(out, "{}", summary.json(took)));
    } else {
        drop(write!(out, "{}", summary.text(took)));
    }
    let Some((seed, first)) = summary.failed.iter().next() else { return ExitCode::SUCCESS };
    if !options.json {
        let plan = options.many.stores.plan(*seed);
        let plan = if options.whole { plan } else { shrink(&plan, first.kind) };
        let (lines, found) = tell(&plan);
        let events = plan.events.len();
        let again = format!("make sim SEED={seed} SEEDS=1");
        drop(writeln!(out, "\nthe history of seed {seed}, with {events} events; again: {again}\n"));
        let found = found.iter().map(|one| format!("VIOLATION  {}: {}", one.kind, one.what));
        for line in lines.into_iter().chain(found) {
            drop(writeln!(out, "{line}"));
        }
    }
    ExitCode::FAILURE
}

/// The first seed at which each rule is missed.
fn mutants(out: &mut impl Write, options: &Options) -> ExitCode {
    let wanted = options.many.mutation.as_deref().unwrap_or("all");
    let names: Vec<&str> = mutations().into_iter().filter(|name| wanted == "all" || *name == wanted).collect();
    if names.is_empty() {
        drop(writeln!(out, "no such rule, or built without the feature `mutations`"));
        return ExitCode::from(2);
    }
    let mut survivors = 0;
    for name in names {
        let many = Many { stop: true, mutation: Some(name.to_owned()), ..options.many.clone() };
        let summary = many.run(|_, _| {});
        match summary.failed.iter().next() {
            Some((seed, first)) => {
                drop(writeln!(out, "{name:<22} seed {seed:>5}: {}: {:.160}", first.kind, first.what));
            }
            None => {
                survivors += 1;
                drop(writeln!(out, "{name:<22} not noticed in {} histories", summary.histories));
            }
        }
        drop(out.flush());
    }
    if survivors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
