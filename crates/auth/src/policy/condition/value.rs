//! [`Values`]: what a request has for one key.

/// The values of one key; none if the request has no such key.
#[derive(Clone, Debug)]
pub(crate) enum Values<'a> {
    Absent,
    One(String),
    Several(&'a [String]),
}

impl Values<'_> {
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Values::Absent => &[],
            Values::One(value) => std::slice::from_ref(value),
            Values::Several(values) => values,
        }
    }
}
