//! `GetSessionToken`

use formiga_auth::caller::Caller;
use formiga_auth::session_token::SessionOf;
use formiga_wire::error::ErrorKind;
use formiga_wire::sts::{GetSessionTokenInput, GetSessionTokenOutput};

use super::session;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::iam::checks::Checks;

const DURATION: i64 = 43_200;
const DURATION_MIN: i64 = 900;
const DURATION_MAX: i64 = 129_600;
/// "Sessions for AWS account owners are restricted to a maximum of 3,600 seconds (one hour)."
const DURATION_OF_ROOT_MAX: i64 = 3600;

/// Begins a session in which the caller stays who they are. It ends at the latest with the access
/// key that it was asked for with.
pub(super) fn get_session_token(
    ctx: &Context,
    input: &GetSessionTokenInput,
) -> Result<GetSessionTokenOutput, ApiError> {
    let access = ctx.access.as_ref().ok_or_else(error::nobody_is_checked)?;
    let denied = |message: &str| Err(ApiError::new(ErrorKind::AccessDenied, message));
    let caller = &access.principal.caller;
    let parent = match (&access.access_key_id, &access.principal.session) {
        (None, _) => return Err(error::unsigned()),
        (_, Some(_)) => return denied("Cannot call GetSessionToken with session credentials"),
        (Some(id), None) => id.clone(),
    };
    if input.serial_number.is_some() || input.token_code.is_some() {
        return denied("MultiFactorAuthentication failed, this server knows no MFA devices.");
    }
    let mut checks = Checks::default();
    checks.range("durationSeconds", input.duration_seconds, DURATION_MIN, DURATION_MAX);
    checks.done()?;
    let asked = input.duration_seconds.unwrap_or(DURATION);
    let (seconds, of) = match caller {
        Caller::User(user) => {
            let unique_id = user.unique_id.clone();
            (asked, SessionOf::User { unique_id, parent_access_key_id: parent })
        }
        Caller::Root { .. } => {
            let of = SessionOf::Root { parent_access_key_id: parent };
            (asked.min(DURATION_OF_ROOT_MAX), of)
        }
        Caller::Anonymous | Caller::Session(_) | Caller::Service(_) => {
            return Err(error::unsigned());
        }
    };
    let account = access.principal.account.to_string();
    let begun = session::begin(access, &account, of, seconds, None);
    let (credentials, _) = begun.expect("a token without a policy is short");
    Ok(GetSessionTokenOutput { credentials })
}
