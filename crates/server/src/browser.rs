//! Refuses requests that a foreign web page makes a browser send.
//!
//! Any page on the internet can make a visitor's browser post to an address on the visitor's own
//! machine. Browsers mark such requests, and SDKs send none of the marks.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

/// Which origins and host names browsers may use besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct BrowserRules {
    /// Origins such as `https://console.example`.
    pub(crate) allowed_origins: Vec<String>,
    /// Host names without a port.
    pub(crate) allowed_hosts: Vec<String>,
}

impl BrowserRules {
    /// Whether the request may be looked at. Requests without a browser's marks always may.
    ///
    /// `Sec-Fetch-Site` tells where the page came from. An `Origin` must be the server's own or an
    /// allowed one. Since a foreign name can be made to resolve to this machine (DNS rebinding),
    /// which makes a foreign page look like the server's own, a browser must also name a host that
    /// is known: localhost, an IP address, or an allowed name.
    pub(crate) fn allow(&self, headers: &HeaderMap) -> bool {
        let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let site = text("sec-fetch-site");
        let origin = text(ORIGIN.as_str());
        if site.is_none() && origin.is_none() {
            return true;
        }
        let host = text(HOST.as_str()).unwrap_or_default();
        let allowed_origin = origin.is_some_and(|origin| self.is_allowed_origin(origin));
        let own_origin = origin.is_none_or(|origin| is_own(origin, host));
        let same_site = matches!(site, None | Some("same-origin" | "none"));
        self.is_known_host(host) && (allowed_origin || (same_site && own_origin))
    }

    fn is_allowed_origin(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }

    fn is_known_host(&self, host: &str) -> bool {
        let name = without_port(host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok()
            || self.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

fn is_own(origin: &str, host: &str) -> bool {
    let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
    authority.eq_ignore_ascii_case(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(headers: &[(&'static str, &'static str)]) -> bool {
        let rules = BrowserRules {
            allowed_origins: vec!["https://console.example".to_owned()],
            allowed_hosts: vec!["queues.example".to_owned()],
        };
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<hyper::header::HeaderName>().unwrap(), value.parse().unwrap())
        });
        rules.allow(&headers.collect())
    }

    const LOCAL: (&str, &str) = ("host", "127.0.0.1:9324");

    #[test]
    fn requests_without_a_browsers_marks_are_allowed() {
        assert!(allow(&[LOCAL]));
        assert!(allow(&[("host", "formiga.internal:9324")]));
        assert!(allow(&[]));
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        assert!(!allow(&[LOCAL, ("sec-fetch-site", "cross-site")]));
        assert!(!allow(&[LOCAL, ("sec-fetch-site", "same-site")]));
        assert!(!allow(&[LOCAL, ("origin", "https://evil.example")]));
        assert!(!allow(&[LOCAL, ("origin", "null")]));
        assert!(!allow(&[LOCAL, ("origin", "https://evil.example"), ("sec-fetch-site", "none")]));
        assert!(!allow(&[LOCAL, ("origin", "http://127.0.0.1:8080")]), "another port");
    }

    #[test]
    fn own_pages_and_allowed_origins_are_let_in() {
        assert!(allow(&[LOCAL, ("origin", "http://127.0.0.1:9324")]));
        assert!(allow(&[LOCAL, ("sec-fetch-site", "same-origin")]));
        assert!(allow(&[LOCAL, ("sec-fetch-site", "none")]));
        let cross = ("sec-fetch-site", "cross-site");
        assert!(allow(&[LOCAL, ("origin", "https://console.example"), cross]));
    }

    #[test]
    fn a_rebound_name_is_refused_though_it_looks_like_the_servers_own() {
        let rebound = ("host", "evil.example:9324");
        assert!(!allow(&[rebound, ("origin", "http://evil.example:9324")]));
        assert!(!allow(&[rebound, ("sec-fetch-site", "same-origin")]));
        assert!(allow(&[("host", "queues.example:9324"), ("sec-fetch-site", "same-origin")]));
        assert!(allow(&[("host", "[::1]:9324"), ("sec-fetch-site", "same-origin")]));
        assert!(allow(&[("host", "localhost:9324"), ("sec-fetch-site", "same-origin")]));
    }
}
