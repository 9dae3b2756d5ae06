//! The input and output struct of each SQS action, with the names of AWS's own model, and beside
//! each the table of what the Query protocol calls its lists and maps.
//!
//! Every member of an input is optional here: which of them are required, and in which order their
//! absence is noticed, is the server's to say. Empty lists, empty maps and absent members do not
//! appear in outputs, but for the one list that the model requires. Actions whose output is not
//! listed answer with an empty body.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::binary;
use crate::form::{Member, QueryForm, entries, list, list_of, map, map_of, tags};

/// Creates a queue, or finds one that has the same name and the same values of these attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateQueueInput {
    /// The name of the queue.
    pub queue_name: Option<String>,
    /// The attributes to set, by name.
    pub attributes: Option<BTreeMap<String, String>>,
    /// The tags to set, by key. The model spells this member in lower case.
    #[serde(rename = "tags")]
    pub tags: Option<BTreeMap<String, String>>,
}

impl QueryForm for CreateQueueInput {
    const MEMBERS: &[Member] = &[map("Attributes", "Attribute"), tags("tags")];
}

/// What `CreateQueue` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateQueueOutput {
    /// The URL of the queue.
    pub queue_url: String,
}

impl QueryForm for CreateQueueOutput {}

/// Finds the URL of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetQueueUrlInput {
    /// The name of the queue.
    pub queue_name: Option<String>,
    /// The account that owns the queue; the caller's by default.
    #[serde(rename = "QueueOwnerAWSAccountId")]
    pub queue_owner_aws_account_id: Option<String>,
}

impl QueryForm for GetQueueUrlInput {}

/// What `GetQueueUrl` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetQueueUrlOutput {
    /// The URL of the queue.
    pub queue_url: String,
}

impl QueryForm for GetQueueUrlOutput {}

/// Lists the caller's queues in one region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListQueuesInput {
    /// Lists only queues whose names start with this.
    pub queue_name_prefix: Option<String>,
    /// How many queues to list at most, 1 to 1000.
    pub max_results: Option<i64>,
    /// Where to go on, as the previous page told.
    pub next_token: Option<String>,
}

impl QueryForm for ListQueuesInput {}

/// What `ListQueues` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListQueuesOutput {
    /// The URLs of the queues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queue_urls: Vec<String>,
    /// Where to go on, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl QueryForm for ListQueuesOutput {
    const MEMBERS: &[Member] = &[list("QueueUrls", "QueueUrl")];
}

/// Deletes a queue and its messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteQueueInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
}

impl QueryForm for DeleteQueueInput {}

/// Reads attributes of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetQueueAttributesInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The names of the attributes to read, or `All`.
    pub attribute_names: Option<Vec<String>>,
}

impl QueryForm for GetQueueAttributesInput {
    const MEMBERS: &[Member] = &[list("AttributeNames", "AttributeName")];
}

/// What `GetQueueAttributes` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetQueueAttributesOutput {
    /// The attributes that were asked for and are set, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

impl QueryForm for GetQueueAttributesOutput {
    const MEMBERS: &[Member] = &[map("Attributes", "Attribute")];
}

/// Changes attributes of a queue, all of them or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SetQueueAttributesInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The attributes to set, by name.
    pub attributes: Option<BTreeMap<String, String>>,
}

impl QueryForm for SetQueueAttributesInput {
    const MEMBERS: &[Member] = &[map("Attributes", "Attribute")];
}

/// Removes every message of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PurgeQueueInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
}

impl QueryForm for PurgeQueueInput {}

/// Sets tags of a queue; those with other keys stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TagQueueInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The tags to set, by key.
    pub tags: Option<BTreeMap<String, String>>,
}

impl QueryForm for TagQueueInput {
    const MEMBERS: &[Member] = &[tags("Tags")];
}

/// Removes tags of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UntagQueueInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The keys of the tags to remove.
    pub tag_keys: Option<Vec<String>>,
}

impl QueryForm for UntagQueueInput {
    const MEMBERS: &[Member] = &[list("TagKeys", "TagKey")];
}

/// Reads the tags of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListQueueTagsInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
}

impl QueryForm for ListQueueTagsInput {}

/// What `ListQueueTags` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListQueueTagsOutput {
    /// The tags, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl QueryForm for ListQueueTagsOutput {
    const MEMBERS: &[Member] = &[tags("Tags")];
}

/// Adds a statement to the access policy of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AddPermissionInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The name of the statement.
    pub label: Option<String>,
    /// The accounts that are allowed something.
    #[serde(rename = "AWSAccountIds")]
    pub aws_account_ids: Option<Vec<String>>,
    /// The actions that they are allowed, or `*`.
    pub actions: Option<Vec<String>>,
}

impl QueryForm for AddPermissionInput {
    const MEMBERS: &[Member] =
        &[list("AWSAccountIds", "AWSAccountId"), list("Actions", "ActionName")];
}

/// Removes a statement from the access policy of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RemovePermissionInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The name of the statement.
    pub label: Option<String>,
}

impl QueryForm for RemovePermissionInput {}

/// Lists the queues that have a queue as their dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListDeadLetterSourceQueuesInput {
    /// The URL of the dead-letter queue.
    pub queue_url: Option<String>,
    /// How many queues to list at most, 1 to 1000.
    pub max_results: Option<i64>,
    /// Where to go on, as the previous page told.
    pub next_token: Option<String>,
}

impl QueryForm for ListDeadLetterSourceQueuesInput {}

/// What `ListDeadLetterSourceQueues` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListDeadLetterSourceQueuesOutput {
    /// The URLs of the source queues. The model spells this member in lower case and requires it,
    /// so an empty list is told.
    #[serde(rename = "queueUrls")]
    pub queue_urls: Vec<String>,
    /// Where to go on, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

impl QueryForm for ListDeadLetterSourceQueuesOutput {
    const MEMBERS: &[Member] = &[list("queueUrls", "QueueUrl")];
}

/// Starts to move the messages of a dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StartMessageMoveTaskInput {
    /// The ARN of the dead-letter queue.
    pub source_arn: Option<String>,
    /// The ARN of the queue that takes the messages; each message's own source queue by default.
    pub destination_arn: Option<String>,
    /// How many messages to move each second, 1 to 500; as many as possible by default.
    pub max_number_of_messages_per_second: Option<i64>,
}

impl QueryForm for StartMessageMoveTaskInput {}

/// What `StartMessageMoveTask` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartMessageMoveTaskOutput {
    /// Names the task, to cancel it.
    pub task_handle: String,
}

impl QueryForm for StartMessageMoveTaskOutput {}

/// Lists the latest message move tasks of a dead-letter queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListMessageMoveTasksInput {
    /// The ARN of the dead-letter queue.
    pub source_arn: Option<String>,
    /// How many tasks to list at most, 1 to 10; 1 by default.
    pub max_results: Option<i64>,
}

impl QueryForm for ListMessageMoveTasksInput {}

/// What `ListMessageMoveTasks` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMessageMoveTasksOutput {
    /// The tasks, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub results: Vec<ListMessageMoveTasksResultEntry>,
}

impl QueryForm for ListMessageMoveTasksOutput {
    const MEMBERS: &[Member] =
        &[list_of::<ListMessageMoveTasksResultEntry>("Results", "ListMessageMoveTasksResultEntry")];
}

/// A message move task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListMessageMoveTasksResultEntry {
    /// Names the task, to cancel it, while it is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_handle: Option<String>,
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: String,
    /// The ARN of the dead-letter queue.
    pub source_arn: String,
    /// The ARN of the queue that takes the messages, if the task was started with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_arn: Option<String>,
    /// How many messages are moved each second, if the task was started with a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_number_of_messages_per_second: Option<i64>,
    /// How many messages were moved.
    pub approximate_number_of_messages_moved: i64,
    /// How many messages there were to be moved when the task began, once it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate_number_of_messages_to_move: Option<i64>,
    /// Why the task failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    /// When the task was started, in milliseconds since the epoch; a number, unlike the timestamps
    /// of queues and messages.
    pub started_timestamp: i64,
}

impl QueryForm for ListMessageMoveTasksResultEntry {}

/// Ends a message move task. What it has moved stays moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CancelMessageMoveTaskInput {
    /// Names the task.
    pub task_handle: Option<String>,
}

impl QueryForm for CancelMessageMoveTaskInput {}

/// What `CancelMessageMoveTask` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CancelMessageMoveTaskOutput {
    /// How many messages were moved by then.
    pub approximate_number_of_messages_moved: i64,
}

impl QueryForm for CancelMessageMoveTaskOutput {}

/// The value of a message attribute, in requests and in answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MessageAttributeValue {
    /// `String`, `Number` or `Binary`, with an optional label behind a dot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// The value of a `String` or `Number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of a `Binary`.
    #[serde(with = "binary", skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<Vec<u8>>,
    /// In the model, but not implemented by SQS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub string_list_values: Option<Vec<String>>,
    /// In the model, but not implemented by SQS.
    #[serde(with = "binary::list", skip_serializing_if = "Option::is_none")]
    pub binary_list_values: Option<Vec<Vec<u8>>>,
}

impl QueryForm for MessageAttributeValue {
    const MEMBERS: &[Member] =
        &[list("StringListValues", "StringListValue"), list("BinaryListValues", "BinaryListValue")];
}

/// Sends a message to a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendMessageInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The body of the message.
    pub message_body: Option<String>,
    /// How long the message stays delayed, in seconds; the queue's delay by default.
    pub delay_seconds: Option<i64>,
    /// The message attributes, by name.
    pub message_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The system attributes, by name: `AWSTraceHeader`.
    pub message_system_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The deduplication ID, for FIFO queues.
    pub message_deduplication_id: Option<String>,
    /// The message group ID.
    pub message_group_id: Option<String>,
}

impl QueryForm for SendMessageInput {
    const MEMBERS: &[Member] = &[
        map_of::<MessageAttributeValue>("MessageAttributes", "MessageAttribute"),
        map_of::<MessageAttributeValue>("MessageSystemAttributes", "MessageSystemAttribute"),
    ];
}

/// What `SendMessage` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SendMessageOutput {
    /// The ID of the message.
    pub message_id: String,
    /// The MD5 of the body.
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_message_body: String,
    /// The MD5 of the message attributes, if there are any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// The MD5 of the system attributes, if there are any.
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_system_attributes: Option<String>,
    /// The sequence number, on FIFO queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

impl QueryForm for SendMessageOutput {}

/// Sends up to 10 messages to a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendMessageBatchInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The messages.
    pub entries: Option<Vec<SendMessageBatchRequestEntry>>,
}

impl QueryForm for SendMessageBatchInput {
    const MEMBERS: &[Member] =
        &[entries::<SendMessageBatchRequestEntry>("SendMessageBatchRequestEntry")];
}

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SendMessageBatchRequestEntry {
    /// Names the entry within the batch.
    pub id: Option<String>,
    /// The body of the message.
    pub message_body: Option<String>,
    /// How long the message stays delayed, in seconds; the queue's delay by default.
    pub delay_seconds: Option<i64>,
    /// The message attributes, by name.
    pub message_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The system attributes, by name: `AWSTraceHeader`.
    pub message_system_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The deduplication ID, for FIFO queues.
    pub message_deduplication_id: Option<String>,
    /// The message group ID.
    pub message_group_id: Option<String>,
}

impl QueryForm for SendMessageBatchRequestEntry {
    const MEMBERS: &[Member] = SendMessageInput::MEMBERS;
}

/// What `SendMessageBatch` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SendMessageBatchOutput {
    /// The messages that were sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<SendMessageBatchResultEntry>,
    /// The entries that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
}

impl QueryForm for SendMessageBatchOutput {
    const MEMBERS: &[Member] = &[
        list_of::<SendMessageBatchResultEntry>("Successful", "SendMessageBatchResultEntry"),
        FAILED,
    ];
}

/// A message that was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SendMessageBatchResultEntry {
    /// The ID of the entry.
    pub id: String,
    /// The ID of the message.
    pub message_id: String,
    /// The MD5 of the body.
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_message_body: String,
    /// The MD5 of the message attributes, if there are any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// The MD5 of the system attributes, if there are any.
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_system_attributes: Option<String>,
    /// The sequence number, on FIFO queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

impl QueryForm for SendMessageBatchResultEntry {}

/// An entry of a batch that failed, while others may have succeeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchResultErrorEntry {
    /// The ID of the entry.
    pub id: String,
    /// Whether the entry is to blame.
    pub sender_fault: bool,
    /// What the error is called, see [`ErrorKind::entry_code`](crate::error::ErrorKind::entry_code).
    pub code: String,
    /// The sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl QueryForm for BatchResultErrorEntry {}

const FAILED: Member = list_of::<BatchResultErrorEntry>("Failed", "BatchResultErrorEntry");

/// Receives up to 10 messages from a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ReceiveMessageInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The names of the system attributes to return. `MessageSystemAttributeNames` supersedes this
    /// member.
    pub attribute_names: Option<Vec<String>>,
    /// The names of the system attributes to return, or `All`.
    pub message_system_attribute_names: Option<Vec<String>>,
    /// The names of the message attributes to return, or `All`, or a prefix with `.*`.
    pub message_attribute_names: Option<Vec<String>>,
    /// How many messages to return at most, 1 to 10.
    pub max_number_of_messages: Option<i64>,
    /// How long the messages stay in flight, in seconds; the queue's visibility timeout by default.
    pub visibility_timeout: Option<i64>,
    /// How long to wait for a message, in seconds; the queue's wait time by default.
    pub wait_time_seconds: Option<i64>,
    /// Names this attempt, so that a retry returns the same messages, for FIFO queues.
    pub receive_request_attempt_id: Option<String>,
}

impl QueryForm for ReceiveMessageInput {
    const MEMBERS: &[Member] = &[
        list("AttributeNames", "AttributeName"),
        list("MessageSystemAttributeNames", "MessageSystemAttributeName"),
        list("MessageAttributeNames", "MessageAttributeName"),
    ];
}

/// What `ReceiveMessage` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase", bound(serialize = "B: AsRef<str>"))]
pub struct ReceiveMessageOutput<B = String> {
    /// The messages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message<B>>,
}

impl<B> QueryForm for ReceiveMessageOutput<B> {
    const MEMBERS: &[Member] = &[list_of::<Message>("Messages", "Message")];
}

/// A received message. Its body is whatever holds the text: a body of a mebibyte that the server
/// shares behind an `Arc` need not be copied before it is encoded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase", bound(serialize = "B: AsRef<str>"))]
pub struct Message<B = String> {
    /// The ID of the message.
    pub message_id: String,
    /// The receipt handle of this receive.
    pub receipt_handle: String,
    /// The MD5 of the body.
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    /// The body.
    #[serde(serialize_with = "text")]
    pub body: B,
    /// The system attributes that were asked for and are set, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The MD5 of the message attributes returned, if there are any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// The message attributes that were asked for, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub message_attributes: BTreeMap<String, MessageAttributeValue>,
}

impl<B> QueryForm for Message<B> {
    const MEMBERS: &[Member] = &[
        map("Attributes", "Attribute"),
        map_of::<MessageAttributeValue>("MessageAttributes", "MessageAttribute"),
    ];
}

/// Deletes a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteMessageInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The receipt handle of the message's last receive.
    pub receipt_handle: Option<String>,
}

impl QueryForm for DeleteMessageInput {}

/// Deletes up to 10 messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteMessageBatchInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The messages.
    pub entries: Option<Vec<DeleteMessageBatchRequestEntry>>,
}

impl QueryForm for DeleteMessageBatchInput {
    const MEMBERS: &[Member] =
        &[entries::<DeleteMessageBatchRequestEntry>("DeleteMessageBatchRequestEntry")];
}

/// A message to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteMessageBatchRequestEntry {
    /// Names the entry within the batch.
    pub id: Option<String>,
    /// The receipt handle of the message's last receive.
    pub receipt_handle: Option<String>,
}

impl QueryForm for DeleteMessageBatchRequestEntry {}

/// What `DeleteMessageBatch` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteMessageBatchOutput {
    /// The entries whose messages were deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<DeleteMessageBatchResultEntry>,
    /// The entries that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
}

impl QueryForm for DeleteMessageBatchOutput {
    const MEMBERS: &[Member] = &[
        list_of::<DeleteMessageBatchResultEntry>("Successful", "DeleteMessageBatchResultEntry"),
        FAILED,
    ];
}

/// An entry whose message was deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteMessageBatchResultEntry {
    /// The ID of the entry.
    pub id: String,
}

impl QueryForm for DeleteMessageBatchResultEntry {}

/// Changes how long a received message stays in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChangeMessageVisibilityInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The receipt handle of the message's last receive.
    pub receipt_handle: Option<String>,
    /// The new visibility timeout, in seconds from now.
    pub visibility_timeout: Option<i64>,
}

impl QueryForm for ChangeMessageVisibilityInput {}

/// Changes how long up to 10 received messages stay in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChangeMessageVisibilityBatchInput {
    /// The URL of the queue.
    pub queue_url: Option<String>,
    /// The changes.
    pub entries: Option<Vec<ChangeMessageVisibilityBatchRequestEntry>>,
}

impl QueryForm for ChangeMessageVisibilityBatchInput {
    const MEMBERS: &[Member] = &[entries::<ChangeMessageVisibilityBatchRequestEntry>(
        "ChangeMessageVisibilityBatchRequestEntry",
    )];
}

/// The change of one message's visibility timeout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChangeMessageVisibilityBatchRequestEntry {
    /// Names the entry within the batch.
    pub id: Option<String>,
    /// The receipt handle of the message's last receive.
    pub receipt_handle: Option<String>,
    /// The new visibility timeout, in seconds from now.
    pub visibility_timeout: Option<i64>,
}

impl QueryForm for ChangeMessageVisibilityBatchRequestEntry {}

/// What `ChangeMessageVisibilityBatch` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangeMessageVisibilityBatchOutput {
    /// The entries whose changes took effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<ChangeMessageVisibilityBatchResultEntry>,
    /// The entries that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
}

impl QueryForm for ChangeMessageVisibilityBatchOutput {
    const MEMBERS: &[Member] = &[
        list_of::<ChangeMessageVisibilityBatchResultEntry>(
            "Successful",
            "ChangeMessageVisibilityBatchResultEntry",
        ),
        FAILED,
    ];
}

/// An entry whose change took effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangeMessageVisibilityBatchResultEntry {
    /// The ID of the entry.
    pub id: String,
}

impl QueryForm for ChangeMessageVisibilityBatchResultEntry {}

fn text<B: AsRef<str>, S: Serializer>(body: &B, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(body.as_ref())
}
