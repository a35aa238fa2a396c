//! [`Hosts`]: under which names the server may be spoken to. [`Address`]: a name as a request spells it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A host and perhaps a port, as `Host`, `Origin` and the settings spell them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// In lower case. An IPv6 address stands in brackets.
    name: Box<str>,
    port: Option<u16>,
}

impl Address {
    /// Reads `name`, `name:port`, `[::1]` or `[::1]:port`. Everything else is no address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.rfind(':') {
            Some(colon) if !text.ends_with(']') => (&text[..colon], Some(port(&text[colon + 1..])?)),
            _ => (text, None),
        };
        if let Some(rest) = name.strip_prefix('[') {
            // There are many ways to write one such address.
            let ip: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
            return Some(Self { name: format!("[{ip}]").into(), port });
        }
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        is_name.then(|| Self { name: name.to_ascii_lowercase().into(), port })
    }

    pub(crate) const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Says whether both are one origin to a browser that speaks a scheme with this default port.
    pub(crate) fn is_same(&self, other: &Self, default_port: u16) -> bool {
        self.name == other.name && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }

    /// Says whether the name stands for this machine, wherever it is looked up.
    pub(crate) fn is_loopback(&self) -> bool {
        &*self.name == "localhost" || self.ip().is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// Says whether the name stands for every address, and so for none that a browser should speak to.
    fn is_unspecified(&self) -> bool {
        self.ip().is_some_and(|ip| ip.to_canonical().is_unspecified())
    }

    fn ip(&self) -> Option<IpAddr> {
        match self.name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
            Some(name) => name.parse().map(IpAddr::V6).ok(),
            None => self.name.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Reads a port. `str::parse` alone would take `+80` as well.
fn port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The names under which the server may be spoken to. A name without a port goes with any.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Vec<Address>);

impl Hosts {
    /// Reads the names that a program allows.
    pub(crate) fn named(names: &[Box<str>]) -> Result<Self, Box<str>> {
        let read = |name: &str| Address::parse(name).filter(|it| !it.is_unspecified()).ok_or_else(|| name.into());
        names.iter().map(|name| read(name)).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first name.
    pub(crate) fn first(&self) -> Option<&Address> {
        self.0.first()
    }

    /// Adds the ways to write this machine: with the port of a server that listens itself, with any where it is not known.
    pub(crate) fn with_loopback(mut self, bound: Option<SocketAddr>) -> Self {
        let own = bound.map(|bound| bound.ip().to_canonical()).filter(IpAddr::is_loopback).map(|ip| match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        let port = bound.map(|bound| bound.port());
        let names = ["localhost", "127.0.0.1", "[::1]"].into_iter().map(Into::into).chain(own.map(Into::into));
        self.0.extend(names.map(|name| Address { name, port }));
        self
    }

    pub(crate) fn contains(&self, host: &Address) -> bool {
        // Browsers leave the port of the scheme out, and a proxy may have taken the encryption off.
        let goes_with = |port| host.port.map_or(matches!(port, 80 | 443), |named| named == port);
        self.0.iter().any(|own| own.name == host.name && own.port.is_none_or(goes_with))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap_or_else(|| panic!("{text} is an address"))
    }

    #[test]
    fn only_addresses_are_read() {
        for text in ["localhost", "LOCALHOST:80", "127.0.0.1:7878", "[::1]", "[::1]:7878", "a-b_c.example"] {
            assert_eq!(address(text).to_string(), text.to_ascii_lowercase());
        }
        for text in [
            "",
            ":80",
            "a:",
            "a:+80",
            "a:65536",
            "a:80:80",
            "::1",
            "[::1",
            "[::1]80",
            "[a]",
            "a@b",
            "a/b",
            "a b",
            "*.a",
            "https://a",
        ] {
            assert_eq!(Address::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_go_with_any_port_or_their_own() {
        let names = ["approvals.example.com".into(), "Other.example:8443".into()];
        let hosts = Hosts::named(&names).expect("names").with_loopback(None);
        for host in
            ["approvals.example.com", "APPROVALS.example.com:1", "other.example:8443", "localhost:3000", "[::1]", "127.0.0.1:9"]
        {
            assert!(hosts.contains(&address(host)), "{host}");
        }
        for host in ["other.example", "other.example:443", "127.0.0.1.evil.test", "0.0.0.0", "[::]", "localhost.", "127.0.0.2"]
        {
            assert!(!hosts.contains(&address(host)), "{host}");
        }
    }

    #[test]
    fn bound_server_knows_its_port() {
        let hosts = |bound: &str| Hosts::default().with_loopback(Some(bound.parse().expect("a socket address")));
        assert!(hosts("127.0.0.2:7878").contains(&address("127.0.0.2:7878")));
        assert!(!hosts("127.0.0.1:7878").contains(&address("127.0.0.1")));
        assert!(hosts("127.0.0.1:80").contains(&address("127.0.0.1")), "browsers leave the port of the scheme out");
        assert!(!hosts("192.0.2.1:80").contains(&address("192.0.2.1")), "such a name has to be allowed by name");
    }

    #[test]
    fn every_address_is_no_name() {
        for name in ["0.0.0.0", "0.0.0.0:80", "[::]", "[::ffff:0.0.0.0]", "http://a", "*", ""] {
            assert_eq!(Hosts::named(&[name.into()]).expect_err(name), name.into());
        }
    }

    #[test]
    fn loopback_is_told_from_similar_names() {
        for name in ["localhost", "LocalHost:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(address(name).is_loopback(), "{name}");
        }
        for name in ["127.0.0.1.evil.test", "localhost.evil.test", "0.0.0.0", "10.0.0.1", "[::2]", "127.1"] {
            assert!(!address(name).is_loopback(), "{name}");
        }
    }
}
