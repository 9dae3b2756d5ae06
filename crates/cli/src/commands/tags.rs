use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use clap::Args;
use serde_json::json;

use super::url_of;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::pair::Pair;
use crate::queue_ref::QueueRef;

/// Show a queue's tags, or set and remove those that are given.
///
/// With --json: {"Tags": {key: value}}, or {"set": {key: value}, "removed": [key, ...]}.
#[derive(Args, Debug)]
pub(crate) struct TagsArgs {
    /// Name, URL or ARN.
    #[arg(value_parser = QueueRef::parse)]
    pub(crate) queue: QueueRef,

    /// Set a tag.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = Pair::parse)]
    set: Vec<Pair>,

    /// Remove a tag; removing happens before setting.
    #[arg(long = "remove", value_name = "KEY")]
    remove: Vec<String>,
}

pub(crate) async fn tags(client: &Client, args: &TagsArgs, output: Output) -> Result<(), CliError> {
    let url = url_of(client, &args.queue).await?;
    if args.set.is_empty() && args.remove.is_empty() {
        return show(client, &url, output).await;
    }
    if !args.remove.is_empty() {
        let request = client.untag_queue().queue_url(&url);
        request.set_tag_keys(Some(args.remove.clone())).send().await?;
    }
    let set: BTreeMap<_, _> = args.set.iter().map(|pair| (&pair.key, &pair.value)).collect();
    if !set.is_empty() {
        let mut request = client.tag_queue().queue_url(&url);
        for (key, value) in &set {
            request = request.tags(*key, *value);
        }
        if let Err(error) = request.send().await {
            if !args.remove.is_empty() {
                let document = json!({ "set": {}, "removed": args.remove });
                output.result(&document, &format!("Removed {}.", args.remove.join(", ")))?;
            }
            return Err(error.into());
        }
    }
    let document = json!({ "set": set, "removed": args.remove });
    let done =
        [("Removed", args.remove.clone()), ("Set", set.keys().map(|k| (*k).clone()).collect())];
    let done = done.iter().filter(|(_, keys)| !keys.is_empty());
    let lines: Vec<_> = done.map(|(verb, keys)| format!("{verb} {}.", keys.join(", "))).collect();
    output.result(&document, &lines.join("\n"))
}

async fn show(client: &Client, url: &str, output: Output) -> Result<(), CliError> {
    let answer = client.list_queue_tags().queue_url(url).send().await?;
    let tags: BTreeMap<_, _> = answer.tags.unwrap_or_default().into_iter().collect();
    let rows: Vec<_> = tags.iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect();
    if tags.is_empty() {
        output.remark("The queue has no tags.");
    }
    output.result(&json!({ "Tags": tags }), &table(&rows, &[false, false]))
}
