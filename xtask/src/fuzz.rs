//! `cargo xtask fuzz`: any bytes for every decoder, guided by what they reach.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::steps::{Steps, run_to_success};
use crate::workspace::{self, cargo};

/// How long each target is fuzzed unless told otherwise, in seconds; findings want hours, regressions
/// of what was found show within moments.
const SECONDS: u64 = 10;

const USAGE: &str = "usage: cargo xtask fuzz [--seconds N] [target ...]";

/// Fuzzes the named targets, or all, for `--seconds` each. What was reached before is kept in the
/// target directory and gone on from.
pub(crate) fn run(args: &[String]) -> Outcome {
    let (seconds, names) = match args {
        [flag, seconds, names @ ..] if flag == "--seconds" => {
            (seconds.parse().map_err(|_| USAGE)?, names)
        }
        names => (SECONDS, names),
    };
    let all = targets()?;
    if let Some(unknown) = names.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no target {unknown}; there are {}", all.join(", ")).into());
    }
    let chosen = if names.is_empty() { &all } else { &names.to_vec() };
    let mut steps = Steps::new();
    fuzz(&mut steps, chosen, seconds);
    steps.finish()
}

/// Fuzzes every decoder for a short time.
pub(crate) fn every_decoder(steps: &mut Steps) {
    match targets() {
        Ok(all) => fuzz(steps, &all, SECONDS),
        Err(error) => {
            steps.step::<()>("fuzzing", || Err(error));
        }
    }
}

fn fuzz(steps: &mut Steps, targets: &[String], seconds: u64) {
    // libFuzzer is C++.
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    if Command::new(&compiler).arg("--version").output().is_err() {
        steps.missing("fuzzing", "no C++ compiler was found");
        return;
    }
    let Some(built) = steps.step("the fuzz targets", build) else { return };
    for target in targets {
        steps.step(&format!("fuzzing, {target}"), || fuzz_one(&built, target, seconds));
    }
}

/// The names of the targets: those of their files.
fn targets() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder().join("targets"))? {
        let path = file?.path();
        let name = path.file_stem().ok_or("a target has a name")?;
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn folder() -> PathBuf {
    workspace::root().join("fuzz")
}

fn home() -> PathBuf {
    workspace::target().join("fuzz")
}

/// What makes the compiler count which edges of the program an input reaches, as libFuzzer wants it.
const INSTRUMENTS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Builds the targets, and tells where they are. Build scripts run without instruments only when a
/// target platform is named.
fn build() -> Result<PathBuf, Box<dyn std::error::Error>> {
    let version = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(version.stdout)?;
    let platform = version.lines().find_map(|line| line.strip_prefix("host: "));
    let platform = platform.ok_or("rustc -vV tells no host")?;
    let mut build = cargo();
    build
        .current_dir(folder())
        .args(["build", "--release", "--locked", "--target", platform])
        .env("CARGO_TARGET_DIR", home())
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTS.join("\x1f"));
    run_to_success(&mut build)?;
    Ok(home().join(platform).join("release"))
}

/// The longest input that is tried, in bytes; and how long one may take, in seconds.
const INPUT_MAX: u64 = 64 * 1024;
const INPUT_SECONDS_MAX: u64 = 5;

fn fuzz_one(built: &Path, target: &str, seconds: u64) -> Outcome {
    let reached = home().join("reached").join(target);
    let found = home().join("found").join(target);
    fs::create_dir_all(&reached)?;
    fs::create_dir_all(&found)?;
    let mut fuzz = Command::new(built.join(target));
    fuzz.arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-rss_limit_mb=1024", "-verbosity=0", "-print_final_stats=1"])
        .arg(&reached)
        .arg(folder().join("seeds").join(target));
    run_to_success(&mut fuzz)
        .map_err(|error| format!("{error}; the input is in {}", found.display()).into())
}
