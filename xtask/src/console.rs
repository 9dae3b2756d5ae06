//! `cargo xtask console`: the web console, built for the server to carry.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::chromium;
use crate::node::{NPM, missing};
use crate::steps::{Steps, run_to_success};
use crate::suites::{answer, command_in};
use crate::workspace;

/// Builds the console, whether or not it was built before.
pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.first() {
        return Err(format!("console takes no arguments, but got `{unknown}`").into());
    }
    match missing() {
        Some(reason) => Err(reason.into()),
        None => build(),
    }
}

/// Builds the console where it can be built; a server without one says how to get it.
pub(crate) fn build_if_possible() -> Outcome {
    match missing() {
        None => build(),
        Some(reason) => {
            eprintln!("the server is built without its console: {reason}");
            Ok(())
        }
    }
}

/// The console's own tests, and a browser's way through it.
pub(crate) fn tests(steps: &mut Steps, built: bool) {
    const UNIT: &str = "the console's lints and tests";
    const BROWSER: &str = "the console in a browser";
    if let Some(reason) = missing() {
        steps.missing(UNIT, reason);
        steps.missing(BROWSER, reason);
        return;
    }
    steps.step(UNIT, || {
        run_to_success(npm().args(["run", "check"]))?;
        run_to_success(npm().arg("test"))
    });
    match chromium::missing() {
        Some(reason) => steps.missing(BROWSER, reason),
        None if !built => steps.skip(BROWSER, "a step before it failed"),
        None => {
            steps.step(BROWSER, || {
                let mut browser = npm();
                browser.args(["run", "e2e"]);
                browser.env("FORMIGA_BIN", workspace::formiga("debug"));
                run_to_success(browser.env("CHROMIUM_BIN", chromium::program()?))
            });
        }
    }
}

/// Nothing is built again of sources that were built.
fn build() -> Outcome {
    let stamp = workspace::target().join("console-built");
    let sources = hash_of_sources()?;
    let is_there = home().join("dist").join("index.html").exists();
    if is_there && fs::read_to_string(&stamp).is_ok_and(|built| built == sources) {
        return Ok(());
    }
    run_to_success(
        npm()
            .args(["ci", "--no-audit", "--no-fund", "--cache"])
            .arg(workspace::target().join("npm-cache")),
    )?;
    run_to_success(npm().args(["run", "build"]))?;
    fs::write(stamp, sources)?;
    Ok(())
}

fn home() -> PathBuf {
    workspace::root().join("console")
}

fn npm() -> std::process::Command {
    command_in(&home(), NPM)
}

/// A number that changes with what the console is built of, and with what it is built by.
fn hash_of_sources() -> Result<String, Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    answer("node", &["--version"]).hash(&mut hasher);
    let mut folders = vec![home()];
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::path);
        for path in entries.iter().map(fs::DirEntry::path) {
            if path.is_dir() {
                folders.extend((!is_made(&path)).then_some(path));
            } else {
                path.hash(&mut hasher);
                fs::read(&path)?.hash(&mut hasher);
            }
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Whether the folder is made by a build or a test.
fn is_made(folder: &Path) -> bool {
    ["node_modules", "dist", "e2e"].into_iter().any(|made| folder.ends_with(made))
}
