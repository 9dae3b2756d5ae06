//! `cargo xtask test`: every test, with what it needs.

use crate::Outcome;
use crate::python;
use crate::steps::Steps;
use crate::workspace::{self, cargo};

/// Runs the Rust tests and the SDK tests; `--rust` or `--sdk` alone runs one
/// of the two, and what follows `--` goes to `cargo test` or to `pytest`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let split = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (own, extra) = args.split_at(split);
    let extra = extra.get(1..).unwrap_or_default();
    let (rust, sdk) = match own {
        [] if extra.is_empty() => (true, true),
        [only] if only == "--rust" => (true, false),
        [only] if only == "--sdk" => (false, true),
        _ => return Err("usage: cargo xtask test [--rust | --sdk [-- arguments]]".into()),
    };

    let mut steps = Steps::new();
    if rust {
        rust_tests(&mut steps, extra);
    }
    if sdk {
        sdk_tests(&mut steps, extra);
    }
    steps.finish()
}

fn rust_tests(steps: &mut Steps, extra: &[String]) {
    let test = ["test", "--workspace", "--no-fail-fast"];
    steps.command("Rust tests", cargo().args(test).arg("--all-targets").args(extra));
    if extra.is_empty() {
        steps.command("documentation tests", cargo().args(test).arg("--doc"));
    }
}

/// The official AWS SDK for Python and the AWS CLI against the real binary.
fn sdk_tests(steps: &mut Steps, extra: &[String]) {
    let name = "SDK tests, Python";
    let Some(interpreter) = python::interpreter() else {
        let reason = "no python3 was found";
        if workspace::in_ci() {
            steps.step::<()>(name, || Err(reason.into()));
        } else {
            steps.skip(name, reason);
        }
        return;
    };

    let built = steps.command(
        "the server, built for the SDK tests",
        cargo().args(["build", "--package", "formiga-server"]),
    );
    let python = steps.step("the Python environment", || python::environment(interpreter));
    match python {
        Some(python) if built => {
            let mut pytest = python::pytest(python);
            steps.command(name, pytest.args(extra).env("FORMIGA_BIN", workspace::formiga("debug")));
        }
        _ => steps.skip(name, "a step before it failed"),
    }
}
