//! `GetQueueUrl`

use formiga_engine::names::{AccountId, QueueName};
use formiga_engine::queue_url;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{GetQueueUrlInput, GetQueueUrlOutput};

use crate::authorization::Action;
use crate::context::{Context, queue_does_not_exist};
use crate::error::ApiError;

/// Answers the URL of a queue by its name.
pub(crate) fn get_queue_url(
    ctx: &Context,
    input: GetQueueUrlInput,
) -> Result<GetQueueUrlOutput, ApiError> {
    let Some(name) = input.queue_name else {
        return Err(ApiError::new(
            ErrorKind::InvalidParameterValue,
            "Value for parameter QueueName is invalid. Reason: Must specify a queue name.",
        ));
    };
    let name = QueueName::parse(&name).map_err(|_| queue_does_not_exist())?;
    let mut key = ctx.own(name);
    if let Some(owner) = input.queue_owner_aws_account_id {
        key.account = AccountId::parse(&owner).map_err(|_| queue_does_not_exist())?;
    }
    let queue = ctx.queues.find(&key);
    let authorized = ctx.authorize(Action::GetQueueUrl, &key, queue.as_ref());
    if ctx.is_of_another_account(&key) && (authorized.is_err() || queue.is_none()) {
        return Err(ApiError::new(ErrorKind::QueueDoesNotExist, NO_QUEUE_OR_NO_ACCESS));
    }
    authorized?;
    let queue = queue.ok_or_else(queue_does_not_exist)?;
    Ok(GetQueueUrlOutput { queue_url: queue_url::write(&ctx.endpoint, &queue.entry().key) })
}

/// Whether others have a queue is not for everyone to know.
const NO_QUEUE_OR_NO_ACCESS: &str =
    "The specified queue does not exist or you do not have access to it.";
