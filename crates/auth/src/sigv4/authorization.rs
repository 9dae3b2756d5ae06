//! A signature in the `Authorization` header.

use super::error::{self, SignatureError};
use super::head::Headers;
use super::{ALGORITHM, Date, Parts, WINDOW_SECONDS};
use crate::time::Timestamp;

/// How much of a header is shown to who sent it.
const ECHOED_CHARACTERS_MAX: usize = 1024;

pub(super) fn parse(headers: &Headers<'_>) -> Result<Parts, SignatureError> {
    let value = headers.only("authorization")?.unwrap_or_default();
    let (algorithm, rest) = value.split_once([' ', '\t']).unwrap_or((value, ""));
    if algorithm != ALGORITHM {
        let message = "Authorization header requires 'AWS4-HMAC-SHA256' as its algorithm.";
        return Err(SignatureError::IncompleteSignature(message.to_owned()));
    }
    let [credential, signature, signed_headers] = parameters(value, rest)?;
    Ok(Parts {
        credential,
        signed_headers,
        signature,
        date: date(headers)?,
        lifetime: WINDOW_SECONDS,
        presigned: false,
        security_token: headers.only("x-amz-security-token")?.map(str::to_owned),
    })
}

/// In the order in which AWS asks for them.
const NAMES: [&str; 3] = ["Credential", "Signature", "SignedHeaders"];

/// The parts of the header in the order of [`NAMES`].
fn parameters(value: &str, rest: &str) -> Result<[String; 3], SignatureError> {
    let mut found = [const { None }; NAMES.len()];
    for piece in rest.split(',').map(|piece| piece.trim_matches([' ', '\t'])) {
        let (name, text) = piece.split_once('=').unwrap_or((piece, ""));
        let Some(index) = NAMES.iter().position(|known| *known == name) else {
            if piece.is_empty() {
                continue;
            }
            return Err(incomplete("Authorization header has an unknown parameter. ", value));
        };
        if found[index].replace(text.to_owned()).is_some() {
            return Err(error::repeated("parameter", name));
        }
    }
    let missing = |(name, text): (&&str, &Option<String>)| {
        let is_missing = text.as_deref().unwrap_or_default().is_empty();
        is_missing.then(|| format!("Authorization header requires '{name}' parameter. "))
    };
    let missing: String = NAMES.iter().zip(&found).filter_map(missing).collect();
    if missing.is_empty() {
        Ok(found.map(Option::unwrap_or_default))
    } else {
        Err(incomplete(&missing, value))
    }
}

fn incomplete(what: &str, value: &str) -> SignatureError {
    let echo: String = value.chars().take(ECHOED_CHARACTERS_MAX).collect();
    let echo = without_signatures(&echo);
    SignatureError::IncompleteSignature(format!("{what}Authorization={echo}"))
}

/// Errors are copied into logs and reports of faults, where a signature is still good for minutes.
fn without_signatures(text: &str) -> String {
    let mut rest = text;
    let mut shown = String::new();
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(from.len());
        let (run, behind) = from.split_at(end);
        shown += before;
        shown += if run.len() < HIDDEN_DIGITS_MIN { run } else { "..." };
        rest = behind;
    }
    shown + rest
}

/// No other part of the header has so many hexadecimal digits in a row.
const HIDDEN_DIGITS_MIN: usize = 32;

/// `X-Amz-Date` if there is one, else `Date`.
fn date(headers: &Headers<'_>) -> Result<Date, SignatureError> {
    if let Some(text) = headers.only("x-amz-date")? {
        let time = Timestamp::parse_basic(text).ok_or_else(|| error::no_date(text))?;
        return Ok(Date { text: text.to_owned(), time, header: Some("x-amz-date") });
    }
    let Some(text) = headers.only("date")? else {
        let message =
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
        let value = headers.only("authorization")?.unwrap_or_default();
        return Err(incomplete(message, value));
    };
    let time = Timestamp::parse_http_date(text).or_else(|| Timestamp::parse_basic(text));
    let time = time.ok_or_else(|| error::no_date(text))?;
    Ok(Date { text: time.to_basic(), time, header: Some("date") })
}
