//! One file for each command: its flags, and what it does.

pub(crate) mod attributes;
pub(crate) mod create;
pub(crate) mod lines;
pub(crate) mod ls;
mod message;
pub(crate) mod purge;
pub(crate) mod receive;
pub(crate) mod rm;
pub(crate) mod send;
pub(crate) mod tags;

use aws_sdk_sqs::Client;

use crate::args::{QueueArgs, QueueCommand};
use crate::connect::{Connection, connect};
use crate::error::CliError;
use crate::output::Output;
use crate::queue_ref::QueueRef;

/// Connects and runs the command.
pub(crate) async fn run(args: &QueueArgs, output: &Output) -> Result<(), CliError> {
    let connection = connect(&args.connection, args.command.queues()).await?;
    let output = *output;
    let outcome = match &args.command {
        QueueCommand::Ls(args) => ls::ls(&connection, args, output).await,
        QueueCommand::Create(args) => create::create(&connection.client, args, output).await,
        QueueCommand::Rm(args) => rm::rm(&connection, args, output).await,
        QueueCommand::Purge(args) => purge::purge(&connection, args, output).await,
        QueueCommand::Send(args) => send::send(&connection.client, args, output).await,
        QueueCommand::Receive(args) => receive::receive(&connection.client, args, output).await,
        QueueCommand::Attributes(args) => {
            attributes::attributes(&connection.client, args, output).await
        }
        QueueCommand::Tags(args) => tags::tags(&connection.client, args, output).await,
    };
    outcome.map_err(|error| error.at(&connection.place))
}

/// The URL of a queue; the server is asked unless it was named by one.
pub(crate) async fn url_of(client: &Client, queue: &QueueRef) -> Result<String, CliError> {
    let request = match queue {
        QueueRef::Url(url) => return Ok(url.clone()),
        QueueRef::Name(name) => client.get_queue_url().queue_name(name),
        QueueRef::Arn { account, name, .. } => {
            client.get_queue_url().queue_name(name).queue_owner_aws_account_id(account)
        }
    };
    let answer = request.send().await?;
    let none = || CliError::new("InvalidResponse", "the answer names no queue URL");
    answer.queue_url().map(str::to_owned).ok_or_else(none)
}

/// The queues of a question, such as `orders`, or `orders, mail and 3 more`.
fn named(queues: &[QueueRef]) -> String {
    let names: Vec<&str> = queues.iter().map(QueueRef::name).collect();
    match names[..] {
        [first] => first.to_owned(),
        [first, second] => format!("{first} and {second}"),
        [first, second, ref rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
        [] => String::new(),
    }
}

/// Does the same to each queue, and tells at the end for which it failed.
async fn for_each(
    connection: &Connection,
    queues: &[QueueRef],
    output: Output,
    act: impl AsyncFn(&Client, String) -> Result<(), CliError>,
) -> Result<Vec<String>, (Vec<String>, CliError)> {
    let mut done = Vec::new();
    let mut failed = 0;
    for queue in queues {
        let outcome = match url_of(&connection.client, queue).await {
            Ok(url) => act(&connection.client, url).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => done.push(queue.name().to_owned()),
            Err(error) if queues.len() == 1 => return Err((done, error.about(queue.name()))),
            Err(error) => {
                output.error(&error.about(queue.name()));
                failed += 1;
            }
        }
    }
    if failed == 0 {
        return Ok(done);
    }
    let sentence = format!("{failed} of {} queues failed", queues.len());
    Err((done, CliError::incomplete(sentence)))
}
