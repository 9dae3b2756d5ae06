//! [`SignatureError`]: why nobody knows who sent a request.

use thiserror::Error;

use crate::time::Timestamp;

/// Why a request's signature tells nothing. Its text is what clients of AWS read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The request has no part of a signature: its caller is anonymous.
    #[error("Request is missing Authentication Token")]
    MissingAuthenticationToken,
    /// The signature cannot be read; the text says what is wrong with it.
    #[error("{0}")]
    IncompleteSignature(String),
    /// Nobody has this access key id, or its session token is not the one it was issued with.
    #[error("The security token included in the request is invalid.")]
    InvalidClientTokenId,
    /// The session has ended.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// The signature is of something else, or made with another secret.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    SignatureDoesNotMatch,
    /// The signature is for another day, region or service; the text says which was expected.
    #[error("{0}")]
    OutOfScope(String),
    /// The request was signed too long ago.
    #[error(
        "Signature expired: {} is now earlier than {} ({} - {}.)",
        date.to_basic(),
        now.plus_secs(-lifetime).to_basic(),
        now.to_basic(),
        duration(*lifetime)
    )]
    Expired {
        /// When it was signed.
        date: Timestamp,
        /// The server's time.
        now: Timestamp,
        /// For how many seconds it was good.
        lifetime: i64,
    },
    /// The request is signed for later: one of the two clocks is wrong.
    #[error(
        "Signature not yet current: {} is still later than {} ({} + 15 min.)",
        date.to_basic(),
        now.plus_secs(super::WINDOW_SECONDS).to_basic(),
        now.to_basic()
    )]
    NotYetCurrent {
        /// When it says it was signed.
        date: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
}

impl SignatureError {
    /// The error code of AWS. SQS itself answers a request without credentials, if it is refused at
    /// all, with `AccessDenied`.
    pub fn code(&self) -> &'static str {
        match self {
            SignatureError::MissingAuthenticationToken => "MissingAuthenticationToken",
            SignatureError::IncompleteSignature(_) => "IncompleteSignature",
            SignatureError::InvalidClientTokenId => "InvalidClientTokenId",
            SignatureError::ExpiredToken => "ExpiredToken",
            SignatureError::SignatureDoesNotMatch
            | SignatureError::OutOfScope(_)
            | SignatureError::Expired { .. }
            | SignatureError::NotYetCurrent { .. } => "SignatureDoesNotMatch",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(&self) -> u16 {
        match self {
            SignatureError::IncompleteSignature(_) => 400,
            _ => 403,
        }
    }
}

fn duration(seconds: i64) -> String {
    if seconds % 60 == 0 { format!("{} min", seconds / 60) } else { format!("{seconds} sec") }
}

/// One signature in the header and one in the URL: which of them counts?
pub(super) fn signed_twice() -> SignatureError {
    let message = "Request must be signed either in the Authorization header or in the query-string parameters, not in both.";
    SignatureError::IncompleteSignature(message.to_owned())
}

/// More than one of what there may be one of.
pub(super) fn repeated(what: &str, name: &str) -> SignatureError {
    SignatureError::IncompleteSignature(format!(
        "Request must not have more than one {name} {what}."
    ))
}

/// A date that is not written as signatures write it.
pub(super) fn no_date(text: &str) -> SignatureError {
    SignatureError::IncompleteSignature(format!(
        "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
    ))
}
