//! What the message move task actions have in common: their source, and the handle of a task.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use formiga_engine::names::QueueKey;
use formiga_wire::error::ErrorKind;
use serde_json::Value;
use uuid::Uuid;

use crate::authorization::Action;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::queues::QueueHandle;

/// The queue whose messages move, if the caller may do `action` on it.
pub(super) fn parse_source(
    ctx: &Context,
    action: Action,
    arn: Option<&str>,
) -> Result<QueueHandle, ApiError> {
    let arn = arn.filter(|arn| !arn.is_empty()).ok_or_else(|| error::missing("SourceArn"))?;
    let key = QueueKey::parse_arn(arn).map_err(|_| malformed("SourceArn"))?;
    find(ctx, &on_source(action), &key, "SourceArn")
}

/// A task takes messages as their receivers do.
pub(super) fn on_source(action: Action) -> [Action; 4] {
    [action, Action::ReceiveMessage, Action::DeleteMessage, Action::GetQueueAttributes]
}

/// The queue of the caller's that an ARN parameter names, if the caller may do `actions` on it.
pub(super) fn find(
    ctx: &Context,
    actions: &[Action],
    key: &QueueKey,
    parameter: &str,
) -> Result<QueueHandle, ApiError> {
    let own = key.account == ctx.caller.account;
    let queue = ctx.queues.find(key);
    ctx.authorize_all(actions, key, queue.as_ref())?;
    queue.filter(|_| own).ok_or_else(|| {
        let message =
            format!("The resource that you specified for the {parameter} parameter doesn't exist.");
        ApiError::new(ErrorKind::ResourceNotFound, message)
    })
}

pub(super) fn malformed(parameter: &str) -> ApiError {
    let message = format!(
        "You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
    );
    ApiError::new(ErrorKind::InvalidParameterValue, message)
}

/// The handle of a task, as AWS makes it.
pub(super) fn to_handle(id: [u8; 16], source: &QueueKey) -> String {
    let id = Uuid::from_bytes(id);
    STANDARD.encode(format!("{{\"taskId\":\"{id}\",\"sourceArn\":\"{}\"}}", source.arn()))
}

/// The task and the source that a handle names.
pub(super) fn parse_handle(handle: &str) -> Option<([u8; 16], QueueKey)> {
    let json: Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    let id = Uuid::parse_str(json.get("taskId")?.as_str()?).ok()?;
    let source = QueueKey::parse_arn(json.get("sourceArn")?.as_str()?).ok()?;
    Some((id.into_bytes(), source))
}

/// A number as the API has it, which knows no unsigned ones.
pub(super) fn to_long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
