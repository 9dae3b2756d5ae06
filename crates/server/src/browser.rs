//! Refuses requests that a foreign web page makes a browser send.
//!
//! Any page on the internet can make a visitor's browser post to an address on the visitor's own
//! machine. Browsers mark such requests, and SDKs send none of the marks.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{ACCEPT_LANGUAGE, HOST, HeaderValue, ORIGIN, REFERER, USER_AGENT};

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
        let site = text(SITE);
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

    /// Whether the request, which asks for an action by GET, may be looked at.
    ///
    /// A page can make a browser GET any address without an `Origin`, as the source of an image or
    /// from a name made to resolve to this machine, and browsers send `Sec-Fetch-Site` to
    /// trustworthy addresses only, which plain HTTP to another machine or name is not. So what
    /// comes from a browser must tell where its page came from.
    pub(crate) fn allow_action_by_get(&self, headers: &HeaderMap) -> bool {
        let tells = headers.contains_key(SITE) || headers.contains_key(ORIGIN);
        self.allow(headers) && (tells || !is_browser(headers))
    }

    /// Whether the pages of `origin` were let in by the operator.
    pub(crate) fn is_allowed_origin(&self, origin: &str) -> bool {
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

const SITE: &str = "sec-fetch-site";

/// Whether a browser may have sent this. Pages can change some of these headers, but not leave all
/// of them out; no SDK sends one of them.
fn is_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    agent.is_some_and(|agent| agent.starts_with(b"Mozilla/"))
        || headers.contains_key(ACCEPT_LANGUAGE)
        || headers.contains_key(REFERER)
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

    fn rules() -> BrowserRules {
        BrowserRules {
            allowed_origins: vec!["https://console.example".to_owned()],
            allowed_hosts: vec!["queues.example".to_owned()],
        }
    }

    fn parse(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<hyper::header::HeaderName>().unwrap(), value.parse().unwrap())
        });
        headers.collect()
    }

    fn allow(headers: &[(&'static str, &'static str)]) -> bool {
        rules().allow(&parse(headers))
    }

    fn allow_action_by_get(headers: &[(&'static str, &'static str)]) -> bool {
        rules().allow_action_by_get(&parse(headers))
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

    #[test]
    fn a_browser_that_does_not_tell_its_page_gets_no_action() {
        let browser = ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101");
        let language = ("accept-language", "en");
        let referer = ("referer", "http://evil.example/");
        for mark in [browser, language, referer] {
            for host in [LOCAL, ("host", "192.0.2.1:9324"), ("host", "evil.example:9324")] {
                assert!(!allow_action_by_get(&[host, mark]), "{mark:?}");
            }
            assert!(allow_action_by_get(&[LOCAL, mark, ("sec-fetch-site", "none")]), "{mark:?}");
            assert!(!allow_action_by_get(&[LOCAL, mark, ("sec-fetch-site", "cross-site")]));
            assert!(!allow_action_by_get(&[LOCAL, ("origin", "http://evil.example")]));
        }
        for agent in ["Boto3/1.26.165 Python/3.11.7", "curl/8.5.0", "node"] {
            assert!(allow_action_by_get(&[LOCAL, ("user-agent", agent), ("accept", "*/*")]));
        }
        assert!(allow_action_by_get(&[]));
    }
}
