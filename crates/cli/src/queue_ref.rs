//! The three ways to name a queue.

use crate::endpoint::EndpointUrl;

/// A queue as it was named. Whether it exists is for the server to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueRef {
    /// A name, in the caller's account.
    Name(String),
    /// A queue URL, as it was given.
    Url(String),
    /// An ARN, in its parts.
    Arn {
        /// Where the queue is.
        region: String,
        /// Who owns it.
        account: String,
        /// Its name.
        name: String,
    },
}

impl QueueRef {
    pub(crate) fn parse(text: &str) -> Result<QueueRef, String> {
        if text.contains("://") {
            EndpointUrl::parse(text)?;
            return Ok(QueueRef::Url(text.to_owned()));
        }
        if !text.starts_with("arn:") {
            let is_name = !text.is_empty() && !text.contains(['/', ':']);
            let refusal = || format!("{text:?} is no queue name, URL or ARN");
            return is_name.then(|| QueueRef::Name(text.to_owned())).ok_or_else(refusal);
        }
        match text.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "sqs", region, account, name] if !name.is_empty() => Ok(QueueRef::Arn {
                region: region.to_owned(),
                account: account.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(format!("{text:?} is no ARN of a queue, arn:aws:sqs:REGION:ACCOUNT:NAME")),
        }
    }

    /// The queue's name, for people.
    pub(crate) fn name(&self) -> &str {
        match self {
            QueueRef::Name(name) | QueueRef::Arn { name, .. } => name,
            QueueRef::Url(url) => name_of_url(url),
        }
    }

    /// The region that the queue itself tells.
    pub(crate) fn region(&self) -> Option<String> {
        match self {
            QueueRef::Name(_) => None,
            QueueRef::Url(url) => EndpointUrl::parse(url).ok()?.region_of_aws(),
            QueueRef::Arn { region, .. } => {
                Some(region.clone()).filter(|region| !region.is_empty())
            }
        }
    }

    /// The endpoint that the queue itself tells.
    pub(crate) fn endpoint(&self) -> Option<EndpointUrl> {
        match self {
            QueueRef::Url(url) => EndpointUrl::parse(url).ok().map(|url| url.origin()),
            _ => None,
        }
    }
}

/// The last part of a queue URL.
pub(crate) fn name_of_url(url: &str) -> &str {
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_named_by_name_url_or_arn() {
        let orders = |text: &str| QueueRef::parse(text).unwrap().name().to_owned();
        assert_eq!(orders("orders"), "orders");
        assert_eq!(orders("orders.fifo"), "orders.fifo");
        assert_eq!(orders("http://127.0.0.1:9324/000000000000/orders"), "orders");
        assert_eq!(orders("arn:aws:sqs:eu-west-1:123456789012:orders"), "orders");
    }

    #[test]
    fn what_names_no_queue_is_refused() {
        for wrong in
            ["", "a/b", "sqs:orders", "arn:aws:sns:eu-west-1:1:x", "arn:aws:sqs:r:1", "ftp://a/b"]
        {
            assert!(QueueRef::parse(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn urls_and_arns_tell_where_the_queue_is() {
        let of = |text: &str| QueueRef::parse(text).unwrap();
        let aws = of("https://sqs.eu-west-1.amazonaws.com/123456789012/orders");
        assert_eq!(aws.region().as_deref(), Some("eu-west-1"));
        assert_eq!(aws.endpoint().unwrap().as_str(), "https://sqs.eu-west-1.amazonaws.com");
        let arn = of("arn:aws-cn:sqs:cn-north-1:123456789012:orders");
        assert_eq!(arn.region().as_deref(), Some("cn-north-1"));
        assert_eq!((of("orders").region(), of("orders").endpoint()), (None, None));
    }
}
