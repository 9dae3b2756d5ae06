//! Which endpoint is called: the rules, without the network.

use std::net::IpAddr;

/// Where `formiga` listens unless told otherwise.
pub(crate) const FORMIGA: &str = "http://127.0.0.1:9324";

/// An http or https URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointUrl(String);

/// The endpoint of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Amazon SQS, at the address that the SDK knows for the region.
    Aws,
    /// An address.
    Url(EndpointUrl),
}

impl EndpointUrl {
    pub(crate) fn parse(text: &str) -> Result<EndpointUrl, String> {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let url = EndpointUrl(text.to_owned());
        match rest {
            Some(_) if plain && !url.host().is_empty() => Ok(url),
            _ => Err(format!("{text:?} is no http or https URL")),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL without its path.
    pub(crate) fn origin(&self) -> EndpointUrl {
        let scheme = self.0.len() - self.after_scheme().len();
        EndpointUrl(self.0[..scheme + self.authority().len()].to_owned())
    }

    fn after_scheme(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, rest)| rest)
    }

    fn authority(&self) -> &str {
        self.after_scheme().split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// The host, without user, port and brackets.
    fn host(&self) -> &str {
        let authority = self.authority();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.strip_prefix('[') {
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether nothing that is sent there leaves this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host().to_ascii_lowercase();
        let named = host == "localhost" || host.ends_with(".localhost");
        named || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The region of `sqs.REGION.amazonaws.com`, which signs for that region only.
    pub(crate) fn region_of_aws(&self) -> Option<String> {
        let host = self.host().to_ascii_lowercase();
        let suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"];
        let stem = suffixes.iter().find_map(|suffix| host.strip_suffix(suffix))?;
        let region = stem.strip_prefix("sqs.").or_else(|| stem.strip_prefix("sqs-fips."))?;
        (!region.contains('.')).then(|| region.to_owned())
    }
}

/// What may say which endpoint is called.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// `--aws`.
    pub(crate) aws: bool,
    /// `--endpoint-url`.
    pub(crate) flag: Option<EndpointUrl>,
    /// The environment or the profile.
    pub(crate) configured: Option<EndpointUrl>,
    /// A queue that is named by its URL.
    pub(crate) queue: Option<EndpointUrl>,
}

impl Endpoint {
    /// The first that is told; without a word, a Formiga on this machine.
    pub(crate) fn choose(told: Told) -> Endpoint {
        if told.aws {
            return Endpoint::Aws;
        }
        let url = told.flag.or(told.configured).or(told.queue);
        Endpoint::Url(url.unwrap_or_else(|| EndpointUrl(FORMIGA.to_owned())))
    }

    /// Whether requests may be signed with credentials that stand in for none. Never for AWS or
    /// any other machine: it would only hide that credentials are missing.
    pub(crate) fn takes_stand_in_credentials(&self) -> bool {
        matches!(self, Endpoint::Url(url) if url.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> EndpointUrl {
        EndpointUrl::parse(text).unwrap()
    }

    #[test]
    fn only_this_machine_is_called_with_stand_in_credentials() {
        let stand_in = |text: &str| Endpoint::Url(url(text)).takes_stand_in_credentials();
        for here in [
            FORMIGA,
            "http://localhost:1",
            "https://LOCALHOST/",
            "http://[::1]:9324",
            "http://127.9.9.9",
        ] {
            assert!(stand_in(here), "{here}");
        }
        for elsewhere in [
            "https://sqs.us-east-1.amazonaws.com",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1:9324",
            "http://0.0.0.0:9324",
        ] {
            assert!(!stand_in(elsewhere), "{elsewhere}");
        }
        assert!(!Endpoint::Aws.takes_stand_in_credentials());
    }

    #[test]
    fn the_flag_wins_over_the_configuration_and_that_over_the_queue() {
        let [a, b, c] = ["http://a", "http://b", "http://c"].map(|text| Some(url(text)));
        let told = |aws, flag, configured, queue| Told { aws, flag, configured, queue };
        let is = |told, text: &str| assert_eq!(Endpoint::choose(told), Endpoint::Url(url(text)));
        is(told(false, a, b.clone(), c.clone()), "http://a");
        is(told(false, None, b.clone(), c.clone()), "http://b");
        is(told(false, None, None, c.clone()), "http://c");
        is(told(false, None, None, None), FORMIGA);
        assert_eq!(Endpoint::choose(told(true, None, b, c)), Endpoint::Aws);
    }

    #[test]
    fn a_host_of_aws_tells_its_region() {
        let region = |text: &str| url(text).region_of_aws();
        assert_eq!(region("https://sqs.eu-west-1.amazonaws.com/1/q").as_deref(), Some("eu-west-1"));
        assert_eq!(
            region("https://sqs.cn-north-1.amazonaws.com.cn").as_deref(),
            Some("cn-north-1")
        );
        assert_eq!(region("https://sqs.eu-west-1.example.com"), None);
        assert_eq!(region("http://127.0.0.1:9324"), None);
    }

    #[test]
    fn an_endpoint_is_an_http_url() {
        for wrong in ["", "127.0.0.1:9324", "ftp://host", "http://", "http:///path", "http://a b"] {
            assert!(EndpointUrl::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
        assert_eq!(url("https://user@host:1/a/b?c").origin().as_str(), "https://user@host:1");
    }
}
