//! [`Peers`]: which proxies are trusted, and what they say about a request.

use std::net::{IpAddr, SocketAddr};

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use crate::tls::TlsDetails;

/// The other end of a connection: a client, or a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// None without TLS.
    pub(crate) tls: Option<TlsDetails>,
}

/// The proxies that speak TLS with the clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peers {
    proxies: Vec<IpAddr>,
}

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_PORT: &str = "x-forwarded-port";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

impl Peers {
    pub(crate) fn new(proxies: &[IpAddr]) -> Peers {
        Peers { proxies: proxies.iter().map(IpAddr::to_canonical).collect() }
    }

    /// Whether `peer` may connect: behind proxies, nobody from elsewhere gets around them.
    pub(crate) fn may_connect(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.proxies.is_empty() || peer.is_loopback() || self.proxies.contains(&peer)
    }

    /// Whether `peer` is one of the proxies.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.proxies.contains(&peer.to_canonical())
    }

    /// The address of the client. Behind proxies it is the last one that is none of theirs; none
    /// if what they say cannot be read.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.trusts(peer) {
            return Some(peer.to_canonical());
        }
        let mut client = peer.to_canonical();
        for line in headers.get_all(FORWARDED_FOR).iter().rev() {
            for entry in line.to_str().ok()?.rsplit(',') {
                client = parse_address(entry.trim())?;
                if !self.trusts(client) {
                    return Some(client);
                }
            }
        }
        Some(client)
    }

    /// Whether the client speaks TLS, with this server or with a trusted proxy. What a proxy and
    /// this server speak says nothing about that.
    pub(crate) fn is_secure(&self, peer: Peer, headers: &HeaderMap) -> bool {
        if !self.trusts(peer.address) {
            return peer.tls.is_some();
        }
        let said = headers.get_all(FORWARDED_PROTO).iter().next_back();
        said.is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(b"https"))
    }

    /// What the client may have called this server, if a trusted proxy says so.
    pub(crate) fn hosts(&self, peer: IpAddr, headers: &HeaderMap) -> Vec<Vec<u8>> {
        if !self.trusts(peer) {
            return Vec::new();
        }
        let last = |name| headers.get_all(name).iter().next_back().map(HeaderValue::as_bytes);
        match last(FORWARDED_HOST) {
            Some(host) => {
                let port = last(FORWARDED_PORT).map(|port| [host, b":", port].concat());
                std::iter::once(host.to_vec()).chain(port).collect()
            }
            None => Vec::new(),
        }
    }
}

/// An address, with or without a port.
fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|it: SocketAddr| it.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(bare).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&'static str, &str)| {
            (hyper::header::HeaderName::from_static(name), value.parse().unwrap())
        };
        lines.iter().map(parse).collect()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_no_proxy() {
        let peers = Peers::new(&[ip("10.0.0.1"), ip("10.0.0.2")]);
        for (said, client) in [
            ("1.2.3.4", Some("1.2.3.4")),
            ("6.6.6.6, 1.2.3.4, 10.0.0.2", Some("1.2.3.4")),
            ("1.2.3.4:5678", Some("1.2.3.4")),
            ("[2001:db8::1]:5678", Some("2001:db8::1")),
            ("10.0.0.2", Some("10.0.0.2")),
            ("1.2.3.4, nonsense", None),
        ] {
            let headers = headers(&[(FORWARDED_FOR, said)]);
            let found = peers.client(ip("10.0.0.1"), &headers);
            assert_eq!(found, client.map(ip), "{said}");
            let direct = peers.client(ip("7.7.7.7"), &headers);
            assert_eq!(direct, Some(ip("7.7.7.7")), "nobody else is believed");
        }
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let peers = Peers::new(&[ip("10.0.0.1")]);
        let said =
            [(FORWARDED_PROTO, "https"), (FORWARDED_HOST, "sqs.example"), (FORWARDED_PORT, "8443")];
        let headers = headers(&said);
        let plain = |address: &str| Peer { address: ip(address), tls: None };
        assert!(peers.is_secure(plain("::ffff:10.0.0.1"), &headers));
        assert!(!peers.is_secure(plain("127.0.0.1"), &headers));
        let tls = Some(TlsDetails { version: "TLSv1.3", cipher_suite: "any" });
        assert!(peers.is_secure(Peer { address: ip("127.0.0.1"), tls }, &HeaderMap::new()));
        let of_proxy = Peer { address: ip("10.0.0.1"), tls };
        assert!(!peers.is_secure(of_proxy, &HeaderMap::new()), "the proxy's client speaks none");
        let hosts = [b"sqs.example".to_vec(), b"sqs.example:8443".to_vec()];
        assert_eq!(peers.hosts(ip("10.0.0.1"), &headers), hosts);
        assert!(peers.hosts(ip("127.0.0.1"), &headers).is_empty());
    }

    #[test]
    fn behind_proxies_nobody_else_connects() {
        let peers = Peers::new(&[ip("10.0.0.1")]);
        assert!(peers.may_connect(ip("10.0.0.1")) && peers.may_connect(ip("127.0.0.1")));
        assert!(!peers.may_connect(ip("10.0.0.3")));
        assert!(Peers::default().may_connect(ip("10.0.0.3")));
    }
}
