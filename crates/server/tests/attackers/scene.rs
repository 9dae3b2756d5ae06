//! A server that checks who calls, and an ordinary client that is served whatever others do.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::common::http::{Answer, Connection, soon};
use crate::common::process::Process;
use crate::common::signed::{Signer, Unsent};

/// Ordinary clients sign as usual; mallory has a key as well.
const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAUSUAL00000000001", secret_access_key = "secret of the usual" }]

    [[user]]
    account = "222222222222"
    keys = [{ access_key_id = "AKIAMALLORY000000001", secret_access_key = "secret of mallory" }]
"#;

pub(crate) fn usual() -> Signer {
    Signer::new("AKIAUSUAL00000000001", "secret of the usual")
}

pub(crate) fn mallory() -> Signer {
    Signer::new("AKIAMALLORY000000001", "secret of mallory")
}

pub(crate) const MEBIBYTE: u64 = 1024 * 1024;

pub(crate) struct Scene {
    pub(crate) server: Process,
    pub(crate) host: String,
    _directory: TempDir,
}

impl Scene {
    /// The real binary, with a queue `q` of each account.
    pub(crate) async fn start() -> Scene {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let users = directory.path().join("users.toml");
        fs::write(&users, USERS).expect("a file can be written");
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let arguments = [
            "--listen=127.0.0.1:0",
            "--data-dir=data",
            "--store=memory",
            "--auth=required",
            "--credentials-file=users.toml",
        ];
        let server = Process::start(directory.path(), &arguments);
        let host = server.address().to_string();
        let scene = Scene { server, host, _directory: directory };
        for signer in [usual(), mallory()] {
            scene.call(&signer, "CreateQueue", &json!({ "QueueName": "q" })).await.ok();
        }
        scene
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn json(&self, action: &str, body: impl Into<String>) -> Unsent {
        unsent(&self.host, action, body)
    }

    pub(crate) async fn send(&self, request: &Unsent) -> Answer {
        let mut connection = Connection::open(self.address()).await;
        connection.write(request.to_bytes()).await;
        connection.answer().await
    }

    pub(crate) async fn call(&self, signer: &Signer, action: &str, input: &Value) -> Answer {
        self.send(&signer.sign(self.json(action, input.to_string()))).await
    }

    /// What the server grows by while `attack` lasts, which is told of a client that is served
    /// meanwhile.
    pub(crate) async fn under<T>(&self, attack: impl AsyncFnOnce(&Bystander) -> T) -> (T, u64) {
        let bystander = Bystander::start(self.host.clone(), self.address());
        // What serving costs anyway is no part of what an attack takes.
        bystander.is_served(20).await;
        let before = self.server.resident_bytes();
        self.server.forget_peak();
        let outcome = attack(&bystander).await;
        let grown = self.server.peak_bytes().saturating_sub(before);
        bystander.is_served(5).await;
        bystander.stop().await;
        (outcome, grown)
    }
}

fn unsent(host: &str, action: &str, body: impl Into<String>) -> Unsent {
    Unsent::new("POST", "/", host)
        .with("x-amz-target", &format!("AmazonSQS.{action}"))
        .with("content-type", "application/x-amz-json-1.0")
        .body(body)
}

/// A client that sends, receives and deletes messages, one after the other, and is never refused.
pub(crate) struct Bystander {
    rounds: Arc<AtomicUsize>,
    served: Arc<Notify>,
    is_over: Arc<AtomicBool>,
    task: JoinHandle<Vec<Duration>>,
}

impl Bystander {
    pub(crate) fn start(host: String, address: SocketAddr) -> Bystander {
        let (rounds, served, is_over) =
            (Arc::<AtomicUsize>::default(), Arc::new(Notify::new()), Arc::<AtomicBool>::default());
        let (count, notify, over) = (rounds.clone(), served.clone(), is_over.clone());
        let task = tokio::spawn(async move {
            let mut took = Vec::new();
            let mut connection = Connection::open(address).await;
            while !over.load(Ordering::Relaxed) {
                let mut handle = Value::Null;
                for action in ["SendMessage", "ReceiveMessage", "DeleteMessage"] {
                    let input = match action {
                        "SendMessage" => json!({ "QueueUrl": "q", "MessageBody": "as always" }),
                        "DeleteMessage" => json!({ "QueueUrl": "q", "ReceiptHandle": handle }),
                        _ => json!({ "QueueUrl": "q" }),
                    };
                    let request = usual().sign(unsent(&host, action, input.to_string())).to_bytes();
                    let asked = Instant::now();
                    connection.write(request).await;
                    let answer = connection.answer().await.ok();
                    took.push(asked.elapsed());
                    if action == "ReceiveMessage" {
                        handle = answer["Messages"][0]["ReceiptHandle"].clone();
                        assert!(handle.is_string(), "what was sent is received");
                    }
                }
                count.fetch_add(1, Ordering::Relaxed);
                notify.notify_waiters();
            }
            took
        });
        Bystander { rounds, served, is_over, task }
    }

    /// Waits until the client was served so many times more.
    pub(crate) async fn is_served(&self, more: usize) {
        let until = self.rounds.load(Ordering::Relaxed) + more;
        let served = async {
            loop {
                let next = self.served.notified();
                if self.rounds.load(Ordering::Relaxed) >= until {
                    return;
                }
                assert!(!self.task.is_finished(), "the client was refused");
                next.await;
            }
        };
        soon("others are served", served).await;
    }

    /// How long each call took.
    pub(crate) async fn stop(self) -> Vec<Duration> {
        self.is_over.store(true, Ordering::Relaxed);
        self.task.await.expect("no call is refused")
    }
}
