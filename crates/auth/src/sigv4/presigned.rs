//! A signature in the URL.

use super::error::{self, SignatureError};
use super::head::Headers;
use super::query::Query;
use super::{ALGORITHM, Date, Parts, WINDOW_SECONDS};
use crate::time::Timestamp;

/// A URL is good for as long as it says, but never for more than 15 minutes: that is what SQS grants.
pub(super) fn parse(headers: &Headers<'_>, query: &Query<'_>) -> Result<Parts, SignatureError> {
    let mut missing = String::new();
    let mut need = |name| {
        let value = query.only(name)?.unwrap_or_default();
        if value.is_empty() {
            missing += &format!("AWS query-string parameters must include '{name}'. ");
        }
        Ok(value.to_owned())
    };
    let algorithm = need("X-Amz-Algorithm")?;
    let credential = need("X-Amz-Credential")?;
    let signature = need("X-Amz-Signature")?;
    let signed_headers = need("X-Amz-SignedHeaders")?;
    let text = need("X-Amz-Date")?;
    if !missing.is_empty() {
        return Err(incomplete(&missing));
    }
    if algorithm != ALGORITHM {
        return Err(incomplete("X-Amz-Algorithm must be 'AWS4-HMAC-SHA256'. "));
    }
    let time = Timestamp::parse_basic(&text).ok_or_else(|| error::no_date(&text))?;
    Ok(Parts {
        credential,
        signed_headers,
        signature,
        date: Date { text, time, header: None },
        lifetime: lifetime(query.only("X-Amz-Expires")?)?.min(WINDOW_SECONDS),
        presigned: true,
        security_token: security_token(headers, query)?,
    })
}

fn incomplete(what: &str) -> SignatureError {
    SignatureError::IncompleteSignature(format!("{what}Re-examine the query-string parameters."))
}

/// The longest that signers can ask for is a week.
const EXPIRES_SECONDS_MAX: i64 = 7 * 24 * 3600;

fn lifetime(expires: Option<&str>) -> Result<i64, SignatureError> {
    let Some(expires) = expires else { return Ok(WINDOW_SECONDS) };
    let is_number = !expires.is_empty() && expires.bytes().all(|byte| byte.is_ascii_digit());
    match expires.parse::<i64>() {
        _ if !is_number => Err(incomplete("X-Amz-Expires should be a number. ")),
        Ok(seconds) if seconds <= EXPIRES_SECONDS_MAX => Ok(seconds),
        _ => Err(incomplete("X-Amz-Expires must be less than a week (in seconds). ")),
    }
}

/// The token stands in the URL or in a header, which then has to be signed; not in both.
fn security_token(
    headers: &Headers<'_>,
    query: &Query<'_>,
) -> Result<Option<String>, SignatureError> {
    let name = "X-Amz-Security-Token";
    match (headers.only("x-amz-security-token")?, query.only(name)?) {
        (Some(_), Some(_)) => Err(error::repeated("parameter or header", name)),
        (header, parameter) => Ok(parameter.or(header).map(str::to_owned)),
    }
}
