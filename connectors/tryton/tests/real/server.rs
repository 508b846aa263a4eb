//! Starts a real Tryton on a free port, speaks HTTP/1.1 to it, and stops it by its process id.

use super::scenario::World;
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The longest that a server may take to answer: to start, and to post the first invoice.
const PATIENCE: Duration = Duration::from_secs(90);

/// The repository, when a server is prepared in it.
pub(crate) fn prepared() -> Option<PathBuf> {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("tests/tryton/serve").exists())?;
    root.join("target/tryton/made-of").exists().then(|| root.to_owned())
}

pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts it on a copy of the prepared database and waits until it answers.
    pub(crate) fn start(root: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let process = Command::new(root.join("tests/tryton/serve"))
            .args([folder.path().as_os_str(), port.to_string().as_ref()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("tests/tryton/serve starts");
        let mut server = Self { process, port, folder };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let version = json!({ "id": 1, "method": "common.server.version", "params": [] });
        let headers = [("content-type".to_owned(), "application/json".to_owned())].into();
        let request = WireRequest {
            method: "POST".into(),
            target: "/rpc/".into(),
            headers,
            body: version.to_string().into_bytes(),
        };
        let attempts = PATIENCE.as_millis() / 100;
        for _ in 0..attempts {
            if let Some(status) = self.process.try_wait().expect("a process") {
                panic!("trytond ended with {status}: {}", self.log());
            }
            if call(self.port, &request).is_ok_and(|response| response.status == 200) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("trytond does not answer: {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn world(&self) -> Real {
        let boot = fs::read_to_string(self.folder.path().join("boot.json")).expect("boot.json");
        Real { port: self.port, boot: serde_json::from_str(&boot).expect("JSON") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `serve` gave its place to the server: the id is the server's.
        let stopped = self.process.kill().and_then(|()| self.process.wait());
        assert!(stopped.is_ok(), "{stopped:?}");
    }
}

/// The running server as a world.
pub(crate) struct Real {
    port: u16,
    boot: Json,
}

impl World for Real {
    fn send(&mut self, request: &WireRequest) -> WireResponse {
        call(self.port, request).unwrap_or_else(|e| panic!("{} {}: {e}", request.method, request.target))
    }
    fn now(&mut self) -> Instant {
        Instant::from_ms(jiff::Timestamp::now().as_millisecond())
    }
    fn user(&self) -> (String, String) {
        let text = |name: &str| self.boot[name].as_str().expect("boot.json has it").to_owned();
        (text("username"), text("password"))
    }
    /// With Tryton's own wizard: its first page, and its second one when the amount is not all of it.
    fn pay(&mut self, invoice: &str, party: &str, amount: &str) {
        let id: i64 = invoice.parse().expect("a number");
        let party: i64 = party.parse().expect("a number");
        let context = json!({ "company": 1, "active_id": id, "active_ids": [id], "active_model": "account.invoice" });
        let receivable =
            self.rpc("model.account.configuration.read", json!([[1], ["default_account_receivable"], context]));
        let wizard = self.rpc("wizard.account.invoice.pay.create", json!([context]))[0].clone();
        let today = self.rpc("model.ir.date.today", json!([context]));
        let paid = json!({ "__class__": "Decimal", "decimal": amount });
        let start = json!({
            "amount": paid, "currency": 1, "company": 1, "date": today, "payee": party, "description": "Paid",
            "payment_method": self.boot["payment_method"], "invoice_account": receivable[0]["default_account_receivable"],
        });
        let pay = "wizard.account.invoice.pay.execute";
        let next = self.rpc(pay, json!([wizard, { "start": start }, "choice", context]));
        if next.get("view").is_some() {
            let ask = json!({ "type": "partial", "amount": paid, "currency": 1, "company": 1, "invoice": id });
            self.rpc(pay, json!([wizard, { "start": start, "ask": ask }, "pay", context]));
        }
    }
    /// With Tryton's own wizard. It warns when the parties differ in name.
    fn merge(&mut self, winner: &str, loser: &str) {
        let number = |id: &str| id.parse::<i64>().expect("a number");
        let (winner, loser) = (number(winner), number(loser));
        let context = json!({ "company": 1, "active_id": loser, "active_ids": [loser], "active_model": "party.party" });
        let wizard = self.rpc("wizard.party.replace.create", json!([context]))[0].clone();
        let ask = json!({ "ask": { "source": loser, "destination": winner } });
        self.rpc("wizard.party.replace.execute", json!([wizard, ask, "replace", context]));
    }
    fn options(&self) -> BTreeMap<String, String> {
        ["company", "tax", "payment_term", "product"].map(|name| (name.to_owned(), self.boot[name].to_string())).into()
    }
}

impl Real {
    fn rpc(&self, method: &str, params: Json) -> Json {
        let (user, password) = self.user();
        let basic = super::scenario::encode(&format!("{user}:{password}"));
        let headers = [("content-type", "application/json".to_owned()), ("authorization", format!("Basic {basic}"))];
        let body = json!({ "id": 1, "method": method, "params": params }).to_string().into_bytes();
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let request = WireRequest { method: "POST".into(), target: "/tryton/rpc/".into(), headers, body };
        let answer: Json = serde_json::from_slice(&call(self.port, &request).expect("an answer").body).expect("JSON");
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }
}

/// One request on a connection of its own.
fn call(port: u16, request: &WireRequest) -> std::io::Result<WireResponse> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head =
        format!("{} {} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(&request.body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let invalid = || std::io::Error::other("no HTTP response");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(invalid)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or_else(invalid)?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let body = &answer[end + 4..];
    let body = match headers.get("transfer-encoding").map(String::as_str) {
        Some("chunked") => unchunked(body).ok_or_else(invalid)?,
        _ => body.to_vec(),
    };
    Ok(WireResponse { status, headers, body })
}

/// A body that came in chunks: the length of each in hexadecimal before it, an empty one at the end.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 4 + length..)?;
    }
}
