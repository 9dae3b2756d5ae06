//! What the actions that set attributes have in common.

use std::collections::BTreeMap;

use formiga_auth::policy::Policy;
use formiga_engine::attributes::AttributeName;
use formiga_engine::names::QueueKey;

use crate::context::Context;
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

/// Checks a policy that is being set, where policies are asked: it has to be one that can be
/// evaluated.
pub(super) fn check_policy(
    ctx: &Context,
    key: &QueueKey,
    attributes: &[(AttributeName, String)],
) -> Result<(), ApiError> {
    let is_policy = |(name, value): &&(AttributeName, String)| {
        *name == AttributeName::Policy && !value.is_empty()
    };
    let Some((_, policy)) = attributes.iter().find(is_policy) else { return Ok(()) };
    if ctx.access.is_none() {
        return Ok(());
    }
    let read = Policy::parse_queue(policy, key.account.as_str());
    read.map(|_| ()).map_err(|refusal| error::policy(&refusal))
}
