//! `GetQueueAttributes`

use std::collections::BTreeMap;

use formiga_engine::attributes::AttributeName;
use formiga_wire::sqs::{GetQueueAttributesInput, GetQueueAttributesOutput};

use super::attributes::shown_policy;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::QueueHandle;

/// Answers the attributes that were asked for, as far as the queue has them.
pub(crate) async fn get_queue_attributes(
    ctx: &Context,
    input: GetQueueAttributesInput,
) -> Result<GetQueueAttributesOutput, ApiError> {
    let queue = ctx.find(Action::GetQueueAttributes, input.queue_url.as_deref())?;
    let names = input.attribute_names.unwrap_or_default();
    let wanted = parse_names(&names)?;
    let mut attributes = described(&queue);
    if let Some(policy) = attributes.remove("Policy") {
        attributes.insert("Policy", shown_policy(ctx, policy));
    }
    if COUNTERS.iter().any(|counter| wanted(counter)) {
        let counters = queue.count().await;
        let counters = counters.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
        let values = [counters.visible, counters.delayed, counters.in_flight];
        attributes.extend(COUNTERS.into_iter().zip(values.map(|value| value.to_string())));
    }
    let attributes = attributes.into_iter().filter(|(name, _)| wanted(name));
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(GetQueueAttributesOutput { attributes })
}

const COUNTERS: [&str; 3] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
];

/// Everything that is set but the counters.
fn described(queue: &QueueHandle) -> BTreeMap<&'static str, String> {
    let entry = queue.entry();
    let settable = AttributeName::ALL.iter();
    let set = settable.filter_map(|name| Some((name.as_str(), entry.attributes.get(*name)?)));
    let computed = [
        ("CreatedTimestamp", entry.created_at.as_secs().to_string()),
        ("LastModifiedTimestamp", entry.modified_at.as_secs().to_string()),
        ("QueueArn", entry.key.arn().to_string()),
    ];
    set.chain(computed).collect()
}

/// Which attributes are asked for; an unknown name is refused. Asking for one that the queue does
/// not have is no error.
fn parse_names(names: &[String]) -> Result<impl Fn(&str) -> bool + '_, ApiError> {
    let known = |name: &str| {
        name == "All"
            || AttributeName::ALL.iter().any(|settable| settable.as_str() == name)
            || ["CreatedTimestamp", "LastModifiedTimestamp", "QueueArn"].contains(&name)
            || COUNTERS.contains(&name)
    };
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(error::unknown_attribute(unknown));
    }
    let all = names.iter().any(|name| name == "All");
    Ok(move |wanted: &str| all || names.iter().any(|name| name == wanted))
}
