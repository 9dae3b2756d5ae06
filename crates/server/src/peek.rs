//! `Formiga.PeekMessages`: shows messages without receiving them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use formiga_engine::message::{AttributeValue, Group, MessageContent};
use formiga_engine::queue::{Position, Sequence, StoredMessage};
use formiga_engine::time::Timestamp;
use formiga_wire::formiga::{PeekMessagesInput, PeekMessagesOutput, PeekedMessage};

use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::hex::hex;
use crate::queues::{MessageState, Peeked, QueueHandle, Wanted};
use crate::sqs::{Selection, message_id, system_attributes, user_attributes};

/// Who may receive a queue's messages may look at them.
pub(crate) async fn peek_messages(
    ctx: &Context,
    now: Timestamp,
    input: PeekMessagesInput,
) -> Result<PeekMessagesOutput, ApiError> {
    let queue = ctx.find(Action::ReceiveMessage, input.queue_url.as_deref())?;
    let most = parse_max(input.max_results)?;
    let from = input.next_token.as_deref().map_or(Ok(Position::FIRST), parse_token)?;
    let states = input.states.as_deref().map(parse_states).transpose()?;
    let group = input.message_group_id.as_deref().map(Group::of);
    let young = parse_age("MinimumAgeSeconds", input.minimum_age_seconds)?;
    let old = parse_age("MaximumAgeSeconds", input.maximum_age_seconds)?;
    if input.attribute_value.is_some() && input.attribute_name.is_none() {
        return Err(error::missing("AttributeName"));
    }
    let by_message = |message: &StoredMessage, state: MessageState| {
        let age = now.since(message.sent_at);
        states.as_ref().is_none_or(|states| states.iter().any(|wanted| *wanted == name(state)))
            && group.is_none_or(|group| message.group == Some(group))
            && young.is_none_or(|least| age >= least)
            && old.is_none_or(|most| age <= most)
    };
    let by_content = |content: &MessageContent| {
        let has_text = |text: &String| contains(content, text);
        let has_attribute = |wanted: &String| {
            let mut attributes = content.attributes.iter();
            attributes.any(|attribute| {
                attribute.name == *wanted
                    && input.attribute_value.as_ref().is_none_or(|value| {
                        matches!(&attribute.value, AttributeValue::Text(text) if text == value)
                    })
            })
        };
        input.text.as_ref().is_none_or(has_text)
            && input.attribute_name.as_ref().is_none_or(has_attribute)
    };
    let found = queue.peek(from, Wanted { by_message, by_content, most }).await;
    let found = found.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    Ok(PeekMessagesOutput {
        messages: found.messages.iter().map(|peeked| show(&queue, peeked)).collect(),
        next_token: found.next.map(token),
        scanned: found.scanned,
    })
}

/// Whether the body, or the text of an attribute, contains `text`.
fn contains(content: &MessageContent, text: &str) -> bool {
    content.body.contains(text)
        || content.attributes.iter().any(|attribute| match &attribute.value {
            AttributeValue::Text(value) => value.contains(text),
            AttributeValue::Binary(_) => false,
        })
}

fn show(queue: &QueueHandle, peeked: &Peeked) -> PeekedMessage {
    let Peeked { message, state, content } = peeked;
    let until = match state {
        MessageState::Visible => None,
        MessageState::InFlight(until) | MessageState::Delayed(until) => Some(until.as_millis()),
    };
    let selection = Selection::all();
    PeekedMessage {
        message_id: message_id(message, content),
        state: name(*state).to_owned(),
        until,
        body: content.body.clone(),
        md5_of_body: hex(content.body_md5),
        attributes: system_attributes(queue.entry(), &selection, message, content),
        message_attributes: user_attributes(&selection, &content.attributes),
    }
}

const STATES: [&str; 3] = ["Visible", "InFlight", "Delayed"];

fn name(state: MessageState) -> &'static str {
    match state {
        MessageState::Visible => STATES[0],
        MessageState::InFlight(_) => STATES[1],
        MessageState::Delayed(_) => STATES[2],
    }
}

fn parse_states(names: &[String]) -> Result<Vec<String>, ApiError> {
    match names.iter().find(|name| !STATES.contains(&name.as_str())) {
        Some(unknown) => {
            Err(error::invalid("States", unknown, "Must be Visible, InFlight or Delayed."))
        }
        None => Ok(names.to_vec()),
    }
}

fn parse_max(max: Option<i64>) -> Result<usize, ApiError> {
    let max = max.unwrap_or(10);
    match usize::try_from(max) {
        Ok(max @ 1..=100) => Ok(max),
        _ => Err(error::invalid("MaxResults", max, "Must be between 1 and 100, if provided.")),
    }
}

fn parse_age(name: &str, seconds: Option<i64>) -> Result<Option<Duration>, ApiError> {
    let parse = |seconds: i64| match u64::try_from(seconds) {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => Err(error::invalid(name, seconds, "Must not be negative.")),
    };
    seconds.map(parse).transpose()
}

/// A place in the queue, which stays a place whatever happens to the messages there.
fn token(next: Position) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&next.available_at.as_millis().to_be_bytes());
    bytes[8..].copy_from_slice(&next.sequence.0.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn parse_token(token: &str) -> Result<Position, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok();
    let bytes: Option<[u8; 16]> = decoded.and_then(|bytes| bytes.try_into().ok());
    let Some(bytes) = bytes else {
        return Err(error::invalid("NextToken", token, "Not a token of PeekMessages."));
    };
    let half = |index: usize| {
        let half: [u8; 8] = bytes[index..index + 8].try_into().expect("eight bytes");
        u64::from_be_bytes(half)
    };
    // The store's numbers are signed.
    let (millis, sequence) = (half(0).min(i64::MAX as u64), half(8).min(i64::MAX as u64));
    let available_at = Timestamp::from_millis(millis);
    Ok(Position { available_at, sequence: Sequence(sequence) })
}
