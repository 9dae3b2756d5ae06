use clap::{Args, Subcommand};

use crate::commands::attributes::AttributesArgs;
use crate::commands::create::CreateArgs;
use crate::commands::ls::LsArgs;
use crate::commands::purge::PurgeArgs;
use crate::commands::receive::ReceiveArgs;
use crate::commands::rm::RmArgs;
use crate::commands::send::SendArgs;
use crate::commands::tags::TagsArgs;
use crate::connect::ConnectionArgs;

/// What `formiga queue` is asked to do.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct QueueArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(subcommand)]
    pub(crate) command: QueueCommand,
}

const AFTER_HELP: &str = "\
Queues are named by name, URL or ARN. Durations are written 30s, 5m, 12h, 4d or 1h30m.

Which endpoint is called, the first of these that is given:
  --endpoint-url or --aws
  AWS_ENDPOINT_URL_SQS, AWS_ENDPOINT_URL, or endpoint_url in ~/.aws/config
  the host of a queue that is named by its URL
  http://127.0.0.1:9324, where `formiga` listens

Amazon SQS itself is reached with --aws:
  formiga queue ls --aws --profile work --region eu-west-1

Credentials and the region are those of the AWS CLI: the environment, then the profile. An endpoint
on this machine is called with stand-in credentials where none are configured; no other is. For
profiles that sign in with SSO, run `eval \"$(aws configure export-credentials --format env)\"` first.

Exit codes: 0 done, 1 something failed, 2 wrong usage.";

#[derive(Subcommand, Debug)]
pub(crate) enum QueueCommand {
    Ls(LsArgs),
    Create(CreateArgs),
    Rm(RmArgs),
    Purge(PurgeArgs),
    Send(SendArgs),
    Receive(ReceiveArgs),
    Attributes(AttributesArgs),
    Tags(TagsArgs),
}

impl QueueCommand {
    /// The queues that are named, which say where to connect.
    pub(crate) fn queues(&self) -> &[crate::queue_ref::QueueRef] {
        use std::slice::from_ref;
        match self {
            QueueCommand::Ls(_) | QueueCommand::Create(_) => &[],
            QueueCommand::Rm(args) => &args.queues,
            QueueCommand::Purge(args) => &args.queues,
            QueueCommand::Send(args) => from_ref(&args.queue),
            QueueCommand::Receive(args) => from_ref(&args.queue),
            QueueCommand::Attributes(args) => from_ref(&args.queue),
            QueueCommand::Tags(args) => from_ref(&args.queue),
        }
    }
}
