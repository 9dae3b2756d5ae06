//! The STS actions, one file each: who calls, and sessions.

mod assume_role;
mod get_caller_identity;
mod get_session_token;
mod session;

use crate::context::Context;
use crate::gateway::{Answer, Call, run};

/// The answer to the action, or `None` when there is no such action.
pub(crate) async fn act(ctx: &Context, action: &str, call: &mut Call<'_>) -> Option<Answer> {
    Some(match action {
        "AssumeRole" => run(call, async |input| assume_role::assume_role(ctx, &input)).await,
        "GetCallerIdentity" => {
            run(call, async |_: formiga_wire::sts::GetCallerIdentityInput| {
                get_caller_identity::get_caller_identity(ctx)
            })
            .await
        }
        "GetSessionToken" => {
            run(call, async |input| get_session_token::get_session_token(ctx, &input)).await
        }
        _ => return None,
    })
}
