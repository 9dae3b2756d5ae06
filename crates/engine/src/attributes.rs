//! [`QueueAttributes`]: what can be set on a queue, its defaults and ranges.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::limits;

/// The settings of a standard queue.
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
    /// Whether bodies are to be encrypted with keys that the server manages. Stored and read
    /// back.
    pub sqs_managed_sse_enabled: bool,
}

impl Default for QueueAttributes {
    fn default() -> QueueAttributes {
        QueueAttributes {
            delay: Duration::ZERO,
            maximum_message_size: 1_048_576,
            message_retention_period: Duration::from_secs(345_600),
            receive_message_wait_time: Duration::ZERO,
            visibility_timeout: Duration::from_secs(30),
            sqs_managed_sse_enabled: true,
        }
    }
}

/// Why an attribute was not accepted. The texts are those of SQS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeError {
    /// No such attribute, or not one that can be set on this queue.
    UnknownName {
        /// The sentence SQS answers.
        message: String,
    },
    /// The value is out of range or not of the attribute's type.
    InvalidValue {
        /// The attribute.
        name: String,
    },
}

impl AttributeError {
    fn unknown(name: &str) -> AttributeError {
        AttributeError::UnknownName { message: format!("Unknown Attribute {name}.") }
    }
}

/// One attribute that can be set on a standard queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeName {
    /// `DelaySeconds`
    DelaySeconds,
    /// `MaximumMessageSize`
    MaximumMessageSize,
    /// `MessageRetentionPeriod`
    MessageRetentionPeriod,
    /// `ReceiveMessageWaitTimeSeconds`
    ReceiveMessageWaitTimeSeconds,
    /// `SqsManagedSseEnabled`
    SqsManagedSseEnabled,
    /// `VisibilityTimeout`
    VisibilityTimeout,
}

impl AttributeName {
    /// Every settable attribute, in the order of their names.
    pub const ALL: [AttributeName; 6] = [
        AttributeName::DelaySeconds,
        AttributeName::MaximumMessageSize,
        AttributeName::MessageRetentionPeriod,
        AttributeName::ReceiveMessageWaitTimeSeconds,
        AttributeName::SqsManagedSseEnabled,
        AttributeName::VisibilityTimeout,
    ];

    /// The name in the SQS API.
    pub fn as_str(self) -> &'static str {
        match self {
            AttributeName::DelaySeconds => "DelaySeconds",
            AttributeName::MaximumMessageSize => "MaximumMessageSize",
            AttributeName::MessageRetentionPeriod => "MessageRetentionPeriod",
            AttributeName::ReceiveMessageWaitTimeSeconds => "ReceiveMessageWaitTimeSeconds",
            AttributeName::SqsManagedSseEnabled => "SqsManagedSseEnabled",
            AttributeName::VisibilityTimeout => "VisibilityTimeout",
        }
    }

    /// The settable attribute called `name`. The errors for FIFO-only names on a standard queue
    /// are those recorded from AWS.
    pub fn parse(name: &str) -> Result<AttributeName, AttributeError> {
        if let Some(known) = AttributeName::ALL.into_iter().find(|known| known.as_str() == name) {
            return Ok(known);
        }
        match name {
            "DeduplicationScope" | "FifoThroughputLimit" => Err(AttributeError::UnknownName {
                message: format!("You can specify the {name} only when FifoQueue is set to true."),
            }),
            _ => Err(AttributeError::unknown(name)),
        }
    }
}

impl QueueAttributes {
    /// Sets one attribute from its text. On error nothing changes.
    pub fn set(&mut self, name: AttributeName, value: &str) -> Result<(), AttributeError> {
        let number = |range: RangeInclusive<i64>| parse_number(name, value, &range);
        let seconds = |range| number(range).map(Duration::from_secs);
        match name {
            AttributeName::DelaySeconds => self.delay = seconds(limits::DELAY_SECONDS)?,
            AttributeName::MaximumMessageSize => {
                self.maximum_message_size = number(limits::MAXIMUM_MESSAGE_SIZE_BYTES)?;
            }
            AttributeName::MessageRetentionPeriod => {
                self.message_retention_period = seconds(limits::MESSAGE_RETENTION_PERIOD_SECONDS)?;
            }
            AttributeName::ReceiveMessageWaitTimeSeconds => {
                self.receive_message_wait_time = seconds(limits::WAIT_TIME_SECONDS)?;
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

    /// The attribute's value as SQS writes it.
    pub fn get(&self, name: AttributeName) -> String {
        match name {
            AttributeName::DelaySeconds => self.delay.as_secs().to_string(),
            AttributeName::MaximumMessageSize => self.maximum_message_size.to_string(),
            AttributeName::MessageRetentionPeriod => {
                self.message_retention_period.as_secs().to_string()
            }
            AttributeName::ReceiveMessageWaitTimeSeconds => {
                self.receive_message_wait_time.as_secs().to_string()
            }
            AttributeName::SqsManagedSseEnabled => self.sqs_managed_sse_enabled.to_string(),
            AttributeName::VisibilityTimeout => self.visibility_timeout.as_secs().to_string(),
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
        .ok_or_else(|| AttributeError::InvalidValue { name: name.as_str().to_owned() })
}

/// `true` or `false` in any case, as AWS accepts them.
fn parse_boolean(name: AttributeName, value: &str) -> Result<bool, AttributeError> {
    if value.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if value.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err(AttributeError::InvalidValue { name: name.as_str().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: AttributeName, value: &str) -> Result<String, AttributeError> {
        let mut attributes = QueueAttributes::default();
        attributes.set(name, value)?;
        Ok(attributes.get(name))
    }

    #[test]
    fn every_range_is_inclusive_and_its_neighbors_are_refused() {
        let ranges = [
            (AttributeName::DelaySeconds, 0, 900),
            (AttributeName::MaximumMessageSize, 1024, 1_048_576),
            (AttributeName::MessageRetentionPeriod, 60, 1_209_600),
            (AttributeName::ReceiveMessageWaitTimeSeconds, 0, 20),
            (AttributeName::VisibilityTimeout, 0, 43_200),
        ];
        for (name, low, high) in ranges {
            for accepted in [low, high] {
                assert_eq!(set(name, &accepted.to_string()), Ok(accepted.to_string()));
            }
            for refused in [low - 1, high + 1] {
                let error = AttributeError::InvalidValue { name: name.as_str().to_owned() };
                assert_eq!(set(name, &refused.to_string()), Err(error));
            }
        }
    }

    #[test]
    fn a_number_is_plain_decimal_digits() {
        assert_eq!(set(AttributeName::DelaySeconds, "007"), Ok("7".to_owned()));
        for refused in ["", " 6", "-45", "+6", "901", "544.43", "true", "99999999999999999999"] {
            assert!(set(AttributeName::DelaySeconds, refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_boolean_is_accepted_in_any_case_and_reads_back_lower() {
        let name = AttributeName::SqsManagedSseEnabled;
        assert_eq!(set(name, "False"), Ok("false".to_owned()));
        assert_eq!(set(name, "TRUE"), Ok("true".to_owned()));
        assert!(set(name, "1").is_err());
    }
}
