//! [`Query`]: the parameters of a URL, as they are signed.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::error;
use super::error::SignatureError;

/// Every byte is escaped but letters, digits and these four.
pub(super) const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The parts of a signature that can stand in a URL.
const PARTS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

type Bytes<'a> = Cow<'a, [u8]>;

/// The parameters of a URL, decoded, in the order they came in.
pub(super) struct Query<'a> {
    parameters: Vec<(Bytes<'a>, Bytes<'a>)>,
    well_formed: bool,
}

impl<'a> Query<'a> {
    pub(super) fn parse(query: &'a str) -> Query<'a> {
        let pieces = query.split('&').filter(|piece| !piece.is_empty());
        let pairs = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
        let mut well_formed = true;
        let mut parameters = Vec::new();
        for (name, value) in pairs {
            well_formed &= is_escaped(name) && is_escaped(value);
            parameters.push((decode(name), decode(value)));
        }
        Query { parameters, well_formed }
    }

    /// Whether every percent sign begins an escaped byte.
    pub(super) fn is_well_formed(&self) -> bool {
        self.well_formed
    }

    /// Whether any part of a signature stands here.
    pub(super) fn is_presigned(&self) -> bool {
        let is_part = |name: &[u8]| PARTS.iter().any(|part| part.as_bytes() == name);
        self.parameters.iter().any(|(name, _)| is_part(name))
    }

    /// The only value of a parameter; none if it is absent. A second one is refused.
    pub(super) fn only(&self, name: &str) -> Result<Option<&str>, SignatureError> {
        let named = self.parameters.iter().filter(|(found, _)| **found == *name.as_bytes());
        let mut values = named.map(|(_, value)| value);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                let text = std::str::from_utf8(value);
                text.map(Some).map_err(|_| SignatureError::SignatureDoesNotMatch)
            }
            _ => Err(error::repeated("parameter", name)),
        }
    }

    /// The parameters as they are signed: escaped in one way, sorted, and without the signature.
    pub(super) fn canonical(&self) -> String {
        let escape = |bytes| percent_encode(bytes, ESCAPED).to_string();
        let signed = self.parameters.iter().filter(|(name, _)| **name != *b"X-Amz-Signature");
        let mut pairs: Vec<_> = signed.map(|(name, value)| (escape(name), escape(value))).collect();
        pairs.sort();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}

fn decode(text: &str) -> Bytes<'_> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    Cow::Owned(percent_decode(text.replace('+', " ").as_bytes()).collect())
}

fn is_escaped(text: &str) -> bool {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut sequences = text.split('%').skip(1).map(str::as_bytes);
    sequences.all(|rest| is_digit(rest.first()) && is_digit(rest.get(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_sorted_once_they_are_escaped() {
        for (query, canonical) in [
            ("", ""),
            ("&&", ""),
            ("a", "a="),
            ("=", "="),
            ("a=b=c", "a=b%3Dc"),
            ("a=1+2&a=1%202", "a=1%202&a=1%202"),
            ("b=2&b=10&B=1", "B=1&b=10&b=2"),
            ("a=~&a=%7e&%41=*", "A=%2A&a=~&a=~"),
            ("a=%ff%2f&%C3%A9=x", "%C3%A9=x&a=%FF%2F"),
            ("a-=1&a=2&a%00=3", "a=2&a%00=3&a-=1"),
            ("X-Amz-Signature=1&x-amz-signature=2", "x-amz-signature=2"),
        ] {
            assert_eq!(Query::parse(query).canonical(), canonical, "{query}");
        }
    }

    #[test]
    fn a_percent_sign_begins_two_digits() {
        for query in ["", "%41=%aF", "a=%25%25"] {
            assert!(Query::parse(query).is_well_formed(), "{query}");
        }
        for query in ["%", "a=%4", "a=%4g", "a=%%41", "a=%+1", "%é"] {
            assert!(!Query::parse(query).is_well_formed(), "{query}");
        }
    }
}
