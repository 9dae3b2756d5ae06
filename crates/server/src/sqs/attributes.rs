//! What the actions that set attributes have in common.

use std::collections::BTreeMap;

use formiga_auth::policy::{Policy, PolicyError};
use formiga_engine::access_policy::rename_principals;
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
/// evaluated, and whom it names has to exist. Users and roles are kept by their unique ids, as AWS
/// does: the policy never speaks of another one who is given the same name.
pub(super) fn check_policy(
    ctx: &Context,
    key: &QueueKey,
    attributes: &mut [(AttributeName, String)],
) -> Result<(), ApiError> {
    let Some(access) = &ctx.access else { return Ok(()) };
    let is_policy = |(name, value): &&mut (AttributeName, String)| {
        *name == AttributeName::Policy && !value.is_empty()
    };
    for (_, text) in attributes.iter_mut().filter(is_policy) {
        let policy = Policy::parse_queue(text, key.account.as_str());
        let policy = policy.map_err(|refusal| error::policy(&refusal))?;
        let pins = access.identities.read().pins(&policy);
        let pins = pins.map_err(|_| error::policy(&PolicyError::InvalidAttributeValue))?;
        if let Some(pinned) = rename_principals(text, |arn| pins.get(arn).cloned()) {
            *text = pinned;
        }
    }
    Ok(())
}

/// A policy as it is shown: with the ARNs of users and roles, and the unique ids of those who are
/// gone.
pub(super) fn shown_policy(ctx: &Context, policy: String) -> String {
    let Some(access) = &ctx.access else { return policy };
    let identities = access.identities.read();
    rename_principals(&policy, |id| identities.arn_of(id)).unwrap_or(policy)
}
