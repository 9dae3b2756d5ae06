//! What `tests/sdk/java` needs: Java with Maven, and the artifacts that its `pom.xml` names.

use std::error::Error;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::steps::run_to_success;
use crate::suites::{Suite, answer, command_in, folder};
use crate::workspace;

pub(crate) const SUITE: Suite = Suite { name: "SDK tests, Java", missing, dependencies, tests };

const JAVA_MIN: u32 = 17;
const MAVEN: &str = if cfg!(windows) { "mvn.cmd" } else { "mvn" };

fn missing() -> Option<&'static str> {
    let Some(versions) = answer(MAVEN, &["--batch-mode", "--version"]) else {
        return Some("no mvn that starts was found");
    };
    let java = java(&versions);
    java.is_none_or(|java| java < JAVA_MIN).then_some("mvn has no Java from version 17 on")
}

/// The first number of `Java version: 17.0.15, vendor: ...` in what Maven says of itself.
fn java(versions: &str) -> Option<u32> {
    let (_, version) = versions.split_once("Java version: ")?;
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

/// Where Maven keeps what it fetches and builds.
fn home() -> PathBuf {
    workspace::target().join("sdk-java")
}

/// Builds the tests and runs none, which fetches all that a run needs, unless that has been done
/// for this `pom.xml`.
fn dependencies() -> Outcome {
    let complete = home().join(format!(".complete-{}", stamp()?));
    if !complete.exists() {
        run_to_success(maven().args([
            "test",
            "-Dtest=None",
            "-DfailIfNoTests=false",
            "-Dsurefire.failIfNoSpecifiedTests=false",
        ]))?;
        fs::write(complete, "")?;
    }
    Ok(())
}

fn stamp() -> Result<String, Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    fs::read(folder("java").join("pom.xml"))?.hash(&mut hasher);
    answer(MAVEN, &["--batch-mode", "--version"]).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn tests() -> Command {
    let mut command = maven();
    command.args(["--offline", "test"]);
    command
}

/// Maven, telling only what fails.
fn maven() -> Command {
    let setting = |name: &str, path: PathBuf| format!("-D{name}={}", path.display());
    let mut command = command_in(&folder("java"), MAVEN);
    command
        .args(["--batch-mode", "--quiet", "--no-transfer-progress", "-Dstyle.color=never"])
        .arg(setting("maven.repo.local", home().join("repository")))
        .arg(setting("formiga.build", home().join("built")));
    command
}

#[cfg(test)]
mod tests {
    use super::java;

    #[test]
    fn the_version_of_java_is_its_first_number() {
        for (versions, number) in [
            ("Apache Maven 3.8.7\nJava version: 17.0.15, vendor: Debian", Some(17)),
            ("Java version: 21", Some(21)),
            ("Java version: 1.8.0_402, vendor: Debian", Some(1)),
            ("Apache Maven 3.8.7", None),
        ] {
            assert_eq!(java(versions), number, "{versions}");
        }
    }
}
