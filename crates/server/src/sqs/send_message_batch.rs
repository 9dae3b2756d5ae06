//! `SendMessageBatch`

use formiga_engine::limits::BATCH_BYTES_MAX;
use formiga_engine::message::MessageContent;
use formiga_engine::queue::SentMessage;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{
    SendMessageBatchInput, SendMessageBatchOutput, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use uuid::Uuid;

use super::batch;
use super::send_message::{
    self, Fields, Wording, sequence_number, system_attributes_md5, to_message,
};
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::hex::hex;
use crate::queues::QueueHandle;

const ENTRY: &str = "SendMessageBatchRequestEntry";

/// Stores up to ten messages; those that are refused do not hold up the others.
pub(crate) async fn send_message_batch(
    ctx: &Context,
    input: SendMessageBatchInput,
) -> Result<SendMessageBatchOutput, ApiError> {
    let queue = ctx.find(Action::SendMessage, input.queue_url.as_deref())?;
    let entries = batch::parse(input.entries, ENTRY, |entry| entry.id.as_deref())?;
    check_fifo(&queue, &entries)?;
    check_total_size(&entries)?;
    let (mut messages, mut accepted, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (index, entry) in entries.into_iter().enumerate() {
        let (id, fields) = split(entry);
        let wording = Wording {
            body_parameter: format!("{ENTRY}.{}.", index + 1),
            too_long: "One or more parameters cannot be validated.",
        };
        match to_message(ctx, fields, &queue.entry().attributes, &wording) {
            Ok(message) => {
                accepted.push((id, message.content.clone()));
                messages.push(message);
            }
            Err(refusal) => failed.push(batch::failed(id, refusal)),
        }
    }
    let sent = match messages.is_empty() {
        true => Vec::new(),
        false => send_message::send(ctx, &queue, messages).await?,
    };
    let told = accepted.into_iter().zip(sent);
    let successful = told.map(|((id, content), sent)| to_result(&queue, id, &content, sent));
    Ok(SendMessageBatchOutput { successful: successful.collect(), failed })
}

/// In a FIFO queue an entry without what gives it its place refuses the whole batch.
fn check_fifo(
    queue: &QueueHandle,
    entries: &[SendMessageBatchRequestEntry],
) -> Result<(), ApiError> {
    let Some(fifo) = queue.entry().attributes.fifo else { return Ok(()) };
    let content_based = fifo.content_based_deduplication;
    if !content_based && entries.iter().any(|entry| entry.message_deduplication_id.is_none()) {
        return Err(send_message::no_deduplication_id());
    }
    if entries.iter().any(|entry| entry.message_group_id.is_none()) {
        let error = error::missing("MessageGroupId");
        return Err(ApiError::new(ErrorKind::InvalidParameterValue, error.message));
    }
    Ok(())
}

/// The limit for all entries together is fixed, whatever the queue's maximum message size.
fn check_total_size(entries: &[SendMessageBatchRequestEntry]) -> Result<(), ApiError> {
    let none = Default::default();
    let size = |entry: &SendMessageBatchRequestEntry| {
        let body = entry.message_body.as_deref().unwrap_or_default();
        send_message::size(body, entry.message_attributes.as_ref().unwrap_or(&none))
    };
    let total: u64 = entries.iter().map(size).sum();
    if total <= BATCH_BYTES_MAX {
        return Ok(());
    }
    let message = format!(
        "Batch requests cannot be longer than {BATCH_BYTES_MAX} bytes. You have sent {total} bytes."
    );
    Err(ApiError::new(ErrorKind::BatchRequestTooLong, message))
}

fn split(entry: SendMessageBatchRequestEntry) -> (String, Fields) {
    let fields = Fields {
        body: entry.message_body,
        delay_seconds: entry.delay_seconds,
        attributes: entry.message_attributes,
        system_attributes: entry.message_system_attributes,
        deduplication_id: entry.message_deduplication_id,
        group_id: entry.message_group_id,
    };
    (entry.id.unwrap_or_default(), fields)
}

fn to_result(
    queue: &QueueHandle,
    id: String,
    content: &MessageContent,
    sent: SentMessage,
) -> SendMessageBatchResultEntry {
    SendMessageBatchResultEntry {
        id,
        message_id: Uuid::from_bytes(sent.message_id).to_string(),
        md5_of_message_body: hex(content.body_md5),
        md5_of_message_attributes: content.attributes.md5().map(hex),
        md5_of_message_system_attributes: system_attributes_md5(content),
        sequence_number: sequence_number(queue.entry(), sent.sequence),
    }
}
