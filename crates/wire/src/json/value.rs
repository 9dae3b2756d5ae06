//! [`Value`]: JSON text that is read as AWS reads it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

const MAP_FOR_SCALAR: &str = "Start of structure or map found where not expected.";
const LIST_FOR_SCALAR: &str = "Start of list found where not expected";
const LIST_FOR_TEXT_IN_MAP: &str = "Unrecognized collection type class java.lang.String";

/// The text of one value.
///
/// A structure, list or map is split into the texts of its members, whose type is looked at when
/// the input's struct asks for one. So a number keeps its digits as text, the last of two members
/// with the same name wins, and no depth of nesting in members that nobody asks for matters.
#[derive(Clone, Copy)]
pub(super) struct Value<'de> {
    /// Well-formed JSON without surrounding whitespace; only a document's braces are taken on
    /// trust until they are read.
    text: &'de str,
    is_in_map: bool,
    values_left: &'de Cell<usize>,
}

impl<'de> Value<'de> {
    /// A whole body, which must be an object.
    pub(super) fn document(
        text: &'de str,
        values_left: &'de Cell<usize>,
    ) -> Result<Value<'de>, Malformed> {
        let text = text.trim_matches([' ', '\t', '\n', '\r']);
        if text.starts_with('{') {
            return Ok(Value { text, is_in_map: false, values_left });
        }
        serde_json::from_str::<IgnoredAny>(text)?;
        let is_list = text.starts_with('[');
        Err(Malformed::new(if is_list { LIST_FOR_SCALAR } else { "Expected a structure" }))
    }

    fn is_null(self) -> bool {
        self.text == "null"
    }

    /// Numbers and booleans count as their text.
    fn to_text(self) -> Result<Cow<'de, str>, Malformed> {
        match self.text.as_bytes().first() {
            Some(b'"') => Ok(serde_json::from_str::<Text<'de>>(self.text)?.0),
            Some(b'{') => Err(Malformed::new(MAP_FOR_SCALAR)),
            Some(b'[') if self.is_in_map => Err(Malformed::new(LIST_FOR_TEXT_IN_MAP)),
            Some(b'[') => Err(Malformed::new(LIST_FOR_SCALAR)),
            _ if self.is_null() => {
                Err(Malformed::new("NULL_VALUE can not be converted to a String"))
            }
            _ => Ok(Cow::Borrowed(self.text)),
        }
    }

    fn to_integer(self) -> Result<i64, Malformed> {
        let cannot = |kind| Err(Malformed(format!("{kind} can not be converted to an Integer")));
        match self.text.as_bytes().first() {
            Some(b'"') => cannot("STRING_VALUE"),
            Some(b'{') => Err(Malformed::new(MAP_FOR_SCALAR)),
            Some(b'[') => Err(Malformed::new(LIST_FOR_SCALAR)),
            Some(b't') => cannot("TRUE_VALUE"),
            Some(b'f') => cannot("FALSE_VALUE"),
            Some(b'n') => cannot("NULL_VALUE"),
            _ => self.text.parse().or_else(|_| cannot("DECIMAL_VALUE")),
        }
    }

    /// Standard base64 with padding.
    fn to_binary(self) -> Result<Vec<u8>, Malformed> {
        let bytes = BASE64.decode(self.to_text()?.as_bytes());
        bytes.map_err(|_| Malformed::new("A binary value is not base64"))
    }

    fn elements(self) -> Result<Vec<Value<'de>>, Malformed> {
        match self.text.as_bytes().first() {
            Some(b'[') => self.split(Elements(self)),
            Some(b'{') => Err(Malformed::new(MAP_FOR_SCALAR)),
            _ => Err(Malformed::new("Expected a list")),
        }
    }

    /// Hands over each member in the order of the text.
    fn members(self, take: impl FnMut(Cow<'de, str>, Value<'de>)) -> Result<(), Malformed> {
        match self.text.as_bytes().first() {
            Some(b'{') => self.split(Members { of: self, take }),
            Some(b'[') => Err(Malformed::new(LIST_FOR_SCALAR)),
            _ => Err(Malformed::new("Expected a structure or map")),
        }
    }

    fn split<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let mut json = serde_json::Deserializer::from_str(self.text);
        let parts = json.deserialize_any(visitor)?;
        json.end()?;
        Ok(parts)
    }

    /// A part of this value, which counts against the values that the request may have.
    fn part<E: serde::de::Error>(self, raw: &'de RawValue) -> Result<Value<'de>, E> {
        let left = self.values_left.get().checked_sub(1);
        self.values_left.set(left.ok_or_else(|| E::custom("The request has too many values"))?);
        Ok(Value { text: raw.get(), is_in_map: false, ..self })
    }
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Malformed;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        match self.to_text()? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_i64(self.to_integer()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_byte_buf(self.to_binary()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        visitor.visit_seq(SeqDeserializer::new(self.elements()?.into_iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        let mut map = BTreeMap::new();
        self.members(|name, value| {
            map.insert(name, Value { is_in_map: true, ..value });
        })?;
        let present = map.into_iter().filter(|(_, value)| !value.is_null());
        visitor.visit_map(MapDeserializer::new(present))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Malformed> {
        let mut values = vec![None; names.len()];
        self.members(|name, value| {
            if let Some(index) = names.iter().position(|known| *known == name) {
                values[index] = Some(value).filter(|value| !value.is_null());
            }
        })?;
        let present = names.iter().zip(values).filter_map(|(name, value)| Some((*name, value?)));
        visitor.visit_map(MapDeserializer::new(present))
    }

    /// For the types that no input has: as plain JSON.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Malformed> {
        self.split(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 u8 u16 u32 u64 f32 f64 char str bytes unit unit_struct newtype_struct
        tuple tuple_struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Malformed> for Value<'de> {
    type Deserializer = Value<'de>;

    fn into_deserializer(self) -> Value<'de> {
        self
    }
}

/// Text that is borrowed from the body unless it has escapes.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Elements<'de>(Value<'de>);

impl<'de> Visitor<'de> for Elements<'de> {
    type Value = Vec<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Value<'de>>, A::Error> {
        let mut elements = Vec::new();
        while let Some(raw) = list.next_element()? {
            elements.push(self.0.part(raw)?);
        }
        Ok(elements)
    }
}

struct Members<'de, F> {
    of: Value<'de>,
    take: F,
}

impl<'de, F: FnMut(Cow<'de, str>, Value<'de>)> Visitor<'de> for Members<'de, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a structure or map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some((Text(name), raw)) = members.next_entry()? {
            (self.take)(name, self.of.part(raw)?);
        }
        Ok(())
    }
}

/// Why a text is not the expected JSON.
#[derive(Debug)]
pub(super) struct Malformed(String);

impl Malformed {
    fn new(sentence: &str) -> Malformed {
        Malformed(sentence.to_owned())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl serde::de::Error for Malformed {
    fn custom<T: fmt::Display>(sentence: T) -> Malformed {
        Malformed(sentence.to_string())
    }
}

/// Positions are left out: they count from the start of the part, not of the body.
impl From<serde_json::Error> for Malformed {
    fn from(error: serde_json::Error) -> Malformed {
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        if error.is_data() {
            Malformed::new(text)
        } else {
            Malformed(format!("The body is not JSON: {text}"))
        }
    }
}
