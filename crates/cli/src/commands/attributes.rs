use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use clap::Args;
use serde_json::json;

use super::url_of;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::pair::Pair;
use crate::queue_ref::QueueRef;
use crate::settings::QueueSettings;

/// Show a queue's attributes, or set those that are given.
///
/// With --json: {"Attributes": {name: value}}, or {"set": {name: value}}.
#[derive(Args, Debug)]
pub(crate) struct AttributesArgs {
    /// Name, URL or ARN.
    #[arg(value_parser = QueueRef::parse)]
    pub(crate) queue: QueueRef,

    /// Set any attribute, by its SQS name.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = Pair::parse)]
    set: Vec<Pair>,

    #[command(flatten)]
    settings: QueueSettings,
}

pub(crate) async fn attributes(
    client: &Client,
    args: &AttributesArgs,
    output: Output,
) -> Result<(), CliError> {
    let mut set = args.settings.attributes();
    set.extend(args.set.iter().map(|pair| (pair.key.clone(), pair.value.clone())));
    let url = url_of(client, &args.queue).await?;
    if set.is_empty() {
        show(client, &url, output).await
    } else {
        change(client, &url, &set, output).await
    }
}

async fn show(client: &Client, url: &str, output: Output) -> Result<(), CliError> {
    let request = client.get_queue_attributes().queue_url(url).attribute_names(Name::All);
    let attributes = request.send().await?.attributes.unwrap_or_default();
    let attributes: BTreeMap<_, _> =
        attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let row = |(name, value): (&&str, &&str)| vec![(*name).to_owned(), (*value).to_owned()];
    let rows: Vec<_> = attributes.iter().map(row).collect();
    output.result(&json!({ "Attributes": attributes }), &table(&rows, &[false, false]))
}

async fn change(
    client: &Client,
    url: &str,
    set: &BTreeMap<String, String>,
    output: Output,
) -> Result<(), CliError> {
    let mut request = client.set_queue_attributes().queue_url(url);
    for (name, value) in set {
        request = request.attributes(Name::from(name.as_str()), value);
    }
    request.send().await?;
    let names: Vec<_> = set.keys().map(String::as_str).collect();
    output.result(&json!({ "set": set }), &format!("Set {}.", names.join(", ")))
}
