//! Records and what they fold into, as bytes. Every value starts with the version of its layout;
//! a reader that meets a version it does not know says so instead of guessing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, TryGetError};
use formiga_engine::attributes::{
    DeduplicationScope, FifoAttributes, FifoThroughputLimit, QueueAttributes,
};
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::message::Group;
use formiga_engine::message::{
    AttributeValue, MessageAttribute, MessageAttributes, MessageContent,
};
use formiga_engine::names::{AccountId, QueueId, QueueKey, QueueName, Region};
use formiga_engine::queue::{
    BodyId, MoveTask, MoveTaskFailure, MoveTaskStatus, Moved, OutboxEntry, Position, QueueRow,
    Receives, RememberedSend, Sequence, StoredMessage,
};
use formiga_engine::redrive::{RedriveAllowPolicy, RedrivePolicy};
use formiga_engine::tags::Tags;
use formiga_engine::time::Timestamp;

use crate::seal::{SEALED_VERSION, SealedContent, StoredContent};

/// Stored bytes that this version cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer version.
    #[error("a {what} has layout version {version}, which this version of Formiga does not know")]
    UnknownVersion {
        /// What was to be read.
        what: &'static str,
        /// The version found.
        version: u8,
    },
    /// Not what was written.
    #[error("a {what} is damaged")]
    Damaged {
        /// What was to be read.
        what: &'static str,
    },
}

/// What a store keeps of a message beside its position and receives.
pub(crate) fn encode_message(message: &StoredMessage) -> Vec<u8> {
    let plain = message.group.is_none() && message.moved.is_none();
    let mut bytes = Vec::with_capacity(if plain { 21 } else { 128 });
    bytes.put_u8(if plain { VERSION } else { MESSAGE_VERSION });
    bytes.put_u64(message.sent_at.as_millis());
    bytes.put_u64(message.body.0);
    bytes.put_u32(message.size);
    if !plain {
        bytes.put_u8(u8::from(message.group.is_some()));
        bytes.put_u128(message.group.map_or(0, |group| group.0));
        put_moved(&mut bytes, message.moved.as_deref());
    }
    bytes
}

/// Reads both layouts: the first one has neither group nor origin, and is still written where
/// there is neither.
pub(crate) fn decode_message(
    position: Position,
    bytes: &[u8],
    receives: Option<Receives>,
) -> Result<StoredMessage, DecodeError> {
    let plain = bytes.first() == Some(&VERSION);
    let version = if plain { VERSION } else { MESSAGE_VERSION };
    decode_version("message", version, bytes, |bytes| {
        let mut message = StoredMessage {
            position,
            sent_at: timestamp(bytes)?,
            body: BodyId(bytes.try_get_u64()?),
            size: bytes.try_get_u32()?,
            group: None,
            moved: None,
            receives,
        };
        if !plain {
            let has_group = flag(bytes)?;
            message.group = Some(Group(bytes.try_get_u128()?)).filter(|_| has_group);
            message.moved = moved(bytes)?.map(Arc::new);
        }
        Ok(message)
    })
}

fn put_moved(bytes: &mut Vec<u8>, moved: Option<&Moved>) {
    bytes.put_u8(u8::from(moved.is_some()));
    let Some(moved) = moved else { return };
    put_optional_text(bytes, moved.source_arn.as_deref());
    bytes.put_u8(u8::from(moved.message_id.is_some()));
    bytes.put_slice(&moved.message_id.unwrap_or_default());
    bytes.put_u32(moved.receive_count);
    bytes.put_u8(u8::from(moved.first_received_at.is_some()));
    bytes.put_u64(moved.first_received_at.unwrap_or_default().as_millis());
}

fn moved(bytes: &mut &[u8]) -> Result<Option<Moved>, Damaged> {
    if !flag(bytes)? {
        return Ok(None);
    }
    let source_arn = optional_text(bytes)?;
    let has_id = flag(bytes)?;
    let message_id = Some(array(bytes)?).filter(|_| has_id);
    let receive_count = bytes.try_get_u32()?;
    let was_received = flag(bytes)?;
    let first_received_at = Some(timestamp(bytes)?).filter(|_| was_received);
    Ok(Some(Moved { source_arn, message_id, receive_count, first_received_at }))
}

/// An entry of an outbox beside its number.
pub(crate) fn encode_outbox_entry(entry: &OutboxEntry) -> Vec<u8> {
    let mut bytes = versioned(256);
    bytes.put_u64(entry.to.0);
    bytes.put_u64(entry.message.position.available_at.as_millis());
    bytes.put_u64(entry.message.position.sequence.0);
    let message = encode_message(&entry.message);
    put_count(&mut bytes, message.len());
    bytes.put_slice(&message);
    let receives = entry.message.receives.as_ref().map(encode_receives).unwrap_or_default();
    put_count(&mut bytes, receives.len());
    bytes.put_slice(&receives);
    put_moved(&mut bytes, Some(&entry.moved));
    bytes.put_u8(u8::from(entry.as_new));
    bytes
}

pub(crate) fn decode_outbox_entry(number: u64, bytes: &[u8]) -> Result<OutboxEntry, DecodeError> {
    decode("outbox entry", bytes, |bytes| {
        let to = QueueId(bytes.try_get_u64()?);
        let position =
            Position { available_at: timestamp(bytes)?, sequence: Sequence(bytes.try_get_u64()?) };
        let message = slice(bytes)?;
        let receives = slice(bytes)?;
        let receives = Some(receives).filter(|bytes| !bytes.is_empty()).map(decode_receives);
        let receives = receives.transpose().map_err(|_| Damaged)?;
        let message = decode_message(position, message, receives).map_err(|_| Damaged)?;
        let moved = Arc::new(moved(bytes)?.ok_or(Damaged)?);
        Ok(OutboxEntry { to, number, message, moved, as_new: flag(bytes)? })
    })
}

pub(crate) fn encode_move_task(task: &MoveTask) -> Vec<u8> {
    let mut bytes = versioned(128);
    bytes.put_slice(&task.id);
    bytes.put_u64(task.started_at.as_millis());
    let destination = task.destination.as_ref().map(|key| key.arn().to_string());
    put_optional_text(&mut bytes, destination.as_deref());
    bytes.put_u32(task.rate.unwrap_or(0));
    bytes.put_u8(match task.status {
        MoveTaskStatus::Running => 1,
        MoveTaskStatus::Completed => 2,
        MoveTaskStatus::Cancelled => 3,
        MoveTaskStatus::Failed(MoveTaskFailure::QueueDoesNotExist) => 4,
        MoveTaskStatus::Failed(MoveTaskFailure::CouldNotDetermineMessageSource) => 5,
    });
    bytes.put_u64(task.moved);
    bytes.put_u64(task.to_move);
    bytes
}

pub(crate) fn decode_move_task(bytes: &[u8]) -> Result<MoveTask, DecodeError> {
    decode("message move task", bytes, |bytes| {
        let id = array(bytes)?;
        let started_at = timestamp(bytes)?;
        let destination = optional_text(bytes)?.map(|arn| QueueKey::parse_arn(&arn));
        let destination = destination.transpose().map_err(|_| Damaged)?;
        let rate = Some(bytes.try_get_u32()?).filter(|rate| *rate > 0);
        let status = match bytes.try_get_u8()? {
            1 => MoveTaskStatus::Running,
            2 => MoveTaskStatus::Completed,
            3 => MoveTaskStatus::Cancelled,
            4 => MoveTaskStatus::Failed(MoveTaskFailure::QueueDoesNotExist),
            5 => MoveTaskStatus::Failed(MoveTaskFailure::CouldNotDetermineMessageSource),
            _ => return Err(Damaged),
        };
        let (moved, to_move) = (bytes.try_get_u64()?, bytes.try_get_u64()?);
        Ok(MoveTask { id, started_at, destination, rate, status, moved, to_move })
    })
}

/// A remembered send beside its digest and its end.
pub(crate) fn encode_remembered_send(send: &RememberedSend) -> Vec<u8> {
    let mut bytes = versioned(25);
    bytes.put_slice(&send.message_id);
    bytes.put_u64(send.sequence.0);
    bytes
}

pub(crate) fn decode_remembered_send(
    until: Timestamp,
    digest: u128,
    bytes: &[u8],
) -> Result<RememberedSend, DecodeError> {
    decode("remembered send", bytes, |bytes| {
        let message_id = array(bytes)?;
        let sequence = Sequence(bytes.try_get_u64()?);
        Ok(RememberedSend { digest, until, message_id, sequence })
    })
}

pub(crate) fn encode_receives(receives: &Receives) -> Vec<u8> {
    let mut bytes = versioned(29);
    bytes.put_u32(receives.count);
    bytes.put_u64(receives.first_at.as_millis());
    bytes.put_u64(receives.last_at.as_millis());
    bytes.put_u64(receives.visible_at.as_millis());
    bytes
}

pub(crate) fn decode_receives(bytes: &[u8]) -> Result<Receives, DecodeError> {
    decode("receive", bytes, |bytes| {
        Ok(Receives {
            count: bytes.try_get_u32()?,
            first_at: timestamp(bytes)?,
            last_at: timestamp(bytes)?,
            visible_at: timestamp(bytes)?,
        })
    })
}

pub(crate) fn encode_row(row: &QueueRow) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(45 + 16 * row.delay_ends.len());
    bytes.put_u8(ROW_VERSION);
    bytes.put_u64(row.next_sequence.0);
    bytes.put_u64(row.stored);
    put_count(&mut bytes, row.delay_ends.len());
    for (second, count) in &row.delay_ends {
        bytes.put_u64(*second);
        bytes.put_u64(*count);
    }
    bytes.put_u64(row.first_sequence.0);
    bytes.put_u64(row.last_place.as_millis());
    bytes.put_u64(row.next_move);
    bytes
}

/// Reads both layouts that ever were: the first one ends with the delays.
pub(crate) fn decode_row(bytes: &[u8]) -> Result<QueueRow, DecodeError> {
    let first_layout = bytes.first() == Some(&VERSION);
    let version = if first_layout { VERSION } else { ROW_VERSION };
    decode_version("queue row", version, bytes, |bytes| {
        let next_sequence = Sequence(bytes.try_get_u64()?);
        let stored = bytes.try_get_u64()?;
        let mut delay_ends = BTreeMap::new();
        for _ in 0..bytes.try_get_u32()? {
            delay_ends.insert(bytes.try_get_u64()?, bytes.try_get_u64()?);
        }
        let mut row = QueueRow { next_sequence, stored, delay_ends, ..QueueRow::default() };
        if !first_layout {
            row.first_sequence = Sequence(bytes.try_get_u64()?);
            row.last_place = timestamp(bytes)?;
            row.next_move = bytes.try_get_u64()?;
        }
        Ok(row)
    })
}

pub(crate) fn encode_content(content: &MessageContent) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128 + content.size() as usize);
    put_content(&mut bytes, content);
    bytes
}

/// A content as it is kept: plain, or sealed.
pub(crate) fn decode_stored_content(bytes: &[u8]) -> Result<StoredContent, DecodeError> {
    if bytes.first() == Some(&SEALED_VERSION) {
        return SealedContent::parse(bytes.to_vec()).map(StoredContent::Sealed);
    }
    decode_content(bytes).map(|content| StoredContent::Plain(Arc::new(content)))
}

pub(crate) fn put_content(bytes: &mut Vec<u8>, content: &MessageContent) {
    bytes.put_u8(CONTENT_VERSION);
    bytes.put_slice(&content.message_id);
    bytes.put_slice(&content.body_md5);
    put_text(bytes, &content.body);
    put_text(bytes, &content.sender_id);
    put_optional_text(bytes, content.trace_header.as_deref());
    put_optional_text(bytes, content.group_id.as_deref());
    put_optional_text(bytes, content.deduplication_id.as_deref());
    put_count(bytes, content.attributes.iter().len());
    for attribute in content.attributes.iter() {
        put_text(bytes, &attribute.name);
        put_text(bytes, &attribute.data_type);
        match &attribute.value {
            AttributeValue::Text(text) => {
                bytes.put_u8(1);
                put_text(bytes, text);
            }
            AttributeValue::Binary(value) => {
                bytes.put_u8(2);
                put_count(bytes, value.len());
                bytes.put_slice(value);
            }
        }
    }
}

/// Reads both plain layouts that ever were: the first one has no deduplication id.
pub(crate) fn decode_content(bytes: &[u8]) -> Result<MessageContent, DecodeError> {
    let first_layout = bytes.first() == Some(&VERSION);
    let version = if first_layout { VERSION } else { CONTENT_VERSION };
    decode_version("message content", version, bytes, |bytes| {
        let message_id = array(bytes)?;
        let body_md5 = array(bytes)?;
        let body = text(bytes)?;
        let sender_id = text(bytes)?;
        let trace_header = optional_text(bytes)?;
        let group_id = optional_text(bytes)?;
        let deduplication_id = if first_layout { None } else { optional_text(bytes)? };
        let mut attributes = Vec::new();
        for _ in 0..bytes.try_get_u32()? {
            let name = text(bytes)?;
            let data_type = text(bytes)?;
            let value = match bytes.try_get_u8()? {
                1 => AttributeValue::Text(text(bytes)?),
                2 => AttributeValue::Binary(slice(bytes)?.to_vec()),
                _ => return Err(Damaged),
            };
            attributes.push(MessageAttribute { name, data_type, value });
        }
        let attributes = MessageAttributes::from_checked(attributes);
        Ok(MessageContent {
            message_id,
            body,
            body_md5,
            attributes,
            trace_header,
            group_id,
            deduplication_id,
            sender_id,
        })
    })
}

pub(crate) fn encode_entry(entry: &CatalogEntry) -> Vec<u8> {
    let CatalogEntry { id, key, attributes, created_at, modified_at, .. } = entry;
    let mut bytes = Vec::with_capacity(256);
    bytes.put_u8(ENTRY_VERSION);
    bytes.put_u64(id.0);
    put_text(&mut bytes, key.account.as_str());
    put_text(&mut bytes, key.region.as_str());
    put_text(&mut bytes, key.name.as_str());
    bytes.put_u64(created_at.as_millis());
    bytes.put_u64(modified_at.as_millis());
    bytes.put_u64(attributes.delay.as_secs());
    bytes.put_u64(attributes.maximum_message_size);
    bytes.put_u64(attributes.message_retention_period.as_secs());
    bytes.put_u64(attributes.receive_message_wait_time.as_secs());
    bytes.put_u64(attributes.visibility_timeout.as_secs());
    bytes.put_u8(u8::from(attributes.sqs_managed_sse_enabled));
    bytes.put_u64(entry.generation.0);
    bytes.put_u64(entry.kept_from.as_millis());
    bytes.put_u8(u8::from(entry.purged_at.is_some()));
    bytes.put_u64(entry.purged_at.unwrap_or_default().as_millis());
    put_optional_text(&mut bytes, attributes.policy.as_deref());
    let redrive = attributes.redrive_policy.as_ref().map(ToString::to_string);
    put_optional_text(&mut bytes, redrive.as_deref());
    let redrive_allow = attributes.redrive_allow_policy.as_ref().map(ToString::to_string);
    put_optional_text(&mut bytes, redrive_allow.as_deref());
    put_optional_text(&mut bytes, attributes.kms_master_key_id.as_deref());
    bytes.put_u64(attributes.kms_data_key_reuse_period.as_secs());
    put_count(&mut bytes, entry.tags.len());
    for (key, value) in &entry.tags {
        put_text(&mut bytes, key);
        put_text(&mut bytes, value);
    }
    bytes.put_u8(u8::from(attributes.fifo.is_some()));
    if let Some(fifo) = &attributes.fifo {
        bytes.put_u8(u8::from(fifo.content_based_deduplication));
        bytes.put_u8(scope_number(fifo.deduplication_scope));
        bytes.put_u8(match fifo.fifo_throughput_limit {
            FifoThroughputLimit::PerQueue => 0,
            FifoThroughputLimit::PerMessageGroupId => 1,
        });
        bytes.put_u8(scope_number(fifo.scope_at_creation));
    }
    bytes
}

fn scope_number(scope: DeduplicationScope) -> u8 {
    match scope {
        DeduplicationScope::Queue => 0,
        DeduplicationScope::MessageGroup => 1,
    }
}

/// Reads every layout that ever was: the first one ends before the generation, the second one
/// after the tags.
pub(crate) fn decode_entry(bytes: &[u8]) -> Result<CatalogEntry, DecodeError> {
    let version = match bytes.first() {
        Some(&older @ 1..ENTRY_VERSION) => older,
        _ => ENTRY_VERSION,
    };
    decode_version("catalog entry", version, bytes, |bytes| {
        let id = QueueId(bytes.try_get_u64()?);
        let key = QueueKey {
            account: AccountId::parse(&text(bytes)?).map_err(|_| Damaged)?,
            region: Region::parse(&text(bytes)?).map_err(|_| Damaged)?,
            name: QueueName::parse(&text(bytes)?).map_err(|_| Damaged)?,
        };
        let created_at = timestamp(bytes)?;
        let modified_at = timestamp(bytes)?;
        let attributes = QueueAttributes {
            delay: seconds(bytes)?,
            maximum_message_size: bytes.try_get_u64()?,
            message_retention_period: seconds(bytes)?,
            receive_message_wait_time: seconds(bytes)?,
            visibility_timeout: seconds(bytes)?,
            sqs_managed_sse_enabled: bytes.try_get_u8()? != 0,
            ..QueueAttributes::default()
        };
        let mut entry = CatalogEntry {
            id,
            generation: id,
            key,
            attributes,
            tags: Tags::new(),
            created_at,
            modified_at,
            purged_at: None,
            kept_from: Timestamp::EPOCH,
        };
        if version >= 2 {
            decode_second_part(bytes, &mut entry)?;
        }
        if version >= 3 {
            entry.attributes.fifo = decode_fifo(bytes)?;
        }
        Ok(entry)
    })
}

fn decode_second_part(bytes: &mut &[u8], entry: &mut CatalogEntry) -> Result<(), Damaged> {
    entry.generation = QueueId(bytes.try_get_u64()?);
    entry.kept_from = timestamp(bytes)?;
    let was_purged = bytes.try_get_u8()? != 0;
    entry.purged_at = Some(timestamp(bytes)?).filter(|_| was_purged);
    let attributes = &mut entry.attributes;
    attributes.policy = optional_text(bytes)?;
    let redrive = optional_text(bytes)?.map(|json| RedrivePolicy::parse(&json));
    attributes.redrive_policy = redrive.transpose().map_err(|_| Damaged)?;
    let redrive_allow = optional_text(bytes)?.map(|json| RedriveAllowPolicy::parse(&json));
    attributes.redrive_allow_policy = redrive_allow.transpose().map_err(|_| Damaged)?;
    attributes.kms_master_key_id = optional_text(bytes)?;
    attributes.kms_data_key_reuse_period = seconds(bytes)?;
    for _ in 0..bytes.try_get_u32()? {
        entry.tags.insert(text(bytes)?, text(bytes)?);
    }
    Ok(())
}

fn decode_fifo(bytes: &mut &[u8]) -> Result<Option<FifoAttributes>, Damaged> {
    match bytes.try_get_u8()? {
        0 => Ok(None),
        1 => Ok(Some(FifoAttributes {
            content_based_deduplication: bytes.try_get_u8()? != 0,
            deduplication_scope: scope(bytes)?,
            fifo_throughput_limit: match bytes.try_get_u8()? {
                0 => FifoThroughputLimit::PerQueue,
                1 => FifoThroughputLimit::PerMessageGroupId,
                _ => return Err(Damaged),
            },
            scope_at_creation: scope(bytes)?,
        })),
        _ => Err(Damaged),
    }
}

fn scope(bytes: &mut &[u8]) -> Result<DeduplicationScope, Damaged> {
    match bytes.try_get_u8()? {
        0 => Ok(DeduplicationScope::Queue),
        1 => Ok(DeduplicationScope::MessageGroup),
        _ => Err(Damaged),
    }
}

/// The third layout of a catalog entry. The second one brought a generation, tags and policies,
/// the third the settings of FIFO queues.
const ENTRY_VERSION: u8 = 3;

/// The second layouts of a message, with group and origin, of a content, with a deduplication id,
/// and of a row, with what FIFO queues and moves need.
const MESSAGE_VERSION: u8 = 2;
const CONTENT_VERSION: u8 = 2;
const ROW_VERSION: u8 = 2;

const VERSION: u8 = 1;

pub(crate) fn versioned(capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(capacity);
    bytes.put_u8(VERSION);
    bytes
}

/// The bytes end early, or say what nothing valid says.
pub(crate) struct Damaged;

impl From<TryGetError> for Damaged {
    fn from(_: TryGetError) -> Damaged {
        Damaged
    }
}

pub(crate) fn decode<T>(
    what: &'static str,
    bytes: &[u8],
    layout: impl FnOnce(&mut &[u8]) -> Result<T, Damaged>,
) -> Result<T, DecodeError> {
    decode_version(what, VERSION, bytes, layout)
}

fn decode_version<T>(
    what: &'static str,
    known: u8,
    bytes: &[u8],
    layout: impl FnOnce(&mut &[u8]) -> Result<T, Damaged>,
) -> Result<T, DecodeError> {
    decode_start(what, known, bytes, |bytes| {
        let value = layout(bytes)?;
        if bytes.is_empty() { Ok(value) } else { Err(Damaged) }
    })
}

/// Reads a value whose `layout` need not go to its end.
pub(crate) fn decode_start<T>(
    what: &'static str,
    known: u8,
    mut bytes: &[u8],
    layout: impl FnOnce(&mut &[u8]) -> Result<T, Damaged>,
) -> Result<T, DecodeError> {
    let damaged = DecodeError::Damaged { what };
    let version = bytes.try_get_u8().map_err(|_| damaged.clone())?;
    if version != known {
        return Err(DecodeError::UnknownVersion { what, version });
    }
    layout(&mut bytes).map_err(|Damaged| damaged)
}

pub(crate) fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.put_u32(u32::try_from(count).expect("a message is far smaller than 4 GiB"));
}

pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_count(bytes, text.len());
    bytes.put_slice(text.as_bytes());
}

pub(crate) fn put_optional_text(bytes: &mut Vec<u8>, text: Option<&str>) {
    bytes.put_u8(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(bytes, text);
    }
}

pub(crate) fn slice<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8], Damaged> {
    let length = bytes.try_get_u32()? as usize;
    let (slice, rest) = bytes.split_at_checked(length).ok_or(Damaged)?;
    *bytes = rest;
    Ok(slice)
}

pub(crate) fn text(bytes: &mut &[u8]) -> Result<String, Damaged> {
    String::from_utf8(slice(bytes)?.to_vec()).map_err(|_| Damaged)
}

pub(crate) fn flag(bytes: &mut &[u8]) -> Result<bool, Damaged> {
    match bytes.try_get_u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Damaged),
    }
}

pub(crate) fn optional_text(bytes: &mut &[u8]) -> Result<Option<String>, Damaged> {
    match bytes.try_get_u8()? {
        0 => Ok(None),
        1 => text(bytes).map(Some),
        _ => Err(Damaged),
    }
}

fn array(bytes: &mut &[u8]) -> Result<[u8; 16], Damaged> {
    let mut array = [0; 16];
    bytes.try_copy_to_slice(&mut array)?;
    Ok(array)
}

pub(crate) fn timestamp(bytes: &mut &[u8]) -> Result<Timestamp, Damaged> {
    Ok(Timestamp::from_millis(bytes.try_get_u64()?))
}

fn seconds(bytes: &mut &[u8]) -> Result<Duration, Damaged> {
    Ok(Duration::from_secs(bytes.try_get_u64()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_timestamp() -> impl Strategy<Value = Timestamp> {
        any::<u64>().prop_map(Timestamp::from_millis)
    }

    prop_compose! {
        fn any_receives()(
            count in any::<u32>(),
            first_at in any_timestamp(),
            last_at in any_timestamp(),
            visible_at in any_timestamp(),
        ) -> Receives {
            Receives { count, first_at, last_at, visible_at }
        }
    }

    prop_compose! {
        fn any_attribute()(
            name in ".*",
            data_type in ".*",
            value in prop_oneof![
                ".*".prop_map(AttributeValue::Text),
                any::<Vec<u8>>().prop_map(AttributeValue::Binary),
            ],
        ) -> MessageAttribute {
            MessageAttribute { name, data_type, value }
        }
    }

    prop_compose! {
        fn any_content()(
            message_id in any::<[u8; 16]>(),
            body_md5 in any::<[u8; 16]>(),
            body in ".*",
            sender_id in ".*",
            trace_header in proptest::option::of(".*"),
            group_id in proptest::option::of(".*"),
            deduplication_id in proptest::option::of(".*"),
            attributes in proptest::collection::vec(any_attribute(), 0..10),
        ) -> MessageContent {
            let attributes = MessageAttributes::from_checked(attributes);
            MessageContent {
                message_id,
                body,
                body_md5,
                attributes,
                trace_header,
                group_id,
                deduplication_id,
                sender_id,
            }
        }
    }

    prop_compose! {
        fn any_moved()(
            source_arn in proptest::option::of(".*"),
            message_id in proptest::option::of(any::<[u8; 16]>()),
            receive_count in any::<u32>(),
            first_received_at in proptest::option::of(any_timestamp()),
        ) -> Moved {
            Moved { source_arn, message_id, receive_count, first_received_at }
        }
    }

    prop_compose! {
        fn any_message()(
            (available_at, sent_at) in (any_timestamp(), any_timestamp()),
            (sequence, body, size) in (any::<u64>(), any::<u64>(), any::<u32>()),
            group in proptest::option::of(any::<u128>().prop_map(Group)),
            moved in proptest::option::of(any_moved().prop_map(Arc::new)),
            receives in proptest::option::of(any_receives()),
        ) -> StoredMessage {
            let position = Position { available_at, sequence: Sequence(sequence) };
            StoredMessage { position, sent_at, body: BodyId(body), size, group, moved, receives }
        }
    }

    prop_compose! {
        fn any_move_task()(
            id in any::<[u8; 16]>(),
            (started_at, rate) in (any_timestamp(), proptest::option::of(1..=500_u32)),
            (moved, to_move) in (any::<u64>(), any::<u64>()),
            to_queue in any::<bool>(),
            status in prop_oneof![
                Just(MoveTaskStatus::Running),
                Just(MoveTaskStatus::Completed),
                Just(MoveTaskStatus::Cancelled),
                Just(MoveTaskStatus::Failed(MoveTaskFailure::QueueDoesNotExist)),
                Just(MoveTaskStatus::Failed(MoveTaskFailure::CouldNotDetermineMessageSource)),
            ],
        ) -> MoveTask {
            let key = QueueKey::parse_arn("arn:aws:sqs:eu-west-1:000000000000:jobs").unwrap();
            let destination = to_queue.then_some(key);
            MoveTask { id, started_at, destination, rate, status, moved, to_move }
        }
    }

    fn any_fifo() -> impl Strategy<Value = FifoAttributes> {
        let any_scope =
            || prop_oneof![Just(DeduplicationScope::Queue), Just(DeduplicationScope::MessageGroup)];
        let any_limit = prop_oneof![
            Just(FifoThroughputLimit::PerQueue),
            Just(FifoThroughputLimit::PerMessageGroupId)
        ];
        (any::<bool>(), any_scope(), any_limit, any_scope()).prop_map(
            |(content_based_deduplication, scope, fifo_throughput_limit, scope_at_creation)| {
                FifoAttributes {
                    content_based_deduplication,
                    deduplication_scope: scope,
                    fifo_throughput_limit,
                    scope_at_creation,
                }
            },
        )
    }

    prop_compose! {
        fn any_entry()(
            id in any::<u64>(),
            account in "[0-9]{12}",
            region in "[a-z0-9-]{1,64}",
            name in "[A-Za-z0-9_-]{1,80}",
            seconds in proptest::array::uniform5(any::<u64>()),
            (generation, kept_from, purged_at) in
                (any::<u64>(), any_timestamp(), proptest::option::of(any_timestamp())),
            policy in proptest::option::of(".*"),
            max_receive_count in proptest::option::of(1..=1000_u32),
            sources in proptest::option::of(proptest::collection::vec(".*", 1..10)),
            kms_master_key_id in proptest::option::of(".*"),
            tags in proptest::collection::btree_map(".*", ".*", 0..5),
            maximum_message_size in any::<u64>(),
            (sqs_managed_sse_enabled, fifo) in
                (any::<bool>(), proptest::option::of(any_fifo())),
            created_at in any_timestamp(),
            modified_at in any_timestamp(),
        ) -> CatalogEntry {
            let [delay, retention, wait, visibility, reuse] = seconds.map(Duration::from_secs);
            let key = QueueKey {
                account: AccountId::parse(&account).unwrap(),
                region: Region::parse(&region).unwrap(),
                name: QueueName::parse(&name).unwrap(),
            };
            let redrive_policy = max_receive_count.map(|max_receive_count| RedrivePolicy {
                target: key.clone(),
                dead_letter_target_arn: key.arn().to_string(),
                max_receive_count,
            });
            CatalogEntry {
                id: QueueId(id),
                generation: QueueId(generation),
                kept_from,
                purged_at,
                tags,
                key,
                attributes: QueueAttributes {
                    delay,
                    maximum_message_size,
                    message_retention_period: retention,
                    receive_message_wait_time: wait,
                    visibility_timeout: visibility,
                    sqs_managed_sse_enabled,
                    policy,
                    redrive_policy,
                    redrive_allow_policy: sources.map(RedriveAllowPolicy::ByQueue),
                    kms_master_key_id,
                    kms_data_key_reuse_period: reuse,
                    fifo,
                },
                created_at,
                modified_at,
            }
        }
    }

    proptest! {
        #[test]
        fn decode_undoes_encode(
            receives in any_receives(),
            content in any_content(),
            entry in any_entry(),
            message in any_message(),
            moved in any_moved(),
            (to, number, as_new) in (any::<u64>(), any::<u64>(), any::<bool>()),
            task in any_move_task(),
            numbers in any::<[u64; 5]>(),
            delay_ends in proptest::collection::btree_map(any::<u64>(), any::<u64>(), 0..20),
        ) {
            prop_assert_eq!(decode_receives(&encode_receives(&receives)), Ok(receives));
            prop_assert_eq!(decode_content(&encode_content(&content)), Ok(content));
            prop_assert_eq!(decode_entry(&encode_entry(&entry)), Ok(entry));
            let (position, receives) = (message.position, message.receives);
            let decoded = decode_message(position, &encode_message(&message), receives);
            prop_assert_eq!(decoded, Ok(message.clone()));
            let moved = Arc::new(moved);
            let entry = OutboxEntry { to: QueueId(to), number, message, moved, as_new };
            prop_assert_eq!(decode_outbox_entry(number, &encode_outbox_entry(&entry)), Ok(entry));
            prop_assert_eq!(decode_move_task(&encode_move_task(&task)), Ok(task));
            let [next_sequence, first_sequence, stored, last_place, next_move] = numbers;
            let row = QueueRow {
                next_sequence: Sequence(next_sequence),
                first_sequence: Sequence(first_sequence),
                last_place: Timestamp::from_millis(last_place),
                next_move,
                stored,
                delay_ends,
            };
            prop_assert_eq!(decode_row(&encode_row(&row)), Ok(row));
        }

        #[test]
        fn any_bytes_decode_to_a_value_or_an_error(bytes in any::<Vec<u8>>()) {
            let with = |version: u8| {
                let mut bytes = bytes.clone();
                bytes.insert(0, version);
                bytes
            };
            for bytes in [with(VERSION), with(2), with(ENTRY_VERSION), bytes] {
                let _ = decode_outbox_entry(1, &bytes);
                let _ = decode_move_task(&bytes);
                let _ = decode_remembered_send(Timestamp::EPOCH, 1, &bytes);
                let _ = decode_receives(&bytes);
                let _ = decode_content(&bytes);
                let _ = decode_entry(&bytes);
                let _ = decode_row(&bytes);
                let _ = decode_message(Position::FIRST, &bytes, None);
            }
        }
    }

    /// The bytes that the first version of the layout gave the queue `jobs`.
    #[test]
    fn an_entry_in_the_first_layout_is_read() {
        let mut bytes = vec![1];
        bytes.put_u64(7);
        for part in ["000000000000", "eu-west-1", "jobs"] {
            put_text(&mut bytes, part);
        }
        for number in [1_000, 2_000, 5, 2048, 60, 20, 30] {
            bytes.put_u64(number);
        }
        bytes.put_u8(1);
        let entry = decode_entry(&bytes).unwrap();
        assert_eq!((entry.id, entry.generation), (QueueId(7), QueueId(7)));
        assert_eq!(entry.key.arn().to_string(), "arn:aws:sqs:eu-west-1:000000000000:jobs");
        let attributes = QueueAttributes {
            delay: Duration::from_secs(5),
            maximum_message_size: 2048,
            message_retention_period: Duration::from_secs(60),
            receive_message_wait_time: Duration::from_secs(20),
            visibility_timeout: Duration::from_secs(30),
            ..QueueAttributes::default()
        };
        assert_eq!(entry.attributes, attributes);
        assert!(entry.tags.is_empty() && entry.purged_at.is_none());
    }

    /// An entry as it was written by the last version that used the second layout.
    const SECOND_LAYOUT: &[u8] = b"\
        \x02\x00\x00\x00\x00\x00\x00\x00\x01\
        \x00\x00\x00\x0c000000000000\
        \x00\x00\x00\x09eu-west-1\
        \x00\x00\x00\x04jobs\
        \x00\x00\x01\xa2\x08~I2\x00\x00\x01\xa2\x08~I4\
        \x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00F\x00\x00\x00\x00\x00\x00\x00\x14\x00\x00\x00\x00\x00\x00\x00\x1f\
        \x00\
        \x00\x00\x00\x00\x00\x00\x00\x02\
        \x00\x00\x01\xa2\x08}^\xd5\
        \x01\x00\x00\x01\xa2\x08~I7\
        \x01\x00\x00\x00={\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Principal\":\"*\"}}\
        \x01\x00\x00\x00U{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:000000000000:dead\",\"maxReceiveCount\":3}\
        \x01\x00\x00\x00\x1f{\"redrivePermission\":\"denyAll\"}\
        \x01\x00\x00\x00\x03key\
        \x00\x00\x00\x00\x00\x00\x02X\x00\x00\x00\x01\x00\x00\x00\x04team\x00\x00\x00\x04shop";

    #[test]
    fn an_entry_in_the_second_layout_is_read() {
        let entry = decode_entry(SECOND_LAYOUT).unwrap();
        assert_eq!((entry.id, entry.generation), (QueueId(1), QueueId(2)));
        assert_eq!(entry.key.arn().to_string(), "arn:aws:sqs:eu-west-1:000000000000:jobs");
        let times = [entry.created_at, entry.modified_at, entry.kept_from];
        let times = times.map(Timestamp::as_millis);
        assert_eq!(times, [1_795_438_823_730, 1_795_438_823_732, 1_795_438_763_733]);
        assert_eq!(entry.purged_at, Some(Timestamp::from_millis(1_795_438_823_735)));
        assert_eq!(entry.tags, Tags::from([("team".to_owned(), "shop".to_owned())]));
        let redrive = r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:dead","maxReceiveCount":3}"#;
        let policy = r#"{"Statement":{"Effect":"Allow","Action":"*","Principal":"*"}}"#;
        let attributes = QueueAttributes {
            delay: Duration::from_secs(5),
            maximum_message_size: 2048,
            message_retention_period: Duration::from_secs(70),
            receive_message_wait_time: Duration::from_secs(20),
            visibility_timeout: Duration::from_secs(31),
            policy: Some(policy.to_owned()),
            redrive_policy: Some(RedrivePolicy::parse(redrive).unwrap()),
            redrive_allow_policy: Some(RedriveAllowPolicy::DenyAll),
            sqs_managed_sse_enabled: false,
            kms_master_key_id: Some("key".to_owned()),
            kms_data_key_reuse_period: Duration::from_secs(600),
            fifo: None,
        };
        assert_eq!(entry.attributes, attributes);
    }

    #[test]
    fn rows_messages_and_contents_in_their_first_layouts_are_read() {
        let mut bytes = vec![1];
        bytes.put_u64(9);
        bytes.put_u64(4);
        bytes.put_u32(0);
        let row = decode_row(&bytes).unwrap();
        assert_eq!((row.next_sequence, row.stored, row.next_move), (Sequence(9), 4, 0));
        let mut bytes = vec![1];
        bytes.put_slice(&[7; 32]);
        put_text(&mut bytes, "body");
        put_text(&mut bytes, "sender");
        bytes.put_slice(&[0, 0]);
        bytes.put_u32(0);
        let content = decode_content(&bytes).unwrap();
        assert_eq!((content.body.as_str(), content.deduplication_id), ("body", None));
        let plain = StoredMessage {
            position: Position::FIRST,
            sent_at: Timestamp::from_millis(5),
            body: BodyId(6),
            size: 7,
            group: None,
            moved: None,
            receives: None,
        };
        let bytes = encode_message(&plain);
        assert_eq!((bytes[0], bytes.len()), (1, 21), "a plain message takes no more than before");
    }

    #[test]
    fn a_newer_version_is_named_not_guessed() {
        let error = decode_row(&[9, 0, 0]).unwrap_err();
        assert_eq!(error, DecodeError::UnknownVersion { what: "queue row", version: 9 });
        let error = decode_entry(&[ENTRY_VERSION + 1, 0, 0]).unwrap_err();
        let (what, version) = ("catalog entry", ENTRY_VERSION + 1);
        assert_eq!(error, DecodeError::UnknownVersion { what, version });
    }

    #[test]
    fn trailing_and_missing_bytes_are_damage() {
        let bytes = encode_row(&QueueRow::default());
        let damaged = Err(DecodeError::Damaged { what: "queue row" });
        assert_eq!(decode_row(&bytes[..bytes.len() - 1]), damaged);
        assert_eq!(decode_row(&[bytes, vec![0]].concat()), damaged);
    }
}
