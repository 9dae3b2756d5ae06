//! What `tests/sdk/go` needs: Go, and the modules that its `go.sum` names.

use std::process::Command;

use crate::Outcome;
use crate::steps::run_to_success;
use crate::suites::{Suite, answer, command_in, folder};
use crate::workspace;

pub(crate) const SUITE: Suite = Suite { name: "SDK tests, Go", missing, dependencies, tests };

const GO_MINOR_MIN: u32 = 24;

fn missing() -> Option<&'static str> {
    let version = answer("go", &["env", "GOVERSION"]);
    let minor = version.as_deref().and_then(minor);
    minor.is_none_or(|minor| minor < GO_MINOR_MIN).then_some("no go from version 1.24 on was found")
}

/// The second number of `go1.26.8`.
fn minor(version: &str) -> Option<u32> {
    let number = version.strip_prefix("go1.")?;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

fn dependencies() -> Outcome {
    run_to_success(go().args(["mod", "download"]))
}

fn tests() -> Command {
    let mut command = go();
    // A server is no input that Go knows: what it remembers of another one does not count.
    command.args(["test", "-count=1", "./..."]);
    command
}

/// The installed Go itself; what it downloads and builds stays in the target directory, where
/// `cargo clean` may remove it.
fn go() -> Command {
    let home = workspace::target().join("sdk-go");
    let mut command = command_in(&folder("go"), "go");
    command
        .env("GOMODCACHE", home.join("modules"))
        .env("GOCACHE", home.join("built"))
        .env("GOFLAGS", "-modcacherw")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off");
    command
}

#[cfg(test)]
mod tests {
    use super::minor;

    #[test]
    fn the_minor_version_of_go_is_its_second_number() {
        for (version, number) in [
            ("go1.26.8", Some(26)),
            ("go1.24", Some(24)),
            ("go1.25rc1", Some(25)),
            ("go2.0", None),
            ("devel", None),
        ] {
            assert_eq!(minor(version), number, "{version}");
        }
    }
}
