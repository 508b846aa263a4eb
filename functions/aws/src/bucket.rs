//! Requests to S3: put, get and delete an object, and nothing else. The SDK's client would bring check sums along that nobody
//! asks for, two megabytes of each function; the signature is the SDK's own.

use crate::{count::Counts, fault};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime_api::client::identity::Identity;
use concord_connector::{Fault, Instant, Kind, Result};
use concord_hub::{
    ports::{Clock as _, Http, HttpError, HttpRequest, HttpResponse},
    system::SystemClock,
};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// As often as the SDK's clients try.
const ATTEMPTS: u32 = 3;
/// Before the second attempt; twice as long before the third.
const WAIT: Duration = Duration::from_millis(100);

/// A client of S3.
#[derive(Clone)]
pub struct S3 {
    http: Arc<dyn Http>,
    credentials: Option<SharedCredentialsProvider>,
    region: String,
    /// Where S3 is, when it is somewhere else; no slash at the end.
    endpoint: Option<String>,
    counts: Arc<Counts>,
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3({})", self.region)
    }
}

/// What a request does.
#[derive(Clone, Copy)]
pub(crate) struct Operation {
    /// As faults name it.
    pub(crate) name: &'static str,
    /// As AWS does.
    pub(crate) counted: &'static str,
    pub(crate) method: &'static str,
}

impl S3 {
    /// A client for whom the SDK's clients are for; requests leave by `http`.
    pub fn new(shared: &SdkConfig, http: Arc<dyn Http>, counts: Arc<Counts>) -> Self {
        Self {
            http,
            credentials: shared.credentials_provider(),
            region: shared.region().map_or_else(|| "us-east-1".to_owned(), ToString::to_string),
            endpoint: shared.endpoint_url().map(|url| url.trim_end_matches('/').to_owned()),
            counts,
        }
    }

    /// The address of an object. Names of buckets are host names at AWS, and nowhere else; the names of ours have no dots.
    fn address(&self, bucket: &str, key: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/{key}"),
            None => {
                let suffix = if self.region.starts_with("cn-") { ".cn" } else { "" };
                format!("https://{bucket}.s3.{}.amazonaws.com{suffix}/{key}", self.region)
            }
        }
    }

    /// Sends a request and answers what came; a refusal is a fault. Sent again, like all three requests may be, when that
    /// may help.
    pub(crate) async fn send(
        &self,
        operation: Operation,
        bucket: &str,
        key: &str,
        body: &[u8],
    ) -> Result<HttpResponse> {
        let mut attempt = 1;
        loop {
            let fault = match self.attempt(operation, &self.address(bucket, key), body).await {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer),
                Ok(answer) if operation.method == "GET" && code(&answer) == "NoSuchKey" => return Ok(answer),
                Ok(answer) => fault::coded(operation.name, &code(&answer)),
                Err(fault) => fault,
            };
            if fault.kind != Kind::Unavailable || attempt == ATTEMPTS {
                return Err(fault);
            }
            tokio::time::sleep(WAIT * attempt).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, operation: Operation, url: &str, body: &[u8]) -> Result<HttpResponse> {
        let Some(credentials) = &self.credentials else { return Err(nobody(operation.name)) };
        let credentials = credentials.provide_credentials().await.map_err(|_| nobody(operation.name))?;
        // AWS's time is the machine's, whatever clock the hub is told.
        let now = SystemTime::UNIX_EPOCH + SystemClock.now().since(Instant::EPOCH);
        let headers = self.signed(operation, url, body, &credentials.into(), now)?;
        self.counts.sent(format!("S3.{}", operation.counted));
        let request = HttpRequest {
            method: operation.method,
            url: url.to_owned(),
            headers,
            body: body.to_owned(),
            timeout: TIMEOUT,
            // No admin can name this address, and inside a network of one's own it may be a private one.
            allow_private: true,
            keep: None,
        };
        // All three may be done twice, so it does not matter whether it left.
        let lost = |_: HttpError| Fault::new(Kind::Unavailable, operation.name, "AWS cannot be reached");
        self.http.send(request).await.map_err(lost)
    }

    /// The headers that sign a request. <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
    fn signed(
        &self,
        operation: Operation,
        url: &str,
        body: &[u8],
        identity: &Identity,
        now: SystemTime,
    ) -> Result<Vec<(String, String)>> {
        let not_made = |_| Fault::new(Kind::Unexpected, operation.name, "the request could not be signed");
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let parameters = v4::SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name("s3")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|_| Fault::new(Kind::Unexpected, operation.name, "the request could not be signed"))?
            .into();
        let request = SignableRequest::new(operation.method, url, std::iter::empty(), SignableBody::Bytes(body));
        let (instructions, _) = sign(request.map_err(not_made)?, &parameters).map_err(not_made)?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

fn nobody(operation: &'static str) -> Fault {
    Fault::new(Kind::Unavailable, operation, "no credentials for AWS were found, or they could not be had")
}

/// The code of a refusal; one of ours where there is none.
fn code(answer: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let said = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    match said {
        Some((code, _)) => code.to_owned(),
        None if answer.status >= 500 || answer.status == 429 => "ServiceUnavailable".to_owned(),
        None => format!("Status{}", answer.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use aws_credential_types::Credentials;
    use std::sync::Mutex;

    const GET: Operation = Operation { name: "blobs.get", counted: "GetObject", method: "GET" };

    /// Answers one after the other.
    struct Said(Mutex<Vec<(u16, &'static str)>>);

    #[async_trait]
    impl Http for Said {
        async fn send(&self, _: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
            let (status, body) = self.0.lock().unwrap().remove(0);
            Ok(HttpResponse { status, body: body.into(), ..HttpResponse::default() })
        }
    }

    fn client(answers: &[(u16, &'static str)], endpoint: Option<&str>, region: &str) -> S3 {
        let credentials =
            Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "");
        S3 {
            http: Arc::new(Said(Mutex::new(answers.to_vec()))),
            credentials: Some(SharedCredentialsProvider::new(credentials)),
            region: region.into(),
            endpoint: endpoint.map(str::to_owned),
            counts: Arc::default(),
        }
    }

    fn get(answers: &[(u16, &'static str)]) -> (Result<HttpResponse>, Option<u64>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = client(answers, None, "eu-west-1");
        let answer = runtime.block_on(client.send(GET, "b", "k", &[]));
        (answer, client.counts.counted().requests.get("S3.GetObject").copied())
    }

    #[test]
    fn an_object_has_a_host_of_its_bucket_at_aws_and_a_path_elsewhere() {
        let at = |endpoint, region| client(&[], endpoint, region).address("hub-blobs", "claims/1");
        assert_eq!(at(None, "eu-west-1"), "https://hub-blobs.s3.eu-west-1.amazonaws.com/claims/1");
        assert_eq!(at(None, "cn-north-1"), "https://hub-blobs.s3.cn-north-1.amazonaws.com.cn/claims/1");
        assert_eq!(at(Some("http://127.0.0.1:1"), "eu-west-1"), "http://127.0.0.1:1/hub-blobs/claims/1");
    }

    #[test]
    fn what_passes_is_tried_again_and_the_rest_is_a_fault() {
        let busy = (503, "<Error><Code>SlowDown</Code></Error>");
        let (answer, sent) = get(&[busy, (500, ""), (200, "x")]);
        assert_eq!((answer.unwrap().body.as_slice(), sent), (b"x".as_slice(), Some(3)));
        let (answer, sent) = get(&[busy, busy, busy]);
        assert_eq!((answer.unwrap_err().kind, sent), (Kind::Unavailable, Some(3)));
        let (answer, sent) = get(&[(403, "<Error><Code>AccessDenied</Code></Error>")]);
        assert_eq!((answer.unwrap_err().kind, sent), (Kind::Forbidden, Some(1)));
        let (answer, _) = get(&[(404, "<Error><Code>NoSuchBucket</Code></Error>")]);
        assert_eq!(answer.unwrap_err().kind, Kind::Unexpected, "no bucket is not no object");
        assert_eq!(get(&[(404, "<Error><Code>NoSuchKey</Code></Error>")]).0.unwrap().status, 404);
    }

    #[test]
    fn a_request_is_signed_over_its_body() {
        let client = client(&[], None, "us-east-1");
        let identity = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", Some("token".into()), None, "").into();
        let of = |body: &[u8]| {
            client.signed(GET, "https://b.s3.us-east-1.amazonaws.com/k", body, &identity, SystemTime::UNIX_EPOCH)
        };
        let (one, other) = (of(b"a").unwrap(), of(b"b").unwrap());
        let named = |headers: &[(String, String)], name: &str| {
            headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).unwrap()
        };
        assert_eq!(
            named(&one, "x-amz-content-sha256"),
            "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
        );
        assert_eq!(named(&one, "x-amz-security-token"), "token");
        let signature = named(&one, "authorization");
        assert!(
            signature.contains("Credential=AKIAIOSFODNN7EXAMPLE/19700101/us-east-1/s3/aws4_request"),
            "{signature}"
        );
        assert!(signature.contains("host;x-amz-content-sha256;x-amz-date;x-amz-security-token"), "{signature}");
        assert_ne!(signature, named(&other, "authorization"));
    }
}
