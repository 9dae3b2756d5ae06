//! Who and what: [`AccountId`], [`Region`], [`QueueName`], [`QueueKey`], [`QueueArn`], [`QueueId`].

use std::fmt;

use crate::limits::QUEUE_NAME_CHARACTERS_MAX;

/// A queue name as SQS accepts it: 1 to 80 letters, digits, `-` and `_`, with `.fifo` at the end
/// exactly when the queue is FIFO. Case matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName(String);

/// The text is not a queue name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidQueueName;

impl QueueName {
    /// Parses `name`. Whether a `.fifo` name fits the queue's type is the caller's question.
    pub fn parse(name: &str) -> Result<QueueName, InvalidQueueName> {
        let stem = name.strip_suffix(".fifo").unwrap_or(name);
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !stem.is_empty() && name.len() <= QUEUE_NAME_CHARACTERS_MAX && stem.chars().all(allowed)
        {
            Ok(QueueName(name.to_owned()))
        } else {
            Err(InvalidQueueName)
        }
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name belongs to a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        self.0.ends_with(".fifo")
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS account: exactly 12 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 12]);

/// The text is not 12 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAccountId;

impl AccountId {
    /// The account of a caller that names none.
    pub const DEFAULT: AccountId = AccountId(*b"000000000000");

    /// Parses 12 digits.
    pub fn parse(text: &str) -> Result<AccountId, InvalidAccountId> {
        let digits: [u8; 12] = text.as_bytes().try_into().map_err(|_| InvalidAccountId)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(AccountId(digits))
        } else {
            Err(InvalidAccountId)
        }
    }

    /// The 12 digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an account id is ASCII digits")
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A region such as `us-east-1`: 1 to 64 lower-case letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

/// The text is not a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRegion;

impl Region {
    /// Parses a region; any well-formed one is accepted, since a server decides what it serves.
    pub fn parse(text: &str) -> Result<Region, InvalidRegion> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Region(text.to_owned()))
        } else {
            Err(InvalidRegion)
        }
    }

    /// The region's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a queue is found by: names are unique within an account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    /// The account that owns the queue.
    pub account: AccountId,
    /// The region it lives in.
    pub region: Region,
    /// Its name.
    pub name: QueueName,
}

impl QueueKey {
    /// The queue's ARN, `arn:aws:sqs:{region}:{account}:{name}`.
    pub fn arn(&self) -> QueueArn<'_> {
        QueueArn(self)
    }
}

/// Why a text is not a queue's ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidQueueArn {
    /// It has not the six parts of an ARN.
    NotAnArn,
    /// It is an ARN, but not that of a queue.
    NotAQueue,
}

impl QueueKey {
    /// The queue that `arn` names, in whichever partition.
    pub fn parse_arn(arn: &str) -> Result<QueueKey, InvalidQueueArn> {
        let parts: Vec<&str> = arn.split(':').collect();
        let &["arn", partition, service, region, account, resource] = parts.as_slice() else {
            return Err(InvalidQueueArn::NotAnArn);
        };
        if partition.is_empty() || service.is_empty() || resource.is_empty() {
            return Err(InvalidQueueArn::NotAnArn);
        }
        let key = || {
            Some(QueueKey {
                account: AccountId::parse(account).ok()?,
                region: Region::parse(region).ok()?,
                name: QueueName::parse(resource).ok()?,
            })
        };
        (service == "sqs").then(key).flatten().ok_or(InvalidQueueArn::NotAQueue)
    }
}

/// Displays a queue's ARN.
pub struct QueueArn<'a>(&'a QueueKey);

impl fmt::Display for QueueArn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QueueKey { account, region, name } = self.0;
        write!(f, "arn:aws:sqs:{region}:{account}:{name}")
    }
}

/// One incarnation of a queue. A queue that is deleted and created again gets another id, so
/// nothing that was meant for the old one (a receipt handle, a message) can reach the new one.
/// Ids are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub u64);

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_name_has_1_to_80_letters_digits_hyphens_and_underscores() {
        for name in ["q", "Q-1_x", &"a".repeat(80), "q.fifo", &format!("{}.fifo", "a".repeat(75))] {
            assert!(QueueName::parse(name).is_ok(), "{name}");
        }
        for name in ["", "a/b", "a b", "a.b", "ä", ".fifo", &"a".repeat(81)] {
            assert!(QueueName::parse(name).is_err(), "{name}");
        }
        assert!(QueueName::parse(&format!("{}.fifo", "a".repeat(76))).is_err());
    }

    #[test]
    fn an_account_id_has_12_digits() {
        assert_eq!(AccountId::parse("123456789012").unwrap().as_str(), "123456789012");
        for text in ["", "12345678901", "1234567890123", "12345678901a", "AKIAIOSFODNN"] {
            assert!(AccountId::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_arn_names_region_account_and_queue() {
        let key = QueueKey {
            account: AccountId::DEFAULT,
            region: Region::parse("eu-west-1").unwrap(),
            name: QueueName::parse("jobs").unwrap(),
        };
        assert_eq!(key.arn().to_string(), "arn:aws:sqs:eu-west-1:000000000000:jobs");
        assert_eq!(QueueKey::parse_arn("arn:aws:sqs:eu-west-1:000000000000:jobs"), Ok(key));
    }

    #[test]
    fn what_is_no_queues_arn_is_told_apart() {
        for text in ["", "dummy", "arn:aws:sqs:eu-west-1:jobs", "arn::sqs:r:000000000000:jobs"] {
            assert_eq!(QueueKey::parse_arn(text), Err(InvalidQueueArn::NotAnArn), "{text}");
        }
        for text in [
            "arn:aws:sns:eu-west-1:000000000000:jobs",
            "arn:aws:sqs:eu-west-1:0:jobs",
            "arn:aws:sqs:eu-west-1:000000000000:no jobs",
        ] {
            assert_eq!(QueueKey::parse_arn(text), Err(InvalidQueueArn::NotAQueue), "{text}");
        }
    }
}
