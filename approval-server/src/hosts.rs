//! [`Hosts`]: under which names the server may be spoken to.

use std::net::{IpAddr, SocketAddr};

/// The names under which the server may be spoken to.
#[derive(Debug)]
pub(crate) struct Hosts(Vec<Box<str>>);

impl Hosts {
    /// Names the ways to write the address of a server on loopback.
    pub(crate) fn loopback(bound: SocketAddr) -> Self {
        let own = match bound.ip().to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut hosts = Vec::new();
        for name in ["localhost", "127.0.0.1", "[::1]", &own] {
            hosts.push(format!("{name}:{}", bound.port()).into_boxed_str());
            if bound.port() == 80 {
                hosts.push(name.into());
            }
        }
        Self(hosts)
    }

    pub(crate) fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}
