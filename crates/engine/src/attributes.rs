//! [`QueueAttributes`]: what can be set on a queue, its defaults and ranges.

mod fifo;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::message::illegal_character;
use crate::redrive::{RedriveAllowPolicy, RedrivePolicy};
use crate::{access_policy, limits};
pub use fifo::{DeduplicationScope, FifoAttributes, FifoThroughputLimit};

/// The settings of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueAttributes {
    /// How long a sent message stays delayed unless it says otherwise.
    pub delay: Duration,
    /// The largest message the queue accepts, body and attributes together, in bytes.
    pub maximum_message_size: u64,
    /// How long a message is stored.
    pub message_retention_period: Duration,
    /// How long a receive waits for a message unless it says otherwise.
    pub receive_message_wait_time: Duration,
    /// How long a received message stays in flight unless the receive says otherwise.
    pub visibility_timeout: Duration,
    /// The access policy, as it was given.
    pub policy: Option<String>,
    /// Where messages go that are received too often.
    pub redrive_policy: Option<RedrivePolicy>,
    /// Which queues may send such messages here.
    pub redrive_allow_policy: Option<RedriveAllowPolicy>,
    /// Whether bodies are to be encrypted with keys that the server manages.
    pub sqs_managed_sse_enabled: bool,
    /// The KMS key with which bodies are to be encrypted; never together with keys that the server
    /// manages. It is not looked for.
    pub kms_master_key_id: Option<String>,
    /// How long a data key of the KMS key is used.
    pub kms_data_key_reuse_period: Duration,
    /// The settings of a FIFO queue; `None` for a standard queue.
    pub fifo: Option<FifoAttributes>,
}

impl Default for QueueAttributes {
    fn default() -> QueueAttributes {
        QueueAttributes {
            delay: Duration::ZERO,
            maximum_message_size: 1_048_576,
            message_retention_period: Duration::from_secs(345_600),
            receive_message_wait_time: Duration::ZERO,
            visibility_timeout: Duration::from_secs(30),
            policy: None,
            redrive_policy: None,
            redrive_allow_policy: None,
            sqs_managed_sse_enabled: true,
            kms_master_key_id: None,
            kms_data_key_reuse_period: Duration::from_secs(300),
            fifo: None,
        }
    }
}

/// Why an attribute, or a change of the access policy, was not accepted, in the words of SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeError {
    /// What is wrong.
    pub kind: AttributeErrorKind,
    /// The sentence that SQS answers.
    pub message: String,
}

/// What is wrong with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeErrorKind {
    /// No such attribute, or not one that can be set on this queue, or not beside another one.
    InvalidName,
    /// The value is out of range or not of the attribute's type.
    InvalidValue,
    /// A policy of the right shape asks for what cannot be, or a permission does.
    InvalidParameter,
    /// A policy has more parts than are allowed.
    OverLimit,
}

impl AttributeError {
    fn unknown(name: &str) -> AttributeError {
        AttributeError::invalid_name(format!("Unknown Attribute {name}."))
    }

    fn out_of_range(name: AttributeName) -> AttributeError {
        let name = name.as_str();
        AttributeError::invalid_value(format!("Invalid value for the parameter {name}."))
    }

    fn invalid_name(message: impl Into<String>) -> AttributeError {
        AttributeError { kind: AttributeErrorKind::InvalidName, message: message.into() }
    }

    pub(crate) fn invalid_value(message: impl Into<String>) -> AttributeError {
        AttributeError { kind: AttributeErrorKind::InvalidValue, message: message.into() }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> AttributeError {
        AttributeError { kind: AttributeErrorKind::InvalidParameter, message: message.into() }
    }
}

macro_rules! names {
    ($($name:ident,)*) => {
        /// One attribute that can be set on a queue. Each is called as in the SQS API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum AttributeName {
            $(#[doc = concat!("`", stringify!($name), "`")] $name,)*
        }

        impl AttributeName {
            /// Every settable attribute, in the order of their names.
            pub const ALL: &'static [AttributeName] = &[$(AttributeName::$name,)*];

            /// The name in the SQS API.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(AttributeName::$name => stringify!($name),)*
                }
            }
        }
    };
}

names! {
    ContentBasedDeduplication,
    DeduplicationScope,
    DelaySeconds,
    FifoQueue,
    FifoThroughputLimit,
    KmsDataKeyReusePeriodSeconds,
    KmsMasterKeyId,
    MaximumMessageSize,
    MessageRetentionPeriod,
    Policy,
    ReceiveMessageWaitTimeSeconds,
    RedriveAllowPolicy,
    RedrivePolicy,
    SqsManagedSseEnabled,
    VisibilityTimeout,
}

impl AttributeName {
    /// The settable attribute called `name`. Whether the queue has it is asked when it is
    /// [set](QueueAttributes::with).
    pub fn parse(name: &str) -> Result<AttributeName, AttributeError> {
        let known = AttributeName::ALL.iter().find(|known| known.as_str() == name);
        known.copied().ok_or_else(|| AttributeError::unknown(name))
    }

    /// Refuses what only FIFO queues have, in the words recorded from AWS.
    fn check_standard(self) -> Result<(), AttributeError> {
        match self {
            AttributeName::ContentBasedDeduplication | AttributeName::FifoQueue => {
                Err(AttributeError::unknown(self.as_str()))
            }
            AttributeName::DeduplicationScope | AttributeName::FifoThroughputLimit => {
                Err(AttributeError::invalid_name(format!(
                    "You can specify the {} only when FifoQueue is set to true.",
                    self.as_str()
                )))
            }
            _ => Ok(()),
        }
    }
}

impl QueueAttributes {
    /// What a new FIFO queue has.
    pub fn fifo() -> QueueAttributes {
        QueueAttributes { fifo: Some(FifoAttributes::default()), ..QueueAttributes::default() }
    }

    /// These attributes with `changes` made, or the first error: first of the names that the
    /// queue does not have, then of the values, then of what the values are together.
    ///
    /// A KMS key and keys that the server manages exclude each other: choosing one gives up the
    /// other, choosing both at once is refused.
    pub fn with(
        &self,
        changes: &[(AttributeName, String)],
    ) -> Result<QueueAttributes, AttributeError> {
        if self.fifo.is_none() {
            changes.iter().try_for_each(|(name, _)| name.check_standard())?;
        }
        let mut changed = self.clone();
        for (name, value) in changes {
            changed.set(*name, value)?;
        }
        changed.fifo.as_ref().map(FifoAttributes::check).transpose()?;
        let sets = |wanted| changes.iter().any(|(name, _)| *name == wanted);
        if changed.kms_master_key_id.is_some() && changed.sqs_managed_sse_enabled {
            match (sets(AttributeName::KmsMasterKeyId), sets(AttributeName::SqsManagedSseEnabled)) {
                (true, true) => {
                    return Err(AttributeError::invalid_name(
                        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
                    ));
                }
                (true, false) => changed.sqs_managed_sse_enabled = false,
                _ => changed.kms_master_key_id = None,
            }
        }
        Ok(changed)
    }

    fn set(&mut self, name: AttributeName, value: &str) -> Result<(), AttributeError> {
        let number = |range: RangeInclusive<i64>| parse_number(name, value, &range);
        let seconds = |range| number(range).map(Duration::from_secs);
        let given = Some(value).filter(|value| !value.is_empty());
        match name {
            AttributeName::ContentBasedDeduplication
            | AttributeName::DeduplicationScope
            | AttributeName::FifoQueue
            | AttributeName::FifoThroughputLimit => {
                let fifo = self.fifo.as_mut().expect("a standard queue was asked before");
                fifo.set(name, value)?;
            }
            AttributeName::DelaySeconds => self.delay = seconds(limits::DELAY_SECONDS)?,
            AttributeName::KmsDataKeyReusePeriodSeconds => {
                self.kms_data_key_reuse_period = seconds(limits::KMS_REUSE_PERIOD_SECONDS)?;
            }
            AttributeName::KmsMasterKeyId => {
                // A character that XML cannot carry would be told otherwise than it was set.
                let is_illegal = illegal_character(value).is_some();
                if is_illegal || value.len() > limits::KMS_KEY_ID_BYTES_MAX {
                    return Err(AttributeError::out_of_range(name));
                }
                self.kms_master_key_id = given.map(str::to_owned);
            }
            AttributeName::MaximumMessageSize => {
                self.maximum_message_size = number(limits::MAXIMUM_MESSAGE_SIZE_BYTES)?;
            }
            AttributeName::MessageRetentionPeriod => {
                self.message_retention_period = seconds(limits::MESSAGE_RETENTION_PERIOD_SECONDS)?;
            }
            AttributeName::Policy => {
                given.map(access_policy::check).transpose()?;
                self.policy = given.map(str::to_owned);
            }
            AttributeName::ReceiveMessageWaitTimeSeconds => {
                self.receive_message_wait_time = seconds(limits::WAIT_TIME_SECONDS)?;
            }
            AttributeName::RedriveAllowPolicy => {
                self.redrive_allow_policy = given.map(RedriveAllowPolicy::parse).transpose()?;
            }
            AttributeName::RedrivePolicy => {
                self.redrive_policy = given.map(RedrivePolicy::parse).transpose()?;
            }
            AttributeName::SqsManagedSseEnabled => {
                self.sqs_managed_sse_enabled = parse_boolean(name, value)?;
            }
            AttributeName::VisibilityTimeout => {
                self.visibility_timeout = seconds(limits::VISIBILITY_TIMEOUT_SECONDS)?;
            }
        }
        Ok(())
    }

    /// The attribute's value as SQS writes it, if it is set. The reuse period of data keys is
    /// shown only while there is a KMS key.
    pub fn get(&self, name: AttributeName) -> Option<String> {
        let seconds = |duration: Duration| Some(duration.as_secs().to_string());
        match name {
            AttributeName::ContentBasedDeduplication
            | AttributeName::DeduplicationScope
            | AttributeName::FifoQueue
            | AttributeName::FifoThroughputLimit => self.fifo.as_ref()?.get(name),
            AttributeName::DelaySeconds => seconds(self.delay),
            AttributeName::KmsDataKeyReusePeriodSeconds => {
                self.kms_master_key_id.as_ref().and(seconds(self.kms_data_key_reuse_period))
            }
            AttributeName::KmsMasterKeyId => self.kms_master_key_id.clone(),
            AttributeName::MaximumMessageSize => Some(self.maximum_message_size.to_string()),
            AttributeName::MessageRetentionPeriod => seconds(self.message_retention_period),
            AttributeName::Policy => self.policy.clone(),
            AttributeName::ReceiveMessageWaitTimeSeconds => seconds(self.receive_message_wait_time),
            AttributeName::RedriveAllowPolicy => {
                self.redrive_allow_policy.as_ref().map(ToString::to_string)
            }
            AttributeName::RedrivePolicy => self.redrive_policy.as_ref().map(ToString::to_string),
            AttributeName::SqsManagedSseEnabled => Some(self.sqs_managed_sse_enabled.to_string()),
            AttributeName::VisibilityTimeout => seconds(self.visibility_timeout),
        }
    }

    /// Whether `other` has the same value of one attribute. Policies are compared as documents.
    pub fn agrees(&self, other: &QueueAttributes, name: AttributeName) -> bool {
        match (self.get(name), other.get(name)) {
            (Some(one), Some(another)) if name == AttributeName::Policy => {
                access_policy::same(&one, &another)
            }
            (one, another) => one == another,
        }
    }
}

/// Plain decimal digits within `range`: no sign, blank or fraction.
fn parse_number(
    name: AttributeName,
    value: &str,
    range: &RangeInclusive<i64>,
) -> Result<u64, AttributeError> {
    let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse::<i64>()
        .ok()
        .filter(|number| plain && range.contains(number))
        .map(i64::unsigned_abs)
        .ok_or_else(|| AttributeError::out_of_range(name))
}

/// `true` or `false` in any case, as AWS accepts them.
fn parse_boolean(name: AttributeName, value: &str) -> Result<bool, AttributeError> {
    if value.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(AttributeError::out_of_range(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: AttributeName, value: &str) -> Result<Option<String>, AttributeError> {
        let attributes = QueueAttributes::default().with(&[(name, value.to_owned())])?;
        Ok(attributes.get(name))
    }

    fn with(
        attributes: &QueueAttributes,
        changes: &[(AttributeName, &str)],
    ) -> Result<QueueAttributes, AttributeError> {
        let changes: Vec<_> =
            changes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        attributes.with(&changes)
    }

    #[test]
    fn every_range_is_inclusive_and_its_neighbors_are_refused_edges_47_60_61_62() {
        let ranges = [
            (AttributeName::DelaySeconds, 0, 900),
            (AttributeName::MaximumMessageSize, 1024, 1_048_576),
            (AttributeName::MessageRetentionPeriod, 60, 1_209_600),
            (AttributeName::ReceiveMessageWaitTimeSeconds, 0, 20),
            (AttributeName::VisibilityTimeout, 0, 43_200),
        ];
        for (name, low, high) in ranges {
            for accepted in [low, high] {
                assert_eq!(set(name, &accepted.to_string()), Ok(Some(accepted.to_string())));
            }
            for refused in [low - 1, high + 1] {
                let error = AttributeError::out_of_range(name);
                assert_eq!(set(name, &refused.to_string()), Err(error));
            }
        }
        for refused in ["59", "86401"] {
            assert!(set(AttributeName::KmsDataKeyReusePeriodSeconds, refused).is_err());
        }
    }

    #[test]
    fn a_number_is_plain_decimal_digits_edge_59() {
        assert_eq!(set(AttributeName::DelaySeconds, "007"), Ok(Some("7".to_owned())));
        for refused in ["", " 6", "-45", "+6", "901", "544.43", "true", "99999999999999999999"] {
            assert!(set(AttributeName::DelaySeconds, refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_boolean_is_accepted_in_any_case_and_reads_back_lower() {
        let name = AttributeName::SqsManagedSseEnabled;
        assert_eq!(set(name, "False"), Ok(Some("false".to_owned())));
        assert_eq!(set(name, "TRUE"), Ok(Some("true".to_owned())));
        assert!(set(name, "1").is_err());
    }

    #[test]
    fn an_empty_text_removes_a_policy_and_a_key_edges_54_55() {
        for name in [
            AttributeName::KmsMasterKeyId,
            AttributeName::Policy,
            AttributeName::RedriveAllowPolicy,
            AttributeName::RedrivePolicy,
        ] {
            assert_eq!(set(name, ""), Ok(None));
        }
    }

    #[test]
    fn a_kms_key_takes_the_place_of_managed_keys_edges_56_57() {
        use AttributeName::{KmsDataKeyReusePeriodSeconds, KmsMasterKeyId, SqsManagedSseEnabled};
        let all = |attributes: &QueueAttributes| {
            [KmsMasterKeyId, KmsDataKeyReusePeriodSeconds, SqsManagedSseEnabled]
                .map(|name| attributes.get(name).unwrap_or_default())
        };
        let default = QueueAttributes::default();
        assert_eq!(all(&default), ["", "", "true"]);
        let changes = [(KmsMasterKeyId, "testKeyId"), (KmsDataKeyReusePeriodSeconds, "6000")];
        let with_key = with(&default, &changes).unwrap();
        assert_eq!(all(&with_key), ["testKeyId", "6000", "false"]);
        let changes = [(KmsMasterKeyId, ""), (KmsDataKeyReusePeriodSeconds, "300")];
        assert_eq!(all(&with(&with_key, &changes).unwrap()), ["", "", "false"]);
        let managed = with(&with_key, &[(SqsManagedSseEnabled, "true")]).unwrap();
        assert_eq!(all(&managed), ["", "", "true"]);
    }

    #[test]
    fn a_kms_key_is_told_as_it_was_set() {
        let set = |key: &str| {
            let changed =
                with(&QueueAttributes::default(), &[(AttributeName::KmsMasterKeyId, key)]);
            changed.map(|attributes| attributes.kms_master_key_id)
        };
        for key in ["alias/é \t", &"k".repeat(limits::KMS_KEY_ID_BYTES_MAX)] {
            assert_eq!(set(key), Ok(Some(key.to_owned())));
        }
        for key in ["a\u{0}", "a\u{B}", "\u{C}a", "a\u{FFFE}", &"k".repeat(2049)] {
            let error = set(key).unwrap_err();
            assert_eq!(error.kind, AttributeErrorKind::InvalidValue, "{key:?}");
            assert_eq!(error.message, "Invalid value for the parameter KmsMasterKeyId.");
        }
    }

    #[test]
    fn one_kind_of_encryption_is_chosen_at_a_time_edge_58() {
        let both =
            [(AttributeName::KmsMasterKeyId, "k"), (AttributeName::SqsManagedSseEnabled, "true")];
        let error = with(&QueueAttributes::default(), &both).unwrap_err();
        assert_eq!(error.kind, AttributeErrorKind::InvalidName);
        assert!(error.message.starts_with("You can use one type of server-side encryption"));
    }
}
