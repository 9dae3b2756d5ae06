//! What the actions that set attributes have in common.

use std::collections::BTreeMap;

use formiga_engine::attributes::AttributeName;

use crate::error::{self, ApiError};

/// Attributes by their names; the values are checked with the queue's.
pub(super) fn parse_names(
    given: BTreeMap<String, String>,
) -> Result<Vec<(AttributeName, String)>, ApiError> {
    let parse = |(name, value): (String, String)| {
        AttributeName::parse(&name).map(|name| (name, value)).map_err(error::attribute)
    };
    given.into_iter().map(parse).collect()
}
