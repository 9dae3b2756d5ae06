//! [`ApiError`]: a cause, ready for wire to encode.

use std::fmt::Display;

use formiga_engine::attributes::AttributeError;
use formiga_engine::message::AttributeRefusal;
use formiga_wire::error::{ErrorKind, WireError};

use crate::queues::Unanswered;

/// What an action answers instead of its output.
pub(crate) type ApiError = WireError;

/// A parameter is missing.
pub(crate) fn missing(parameter: impl Display) -> ApiError {
    let message = format!("The request must contain the parameter {parameter}.");
    ApiError::new(ErrorKind::MissingParameter, message)
}

/// A parameter has a value that SQS does not take.
pub(crate) fn invalid(parameter: &str, value: impl Display, reason: impl Display) -> ApiError {
    let message = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
    ApiError::new(ErrorKind::InvalidParameterValue, message)
}

/// An attribute of a queue was not accepted.
pub(crate) fn attribute(error: AttributeError) -> ApiError {
    match error {
        AttributeError::UnknownName { message } => {
            ApiError::new(ErrorKind::InvalidAttributeName, message)
        }
        AttributeError::InvalidValue { name } => ApiError::new(
            ErrorKind::InvalidAttributeValue,
            format!("Invalid value for the parameter {name}."),
        ),
    }
}

/// A message attribute was not accepted.
pub(crate) fn message_attribute(refusal: &AttributeRefusal) -> ApiError {
    let kind = match refusal {
        AttributeRefusal::ListValues => ErrorKind::UnsupportedOperation,
        _ => ErrorKind::InvalidParameterValue,
    };
    ApiError::new(kind, refusal.to_string())
}

/// The server stops.
pub(crate) fn stopping() -> ApiError {
    let message = "The service is stopping. Nothing was changed; please try again.";
    ApiError::new(ErrorKind::ServiceUnavailable, message)
}

/// A queue could not answer. The detail stays in the log; what the caller gets is safe to retry.
pub(crate) fn unanswered(cause: &Unanswered, request_id: uuid::Uuid) -> ApiError {
    match cause {
        Unanswered::QueueDeleted => crate::context::queue_does_not_exist(),
        Unanswered::Unavailable(_) => {
            tracing::warn!(%request_id, %cause, "a request was refused");
            ApiError::new(
                ErrorKind::ServiceUnavailable,
                "The service cannot take the request right now. Nothing was changed; please try again.",
            )
        }
        Unanswered::Unknown(_) => {
            tracing::error!(%request_id, %cause, "a request failed");
            ApiError::new(
                ErrorKind::InternalFailure,
                "The request failed because of a fault in the service. Please try again.",
            )
        }
    }
}
