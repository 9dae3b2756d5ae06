//! `cargo xtask sim`: the whole server under one seed after the other, and bugs that have to be found.

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::steps::{Steps, run_to_success};
use crate::workspace::{self, cargo};

/// Passes its arguments on to the simulator: `--minutes N`, `--seeds N`, `--seed N`, ...
pub(crate) fn run(args: &[String]) -> Outcome {
    let simulator = build()?;
    run_to_success(Command::new(simulator).args(args))
}

/// How many seeds every test run takes, and how many of them twice.
const SEEDS: &str = "2000";
const TWICE: &str = "200";

/// Seeds that found something, many others, the same ones again, and every bug that can be switched
/// on.
pub(crate) fn tests(steps: &mut Steps) {
    let Some(simulator) = steps.step("the simulator", build) else { return };
    let simulate = |args: &[&str]| {
        let mut command = Command::new(&simulator);
        command.args(args);
        command
    };
    let known = steps.step("seeds that found something", known_seeds).unwrap_or_default();
    for seed in known {
        let mut command = simulate(&["--first", &seed, "--seeds", "1"]);
        steps.command(&format!("simulation, seed {seed}"), &mut command);
    }
    let mut many = simulate(&["--seeds", SEEDS]);
    steps.command(&format!("simulation, {SEEDS} seeds"), &mut many);
    let mut twice = simulate(&["--seeds", TWICE, "--twice"]);
    steps.command("simulation, the same seeds make the same histories", &mut twice);
    steps.command("simulation, bugs are found", &mut simulate(&["--mutations"]));
}

/// The first word of each line that is no comment.
fn known_seeds() -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(workspace::root().join("crates/sim/seeds.txt"))?;
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect())
}

/// Builds the simulator with a tokio whose choices can be seeded, which is another build of nearly
/// everything.
fn build() -> Result<PathBuf, Box<dyn Error>> {
    let target = workspace::target().join("sim");
    let mut build = cargo();
    build
        .args(["build", "--package", "formiga-sim"])
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "--cfg tokio_unstable");
    run_to_success(&mut build)?;
    Ok(target.join("debug").join("formiga-sim"))
}
