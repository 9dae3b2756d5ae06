//! The server's own actions: an AWS JSON service called `Formiga`.

use std::time::Duration;

use formiga_store::{Append, Change};
use formiga_wire::error::ErrorKind;
use formiga_wire::formiga::{AdvanceClockInput, AdvanceClockOutput, ListAccountsInput};

use crate::accounts;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::explain;
use crate::gateway::{Answer, Call, Gateway, run, run_silent};
use crate::peek;

/// How far ahead the server's clock was moved, in milliseconds; kept with the data.
pub(crate) const CLOCK_AHEAD: &str = "clock_ahead";

/// The answer to the action, or `None` when there is no such action.
pub(crate) async fn act(
    gateway: &Gateway,
    ctx: &Context,
    action: &str,
    call: &mut Call<'_>,
) -> Option<Answer> {
    match action {
        "AdvanceClock" => Some(
            run(call, async |input| {
                ctx.authorize_own(action)?;
                match gateway.verifier {
                    Some(_) => Err(clock_never_moves()),
                    None => advance_clock(gateway, input).await,
                }
            })
            .await,
        ),
        "CreateAccount" => {
            Some(run(call, async |input| accounts::create_account(ctx, input).await).await)
        }
        "DeleteAccount" => {
            Some(run_silent(call, async |input| accounts::delete_account(ctx, input).await).await)
        }
        "ResetAccountKey" => {
            Some(run(call, async |input| accounts::reset_account_key(ctx, input).await).await)
        }
        "ExplainAccess" => {
            Some(run(call, async |input| explain::explain_access(ctx, &input)).await)
        }
        "ListAccounts" => {
            Some(run(call, async |_: ListAccountsInput| accounts::list_accounts(ctx)).await)
        }
        "PeekMessages" => {
            let now = gateway.clock.now();
            Some(run(call, async |input| peek::peek_messages(ctx, now, input).await).await)
        }
        _ => None,
    }
}

/// Signatures and policies rest on the clock.
fn clock_never_moves() -> ApiError {
    let message = "The clock does not move where callers are checked.";
    ApiError::new(ErrorKind::UnsupportedOperation, message)
}

/// A hundred years.
const ADVANCE_MILLISECONDS_MAX: i64 = 100 * 366 * 24 * 3600 * 1000;

/// Moves the server's clock ahead, so that tests need not wait out delays, timeouts and retention
/// periods. The data directory remembers by how much: time must not run backwards for the messages
/// in it.
async fn advance_clock(
    gateway: &Gateway,
    input: AdvanceClockInput,
) -> Result<AdvanceClockOutput, ApiError> {
    let seconds = input.seconds.unwrap_or_default();
    let total = seconds
        .checked_mul(1000)
        .and_then(|millis| millis.checked_add(input.milliseconds.unwrap_or_default()));
    let total = total.filter(|total| (0..=ADVANCE_MILLISECONDS_MAX).contains(total));
    let Some(total) = total else {
        return Err(error::invalid("Seconds", seconds, "The clock only moves ahead."));
    };
    let by = Duration::from_millis(total.unsigned_abs());
    // One at a time. It is stored first: a crash in between leaves a clock that is ahead of its
    // messages, never one behind them.
    let _alone = gateway.clock_moves.lock().await;
    let ahead = gateway.clock.ahead().saturating_add(by);
    let millis = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
    let change = Change::Setting(CLOCK_AHEAD, millis.to_be_bytes().to_vec());
    let append = Append::new(gateway.clock.now(), change);
    let written = gateway.store.append(gateway.epoch, append).await;
    written.map_err(|error| {
        tracing::error!(%error, "the clock's advance could not be stored");
        ApiError::new(ErrorKind::InternalFailure, "The clock's advance could not be stored.")
    })?;
    gateway.clock.advance(by);
    let now = gateway.clock.now();
    tracing::info!(ahead_milliseconds = millis, "the clock was moved ahead");
    Ok(AdvanceClockOutput { now_milliseconds: i64::try_from(now.as_millis()).unwrap_or(i64::MAX) })
}
