//! `ListMessageMoveTasks`

use std::ops::RangeInclusive;

use formiga_engine::names::QueueKey;
use formiga_engine::queue::{MoveTask, MoveTaskFailure, MoveTaskStatus};
use formiga_wire::sqs::{
    ListMessageMoveTasksInput, ListMessageMoveTasksOutput, ListMessageMoveTasksResultEntry,
};

use super::message_move_task::{parse_source, to_handle, to_long};
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

const RESULTS: RangeInclusive<i64> = 1..=10;

/// Answers the latest message move tasks of a queue, newest first.
pub(crate) async fn list_message_move_tasks(
    ctx: &Context,
    input: ListMessageMoveTasksInput,
) -> Result<ListMessageMoveTasksOutput, ApiError> {
    let source = parse_source(ctx, Action::ListMessageMoveTasks, input.source_arn.as_deref())?;
    let max = parse_max_results(input.max_results.unwrap_or(1))?;
    let tasks = source.list_move_tasks().await;
    let tasks = tasks.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    let key = &source.entry().key;
    let results = tasks.into_iter().take(max).map(|task| to_result(&task, key)).collect();
    Ok(ListMessageMoveTasksOutput { results })
}

fn parse_max_results(max: i64) -> Result<usize, ApiError> {
    let valid = usize::try_from(max).ok().filter(|_| RESULTS.contains(&max));
    valid.ok_or_else(|| error::invalid("MaxResults", max, "Must be between 1 and 10."))
}

/// A handle is of use only while the task is running, and shown only then.
fn to_result(task: &MoveTask, source: &QueueKey) -> ListMessageMoveTasksResultEntry {
    let status = match task.status {
        MoveTaskStatus::Running => "RUNNING",
        MoveTaskStatus::Completed => "COMPLETED",
        MoveTaskStatus::Cancelled => "CANCELLED",
        MoveTaskStatus::Failed(_) => "FAILED",
    };
    let failure_reason = match task.status {
        MoveTaskStatus::Failed(MoveTaskFailure::QueueDoesNotExist) => {
            Some("AWS.SimpleQueueService.NonExistentQueue")
        }
        MoveTaskStatus::Failed(MoveTaskFailure::CouldNotDetermineMessageSource) => {
            Some("CouldNotDetermineMessageSource")
        }
        _ => None,
    };
    let running = task.status == MoveTaskStatus::Running;
    ListMessageMoveTasksResultEntry {
        task_handle: running.then(|| to_handle(task.id, source)),
        status: status.to_owned(),
        source_arn: source.arn().to_string(),
        destination_arn: task.destination.as_ref().map(|key| key.arn().to_string()),
        max_number_of_messages_per_second: task.rate.map(i64::from),
        approximate_number_of_messages_moved: to_long(task.moved),
        approximate_number_of_messages_to_move: Some(to_long(task.to_move)),
        failure_reason: failure_reason.map(str::to_owned),
        started_timestamp: to_long(task.started_at.as_millis()),
    }
}
