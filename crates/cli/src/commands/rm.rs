use clap::Args;
use serde_json::json;

use super::{for_each, named};
use crate::confirm::confirm;
use crate::connect::Connection;
use crate::error::CliError;
use crate::output::Output;
use crate::queue_ref::QueueRef;

/// Delete queues with all their messages.
///
/// With --json: {"deleted": [name, ...]}.
#[derive(Args, Debug)]
pub(crate) struct RmArgs {
    /// Names, URLs or ARNs.
    #[arg(required = true, value_name = "QUEUE", value_parser = QueueRef::parse)]
    pub(crate) queues: Vec<QueueRef>,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn rm(
    connection: &Connection,
    args: &RmArgs,
    output: Output,
) -> Result<(), CliError> {
    let (queues, place) = (named(&args.queues), &connection.place);
    confirm(&format!("Delete {queues} with all messages at {place}?"), args.yes)?;
    let outcome = for_each(connection, &args.queues, output, async |client, url| {
        client.delete_queue().queue_url(url).send().await?;
        Ok(())
    });
    let (deleted, outcome) = match outcome.await {
        Ok(deleted) => (deleted, Ok(())),
        Err((deleted, error)) => (deleted, Err(error)),
    };
    if !deleted.is_empty() {
        let text = format!("Deleted {}.", deleted.join(", "));
        output.result(&json!({ "deleted": deleted }), &text)?;
    }
    outcome
}
