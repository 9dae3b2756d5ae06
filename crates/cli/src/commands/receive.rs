use std::collections::HashSet;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as SystemName,
};
use clap::Args;

use super::url_of;
use crate::commands::message;
use crate::duration::Seconds;
use crate::error::{CliError, NOT_ANSWERED, code_of};
use crate::output::Output;
use crate::progress::{Progress, messages};
use crate::queue_ref::QueueRef;

/// The most messages that one ReceiveMessage brings.
const MESSAGES_MAX: u32 = 10;

/// How long --all waits before it takes a queue for empty: a short poll of AWS asks only some of
/// its servers.
const WAIT_OF_ALL: Seconds = Seconds(1);

/// Receive messages and print them.
///
/// They stay in flight until their visibility timeout ends, unless --delete deletes what was
/// printed. With --json: a line for each message, as ReceiveMessage answers it.
#[derive(Args, Debug)]
pub(crate) struct ReceiveArgs {
    /// Name, URL or ARN.
    #[arg(value_parser = QueueRef::parse)]
    pub(crate) queue: QueueRef,

    /// How many messages at most.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "all")]
    max: u32,

    /// Receive until the queue has nothing visible.
    #[arg(long)]
    all: bool,

    /// How long to wait for a message, up to 20s [default: the queue's; 1s with --all].
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    wait: Option<Seconds>,

    /// How long the messages stay in flight [default: the queue's]; with 0 they stay visible, so
    /// this shows the first ten at most.
    #[arg(long, value_name = "DURATION", value_parser = Seconds::parse)]
    visibility_timeout: Option<Seconds>,

    /// Delete each message once it is printed.
    #[arg(long)]
    delete: bool,

    /// Print bodies only, as they are, each with a line break behind it.
    #[arg(long, conflicts_with = "json")]
    body: bool,
}

/// What was received so far.
#[derive(Default)]
struct Received {
    count: u64,
    undeleted: u64,
    /// Messages that are not deleted may come again; each is printed once.
    seen: HashSet<String>,
    /// Whether a receive brought only such messages, so that others may never have come.
    came_back: bool,
}

pub(crate) async fn receive(
    client: &Client,
    args: &ReceiveArgs,
    output: Output,
) -> Result<(), CliError> {
    let url = url_of(client, &args.queue).await?;
    let piped = !std::io::IsTerminal::is_terminal(&std::io::stdout());
    let mut progress = Progress::new("received", piped && !output.json);
    let mut received = Received::default();
    let outcome = receive_all(client, &url, args, output, &mut received, &mut progress).await;
    progress.end();
    outcome?;
    args.conclude(&received, output)
}

async fn receive_all(
    client: &Client,
    url: &str,
    args: &ReceiveArgs,
    output: Output,
    received: &mut Received,
    progress: &mut Progress,
) -> Result<(), CliError> {
    while let Some(wanted) = args.wanted(received.count) {
        let batch = receive_batch(client, url, args, wanted).await?;
        let any = !batch.is_empty();
        let batch: Vec<_> = batch.into_iter().filter(|one| received.is_new(args, one)).collect();
        if batch.is_empty() {
            received.came_back = any;
            return Ok(());
        }
        for one in &batch {
            match (args.body, output.json) {
                (true, _) => output.line(one.body().unwrap_or_default())?,
                (false, true) => output.line(&message::to_json(one).to_string())?,
                (false, false) => output.line(&message::to_text(one))?,
            }
        }
        received.count += batch.len() as u64;
        if args.delete {
            received.undeleted += delete(client, url, &batch, output).await?;
        }
        progress.show(received.count);
    }
    Ok(())
}

async fn receive_batch(
    client: &Client,
    url: &str,
    args: &ReceiveArgs,
    wanted: u32,
) -> Result<Vec<Message>, CliError> {
    let wait = args.wait.or(args.all.then_some(WAIT_OF_ALL));
    let request = client.receive_message().queue_url(url);
    let answer = request
        .max_number_of_messages(wanted.try_into().unwrap_or(i32::MAX))
        .set_wait_time_seconds(wait.map(|Seconds(count)| count))
        .set_visibility_timeout(args.visibility_timeout.map(|Seconds(count)| count))
        .message_system_attribute_names(SystemName::All)
        .message_attribute_names("All")
        .send()
        .await?;
    Ok(answer.messages.unwrap_or_default())
}

/// Deletes what was printed, and tells how many messages could not be deleted.
async fn delete(
    client: &Client,
    url: &str,
    batch: &[Message],
    output: Output,
) -> Result<u64, CliError> {
    let ids = (0..batch.len()).map(|index| index.to_string());
    let entry = |(id, one): (String, &Message)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(one.receipt_handle().unwrap_or_default()).build()
    };
    let entries: Result<_, _> = ids.clone().zip(batch).map(entry).collect();
    let entries = entries.map_err(|error| CliError::new("InvalidRequest", error.to_string()))?;
    let request = client.delete_message_batch().queue_url(url).set_entries(Some(entries));
    let answer = request.send().await?;
    for failed in answer.failed() {
        output.error(&CliError::new(code_of(failed.code()), failed.message().unwrap_or_default()));
    }
    let deleted = |id: &String| answer.successful().iter().any(|entry| entry.id() == id);
    let failed = |id: &String| answer.failed().iter().any(|entry| entry.id() == id);
    let undeleted: Vec<_> = ids.filter(|id| !deleted(id)).collect();
    for _ in undeleted.iter().filter(|id| !failed(id)) {
        let sentence = "the endpoint did not tell whether a message was deleted";
        output.error(&CliError::new(NOT_ANSWERED, sentence));
    }
    Ok(undeleted.len() as u64)
}

impl ReceiveArgs {
    /// How many messages the next request asks for; `None` when there are enough.
    fn wanted(&self, count: u64) -> Option<u32> {
        if self.all {
            return Some(MESSAGES_MAX);
        }
        // The first request is made in any case: a wrong --max is for the server to refuse.
        let rest = u64::from(self.max).saturating_sub(count);
        match u32::try_from(rest) {
            Ok(0) if count > 0 => None,
            Ok(rest) => Some(rest.min(MESSAGES_MAX)),
            Err(_) => Some(MESSAGES_MAX),
        }
    }

    fn conclude(&self, received: &Received, output: Output) -> Result<(), CliError> {
        let count = messages(received.count);
        if received.undeleted > 0 {
            let sentence = format!("{} not deleted", messages(received.undeleted));
            return Err(CliError::incomplete(sentence));
        }
        // Who asks for a timeout of 0 asks for that.
        if received.came_back && self.visibility_timeout != Some(Seconds(0)) {
            let sentence = format!(
                "{count} received, then the same ones again, and perhaps not all; use a longer --visibility-timeout, or --delete"
            );
            return Err(CliError::incomplete(sentence));
        }
        match (received.count, self.delete, self.visibility_timeout) {
            (0, ..) => output.remark("No message is visible."),
            (_, true, _) => output.remark(&format!("Received and deleted {count}.")),
            (_, _, Some(Seconds(0))) => output.remark(&format!("Received {count}, still visible.")),
            _ => output.remark(&format!(
                "Received {count}, in flight until the visibility timeout ends; --delete would have deleted what was received."
            )),
        }
        Ok(())
    }
}

impl Received {
    fn is_new(&mut self, args: &ReceiveArgs, one: &Message) -> bool {
        args.delete || self.seen.insert(one.message_id().unwrap_or_default().to_owned())
    }
}
