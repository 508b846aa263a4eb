//! Outbound security lines 17, 19, 20 and 24, over the real network stack.

use concord_hub::{
    net::Net,
    ports::{Http, HttpError, HttpRequest},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

fn post(url: &str) -> HttpRequest {
    HttpRequest {
        method: "POST",
        url: url.into(),
        headers: vec![("webhook-id".into(), "one".into())],
        body: b"the end".into(),
        timeout: Duration::from_secs(20),
        allow_private: true,
        keep: Some(10),
    }
}

/// Serves connections one after another: reads a request to the end of its body, writes an answer. What was read.
async fn serve(
    answer: impl Fn(u64) -> Vec<u8> + Send + 'static,
) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (said, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            while !read.ends_with(b"the end") {
                let mut buffer = [0; 1024];
                match stream.read(&mut buffer).await {
                    Ok(count) if count > 0 => read.extend_from_slice(&buffer[..count]),
                    _ => break,
                }
            }
            said.send(String::from_utf8(read).unwrap()).unwrap();
            // The client may hang up before all of it is written.
            stream.write_all(&answer(number)).await.unwrap_or_default();
        }
    });
    (address, heard)
}

/// Security line 17.
#[tokio::test]
async fn s17_nothing_leaves_unencrypted_unless_the_admin_allowed_it() {
    let (address, mut heard) = serve(|_| b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
    let net = Net::new().unwrap();
    for url in [address.clone(), "http://example.com/".into(), "ftp://example.com/".into(), "file:///etc/passwd".into()]
    {
        let sent = net.send(HttpRequest { allow_private: false, ..post(&url) }).await;
        assert_eq!(
            sent,
            Err(HttpError::NotSent("Only https addresses are allowed for this connection.".into())),
            "{url}"
        );
    }
    assert!(heard.try_recv().is_err(), "nothing arrived");
    assert_eq!(net.send(post(&address)).await.unwrap().status, 204);
}

/// Security line 19.
#[tokio::test]
async fn s19_a_redirect_is_an_answer_and_nobody_goes_there() {
    let (elsewhere, mut arrived) = serve(|_| b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await;
    for status in [301, 302, 303, 307, 308] {
        let to = elsewhere.clone();
        let redirect = move |_| {
            format!("HTTP/1.1 {status} Go\r\nLocation: {to}/\r\nRefresh: 0; {to}\r\ncontent-length: 0\r\n\r\n")
        };
        let (address, _heard) = serve(move |number| redirect(number).into_bytes()).await;
        assert_eq!(Net::new().unwrap().send(post(&address)).await.unwrap().status, status);
    }
    assert!(arrived.try_recv().is_err(), "nobody went there");
}

/// Security line 20: of an endless answer only the beginning is read, and one without end is cut off in time.
#[tokio::test]
async fn s20_an_answer_has_a_size_and_a_time() {
    let net = Net::new().unwrap();
    let endless = |_| [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec(), vec![b'x'; 48 << 20]].concat();
    let (address, _heard) = serve(endless).await;
    let answer = net.send(post(&address)).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 10));
    let whole = net.send(HttpRequest { keep: None, ..post(&address) }).await;
    assert!(matches!(&whole, Err(HttpError::Lost(why)) if why.contains("longer than 32 MiB")), "{whole:?}");
    // What is compressed stays so: there is nothing to blow up.
    let (address, _heard) =
        serve(|_| b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00".to_vec())
            .await;
    assert_eq!(net.send(post(&address)).await.unwrap().body, b"\x1f\x8b\x08\x00");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let slow = net.send(HttpRequest { timeout: Duration::from_millis(50), ..post(&url) }).await;
    assert_eq!(slow, Err(HttpError::Lost("The answer took too long.".into())));
}

/// Security line 24: what leaves has the headers of the request, and what HTTP itself needs; no cookie comes back.
#[tokio::test]
async fn s24_no_header_leaves_that_was_not_given() {
    let answer = b"HTTP/1.1 204 No Content\r\nSet-Cookie: id=recognizable\r\nWWW-Authenticate: Basic\r\nconnection: close\r\n\r\n";
    let (address, mut heard) = serve(|_| answer.to_vec()).await;
    let net = Net::new().unwrap();
    for _ in 0..2 {
        net.send(post(&address)).await.unwrap();
        let text = heard.recv().await.unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let names: Vec<String> =
            head.lines().skip(1).map(|line| line.split(':').next().unwrap().to_ascii_lowercase()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(sorted, ["accept", "content-length", "host", "user-agent", "webhook-id"], "{text}");
    }
}
