//! [`ApiError`]: a cause, ready for wire to encode.

use std::fmt::Display;

use formiga_auth::policy::PolicyError;
use formiga_auth::sigv4::SignatureError;
use formiga_engine::attributes::{AttributeError, AttributeErrorKind};
use formiga_engine::catalog::CatalogRefusal;
use formiga_engine::message::AttributeRefusal;
use formiga_engine::names::QueueName;
use formiga_wire::error::{ErrorKind, WireError, quoted};

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
    let value = value.to_string();
    let value = quoted(&value);
    let message = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
    ApiError::new(ErrorKind::InvalidParameterValue, message)
}

/// There is no attribute of this name.
pub(crate) fn unknown_attribute(name: &str) -> ApiError {
    let message = format!("Unknown Attribute {}.", quoted(name));
    ApiError::new(ErrorKind::InvalidAttributeName, message)
}

/// An attribute of a queue was not accepted.
pub(crate) fn attribute(error: AttributeError) -> ApiError {
    let kind = match error.kind {
        AttributeErrorKind::InvalidName => ErrorKind::InvalidAttributeName,
        AttributeErrorKind::InvalidValue => ErrorKind::InvalidAttributeValue,
        AttributeErrorKind::InvalidParameter => ErrorKind::InvalidParameterValue,
        AttributeErrorKind::OverLimit => ErrorKind::OverLimit,
    };
    ApiError::new(kind, error.message)
}

/// The queue called `name` was not created or changed.
pub(crate) fn catalog(refusal: CatalogRefusal, name: &QueueName) -> ApiError {
    match refusal {
        CatalogRefusal::Attribute(error) => attribute(error),
        CatalogRefusal::Tag(refusal) => {
            ApiError::new(ErrorKind::InvalidParameterValue, refusal.to_string())
        }
        CatalogRefusal::AlreadyExists { attribute } => {
            let attribute = attribute.as_str();
            let message = format!(
                "A queue already exists with the same name and a different value for attribute {attribute}"
            );
            ApiError::new(ErrorKind::QueueNameExists, message)
        }
        CatalogRefusal::DeletedRecently => ApiError::new(
            ErrorKind::QueueDeletedRecently,
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        ),
        CatalogRefusal::PurgeInProgress => ApiError::new(
            ErrorKind::PurgeQueueInProgress,
            format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds."),
        ),
        CatalogRefusal::DoesNotExist => crate::context::queue_does_not_exist(),
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

/// A signature was not accepted. That a request has none at all is no fault of it.
pub(crate) fn signature(refusal: &SignatureError) -> ApiError {
    let kind = match refusal {
        SignatureError::MissingAuthenticationToken => ErrorKind::AccessDenied,
        SignatureError::IncompleteSignature(_) => ErrorKind::IncompleteSignature,
        SignatureError::InvalidClientTokenId => ErrorKind::InvalidClientTokenId,
        SignatureError::ExpiredToken => ErrorKind::ExpiredToken,
        SignatureError::SignatureDoesNotMatch
        | SignatureError::OutOfScope(_)
        | SignatureError::Expired { .. }
        | SignatureError::NotYetCurrent { .. } => ErrorKind::SignatureDoesNotMatch,
    };
    ApiError::new(kind, refusal.to_string())
}

/// A queue's policy was not accepted.
pub(crate) fn policy(refusal: &PolicyError) -> ApiError {
    let kind = match refusal {
        PolicyError::OverLimit(_) => ErrorKind::OverLimit,
        _ => ErrorKind::InvalidAttributeValue,
    };
    ApiError::new(kind, refusal.to_string())
}

/// The body is compressed, which no SDK does with SQS.
pub(crate) fn encoded() -> ApiError {
    let message = "Requests with a Content-Encoding are not supported; send the body as it is.";
    ApiError::new(ErrorKind::MalformedInput, message)
}

/// Other answers wait for their clients to take them.
pub(crate) fn too_much_untaken() -> ApiError {
    let message = "Too many large answers wait to be taken. Please try again.";
    ApiError::new(ErrorKind::ServiceUnavailable, message)
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
        Unanswered::DiskFull(why) => {
            tracing::warn!(%request_id, %cause, "a send was refused");
            ApiError::new(
                ErrorKind::ServiceUnavailable,
                format!(
                    "No messages are taken until there is room for them: {why}. Nothing was changed; receiving and deleting \
                     messages works."
                ),
            )
        }
        Unanswered::Kms(refusal) => {
            tracing::warn!(%request_id, %cause, "a queue's KMS key could not be used");
            ApiError::new(refusal.kind, refusal.message.clone())
        }
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

/// A service that answers nobody who is unknown was called without a signature.
pub(crate) fn unsigned() -> ApiError {
    let refusal = SignatureError::MissingAuthenticationToken;
    ApiError::new(ErrorKind::MissingAuthenticationToken, refusal.to_string())
}

/// Users, roles and sessions mean nothing where nobody is checked.
pub(crate) fn nobody_is_checked() -> ApiError {
    let message = "This server does not check who calls (--auth off), so it has no users, roles or sessions; start it \
                   with --auth required.";
    ApiError::new(ErrorKind::AccessDenied, message)
}

/// What belongs to a session does not do this.
pub(crate) fn invalid_token() -> ApiError {
    signature(&SignatureError::InvalidClientTokenId)
}
