//! A disk that fills: sends are refused with a clear error, receiving and deleting goes on, the
//! server takes messages again when there is room, and nothing acknowledged is lost - also when
//! another program fills the disk to the last byte, and across `kill -9`.
//!
//! The disk is a small tmpfs in a mount namespace of its own, which needs no privileges and ends
//! with the test.

mod common {
    pub(crate) mod http;
}

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use common::http::{Answer, Connection, eventually};

/// Larger than the reserve and the ballast by some ten MiB.
const DISK_MIB: u64 = 128;
const RESERVE_MIB: u64 = 48;

/// A shell that holds the small disk and runs servers on it, one at a time.
struct Disk {
    shell: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    directory: tempfile::TempDir,
}

const SHELL: &str = r#"
mount -t tmpfs -o size="$2"m none "$1/disk" || exit 1
echo mounted
while read -r _; do
    "$3" serve --listen 127.0.0.1:0 --data-dir "$1/disk/data" --disk-reserve-mib "$4" 2>>"$1/log"
    echo ended
done
"#;

impl Disk {
    /// `None` where mount namespaces are not allowed; in CI that is a failure.
    fn mount() -> Option<Disk> {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("disk")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SHELL, "sh"]);
        command.arg(directory.path()).arg(DISK_MIB.to_string());
        command.arg(env!("CARGO_BIN_EXE_formiga")).arg(RESERVE_MIB.to_string());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("FORMIGA_")) {
            command.env_remove(name);
        }
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok();
        let mounted = shell.and_then(|mut shell| {
            let (stdin, stdout) = (shell.stdin.take(), shell.stdout.take()?);
            let mut disk = Disk { shell, stdin, stdout: BufReader::new(stdout), directory };
            (disk.line() == "mounted").then_some(disk)
        });
        if mounted.is_none() {
            let why = "a small disk cannot be mounted in a namespace here (unshare --user --mount)";
            assert!(std::env::var_os("CI").is_none(), "{why}");
            println!("SKIPPED: {why}");
        }
        mounted
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn start_server(&mut self) -> SocketAddr {
        self.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
        loop {
            let line = self.line();
            assert!(line != "ended" && !line.is_empty(), "no server: {}", self.log());
            if let Some((_, address)) = line.split_once("answers at http://") {
                return address.parse().unwrap();
            }
        }
    }

    fn kill_server(&mut self) {
        for server in self.servers() {
            Command::new("kill").args(["-9", &server]).status().unwrap();
        }
        while self.line() != "ended" {}
    }

    fn servers(&self) -> Vec<String> {
        let shell = self.shell.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        children.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// A path on the disk, as it is reached from outside its namespace.
    fn path(&self, name: &str) -> PathBuf {
        let inside = self.directory.path().strip_prefix("/").unwrap().join("disk").join(name);
        Path::new("/proc").join(self.shell.id().to_string()).join("root").join(inside)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// What another program does that fills the disk to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.path("filler")).unwrap();
        let block = vec![0; 64 * 1024];
        while file.write_all(&block).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.stdin.take());
        for server in self.servers() {
            let _ = Command::new("kill").args(["-9", &server]).status();
        }
        let _ = self.shell.wait();
    }
}

struct Client {
    address: SocketAddr,
    connection: Connection,
    sent: usize,
}

impl Client {
    async fn connect(address: SocketAddr, sent: usize) -> Client {
        Client { address, connection: Connection::open(address).await, sent }
    }

    async fn call(&mut self, action: &str, mut input: Value) -> Answer {
        input["QueueUrl"] = json!("q");
        self.connection.call(&format!("AmazonSQS.{action}"), &input).await
    }

    /// Sends a message of 100 kB. Its number is used up only when it is acknowledged.
    async fn send(&mut self) -> Answer {
        let body = format!("{} {}", self.sent, "x".repeat(100_000));
        let answer = self.call("SendMessage", json!({ "MessageBody": body })).await;
        self.sent += usize::from(answer.status == 200);
        answer
    }

    async fn send_until_refused(&mut self) -> String {
        loop {
            let answer = self.send().await;
            if answer.status != 200 {
                return format!("{} {}", answer.status, answer.text());
            }
            assert!(self.sent < 10_000, "the disk is small");
        }
    }

    /// Receives up to ten messages: their numbers and handles.
    async fn receive(&mut self) -> Vec<(usize, Value)> {
        let input = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 600 });
        let output = self.call("ReceiveMessage", input).await.ok();
        let messages = output["Messages"].as_array().cloned().unwrap_or_default();
        let number = |message: &Value| {
            let body = message["Body"].as_str().unwrap();
            (body.split(' ').next().unwrap().parse().unwrap(), message["ReceiptHandle"].clone())
        };
        messages.iter().map(number).collect()
    }

    async fn delete(&mut self, handle: &Value) -> Answer {
        self.call("DeleteMessage", json!({ "ReceiptHandle": handle })).await
    }

    /// Receives and deletes everything; tells which messages there were.
    async fn drain(&mut self) -> BTreeSet<usize> {
        let mut drained = BTreeSet::new();
        loop {
            let messages = self.receive().await;
            if messages.is_empty() {
                return drained;
            }
            for (number, handle) in messages {
                self.delete(&handle).await.ok();
                assert!(drained.insert(number), "{number} came twice");
            }
        }
    }
}

#[tokio::test]
async fn a_disk_that_fills_refuses_sends_until_there_is_room_and_loses_nothing() {
    let Some(mut disk) = Disk::mount() else { return };
    let mut client = Client::connect(disk.start_server(), 0).await;
    client.connection.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();

    let refusal = client.send_until_refused().await;
    assert!(refusal.starts_with("503 "), "{refusal}");
    assert!(refusal.contains("less than the reserve of 48 MiB"), "{refusal}");
    assert!(client.sent > 100, "{} messages fit", client.sent);

    // Nothing of what was acknowledged is lost, whatever happens to the server.
    disk.kill_server();
    let mut client = Client::connect(disk.start_server(), client.sent).await;
    // A start empties the log, which makes a little room.
    let refusal = client.send_until_refused().await;
    assert!(refusal.starts_with("503 "), "{refusal}");
    let first = client.receive().await;
    for (_, handle) in &first {
        client.delete(handle).await.ok();
    }
    let mut drained: BTreeSet<usize> = first.into_iter().map(|(number, _)| number).collect();
    drained.extend(client.drain().await);
    assert_eq!(drained, (0..client.sent).collect(), "every acknowledged message was there");

    // It recovers by itself.
    eventually("messages are taken again", async || client.send().await.status == 200).await;
    let before = client.sent;
    client.send_until_refused().await;
    assert!(client.sent > before + 100, "the space of what was deleted was given back");
    println!("{} messages of 100 kB were acknowledged on a disk of {DISK_MIB} MiB", client.sent);
}

#[tokio::test]
async fn a_disk_that_another_program_fills_leaves_room_for_deleting() {
    let Some(mut disk) = Disk::mount() else { return };
    let mut client = Client::connect(disk.start_server(), 0).await;
    client.connection.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();
    for _ in 0..100 {
        client.send().await.ok();
    }
    let received = client.receive().await;
    eventually("the ballast is in place", async || disk.path("data/ballast").exists()).await;
    disk.fill();
    eventually("sends are refused", async || client.send().await.status == 503).await;
    for (_, handle) in &received {
        let deleted = client.delete(handle).await;
        assert_eq!(deleted.status, 200, "{}\n{}", deleted.text(), disk.log());
    }
    let health = Connection::open(client.address).await.get("/health", &[]).await;
    assert_eq!(health.status, 200, "{}", health.text());
    disk.empty();
    eventually("messages are taken again", async || client.send().await.status == 200).await;
    disk.kill_server();
    let sent = client.sent;
    let mut client = Client::connect(disk.start_server(), sent).await;
    let gone: BTreeSet<usize> = received.into_iter().map(|(number, _)| number).collect();
    let left: BTreeSet<usize> = (0..sent).filter(|number| !gone.contains(number)).collect();
    assert_eq!(client.drain().await, left);
}
