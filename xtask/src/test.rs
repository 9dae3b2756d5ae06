//! `cargo xtask test`: every test, with what it needs.

use std::error::Error;
use std::path::PathBuf;

use crate::Outcome;
use crate::console;
use crate::fuzz;
use crate::passed::{Half, Record};
use crate::python;
use crate::sim;
use crate::steps::{Steps, run_to_success};
use crate::suites::SUITES;
use crate::workspace::{self, cargo};

/// Runs the Rust tests and the SDK tests; `--rust` or `--sdk` alone runs one
/// of the two, and what follows `--` goes to `cargo test` or to `pytest`. The
/// names of what passed are kept for `check`, unless there are such arguments.
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
    steps.step("the web console", console::build_if_possible);
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
    let mut all = cargo();
    all.args(test).arg("--all-targets");
    if extra.is_empty() {
        steps.step("Rust tests", || Record::start(Half::Rust)?.cargo_test(&mut all));
        steps.command("documentation tests", cargo().args(test).arg("--doc"));
        fuzz::every_decoder(steps);
        sim::tests(steps);
    } else {
        steps.command("Rust tests", all.args(extra));
    }
}

/// The official AWS SDKs, the AWS CLI and what is built upon them, against the real binary.
fn sdk_tests(steps: &mut Steps, extra: &[String]) {
    let built = steps.command(
        "the server, built for the SDK tests",
        cargo().args(["build", "--package", "formiga-server"]),
    );
    python_tests(steps, built, extra);
    // Arguments choose among the tests in Python.
    if extra.is_empty() {
        for suite in SUITES {
            suite.run(steps, built);
        }
        console::tests(steps, built);
    }
}

fn python_tests(steps: &mut Steps, built: bool, extra: &[String]) {
    let name = "SDK tests, Python";
    let Some(interpreter) = python::interpreter() else {
        steps.missing(name, "no python3 was found");
        return;
    };

    let environment = |requirements| python::environment(interpreter, requirements);
    let python = steps.step("the Python environment", || environment(python::REQUIREMENTS));
    match python {
        Some(python) if built => {
            let mut pytest = python::pytest(python);
            pytest.args(extra).env("FORMIGA_BIN", workspace::formiga("debug"));
            steps.step(name, || {
                if extra.is_empty() {
                    pytest.env("FORMIGA_PASSED_TESTS", Record::start(Half::Sdk)?.path());
                }
                run_to_success(&mut pytest)
            });
        }
        _ => steps.skip(name, "a step before it failed"),
    }
    // Arguments choose among the tests of today's SDK.
    if extra.is_empty() {
        query_tests(steps, built, || environment(python::QUERY_REQUIREMENTS));
    }
}

/// What an SDK of the Query protocol can do, tested once more with such an SDK.
const QUERY_TESTS: [&str; 15] = [
    "test_query.py",
    "test_queues.py",
    "test_messages.py",
    "test_batches.py",
    "test_time.py",
    "test_namespaces.py",
    "test_attributes.py",
    "test_dead_letter_sources.py",
    "test_dead_letters.py",
    "test_fair_queues.py",
    "test_fifo.py",
    "test_fifo_attributes.py",
    "test_permissions.py",
    "test_purge.py",
    "test_tags.py",
];

fn query_tests(
    steps: &mut Steps,
    built: bool,
    environment: impl FnOnce() -> Result<PathBuf, Box<dyn Error>>,
) {
    let name = "SDK tests, Python, the Query protocol";
    match steps.step("the Python environment of the Query protocol", environment) {
        Some(python) if built => {
            let mut pytest = python::pytest(python);
            let pytest = pytest.args(QUERY_TESTS).env("FORMIGA_BIN", workspace::formiga("debug"));
            steps.command(name, pytest);
        }
        _ => steps.skip(name, "a step before it failed"),
    }
}
