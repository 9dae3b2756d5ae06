//! `ListQueues`

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use formiga_engine::limits::LIST_QUEUES_RESULTS_MAX;
use formiga_engine::names::QueueName;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{ListQueuesInput, ListQueuesOutput};

use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queue_url;

/// Answers the URLs of the caller's queues, by name. Without `MaxResults` up to 1,000 of them and
/// never a token, as AWS does.
pub(crate) fn list_queues(
    ctx: &Context,
    input: ListQueuesInput,
) -> Result<ListQueuesOutput, ApiError> {
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let paged = input.max_results.is_some();
    let limit = input.max_results.map_or(Ok(LIST_QUEUES_RESULTS_MAX), parse_max_results)?;
    let after = input.next_token.map(|token| parse_token(&token, &prefix)).transpose()?;
    let caller = &ctx.caller;
    let (account, region) = (caller.account, &caller.region);
    // One more than asked for tells whether there are more.
    let mut names = ctx.queues.list(account, region, &prefix, after.as_deref(), limit + 1);
    let more = names.len() > limit;
    names.truncate(limit);
    let next_token = names.last().filter(|_| more && paged).map(|name| token(&prefix, name));
    let to_url = |name: String| {
        let name = QueueName::parse(&name).expect("a queue has a valid name");
        queue_url::write(&ctx.host, &ctx.own(name))
    };
    Ok(ListQueuesOutput { queue_urls: names.into_iter().map(to_url).collect(), next_token })
}

fn parse_max_results(max_results: i64) -> Result<usize, ApiError> {
    usize::try_from(max_results)
        .ok()
        .filter(|limit| (1..=LIST_QUEUES_RESULTS_MAX).contains(limit))
        .ok_or_else(|| {
            let reason = "MaxResults must be an integer between 1 and 1000.";
            error::invalid("MaxResults", max_results, reason)
        })
}

/// Names the prefix, with which alone it is valid, and the last queue that was listed.
fn token(prefix: &str, last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{prefix}\n{last}"))
}

fn parse_token(token: &str, prefix: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let last = text.as_deref().and_then(|text| text.rsplit_once('\n'));
    match last {
        Some((of_prefix, last)) if of_prefix == prefix => Ok(last.to_owned()),
        _ => Err(ApiError::new(ErrorKind::InvalidParameterValue, "Invalid or expired next token.")),
    }
}
