//! `ReceiveMessage`

use std::collections::BTreeMap;
use std::time::Duration;

use formiga_engine::catalog::CatalogEntry;
use formiga_engine::limits::{RECEIVE_MESSAGES_MAX, VISIBILITY_TIMEOUT_SECONDS, WAIT_TIME_SECONDS};
use formiga_engine::message::{AttributeValue, MessageAttributes, MessageContent};
use formiga_engine::queue::{AttemptId, StoredMessage};
use formiga_engine::receipt::ReceiptHandle;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{
    Message, MessageAttributeValue, ReceiveMessageInput, ReceiveMessageOutput,
};
use uuid::Uuid;

use super::send_message::{parse_id, sequence_number};
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::hex::hex;
use crate::queues::{MessageWithContent, OverInFlightLimit, QueueHandle};

/// Takes visible messages, waiting for the first of them if asked to.
pub(crate) async fn receive_message(
    ctx: &Context,
    input: ReceiveMessageInput,
) -> Result<ReceiveMessageOutput, ApiError> {
    let queue = ctx.find(Action::ReceiveMessage, input.queue_url.as_deref())?;
    let max = parse_max(input.max_number_of_messages)?;
    let visibility_timeout = input.visibility_timeout.map(parse_visibility_timeout).transpose()?;
    let wait_time = input.wait_time_seconds.map(parse_wait_time).transpose()?;
    let wait_time = wait_time.unwrap_or(queue.entry().attributes.receive_message_wait_time);
    let attempt = parse_attempt(&queue, input.receive_request_attempt_id)?;
    let selection = Selection {
        system: parse_system_names(input.attribute_names, input.message_system_attribute_names)?,
        user: input.message_attribute_names.unwrap_or_default(),
    };
    let received = queue.receive(max, visibility_timeout, wait_time, attempt).await;
    let received = received.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    let messages = match received {
        Ok(messages) => messages,
        // A FIFO queue "returns no error messages" then.
        Err(OverInFlightLimit) if queue.entry().attributes.fifo.is_some() => Vec::new(),
        Err(OverInFlightLimit) => return Err(over_limit()),
    };
    let to_message = |message| to_message(ctx, &queue, &selection, message);
    Ok(ReceiveMessageOutput { messages: messages.into_iter().map(to_message).collect() })
}

fn parse_attempt(queue: &QueueHandle, id: Option<String>) -> Result<Option<AttemptId>, ApiError> {
    let Some(id) = id else { return Ok(None) };
    if queue.entry().attributes.fifo.is_none() {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(error::invalid("ReceiveRequestAttemptId", id, reason));
    }
    let id = parse_id("ReceiveRequestAttemptId", id)?;
    Ok(Some(AttemptId::of(&id)))
}

/// Which attributes a receive asks for.
pub(crate) struct Selection {
    system: Vec<String>,
    user: Vec<String>,
}

impl Selection {
    /// All that there are.
    pub(crate) fn all() -> Selection {
        Selection { system: vec!["All".to_owned()], user: vec!["All".to_owned()] }
    }

    fn has_system(&self, name: &str) -> bool {
        self.system.iter().any(|wanted| wanted == "All" || wanted == name)
    }

    /// `All`, `.*` and `*` mean every attribute; in `prefix.*` the dot belongs to the wildcard, so
    /// `Hel.*` matches `Hello`.
    fn has_user(&self, name: &str) -> bool {
        self.user.iter().any(|wanted| match wanted.as_str() {
            "All" | ".*" | "*" => true,
            wanted => match wanted.strip_suffix(".*") {
                Some(prefix) => name.starts_with(prefix),
                None => wanted == name,
            },
        })
    }
}

const SYSTEM_NAMES: [&str; 10] = [
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Both lists, the deprecated and the current one, count.
fn parse_system_names(
    deprecated: Option<Vec<String>>,
    current: Option<Vec<String>>,
) -> Result<Vec<String>, ApiError> {
    let names: Vec<String> = deprecated.into_iter().chain(current).flatten().collect();
    match names.iter().find(|name| !SYSTEM_NAMES.contains(&name.as_str())) {
        Some(unknown) => Err(error::unknown_attribute(unknown)),
        None => Ok(names),
    }
}

fn to_message(
    ctx: &Context,
    queue: &QueueHandle,
    selection: &Selection,
    (received, content): MessageWithContent,
) -> Message {
    let handle = ReceiptHandle {
        position: received.message.position,
        receive_count: received.receives.count,
    };
    let message = StoredMessage { receives: Some(received.receives), ..received.message.clone() };
    let selected = |name: &str| selection.has_user(name);
    Message {
        message_id: message_id(&received.message, &content),
        receipt_handle: ctx.queues.receipt_key().encode(queue.id(), handle),
        md5_of_body: hex(content.body_md5),
        attributes: system_attributes(queue.entry(), selection, &message, &content),
        md5_of_message_attributes: content.attributes.md5_of(selected).map(hex),
        message_attributes: user_attributes(selection, &content.attributes),
        body: content.body.clone(),
    }
}

/// What a message move task moved is a new message.
pub(crate) fn message_id(message: &StoredMessage, content: &MessageContent) -> String {
    let moved = message.moved.as_ref();
    let id = moved.and_then(|moved| moved.message_id).unwrap_or(content.message_id);
    Uuid::from_bytes(id).to_string()
}

pub(crate) fn system_attributes(
    queue: &CatalogEntry,
    selection: &Selection,
    message: &StoredMessage,
    content: &MessageContent,
) -> BTreeMap<String, String> {
    if selection.system.is_empty() {
        return BTreeMap::new();
    }
    let first_received_at = message.first_received_at().map(|at| at.to_string());
    let source = message.moved.as_ref().and_then(|moved| moved.source_arn.clone());
    let present = [
        ("SenderId", Some(content.sender_id.clone())),
        ("SentTimestamp", Some(message.sent_at.to_string())),
        ("ApproximateReceiveCount", Some(message.receive_count().to_string())),
        ("ApproximateFirstReceiveTimestamp", first_received_at),
        ("SequenceNumber", sequence_number(queue, message.position.sequence)),
        ("MessageDeduplicationId", deduplication_id(queue, message, content)),
        ("MessageGroupId", content.group_id.clone()),
        ("AWSTraceHeader", content.trace_header.clone()),
        ("DeadLetterQueueSourceArn", source),
    ];
    let selected = present.into_iter().filter(|(name, _)| selection.has_system(name));
    selected.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// "The message deduplication ID of a message that is moved to a dead-letter queue is replaced with
/// the original message ID."
fn deduplication_id(
    queue: &CatalogEntry,
    message: &StoredMessage,
    content: &MessageContent,
) -> Option<String> {
    queue.attributes.fifo?;
    match message.moved {
        Some(_) => Some(message_id(message, content)),
        None => content.deduplication_id.clone(),
    }
}

pub(crate) fn user_attributes(
    selection: &Selection,
    attributes: &MessageAttributes,
) -> BTreeMap<String, MessageAttributeValue> {
    let selected = attributes.iter().filter(|attribute| selection.has_user(&attribute.name));
    let to_wire = |attribute: &formiga_engine::message::MessageAttribute| {
        let mut value = MessageAttributeValue {
            data_type: Some(attribute.data_type.clone()),
            ..MessageAttributeValue::default()
        };
        match &attribute.value {
            AttributeValue::Text(text) => value.string_value = Some(text.clone()),
            AttributeValue::Binary(bytes) => value.binary_value = Some(bytes.clone()),
        }
        (attribute.name.clone(), value)
    };
    selected.map(to_wire).collect()
}

fn parse_max(max: Option<i64>) -> Result<usize, ApiError> {
    let max = max.unwrap_or(1);
    if !(1..=RECEIVE_MESSAGES_MAX).contains(&max) {
        let reason = "Must be between 1 and 10, if provided.";
        return Err(error::invalid("MaxNumberOfMessages", max, reason));
    }
    Ok(usize::try_from(max).expect("1 to 10"))
}

fn parse_visibility_timeout(seconds: i64) -> Result<Duration, ApiError> {
    if !VISIBILITY_TIMEOUT_SECONDS.contains(&seconds) {
        let reason = "Must be >= 0 and <= 43200, if provided.";
        return Err(error::invalid("VisibilityTimeout", seconds, reason));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

fn parse_wait_time(seconds: i64) -> Result<Duration, ApiError> {
    if !WAIT_TIME_SECONDS.contains(&seconds) {
        let reason = "Must be >= 0 and <= 20, if provided.";
        return Err(error::invalid("WaitTimeSeconds", seconds, reason));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// As many messages as allowed are in flight.
pub(super) fn over_limit() -> ApiError {
    ApiError::new(
        ErrorKind::OverLimit,
        "The maximum number of in flight messages is reached. Delete messages from the queue after they are processed.",
    )
}
