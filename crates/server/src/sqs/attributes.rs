//! What the actions that set attributes have in common.

use std::collections::BTreeMap;

use formiga_engine::attributes::AttributeName;
use formiga_engine::names::QueueKey;

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

/// Whoever sets a redrive policy counts on it.
pub(super) fn warn_of_redrive(key: &QueueKey, changes: &[(AttributeName, String)]) {
    let sets = |(name, value): &(AttributeName, String)| {
        *name == AttributeName::RedrivePolicy && !value.is_empty()
    };
    if changes.iter().any(sets) {
        tracing::warn!(
            queue = %key.arn(),
            "the redrive policy is kept, but this version does not move messages to dead-letter queues"
        );
    }
}
