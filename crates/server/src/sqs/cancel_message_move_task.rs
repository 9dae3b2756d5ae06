//! `CancelMessageMoveTask`

use formiga_engine::queue::MoveTaskRefusal;
use formiga_wire::error::ErrorKind;
use formiga_wire::sqs::{CancelMessageMoveTaskInput, CancelMessageMoveTaskOutput};

use super::message_move_task::{find, on_source, parse_handle, to_long};
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Ends a message move task. What was moved stays moved.
pub(crate) async fn cancel_message_move_task(
    ctx: &Context,
    input: CancelMessageMoveTaskInput,
) -> Result<CancelMessageMoveTaskOutput, ApiError> {
    let handle = input.task_handle.filter(|handle| !handle.is_empty());
    let handle = handle.ok_or_else(|| error::missing("TaskHandle"))?;
    let (id, source) = parse_handle(&handle).ok_or_else(|| {
        let message = "Value for parameter TaskHandle is invalid.";
        ApiError::new(ErrorKind::InvalidParameterValue, message)
    })?;
    let source = find(ctx, &on_source(Action::CancelMessageMoveTask), &source, "SourceArn")?;
    let cancelled = source.cancel_move_task(id).await;
    let cancelled = cancelled.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    match cancelled {
        Ok(task) => {
            let moved = to_long(task.moved);
            Ok(CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: moved })
        }
        Err(MoveTaskRefusal::NotRunning) => Err(ApiError::new(
            ErrorKind::UnsupportedOperation,
            "Only active tasks can be cancelled.",
        )),
        Err(_) => Err(ApiError::new(ErrorKind::ResourceNotFound, "Task does not exist.")),
    }
}
