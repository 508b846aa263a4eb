//! The target: takes deliveries and notes them. It keeps no fields, only which change a record holds.

use super::{
    ledger::Ledger,
    wire::{Reader, member},
};
use anyhow::Result;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The target, as the scenario handles it.
pub(super) struct Target {
    /// Where it listens.
    pub(super) url: String,
    /// While true everything is answered 503.
    pub(super) is_out: Arc<AtomicBool>,
    /// Writes that it took.
    pub(super) writes: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    /// Starts listening.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) async fn start(ledger: Arc<Ledger>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (is_out, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (out, count) = (Arc::clone(&is_out), Arc::clone(&writes));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (ledger, out, count) = (Arc::clone(&ledger), Arc::clone(&out), Arc::clone(&count));
                tokio::spawn(async move {
                    // A connection that breaks is the hub's to mend.
                    drop(serve(stream, &ledger, &out, &count).await);
                });
            }
        });
        Ok(Self { url, is_out, writes, task })
    }
}

async fn serve(mut stream: TcpStream, ledger: &Ledger, is_out: &AtomicBool, writes: &AtomicU64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::new();
    while let Some(message) = reader.next(&mut stream).await? {
        let id = message.first.split(' ').nth(1).unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        let answer = if is_out.load(Ordering::Relaxed) {
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned()
        } else {
            let version = writes.fetch_add(1, Ordering::Relaxed) + 1;
            note(ledger, &id, message.body);
            let body = format!(r#"{{"id":"{id}","version":{version}}}"#);
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}

/// A create carries the name, which has the record's number; every change carries the telephone number, which has its own.
fn note(ledger: &Ledger, id: &str, body: &[u8]) {
    let number = |name: &str, prefix: &str| member(body, name)?.strip_prefix(prefix)?.parse::<u64>().ok();
    if let Some(record) = number("name", "Company ").and_then(|record| usize::try_from(record).ok()) {
        ledger.made(id, record);
    }
    if let Some(change) = number("phone", "+1 ") {
        ledger.arrived(id, change);
    }
}
