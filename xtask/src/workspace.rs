//! Where things are: the checkout, its target directory, cargo, the binaries.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The top of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in a folder of the workspace")
}

/// The directory cargo builds into, wherever the developer's settings put it:
/// this program was built there, as `<target>/debug/xtask`.
pub(crate) fn target() -> PathBuf {
    let xtask = env::current_exe().expect("a running program has a path");
    xtask.ancestors().nth(2).expect("cargo builds into <target>/debug").to_owned()
}

/// The `formiga` binary of one profile: `debug` or `release`.
pub(crate) fn formiga(profile: &str) -> PathBuf {
    target().join(profile).join(format!("formiga{}", env::consts::EXE_SUFFIX))
}

/// The cargo that runs this program, started at the top of the checkout.
pub(crate) fn cargo() -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root());
    command
}

/// Whether this run decides about a change: then nothing may be left out.
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
