//! Which protocol a request speaks, and which action it names.

use crate::error::{ErrorKind, WireError};

/// The content type of AWS JSON 1.0, in requests and in answers.
pub const JSON_CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What AWS answers, with status 404, to a GET that names no action.
pub const UNKNOWN_OPERATION_XML: &str = "<UnknownOperationException/>";

/// An action of a service, as the header `X-Amz-Target` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// The service, such as `AmazonSQS`.
    pub service: &'a str,
    /// The action, such as `SendMessage`.
    pub action: &'a str,
}

impl<'a> Operation<'a> {
    /// Reads a target such as `AmazonSQS.SendMessage`.
    pub fn parse(target: &'a str) -> Result<Operation<'a>, WireError> {
        match target.split_once('.') {
            Some((service, action)) if !service.is_empty() && !action.is_empty() => {
                Ok(Operation { service, action })
            }
            _ => Err(unknown(format!("The target {target:?} names no operation."))),
        }
    }
}

/// The operation of a request, from its method and headers. AWS JSON 1.0 is recognized by its
/// content type, or by a target alone.
pub fn detect<'a>(
    method: &str,
    content_type: Option<&str>,
    target: Option<&'a str>,
) -> Result<Operation<'a>, WireError> {
    let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
    let json =
        media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(JSON_CONTENT_TYPE));
    match target {
        Some(target) if method == "POST" => Operation::parse(target),
        None if json && method == "POST" => {
            Err(unknown("The request names no operation.".to_owned()))
        }
        None if !json => Err(unknown(
            "This version of Formiga speaks AWS JSON 1.0 only; the Query protocol is not supported."
                .to_owned(),
        )),
        _ => Err(unknown(format!("AWS JSON 1.0 requests are sent by POST, not by {method}."))),
    }
}

fn unknown(message: String) -> WireError {
    WireError::new(ErrorKind::UnknownOperation, message)
}
