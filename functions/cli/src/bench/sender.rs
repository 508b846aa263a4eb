//! The sender: signed webhooks that are the record, over kept connections.

use super::{
    ledger::Ledger,
    plan::Work,
    wire::{Reader, status},
};
use anyhow::{Result, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_hub::{embedded::SystemClock, ports::Clock as _};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// A sender tries again after this long when nobody answers, as vendors do (sooner than they do).
const AGAIN: Duration = Duration::from_millis(100);

/// What all connections of the sender share.
pub(super) struct Sender {
    /// `127.0.0.1:PORT` of the hub.
    pub(super) address: String,
    pub(super) path: &'static str,
    pub(super) key: Vec<u8>,
    pub(super) ledger: Arc<Ledger>,
    /// Set when the scenario is over: what was not sent is not sent any more.
    pub(super) stop: AtomicBool,
    /// Requests that were refused or broke, and were sent again.
    pub(super) retries: AtomicU64,
}

impl Sender {
    /// Works until the plan has nothing more, on so many connections.
    ///
    /// # Errors
    /// When the hub refuses a webhook for good.
    pub(super) async fn send(self: &Arc<Self>, work: Arc<Work>, connections: usize) -> Result<()> {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (sender, work) = (Arc::clone(self), Arc::clone(&work));
            tasks.spawn(async move { sender.connection(&work).await });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        Ok(())
    }

    async fn connection(&self, work: &Work) -> Result<()> {
        let mut open: Option<(TcpStream, Reader)> = None;
        while let Some((record, change, due)) = work.next().filter(|_| !self.stop.load(Ordering::Relaxed)) {
            tokio::time::sleep_until(due.into()).await;
            // Of a closed loop the clock starts when it is sent; of a fixed rate when it should have been.
            let due = if work.is_paced() { due } else { Instant::now() };
            let request = self.request(work, record, change);
            self.ledger.sending(record, change, due);
            loop {
                match self.exchange(&mut open, &request).await {
                    Ok(200..=299) => break,
                    Ok(status @ (400 | 401 | 403 | 404 | 413)) => {
                        return Err(anyhow!("The hub answered a signed webhook with {status}."));
                    }
                    _ if self.stop.load(Ordering::Relaxed) => return Ok(()),
                    _ => {
                        self.retries.fetch_add(1, Ordering::Relaxed);
                        open = None;
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
            self.ledger.accepted(record, change, due);
        }
        Ok(())
    }

    async fn exchange(&self, open: &mut Option<(TcpStream, Reader)>, request: &[u8]) -> Result<u16> {
        if open.is_none() {
            let stream = TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            *open = Some((stream, Reader::new()));
        }
        let Some((stream, reader)) = open.as_mut() else { return Err(anyhow!("no connection")) };
        stream.write_all(request).await?;
        let answer = reader.next(stream).await?.ok_or_else(|| anyhow!("closed"))?;
        Ok(status(answer.first))
    }

    fn request(&self, work: &Work, record: usize, change: u64) -> Vec<u8> {
        let body = work.body(record, change);
        let seconds = SystemClock.now().ms() / 1000;
        let id = work.id(record, change);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap_or_else(|_| unreachable!("any length will do"));
        for part in [id.as_bytes(), b".", seconds.to_string().as_bytes(), b".", body.as_bytes()] {
            mac.update(part);
        }
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nwebhook-id: {id}\r\nwebhook-timestamp: \
             {seconds}\r\nwebhook-signature: v1,{signature}\r\ncontent-length: {}\r\n\r\n{body}",
            self.path,
            self.address,
            body.len()
        )
        .into_bytes()
    }
}
