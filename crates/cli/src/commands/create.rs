use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use clap::Args;
use serde_json::json;

use crate::error::CliError;
use crate::output::Output;
use crate::pair::Pair;
use crate::settings::QueueSettings;

/// Create a queue and print its URL.
///
/// A queue of that name and these attributes may exist already. With --json: {"QueueUrl"}.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// The queue's name; one that ends in .fifo makes a FIFO queue.
    name: String,

    #[command(flatten)]
    settings: QueueSettings,

    /// Any attribute, by its SQS name.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = Pair::parse)]
    attributes: Vec<Pair>,

    /// A tag of the queue.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = Pair::parse)]
    tags: Vec<Pair>,
}

pub(crate) async fn create(
    client: &Client,
    args: &CreateArgs,
    output: Output,
) -> Result<(), CliError> {
    let mut attributes = args.settings.attributes();
    if args.name.ends_with(".fifo") {
        attributes.insert("FifoQueue".to_owned(), "true".to_owned());
    }
    attributes.extend(args.attributes.iter().map(|pair| (pair.key.clone(), pair.value.clone())));
    let mut request = client.create_queue().queue_name(&args.name);
    for (name, value) in attributes {
        request = request.attributes(Name::from(name.as_str()), value);
    }
    for Pair { key, value } in &args.tags {
        request = request.tags(key, value);
    }
    let url = request.send().await?.queue_url.unwrap_or_default();
    output.result(&json!({ "QueueUrl": url }), &url)
}
