//! What `tests/sdk/javascript` needs: Node.js with npm, and the packages of its lock file.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::node;
use crate::suites::{Suite, folder};
use crate::workspace;

pub(crate) const SUITE: Suite =
    Suite { name: "SDK tests, JavaScript", missing: node::missing, dependencies, tests };

/// Where the tests run, beside their packages.
fn home() -> PathBuf {
    workspace::target().join("sdk-javascript")
}

fn dependencies() -> Outcome {
    node::prepare(&folder("javascript"), &[], &home())
}

fn tests() -> Command {
    let mut command = node::tests(&home());
    command.env("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
    command
}
