//! `SendMessage`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::limits::{
    DELAY_SECONDS, MESSAGE_GROUP_ID_CHARACTERS_MAX, TRACE_HEADER_BYTES_MAX,
};
use formiga_engine::message::{
    self, ILLEGAL_CHARACTERS, MessageAttributes, MessageContent, UncheckedAttribute,
};
use formiga_engine::queue::{NewMessage, SentMessage, Sequence};
use formiga_wire::error::{ErrorKind, quoted};
use formiga_wire::sqs::{MessageAttributeValue, SendMessageInput, SendMessageOutput};
use uuid::Uuid;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::hex::hex;
use crate::queues::{QueueHandle, TooManySends};

/// Stores a message. It is durable when this returns.
pub(crate) async fn send_message(
    ctx: &Context,
    input: SendMessageInput,
) -> Result<SendMessageOutput, ApiError> {
    let queue = ctx.find(Action::SendMessage, input.queue_url.as_deref())?;
    let message =
        to_message(ctx, Fields::from(input), &queue.entry().attributes, &Wording::SINGLE)?;
    let content = message.content.clone();
    let sent = send(ctx, &queue, vec![message]).await?;
    let sent = sent.into_iter().next();
    Ok(to_output(&queue, &content, sent.expect("one message was sent")))
}

/// Stores messages. What each is told is in their order.
pub(super) async fn send(
    ctx: &Context,
    queue: &QueueHandle,
    messages: Vec<NewMessage>,
) -> Result<Vec<SentMessage>, ApiError> {
    let sent = queue.send(messages, ctx.memory.clone()).await;
    let sent = sent.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    sent.map_err(|TooManySends| {
        ApiError::new(
            ErrorKind::RequestThrottled,
            "Too many messages were sent within the deduplication interval. Nothing was sent; please try again later.",
        )
    })
}

/// What a message consists of in a request, alone or as an entry of a batch.
pub(super) struct Fields {
    pub(super) body: Option<String>,
    pub(super) delay_seconds: Option<i64>,
    pub(super) attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    pub(super) system_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    pub(super) deduplication_id: Option<String>,
    pub(super) group_id: Option<String>,
}

impl From<SendMessageInput> for Fields {
    fn from(input: SendMessageInput) -> Fields {
        Fields {
            body: input.message_body,
            delay_seconds: input.delay_seconds,
            attributes: input.message_attributes,
            system_attributes: input.message_system_attributes,
            deduplication_id: input.message_deduplication_id,
            group_id: input.message_group_id,
        }
    }
}

/// Where AWS words the same refusal differently for a single message and for an entry.
pub(super) struct Wording {
    pub(super) body_parameter: String,
    pub(super) too_long: &'static str,
}

impl Wording {
    const SINGLE: Wording =
        Wording { body_parameter: String::new(), too_long: "One or more parameters are invalid." };
}

/// Checks a message in the order in which AWS does.
pub(super) fn to_message(
    ctx: &Context,
    fields: Fields,
    queue: &QueueAttributes,
    wording: &Wording,
) -> Result<NewMessage, ApiError> {
    let body = fields.body.filter(|body| !body.is_empty());
    let body =
        body.ok_or_else(|| error::missing(format!("{}MessageBody", wording.body_parameter)))?;
    let attributes = fields.attributes.unwrap_or_default();
    check_size(&body, &attributes, queue.maximum_message_size, wording)?;
    if message::illegal_character(&body).is_some() {
        return Err(ApiError::new(ErrorKind::InvalidMessageContents, ILLEGAL_CHARACTERS));
    }
    let delay = fields.delay_seconds.map(parse_delay).transpose()?;
    let is_positive = |delay: &Duration| !delay.is_zero();
    if let Some(delay) = delay.filter(|delay| queue.fifo.is_some() && is_positive(delay)) {
        let reason = "The request include parameter that is not valid for this queue type.";
        return Err(error::invalid("DelaySeconds", delay.as_secs(), reason));
    }
    let group_id = fields.group_id.map(|id| parse_id("MessageGroupId", id)).transpose()?;
    if queue.fifo.is_some() && group_id.is_none() {
        return Err(error::missing("MessageGroupId"));
    }
    let deduplication_id = deduplication_id(queue, fields.deduplication_id, &body)?;
    let attributes = attributes.into_iter().map(|(name, value)| (name, to_unchecked(value)));
    let attributes = MessageAttributes::parse(attributes)
        .map_err(|refusal| error::message_attribute(&refusal))?;
    let trace_header = parse_system_attributes(fields.system_attributes.unwrap_or_default())?;
    let content = MessageContent {
        message_id: ctx.random.uuid().into_bytes(),
        body_md5: message::md5(body.as_bytes()),
        body,
        attributes,
        trace_header: trace_header.or_else(|| trace_header_of_request(ctx)),
        group_id,
        deduplication_id,
        sender_id: ctx.sender_id(),
    };
    Ok(NewMessage { content: Arc::new(content), body: ctx.queues.next_body(), delay })
}

/// The `X-Amzn-Trace-Id` header becomes the message's trace header. One that is too long is left
/// out: a proxy may have added it, which is no reason to refuse the message.
fn trace_header_of_request(ctx: &Context) -> Option<String> {
    ctx.trace_header.clone().filter(|header| header.len() <= TRACE_HEADER_BYTES_MAX)
}

/// A send that repeats another is told that one's id, and the digests of what it carries itself.
fn to_output(
    queue: &QueueHandle,
    content: &MessageContent,
    sent: SentMessage,
) -> SendMessageOutput {
    SendMessageOutput {
        message_id: Uuid::from_bytes(sent.message_id).to_string(),
        md5_of_message_body: hex(content.body_md5),
        md5_of_message_attributes: content.attributes.md5().map(hex),
        md5_of_message_system_attributes: system_attributes_md5(content),
        sequence_number: sequence_number(queue.entry(), sent.sequence),
    }
}

/// The sequence number that messages of FIFO queues have: 20 digits, as AWS's.
pub(super) fn sequence_number(queue: &CatalogEntry, sequence: Sequence) -> Option<String> {
    let number = 10_000_000_000_000_000_000 + u128::from(sequence.0);
    queue.attributes.fifo.map(|_| number.to_string())
}

/// The deduplication id of a message to a FIFO queue: the given one, or that made of the body.
fn deduplication_id(
    queue: &QueueAttributes,
    given: Option<String>,
    body: &str,
) -> Result<Option<String>, ApiError> {
    match (queue.fifo, given) {
        (None, Some(id)) => {
            let reason = "The request includes a parameter that is not valid for this queue type.";
            Err(error::invalid("MessageDeduplicationId", id, reason))
        }
        (None, None) => Ok(None),
        (Some(_), Some(id)) => parse_id("MessageDeduplicationId", id).map(Some),
        (Some(fifo), None) if fifo.content_based_deduplication => {
            Ok(Some(message::content_based_deduplication_id(body)))
        }
        (Some(_), None) => Err(no_deduplication_id()),
    }
}

pub(super) fn no_deduplication_id() -> ApiError {
    ApiError::new(
        ErrorKind::InvalidParameterValue,
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    )
}

/// The digest of the system attributes, if there are any.
pub(super) fn system_attributes_md5(sent: &MessageContent) -> Option<String> {
    sent.trace_header.as_deref().map(|header| hex(message::system_attributes_md5(header)))
}

fn check_size(
    body: &str,
    attributes: &BTreeMap<String, MessageAttributeValue>,
    max: u64,
    wording: &Wording,
) -> Result<(), ApiError> {
    if size(body, attributes) <= max {
        return Ok(());
    }
    let message = format!("{} Reason: Message must be shorter than {max} bytes.", wording.too_long);
    Err(ApiError::new(ErrorKind::InvalidParameterValue, message))
}

/// The size of a message as SQS counts it, in bytes.
pub(super) fn size(body: &str, attributes: &BTreeMap<String, MessageAttributeValue>) -> u64 {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let bytes = |(name, value): (&String, &MessageAttributeValue)| {
        let binary = value.binary_value.as_ref().map_or(0, Vec::len);
        name.len() + text(&value.data_type) + text(&value.string_value) + binary
    };
    (body.len() + attributes.iter().map(bytes).sum::<usize>()) as u64
}

fn parse_delay(seconds: i64) -> Result<Duration, ApiError> {
    if !DELAY_SECONDS.contains(&seconds) {
        let reason = "DelaySeconds must be >= 0 and <= 900.";
        return Err(error::invalid("DelaySeconds", seconds, reason));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// 1 to 128 ASCII letters, digits and punctuation marks.
pub(super) fn parse_id(parameter: &str, id: String) -> Result<String, ApiError> {
    let allowed = id.bytes().all(|byte| byte.is_ascii_graphic());
    if !allowed || !(1..=MESSAGE_GROUP_ID_CHARACTERS_MAX).contains(&id.len()) {
        let reason = format!(
            "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
        );
        return Err(error::invalid(parameter, id, reason));
    }
    Ok(id)
}

fn to_unchecked(value: MessageAttributeValue) -> UncheckedAttribute {
    let any_strings = value.string_list_values.is_some_and(|values| !values.is_empty());
    let any_binaries = value.binary_list_values.is_some_and(|values| !values.is_empty());
    UncheckedAttribute {
        data_type: value.data_type,
        string_value: value.string_value,
        binary_value: value.binary_value,
        has_list_values: any_strings || any_binaries,
    }
}

/// The one system attribute that a sender can set, `AWSTraceHeader`.
fn parse_system_attributes(
    attributes: BTreeMap<String, MessageAttributeValue>,
) -> Result<Option<String>, ApiError> {
    let invalid = |message: String| Err(ApiError::new(ErrorKind::InvalidParameterValue, message));
    let mut trace_header = None;
    for (name, value) in attributes {
        if name != "AWSTraceHeader" {
            let name = quoted(&name);
            return invalid(format!("Message system attribute name '{name}' is invalid."));
        }
        if value.data_type.as_deref() != Some("String") {
            return invalid(format!(
                "The type of message (system) attribute '{name}' is invalid. You must use only the following supported type prefixes: String."
            ));
        }
        match value.string_value {
            Some(text) if text.is_empty() => {
                return invalid(format!(
                    "Message (system) attribute '{name}' must contain a non-empty value of type 'String'."
                ));
            }
            Some(text) if message::illegal_character(&text).is_some() => {
                return invalid(ILLEGAL_CHARACTERS.to_owned());
            }
            Some(text) if text.len() > TRACE_HEADER_BYTES_MAX => {
                return invalid(format!(
                    "Message (system) attribute '{name}' must be shorter than {TRACE_HEADER_BYTES_MAX} bytes."
                ));
            }
            Some(text) => trace_header = Some(text),
            None => {
                return invalid(format!(
                    "The message (system) attribute '{name}' must contain a non-empty message attribute value."
                ));
            }
        }
    }
    Ok(trace_header)
}
