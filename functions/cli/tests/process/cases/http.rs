use crate::{
    place::{Place, SECRET, creation},
    program::{Up, client},
};
use reqwest::StatusCode;
use serde_json::Value as Json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

async fn parts(response: reqwest::Response) -> (StatusCode, Option<String>, Vec<u8>) {
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().expect("a text").to_owned());
    (response.status(), kind, response.bytes().await.expect("a body").to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_are_closed_to_strangers() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    let http = client();
    let send = async |path: &str, secret: &str| {
        let (body, headers) = creation("17", 1_000_001, secret);
        let mut request = http.post(format!("{}{path}", up.url)).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        parts(request.send().await.unwrap()).await
    };
    let bad = send("/hooks/east", "another-secret").await;
    assert_eq!(bad.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send("/hooks/nobody", SECRET).await, bad, "unknown connection and bad signature look alike");
    assert_eq!(send("/hooks/", SECRET).await.0, StatusCode::NOT_FOUND);
    assert_eq!(send("/hooks/east", SECRET).await.0, StatusCode::OK);

    for token in [None, Some("wrong"), Some("")] {
        let mut request = http.get(format!("{}/api/status", up.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = parts(request.send().await.unwrap()).await;
        assert_eq!((answer.0, answer.1.as_deref()), (StatusCode::UNAUTHORIZED, Some("application/problem+json")));
    }
    assert_eq!(up.get("/api/status").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_a_body_beyond_a_megabyte_is_refused_before_it_is_whole() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    let http = client();
    // A megabyte and a byte more, announced or not.
    for chunked in [false, true] {
        let long = vec![b'x'; (1 << 20) + 1];
        let body = if chunked {
            reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>(long)]))
        } else {
            long.into()
        };
        let answer = parts(http.post(format!("{}/hooks/east", up.url)).body(body).send().await.unwrap()).await;
        assert_eq!(answer.0, StatusCode::PAYLOAD_TOO_LARGE);
        let problem: Json = serde_json::from_slice(&answer.2).unwrap();
        assert_eq!((answer.1.as_deref(), &problem["status"]), (Some("application/problem+json"), &Json::from(413)));
    }
    // Announced and never sent: the answer does not wait for it.
    let mut door = TcpStream::connect(up.url.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST /hooks/east HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", 1_u64 << 40);
    door.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    door.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    assert_eq!(up.get("/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_a_compressed_body_is_never_inflated() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    // The bytes of a good webhook, signed as they are and then announced as something to inflate: they are taken as they
    // are. A body that would have to be inflated first is not signed as it is.
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let (body, headers) = creation("17", 1_000_001, SECRET);
        let mut request =
            client().post(format!("{}/hooks/east", up.url)).body(body).header("content-encoding", encoding);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "{encoding}");
        let bomb = vec![0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 0xff, 0xed, 0xc1];
        let request = client().post(format!("{}/hooks/east", up.url)).body(bomb).header("content-encoding", encoding);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED, "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_problem_details_and_the_rest_is_as_documented() {
    let place = Place::new().await;
    let up = Up::start(place.home()).await;
    for (target, status) in [
        ("/api/records/company", 404),
        ("/api/records/organization/nobody", 404),
        ("/api/records/organization?limit=0", 422),
        ("/api/deliveries?state=lost", 422),
        ("/api/nothing", 404),
        ("/nothing", 404),
    ] {
        let (code, problem) = up.get(target).await;
        assert_eq!((code, &problem["status"]), (status, &Json::from(status)), "{target}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{problem}");
    }
    for target in [
        "/api/connections",
        "/api/reviews",
        "/api/changes",
        "/api/deliveries?state=pending",
        "/api/records/organization",
    ] {
        assert_eq!(up.get(target).await.0, 200, "{target}");
    }
    let (code, ready) = up.get("/healthz?ready=1").await;
    assert_eq!((code, &ready["status"]), (200, &Json::from("ready")));
    assert_eq!(up.get("/healthz").await.0, 200);
    let page = client().get(&up.url).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("east"));
}
