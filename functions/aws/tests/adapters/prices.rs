//! List prices of AWS in us-east-1, in US dollars, as published in June 2025. The only place where a price stands.

/// Of a million write units of an on-demand table.
const WRITES: f64 = 0.625;
/// Of a million read units of an on-demand table.
const READS: f64 = 0.125;
/// Of a million requests to queues: of the three that a change passes one is first in, first out, at 0.50; the others are 0.40.
const QUEUE: f64 = (0.40 + 0.40 + 0.50) / 3.0;
/// Of a million requests to an HTTP API.
const DOOR: f64 = 1.00;
/// Of a million invocations of a function.
const INVOCATIONS: f64 = 0.20;
/// Of a gigabyte-second of a function on arm64.
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
/// Of a gigabyte of logs taken in.
const LOGS: f64 = 0.50;

/// What one change needs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needs {
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) queue_requests: f64,
    pub(crate) webhooks: f64,
    pub(crate) invocations: f64,
    pub(crate) gigabyte_seconds: f64,
    pub(crate) log_bytes: f64,
}

/// The price of a million such changes.
pub(crate) fn of_a_million(needs: Needs) -> f64 {
    needs.read_units * READS
        + needs.write_units * WRITES
        + needs.queue_requests * QUEUE
        + needs.webhooks * DOOR
        + needs.invocations * INVOCATIONS
        + needs.gigabyte_seconds * GIGABYTE_SECOND * 1e6
        + needs.log_bytes * 1e6 / 1e9 * LOGS
}
