//! `cargo xtask check`: everything that is said about the code without running it,
//! and whether the tests that ran hold every edge case.

use crate::Outcome;
use crate::deny;
use crate::edges;
use crate::steps::Steps;
use crate::translations;
use crate::workspace::cargo;

/// Format, lints, documentation, edge cases, then the dependencies. A warning fails.
pub(crate) fn run(args: &[String]) -> Outcome {
    if let Some(unknown) = args.first() {
        return Err(format!("check takes no arguments, but got `{unknown}`").into());
    }
    let mut steps = Steps::new();
    steps.command("format", cargo().args(["fmt", "--all", "--check"]));
    steps.command(
        "lints",
        cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    );
    steps.command(
        "documentation",
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--document-private-items"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    );
    steps.step("translations of the README", translations::check);
    edges::check(&mut steps);
    if let Some(cargo_deny) = steps.step("cargo-deny is at hand", deny::install) {
        dependencies(&mut steps, &cargo_deny);
    }
    steps.finish()
}

fn dependencies(steps: &mut Steps, cargo_deny: &deny::CargoDeny) {
    steps.command(
        "licenses, duplicate versions and sources of dependencies",
        &mut cargo_deny.check(&["licenses", "bans", "sources"]),
    );

    let advisories = "security advisories about dependencies";
    if cargo_deny.fetch_advisories() {
        steps.command(advisories, &mut cargo_deny.check(&["advisories"]));
    } else {
        steps.skip(advisories, "NOT CHECKED, the advisory database could not be reached");
    }
}
