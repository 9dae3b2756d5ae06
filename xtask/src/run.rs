//! `cargo xtask run`: the server, built for speed and started with defaults.

use std::process::Command;

use crate::Outcome;
use crate::console;
use crate::steps::run_to_success;
use crate::workspace;

/// Builds `formiga` in release mode and becomes `formiga serve <args>`.
pub(crate) fn run(args: &[String]) -> Outcome {
    console::build_if_possible()?;
    run_to_success(workspace::cargo().args(["build", "--release", "--package", "formiga-server"]))?;

    let mut server = Command::new(workspace::formiga("release"));
    server.arg("serve").args(args);
    become_it(server)
}

/// Replaces this process, so that ctrl-C and SIGTERM reach the server itself.
#[cfg(unix)]
fn become_it(mut server: Command) -> Outcome {
    use std::os::unix::process::CommandExt;
    Err(server.exec().into())
}

/// Waits for the server; the console sends ctrl-C to both processes.
#[cfg(not(unix))]
fn become_it(mut server: Command) -> Outcome {
    run_to_success(&mut server)
}
