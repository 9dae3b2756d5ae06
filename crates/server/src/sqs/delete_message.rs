//! `DeleteMessage`

use formiga_engine::queue::DeleteRefusal;
use formiga_engine::receipt::ReceiptHandle;
use formiga_wire::error::{ErrorKind, quoted};
use formiga_wire::sqs::DeleteMessageInput;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::QueueHandle;

/// Deletes the message that a receipt handle names; any number of times.
pub(crate) async fn delete_message(
    ctx: &Context,
    input: DeleteMessageInput,
) -> Result<(), ApiError> {
    let queue = ctx.find(Action::DeleteMessage, input.queue_url.as_deref())?;
    let text = input.receipt_handle.as_deref();
    let handle = parse_handle(ctx, &queue, text)?;
    let deleted = queue.delete(vec![handle]).await;
    let deleted = deleted.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    let refused = |refusal| self::refused(refusal, text.unwrap_or_default());
    deleted.into_iter().try_for_each(|outcome| outcome.map_err(refused))
}

pub(super) fn refused(refusal: DeleteRefusal, handle: &str) -> ApiError {
    match refusal {
        DeleteRefusal::ReceiptHandleHasExpired => {
            error::invalid("ReceiptHandle", handle, "The receipt handle has expired.")
        }
    }
}

/// The message and receive that a handle names. Garbage, and handles of other queues, are told from handles of
/// deleted messages without looking for the message.
pub(super) fn parse_handle(
    ctx: &Context,
    queue: &QueueHandle,
    handle: Option<&str>,
) -> Result<ReceiptHandle, ApiError> {
    let handle = handle.filter(|handle| !handle.is_empty());
    let handle = handle.ok_or_else(|| error::missing("ReceiptHandle"))?;
    match ctx.queues.receipt_key().decode(queue.id(), handle) {
        Ok(handle) => Ok(handle),
        Err(_) => Err(ApiError::new(
            ErrorKind::ReceiptHandleIsInvalid,
            format!(
                "The input receipt handle \"{}\" is not a valid receipt handle.",
                quoted(handle)
            ),
        )),
    }
}
