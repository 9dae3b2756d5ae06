//! [`CliError`]: why a command failed, in one sentence, with what to do about it.

use std::error::Error;
use std::io;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use serde_json::{Value, json};

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct CliError {
    /// The error code of SQS, or one of this client's own.
    pub(crate) code: String,
    /// What is wrong, in a sentence.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// The queue that it is about, where a command names several.
    pub(crate) queue: Option<String>,
}

/// The command line asks for what cannot be.
const USAGE: &str = "Usage";
/// Nobody reads standard output any more.
const OUTPUT_CLOSED: &str = "OutputClosed";
/// Part of what was asked for failed, and was told already.
const INCOMPLETE: &str = "Incomplete";
/// No answer, because nothing could be asked.
const CONNECTION_FAILED: &str = "ConnectionFailed";

/// An answer leaves out an entry of its request.
pub(crate) const NOT_ANSWERED: &str = "NotAnswered";

impl CliError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> CliError {
        CliError { code: code.to_owned(), message: message.into(), hint: None, queue: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> CliError {
        CliError::new(USAGE, message)
    }

    pub(crate) fn incomplete(message: impl Into<String>) -> CliError {
        CliError::new(INCOMPLETE, message)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn about(mut self, queue: &str) -> CliError {
        self.queue = Some(queue.to_owned());
        self
    }

    /// Tells which endpoint could not be reached, if that is what failed.
    pub(crate) fn at(mut self, place: &str) -> CliError {
        if self.code == CONNECTION_FAILED {
            self.message = format!("cannot reach {place}: {}", self.message);
        }
        self
    }

    pub(crate) fn exit_code(&self) -> u8 {
        if self.code == USAGE { 2 } else { 1 }
    }

    /// Whether there is nobody to tell: the reader of our output has gone.
    pub(crate) fn is_silent(&self) -> bool {
        self.code == OUTPUT_CLOSED
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        for (name, value) in [("hint", &self.hint), ("queue", &self.queue)] {
            if let Some(value) = value {
                error[name] = json!(value);
            }
        }
        json!({ "error": error })
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::new(OUTPUT_CLOSED, "nobody reads the output"),
            _ => CliError::new("InputOutput", error.to_string()),
        }
    }
}

impl<E, R> From<SdkError<E, R>> for CliError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> CliError {
        match &error {
            SdkError::ServiceError(answer) => of_service(answer.err()),
            SdkError::ResponseError(_) => CliError::new("InvalidResponse", root(&error))
                .with_hint("does an SQS endpoint listen at that address?"),
            SdkError::TimeoutError(_) => {
                CliError::new("Timeout", "the endpoint did not answer in time")
            }
            SdkError::DispatchFailure(_) => of_dispatch(&error),
            _ => CliError::new("InvalidRequest", root(&error)),
        }
    }
}

fn of_service(error: &impl ProvideErrorMetadata) -> CliError {
    let code = code_of(error.code().unwrap_or("UnknownError"));
    let message = error.message().unwrap_or("the endpoint gave no reason");
    let told = CliError::new(code, message);
    match code {
        "QueueDoesNotExist" => told.with_hint(
            "queues of other accounts and regions are not seen; `formiga queue ls` lists those that are",
        ),
        "UnknownError" => told.with_hint("does an SQS endpoint listen at that address?"),
        "InvalidAction" | "UnknownOperationException" => {
            told.with_hint("this server does not have the action yet")
        }
        _ => told,
    }
}

/// The code as the SQS guide names it. For old clients SQS answers the codes of its older protocol.
pub(crate) fn code_of(code: &str) -> &str {
    match code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code) {
        "NonExistentQueue" => "QueueDoesNotExist",
        code => code,
    }
}

fn of_dispatch(error: &(dyn Error + 'static)) -> CliError {
    let failed = CliError::new(CONNECTION_FAILED, root(error));
    let kind =
        causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => {
            failed.with_hint("is the server running? Start it with `formiga`")
        }
        _ if is_about_certificates(error) => failed.with_hint(
            "does the endpoint's certificate name it? Its authority is trusted with --ca-bundle or AWS_CA_BUNDLE",
        ),
        _ => failed.with_hint("is the endpoint right? See `formiga queue --help`"),
    }
}

/// Whether the server's certificate was not accepted.
fn is_about_certificates(error: &(dyn Error + 'static)) -> bool {
    let is_certificate = |cause: &(dyn Error + 'static)| {
        matches!(cause.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
    };
    // An I/O error does not tell what is in it as its source, and may be in another one.
    let in_io = |cause: &(dyn Error + 'static)| {
        let mut inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        while let Some(outer) = inner.and_then(|inner| inner.downcast_ref::<io::Error>()) {
            inner = outer.get_ref();
        }
        inner.is_some_and(|inner| is_certificate(inner))
    };
    causes(error).any(|cause| is_certificate(cause) || in_io(cause))
}

/// The innermost cause: the outer ones only say that something failed.
pub(crate) fn root(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_the_older_protocol_get_the_name_of_the_guide() {
        assert_eq!(code_of("AWS.SimpleQueueService.NonExistentQueue"), "QueueDoesNotExist");
        assert_eq!(code_of("AWS.SimpleQueueService.PurgeQueueInProgress"), "PurgeQueueInProgress");
        assert_eq!(code_of("InvalidParameterValue"), "InvalidParameterValue");
    }

    #[test]
    fn an_error_as_json_leaves_out_what_it_has_not() {
        let error = CliError::new("A", "b");
        assert_eq!(error.to_json(), json!({ "error": { "code": "A", "message": "b" } }));
        let error = error.with_hint("c").about("q").to_json();
        assert_eq!((&error["error"]["hint"], &error["error"]["queue"]), (&json!("c"), &json!("q")));
    }

    #[test]
    fn a_certificate_that_is_not_trusted_is_found_in_what_wraps_it() {
        let untrusted =
            || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let of_tls = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        assert!(is_about_certificates(&untrusted()));
        assert!(is_about_certificates(&io::Error::other(of_tls(untrusted()))));
        assert!(!is_about_certificates(&of_tls(rustls::Error::HandshakeNotComplete)));
        assert!(!is_about_certificates(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }

    #[test]
    fn wrong_usage_exits_with_2_and_failure_with_1() {
        assert_eq!(CliError::usage("no").exit_code(), 2);
        assert_eq!(CliError::new("QueueDoesNotExist", "no").exit_code(), 1);
    }
}
