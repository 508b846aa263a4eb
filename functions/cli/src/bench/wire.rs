//! HTTP/1.1 as far as the bench needs it: one message at a time on a kept connection, bodies of known length.

use anyhow::{Result, bail};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

/// The longest head that is read.
const HEAD: usize = 16 * 1024;

/// Reads messages from a connection.
pub(super) struct Reader {
    buffer: Vec<u8>,
    /// Bytes of the message that was read last.
    used: usize,
}

/// A message: its first line and its body, as places in the buffer.
pub(super) struct Message<'a> {
    pub(super) first: &'a str,
    pub(super) body: &'a [u8],
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { buffer: Vec::with_capacity(4096), used: 0 }
    }

    /// The next message; `None` at the end of the connection.
    ///
    /// # Errors
    /// When the connection breaks, or something else than HTTP comes.
    pub(super) async fn next(&mut self, stream: &mut TcpStream) -> Result<Option<Message<'_>>> {
        self.buffer.drain(..self.used);
        self.used = 0;
        let (head, length) = loop {
            if let Some(head) = find(&self.buffer, b"\r\n\r\n") {
                break (head + 4, content_length(&self.buffer[..head]));
            }
            if self.buffer.len() > HEAD {
                bail!("a head of more than {HEAD} bytes");
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        while self.buffer.len() < head + length {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        self.used = head + length;
        let line = find(&self.buffer[..head], b"\r\n").unwrap_or(0);
        let first = std::str::from_utf8(&self.buffer[..line]).unwrap_or_default();
        Ok(Some(Message { first, body: &self.buffer[head..head + length] }))
    }
}

/// The status of a response's first line; 0 when there is none.
pub(super) fn status(first: &str) -> u16 {
    first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Where a piece of text begins.
pub(super) fn find(bytes: &[u8], piece: &[u8]) -> Option<usize> {
    bytes.windows(piece.len()).position(|window| window == piece)
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap_or_default();
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let named = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).map(|(_, value)| value.trim());
    named.filter_map(|value| value.parse().ok()).next().unwrap_or(0)
}

/// The text of a member of a JSON object that is written `"name":"text"` or `"name":number`, without reading the rest: the
/// target shares the processors with what is measured.
pub(super) fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let quoted = format!("\"{name}\"");
    let after = find(body, quoted.as_bytes())? + quoted.len();
    let rest = std::str::from_utf8(&body[after..]).ok()?.trim_start().strip_prefix(':')?.trim_start();
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => rest.split([',', '}']).next().map(str::trim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_without_reading_the_rest() {
        let body = br#"{"phone": "n7", "count":12, "name":"c3"}"#;
        assert_eq!(member(body, "phone"), Some("n7"));
        assert_eq!(member(body, "count"), Some("12"));
        assert_eq!(member(body, "name"), Some("c3"));
        assert_eq!(member(body, "missing"), None);
    }
}
