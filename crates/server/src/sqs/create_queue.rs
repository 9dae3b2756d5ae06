//! `CreateQueue`

use std::collections::BTreeMap;

use formiga_engine::names::QueueName;
use formiga_engine::queue_url;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{CreateQueueInput, CreateQueueOutput};

use super::attributes;
use super::tag_queue::add_request_tags;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::NewQueue;

/// Creates a queue of the caller's, or answers the URL of the one that exists with equal
/// attributes.
pub(crate) async fn create_queue(
    ctx: &Context,
    input: CreateQueueInput,
) -> Result<CreateQueueOutput, ApiError> {
    let attributes = input.attributes.unwrap_or_default();
    let name = parse_name(input.queue_name.as_deref(), &attributes)?;
    let key = ctx.own(name.clone());
    let tags = input.tags.unwrap_or_default();
    // Only the caller's own policies are asked, also if there is such a queue.
    let needed = if tags.is_empty() { CREATE } else { CREATE_WITH_TAGS };
    for action in needed {
        ctx.authorize_with(*action, &key, None, |conditions| add_request_tags(conditions, &tags))?;
    }
    let mut attributes = attributes::parse_names(attributes)?;
    attributes::check_policy(ctx, &key, &mut attributes)?;
    let new = NewQueue { key, attributes, tags };
    let created = ctx.queues.create(new).await;
    let created = created.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    let entry = created.map_err(|refusal| error::catalog(refusal, &name))?;
    Ok(CreateQueueOutput { queue_url: queue_url::write(&ctx.endpoint, &entry.key) })
}

const CREATE: &[Action] = &[Action::CreateQueue];
const CREATE_WITH_TAGS: &[Action] = &[Action::CreateQueue, Action::TagQueue];

/// A name with `.fifo` and `FifoQueue=true` go together.
fn parse_name(
    name: Option<&str>,
    attributes: &BTreeMap<String, String>,
) -> Result<QueueName, ApiError> {
    let invalid = |message: &str| Err(ApiError::new(ErrorKind::InvalidParameterValue, message));
    let name = match name {
        None => {
            return invalid(
                "Value for parameter QueueName is invalid. Reason: Must specify a queue name.",
            );
        }
        Some("") => return invalid("Queue name cannot be empty"),
        Some(name) => name,
    };
    let fifo = attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    match QueueName::parse(name) {
        Ok(name) if name.is_fifo() == fifo => Ok(name),
        _ if fifo => invalid(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length",
        ),
        _ => invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
        ),
    }
}
