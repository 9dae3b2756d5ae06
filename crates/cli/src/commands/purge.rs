use clap::Args;
use serde_json::json;

use super::{for_each, named};
use crate::confirm::confirm;
use crate::connect::Connection;
use crate::error::CliError;
use crate::output::Output;
use crate::queue_ref::QueueRef;

/// Delete all messages of queues, also those in flight and delayed.
///
/// With --json: {"purged": [name, ...]}.
#[derive(Args, Debug)]
pub(crate) struct PurgeArgs {
    /// Names, URLs or ARNs.
    #[arg(required = true, value_name = "QUEUE", value_parser = QueueRef::parse)]
    pub(crate) queues: Vec<QueueRef>,

    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

pub(crate) async fn purge(
    connection: &Connection,
    args: &PurgeArgs,
    output: Output,
) -> Result<(), CliError> {
    let (queues, place) = (named(&args.queues), &connection.place);
    confirm(&format!("Delete all messages of {queues} at {place}?"), args.yes)?;
    let outcome = for_each(connection, &args.queues, output, async |client, url| {
        client.purge_queue().queue_url(url).send().await?;
        Ok(())
    });
    let (purged, outcome) = match outcome.await {
        Ok(purged) => (purged, Ok(())),
        Err((purged, error)) => (purged, Err(error)),
    };
    if !purged.is_empty() {
        let text = format!("Purged {}.", purged.join(", "));
        output.result(&json!({ "purged": purged }), &text)?;
    }
    outcome
}
