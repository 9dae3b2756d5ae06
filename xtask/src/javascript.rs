//! What `tests/sdk/javascript` needs: Node.js with npm, and the packages of its lock file.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::steps::run_to_success;
use crate::suites::{Suite, answer, command_in, folder};
use crate::workspace;

pub(crate) const SUITE: Suite = Suite { name: "JavaScript", missing, dependencies, tests };

const NODE_MAJOR_MIN: u32 = 20;
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

fn missing() -> Option<&'static str> {
    let version = answer("node", &["--version"]);
    if version.as_deref().and_then(major).is_none_or(|major| major < NODE_MAJOR_MIN) {
        Some("no node from version 20 on was found")
    } else if answer(NPM, &["--version"]).is_none() {
        Some("no npm was found")
    } else {
        None
    }
}

/// The first number of `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Where the tests run: a copy of theirs beside their packages, for a module of JavaScript is
/// looked for in the folders above the file that imports it.
fn home() -> PathBuf {
    workspace::target().join("sdk-javascript")
}

/// Copies the tests, and fetches their packages unless those of this lock file are there.
fn dependencies() -> Outcome {
    let home = home();
    let complete = home.join("node_modules").join(format!(".complete-{}", stamp()?));
    copy_tests(&home)?;
    if !complete.exists() {
        run_to_success(
            command_in(&home, NPM)
                .args(["ci", "--no-audit", "--no-fund", "--cache"])
                .arg(workspace::target().join("npm-cache")),
        )?;
        fs::write(complete, "")?;
    }
    Ok(())
}

/// Fills `home` with the files of the tests, and with no others.
fn copy_tests(home: &Path) -> Outcome {
    fs::create_dir_all(home)?;
    for old in files(home)? {
        fs::remove_file(old)?;
    }
    for file in files(&folder("javascript"))? {
        fs::copy(&file, home.join(file.file_name().expect("a file has a name")))?;
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

/// A number that changes with the packages, and with the Node.js they are for.
fn stamp() -> Result<String, Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    for name in ["package.json", "package-lock.json"] {
        fs::read(folder("javascript").join(name))?.hash(&mut hasher);
    }
    answer("node", &["--version"]).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn tests() -> Command {
    let mut command = command_in(&home(), "node");
    command
        .args(["--test", "--test-reporter=spec"])
        .env("AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED", "true");
    command
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_of_node_is_its_first_number() {
        for (version, number) in
            [("v20.11.1", Some(20)), ("v8.0.0", Some(8)), ("20.1.0", None), ("v", None)]
        {
            assert_eq!(major(version), number, "{version}");
        }
    }
}
