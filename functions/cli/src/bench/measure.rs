//! What a process used, and what times come to.

use serde_json::{Value as Json, json};
use std::{fs, time::Duration};

/// Clock ticks in a second, as Linux tells them to programs on every machine.
const TICKS: f64 = 100.0;

/// What a process used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// Processor time in user space, in seconds.
    pub(super) user_s: f64,
    /// Processor time in the kernel, in seconds.
    pub(super) system_s: f64,
    /// The most memory that it held, in MiB.
    pub(super) peak_mib: f64,
}

impl Usage {
    /// Of a process, as the kernel tells; nothing where it does not.
    pub(super) fn of_process(pid: u32) -> Self {
        Self::read(&format!("/proc/{pid}"))
    }

    /// Of this process.
    pub(super) fn own() -> Self {
        Self::read("/proc/self")
    }

    fn read(dir: &str) -> Self {
        let stat = fs::read_to_string(format!("{dir}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything.
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let fields: Vec<&str> = after.split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / TICKS;
        let status = fs::read_to_string(format!("{dir}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok()).unwrap_or(0.0);
        Self { user_s: ticks(11), system_s: ticks(12), peak_mib: kib / 1024.0 }
    }

    /// Added to what was used before.
    pub(super) fn after(self, before: &Self) -> Self {
        Self {
            user_s: self.user_s + before.user_s,
            system_s: self.system_s + before.system_s,
            peak_mib: self.peak_mib.max(before.peak_mib),
        }
    }

    /// Since an earlier moment.
    pub(super) fn since(self, earlier: &Self) -> Self {
        Self {
            user_s: self.user_s - earlier.user_s,
            system_s: self.system_s - earlier.system_s,
            peak_mib: self.peak_mib,
        }
    }

    /// All of it.
    pub(super) fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

/// The load average of the last minute; what else the machine did.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// Sorted times in microseconds, as milliseconds at the usual places.
pub(super) fn places(sorted: &[u32]) -> Json {
    json!({
        "count": sorted.len(),
        "p50_ms": at(sorted, 50),
        "p99_ms": at(sorted, 99),
        "max_ms": at(sorted, 100),
    })
}

fn at(sorted: &[u32], percent: usize) -> Option<f64> {
    let place = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
    Some(f64::from(*sorted.get(place)?) / 1000.0)
}

/// Rounded to so many decimals, for people.
pub(super) fn rounded(number: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (number * scale).round() / scale
}

/// How many a second.
pub(super) fn per_second(count: usize, took: Duration) -> f64 {
    rounded(count as f64 / took.as_secs_f64().max(1e-9), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_few_times_are_times_that_were_measured() {
        assert_eq!(places(&[1000, 2000, 3000])["p50_ms"], 2.0);
        assert_eq!(places(&[1000])["p99_ms"], 1.0);
        assert_eq!(places(&[])["p99_ms"], Json::Null);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_tells_what_a_process_used() {
        let usage = Usage::own();
        assert!(usage.peak_mib > 1.0, "{usage:?}");
        assert_eq!(Usage::of_process(u32::MAX), Usage::default());
    }
}
