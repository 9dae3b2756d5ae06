//! `SetQueueAttributes`

use std::collections::BTreeMap;

use formiga_engine::catalog::CatalogChange;
use formiga_wire::sqs::SetQueueAttributesInput;

use super::attributes;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Sets all of the attributes, or none; they count from the next request on.
pub(crate) async fn set_queue_attributes(
    ctx: &Context,
    input: SetQueueAttributesInput,
) -> Result<(), ApiError> {
    let opens = input.attributes.as_ref().is_some_and(removes_policy_only);
    let queue = ctx.find_with(input.queue_url.as_deref(), |key, queue| {
        // A policy may have shut out everybody. AWS lets the root unlock such a queue, too.
        if opens && ctx.is_root_of(key) {
            return Ok(());
        }
        ctx.authorize(Action::SetQueueAttributes, key, queue)
    })?;
    let given = input.attributes.filter(|attributes| !attributes.is_empty());
    let given = given.ok_or_else(|| error::missing("Attributes"))?;
    let mut changes = attributes::parse_names(given)?;
    attributes::check_policy(ctx, &queue.entry().key, &mut changes)?;
    ctx.change(&queue, CatalogChange::SetAttributes(changes)).await
}

fn removes_policy_only(attributes: &BTreeMap<String, String>) -> bool {
    attributes.len() == 1 && attributes.get("Policy").is_some_and(String::is_empty)
}
