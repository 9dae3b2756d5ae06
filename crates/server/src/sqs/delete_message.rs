//! `DeleteMessage`

use formiga_engine::queue::Position;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::DeleteMessageInput;

use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::QueueHandle;

/// Deletes the message that a receipt handle names; any number of times.
pub(crate) async fn delete_message(
    ctx: &Context,
    input: DeleteMessageInput,
) -> Result<(), ApiError> {
    let queue = ctx.find(input.queue_url.as_deref())?;
    let position = parse_handle(ctx, &queue, input.receipt_handle.as_deref())?;
    let deleted = queue.delete(vec![position]).await;
    deleted.map_err(|cause| error::unanswered(&cause, ctx.request_id))
}

/// The message that a handle names. Garbage, and handles of other queues, are told from handles of
/// deleted messages without looking for the message.
pub(super) fn parse_handle(
    ctx: &Context,
    queue: &QueueHandle,
    handle: Option<&str>,
) -> Result<Position, ApiError> {
    let handle = handle.filter(|handle| !handle.is_empty());
    let handle = handle.ok_or_else(|| error::missing("ReceiptHandle"))?;
    match ctx.queues.receipt_key().decode(queue.id(), handle) {
        Ok(handle) => Ok(handle.position),
        Err(_) => Err(ApiError::new(
            ErrorKind::ReceiptHandleIsInvalid,
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )),
    }
}
