//! The functions' binaries against a Runtime API of our own: how long one takes from its start to its first poll, how much
//! memory it has by then, how large it is. `make bench` builds them as they ship and shows the table.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use axum::{Router, extract::State, routing::get};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

const FUNCTIONS: [&str; 5] = ["ingest", "connector", "reconcile", "fanout", "scheduler"];
/// Starts of each.
const STARTS: usize = 20;
/// A zip file should have no more bytes: the budget. What Lambda takes is eight times that.
const ZIP: usize = 6_000_000;
/// A function has that many bytes of memory.
const MEMORY_KB: u64 = 128 * 1024;
/// Whoever does not poll within this time does not poll.
const PATIENCE: Duration = Duration::from_secs(30);

/// One start.
struct Start {
    took: Duration,
    memory_kb: u64,
}

struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "needs the built functions: `make bench` builds them and names their folder in CONCORD_FUNCTIONS"]
fn every_function_polls_soon_and_fits() {
    let folder =
        PathBuf::from(env::var_os("CONCORD_FUNCTIONS").expect("CONCORD_FUNCTIONS names the folder of the functions"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!(
        "{:<10} {:>9} {:>11} {:>10} {:>9} {:>8}",
        "function", "least ms", "median ms", "memory MB", "size MB", "zip MB"
    );
    for function in FUNCTIONS {
        let binary = folder.join(function);
        let mut starts: Vec<Start> = (0..STARTS).map(|_| runtime.block_on(start(&binary))).collect();
        starts.sort_by_key(|start| start.took);
        let bytes = fs::read(&binary).unwrap();
        // What a zip file holds is one stream of this kind.
        let zip = miniz_oxide::deflate::compress_to_vec(&bytes, 9).len();
        let memory = starts.iter().map(|start| start.memory_kb).max().unwrap();
        let (least, median) = (starts[0].took, starts[STARTS / 2].took);
        println!(
            "{function:<10} {:>9.1} {:>11.1} {:>10.1} {:>9.1} {:>8.1}{}",
            least.as_secs_f64() * 1e3,
            median.as_secs_f64() * 1e3,
            memory as f64 / 1024.0,
            bytes.len() as f64 / 1e6,
            zip as f64 / 1e6,
            if zip > ZIP { "  over the budget of 6 MB" } else { "" },
        );
        assert!(memory < MEMORY_KB, "{function} takes too much memory");
    }
}

/// Starts a function and waits for its first poll.
async fn start(binary: &Path) -> Start {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let polled = Arc::new(Semaphore::new(0));
    let router = Router::new().route("/2018-06-01/runtime/invocation/next", get(next)).with_state(Arc::clone(&polled));
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let began = Instant::now();
    let mut command = Command::new(binary);
    command.env_clear().stdout(Stdio::null()).stderr(Stdio::null());
    command.env("AWS_LAMBDA_RUNTIME_API", address.to_string()).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "hub-function"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "fake"),
        ("AWS_SECRET_ACCESS_KEY", "fake"),
        ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
        ("CONCORD_TABLE", "hub"),
        ("CONCORD_QUEUES", "https://sqs.example.com/1/hub-"),
        ("CONCORD_BLOBS", "hub-blobs"),
        ("CONCORD_SECRETS", "hub/"),
    ]);
    let process = Stopped(command.spawn().unwrap());
    timeout(PATIENCE, polled.acquire()).await.expect("it polls").unwrap().forget();
    let took = began.elapsed();
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let memory_kb = peak.trim().trim_end_matches(" kB").parse().unwrap();
    drop(process);
    server.abort();
    Start { took, memory_kb }
}

/// There is never anything to do.
async fn next(State(polled): State<Arc<Semaphore>>) {
    polled.add_permits(1);
    std::future::pending::<()>().await;
}
