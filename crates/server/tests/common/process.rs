//! The real binary as a child process.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::{fs, mem};

use serde_json::Value;

/// A running server. It is killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: PathBuf,
    address: SocketAddr,
}

/// A server that did not start.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: ExitStatus,
    pub(crate) stderr: String,
}

impl Process {
    /// Starts `formiga` with these arguments and waits until it listens or gives up. Its log goes
    /// to a file in `directory`.
    pub(crate) fn try_start<A: AsRef<OsStr>>(
        directory: &Path,
        arguments: &[A],
    ) -> Result<Process, Refusal> {
        // Measurements are of a release build, which the variable names.
        let binary = std::env::var_os("FORMIGA_BIN");
        let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_formiga").into());
        Process::spawn(directory, Command::new(binary), arguments)
    }

    /// The same with at most `files` open files.
    pub(crate) fn start_with_files<A: AsRef<OsStr>>(
        directory: &Path,
        files: u64,
        arguments: &[A],
    ) -> Process {
        let mut shell = Command::new("sh");
        let limited = format!("ulimit -n {files} && exec \"$0\" \"$@\"");
        shell.arg("-c").arg(limited).arg(env!("CARGO_BIN_EXE_formiga"));
        let started = Process::spawn(directory, shell, arguments);
        started.unwrap_or_else(|refusal| panic!("the server does not start: {refusal:?}"))
    }

    fn spawn<A: AsRef<OsStr>>(
        directory: &Path,
        mut command: Command,
        arguments: &[A],
    ) -> Result<Process, Refusal> {
        let stderr = (0..).map(|n| directory.join(format!("stderr-{n}")));
        let stderr = stderr.into_iter().find(|path| !path.exists()).expect("a name is free");
        let log = fs::File::create(&stderr).expect("a file can be made");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORMIGA_")) {
            command.env_remove(name);
        }
        command.args(arguments).current_dir(directory);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().expect("the binary runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut first = String::new();
        stdout.read_line(&mut first).expect("stdout is text");
        if first.is_empty() {
            let status = child.wait().expect("the child is ours");
            let stderr = fs::read_to_string(&stderr).expect("stderr was kept");
            return Err(Refusal { status, stderr });
        }
        let address = first.split("://").nth(1).and_then(|rest| rest.trim().parse().ok());
        let address = address.unwrap_or_else(|| panic!("{first:?} names no address"));
        Ok(Process { child, stdout, stderr, address })
    }

    pub(crate) fn start<A: AsRef<OsStr>>(directory: &Path, arguments: &[A]) -> Process {
        let started = Process::try_start(directory, arguments);
        started.unwrap_or_else(|refusal| panic!("the server does not start: {refusal:?}"))
    }

    /// Expects that the server does not start, and tells what it says.
    pub(crate) fn refuses<A: AsRef<OsStr>>(directory: &Path, arguments: &[A]) -> Refusal {
        match Process::try_start(directory, arguments) {
            Ok(process) => panic!("the server starts at {}", process.address),
            Err(refusal) => refusal,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How much memory it has, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it had since [`Process::forget_peak`], in bytes.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) {
        let forgotten = fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5");
        forgotten.expect("the child is ours");
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the child runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("it is there");
        kib.parse::<u64>().expect("a number") * 1024
    }

    /// Allows the running process at most so many open files.
    pub(crate) fn limit_files(&self, files: u64) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let limit = Rlimit { current: Some(files), maximum: Some(files) };
        let child = Pid::from_raw(self.child.id().cast_signed());
        prlimit(child, Resource::Nofile, limit).expect("the child is ours");
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.stderr).expect("stderr was kept")
    }

    /// Sends a signal such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let arguments = [format!("-{name}"), self.child.id().to_string()];
        let sent = Command::new("kill").args(arguments).status().expect("kill runs");
        assert!(sent.success(), "the child runs");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> End {
        let mut output = String::new();
        self.stdout.read_to_string(&mut output).expect("stdout is text");
        let status = self.child.wait().expect("the child is ours");
        let log = fs::read_to_string(mem::take(&mut self.stderr)).expect("stderr was kept");
        End { status, output, log }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is left of a server.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    /// Standard output after its first line.
    pub(crate) output: String,
    pub(crate) log: String,
}

impl End {
    /// The log's lines, which must be JSON objects.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line} is JSON"));
        let lines: Vec<Value> = self.log.lines().map(parse).collect();
        assert!(lines.iter().all(Value::is_object), "{}", self.log);
        lines
    }
}
