//! The real binary as a child process, started on a data directory and killed without warning.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A running server. It is killed when dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

/// How long a start may take on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);

impl Server {
    /// Starts the server and waits until it listens. Its standard error is added to `stderr`,
    /// the last lines of which are the error when it does not start.
    pub(crate) fn start(
        data_dir: &Path,
        stderr: &Path,
        more: impl FnOnce(&mut Command),
    ) -> Result<Server, String> {
        let stderr_file = File::options().create(true).append(true).open(stderr);
        let mut command = Command::new(env!("CARGO_BIN_EXE_formiga"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(stderr_file.expect("the server's errors can be kept"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORMIGA_")) {
            command.env_remove(name);
        }
        more(&mut command);
        let mut child = command.spawn().expect("the binary starts");
        let Some(address) = ready(child.stdout.take().expect("stdout is piped")) else {
            child.kill().expect("the child is ours");
            let status = child.wait().expect("the child is ours");
            return Err(format!("the server did not start ({status}):\n{}", tail(stderr)));
        };
        Ok(Server { child, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} can be sent");
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.signal("KILL");
        self.stop();
    }

    fn stop(&mut self) {
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The address in the line that the server prints once it listens.
fn ready(stdout: ChildStdout) -> Option<SocketAddr> {
    let (found, address) = mpsc::channel();
    let reader = thread::Builder::new().spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
                let address = rest[..end.unwrap_or(rest.len())].parse();
                // Nobody listens any more once the first address was found.
                let _ = found.send(address.expect("the server prints its address"));
            }
        }
    });
    reader.expect("a thread can be started");
    address.recv_timeout(START_MAX).ok()
}

/// The last lines of a file.
fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
