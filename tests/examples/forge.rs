//! `make forge`: a million forged and malformed webhooks against ingest; none enters. Says how many were refused, how long
//! it took and how the memory of the process grew; ends with 1 when anything was not as it should be.
#![expect(clippy::print_stdout, reason = "it is a program that prints a report")]

use concord_tests::forge::{Flood, Forger};
use std::{process::ExitCode, time::Instant};

/// Resident kilobytes, where the system tells.
fn resident_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let seed: u64 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(1);
    let world = Flood::world().await;
    let (mut flood, mut forger) = (Flood::default(), Forger::new(seed));
    for _ in 0..count / 100 {
        flood.send(&world, &mut forger).await;
    }
    // What is put aside of signed nonsense is kept on purpose, for a person; it is counted apart.
    let (warm, began) = (resident_kb(), Instant::now());
    for _ in count / 100..count {
        flood.send(&world, &mut forger).await;
        if flood.wrong.len() >= 10 {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let entered = world.records(concord_connector::Entity::Organization).await.len();
    println!("{count} webhooks of seed {seed} in {seconds:.1} s");
    println!(
        "refused 401: {}, barred 429: {}, signed and unreadable: {}",
        flood.refused, flood.barred, flood.unreadable
    );
    println!("records: {entered}, items kept: {}", world.table.items().len());
    if let (Some(warm), Some(now)) = (warm, resident_kb()) {
        println!("resident memory: {warm} kB after the first hundredth, {now} kB at the end");
    }
    for wrong in &flood.wrong {
        println!("WRONG: {wrong}");
    }
    if flood.wrong.is_empty() && entered == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
