//! The browser that tests drive: the system's Chromium.
//!
//! No build of a browser comes from the npm registry, so it is the package of the system. Where a run
//! decides about a change and may install packages, it is installed; elsewhere its absence is
//! told together with the one command that helps.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::run_to_success;
use crate::suites::answer;
use crate::workspace;

/// Where a developer can name another one.
const SETTING: &str = "FORMIGA_CHROMIUM";
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Why there is no browser and none can be installed.
pub(crate) fn missing() -> Option<&'static str> {
    if found().is_some() || may_install() {
        None
    } else {
        Some("no Chromium was found; on Debian, `apt-get install chromium` installs it")
    }
}

/// The browser's program, installed if need be.
pub(crate) fn program() -> Result<PathBuf, Box<dyn Error>> {
    if let Some(program) = found() {
        return Ok(program);
    }
    if let Some(reason) = missing() {
        return Err(reason.into());
    }
    run_to_success(apt_get().args(["update", "--quiet=2"]))?;
    run_to_success(apt_get().args([
        "install",
        "--yes",
        "--quiet=2",
        "--no-install-recommends",
        "chromium",
    ]))?;
    found().ok_or_else(|| "Chromium was installed and is not there".into())
}

/// The first browser of the usual names that starts.
fn found() -> Option<PathBuf> {
    let starts = |program: &Path| answer(program.to_str()?, &["--version"]).map(drop);
    if let Some(named) = env::var_os(SETTING) {
        return Some(PathBuf::from(named)).filter(|program| starts(program).is_some());
    }
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |it| it.join(name)));
    candidates.filter(|program| program.is_file()).find(|program| starts(program).is_some())
}

/// A developer's machine is the developer's.
fn may_install() -> bool {
    let is_root = || answer("id", &["-u"]).as_deref() == Some("0");
    workspace::in_ci() && is_root() && answer("apt-get", &["--version"]).is_some()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
