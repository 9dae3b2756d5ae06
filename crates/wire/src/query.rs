//! The Query protocol's requests: form parameters, from a body or from a URL.
//!
//! `Attribute.2.Name=VisibilityTimeout` is a path: the member `Attributes`, its second element, and
//! of that the name. Each struct's [`QueryForm`] tells what its lists and maps are called.

mod node;

use std::borrow::Cow;
use std::cmp::Ordering;

use percent_encoding::percent_decode;
use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, WireError};
use crate::form::QueryForm;
use node::Node;

/// How many parameters one request may have. The fullest batch that SQS accepts has a few hundred;
/// without a bound, a body of a few bytes per parameter would take many times its size in memory.
const PARAMETERS_MAX: usize = 10_000;

/// How many bytes and segments the name of a parameter may have. Names are sorted segment by
/// segment, which takes long where there are very many. The longest of the API have ten, in the
/// form of generic clients: a value of a list of a message attribute of an entry of a batch.
const NAME_BYTES_MAX: usize = 256;
const SEGMENTS_MAX: usize = 10;

/// The parameters of one request.
///
/// They are ordered by their paths, numbers by their value, so what belongs to one element lies
/// together. Parameters with equal names keep their order.
#[derive(Clone, Debug, Default)]
pub struct Parameters<'a>(Vec<Parameter<'a>>);

#[derive(Clone, Debug)]
struct Parameter<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
}

impl<'a> Parameters<'a> {
    /// Reads `name=value&name=value` from each of `sources`. Of two parameters with the same name
    /// the last one counts, so a later source wins over an earlier one.
    ///
    /// Both `+` and `%20` mean a space. What is not UTF-8 is refused, since a message must arrive
    /// as it was sent or not at all.
    pub fn parse(sources: &[&'a [u8]]) -> Result<Parameters<'a>, WireError> {
        let pieces = sources.iter().flat_map(|source| source.split(|byte| *byte == b'&'));
        let mut parameters = Vec::new();
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            if parameters.len() == PARAMETERS_MAX {
                return Err(malformed("The request has too many parameters"));
            }
            let end = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            let value = piece.get(end + 1..).unwrap_or_default();
            let name = unescape(&piece[..end])?;
            // An escaped dot separates segments as well, so it counts only now.
            if !is_short(&name) {
                return Err(malformed("The name of a parameter is too long"));
            }
            parameters.push(Parameter { name, value: unescape(value)? });
        }
        parameters.sort_by(|a, b| by_path(&a.name, &b.name));
        Ok(Parameters(parameters))
    }

    /// The action that is asked for.
    pub fn action(&self) -> Result<&str, WireError> {
        let action = self.get("Action").filter(|action| !action.is_empty());
        let message = "The request must contain the parameter Action.";
        action.ok_or_else(|| WireError::new(ErrorKind::MissingParameter, message))
    }

    /// The same parameters, which outlive what they were read from.
    pub fn into_owned(self) -> Parameters<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let parameters = self.0.into_iter();
        let parameters = parameters
            .map(|Parameter { name, value }| Parameter { name: owned(name), value: owned(value) });
        Parameters(parameters.collect())
    }

    /// How many bytes all names and values have.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(|parameter| parameter.name.len() + parameter.value.len()).sum()
    }

    /// The value of the parameter with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let last = self.0.iter().rfind(|parameter| parameter.name == name);
        last.map(|parameter| &*parameter.value)
    }

    /// Adds a parameter, unless the request has it.
    pub fn or_insert(&mut self, name: &'static str, value: &'a str) {
        if self.get(name).is_none() {
            let at = self.0.partition_point(|other| by_path(&other.name, name).is_lt());
            self.0.insert(at, Parameter { name: name.into(), value: value.into() });
        }
    }
}

/// Decodes an action's input.
///
/// Unknown parameters are ignored. Lists and maps may be numbered from any number on and with gaps,
/// the single element may go without a number (`AttributeName=All`), and the forms of generic Query
/// clients are taken too: `AttributeNames.member.1`, `Attributes.entry.1.key`. A list or map that
/// is named with an empty text is empty, which is how SDKs write it.
pub fn decode<T: DeserializeOwned + QueryForm>(
    parameters: &Parameters<'_>,
) -> Result<T, WireError> {
    T::deserialize(Node::root(&parameters.0, T::MEMBERS)).map_err(node::Refusal::into_wire_error)
}

/// Whether a name is no longer than any of the API.
fn is_short(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && name.split('.').count() <= SEGMENTS_MAX
}

fn unescape(bytes: &[u8]) -> Result<Cow<'_, str>, WireError> {
    let not_utf8 = |error| malformed(format!("The parameters are not UTF-8: {error}"));
    if !bytes.contains(&b'+') {
        return percent_decode(bytes).decode_utf8().map_err(not_utf8);
    }
    let spaced: Vec<u8> =
        bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text = percent_decode(&spaced).decode_utf8().map_err(not_utf8)?;
    Ok(Cow::Owned(text.into_owned()))
}

/// Path by path: `A` comes before `A.2`, and `A.2` before `A.10` and `A.x`.
fn by_path(a: &str, b: &str) -> Ordering {
    let key = |segment| match is_number(segment) {
        // Without leading zeros, the longer number is the larger one.
        true => (0, segment.len(), segment),
        false => (1, 0, segment),
    };
    a.split('.').map(key).cmp(b.split('.').map(key))
}

/// Whether a part of a path numbers an element: decimal, without leading zeros.
fn is_number(segment: &str) -> bool {
    let canonical = segment == "0" || !segment.starts_with('0');
    canonical && !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

fn malformed(sentence: impl Into<String>) -> WireError {
    WireError::new(ErrorKind::MalformedInput, sentence)
}

#[cfg(test)]
mod tests;
