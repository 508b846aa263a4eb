//! The host name in a web address or a bare domain.

/// The host name of a web address or of a bare domain, in lower case and without `www.`; `None` when there is none.
pub fn host(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(host) = plain_host(text) {
        return host.contains('.').then_some(host);
    }
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let parsed = url::Url::parse(&full).ok()?;
    let host = parsed.host_str()?.trim_end_matches('.').to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    host.contains('.').then(|| host.to_owned())
}

/// The host of a web address whose host is an ordinary name, as the URL parser would find it; `None` leaves it to that.
fn plain_host(text: &str) -> Option<String> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    let name = rest.split(['/', '?', '#']).next()?;
    let plain = |label: &str| {
        !label.is_empty() && !label.starts_with("xn--") && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let last = name.rsplit('.').next()?;
    let ordinary =
        name.len() < 254 && name.split('.').all(plain) && last.starts_with(|c: char| c.is_ascii_alphabetic());
    let lower = ordinary.then(|| name.to_ascii_lowercase()).filter(|lower| !lower.contains("xn--"))?;
    Some(lower.strip_prefix("www.").map(str::to_owned).unwrap_or(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_host_is_what_the_url_parser_finds() {
        let parsed = |text: &str| {
            let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
            let host = url::Url::parse(&full).ok()?.host_str()?.trim_end_matches('.').to_lowercase();
            Some(host.strip_prefix("www.").unwrap_or(&host).to_owned())
        };
        let texts = [
            "acme.example",
            "https://www.Acme.example/x?y",
            "http://a-b.example#z",
            "www.acme.example",
            "1.2.3.4",
            "0x7f.1",
            "xn--bcher-kva.example",
            "acme.example:80",
            "user@acme.example",
            "a..b",
            "localhost",
            "acme.example.",
            "XN--a.example",
            "www.xn--a.example",
            "http:///x",
            "ftp://acme.example",
        ];
        for text in texts {
            if let Some(plain) = plain_host(text) {
                assert_eq!(Some(plain), parsed(text), "{text}");
            }
        }
        assert!(plain_host("https://www.Acme.example/x?y").is_some());
    }
}
