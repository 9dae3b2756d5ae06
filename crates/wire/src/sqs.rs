//! The input and output struct of each SQS action, with the names of AWS's own model.
//!
//! Every scalar of an input is optional here: which of them are required, and in which order their
//! absence is noticed, is the server's to say. Empty lists and maps and absent members do not
//! appear in outputs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scalar;

/// The value of a message attribute, in requests and in answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct MessageAttributeValue {
    /// `String`, `Number` or `Binary`, with an optional label behind a dot.
    #[serde(
        rename = "DataType",
        deserialize_with = "scalar::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub data_type: Option<String>,
    /// The value of a `String` or `Number`.
    #[serde(
        rename = "StringValue",
        deserialize_with = "scalar::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub string_value: Option<String>,
    /// The value of a `Binary`, decoded.
    #[serde(
        rename = "BinaryValue",
        deserialize_with = "scalar::binary",
        serialize_with = "scalar::write_binary",
        skip_serializing_if = "Option::is_none"
    )]
    pub binary_value: Option<Vec<u8>>,
    /// Reserved by SQS.
    #[serde(
        rename = "StringListValues",
        deserialize_with = "scalar::texts",
        skip_serializing_if = "Option::is_none"
    )]
    pub string_list_values: Option<Vec<String>>,
    /// Reserved by SQS.
    #[serde(
        rename = "BinaryListValues",
        deserialize_with = "scalar::binaries",
        serialize_with = "scalar::write_binaries",
        skip_serializing_if = "Option::is_none"
    )]
    pub binary_list_values: Option<Vec<Vec<u8>>>,
}

/// Input of `CreateQueue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CreateQueueInput {
    /// The name of the queue.
    #[serde(rename = "QueueName", deserialize_with = "scalar::text")]
    pub queue_name: Option<String>,
    /// Attributes to set, by name.
    #[serde(rename = "Attributes", deserialize_with = "scalar::text_map")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Tags to set. The model spells this member in lower case.
    #[serde(rename = "tags", deserialize_with = "scalar::text_map")]
    pub tags: Option<BTreeMap<String, String>>,
}

/// Output of `CreateQueue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CreateQueueOutput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl")]
    pub queue_url: String,
}

/// Input of `GetQueueUrl`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct GetQueueUrlInput {
    /// The name of the queue.
    #[serde(rename = "QueueName", deserialize_with = "scalar::text")]
    pub queue_name: Option<String>,
    /// The account that owns the queue; the caller's by default.
    #[serde(rename = "QueueOwnerAWSAccountId", deserialize_with = "scalar::text")]
    pub queue_owner_aws_account_id: Option<String>,
}

/// Output of `GetQueueUrl`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GetQueueUrlOutput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl")]
    pub queue_url: String,
}

/// Input of `ListQueues`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ListQueuesInput {
    /// Only queues whose names start with this.
    #[serde(rename = "QueueNamePrefix", deserialize_with = "scalar::text")]
    pub queue_name_prefix: Option<String>,
    /// How many queues to list at most.
    #[serde(rename = "MaxResults", deserialize_with = "scalar::integer")]
    pub max_results: Option<i64>,
    /// Where to go on.
    #[serde(rename = "NextToken", deserialize_with = "scalar::text")]
    pub next_token: Option<String>,
}

/// Output of `ListQueues`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ListQueuesOutput {
    /// The URLs of the queues.
    #[serde(rename = "QueueUrls", skip_serializing_if = "Vec::is_empty")]
    pub queue_urls: Vec<String>,
    /// Where to go on, if there are more.
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Input of `DeleteQueue`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DeleteQueueInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
}

/// Input of `GetQueueAttributes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct GetQueueAttributesInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The attributes asked for.
    #[serde(rename = "AttributeNames", deserialize_with = "scalar::texts")]
    pub attribute_names: Option<Vec<String>>,
}

/// Output of `GetQueueAttributes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GetQueueAttributesOutput {
    /// The attributes by name.
    #[serde(rename = "Attributes", skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Input of `SendMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SendMessageInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The body.
    #[serde(rename = "MessageBody", deserialize_with = "scalar::text")]
    pub message_body: Option<String>,
    /// How long the message stays delayed, in seconds.
    #[serde(rename = "DelaySeconds", deserialize_with = "scalar::integer")]
    pub delay_seconds: Option<i64>,
    /// The message attributes by name.
    #[serde(rename = "MessageAttributes")]
    pub message_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The system attributes by name.
    #[serde(rename = "MessageSystemAttributes")]
    pub message_system_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The deduplication id, for FIFO queues.
    #[serde(rename = "MessageDeduplicationId", deserialize_with = "scalar::text")]
    pub message_deduplication_id: Option<String>,
    /// The message group id.
    #[serde(rename = "MessageGroupId", deserialize_with = "scalar::text")]
    pub message_group_id: Option<String>,
}

/// Output of `SendMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendMessageOutput {
    /// The id of the message.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// MD5 of the body.
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_message_body: String,
    /// MD5 of the message attributes, if there are any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// MD5 of the system attributes, if there are any.
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_system_attributes: Option<String>,
    /// The sequence number, on FIFO queues.
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

/// Input of `SendMessageBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SendMessageBatchInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The messages.
    #[serde(rename = "Entries")]
    pub entries: Option<Vec<SendMessageBatchRequestEntry>>,
}

/// One message of a `SendMessageBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SendMessageBatchRequestEntry {
    /// Names the entry within the batch.
    #[serde(rename = "Id", deserialize_with = "scalar::text")]
    pub id: Option<String>,
    /// The body.
    #[serde(rename = "MessageBody", deserialize_with = "scalar::text")]
    pub message_body: Option<String>,
    /// How long the message stays delayed, in seconds.
    #[serde(rename = "DelaySeconds", deserialize_with = "scalar::integer")]
    pub delay_seconds: Option<i64>,
    /// The message attributes by name.
    #[serde(rename = "MessageAttributes")]
    pub message_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The system attributes by name.
    #[serde(rename = "MessageSystemAttributes")]
    pub message_system_attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    /// The deduplication id, for FIFO queues.
    #[serde(rename = "MessageDeduplicationId", deserialize_with = "scalar::text")]
    pub message_deduplication_id: Option<String>,
    /// The message group id.
    #[serde(rename = "MessageGroupId", deserialize_with = "scalar::text")]
    pub message_group_id: Option<String>,
}

/// Output of `SendMessageBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendMessageBatchOutput {
    /// The messages that were stored.
    #[serde(rename = "Successful", skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<SendMessageBatchResultEntry>,
    /// The entries that were refused.
    #[serde(rename = "Failed", skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
}

/// A message that was stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendMessageBatchResultEntry {
    /// The id of the entry.
    #[serde(rename = "Id")]
    pub id: String,
    /// The id of the message.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// MD5 of the body.
    #[serde(rename = "MD5OfMessageBody")]
    pub md5_of_message_body: String,
    /// MD5 of the message attributes, if there are any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// MD5 of the system attributes, if there are any.
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_system_attributes: Option<String>,
    /// The sequence number, on FIFO queues.
    #[serde(rename = "SequenceNumber", skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<String>,
}

/// An entry that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchResultErrorEntry {
    /// The id of the entry.
    #[serde(rename = "Id")]
    pub id: String,
    /// Whether the entry is to blame.
    #[serde(rename = "SenderFault")]
    pub sender_fault: bool,
    /// The error code, without a prefix.
    #[serde(rename = "Code")]
    pub code: String,
    /// The sentence for people.
    #[serde(rename = "Message", skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Input of `ReceiveMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ReceiveMessageInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// System attributes asked for; deprecated for the next member.
    #[serde(rename = "AttributeNames", deserialize_with = "scalar::texts")]
    pub attribute_names: Option<Vec<String>>,
    /// System attributes asked for.
    #[serde(rename = "MessageSystemAttributeNames", deserialize_with = "scalar::texts")]
    pub message_system_attribute_names: Option<Vec<String>>,
    /// Message attributes asked for.
    #[serde(rename = "MessageAttributeNames", deserialize_with = "scalar::texts")]
    pub message_attribute_names: Option<Vec<String>>,
    /// How many messages to return at most.
    #[serde(rename = "MaxNumberOfMessages", deserialize_with = "scalar::integer")]
    pub max_number_of_messages: Option<i64>,
    /// How long the messages stay in flight, in seconds.
    #[serde(rename = "VisibilityTimeout", deserialize_with = "scalar::integer")]
    pub visibility_timeout: Option<i64>,
    /// How long to wait for a message, in seconds.
    #[serde(rename = "WaitTimeSeconds", deserialize_with = "scalar::integer")]
    pub wait_time_seconds: Option<i64>,
    /// The receive attempt id, for FIFO queues.
    #[serde(rename = "ReceiveRequestAttemptId", deserialize_with = "scalar::text")]
    pub receive_request_attempt_id: Option<String>,
}

/// Output of `ReceiveMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReceiveMessageOutput {
    /// The messages.
    #[serde(rename = "Messages", skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
}

/// A received message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The id of the message.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// The receipt handle of this receive.
    #[serde(rename = "ReceiptHandle")]
    pub receipt_handle: String,
    /// MD5 of the body.
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    /// The body.
    #[serde(rename = "Body")]
    pub body: String,
    /// The system attributes asked for.
    #[serde(rename = "Attributes", skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// MD5 of the message attributes returned, if there are any.
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    pub md5_of_message_attributes: Option<String>,
    /// The message attributes asked for.
    #[serde(rename = "MessageAttributes", skip_serializing_if = "BTreeMap::is_empty")]
    pub message_attributes: BTreeMap<String, MessageAttributeValue>,
}

/// Input of `DeleteMessage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DeleteMessageInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The receipt handle.
    #[serde(rename = "ReceiptHandle", deserialize_with = "scalar::text")]
    pub receipt_handle: Option<String>,
}

/// Input of `DeleteMessageBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DeleteMessageBatchInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The messages.
    #[serde(rename = "Entries")]
    pub entries: Option<Vec<DeleteMessageBatchRequestEntry>>,
}

/// One message of a `DeleteMessageBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DeleteMessageBatchRequestEntry {
    /// Names the entry within the batch.
    #[serde(rename = "Id", deserialize_with = "scalar::text")]
    pub id: Option<String>,
    /// The receipt handle.
    #[serde(rename = "ReceiptHandle", deserialize_with = "scalar::text")]
    pub receipt_handle: Option<String>,
}

/// Output of `DeleteMessageBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeleteMessageBatchOutput {
    /// The entries whose messages are gone.
    #[serde(rename = "Successful", skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<DeleteMessageBatchResultEntry>,
    /// The entries that were refused.
    #[serde(rename = "Failed", skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
}

/// An entry whose message is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeleteMessageBatchResultEntry {
    /// The id of the entry.
    #[serde(rename = "Id")]
    pub id: String,
}

/// Input of `ChangeMessageVisibility`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChangeMessageVisibilityInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The receipt handle.
    #[serde(rename = "ReceiptHandle", deserialize_with = "scalar::text")]
    pub receipt_handle: Option<String>,
    /// The visibility timeout from now, in seconds.
    #[serde(rename = "VisibilityTimeout", deserialize_with = "scalar::integer")]
    pub visibility_timeout: Option<i64>,
}

/// Input of `ChangeMessageVisibilityBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChangeMessageVisibilityBatchInput {
    /// The URL of the queue.
    #[serde(rename = "QueueUrl", deserialize_with = "scalar::text")]
    pub queue_url: Option<String>,
    /// The changes.
    #[serde(rename = "Entries")]
    pub entries: Option<Vec<ChangeMessageVisibilityBatchRequestEntry>>,
}

/// One change of a `ChangeMessageVisibilityBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChangeMessageVisibilityBatchRequestEntry {
    /// Names the entry within the batch.
    #[serde(rename = "Id", deserialize_with = "scalar::text")]
    pub id: Option<String>,
    /// The receipt handle.
    #[serde(rename = "ReceiptHandle", deserialize_with = "scalar::text")]
    pub receipt_handle: Option<String>,
    /// The visibility timeout from now, in seconds.
    #[serde(rename = "VisibilityTimeout", deserialize_with = "scalar::integer")]
    pub visibility_timeout: Option<i64>,
}

/// Output of `ChangeMessageVisibilityBatch`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeMessageVisibilityBatchOutput {
    /// The entries that took effect.
    #[serde(rename = "Successful", skip_serializing_if = "Vec::is_empty")]
    pub successful: Vec<ChangeMessageVisibilityBatchResultEntry>,
    /// The entries that were refused.
    #[serde(rename = "Failed", skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<BatchResultErrorEntry>,
}

/// An entry that took effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChangeMessageVisibilityBatchResultEntry {
    /// The id of the entry.
    #[serde(rename = "Id")]
    pub id: String,
}
