//! A person's consent: the browser goes to the vendor and comes back to a loopback port with a code.

use crate::{args::Connect, session::Session};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value as Json, json};
use std::{
    io::{self, BufRead as _},
    net::SocketAddr,
    time::Duration,
};
use subtle::ConstantTimeEq;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A person has that long to consent.
const PATIENCE: Duration = Duration::from_secs(600);
/// A browser's request line is never longer.
const LONGEST: usize = 16 * 1024;

pub(super) async fn consent(session: &Session, args: &Connect, name: &str) -> Result<Json> {
    let redirect_uri = format!("http://localhost:{}/callback", args.port);
    let asked =
        session.post(&format!("/api/connections/{name}/consent"), &json!({ "redirect_uri": redirect_uri })).await?;
    let (url, state) = (asked["url"].as_str().unwrap_or_default(), asked["state"].as_str().unwrap_or_default());
    // Before the address is shown: whoever is quick finds the port open.
    let listener = if args.paste { None } else { Some(listen(args.port).await?) };
    eprintln!("Open this address in a browser and consent:\n\n{url}\n");
    let code = match listener {
        Some(listener) => tokio::time::timeout(PATIENCE, received(&listener, state))
            .await
            .context("Nobody consented within ten minutes; start again.")??,
        None => pasted(state)?,
    };
    let body = json!({ "code": code, "redirect_uri": redirect_uri, "verifier": asked["verifier"] });
    session.post(&format!("/api/connections/{name}/code"), &body).await
}

async fn listen(port: u16) -> Result<TcpListener> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpListener::bind(address).await.with_context(|| {
        format!("Another program listens at {address}. Choose another port with --port (and enter it at the vendor), or use --paste.")
    })
}

async fn received(listener: &TcpListener, state: &str) -> Result<String> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        // Browsers open connections that they never use; only the one with the answer counts.
        let Some(target) = request_target(&mut stream).await else { continue };
        let Some(outcome) = answer_of(&target, state) else {
            reply(&mut stream, "404 Not Found", "There is nothing here.").await;
            continue;
        };
        let sentence = match &outcome {
            Ok(_) => "Concord has what it needs. You can close this window.",
            Err(_) => "This did not work; see the terminal.",
        };
        reply(&mut stream, "200 OK", sentence).await;
        return outcome;
    }
}

async fn request_target(stream: &mut TcpStream) -> Option<String> {
    let read = async {
        let mut head = Vec::new();
        let mut piece = [0; 1024];
        while !head.windows(2).any(|two| two == b"\r\n") && head.len() < LONGEST {
            let length = stream.read(&mut piece).await.ok().filter(|length| *length > 0)?;
            head.extend_from_slice(&piece[..length]);
        }
        let text = String::from_utf8(head).ok()?;
        text.lines().next()?.strip_prefix("GET ")?.split(' ').next().map(str::to_owned)
    };
    tokio::time::timeout(Duration::from_secs(5), read).await.ok()?
}

async fn reply(stream: &mut TcpStream, status: &str, sentence: &str) {
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{sentence}",
        sentence.len()
    );
    // A browser that is gone has its answer in the terminal.
    drop(stream.write_all(text.as_bytes()).await);
}

fn pasted(state: &str) -> Result<String> {
    eprintln!("Then paste the address at which the browser ended, even if it could not be shown, and press Enter:");
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("Standard input cannot be read.")?;
    let line = line.trim();
    let target = url::Url::parse(line).map(|url| format!("{}?{}", url.path(), url.query().unwrap_or_default()));
    match target.ok().and_then(|target| answer_of(&target, state)) {
        Some(outcome) => outcome,
        None => bail!("The address has no code in it; paste the whole address, beginning with http."),
    }
}

/// The code in the target of the browser's request; `None` when it is about something else.
fn answer_of(target: &str, state: &str) -> Option<Result<String>> {
    let (path, query) = target.split_once('?')?;
    if path != "/callback" {
        return None;
    }
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let genuine = value("state").is_some_and(|given| given.as_bytes().ct_eq(state.as_bytes()).into());
    Some(match (genuine, value("code"), value("error")) {
        (false, ..) => {
            Err(anyhow::anyhow!("The answer does not belong to this attempt (its `state` differs); start again."))
        }
        (true, _, Some(error)) => {
            Err(anyhow::anyhow!("The vendor did not give consent: {}.", error.chars().take(80).collect::<String>()))
        }
        (true, Some(code), None) => Ok(code.to_owned()),
        (true, None, None) => Err(anyhow::anyhow!("The vendor sent no code; start again.")),
    })
}

#[cfg(test)]
mod tests {
    use super::answer_of;

    #[test]
    fn only_the_answer_to_this_attempt_counts() {
        assert_eq!(answer_of("/callback?code=abc%20d&state=s", "s").unwrap().unwrap(), "abc d");
        assert!(answer_of("/callback?code=abc&state=other", "s").unwrap().is_err());
        assert!(answer_of("/callback?code=abc", "s").unwrap().is_err());
        assert!(answer_of("/callback?error=access_denied&state=s", "s").unwrap().is_err());
        assert!(answer_of("/favicon.ico", "s").is_none());
    }
}
