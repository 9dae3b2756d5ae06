//! cargo-deny: which version, how it gets here, how it is called.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::steps::run_to_success;
use crate::workspace;

const VERSION: &str = "0.20.2";

/// How long the advisory database may take to arrive.
const FETCH_TIME_MAX: Duration = Duration::from_secs(60);

/// The cargo-deny of this checkout.
pub(crate) struct CargoDeny {
    program: PathBuf,
}

/// Finds cargo-deny under the target directory, or builds it there from
/// crates.io. A debug build checks as fast as we need and is done sooner.
pub(crate) fn install() -> Result<CargoDeny, Box<dyn Error>> {
    let home = workspace::target().join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = home.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        eprintln!("building cargo-deny {VERSION}, once per target directory");
        run_to_success(
            workspace::cargo()
                .args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug"])
                .args(["--config", "profile.dev.debug=false"])
                .arg("--root")
                .arg(home),
        )?;
    }
    Ok(CargoDeny { program })
}

impl CargoDeny {
    /// `cargo-deny check` over the whole workspace; `deny.toml` holds the rules.
    pub(crate) fn check(&self, args: &[&str]) -> Command {
        let mut command = self.command();
        command.args(["--workspace", "check"]).args(args);
        command
    }

    /// Brings the advisory database up to date; false when it cannot be had.
    pub(crate) fn fetch_advisories(&self) -> bool {
        let mut command = self.command();
        command.args(["fetch", "db"]).stderr(Stdio::null());
        let Ok(mut fetch) = command.spawn() else {
            return false;
        };
        let started = Instant::now();
        while started.elapsed() < FETCH_TIME_MAX {
            match fetch.try_wait() {
                Ok(Some(status)) => return status.success(),
                Ok(None) => sleep(Duration::from_millis(100)),
                Err(_) => return false,
            }
        }
        let _ = fetch.kill();
        let _ = fetch.wait();
        false
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(workspace::root());
        command
    }
}
