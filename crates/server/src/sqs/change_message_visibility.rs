//! `ChangeMessageVisibility`

use std::time::Duration;

use formiga_engine::limits::VISIBILITY_TIMEOUT_SECONDS;
use formiga_engine::queue::VisibilityRefusal;
use formiga_wire::sqs::ChangeMessageVisibilityInput;

use super::delete_message::parse_handle;
use super::receive_message::over_limit;
use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};

/// Sets when a received message becomes visible again.
pub(crate) async fn change_message_visibility(
    ctx: &Context,
    input: ChangeMessageVisibilityInput,
) -> Result<(), ApiError> {
    let queue = ctx.find(Action::ChangeMessageVisibility, input.queue_url.as_deref())?;
    let handle = input.receipt_handle.as_deref();
    // A missing timeout is reported before a garbage handle is looked at.
    present(handle)?;
    let timeout = parse_timeout(input.visibility_timeout)?;
    let position = parse_handle(ctx, &queue, handle)?;
    let outcomes = queue.change_visibility(vec![(position, timeout)]).await;
    let outcomes = outcomes.map_err(|cause| error::unanswered(&cause, ctx.request_id))?;
    let refused = |refusal| self::refused(refusal, handle.unwrap_or_default(), timeout);
    outcomes.into_iter().try_for_each(|outcome| outcome.map_err(refused))
}

fn present(handle: Option<&str>) -> Result<(), ApiError> {
    match handle {
        Some(handle) if !handle.is_empty() => Ok(()),
        _ => Err(error::missing("ReceiptHandle")),
    }
}

pub(super) fn parse_timeout(seconds: Option<i64>) -> Result<Duration, ApiError> {
    let seconds = seconds.ok_or_else(|| error::missing("VisibilityTimeout"))?;
    if !VISIBILITY_TIMEOUT_SECONDS.contains(&seconds) {
        let reason = "Must be between 0 and 43200.";
        return Err(error::invalid("VisibilityTimeout", seconds, reason));
    }
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

pub(super) fn refused(refusal: VisibilityRefusal, handle: &str, timeout: Duration) -> ApiError {
    match refusal {
        VisibilityRefusal::MessageDoesNotExist => {
            let reason =
                "Message does not exist or is not available for visibility timeout change.";
            error::invalid("ReceiptHandle", handle, reason)
        }
        VisibilityRefusal::OverInFlightLimit => over_limit(),
        VisibilityRefusal::BeyondTotalMax => {
            let reason =
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
            error::invalid("VisibilityTimeout", timeout.as_secs(), reason)
        }
    }
}
