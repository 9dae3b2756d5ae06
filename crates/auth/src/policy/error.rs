//! [`PolicyError`]: why a text is not a policy.

use thiserror::Error;

/// Why a policy is refused. Its text is what clients of AWS read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// A queue's policy says too much; the text says of what.
    #[error("{0}")]
    OverLimit(String),
    /// A queue's policy is none; SQS does not say why.
    #[error("Invalid value for the parameter Policy.")]
    InvalidAttributeValue,
    /// IAM's policy is none; the text says why.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// IAM's policy is too long. AWS words it by what the policy is for.
    #[error("Maximum policy size of {max} bytes exceeded")]
    LimitExceeded {
        /// As many characters are allowed.
        max: usize,
    },
}

impl PolicyError {
    pub(super) fn over_limit(message: &str) -> PolicyError {
        PolicyError::OverLimit(message.to_owned())
    }

    /// The error code of AWS.
    pub fn code(&self) -> &'static str {
        match self {
            PolicyError::OverLimit(_) => "OverLimit",
            PolicyError::InvalidAttributeValue => "InvalidAttributeValue",
            PolicyError::MalformedPolicyDocument(_) => "MalformedPolicyDocument",
            PolicyError::LimitExceeded { .. } => "LimitExceeded",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(&self) -> u16 {
        match self {
            PolicyError::OverLimit(_) => 403,
            PolicyError::LimitExceeded { .. } => 409,
            _ => 400,
        }
    }
}
