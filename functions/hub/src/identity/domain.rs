//! The registrable domain of an address, unless everybody's.

/// Hosts at which people have mailboxes; no evidence of a company.
const FREE_MAIL: &[&str] = &[
    "126.com",
    "163.com",
    "aol.com",
    "fastmail.com",
    "free.fr",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "laposte.net",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "seznam.cz",
    "t-online.de",
    "uol.com.br",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.de",
    "yahoo.fr",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

/// Hosts at which many companies have a page; the domain is the host's, not theirs.
const SHARED: &[&str] = &[
    "about.me",
    "bit.ly",
    "crunchbase.com",
    "eventbrite.com",
    "facebook.com",
    "github.com",
    "glassdoor.com",
    "goo.gl",
    "google.com",
    "instagram.com",
    "linkedin.com",
    "linktr.ee",
    "medium.com",
    "meetup.com",
    "notion.site",
    "notion.so",
    "pinterest.com",
    "sites.google.com",
    "t.co",
    "tiktok.com",
    "twitter.com",
    "wixsite.com",
    "wordpress.com",
    "x.com",
    "xing.com",
    "yelp.com",
    "youtube.com",
];

/// Names of private networks.
const LOCAL: &[&str] = &["corp", "home", "internal", "lan", "local", "localdomain", "localhost"];

/// Reserved for examples (RFC 2606): each name directly below stands for a domain of its own.
const DOCUMENTATION: &[&str] = &["example.com", "example.net", "example.org"];

/// The registrable domain of a domain, a web address or an e-mail address. `None` for free-mail and shared hosts, for
/// addresses by number and for names of private networks. Sites under a private suffix (`acme.github.io`) are each
/// their own domain.
pub fn registrable(text: &str) -> Option<String> {
    let text = text.rsplit('@').next().unwrap_or(text);
    let host = concord_connector::codec::host(text)?;
    if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
        return None;
    }
    let top = host.rsplit('.').next()?;
    if LOCAL.contains(&top) || !top.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-' || b.is_ascii_digit()) {
        return None;
    }
    let domain = psl::domain(host.as_bytes())?;
    let domain = std::str::from_utf8(domain.as_bytes()).ok()?.to_owned();
    if DOCUMENTATION.contains(&domain.as_str()) {
        let below = host.strip_suffix(&domain)?.trim_end_matches('.').rsplit('.').next()?;
        return Some(if below.is_empty() { domain } else { format!("{below}.{domain}") });
    }
    (!FREE_MAIL.contains(&domain.as_str()) && !SHARED.contains(&domain.as_str())).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::registrable;

    #[test]
    fn companies_are_told_from_hosts() {
        for (text, expected) in [
            ("https://www.Acme.co.uk/about", Some("acme.co.uk")),
            ("mail.acme.com.", Some("acme.com")),
            ("ann@acme.de", Some("acme.de")),
            ("acme.github.io", Some("acme.github.io")),
            ("gmail.com", None),
            ("bob@gmail.com", None),
            ("https://www.linkedin.com/company/acme", None),
            ("192.168.0.1", None),
            ("http://[::1]/", None),
            ("localhost", None),
            ("com", None),
            ("printer.local", None),
            ("www.acme.example", Some("acme.example")),
            ("crm.acme.example.com", Some("acme.example.com")),
            ("", None),
        ] {
            assert_eq!(registrable(text).as_deref(), expected, "{text}");
        }
    }
}
