//! The `Http` port over the real network stack, against servers of this test's own.

use concord_hub::{
    net::Net,
    ports::{Http, HttpError, HttpRequest, HttpResponse},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Answers every connection's first request with these bytes, then hangs up; gives back what it read.
async fn server(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"the end") {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "the request ends with its body");
            read.extend_from_slice(&buffer[..count]);
        }
        // The client may hang up on an answer that is too long.
        stream.write_all(&answer).await.unwrap_or_default();
        String::from_utf8(read).unwrap()
    });
    (address, task)
}

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: "POST",
        url: url.into(),
        headers: vec![("X-Test".into(), "one".into())],
        body: b"the end".into(),
        timeout: Duration::from_secs(20),
        allow_private: true,
        keep: None,
    }
}

#[tokio::test]
async fn a_request_goes_to_loopback_and_redirects_are_not_followed() {
    let answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nSet-Cookie: a\r\nset-cookie: b\r\ncontent-length: 2\r\n\r\nhi";
    let (address, read) = server(answer.to_vec()).await;
    let response = Net::new().unwrap().send(request(&format!("{address}/path?q=1"))).await.unwrap();
    let headers = [("location", "http://127.0.0.1:9/"), ("set-cookie", "a, b"), ("content-length", "2")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(response, HttpResponse { status: 302, headers, body: b"hi".into() });
    let read = read.await.unwrap();
    assert!(read.starts_with("POST /path?q=1 HTTP/1.1\r\n") && read.contains("x-test: one\r\n"), "{read}");
}

#[tokio::test]
async fn nothing_leaves_for_addresses_that_are_not_allowed() {
    let net = Net::new().unwrap();
    let refused = async |url: &str, allow_private| match net.send(HttpRequest { allow_private, ..request(url) }).await {
        Err(HttpError::NotSent(sentence)) => sentence,
        other => panic!("{url}: {other:?}"),
    };
    assert_eq!(refused("http://example.com/", false).await, "Only https addresses are allowed for this connection.");
    assert!(refused("https://127.0.0.1/", false).await.contains("is a private one"));
    assert!(refused("https://[::ffff:10.0.0.1]/", false).await.contains("is a private one"));
    assert!(refused("https://localhost/", false).await.contains("is a private one"), "checked after it was resolved");
    assert!(refused("http://169.254.169.254/latest/meta-data", true).await.contains("is reserved"));
    assert_eq!(refused("no url", false).await, "The address is no URL.");
    refused("ftp://127.0.0.1/", true).await;
}

#[tokio::test]
async fn what_did_not_leave_is_told_from_what_was_lost() {
    let net = Net::new().unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let sentence = match net.send(request(&format!("http://{unused}/?token=recognizable"))).await {
        Err(HttpError::NotSent(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    assert!(sentence.contains("No connection") && !sentence.contains("recognizable"), "{sentence}");

    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf", "not http at all"] {
        let (address, _read) = server(answer.into()).await;
        match net.send(request(&format!("{address}/?token=recognizable"))).await {
            Err(HttpError::Lost(sentence)) => assert!(!sentence.contains("recognizable"), "{sentence}"),
            other => panic!("{answer}: {other:?}"),
        }
    }

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let slow = HttpRequest { timeout: Duration::from_millis(50), ..request(&url) };
    assert_eq!(net.send(slow).await, Err(HttpError::Lost("The answer took too long.".into())));
}

#[tokio::test]
async fn answers_are_bounded() {
    let net = Net::new().unwrap();
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", (32 << 20) + 1);
    let (address, _read) = server(announced.into_bytes()).await;
    assert_eq!(net.send(request(&address)).await, Err(HttpError::Lost("The answer is longer than 32 MiB.".into())));
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    endless.resize(33 << 20, b'x');
    let (address, _read) = server(endless).await;
    assert_eq!(net.send(request(&address)).await, Err(HttpError::Lost("The answer is longer than 32 MiB.".into())));
}
