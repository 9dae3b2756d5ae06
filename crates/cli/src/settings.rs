//! The attributes of a queue that have a flag of their own.

use std::collections::BTreeMap;

use clap::Args;

use crate::duration::Seconds;

/// Attributes in human units. Whether a value is allowed is for the server to say.
#[derive(Args, Debug, Default)]
pub(crate) struct QueueSettings {
    /// How long sent messages stay delayed (DelaySeconds).
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    delay: Option<Seconds>,

    /// How long received messages stay in flight (VisibilityTimeout).
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    visibility_timeout: Option<Seconds>,

    /// How long messages are stored (MessageRetentionPeriod).
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    retention: Option<Seconds>,

    /// How long receives wait for a message (ReceiveMessageWaitTimeSeconds).
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    wait_time: Option<Seconds>,

    /// The most bytes of a message (MaximumMessageSize).
    #[arg(long, value_name = "BYTES")]
    max_message_size: Option<u32>,
}

impl QueueSettings {
    /// The attributes that are given, by their SQS names.
    pub(crate) fn attributes(&self) -> BTreeMap<String, String> {
        let seconds = |seconds: Option<Seconds>| seconds.map(|Seconds(count)| count.to_string());
        let all = [
            ("DelaySeconds", seconds(self.delay)),
            ("VisibilityTimeout", seconds(self.visibility_timeout)),
            ("MessageRetentionPeriod", seconds(self.retention)),
            ("ReceiveMessageWaitTimeSeconds", seconds(self.wait_time)),
            ("MaximumMessageSize", self.max_message_size.map(|bytes| bytes.to_string())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}
