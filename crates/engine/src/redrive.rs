//! [`RedrivePolicy`] and [`RedriveAllowPolicy`]: which queue takes over messages that were received
//! too often, and which queues may choose it for that.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::attributes::AttributeError;
use crate::limits::{MAX_RECEIVE_COUNT, REDRIVE_ALLOW_SOURCES_MAX};
use crate::names::{InvalidQueueArn, QueueKey};

/// Where messages go that were received `max_receive_count` times and not deleted.
///
/// Displayed as SQS writes it: compact JSON with the count as a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// The dead-letter queue.
    pub target: QueueKey,
    /// The dead-letter queue's ARN, as it was given.
    pub dead_letter_target_arn: String,
    /// How often a message may be received, 1 to 1,000.
    pub max_receive_count: u32,
}

impl RedrivePolicy {
    /// Reads the attribute's JSON. The sentences are those of SQS; no queue is looked for.
    pub fn parse(json: &str) -> Result<RedrivePolicy, AttributeError> {
        let refused = |reason: String| refused("RedrivePolicy", json, &reason);
        let not_a_map = "Invalid value for the parameter RedrivePolicy. Reason: Redrive policy is not a valid JSON map.";
        let members = object(json).ok_or_else(|| AttributeError::invalid_value(not_a_map))?;
        let known = ["maxReceiveCount", "deadLetterTargetArn"];
        if members.keys().any(|name| !known.contains(&name.as_str())) {
            let reason =
                "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].";
            return Err(refused(reason.to_owned()));
        }
        let member = |name: &str| {
            let reason = || format!("Redrive policy does not contain mandatory attribute: {name}.");
            members.get(name).filter(|value| !value.is_null()).ok_or_else(|| refused(reason()))
        };
        let count = member("maxReceiveCount")?;
        let arn = member("deadLetterTargetArn")?.as_str().unwrap_or_default();
        let target = QueueKey::parse_arn(arn).map_err(|error| {
            refused(match error {
                InvalidQueueArn::NotAnArn => {
                    "Dead-letter target ARN should be fully qualified ARN.".to_owned()
                }
                InvalidQueueArn::NotAQueue => {
                    "Only SQS queues are valid resources for deadLetterTargetArn.".to_owned()
                }
            })
        })?;
        let max_receive_count = whole_number(count).filter(|n| MAX_RECEIVE_COUNT.contains(n));
        let max_receive_count = max_receive_count.ok_or_else(|| {
            let given = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
            refused(format!(
                "Invalid value for maxReceiveCount: {given}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;
        Ok(RedrivePolicy { target, dead_letter_target_arn: arn.to_owned(), max_receive_count })
    }
}

impl fmt::Display for RedrivePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arn = Value::from(self.dead_letter_target_arn.as_str());
        let count = self.max_receive_count;
        write!(f, "{{\"deadLetterTargetArn\":{arn},\"maxReceiveCount\":{count}}}")
    }
}

/// Which queues may name this one as their dead-letter queue. Displayed as SQS writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedriveAllowPolicy {
    /// Every queue of the account and region, as without a policy.
    AllowAll,
    /// None.
    DenyAll,
    /// Those with these ARNs, which need not exist.
    ByQueue(Vec<String>),
}

impl RedriveAllowPolicy {
    /// Reads the attribute's JSON. The sentences are those of SQS.
    pub fn parse(json: &str) -> Result<RedriveAllowPolicy, AttributeError> {
        let unsupported = || {
            AttributeError::invalid_value(
                "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the redrive allow \
                 policy, as it’s in an unsupported format.",
            )
        };
        let refused = |reason: &str| Err(refused("RedriveAllowPolicy", json, reason));
        let members = object(json).ok_or_else(unsupported)?;
        let known = ["redrivePermission", "sourceQueueArns"];
        if members.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(unsupported());
        }
        let sources = members.get("sourceQueueArns").map(|value| texts(value).ok_or(()));
        let sources = sources.transpose().map_err(|()| unsupported())?;
        let permission = members.get("redrivePermission").and_then(Value::as_str);
        match (permission, sources) {
            (Some("byQueue"), Some(sources)) if !sources.is_empty() => {
                if sources.len() > REDRIVE_ALLOW_SOURCES_MAX {
                    return refused(
                        "Amazon SQS can't create the redrive allow policy. The maximum number of source queue ARNs you can specify is 10.",
                    );
                }
                Ok(RedriveAllowPolicy::ByQueue(sources))
            }
            (Some("byQueue"), _) => refused(
                "Amazon SQS can't create the redrive allow policy. When you specify the byQueue permission type, you must \
                 also specify one or more sourceQueueArns values.",
            ),
            (Some("allowAll" | "denyAll"), Some(_)) => refused(
                "Amazon SQS can't create the redrive allow policy. To specify one or more source queue ARNs, you must set \
                 redrivePermission to byQueue.",
            ),
            (Some("allowAll"), None) => Ok(RedriveAllowPolicy::AllowAll),
            (Some("denyAll"), None) => Ok(RedriveAllowPolicy::DenyAll),
            _ => Err(unsupported()),
        }
    }

    /// Whether the queue with this ARN may name the policy's queue as its dead-letter queue.
    pub fn allows(&self, source_arn: &str) -> bool {
        match self {
            RedriveAllowPolicy::AllowAll => true,
            RedriveAllowPolicy::DenyAll => false,
            RedriveAllowPolicy::ByQueue(sources) => sources.iter().any(|arn| arn == source_arn),
        }
    }
}

impl fmt::Display for RedriveAllowPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = match self {
            RedriveAllowPolicy::AllowAll => json!({ "redrivePermission": "allowAll" }),
            RedriveAllowPolicy::DenyAll => json!({ "redrivePermission": "denyAll" }),
            RedriveAllowPolicy::ByQueue(sources) => {
                json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources })
            }
        };
        write!(f, "{policy}")
    }
}

/// A policy of the right shape that SQS does not take.
pub(crate) fn refused(parameter: &str, json: &str, reason: &str) -> AttributeError {
    AttributeError::invalid_parameter(format!(
        "Value {json} for parameter {parameter} is invalid. Reason: {reason}"
    ))
}

fn object(json: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(json) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// A JSON number or its decimal digits as text, as SQS takes both.
fn whole_number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|element| element.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::AttributeErrorKind::{InvalidParameter, InvalidValue};

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:dead";

    fn refusal(json: &str) -> AttributeError {
        RedrivePolicy::parse(json).expect_err(json)
    }

    #[test]
    fn a_redrive_policy_reads_back_with_its_count_as_a_number() {
        let written = format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":5}}"#);
        for given in ["5", "\"5\"", " 5 "] {
            let json = format!(r#"{{ "maxReceiveCount":{given}, "deadLetterTargetArn":"{ARN}" }}"#);
            assert_eq!(RedrivePolicy::parse(&json).unwrap().to_string(), written);
        }
    }

    #[test]
    fn a_redrive_policys_shape_is_checked_in_the_words_of_sqs_edges_28_208() {
        for json in ["", "5", "[]", "null", "{", "\"x\""] {
            assert_eq!(refusal(json).kind, InvalidValue, "{json}");
        }
        for (json, reason) in [
            (
                r#"{"deadLetterTargetArn":"dummy"}"#.to_owned(),
                "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
            ),
            (
                r#"{"maxReceiveCount":1}"#.to_owned(),
                "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.",
            ),
            (
                r#"{"deadLetterTargetArn":"dummy","maxReceiveCount":1}"#.to_owned(),
                "Dead-letter target ARN should be fully qualified ARN.",
            ),
            (
                r#"{"deadLetterTargetArn":"arn:aws:sns:us-east-1:000000000000:x","maxReceiveCount":1}"#.to_owned(),
                "Only SQS queues are valid resources for deadLetterTargetArn.",
            ),
            (
                format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1,"x":1}}"#),
                "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].",
            ),
            (
                format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":0}}"#),
                "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.",
            ),
            (
                format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":"1001"}}"#),
                "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive.",
            ),
            (
                format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":1.5}}"#),
                "Invalid value for maxReceiveCount: 1.5, valid values are from 1 to 1000 both inclusive.",
            ),
        ] {
            let error = refusal(&json);
            assert_eq!(error.kind, InvalidParameter, "{json}");
            let expected = format!("Value {json} for parameter RedrivePolicy is invalid. Reason: {reason}");
            assert_eq!(error.message, expected);
        }
    }

    #[test]
    fn a_redrive_allow_policy_reads_back_compact_edge_212() {
        for (given, written) in [
            (r#"{ "redrivePermission" : "denyAll" }"#, r#"{"redrivePermission":"denyAll"}"#),
            (r#"{"redrivePermission":"allowAll"}"#, r#"{"redrivePermission":"allowAll"}"#),
            (
                r#"{"sourceQueueArns": ["a"], "redrivePermission":"byQueue"}"#,
                r#"{"redrivePermission":"byQueue","sourceQueueArns":["a"]}"#,
            ),
        ] {
            assert_eq!(RedriveAllowPolicy::parse(given).unwrap().to_string(), written);
        }
    }

    #[test]
    fn a_redrive_allow_policys_shape_is_checked_edges_210_211_213() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"redrivePermission":"some"}"#,
            r#"{"redrivePermission":"denyAll","x":1}"#,
            r#"{"redrivePermission":"byQueue","sourceQueueArns":"a"}"#,
            r#"{"redrivePermission":"byQueue","sourceQueueArns":[1]}"#,
        ] {
            assert_eq!(RedriveAllowPolicy::parse(json).expect_err(json).kind, InvalidValue);
        }
        let eleven = ["\"a\""; 11].join(",");
        for json in [
            r#"{"redrivePermission":"byQueue"}"#.to_owned(),
            r#"{"redrivePermission":"byQueue","sourceQueueArns":[]}"#.to_owned(),
            r#"{"redrivePermission":"allowAll","sourceQueueArns":["a"]}"#.to_owned(),
            format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":[{eleven}]}}"#),
        ] {
            let error = RedriveAllowPolicy::parse(&json).expect_err(&json);
            assert_eq!(error.kind, InvalidParameter, "{json}");
        }
    }

    #[test]
    fn only_named_sources_are_allowed_by_queue() {
        let policy = RedriveAllowPolicy::ByQueue(vec![ARN.to_owned()]);
        assert!(policy.allows(ARN) && !policy.allows("arn:aws:sqs:us-east-1:000000000000:other"));
        assert!(RedriveAllowPolicy::AllowAll.allows(ARN));
        assert!(!RedriveAllowPolicy::DenyAll.allows(ARN));
    }
}
