//! [`QueryForm`]: what a struct's members are called in Query parameters and in XML.
//!
//! AWS JSON uses the names of the model. The older Query protocol calls lists and maps by the name
//! of one element and numbers the elements: `Attributes` becomes `Attribute.1.Name`,
//! `Attribute.1.Value`, and in XML repeated `<Attribute><Name/><Value/></Attribute>`. IAM and STS keep
//! the names and number members: `Tags.member.1.Key`, `<Tags><member><Key/></member></Tags>`.

/// The table beside a struct. Members that are not in it keep their name and are plain values.
pub trait QueryForm {
    /// The lists and maps of the struct.
    const MEMBERS: &'static [Member] = &[];
}

/// A list or map of a struct.
#[derive(Debug)]
pub struct Member {
    /// Its name in the model, and in AWS JSON.
    pub(crate) name: &'static str,
    /// The name of one of its elements, which both parameters and XML use.
    pub(crate) element: &'static str,
    pub(crate) shape: Shape,
    /// The table of the elements, or of the values of a map.
    pub(crate) of: &'static [Member],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    List,
    /// The entries of a batch. Parameters cannot tell an empty list from none, so entries are
    /// never absent.
    Entries,
    /// A map, whose keys and values have these names.
    Map(&'static str, &'static str),
    /// A list as IAM and STS write it: its elements, each called `member`, stand in one element that
    /// has the list's name.
    Members,
    /// A struct that has lists or maps of its own.
    Struct,
}

impl Member {
    /// The names under which a request may carry the member: AWS's own, and the one that generic
    /// Query clients use, as in `AttributeNames.member.1`.
    pub(crate) fn request_names(&self) -> [&'static str; 2] {
        [self.element, self.name]
    }
}

/// The member called `name` in the model.
pub(crate) fn find(members: &'static [Member], name: &str) -> Option<&'static Member> {
    members.iter().find(|member| member.name == name)
}

/// A list of plain values.
pub(crate) const fn list(name: &'static str, element: &'static str) -> Member {
    Member { name, element, shape: Shape::List, of: &[] }
}

/// A list of structs.
pub(crate) const fn list_of<T: QueryForm>(name: &'static str, element: &'static str) -> Member {
    Member { name, element, shape: Shape::List, of: T::MEMBERS }
}

/// A list of plain values in the form of IAM and STS.
pub(crate) const fn members(name: &'static str) -> Member {
    Member { name, element: name, shape: Shape::Members, of: &[] }
}

/// The same with structs as values.
pub(crate) const fn members_of<T: QueryForm>(name: &'static str) -> Member {
    Member { of: T::MEMBERS, ..members(name) }
}

/// A struct that has a table.
pub(crate) const fn one_of<T: QueryForm>(name: &'static str) -> Member {
    Member { name, element: name, shape: Shape::Struct, of: T::MEMBERS }
}

/// The entries of a batch.
pub(crate) const fn entries<T: QueryForm>(element: &'static str) -> Member {
    Member { name: "Entries", element, shape: Shape::Entries, of: T::MEMBERS }
}

/// A map of plain values, whose keys are names.
pub(crate) const fn map(name: &'static str, element: &'static str) -> Member {
    Member { name, element, shape: Shape::Map("Name", "Value"), of: &[] }
}

/// The same with structs as values.
pub(crate) const fn map_of<T: QueryForm>(name: &'static str, element: &'static str) -> Member {
    Member { of: T::MEMBERS, ..map(name, element) }
}

/// Tags, which have keys instead of names.
pub(crate) const fn tags(name: &'static str) -> Member {
    Member { name, element: "Tag", shape: Shape::Map("Key", "Value"), of: &[] }
}
