//! Scalars as AWS reads them: kinder than JSON's types, with AWS's sentences for what it refuses.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, Serializer};

const MAP_FOR_SCALAR: &str = "Start of structure or map found where not expected.";
const LIST_FOR_SCALAR: &str = "Start of list found where not expected";

/// Text; numbers and booleans become their text.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_any(TextVisitor { list_error: LIST_FOR_SCALAR }).map(Text)
    }
}

/// Text in a map, where AWS words the refusal of a list differently.
struct MapText(String);

impl<'de> Deserialize<'de> for MapText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<MapText, D::Error> {
        let list_error = "Unrecognized collection type class java.lang.String";
        deserializer.deserialize_any(TextVisitor { list_error }).map(MapText)
    }
}

struct TextVisitor {
    list_error: &'static str,
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<String, E> {
        Ok(text)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(Error::custom(MAP_FOR_SCALAR))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(Error::custom(self.list_error))
    }
}

struct Integer(i64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Integer, D::Error> {
        deserializer.deserialize_any(IntegerVisitor).map(Integer)
    }
}

struct IntegerVisitor;

impl<'de> Visitor<'de> for IntegerVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
        i64::try_from(value).map_err(|_| Error::custom("The number is out of range."))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<i64, E> {
        Err(Error::custom("DECIMAL_VALUE can not be converted to an Integer"))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<i64, E> {
        Err(Error::custom("STRING_VALUE can not be converted to an Integer"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<i64, E> {
        let value = if value { "TRUE_VALUE" } else { "FALSE_VALUE" };
        Err(Error::custom(format!("{value} can not be converted to an Integer")))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<i64, A::Error> {
        Err(Error::custom(MAP_FOR_SCALAR))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<i64, A::Error> {
        Err(Error::custom(LIST_FOR_SCALAR))
    }
}

pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(text)| text))
}

pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(Option::<Integer>::deserialize(deserializer)?.map(|Integer(value)| value))
}

pub(crate) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let texts = Option::<Vec<Text>>::deserialize(deserializer)?;
    Ok(texts.map(|texts| texts.into_iter().map(|Text(text)| text).collect()))
}

/// A map of texts. A null value means that the member is absent.
pub(crate) fn text_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let map = Option::<BTreeMap<String, Option<MapText>>>::deserialize(deserializer)?;
    let present = |(name, value): (String, Option<MapText>)| Some((name, value?.0));
    Ok(map.map(|map| map.into_iter().filter_map(present).collect()))
}

/// Standard base64 with padding.
pub(crate) fn binary<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    text(deserializer)?.map(decode_base64).transpose()
}

pub(crate) fn binaries<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Vec<u8>>>, D::Error> {
    texts(deserializer)?.map(|texts| texts.into_iter().map(decode_base64).collect()).transpose()
}

fn decode_base64<E: Error>(text: String) -> Result<Vec<u8>, E> {
    let invalid = |_| Error::custom("A binary value is not base64.");
    STANDARD.decode(text).map_err(invalid)
}

pub(crate) fn write_binary<S: Serializer>(
    bytes: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes.as_deref().unwrap_or_default()))
}

pub(crate) fn write_binaries<S: Serializer>(
    binaries: &Option<Vec<Vec<u8>>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for bytes in binaries.iter().flatten() {
        list.serialize_element(&STANDARD.encode(bytes))?;
    }
    list.end()
}
