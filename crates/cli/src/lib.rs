//! The client behind `formiga queue`, the commands of an operator for any SQS endpoint, and behind
//! `formiga user`, `key`, `role` and `account`.
//!
//! It promises to be an ordinary client. It speaks through the official SDK, so credentials,
//! profiles, regions and endpoints are configured as for every AWS tool, and it knows nothing of
//! the server it is shipped with but the default address. What is a limit of SQS is left to the
//! server to check.
//!
//! [`run`] runs one command, [`completions()`] writes a shell's completion script. `connect.rs`
//! decides which endpoint is called and as whom, `commands/` has a file for each command, and
//! `output.rs` is the one place that prints.

mod args;
mod ca_bundle;
mod commands;
mod completions;
mod confirm;
mod connect;
mod credentials;
mod duration;
mod endpoint;
mod error;
mod identities;
mod message_attribute;
mod output;
mod pair;
mod progress;
mod queue_ref;
mod settings;
mod timestamp;

use std::process::ExitCode;

pub use args::QueueArgs;
pub use completions::{CompletionsArgs, completions};
pub use identities::{
    AccountArgs, ExplainArgs, IdentityArgs, KeyArgs, ResetArgs, RoleArgs, UserArgs, run_identities,
};

use error::CliError;
use output::Output;

/// Runs the command that `args` describes, prints what it tells, and says how it went: 0 when all
/// of it is done, 1 when something failed, 2 when it was asked for what cannot be.
pub fn run(args: &QueueArgs) -> ExitCode {
    run_with(args.connection.json, async |output| commands::run(args, &output).await)
}

fn run_with(json: bool, act: impl AsyncFnOnce(Output) -> Result<(), CliError>) -> ExitCode {
    let output = Output::new(json);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(act(output));
            // A thread that still waits for standard input must not hold up the end.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(CliError::from(error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
