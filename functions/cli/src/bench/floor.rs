//! The floor: what the same I/O costs in bare Rust on the same machine. A webhook is verified, appended to a file that is
//! synced before it is answered (all that wait share one sync), and posted to the target. No dedupe, no merge, no retry.

use super::{
    child::KEY,
    wire::{Reader, find, member, status},
};
use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::{io::Write as _, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{Mutex, mpsc, oneshot},
};

/// Connections to the target.
const OUT: usize = 16;
/// Appends that share a sync at most.
const GROUP: usize = 512;

type Append = (Vec<u8>, oneshot::Sender<()>);

/// Serves until the process ends. `to` is `ADDRESS,TARGET,FILE`.
///
/// # Errors
/// When it cannot listen, or write the file.
pub(super) async fn serve(to: &str) -> Result<()> {
    let [address, target, file] =
        to.splitn(3, ',').collect::<Vec<_>>().try_into().map_err(|_| anyhow!("three parts"))?;
    let listener = TcpListener::bind(address).await?;
    let target = target.trim_start_matches("http://").to_owned();
    let log = std::fs::File::options().create(true).append(true).open(file).context("The log cannot be opened.")?;
    let (appends, waiting) = mpsc::channel::<Append>(4096);
    std::thread::spawn(move || append(log, waiting));
    let (jobs, taken) = mpsc::channel::<(String, Vec<u8>)>(65_536);
    let taken = Arc::new(Mutex::new(taken));
    for _ in 0..OUT {
        tokio::spawn(post(target.clone(), Arc::clone(&taken)));
    }
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(take(stream, appends.clone(), jobs.clone()));
    }
}

/// Writes and syncs, many at once.
fn append(mut log: std::fs::File, mut waiting: mpsc::Receiver<Append>) {
    let mut group = Vec::with_capacity(GROUP);
    while waiting.blocking_recv_many(&mut group, GROUP) > 0 {
        let bytes: Vec<u8> = group.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
        if log.write_all(&bytes).and_then(|()| log.sync_data()).is_err() {
            return;
        }
        for (_, done) in group.drain(..) {
            // Whoever has hung up needs no answer.
            let _gone = done.send(());
        }
    }
}

/// One connection of the sender.
async fn take(
    mut stream: TcpStream,
    appends: mpsc::Sender<Append>,
    jobs: mpsc::Sender<(String, Vec<u8>)>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let Some(request) = whole(&mut stream, &mut buffer).await? else { return Ok(()) };
        let (head, body) = request;
        let answer = if is_signed(&head, &body) {
            let (done, written) = oneshot::channel();
            appends.send((body.clone(), done)).await?;
            written.await?;
            if let (Some(id), Some(phone), Some(name)) =
                (member(&body, "id"), member(&body, "phone"), member(&body, "name"))
            {
                let out = format!(r#"{{"name":"{name}","phone":"{phone}"}}"#);
                jobs.send((id.to_owned(), out.into_bytes())).await?;
            }
            "200 OK"
        } else {
            "401 Unauthorized"
        };
        stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await?;
    }
}

/// The next request, head and body.
async fn whole(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<Option<(String, Vec<u8>)>> {
    loop {
        if let Some(end) = find(buffer, b"\r\n\r\n").map(|at| at + 4) {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let length = header(&head, "content-length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
            if buffer.len() >= end + length {
                let body = buffer[end..end + length].to_vec();
                buffer.drain(..end + length);
                return Ok(Some((head, body)));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
}

fn is_signed(head: &str, body: &[u8]) -> bool {
    let parts = (header(head, "webhook-id"), header(head, "webhook-timestamp"), header(head, "webhook-signature"));
    let (Some(id), Some(at), Some(signature)) = parts else { return false };
    let given = signature.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(KEY) else { return false };
    for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.verify_slice(&given).is_ok()
}

/// What was taken in and has to go out: an id and a body. Every connection to the target takes from it.
type Taken = Arc<Mutex<mpsc::Receiver<(String, Vec<u8>)>>>;

/// One connection to the target: a post at a time.
async fn post(target: String, taken: Taken) -> Result<()> {
    let mut stream = TcpStream::connect(&target).await?;
    stream.set_nodelay(true)?;
    let mut reader = Reader::new();
    loop {
        let job = taken.lock().await.recv().await;
        let Some((id, body)) = job else { return Ok(()) };
        let head = format!("PUT /records/{id} HTTP/1.1\r\nhost: {target}\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
        let answer = reader.next(&mut stream).await?.ok_or_else(|| anyhow!("closed"))?;
        if status(answer.first) != 200 {
            tracing::warn!("The target refused a change.");
        }
    }
}
