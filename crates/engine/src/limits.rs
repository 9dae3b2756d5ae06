//! Every quota of SQS as a named constant, each with the sentence it restates.

use std::ops::RangeInclusive;
use std::time::Duration;

/// "A queue name can have up to 80 characters" (the `.fifo` suffix counts).
pub const QUEUE_NAME_CHARACTERS_MAX: usize = 80;

/// "A batch request can include a maximum of 10 messages."
pub const BATCH_ENTRIES_MAX: usize = 10;

/// "A batch entry ID can have up to 80 characters."
pub const BATCH_ENTRY_ID_CHARACTERS_MAX: usize = 80;

/// "The total size of all messages that you send in a single SendMessageBatch call can't exceed
/// 1,048,576 bytes (1 MiB)", whatever the queue's own maximum message size.
pub const BATCH_BYTES_MAX: u64 = 1_048_576;

/// "MaxNumberOfMessages: Valid values: 1 to 10."
pub const RECEIVE_MESSAGES_MAX: i64 = 10;

/// "A message can have up to 10 metadata attributes."
pub const MESSAGE_ATTRIBUTES_MAX: usize = 10;

/// "The message attribute name can be up to 256 characters long"; the data type likewise.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 256;

/// "A number can have up to 38 digits of precision". Leading and trailing zeros are none: "Amazon SQS
/// removes leading and trailing zeroes."
pub const NUMBER_DIGITS_MAX: usize = 38;

/// "It can be between 10^-128 and 10^+126": the powers of ten of the smallest and the largest number,
/// positive or negative. Zero is a number too.
pub const NUMBER_POWERS: RangeInclusive<i64> = -128..=126;

/// The longest `AWSTraceHeader`, in bytes. SQS names no limit and does not count trace headers
/// towards the message size, but a header of X-Ray has some 100 bytes, and what is not counted must
/// not be large.
pub const TRACE_HEADER_BYTES_MAX: usize = 2048;

/// "The maximum length of MessageGroupId is 128 characters"; deduplication ids likewise.
pub const MESSAGE_GROUP_ID_CHARACTERS_MAX: usize = 128;

/// "For standard queues, there is a maximum of 120,000 in flight messages per queue."
pub const IN_FLIGHT_MESSAGES_MAX: usize = 120_000;

/// "FIFO queues look through the first 120,000 messages to determine available message groups."
pub const FIFO_LOOK_THROUGH_MAX: usize = 120_000;

/// "Any messages sent with the same deduplication ID are accepted successfully but aren't delivered
/// during the 5-minute deduplication interval."
pub const DEDUPLICATION_INTERVAL: Duration = Duration::from_secs(300);

/// "During the 5-minute interval" a receive with the same ReceiveRequestAttemptId is repeated.
pub const RECEIVE_ATTEMPT_INTERVAL: Duration = Duration::from_secs(300);

/// "DelaySeconds: an integer from 0 to 900 (15 minutes)."
pub const DELAY_SECONDS: RangeInclusive<i64> = 0..=900;

/// "MaximumMessageSize: an integer from 1,024 bytes (1 KiB) up to 1,048,576 bytes (1 MiB)."
pub const MAXIMUM_MESSAGE_SIZE_BYTES: RangeInclusive<i64> = 1024..=1_048_576;

/// "MessageRetentionPeriod: an integer from 60 seconds (1 minute) to 1,209,600 (14 days)."
pub const MESSAGE_RETENTION_PERIOD_SECONDS: RangeInclusive<i64> = 60..=1_209_600;

/// "ReceiveMessageWaitTimeSeconds: an integer from 0 to 20 (seconds)."
pub const WAIT_TIME_SECONDS: RangeInclusive<i64> = 0..=20;

/// "VisibilityTimeout: an integer from 0 to 43,200 (12 hours)."
pub const VISIBILITY_TIMEOUT_SECONDS: RangeInclusive<i64> = 0..=43_200;

/// "There is a 12-hour maximum limit for a message's visibility timeout from the time the message
/// is first received" - counted, as AWS does, from the latest receive.
pub const VISIBILITY_TIMEOUT_TOTAL_MAX: Duration = Duration::from_secs(43_200);

/// "ListQueues: MaxResults: Valid range is 1 to 1000"; without it up to 1,000 URLs are listed.
pub const LIST_QUEUES_RESULTS_MAX: usize = 1000;

/// "KmsDataKeyReusePeriodSeconds: an integer, from 60 seconds (1 minute) to 86,400 (24 hours)."
pub const KMS_REUSE_PERIOD_SECONDS: RangeInclusive<i64> = 60..=86_400;

/// "A key id, alias or ARN of up to 2,048 characters", as KMS says of `KeyId`.
pub const KMS_KEY_ID_BYTES_MAX: usize = 2048;

/// Of a policy: "Bytes: 8,192", "Statements: 20", "Principals: 50", "Conditions: 10", "Actions per
/// statement: 7".
pub const POLICY_BYTES_MAX: usize = 8192;

/// See [`POLICY_BYTES_MAX`].
pub const POLICY_STATEMENTS_MAX: usize = 20;

/// See [`POLICY_BYTES_MAX`].
pub const POLICY_PRINCIPALS_MAX: usize = 50;

/// See [`POLICY_BYTES_MAX`].
pub const POLICY_CONDITIONS_MAX: usize = 10;

/// See [`POLICY_BYTES_MAX`].
pub const POLICY_STATEMENT_ACTIONS_MAX: usize = 7;

/// "Action.N: maximum number of 7 actions" of one permission.
pub const PERMISSION_ACTIONS_MAX: usize = 7;

/// "Label: Maximum 80 characters."
pub const PERMISSION_LABEL_CHARACTERS_MAX: usize = 80;

/// "maxReceiveCount: valid values are from 1 to 1,000."
pub const MAX_RECEIVE_COUNT: RangeInclusive<u32> = 1..=1000;

/// "You can specify up to 10 source queue ARNs" in a redrive allow policy.
pub const REDRIVE_ALLOW_SOURCES_MAX: usize = 10;

/// "Only one PurgeQueue operation on a queue is allowed every 60 seconds."
pub const PURGE_INTERVAL: Duration = Duration::from_secs(60);

/// "You must wait 60 seconds after deleting a queue before you can create another with the same
/// name."
pub const RECREATE_INTERVAL: Duration = Duration::from_secs(60);

/// "You can add up to 50 tags to a queue."
pub const TAGS_MAX: usize = 50;

/// "A tag key has 1 to 128 characters."
pub const TAG_KEY_CHARACTERS_MAX: usize = 128;

/// "A tag value has up to 256 characters."
pub const TAG_VALUE_CHARACTERS_MAX: usize = 256;
