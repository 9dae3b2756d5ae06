//! Binary values: bytes in the structs, which each codec writes in its own way.
//!
//! serde takes a `Vec<u8>` for a list of numbers. With `#[serde(with = "binary")]` a member tells
//! the codec that these are bytes.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<u8>>, D::Error> {
    Ok(Option::<Binary>::deserialize(deserializer)?.map(|Binary(bytes)| bytes))
}

pub(crate) fn serialize<S: Serializer>(
    bytes: &Option<Vec<u8>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    bytes.as_deref().map(BinarySlice).serialize(serializer)
}

/// The same for a list of binary values.
pub(crate) mod list {
    use super::{Binary, BinarySlice, Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<Vec<u8>>>, D::Error> {
        let list = Option::<Vec<Binary>>::deserialize(deserializer)?;
        Ok(list.map(|list| list.into_iter().map(|Binary(bytes)| bytes).collect()))
    }

    pub(crate) fn serialize<S: Serializer>(
        list: &Option<Vec<Vec<u8>>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        list.as_deref().map(slices).serialize(serializer)
    }

    fn slices(list: &[Vec<u8>]) -> Vec<BinarySlice<'_>> {
        list.iter().map(|bytes| BinarySlice(bytes)).collect()
    }
}

struct Binary(Vec<u8>);

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Binary, D::Error> {
        deserializer.deserialize_byte_buf(BinaryVisitor)
    }
}

struct BinaryVisitor;

impl Visitor<'_> for BinaryVisitor {
    type Value = Binary;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a binary value")
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Binary, E> {
        Ok(Binary(bytes))
    }
}

struct BinarySlice<'a>(&'a [u8]);

impl Serialize for BinarySlice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}
