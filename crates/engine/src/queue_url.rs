//! Queue URLs: read liberally, written in one form.

use crate::names::{AccountId, QueueKey, QueueName, Region};

/// The queue that `url` names to a caller of `account` who asks in `region`, if it names one.
///
/// Only the last two segments of the path matter, an account and a name; host, scheme and query do
/// not, since a server may be reached under many names. A bare name, or a path without an account,
/// means the caller's own queue. A host of AWS's, or a path `/queue/{region}/...`, names a region.
pub fn parse(url: &str, account: AccountId, region: &Region) -> Option<QueueKey> {
    let (host, path) = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?,
        None => ("", url),
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let segments: Vec<&str> = decoded.trim_matches('/').split('/').collect();
    let (name, before) = segments.split_last()?;
    let name = QueueName::parse(name).ok()?;
    let named = before.last().and_then(|segment| AccountId::parse(segment).ok());
    let abroad = region_of_host(host).or_else(|| region_of_path(before));
    Some(QueueKey {
        account: named.unwrap_or(account),
        region: abroad.unwrap_or_else(|| region.clone()),
        name,
    })
}

/// The URL of a queue for whoever reached the server at `endpoint`.
pub fn write(endpoint: &str, key: &QueueKey) -> String {
    format!("{endpoint}/{}/{}", key.account, key.name)
}

/// `sqs.{region}.amazonaws.com`, `{region}.queue.amazonaws.com`, or `queue.amazonaws.com`, which
/// is us-east-1.
fn region_of_host(host: &str) -> Option<Region> {
    let host = host.split(':').next().unwrap_or_default();
    let host = host.strip_suffix(".amazonaws.com").or(host.strip_suffix(".amazonaws.com.cn"))?;
    let region = match host {
        "queue" => "us-east-1",
        _ => host.strip_prefix("sqs.").or(host.strip_suffix(".queue"))?,
    };
    Region::parse(region).ok()
}

/// `queue/{region}/{account}`
fn region_of_path(before: &[&str]) -> Option<Region> {
    match before {
        ["queue", region, _account] => Region::parse(region).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(url: &str) -> Option<String> {
        let account = AccountId::parse("111111111111").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        parse(url, account, &region).map(|key| key.arn().to_string())
    }

    #[test]
    fn only_the_last_two_segments_of_the_path_matter() {
        let own = "arn:aws:sqs:us-east-1:111111111111:q";
        let other = "arn:aws:sqs:us-east-1:222222222222:q";
        for url in ["q", "/q", "http://localhost:9324/q", "http://h/queue/q", "http://h/queues/q"] {
            assert_eq!(arn(url).as_deref(), Some(own), "{url}");
        }
        for url in [
            "http://localhost:9324/222222222222/q",
            "https://any.example/222222222222/q/",
            "/222222222222/q",
            "http://h/222222222222/q?x=y",
            "http://h/22222222222%32/%71",
        ] {
            assert_eq!(arn(url).as_deref(), Some(other), "{url}");
        }
    }

    #[test]
    fn a_host_of_aws_and_a_queue_path_name_a_region() {
        let abroad = "arn:aws:sqs:eu-west-1:222222222222:q";
        for url in [
            "https://sqs.eu-west-1.amazonaws.com/222222222222/q",
            "https://eu-west-1.queue.amazonaws.com/222222222222/q",
            "http://localhost:9324/queue/eu-west-1/222222222222/q",
        ] {
            assert_eq!(arn(url).as_deref(), Some(abroad), "{url}");
        }
        let home = "arn:aws:sqs:us-east-1:222222222222:q";
        assert_eq!(arn("https://queue.amazonaws.com/222222222222/q").as_deref(), Some(home));
    }

    #[test]
    fn what_names_no_queue_is_none() {
        for url in ["", "/", "http://localhost:9324", "http://localhost:9324/", "a b", "x/%ff/%ff"]
        {
            assert_eq!(arn(url), None, "{url}");
        }
    }
}
