//! [`Scope`]: with which key a request is signed, and for what.

use super::error::SignatureError;
use super::{Date, Rules};

/// The five parts of a `Credential`.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    terminator: String,
}

const ACCESS_KEY_ID_BYTES_MAX: usize = 128;
const REGION_BYTES_MAX: usize = 64;
const TERMINATOR: &str = "aws4_request";

impl Scope {
    /// Takes a credential apart. The access key id may contain slashes, the rest may not.
    pub(super) fn parse(credential: &str) -> Result<Scope, SignatureError> {
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let (terminator, service, region, date) = (part(), part(), part(), part());
        let (Some(terminator), Some(service), Some(region), Some(date), Some(access_key_id)) =
            (terminator, service, region, date, part())
        else {
            return Err(SignatureError::IncompleteSignature(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        let is_visible = access_key_id.bytes().all(|byte| byte.is_ascii_graphic());
        if access_key_id.len() > ACCESS_KEY_ID_BYTES_MAX || !is_visible {
            return Err(SignatureError::InvalidClientTokenId);
        }
        Ok(Scope { access_key_id, date, region, service, terminator })
    }

    /// Refuses what is for others. As on AWS, all that is wrong is said at once.
    pub(super) fn check(&self, rules: &Rules<'_>, date: &Date) -> Result<(), SignatureError> {
        let mut message = String::new();
        if !is_region(&self.region) || rules.region.is_some_and(|region| region != self.region) {
            message += "Credential should be scoped to a valid region. ";
        }
        if !rules.services.contains(&self.service.as_str()) {
            let expected = rules.services.first().unwrap_or(&"");
            message += &format!("Credential should be scoped to correct service: '{expected}'. ");
        }
        if self.terminator != TERMINATOR {
            let terminator = &self.terminator;
            message += &format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. "
            );
        }
        let signed = date.time.to_basic();
        let day = &signed[..8];
        if self.date != day {
            let (scoped, text) = (&self.date, &date.text);
            message += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scoped}' != '{day}', from '{text}'."
            );
        }
        if message.is_empty() { Ok(()) } else { Err(SignatureError::OutOfScope(message)) }
    }

    /// The scope as it is signed.
    pub(super) fn text(&self) -> String {
        let Scope { date, region, service, terminator, .. } = self;
        format!("{date}/{region}/{service}/{terminator}")
    }
}

fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= REGION_BYTES_MAX && text.bytes().all(allowed)
}
