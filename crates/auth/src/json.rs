//! [`Json`]: a document in which no name stands twice and nothing lies deep.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A JSON value. Numbers and booleans are their text, since that is how policies compare them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Scalar(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

/// "Parse limits for safety": policies need six levels.
const DEPTH_MAX: usize = 8;

impl Json {
    /// Reads one value and nothing behind it. Of two members with one name, two readers could take
    /// different ones, so such a document is none.
    pub(crate) fn parse(text: &str) -> Option<Json> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = Seed { depth: 0 }.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(value)
    }
}

struct Seed {
    depth: usize,
}

impl Seed {
    fn inside<E: Error>(&self) -> Result<Seed, E> {
        let depth = self.depth + 1;
        if depth > DEPTH_MAX { Err(E::custom("too deep")) } else { Ok(Seed { depth }) }
    }
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Scalar(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(self.inside()?)? {
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(self.inside()?)?;
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_booleans_are_their_text() {
        let scalar = |text: &str| Some(Json::Scalar(text.to_owned()));
        for (json, text) in [("5", "5"), ("-5", "-5"), ("true", "true"), ("0.25", "0.25")] {
            assert_eq!(Json::parse(json), scalar(text));
        }
        assert_eq!(Json::parse("\"true\""), Some(Json::Text("true".to_owned())));
    }

    #[test]
    fn a_name_stands_once() {
        assert!(Json::parse(r#"{"a":1,"A":1}"#).is_some());
        assert_eq!(Json::parse(r#"{"a":1,"\u0061":1}"#), None);
        assert_eq!(Json::parse(r#"[{"b":{"a":1,"a":1}}]"#), None);
    }

    #[test]
    fn a_document_is_one_shallow_value() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Json::parse(&nested(DEPTH_MAX)).is_some());
        assert_eq!(Json::parse(&nested(DEPTH_MAX + 1)), None);
        for json in
            ["", "{}{}", "{} x", "{'a':1}", "{\"a\":}", "1e999", "\"\\ud800\"", &nested(100_000)]
        {
            assert_eq!(Json::parse(json), None);
        }
    }
}
