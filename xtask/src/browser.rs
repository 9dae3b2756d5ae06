//! What `tests/browser` needs: Node.js with npm, the packages of its lock file, and Chromium.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::suites::{Suite, folder};
use crate::workspace;
use crate::{chromium, node};

pub(crate) const SUITE: Suite =
    Suite { name: "tests in a real browser", missing, dependencies, tests };

fn missing() -> Option<&'static str> {
    node::missing().or_else(chromium::missing)
}

/// Where the tests run, beside their packages.
fn home() -> PathBuf {
    workspace::target().join("browser")
}

fn dependencies() -> Outcome {
    chromium::program()?;
    let tests = workspace::root().join("tests").join("browser");
    node::prepare(&tests, &[folder("javascript").join("formiga.js")], &home())
}

/// They find the browser in `CHROMIUM_BIN`.
fn tests() -> Command {
    let mut command = node::tests(&home());
    if let Ok(program) = chromium::program() {
        command.env("CHROMIUM_BIN", program);
    }
    command
}
