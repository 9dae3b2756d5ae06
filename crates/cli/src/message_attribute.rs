//! Message attributes as they are given on the command line.

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;

/// A message attribute: its name, and its value with the data type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MessageAttribute {
    pub(crate) name: String,
    pub(crate) value: MessageAttributeValue,
}

impl MessageAttribute {
    /// Parses `NAME=TEXT`, `NAME:Number=5`, or `NAME:Binary=@FILE`, whose value is the file's
    /// bytes. Types may have a label of their own behind a dot, such as `Number.int`.
    pub(crate) fn parse(text: &str) -> Result<MessageAttribute, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => (key, value),
            _ => return Err(format!("{text:?} is not NAME=VALUE or NAME:TYPE=VALUE")),
        };
        let (name, data_type) = key.split_once(':').unwrap_or((key, "String"));
        let attribute = MessageAttributeValue::builder().data_type(data_type);
        let attribute = match is_binary(data_type) {
            true => attribute.binary_value(Blob::new(bytes(value)?)),
            false => attribute.string_value(value),
        };
        let value = attribute.build().map_err(|error| error.to_string())?;
        Ok(MessageAttribute { name: name.to_owned(), value })
    }

    /// How many bytes it adds to the size of a message, as SQS counts.
    pub(crate) fn size(&self) -> usize {
        let text = self.value.string_value().map_or(0, str::len);
        let binary = self.value.binary_value().map_or(0, |blob| blob.as_ref().len());
        self.name.len() + self.value.data_type().len() + text + binary
    }
}

fn is_binary(data_type: &str) -> bool {
    data_type == "Binary" || data_type.starts_with("Binary.")
}

fn bytes(value: &str) -> Result<Vec<u8>, String> {
    match value.strip_prefix('@') {
        Some(path) => std::fs::read(path).map_err(|error| format!("{path}: {error}")),
        None => Ok(value.as_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> MessageAttribute {
        MessageAttribute::parse(text).unwrap()
    }

    #[test]
    fn an_attribute_without_a_type_is_a_string() {
        let attribute = parsed("color=light=blue");
        assert_eq!(attribute.name, "color");
        assert_eq!(attribute.value.data_type(), "String");
        assert_eq!(attribute.value.string_value(), Some("light=blue"));
    }

    #[test]
    fn a_type_stands_behind_a_colon() {
        let attribute = parsed("size:Number.int=5");
        assert_eq!(attribute.name, "size");
        assert_eq!(attribute.value.data_type(), "Number.int");
        assert_eq!(attribute.value.string_value(), Some("5"));
    }

    #[test]
    fn the_bytes_of_a_binary_attribute_may_come_from_a_file() {
        let inline = parsed("raw:Binary=abc");
        assert_eq!(inline.value.binary_value().unwrap().as_ref(), b"abc");
        let file = std::env::temp_dir().join(format!("formiga-attribute-{}", std::process::id()));
        std::fs::write(&file, [0, 255]).unwrap();
        let read = parsed(&format!("raw:Binary.png=@{}", file.display()));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read.value.binary_value().unwrap().as_ref(), [0, 255]);
        assert!(MessageAttribute::parse("raw:Binary=@/no/such/file").is_err());
    }

    #[test]
    fn names_types_and_values_count() {
        assert_eq!(parsed("abc:Number=12").size(), 3 + 6 + 2);
        assert!(MessageAttribute::parse("=x").is_err());
        assert!(MessageAttribute::parse("x").is_err());
    }
}
