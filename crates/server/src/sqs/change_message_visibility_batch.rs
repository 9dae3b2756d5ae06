//! `ChangeMessageVisibilityBatch`

use std::time::Duration;

use formiga_engine::receipt::ReceiptHandle;
use formiga_wire::sqs::{
    ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityBatchOutput,
    ChangeMessageVisibilityBatchRequestEntry, ChangeMessageVisibilityBatchResultEntry,
};

use super::batch;
use super::change_message_visibility::{parse_timeout, refused};
use super::delete_message::parse_handle;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::QueueHandle;

/// Sets when up to ten received messages become visible again.
pub(crate) async fn change_message_visibility_batch(
    ctx: &Context,
    input: ChangeMessageVisibilityBatchInput,
) -> Result<ChangeMessageVisibilityBatchOutput, ApiError> {
    let queue = ctx.find(Action::ChangeMessageVisibility, input.queue_url.as_deref())?;
    let entry = "ChangeMessageVisibilityBatchRequestEntry";
    let entries = batch::parse(input.entries, entry, |entry| entry.id.as_deref())?;
    let (mut changes, mut accepted) = (Vec::new(), Vec::new());
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match parse_change(ctx, &queue, &entry) {
            Ok(change) => {
                changes.push(change);
                accepted.push(entry);
            }
            Err(refusal) => failed.push(batch::failed(entry.id.unwrap_or_default(), refusal)),
        }
    }
    let outcomes = match changes.is_empty() {
        true => Vec::new(),
        false => {
            let outcomes = queue.change_visibility(changes.clone()).await;
            outcomes.map_err(|cause| error::unanswered(&cause, ctx.request_id))?
        }
    };
    for ((entry, (_, timeout)), outcome) in accepted.into_iter().zip(changes).zip(outcomes) {
        let id = entry.id.unwrap_or_default();
        match outcome {
            Ok(()) => successful.push(ChangeMessageVisibilityBatchResultEntry { id }),
            Err(refusal) => {
                let handle = entry.receipt_handle.unwrap_or_default();
                failed.push(batch::failed(id, refused(refusal, &handle, timeout)));
            }
        }
    }
    Ok(ChangeMessageVisibilityBatchOutput { successful, failed })
}

fn parse_change(
    ctx: &Context,
    queue: &QueueHandle,
    entry: &ChangeMessageVisibilityBatchRequestEntry,
) -> Result<(ReceiptHandle, Duration), ApiError> {
    let timeout = parse_timeout(entry.visibility_timeout)?;
    Ok((parse_handle(ctx, queue, entry.receipt_handle.as_deref())?, timeout))
}
