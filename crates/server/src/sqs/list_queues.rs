//! `ListQueues`

use formiga_engine::names::QueueName;
use formiga_engine::queue_url;
use formiga_wire::sqs::{ListQueuesInput, ListQueuesOutput};

use super::pages::Page;
use crate::context::Context;
use crate::error::ApiError;

/// Answers the URLs of the caller's queues, by name.
pub(crate) fn list_queues(
    ctx: &Context,
    input: ListQueuesInput,
) -> Result<ListQueuesOutput, ApiError> {
    ctx.authorize_list()?;
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let page = Page::parse(prefix.clone(), input.max_results, input.next_token.as_deref())?;
    let caller = &ctx.caller;
    let (account, region) = (caller.account, &caller.region);
    let after = page.after.as_deref();
    let mut names = ctx.queues.list(account, region, &prefix, after, page.lookahead());
    let next_token = page.cut(&mut names, String::as_str);
    let to_url = |name: String| {
        let name = QueueName::parse(&name).expect("a queue has a valid name");
        queue_url::write(&ctx.endpoint, &ctx.own(name))
    };
    Ok(ListQueuesOutput { queue_urls: names.into_iter().map(to_url).collect(), next_token })
}
