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
async fn s19_redirects_are_not_followed() {
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
async fn s17_nothing_leaves_but_over_https_and_to_addresses_that_are_allowed() {
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
async fn s20_answers_are_bounded_in_size() {
    let net = Net::new().unwrap();
    let announced = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", (32 << 20) + 1);
    let (address, _read) = server(announced.into_bytes()).await;
    assert_eq!(net.send(request(&address)).await, Err(HttpError::Lost("The answer is longer than 32 MiB.".into())));
    let mut endless = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    endless.resize(33 << 20, b'x');
    let (address, _read) = server(endless).await;
    assert_eq!(net.send(request(&address)).await, Err(HttpError::Lost("The answer is longer than 32 MiB.".into())));
}

#[tokio::test]
async fn s20_answers_are_bounded_in_time_however_slowly_they_drip() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let dripping = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // An answer before the question would be a fault of its own.
        let asked = stream.read(&mut [0; 1024]).await.unwrap();
        assert!(asked > 0);
        let mut text: Vec<u8> = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n".to_vec();
        // A byte now and then keeps the connection busy; it ends when the client hangs up.
        while stream.write_all(&text).await.is_ok() {
            text = b"x".to_vec();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let slow = HttpRequest { timeout: Duration::from_millis(200), ..request(&url) };
    let answer = Net::new().unwrap().send(slow).await;
    assert_eq!(answer, Err(HttpError::Lost("The answer took too long.".into())));
    dripping.await.unwrap();
}

#[tokio::test]
async fn s18_the_address_that_was_checked_is_the_one_that_is_connected_to() {
    // A name is resolved once, by the guard, and what it found is what is dialled: there is no second look-up that could
    // answer otherwise. `localhost` names this machine on every system, so a guard that only looked at the text of the
    // address would let it through.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let net = Net::new().unwrap();
    for host in ["localhost", "LOCALHOST"] {
        let https = HttpRequest { allow_private: false, ..request(&format!("https://{host}:{port}/")) };
        match net.send(https).await {
            Err(HttpError::NotSent(sentence)) => assert!(sentence.contains("private one"), "{host}: {sentence}"),
            other => panic!("{host}: {other:?}"),
        }
    }
    let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(nobody.is_err(), "nothing was even dialled");
}

#[tokio::test]
async fn s09_a_compressed_answer_is_not_inflated() {
    // Ten megabytes of zeros in ten kilobytes, announced as what they are.
    let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 10 << 20], 9);
    let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\ncontent-length: {}\r\n\r\n", bomb.len());
    let head = answer.len();
    let mut bytes = std::mem::take(&mut answer).into_bytes();
    bytes.extend_from_slice(&bomb);
    assert!(head < 200 && bomb.len() < 20_000);
    let (address, read) = server(bytes).await;
    let response = Net::new().unwrap().send(request(&address)).await.unwrap();
    assert_eq!(response.body, bomb, "as it came");
    let asked = read.await.unwrap().to_ascii_lowercase();
    assert!(!asked.contains("accept-encoding"), "nobody is asked to compress: {asked}");
}
