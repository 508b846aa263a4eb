//! Which addresses a request may go to: a connection's URL comes from a person, and a vendor may name one in an answer;
//! neither may reach what only this machine can see (server-side request forgery).

use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far requests may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Public addresses only.
    Public,
    /// Also private ones and this machine.
    Private,
}

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Public,
    /// Of this machine or its network.
    Private,
    /// Never a vendor: metadata services (link-local), multicast, documentation, reserved, tunnels.
    Forbidden,
}

/// The address that a URL names outright.
pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
        url::Host::Domain(_) => None,
    }
}

/// Why an address may not be connected to, in a sentence; `None` when it may.
pub(super) fn refuse(address: IpAddr, reach: Reach) -> Option<String> {
    match class(address) {
        Class::Public => None,
        Class::Private if reach == Reach::Private => None,
        Class::Private => Some(format!(
            "The address {address} is a private one: set allow_private for this connection if it is meant to be."
        )),
        Class::Forbidden => Some(format!("The address {address} is reserved: nothing is sent there.")),
    }
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates).
fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        // This machine; private networks; carrier-grade NAT, which overlay networks use.
        [127 | 10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Class::Private,
        // "This network"; link-local with the clouds' metadata services; protocol assignments; 6to4 relays; benchmarks;
        // documentation; multicast, reserved and broadcast.
        [0, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [224..=255, ..] => Class::Forbidden,
        // Azure's platform address answers as a metadata service does.
        [168, 63, 129, 16] => Class::Forbidden,
        _ => Class::Public,
    }
}

/// IANA IPv6 Special-Purpose Address Registry. Addresses that carry an IPv4 address are what that address is.
fn class_v6(address: Ipv6Addr) -> Class {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let [g1, g2] = g.to_be_bytes();
    let [h1, h2] = h.to_be_bytes();
    let inner = || class_v4(Ipv4Addr::new(g1, g2, h1, h2));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0] if g == 0 && h == 1 => Class::Private,
        // IPv4-mapped, and NAT64 as IPv6-only networks resolve every IPv4 host.
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => inner(),
        // Amazon's metadata service is at a unique local address.
        [0xfd00, 0x0ec2, ..] => Class::Forbidden,
        [0xfc00..=0xfdff, ..] => Class::Private,
        // Teredo and other assignments; documentation; 6to4; segment routing.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Class::Forbidden,
        [0x2000..=0x3fff, ..] => Class::Public,
        // Unspecified, IPv4-compatible, local NAT64, discard-only, link-local, site-local, multicast, unassigned.
        _ => Class::Forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s18_only_public_addresses_pass_and_private_ones_where_allowed() {
        let classes = |addresses: &str| -> Vec<Class> {
            addresses.split(' ').map(|address| class(address.parse().unwrap())).collect()
        };
        for class in classes(
            "1.1.1.1 8.8.8.8 172.15.0.1 172.32.0.1 100.63.0.1 100.128.0.1 192.0.1.1 2606:4700::1 2001:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808",
        ) {
            assert_eq!(class, Class::Public);
        }
        for class in classes(
            "127.0.0.1 127.9.9.9 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 ::1 fc00::1 fd12::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::a00:1",
        ) {
            assert_eq!(class, Class::Private);
        }
        for class in classes(
            "0.0.0.0 0.1.2.3 169.254.169.254 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 :: ::7f00:1 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1 5f00::1",
        ) {
            assert_eq!(class, Class::Forbidden);
        }
    }

    #[test]
    fn s18_literal_addresses_are_found_however_they_are_written() {
        for text in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::ffff:127.0.0.1]:80/",
            "http://0177.0.0.1",
        ] {
            let address = literal(&Url::parse(text).unwrap()).expect(text);
            assert!(refuse(address, Reach::Public).is_some(), "{text}");
            assert!(refuse(address, Reach::Private).is_none(), "{text}");
        }
        assert_eq!(literal(&Url::parse("https://127.0.0.1.example.com/").unwrap()), None);
        assert!(refuse(IpAddr::from([169, 254, 169, 254]), Reach::Private).is_some());
    }
}
