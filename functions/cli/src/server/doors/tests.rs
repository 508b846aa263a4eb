//! Connections that stall: others are served, and the stalled are closed.

use super::*;
use axum::routing::post;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Longer than any of these tests takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// It answers what it was sent.
    async fn start(bounds: Bounds) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let router = Router::new().route("/", post(async |body: String| body));
        let task = tokio::spawn(serve(listener, router, bounds, stopped));
        Self { address, stop, task }
    }

    /// A connection on which this much was said.
    async fn say(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(text.as_bytes()).await.expect("it listens");
        stream
    }

    /// Somebody who says all that there is to say.
    async fn is_served(&self) -> bool {
        let mut stream = self.say("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            match tokio::time::timeout(LONG, stream.read_buf(&mut answer)).await {
                Ok(Ok(1..)) => {}
                _ => return false,
            }
        }
        answer.starts_with(b"HTTP/1.1 200")
    }
}

/// Whether a connection ends, whatever is said before.
async fn ends(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn stalled_connections_are_closed_and_keep_nobody_out() {
    let head = Duration::from_millis(300);
    let server = Server::start(Bounds { connections: 40, head, ..Bounds::default() }).await;
    let mut stalled = Vec::new();
    for n in 0..80 {
        // Nothing, a half line, a head that does not end.
        let said = ["", "POST / HT", "POST / HTTP/1.1\r\nhost: x\r\nx-slow: "][n % 3];
        stalled.push(server.say(said).await);
    }
    // There is room for half of them; who comes last waits until those are closed, and no longer.
    assert!(server.is_served().await, "others are served");
    for stream in &mut stalled {
        assert!(ends(stream).await, "a connection that says nothing is closed");
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_has_no_more_time() {
    let server = Server::start(Bounds { head: Duration::from_millis(300), ..Bounds::default() }).await;
    let mut slow = server.say("POST / HTTP/1.1\r\nx-slow: ").await;
    let mut answer = [0; 512];
    let closed = async {
        loop {
            tokio::select! {
                read = slow.read(&mut answer) => if matches!(read, Ok(0) | Err(_)) { break },
                () = tokio::time::sleep(Duration::from_millis(20)) => if slow.write_all(b"x").await.is_err() { break },
            }
        }
    };
    assert!(tokio::time::timeout(LONG, closed).await.is_ok(), "it is closed however busy it looks");
}

#[tokio::test]
async fn a_stop_lets_an_answer_go_out_and_closes_the_rest() {
    let server = Server::start(Bounds::default()).await;
    let mut idle = server.say("").await;
    let mut busy = server.say("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhe").await;
    assert!(server.is_served().await, "both before it were taken");
    server.stop.send_replace(true);
    busy.write_all(b"llo").await.expect("it still listens");
    let mut answer = String::new();
    tokio::time::timeout(LONG, busy.read_to_string(&mut answer)).await.expect("an end").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    assert!(ends(&mut idle).await);
    tokio::time::timeout(LONG, server.task).await.expect("it ends").expect("no panic");
}

#[test]
fn a_far_address_has_a_part_of_the_connections() {
    let guests = Guests::default();
    let (far, near): (IpAddr, IpAddr) = ("198.51.100.7".parse().unwrap(), "127.0.0.1".parse().unwrap());
    let mut taken: Vec<Guest> = (0..3).filter_map(|_| guests.enter(far, 2)).collect();
    assert_eq!(taken.len(), 2);
    assert!(guests.enter("::ffff:198.51.100.7".parse().unwrap(), 2).is_none(), "the same by another name");
    assert!(guests.enter("198.51.100.8".parse().unwrap(), 2).is_some(), "another");
    taken.pop();
    assert!(guests.enter(far, 2).is_some(), "one has gone");
    let proxied: Vec<Guest> = (0..9).filter_map(|_| guests.enter(near, 2)).collect();
    assert_eq!(proxied.len(), 9, "a proxy stands for many");
}
