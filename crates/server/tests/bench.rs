//! `formiga bench` against the real server.

mod common {
    pub(crate) mod process;
}

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use common::process::Process;

/// Runs a small load and reads its report.
fn bench(endpoint: &str, directory: &Path, arguments: &[&str]) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_formiga"))
        .args(["bench", "--json", "--warm-up", "0s", "--connections", "4", "--endpoint", endpoint])
        .args(arguments)
        .env("AWS_SHARED_CREDENTIALS_FILE", directory.join("data/admin-key"))
        .env("AWS_CA_BUNDLE", directory.join("data/tls/ca.pem"))
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_PROFILE")
        .output()
        .expect("the binary runs");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("the report is JSON")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

const SCENARIOS: [&str; 7] =
    ["send", "send-batch", "lifecycle", "lifecycle-batch", "fifo", "queues", "receive-delete"];

#[test]
fn every_scenario_runs_signed_over_tls_against_a_server_that_checks_callers() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let server = Process::start(
        directory.path(),
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "data",
            "--auth",
            "required",
            "--tls-self-signed",
        ],
    );
    let endpoint = format!("https://{}", server.address());
    for scenario in SCENARIOS {
        let few = ["--scenario", scenario, "--operations", "40", "--depth", "40"];
        let arguments = [&["--sign"], &few[..]].concat();
        let report = bench(&endpoint, directory.path(), &arguments).expect(scenario);
        assert_eq!(
            (&report["operations"], &report["errors"]),
            (&40.into(), &0.into()),
            "{scenario}"
        );
    }
    let refused = bench(&endpoint, directory.path(), &["--operations", "1"]).unwrap_err();
    assert!(refused.contains("403"), "without a signature: {refused}");
}

#[test]
fn long_polls_are_woken_by_the_real_server() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let server = Process::start(
        directory.path(),
        &["serve", "--listen", "127.0.0.1:0", "--store", "memory"],
    );
    let endpoint = format!("http://{}", server.address());
    let report =
        bench(&endpoint, directory.path(), &["--scenario", "long-poll", "--duration", "500ms"]);
    let report = report.expect("every answer is right");
    assert!(report["operations"].as_u64() > Some(0), "{report}");
    assert_eq!(report["errors"], 0, "{report}");
}
