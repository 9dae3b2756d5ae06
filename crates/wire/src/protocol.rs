//! [`detect`]: which protocol a request speaks, and which operation it names.

use crate::error::{ErrorKind, WireError};

/// The content type of AWS JSON 1.0, in requests and in answers.
pub const JSON_CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What AWS answers, with status 404, to a GET that names no action.
pub const UNKNOWN_OPERATION_XML: &str = "<UnknownOperationException/>";

/// How a request is written, and how it wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0, which current SDKs speak.
    Json,
}

impl Protocol {
    /// The protocol of a request with these headers, if it is one that this version speaks. A
    /// target alone tells AWS JSON, and so does the content type, with or without parameters.
    pub fn of(content_type: Option<&str>, target: Option<&str>) -> Option<Protocol> {
        let is_json = target.is_some() || media_type(content_type, JSON_CONTENT_TYPE);
        is_json.then_some(Protocol::Json)
    }

    /// The content type of its answers.
    pub fn content_type(self) -> &'static str {
        match self {
            Protocol::Json => JSON_CONTENT_TYPE,
        }
    }
}

/// An action of a service, as the header `X-Amz-Target` names it. Whether the service has such an
/// action is for the server to say.
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

/// The operation of a request, from its method and headers.
pub fn detect<'a>(
    method: &str,
    content_type: Option<&str>,
    target: Option<&'a str>,
) -> Result<Operation<'a>, WireError> {
    let Some(Protocol::Json) = Protocol::of(content_type, target) else {
        return Err(unknown(NO_PROTOCOL));
    };
    if method != "POST" {
        return Err(unknown(format!("AWS JSON 1.0 requests are sent by POST, not by {method}.")));
    }
    target.map_or_else(|| Err(unknown("The request has no X-Amz-Target.")), Operation::parse)
}

const NO_PROTOCOL: &str = "This version speaks AWS JSON 1.0 only: requests need the header X-Amz-Target. The Query protocol is not supported.";

fn media_type(content_type: Option<&str>, wanted: &str) -> bool {
    let media_type = content_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
}

fn unknown(message: impl Into<String>) -> WireError {
    WireError::new(ErrorKind::UnknownOperation, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");
    const JSON: Option<&str> = Some(JSON_CONTENT_TYPE);
    const TARGET: Option<&str> = Some("AmazonSQS.SendMessage");
    const SEND: Operation<'_> = Operation { service: "AmazonSQS", action: "SendMessage" };

    #[test]
    fn the_target_names_service_and_action() {
        assert_eq!(detect("POST", JSON, TARGET), Ok(SEND));
        let advance = Operation { service: "Formiga", action: "AdvanceClock" };
        assert_eq!(detect("POST", JSON, Some("Formiga.AdvanceClock")), Ok(advance));
    }

    #[test]
    fn the_content_type_may_have_parameters_or_be_missing_beside_a_target() {
        let with_charset = Some("Application/X-Amz-Json-1.0 ; charset=utf-8");
        for content_type in [with_charset, Some("application/x-amz-json-1.1"), QUERY, None] {
            assert_eq!(detect("POST", content_type, TARGET), Ok(SEND), "{content_type:?}");
        }
    }

    #[test]
    fn a_request_without_an_operation_is_an_unknown_operation() {
        for target in
            [None, Some(""), Some("SendMessage"), Some(".SendMessage"), Some("AmazonSQS.")]
        {
            let error = detect("POST", JSON, target).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownOperation, "{target:?}");
        }
    }

    #[test]
    fn json_is_sent_by_post() {
        for method in ["GET", "PUT", "DELETE", "OPTIONS", "post", ""] {
            let error = detect(method, JSON, TARGET).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownOperation);
            assert!(error.message.contains("by POST"), "{}", error.message);
        }
    }

    #[test]
    fn a_query_request_is_told_that_only_json_is_spoken() {
        for (method, content_type) in [("POST", QUERY), ("GET", None), ("POST", None)] {
            let error = detect(method, content_type, None).unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownOperation);
            assert!(error.message.contains("AWS JSON 1.0 only"), "{}", error.message);
        }
    }

    #[test]
    fn answers_carry_the_content_type_of_their_protocol() {
        assert_eq!(Protocol::of(JSON, None).map(Protocol::content_type), JSON);
        assert_eq!(Protocol::of(QUERY, None), None);
    }

    #[test]
    fn the_content_type_alone_tells_json_with_or_without_parameters() {
        for content_type in [
            JSON_CONTENT_TYPE,
            "application/x-amz-json-1.0; charset=utf-8",
            "application/x-amz-json-1.0;charset=utf-8",
            "Application/X-Amz-Json-1.0 ; charset=utf-8",
        ] {
            let protocol = Protocol::of(Some(content_type), None);
            assert_eq!(protocol, Some(Protocol::Json), "{content_type}");
        }
        for content_type in ["application/json", "application/x-amz-json-1.1", "text/plain", ""] {
            assert_eq!(Protocol::of(Some(content_type), None), None, "{content_type:?}");
        }
        assert_eq!(Protocol::of(None, None), None);
    }
}
