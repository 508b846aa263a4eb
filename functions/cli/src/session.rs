//! How a command reaches the truth: over HTTP where a Concord runs, else by opening the folder itself. Either way the
//! same call has the same answer.

use crate::{
    api::{self, Call},
    app::{self, App, Source},
    args::At,
    failure::Usage,
    place::RunFile,
};
use anyhow::{Result, anyhow, bail};
use concord_hub::ports::Secret;
use serde_json::Value as Json;
use std::{path::Path, sync::Arc, time::Duration};

/// A call may take as long as a vendor's answer, which `connect` waits for.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A stream lasts as long as somebody wants it.
const ENDLESS: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A way to call the API.
pub enum Session {
    /// A Concord that runs.
    Live(Live),
    /// An idle folder, opened by this process.
    Idle(Arc<App>),
}

/// A Concord that runs.
pub struct Live {
    client: reqwest::Client,
    url: String,
    token: Secret,
}

impl Session {
    /// Opens what `at` names.
    ///
    /// # Errors
    /// When nothing answers there, or the folder cannot be opened.
    pub async fn open(at: &At) -> Result<Self> {
        Self::open_as(at, Source::InForce(at.config.clone())).await
    }

    /// Opens what `at` names, an idle folder under the configuration of a source.
    ///
    /// # Errors
    /// When nothing answers there, or the folder cannot be opened.
    pub async fn open_as(at: &At, source: Source) -> Result<Self> {
        #[cfg(feature = "aws")]
        if let Some(stack) = &at.stack {
            return Ok(Self::Idle(App::open_stack(stack, &source).await?));
        }
        if let (Some(url), Some(token)) = (&at.url, &at.token) {
            return Ok(Self::Live(Live::new(url, token.clone())?));
        }
        if let Some(run) = RunFile::of_live(&at.data) {
            return Ok(Self::Live(Live::new(&run.url, run.token)?));
        }
        if !at.data.exists() && matches!(source, Source::InForce(_)) {
            bail!(Usage(format!(
                "There is no data folder at {}. Name one with --data, or a running Concord with --url and --token.",
                at.data.display()
            )));
        }
        Ok(Self::Idle(idle(&at.data, source).await?))
    }

    /// Calls the API.
    ///
    /// # Errors
    /// The problem's sentence.
    pub async fn call(&self, method: &str, target: &str, body: &Json) -> Result<Json> {
        match self {
            Self::Live(live) => live.call(method, target, body).await,
            Self::Idle(app) => {
                let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
                let call = Call::parse(method, target, &body).map_err(|problem| anyhow!(problem.detail))?;
                api::answer(app, call).await.map_err(|problem| anyhow!(problem.detail))
            }
        }
    }
    /// Reads a stream of lines, which only a Concord that runs has.
    ///
    /// # Errors
    /// When none runs, or the problem's sentence.
    pub async fn lines(&self, target: &str) -> Result<Lines> {
        match self {
            Self::Live(live) => live.lines(target).await,
            Self::Idle(_) => {
                bail!(Usage(
                    "What flows is shown by a Concord that runs on one machine (`concord up`); a stack tells it in its logs."
                        .into()
                ))
            }
        }
    }
    /// Reads.
    ///
    /// # Errors
    /// The problem's sentence.
    pub async fn get(&self, target: &str) -> Result<Json> {
        self.call("GET", target, &Json::Null).await
    }
    /// Changes.
    ///
    /// # Errors
    /// The problem's sentence.
    pub async fn post(&self, target: &str, body: &Json) -> Result<Json> {
        self.call("POST", target, body).await
    }
}

async fn idle(dir: &Path, source: Source) -> Result<Arc<App>> {
    let registry = concord_connectors::all();
    App::open(dir, &source, registry, app::vault_key()?, false).await
}

impl Live {
    /// A client of a Concord at an address.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(url: &str, token: Secret) -> Result<Self> {
        let mut builder = reqwest::Client::builder().timeout(TIMEOUT);
        if url.contains("//127.0.0.1") || url.contains("//localhost") {
            builder = builder.no_proxy();
        }
        Ok(Self { client: builder.build()?, url: url.trim_end_matches('/').to_owned(), token })
    }

    /// Reads.
    ///
    /// # Errors
    /// The problem's sentence; a `reqwest::Error` below it when nobody answers.
    pub async fn get(&self, target: &str) -> Result<Json> {
        self.call("GET", target, &Json::Null).await
    }

    /// Changes.
    ///
    /// # Errors
    /// As [`Live::get`].
    pub async fn post(&self, target: &str, body: &Json) -> Result<Json> {
        self.call("POST", target, body).await
    }

    async fn lines(&self, target: &str) -> Result<Lines> {
        let request =
            self.client.get(format!("{}{target}", self.url)).bearer_auth(self.token.expose()).timeout(ENDLESS);
        let response = request.send().await.map_err(|_| anyhow!("The Concord at {} cannot be reached.", self.url))?;
        if !response.status().is_success() {
            let status = response.status();
            let problem: Option<Json> = serde_json::from_slice(&response.bytes().await?).ok();
            let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
            bail!("{}", detail.map_or_else(|| format!("{} answered {status}.", self.url), str::to_owned));
        }
        Ok(Lines { response, rest: Vec::new() })
    }

    async fn call(&self, method: &str, target: &str, body: &Json) -> Result<Json> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request = self.client.request(method, format!("{}{target}", self.url)).bearer_auth(self.token.expose());
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| {
            let why = if error.is_timeout() { "It did not answer in time" } else { "It cannot be reached" };
            let sentence = format!("{why}: the Concord at {}. Is it still running?", self.url);
            anyhow::Error::new(error.without_url()).context(sentence)
        })?;
        let status = response.status();
        let bytes = response.bytes().await?;
        let json: Option<Json> = serde_json::from_slice(&bytes).ok();
        match json {
            Some(json) if status.is_success() => Ok(json),
            Some(problem) if problem["detail"].is_string() => {
                bail!("{}", problem["detail"].as_str().unwrap_or_default())
            }
            _ => bail!("{} answered {status}; it is no Concord, or one of another version.", self.url),
        }
    }
}

/// Lines as they come.
pub struct Lines {
    response: reqwest::Response,
    rest: Vec<u8>,
}

impl Lines {
    /// The next line that is not empty; `None` when the other side has ended.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let text = String::from_utf8_lossy(&line).trim().to_owned();
                if !text.is_empty() {
                    return Ok(Some(text));
                }
                continue;
            }
            match self.response.chunk().await.map_err(|_| anyhow!("The connection to Concord broke."))? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None => return Ok(None),
            }
        }
    }
}

/// A text as a segment of a path.
pub fn segment(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
