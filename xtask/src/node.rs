//! Tests in JavaScript: Node.js with npm, and the packages of a lock file.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::steps::run_to_success;
use crate::suites::{answer, command_in};
use crate::workspace;

const NODE_MAJOR_MIN: u32 = 20;
pub(crate) const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// What of Node.js is not installed.
pub(crate) fn missing() -> Option<&'static str> {
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

/// Copies the tests and what they share with others to `home`, and fetches their packages unless
/// those of this lock file are there. A module of JavaScript is looked for in the folders above the
/// file that imports it, and packages belong into the target directory.
pub(crate) fn prepare(tests: &Path, shared: &[PathBuf], home: &Path) -> Outcome {
    let complete = home.join("node_modules").join(format!(".complete-{}", stamp(tests)?));
    let mut sources = files(tests)?;
    sources.extend_from_slice(shared);
    copy(&sources, home)?;
    if !complete.exists() {
        run_to_success(
            command_in(home, NPM)
                .args(["ci", "--no-audit", "--no-fund", "--cache"])
                .arg(workspace::target().join("npm-cache")),
        )?;
        fs::write(complete, "")?;
    }
    Ok(())
}

/// Node's own test runner over what was prepared.
pub(crate) fn tests(home: &Path) -> Command {
    let mut command = command_in(home, "node");
    command.args(["--test", "--test-reporter=spec"]);
    command
}

/// Fills `home` with these files, and with no others.
fn copy(sources: &[PathBuf], home: &Path) -> Outcome {
    fs::create_dir_all(home)?;
    for old in files(home)? {
        fs::remove_file(old)?;
    }
    for file in sources {
        fs::copy(file, home.join(file.file_name().expect("a file has a name")))?;
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
fn stamp(tests: &Path) -> Result<String, Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    for name in ["package.json", "package-lock.json"] {
        fs::read(tests.join(name))?.hash(&mut hasher);
    }
    answer("node", &["--version"]).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
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
