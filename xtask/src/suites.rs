//! The suites against the real binary in other languages than Python: what each needs, and how it
//! runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::browser;
use crate::go;
use crate::java;
use crate::javascript;
use crate::steps::{Steps, run_to_success};
use crate::workspace;

/// Tests against the real binary, run by the tools of their language.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    /// What has to be installed and is not.
    pub(crate) missing: fn() -> Option<&'static str>,
    /// Fetches what the tests use, in the versions that are pinned.
    pub(crate) dependencies: fn() -> Outcome,
    /// Runs the tests; they find the server in `FORMIGA_BIN`.
    pub(crate) tests: fn() -> Command,
}

pub(crate) const SUITES: [&Suite; 4] =
    [&javascript::SUITE, &java::SUITE, &go::SUITE, &browser::SUITE];

impl Suite {
    /// Runs the suite as two steps: its dependencies, then its tests.
    pub(crate) fn run(&self, steps: &mut Steps, built: bool) {
        if let Some(reason) = (self.missing)() {
            steps.missing(self.name, reason);
            return;
        }
        let dependencies = format!("{}: what they need", self.name);
        let fetched = steps.step(&dependencies, self.dependencies).is_some();
        if built && fetched {
            steps.step(self.name, || {
                run_to_success((self.tests)().env("FORMIGA_BIN", workspace::formiga("debug")))
            });
        } else {
            steps.skip(self.name, "a step before it failed");
        }
    }
}

/// Where the tests of one language lie.
pub(crate) fn folder(language: &str) -> PathBuf {
    workspace::root().join("tests").join("sdk").join(language)
}

/// `program`, started in `folder`.
pub(crate) fn command_in(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

/// What `<program> <arguments>` prints; none when there is no such program or it fails.
pub(crate) fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
