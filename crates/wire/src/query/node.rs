//! [`Node`]: the parameters below one path, read as the member that the path names.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::{Parameter, is_number};
use crate::error::{ErrorKind, WireError, quoted};
use crate::form::{self, Member, Shape};

/// The parameters whose names start with one path.
///
/// What a node is depends on the type that asks: recursion follows the input's structs, so no
/// depth of paths that nobody asks for matters.
#[derive(Clone)]
pub(super) struct Node<'de> {
    /// In the order of their paths; those that end here come first.
    parameters: &'de [Parameter<'de>],
    /// Where in their names the path goes on.
    offset: usize,
    /// Names the path of a node that has no parameters.
    absent: Option<String>,
    /// The table of the struct that is here, or in each element.
    members: &'static [Member],
    shape: Shape,
}

/// How a map is written whose struct has no table.
const PLAIN_MAP: Shape = Shape::Map("Name", "Value");

impl<'de> Node<'de> {
    pub(super) fn root(parameters: &'de [Parameter<'de>], members: &'static [Member]) -> Node<'de> {
        Node { parameters, offset: 0, absent: None, members, shape: PLAIN_MAP }
    }

    /// A node below this one that no parameter names.
    fn absent(&self, name: &str) -> Node<'de> {
        let path = match self.path() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        Node { parameters: &[], offset: 0, absent: Some(path), ..self.clone() }
    }

    fn path(&self) -> &str {
        match (&self.absent, self.parameters) {
            (Some(path), _) => path,
            (None, [first, ..]) => &first.name[..self.offset.saturating_sub(1)],
            (None, []) => "",
        }
    }

    /// How many of the parameters end here.
    fn own(&self) -> usize {
        self.parameters.partition_point(|parameter| parameter.name.len() < self.offset)
    }

    fn own_text(&self) -> Option<&'de str> {
        self.parameters[..self.own()].last().map(|parameter| &*parameter.value)
    }

    /// The nodes one step below, in order.
    fn children(&self) -> impl Iterator<Item = (&'de str, Node<'de>)> + use<'de> {
        let Node { offset, members, shape, .. } = *self;
        let below = &self.parameters[self.own()..];
        let groups = below.chunk_by(move |a, b| step(a, offset) == step(b, offset));
        groups.map(move |parameters| {
            let name = step(&parameters[0], offset);
            let offset = offset + name.len() + 1;
            (name, Node { parameters, offset, absent: None, members, shape })
        })
    }

    fn child(&self, name: &str) -> Option<Node<'de>> {
        self.children().find_map(|(known, node)| (known == name).then_some(node))
    }

    /// The member of the struct that is here.
    fn member(&self, name: &str) -> Option<Node<'de>> {
        let Some(member) = form::find(self.members, name) else {
            return self.child(name).filter(|node| node.own_text().is_some());
        };
        let node = member.request_names().iter().find_map(|name| self.child(name));
        let node = match member.shape {
            Shape::Entries => node.unwrap_or_else(|| self.absent(member.element)),
            _ => node?,
        };
        Some(Node { members: member.of, shape: member.shape, ..node })
    }

    /// The elements of the list or map that is here.
    fn elements(&self) -> Vec<Node<'de>> {
        let numbered = |node: &Node<'de>| {
            node.children().filter(|(step, _)| is_number(step)).map(|(_, element)| element)
        };
        let mut elements: Vec<_> = numbered(self).collect();
        for wrapper in ["member", "entry"] {
            elements.extend(self.child(wrapper).iter().flat_map(numbered));
        }
        if elements.is_empty() && !self.is_blank() {
            elements.push(self.clone());
        }
        elements
    }

    /// Whether there is nothing here but an empty text.
    fn is_blank(&self) -> bool {
        let own = self.own();
        own == self.parameters.len() && self.own_text().is_none_or(str::is_empty)
    }

    /// Key and value of the element that is here.
    fn entry(&self) -> Result<(&'de str, Node<'de>), Refusal> {
        let (key_name, value_name) = match self.shape {
            Shape::Map(key, value) => (key, value),
            Shape::List | Shape::Entries | Shape::Members | Shape::Struct => ("Name", "Value"),
        };
        let either = |name, generic| self.child(name).or_else(|| self.child(generic));
        let key = either(key_name, "key").unwrap_or_else(|| self.absent(key_name));
        let value = either(value_name, "value").unwrap_or_else(|| self.absent(value_name));
        Ok((key.text()?, value))
    }

    fn text(&self) -> Result<&'de str, Refusal> {
        self.own_text().ok_or_else(|| Refusal::missing(self.path()))
    }

    fn integer(&self) -> Result<i64, Refusal> {
        let text = self.text()?;
        text.parse().map_err(|_| Refusal::invalid(text, self.path(), "Must be an integer."))
    }

    /// Standard base64 with padding.
    fn binary(&self) -> Result<Vec<u8>, Refusal> {
        let text = self.text()?;
        BASE64.decode(text).map_err(|_| Refusal::invalid(text, self.path(), "Must be base64."))
    }
}

/// The part of a parameter's name from `offset` to the next dot.
fn step<'a>(parameter: &'a Parameter<'_>, offset: usize) -> &'a str {
    let rest = &parameter.name[offset..];
    rest.split_once('.').map_or(rest, |(step, _)| step)
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Refusal;

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_some(self)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_i64(self.integer()?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_byte_buf(self.binary()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_seq(SeqDeserializer::new(self.elements().into_iter()))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        let entries = self.elements().iter().map(Node::entry).collect::<Result<Vec<_>, _>>()?;
        visitor.visit_map(MapDeserializer::new(entries.into_iter()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refusal> {
        let present = names.iter().filter_map(|name| Some((*name, self.member(name)?)));
        visitor.visit_map(MapDeserializer::new(present))
    }

    /// For the types that no input has: as text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refusal> {
        visitor.visit_borrowed_str(self.text()?)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 u8 u16 u32 u64 f32 f64 char str bytes unit unit_struct newtype_struct
        tuple tuple_struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Refusal> for Node<'de> {
    type Deserializer = Node<'de>;

    fn into_deserializer(self) -> Node<'de> {
        self
    }
}

/// Why parameters are not the expected input.
#[derive(Debug)]
pub(super) struct Refusal(WireError);

impl Refusal {
    fn missing(path: &str) -> Refusal {
        let message = format!("The request must contain the parameter {path}.");
        Refusal(WireError::new(ErrorKind::MissingParameter, message))
    }

    fn invalid(value: &str, path: &str, reason: &str) -> Refusal {
        let value = quoted(value);
        let message = format!("Value {value} for parameter {path} is invalid. Reason: {reason}");
        Refusal(WireError::new(ErrorKind::InvalidParameterValue, message))
    }

    pub(super) fn into_wire_error(self) -> WireError {
        self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl serde::de::Error for Refusal {
    fn custom<T: fmt::Display>(sentence: T) -> Refusal {
        Refusal(WireError::new(ErrorKind::InvalidParameterValue, sentence.to_string()))
    }
}
