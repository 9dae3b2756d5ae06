//! `StartMessageMoveTask`

use std::ops::RangeInclusive;

use formiga_engine::names::QueueKey;
use formiga_engine::queue::MoveTaskRefusal;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{StartMessageMoveTaskInput, StartMessageMoveTaskOutput};

use super::message_move_task::{find, malformed, parse_source, to_handle};
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::QueueHandle;

/// "You can set MaxNumberOfMessagesPerSecond to up to 500."
const RATES: RangeInclusive<i64> = 1..=500;

/// Starts to move what is in a dead-letter queue.
pub(crate) async fn start_message_move_task(
    ctx: &Context,
    input: StartMessageMoveTaskInput,
) -> Result<StartMessageMoveTaskOutput, ApiError> {
    let source = parse_source(ctx, Action::StartMessageMoveTask, input.source_arn.as_deref())?;
    let key = source.entry().key.clone();
    if ctx.queues.list_sources(&key, None, 1).is_empty() {
        return Err(refused("Source queue must be configured as a Dead Letter Queue."));
    }
    let destination = input.destination_arn.filter(|arn| !arn.is_empty());
    if destination.is_none() {
        authorize_returns(ctx, &key)?;
    }
    let destination = destination.map(|arn| parse_destination(ctx, &source, &arn)).transpose()?;
    let rate = input.max_number_of_messages_per_second.map(parse_rate).transpose()?;
    let id = ctx.random.uuid().into_bytes();
    let started = source.start_move_task(id, destination, rate).await;
    let started = started.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    match started {
        Ok(task) => Ok(StartMessageMoveTaskOutput { task_handle: to_handle(task.id, &key) }),
        Err(MoveTaskRefusal::AlreadyRunning) => Err(refused(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        )),
        Err(refusal) => unreachable!("a task that is started is not {refusal:?}"),
    }
}

/// Without a destination messages return to where they came from: any of the queues that name this
/// one in their redrive policy.
fn authorize_returns(ctx: &Context, dead_letters: &QueueKey) -> Result<(), ApiError> {
    if ctx.access.is_none() {
        return Ok(());
    }
    let sources = ctx.queues.list_sources(dead_letters, None, usize::MAX);
    let may_send =
        |key: &QueueKey| ctx.authorize(Action::SendMessage, key, ctx.queues.find(key).as_ref());
    sources.iter().try_for_each(may_send)
}

fn parse_destination(ctx: &Context, source: &QueueHandle, arn: &str) -> Result<QueueKey, ApiError> {
    let key = QueueKey::parse_arn(arn).map_err(|_| malformed("DestinationArn"))?;
    find(ctx, &[Action::SendMessage], &key, "DestinationArn")?;
    let from = &source.entry().key;
    if key == *from {
        return Err(refused("The source queue and the destination queue must not be the same."));
    }
    if key.name.is_fifo() != from.name.is_fifo() {
        return Err(refused("The destination queue must be of the same type as the source queue."));
    }
    Ok(key)
}

fn parse_rate(rate: i64) -> Result<u32, ApiError> {
    let valid = u32::try_from(rate).ok().filter(|_| RATES.contains(&rate));
    valid.ok_or_else(|| {
        let reason = "Must be between 1 and 500.";
        error::invalid("MaxNumberOfMessagesPerSecond", rate, reason)
    })
}

fn refused(message: &str) -> ApiError {
    ApiError::new(ErrorKind::InvalidParameterValue, message)
}
