//! Somebody sets the machine's clock while the real binary runs, by minutes, hours and days, ahead and
//! back: nothing acknowledged is lost, nothing stalls, and nothing in flight is handed out again
//! because the clock went back.
//!
//! `faults/clock.c` answers the server's looks at the wall clock with a time that is wrong by as much
//! as the test says.

#![cfg(target_os = "linux")]

mod faults {
    pub(crate) mod client;
    pub(crate) mod server;
}

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use faults::client::{Client, Failure, Kind, messages};
use faults::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A server whose wall clock can be set.
struct Scene {
    dir: TempDir,
    server: Option<Server>,
}

impl Scene {
    fn start() -> Scene {
        let dir = tempfile::tempdir().expect("a directory can be made");
        compile(dir.path());
        let mut scene = Scene { dir, server: None };
        scene.set(0);
        scene.restart(&[]).unwrap_or_else(|error| panic!("{error}"));
        scene.client().create_queues().expect("the queues are created");
        scene
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Sets the wall clock so many seconds ahead of the true one.
    fn set(&self, seconds: i64) {
        // In place: the server has the file mapped.
        let mut options = fs::File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(self.file("step")).expect("the step can be written");
        std::os::unix::fs::FileExt::write_all_at(&file, &seconds.to_ne_bytes(), 0).expect("it is");
    }

    fn restart(&mut self, arguments: &[&str]) -> Result<(), String> {
        self.server.take().map(Server::kill).unwrap_or_default();
        let (data, stderr) = (self.file("data"), self.file("stderr"));
        let (library, step) = (self.file("clock.so"), self.file("step"));
        let server = Server::start(&data, &stderr, |command| {
            command.args(arguments).env("LD_PRELOAD", library).env("CLOCK_STEP", step);
        });
        self.server = Some(server?);
        Ok(())
    }

    fn client(&self) -> Client {
        let server = self.server.as_ref().expect("the server runs");
        Client::connect(server.address(), Kind::Standard).expect("the server listens")
    }

    fn stderr(&self) -> String {
        fs::read_to_string(self.file("stderr")).expect("errors are kept")
    }
}

fn compile(dir: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/clock.c");
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", source, "-o"])
        .arg(dir.join("clock.so"))
        .args(["-ldl", "-lpthread"])
        .output()
        .expect("a C compiler named `cc` is on the path");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cc compiles {source}:\n{errors}");
}

fn send(client: &mut Client, body: &str, delay_seconds: i64) {
    let send = json!({ "MessageBody": body, "DelaySeconds": delay_seconds });
    client.call("AmazonSQS.SendMessage", &send).expect("it is sent");
}

/// Handles and bodies of what can be received now, hidden for so long.
fn receive(client: &mut Client, hidden_seconds: i64) -> Vec<(String, String)> {
    let input = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": hidden_seconds });
    messages(&client.call("AmazonSQS.ReceiveMessage", &input).expect("an answer"))
}

fn bodies(received: &[(String, String)]) -> Vec<&str> {
    received.iter().map(|(_, body)| body.as_str()).collect()
}

/// One message from its sending to its deletion, and how long that took.
fn lifecycle(client: &mut Client, body: &str) -> Duration {
    let began = Instant::now();
    send(client, body, 0);
    let received = receive(client, HOUR);
    assert_eq!(bodies(&received), [body]);
    let delete = json!({ "ReceiptHandle": received[0].0 });
    client.call("AmazonSQS.DeleteMessage", &delete).expect("it is deleted");
    began.elapsed()
}

#[test]
fn a_clock_that_is_set_back_stalls_nothing_and_brings_nothing_back() {
    let scene = Scene::start();
    let mut client = scene.client();
    send(&mut client, "held", 0);
    assert_eq!(bodies(&receive(&mut client, HOUR)), ["held"]);
    for back in [10, MINUTE, HOUR, DAY, 30 * DAY] {
        scene.set(-back);
        let took = lifecycle(&mut client, &format!("{back} s back"));
        println!("set back by {back} s: a lifecycle took {} ms", took.as_millis());
        assert_eq!(client.count().expect("it is counted"), 1, "what is in flight stays so");
    }
    // Nor does a message wait for the time that the clock has lost.
    send(&mut client, "soon", 1);
    let wait = json!({ "WaitTimeSeconds": 20 });
    let output = client.call("AmazonSQS.ReceiveMessage", &wait).expect("an answer");
    assert_eq!(bodies(&messages(&output)), ["soon"]);
}

#[test]
fn a_clock_that_is_set_ahead_is_followed_and_removes_nothing_for_an_hour() {
    let mut scene = Scene::start();
    let mut client = scene.client();
    send(&mut client, "later", 15 * MINUTE);
    send(&mut client, "held", 0);
    assert_eq!(bodies(&receive(&mut client, 30 * MINUTE)), ["held"]);
    scene.set(20 * MINUTE);
    assert_eq!(bodies(&receive(&mut client, HOUR)), ["later"], "the delay is over");
    scene.set(40 * MINUTE);
    assert_eq!(bodies(&receive(&mut client, HOUR)), ["held"], "and the visibility timeout");

    // A clock that is wrong by days hides what has expired by it; set right, all of it is back.
    scene.set(10 * DAY);
    assert!(receive(&mut client, HOUR).is_empty(), "kept for four days");
    let took = lifecycle(&mut client, "of the future");
    println!("set ahead by ten days: a lifecycle took {} ms", took.as_millis());
    assert!(scene.stderr().contains("jumped ahead"), "{}", scene.stderr());
    scene.set(0);
    drop(client);
    let refused = scene.restart(&[]).expect_err("the clock is ten days behind the data");
    assert!(refused.contains("--accept-clock"), "{refused}");
    scene.restart(&["--accept-clock"]).unwrap_or_else(|error| panic!("{error}"));
    let mut client = scene.client();
    client.find_queue().expect("the queue is there");
    assert_eq!(client.count().expect("it is counted"), 2, "nothing was removed");
    let took = lifecycle(&mut client, "of today");
    println!("accepted as right again: a lifecycle took {} ms", took.as_millis());
}

#[test]
fn a_clock_that_is_a_little_behind_at_a_start_is_waited_for() {
    let mut scene = Scene::start();
    scene.set(HOUR);
    let mut client = scene.client();
    lifecycle(&mut client, "in an hour");
    drop(client);
    scene.set(HOUR - 4);
    let began = Instant::now();
    scene.restart(&[]).unwrap_or_else(|error| panic!("{error}"));
    println!("four seconds behind the data: listening after {} ms", began.elapsed().as_millis());
    lifecycle(&mut scene.client(), "a little later");
    let refusal = scene.client().call("AmazonSQS.SendMessage", &Value::Null);
    assert!(matches!(refusal, Err(Failure::Refused(_))), "bad input is still told as such");
}
