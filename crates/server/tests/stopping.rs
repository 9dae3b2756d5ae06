//! The end of a server, and what the binary says and obeys.
//!
//! A child process holds copies of its parent's open files until it runs, the locks of data
//! directories among them. Servers that start again on the same data within one process are
//! therefore tested where no children are started, in `lifecycle.rs`.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod scene;
}

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use common::http::{Connection, soon};
use common::process::Process;
use common::scene::{Scene, messages};

const SEND: &str = "AmazonSQS.SendMessage";

/// Well below the 20 seconds of a long poll and the 30 seconds that requests under way are given.
const AT_ONCE_SECONDS: u64 = 10;

async fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_err()
}

// Server::stop

#[tokio::test]
async fn stopping_ends_long_polls_at_once_and_takes_no_new_work() {
    for scene in [Scene::memory().await, Scene::durable().await] {
        let polls = [scene.poll().await, scene.poll().await];
        let address = scene.address();
        let (server, _config, _directory) = scene.into_parts();
        let started = Instant::now();
        soon("the server stops", server.stop()).await;
        for poll in polls {
            let answer = poll.answer().await;
            assert_eq!((answer.status, answer.text()), (200, "{}"));
        }
        assert!(started.elapsed().as_secs() < AT_ONCE_SECONDS, "{:?}", started.elapsed());
        assert!(is_refused(address).await);
    }
}

/// Stops the server and tells that it did not wait for anyone.
async fn stops_at_once(scene: Scene) {
    scene.settle().await;
    let (server, _config, _directory) = scene.into_parts();
    let started = Instant::now();
    soon("the server stops", server.stop()).await;
    assert!(started.elapsed().as_secs() < AT_ONCE_SECONDS, "{:?}", started.elapsed());
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let scene = Scene::durable().await;
    let mut used = scene.connect().await;
    assert_eq!(used.get("/health", &[]).await.status, 200);
    stops_at_once(scene).await;
    used.ends().await;
}

#[tokio::test]
async fn a_connection_without_a_request_does_not_hold_up_the_end() {
    let scene = Scene::durable().await;
    let unused = scene.connect().await;
    stops_at_once(scene).await;
    unused.ends().await;
}

#[tokio::test]
async fn a_request_that_has_only_begun_does_not_hold_up_the_end() {
    let scene = Scene::durable().await;
    let (mut head, mut body) = (scene.connect().await, scene.connect().await);
    head.write("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le").await;
    let request = body.request("AmazonSQS.ListQueues", &[], "{}          ");
    body.write(&request[..request.len() - 5]).await;
    stops_at_once(scene).await;
    assert_eq!(body.answer().await.status, 503, "what has not arrived is refused");
    head.ends().await;
}

// The binary.

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory can be made")
}

const ANYWHERE: [&str; 2] = ["--listen", "127.0.0.1:0"];

async fn call(address: SocketAddr, action: &str, input: Value) -> Value {
    let mut connection = Connection::open(address).await;
    connection.call(&format!("AmazonSQS.{action}"), &input).await.ok()
}

#[tokio::test]
async fn a_signal_ends_the_server_in_good_order() {
    for signal in ["TERM", "INT"] {
        let directory = directory();
        let process = Process::start(directory.path(), &ANYWHERE);
        let address = process.address();
        call(address, "CreateQueue", json!({ "QueueName": "q" })).await;
        call(address, "SendMessage", json!({ "QueueUrl": "q", "MessageBody": "kept" })).await;
        let mut poll = Connection::open(address).await;
        let input = json!({ "QueueUrl": "q", "WaitTimeSeconds": 20 }).to_string();
        let receive = poll.request("AmazonSQS.ReceiveMessage", &[], input);
        poll.write(&receive).await;
        assert_eq!(messages(&poll.answer().await.ok()).len(), 1);
        poll.write(&receive).await;
        let count = json!({ "QueueUrl": "q", "AttributeNames": ["All"] });
        for _ in 0..5 {
            call(address, "GetQueueAttributes", count.clone()).await;
        }

        let started = Instant::now();
        process.signal(signal);
        assert_eq!(messages(&poll.answer().await.ok()).len(), 0, "the poll ends");
        let end = process.wait();
        assert!(started.elapsed().as_secs() < AT_ONCE_SECONDS, "{:?}", started.elapsed());
        assert_eq!(end.status.code(), Some(0), "{end:?}");
        assert!(is_refused(address).await);

        let process = Process::start(directory.path(), &ANYWHERE);
        let counters = call(process.address(), "GetQueueAttributes", count).await;
        assert_eq!(counters["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "1");
    }
}

#[tokio::test]
async fn the_welcome_tells_where_the_server_and_its_data_are() {
    let directory = directory();
    let process = Process::start(directory.path(), &ANYWHERE);
    let endpoint = format!("--endpoint-url http://{}", process.address());
    process.signal("TERM");
    let end = process.wait();
    let data = directory.path().canonicalize().unwrap().join("formiga-data");
    assert!(end.output.contains("formiga-data"), "{}", end.output);
    assert!(end.output.contains(&endpoint), "{}", end.output);
    assert!(data.join("formiga.db").exists());
}

fn refuses(directory: &Path, arguments: &[&str], words: &[&str]) {
    let refusal = Process::refuses(directory, arguments);
    assert!(refusal.status.code().is_some_and(|code| code != 0), "{refusal:?}");
    let sentence = refusal.stderr.lines().last().unwrap_or_default();
    assert!(sentence.starts_with("formiga: "), "{refusal:?}");
    for word in words {
        assert!(sentence.contains(word), "{word:?} is missing in {sentence:?}");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let directory = directory();
    let first = Process::start(directory.path(), &ANYWHERE);
    refuses(directory.path(), &ANYWHERE, &["formiga-data is in use by another Formiga server"]);
    call(first.address(), "CreateQueue", json!({ "QueueName": "q" })).await;
    first.signal("TERM");
    assert!(first.wait().status.success());
    Process::start(directory.path(), &ANYWHERE);
}

#[test]
fn data_of_a_newer_version_is_refused_and_left_alone() {
    let directory = directory();
    let data = directory.path().join("formiga-data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("format"), "999\n").unwrap();
    refuses(
        directory.path(),
        &ANYWHERE,
        &["formiga-data has format 999", "use the version that wrote it"],
    );
    assert_eq!(fs::read_to_string(data.join("format")).unwrap(), "999\n");
    assert!(!data.join("formiga.db").exists());
}

#[test]
fn listening_beyond_this_machine_must_be_meant() {
    let directory = directory();
    for address in ["0.0.0.0:0", "[::]:0"] {
        refuses(directory.path(), &["--listen", address], &[address, "--allow-anonymous"]);
    }
    assert!(!directory.path().join("formiga-data").exists(), "nothing was touched");
    let open = ["--listen", "0.0.0.0:0", "--allow-anonymous", "--store", "memory"];
    Process::start(directory.path(), &open);
}

#[test]
fn an_address_in_use_is_told_before_data_is_touched() {
    let directory = directory();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    refuses(directory.path(), &["--listen", &address], &["cannot listen on", &address]);
    assert!(!directory.path().join("formiga-data").exists());
}

#[tokio::test]
async fn settings_come_from_a_file_and_the_command_line_counts_more() {
    let directory = directory();
    let file = directory.path().join("formiga.toml");
    fs::write(
        &file,
        "listen = '127.0.0.1:0'\ndata_dir = 'elsewhere'\nregion = 'eu-west-1'\nin_flight_max = 1\n",
    )
    .unwrap();
    let process = Process::start(directory.path(), &["--config", file.to_str().unwrap()]);
    let address = process.address();
    call(address, "CreateQueue", json!({ "QueueName": "q" })).await;
    let describe = json!({ "QueueUrl": "q", "AttributeNames": ["QueueArn"] });
    let described = call(address, "GetQueueAttributes", describe.clone()).await;
    assert_eq!(described["Attributes"]["QueueArn"], "arn:aws:sqs:eu-west-1:000000000000:q");
    for body in ["one", "two"] {
        call(address, "SendMessage", json!({ "QueueUrl": "q", "MessageBody": body })).await;
    }
    let receive = json!({ "QueueUrl": "q", "MaxNumberOfMessages": 10 });
    assert_eq!(messages(&call(address, "ReceiveMessage", receive).await).len(), 1);
    assert!(directory.path().join("elsewhere/formiga.db").exists());
    process.signal("TERM");
    assert!(process.wait().status.success());

    let arguments =
        ["serve", "--config", "formiga.toml", "--data-dir", "other", "--region", "us-west-2"];
    let process = Process::start(directory.path(), &arguments);
    call(process.address(), "CreateQueue", json!({ "QueueName": "q" })).await;
    let described = call(process.address(), "GetQueueAttributes", describe).await;
    assert_eq!(described["Attributes"]["QueueArn"], "arn:aws:sqs:us-west-2:000000000000:q");
    assert!(directory.path().join("other/formiga.db").exists());
}

#[test]
fn a_settings_file_that_cannot_be_used_is_named() {
    let directory = directory();
    refuses(directory.path(), &["--config", "missing.toml"], &["missing.toml"]);
    fs::write(directory.path().join("wrong.toml"), "lisen = '127.0.0.1:0'\n").unwrap();
    let words = ["wrong.toml", "there is no setting called lisen"];
    refuses(directory.path(), &["--config", "wrong.toml"], &words);
}

#[tokio::test]
async fn the_log_on_a_pipe_is_json_and_names_requests_that_fail() {
    let directory = directory();
    let arguments = [&ANYWHERE[..], &["--store", "memory", "--log-level", "debug"]].concat();
    let process = Process::start(directory.path(), &arguments);
    let mut connection = Connection::open(process.address()).await;
    let find = json!({ "QueueName": "missing" });
    let refused = connection.call("AmazonSQS.GetQueueUrl", &find).await;
    assert_eq!(refused.status, 400);
    let origin = [("Origin", "https://evil.example")];
    let foreign = connection.post(SEND, &origin, "{}").await;
    assert_eq!(foreign.status, 403);
    process.signal("TERM");
    let end = process.wait();
    let lines = end.log_lines();
    for line in &lines {
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let of = |answer: &common::http::Answer| {
        let id = answer.header("x-amzn-requestid").expect("answers have a request id");
        let line = lines.iter().find(|line| line["fields"]["request_id"] == id);
        line.unwrap_or_else(|| panic!("nothing about {id} in {}", end.log)).clone()
    };
    assert_eq!(of(&refused)["fields"]["code"], "AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(of(&foreign)["level"], "WARN");
    let said = |message: &str| lines.iter().any(|line| line["fields"]["message"] == message);
    assert!(said("started") && said("stopped"), "{}", end.log);
}

#[tokio::test]
async fn the_log_is_text_when_asked() {
    let directory = directory();
    let arguments = [&ANYWHERE[..], &["--store", "memory", "--log-format", "text"]].concat();
    let process = Process::start(directory.path(), &arguments);
    process.signal("TERM");
    let end = process.wait();
    assert!(
        end.log.lines().any(|line| line.contains("INFO") && line.contains("started")),
        "{}",
        end.log
    );
    assert!(!end.log.contains('{'), "{}", end.log);
    assert!(!end.log.contains('\u{1b}'), "no colors on a pipe: {}", end.log);
}
