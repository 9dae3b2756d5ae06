//! `formiga queue` as its users see it: arguments and standard input in, two streams and an exit
//! code out.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::process::Process;

/// A server, and a machine without any AWS configuration that calls it.
pub(crate) struct Cli {
    server: Process,
    home: TempDir,
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Cli {
    pub(crate) fn start() -> Cli {
        let home = tempfile::tempdir().expect("a directory can be made");
        let server = Process::start(home.path(), &["--listen=127.0.0.1:0", "--store=memory"]);
        Cli { server, home }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn url(&self, queue: &str) -> String {
        format!("{}/000000000000/{queue}", self.endpoint())
    }

    /// Runs `formiga queue` with these arguments against the server.
    pub(crate) fn queue(&self, arguments: &[&str]) -> Ran {
        self.queue_with_input(arguments, b"")
    }

    pub(crate) fn queue_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let environment = [("AWS_ENDPOINT_URL_SQS", self.endpoint())];
        run(self.home.path(), &environment, &[&["queue"], arguments].concat(), input)
    }

    /// Runs a command that must succeed, and gives its output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.queue(arguments).ok()
    }

    /// Runs a command that must succeed with `--json`, and gives its documents.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        documents(&self.ok(&[arguments, &["--json"]].concat()))
    }

    /// The same for a command that answers with one document.
    pub(crate) fn document(&self, arguments: &[&str]) -> Value {
        let mut documents = self.json(arguments);
        assert_eq!(documents.len(), 1, "one document");
        documents.remove(0)
    }
}

/// The JSON documents of a text, one a line.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is JSON"));
    text.lines().map(parse).collect()
}

/// Runs `formiga` without any configuration but this environment.
pub(crate) fn run(
    home: &Path,
    environment: &[(&str, String)],
    arguments: &[&str],
    input: &[u8],
) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_formiga"));
    let foreign = |name: &String| name.starts_with("AWS_") || name.starts_with("FORMIGA_");
    for (name, _) in std::env::vars().filter(|(name, _)| foreign(name)) {
        command.env_remove(name);
    }
    command.env("HOME", home).envs(environment.iter().map(|(name, value)| (name, value)));
    command.args(arguments).current_dir(home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A command that reads nothing may be gone already.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("the child is ours");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ran {
        code: output.status.code().expect("it ends by itself"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Ran {
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// The error of a command that must fail so.
    pub(crate) fn error(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        self.err
    }
}
