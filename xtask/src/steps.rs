//! The steps of a command: each is announced, timed, and told in a summary.

use std::error::Error;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::workspace;

/// What has been done so far. A failed step stops nothing by itself, so that
/// one run shows every failure.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<Step>,
}

struct Step {
    name: String,
    verdict: Verdict,
    took: Duration,
}

enum Verdict {
    Passed,
    Failed,
    /// Not done, for this reason. The run as a whole still passes.
    Skipped(String),
}

impl Steps {
    pub(crate) fn new() -> Steps {
        Steps { started: Instant::now(), done: Vec::new() }
    }

    /// Runs `command`; the step passes when it ends with exit code 0.
    pub(crate) fn command(&mut self, name: &str, command: &mut Command) -> bool {
        self.step(name, || run_to_success(command)).is_some()
    }

    /// Does `work`; the step passes when it returns `Ok`.
    pub(crate) fn step<T>(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<T, Box<dyn Error>>,
    ) -> Option<T> {
        eprintln!("\n==> {name}");
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();

        let verdict = match &result {
            Ok(_) => {
                eprintln!("<== {name}: passed in {}", seconds(took));
                Verdict::Passed
            }
            Err(error) => {
                eprintln!("<== {name}: FAILED after {}: {error}", seconds(took));
                Verdict::Failed
            }
        };
        self.remember(name, verdict, took);
        result.ok()
    }

    /// Records that a step is left out, and why.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        eprintln!("\n!!! {name}: SKIPPED: {reason}");
        self.remember(name, Verdict::Skipped(reason.to_owned()), Duration::ZERO);
    }

    /// Leaves a step out whose tools are not installed; where a run decides about
    /// a change, that is a failure.
    pub(crate) fn missing(&mut self, name: &str, reason: &str) {
        if workspace::in_ci() {
            self.step::<()>(name, || Err(reason.into()));
        } else {
            self.skip(name, reason);
        }
    }

    /// Prints the summary. An error when any step failed.
    pub(crate) fn finish(self) -> Outcome {
        eprintln!("\nSummary");
        for step in &self.done {
            match &step.verdict {
                Verdict::Passed => eprintln!("  passed  {:>8}  {}", seconds(step.took), step.name),
                Verdict::Failed => eprintln!("  FAILED  {:>8}  {}", seconds(step.took), step.name),
                Verdict::Skipped(reason) => {
                    eprintln!("  SKIPPED           {}: {reason}", step.name);
                }
            }
        }
        eprintln!("  total   {:>8}", seconds(self.started.elapsed()));

        let failed = |step: &&Step| matches!(step.verdict, Verdict::Failed);
        match self.done.iter().filter(failed).count() {
            0 => Ok(()),
            count => Err(format!("{count} of {} steps failed", self.done.len()).into()),
        }
    }

    fn remember(&mut self, name: &str, verdict: Verdict, took: Duration) {
        self.done.push(Step { name: name.to_owned(), verdict, took });
    }
}

/// Runs `command` to its end. An error when it cannot start or fails.
pub(crate) fn run_to_success(command: &mut Command) -> Outcome {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}").into()),
        Err(error) => Err(format!("{program} did not start: {error}").into()),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
