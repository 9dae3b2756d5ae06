//! The AWS JSON 1.0 codec.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{ErrorKind, WireError};

/// Decodes an action's input. Unknown members are ignored, `null` means absent, and an empty body
/// counts as `{}`.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let start = body.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    // serde would take a list for a structure, element by element.
    if start == Some(b'[') {
        return Err(malformed("Start of list found where not expected"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let sentence =
            text.rsplit_once(" at line ").map_or(text.as_str(), |(sentence, _)| sentence);
        malformed(sentence)
    })
}

/// Encodes an action's output.
pub fn encode<T: Serialize>(output: &T) -> Vec<u8> {
    serde_json::to_vec(output).expect("outputs have string keys and no failing parts")
}

/// Encodes an error's body.
pub fn encode_error(error: &WireError) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        __type: &'a str,
        message: &'a str,
    }
    encode(&Body { __type: error.kind.json_type(), message: &error.message })
}

fn malformed(sentence: &str) -> WireError {
    WireError::new(ErrorKind::MalformedInput, sentence)
}
