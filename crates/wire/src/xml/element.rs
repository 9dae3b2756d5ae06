//! [`Element`]: a value, written as the XML element of a given name.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use crate::form::{self, Member, Shape};

/// Where a value goes, and under which name. A list becomes as many elements as it has values;
/// what is absent becomes none.
pub(super) struct Element<'a> {
    xml: &'a mut String,
    name: &'a str,
    /// The table of the struct that the value is, or of the structs in it.
    members: &'static [Member],
    /// What key and value are called, if the value is a map.
    entry: (&'static str, &'static str),
    /// Whether a list stands in an element of its own.
    wraps: bool,
}

impl<'a> Element<'a> {
    pub(super) fn new(
        xml: &'a mut String,
        name: &'a str,
        members: &'static [Member],
    ) -> Element<'a> {
        Element { xml, name, members, entry: ("Name", "Value"), wraps: false }
    }

    fn inner<'b>(&'b mut self, name: &'b str) -> Element<'b> {
        Element::new(self.xml, name, self.members)
    }

    fn open(&mut self) {
        self.xml.push('<');
        self.xml.push_str(self.name);
        self.xml.push('>');
    }

    fn close(&mut self) {
        self.xml.push_str("</");
        self.xml.push_str(self.name);
        self.xml.push('>');
    }

    /// Closes what was opened; without content behind `start` it becomes one tag.
    fn close_from(&mut self, start: usize) {
        if self.xml.len() == start {
            self.xml.truncate(start - 1);
            self.xml.push_str("/>");
        } else {
            self.close();
        }
    }

    fn text(mut self, text: &str) -> fmt::Result {
        self.open();
        push_text(self.xml, text);
        self.close();
        Ok(())
    }
}

/// Appends a text node.
///
/// SQS escapes quotes besides what must be, and carriage returns, which parsers would otherwise
/// read as line feeds: bodies would not match their MD5. Characters that XML cannot carry at all,
/// which only the error about them quotes, become U+FFFD.
pub(super) fn push_text(xml: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(is_special) {
        let (plain, special) = rest.split_at(at);
        let mut characters = special.chars();
        xml.push_str(plain);
        xml.push_str(match characters.next() {
            Some('&') => "&amp;",
            Some('<') => "&lt;",
            Some('>') => "&gt;",
            Some('"') => "&quot;",
            Some('\r') => "&#xD;",
            _ => "\u{fffd}",
        });
        rest = characters.as_str();
    }
    xml.push_str(rest);
}

fn is_special(c: char) -> bool {
    match c {
        '&' | '<' | '>' | '"' => true,
        '\t' | '\n' => false,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => false,
    }
}

macro_rules! as_text {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> fmt::Result {
            self.text(&value.to_string())
        })*
    };
}

impl<'a> Serializer for Element<'a> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = List<'a>;
    type SerializeMap = Element<'a>;
    type SerializeStruct = Struct<'a>;
    type SerializeTuple = Impossible<(), fmt::Error>;
    type SerializeTupleStruct = Impossible<(), fmt::Error>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    as_text! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
    }

    fn serialize_str(self, text: &str) -> fmt::Result {
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> fmt::Result {
        self.text(&BASE64.encode(bytes))
    }

    fn serialize_none(self) -> fmt::Result {
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_seq(mut self, _: Option<usize>) -> Result<List<'a>, fmt::Error> {
        if self.wraps {
            self.open();
        }
        let start = self.xml.len();
        Ok(List { element: self, start })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Element<'a>, fmt::Error> {
        Ok(self)
    }

    fn serialize_struct(mut self, _: &'static str, _: usize) -> Result<Struct<'a>, fmt::Error> {
        self.open();
        let start = self.xml.len();
        Ok(Struct { element: self, start })
    }

    fn serialize_unit(self) -> fmt::Result {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> fmt::Result {
        self.text(name)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> fmt::Result {
        value.serialize(self)
    }

    // No output has one of these.

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> fmt::Result {
        Err(fmt::Error)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(fmt::Error)
    }
}

/// A list whose elements are being written.
pub(super) struct List<'a> {
    element: Element<'a>,
    /// Where its content starts.
    start: usize,
}

impl SerializeSeq for List<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> fmt::Result {
        let name = if self.element.wraps { "member" } else { self.element.name };
        value.serialize(self.element.inner(name))
    }

    /// An empty list of IAM is one tag: `<Users/>`.
    fn end(mut self) -> fmt::Result {
        if self.element.wraps {
            self.element.close_from(self.start);
        }
        Ok(())
    }
}

impl SerializeMap for Element<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> fmt::Result {
        self.open();
        key.serialize(self.inner(self.entry.0))
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> fmt::Result {
        value.serialize(self.inner(self.entry.1))?;
        self.close();
        Ok(())
    }

    fn end(self) -> fmt::Result {
        Ok(())
    }
}

/// A struct whose element is open.
pub(super) struct Struct<'a> {
    element: Element<'a>,
    /// Where its content starts.
    start: usize,
}

impl SerializeStruct for Struct<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> fmt::Result {
        let mut element = Element::new(self.element.xml, name, &[]);
        if let Some(member) = form::find(self.element.members, name) {
            element.name = member.element;
            element.members = member.of;
            element.wraps = member.shape == Shape::Members;
            if let Shape::Map(key, value) = member.shape {
                element.entry = (key, value);
            }
        }
        value.serialize(element)
    }

    /// A struct without content is one tag, as SQS writes it: `<ReceiveMessageResult/>`.
    fn end(mut self) -> fmt::Result {
        self.element.close_from(self.start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::QueryForm;
    use crate::sqs::{Message, MessageAttributeValue, ReceiveMessageOutput};

    fn text(text: &str) -> String {
        let mut xml = String::new();
        push_text(&mut xml, text);
        xml
    }

    fn write<T: Serialize + QueryForm>(value: &T) -> String {
        let mut xml = String::new();
        value.serialize(Element::new(&mut xml, "X", T::MEMBERS)).unwrap();
        xml
    }

    #[test]
    fn quotes_and_carriage_returns_are_escaped_besides_markup() {
        assert_eq!(text("&<>\"'\r\n\t"), "&amp;&lt;&gt;&quot;'&#xD;\n\t");
        assert_eq!(text("&quot; é😀\u{85}\u{2028}"), "&amp;quot; é😀\u{85}\u{2028}");
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        assert_eq!(text("a\0b\u{1f}\u{fffe}\u{ffff}"), "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_struct_without_content_is_one_tag() {
        assert_eq!(write(&<ReceiveMessageOutput>::default()), "<X/>");
    }

    #[test]
    fn maps_become_elements_with_names_and_values() {
        let value = MessageAttributeValue {
            data_type: Some("Binary".to_owned()),
            binary_value: Some(vec![0, 255]),
            binary_list_values: Some(vec![vec![1], vec![2]]),
            ..MessageAttributeValue::default()
        };
        let message = Message {
            body: "hi",
            attributes: [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "".to_owned())].into(),
            message_attributes: [("c".to_owned(), value)].into(),
            ..Message::default()
        };
        let expected = "<X><MessageId></MessageId><ReceiptHandle></ReceiptHandle>\
            <MD5OfBody></MD5OfBody><Body>hi</Body>\
            <Attribute><Name>a</Name><Value>1</Value></Attribute>\
            <Attribute><Name>b</Name><Value></Value></Attribute>\
            <MessageAttribute><Name>c</Name><Value><DataType>Binary</DataType>\
            <BinaryValue>AP8=</BinaryValue><BinaryListValue>AQ==</BinaryListValue>\
            <BinaryListValue>Ag==</BinaryListValue></Value></MessageAttribute></X>";
        assert_eq!(write(&message), expected);
    }
}
