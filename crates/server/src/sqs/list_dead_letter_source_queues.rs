//! `ListDeadLetterSourceQueues`

use formiga_engine::names::{QueueKey, QueueName};
use formiga_engine::queue_url;
use formiga_wire::sqs::{ListDeadLetterSourceQueuesInput, ListDeadLetterSourceQueuesOutput};

use super::pages::Page;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::ApiError;

/// Answers the URLs of the queues whose redrive policy names the queue, by name. A policy that was
/// set is known at once; on AWS it may take seconds.
pub(crate) fn list_dead_letter_source_queues(
    ctx: &Context,
    input: &ListDeadLetterSourceQueuesInput,
) -> Result<ListDeadLetterSourceQueuesOutput, ApiError> {
    let queue = ctx.find(Action::ListDeadLetterSourceQueues, input.queue_url.as_deref())?;
    let target = &queue.entry().key;
    let page =
        Page::parse(target.arn().to_string(), input.max_results, input.next_token.as_deref())?;
    // Dead-letter queues are in the account and region of their sources.
    let after = page.after.as_deref().and_then(|name| QueueName::parse(name).ok());
    let after = after.map(|name| QueueKey { name, ..target.clone() });
    let mut sources = ctx.queues.list_sources(target, after.as_ref(), page.lookahead());
    let next_token = page.cut(&mut sources, |source| source.name.as_str());
    let queue_urls = sources.iter().map(|source| queue_url::write(&ctx.endpoint, source)).collect();
    Ok(ListDeadLetterSourceQueuesOutput { queue_urls, next_token })
}
