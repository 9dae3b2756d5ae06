use std::collections::HashMap;
use std::io::{self, IsTerminal, Read};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::types::MessageAttributeValue;
use clap::Args;
use serde_json::{Map, Value, json};

use super::{lines, url_of};
use crate::duration::Seconds;
use crate::error::CliError;
use crate::message_attribute::MessageAttribute;
use crate::output::Output;
use crate::queue_ref::QueueRef;

/// Send a message, or each line of standard input as one.
///
/// With --json: {"MessageId", "MD5OfMessageBody", ...} as SQS answers. With --json and --lines:
/// {"sent", "failed", "empty", "seconds", "failures": [{"line", "Code", "Message", "SenderFault"}]},
/// and "unsent_from", the first line that was not tried, if a request failed as a whole.
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// Name, URL or ARN.
    #[arg(value_parser = QueueRef::parse)]
    pub(crate) queue: QueueRef,

    /// The message; without it, all of standard input, byte for byte.
    #[arg(allow_hyphen_values = true)]
    body: Option<String>,

    /// Send each line of standard input as a message, in order, ten to a request; lines that are
    /// empty are left out. What fails through no fault of the sender is tried again.
    #[arg(long, conflicts_with_all = ["body", "deduplication_id"])]
    lines: bool,

    #[command(flatten)]
    pub(crate) extras: Extras,

    /// The deduplication ID, for FIFO queues.
    #[arg(long, value_name = "ID")]
    deduplication_id: Option<String>,
}

/// What messages carry beside their body.
#[derive(Args, Debug, Default)]
pub(crate) struct Extras {
    /// How long the message stays delayed [default: the queue's delay].
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    delay: Option<Seconds>,

    /// A message attribute: color=blue, size:Number=5, or icon:Binary=@FILE.
    #[arg(long = "attribute", value_name = "NAME[:TYPE]=VALUE", value_parser = MessageAttribute::parse)]
    attributes: Vec<MessageAttribute>,

    /// The message group.
    #[arg(long, value_name = "ID")]
    pub(crate) group_id: Option<String>,
}

impl Extras {
    pub(crate) fn delay_seconds(&self) -> Option<i32> {
        self.delay.map(|Seconds(count)| count)
    }

    pub(crate) fn attributes(&self) -> Option<HashMap<String, MessageAttributeValue>> {
        let pairs = self.attributes.iter().map(|one| (one.name.clone(), one.value.clone()));
        (!self.attributes.is_empty()).then(|| pairs.collect())
    }

    /// How many bytes they add to a message's size, as SQS counts.
    pub(crate) fn size(&self) -> usize {
        self.attributes.iter().map(MessageAttribute::size).sum()
    }
}

pub(crate) async fn send(client: &Client, args: &SendArgs, output: Output) -> Result<(), CliError> {
    let url = url_of(client, &args.queue).await?;
    if args.lines {
        return lines::send_lines(client, &url, &args.extras, output).await;
    }
    let body = match &args.body {
        Some(body) => body.clone(),
        None => read_body(output)?,
    };
    let request = client.send_message().queue_url(url).message_body(body);
    let request = request
        .set_delay_seconds(args.extras.delay_seconds())
        .set_message_attributes(args.extras.attributes())
        .set_message_group_id(args.extras.group_id.clone())
        .set_message_deduplication_id(args.deduplication_id.clone());
    let sent = request.send().await?;
    output.result(&to_json(&sent), sent.message_id().unwrap_or_default())
}

fn read_body(output: Output) -> Result<String, CliError> {
    if io::stdin().is_terminal() {
        output.remark("Type the message; Ctrl-D ends it.");
    }
    let mut body = String::new();
    let read = io::stdin().read_to_string(&mut body);
    read.map_err(|error| CliError::usage(format!("standard input is no message: {error}")))?;
    Ok(body)
}

fn to_json(sent: &SendMessageOutput) -> Value {
    let members = [
        ("MessageId", sent.message_id()),
        ("MD5OfMessageBody", sent.md5_of_message_body()),
        ("MD5OfMessageAttributes", sent.md5_of_message_attributes()),
        ("SequenceNumber", sent.sequence_number()),
    ];
    let members =
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    Value::Object(members.collect::<Map<_, _>>())
}
