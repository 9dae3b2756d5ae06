//! Whole runs against servers in this process, bounded by a count of operations.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use clap::Parser;
use formiga_bench::{BenchArgs, BenchError, Findings, Report, bare};
use serde_json::{Value, json};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: BenchArgs,
}

/// Starts a server and returns its endpoint.
fn start<A, B>(answer: A) -> String
where
    A: Fn(&str, &[u8]) -> B + Send + Sync + 'static,
    B: Into<Vec<u8>>,
{
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        bare::serve(listener, move |action, input| answer(action, input).into().into())
    });
    format!("http://{address}")
}

fn run(endpoint: &str, line: &[&str]) -> Result<Report, BenchError> {
    match findings(endpoint, line)? {
        Findings::Report(report) => Ok(report),
        Findings::Comparison(_) => panic!("one endpoint was measured"),
    }
}

fn findings(endpoint: &str, line: &[&str]) -> Result<Findings, BenchError> {
    let mut common = vec!["bench", "--endpoint", endpoint, "--warm-up", "0s"];
    if !line.contains(&"--duration") {
        common.extend(["--duration", "2m"]);
    }
    formiga_bench::run(&Line::parse_from([&common, line].concat()).args)
}

/// As much of a standard queue as the load tool uses.
#[derive(Default)]
struct Queue {
    visible: VecDeque<String>,
    in_flight: Vec<(String, String)>,
    receives: u64,
    /// Without those that follow one of the same kind.
    actions: Vec<String>,
    /// Queues that were made and deleted.
    made: Vec<String>,
}

impl Queue {
    fn act(&mut self, action: &str, input: &Value) -> Value {
        let text = |value: &Value| value.as_str().expect("a string").to_owned();
        if self.actions.last().is_none_or(|last| last != action) {
            self.actions.push(action.to_owned());
        }
        if matches!(action, "CreateQueue" | "DeleteQueue") {
            self.made.push(action.to_owned());
        }
        match action {
            "CreateQueue" => {
                json!({"QueueUrl": format!("http://q/0/{}", text(&input["QueueName"]))})
            }
            "DeleteQueue" => Value::Null,
            "SendMessage" => self.send(text(&input["MessageBody"])),
            "SendMessageBatch" => {
                let entries = input["Entries"].as_array().expect("entries");
                let sent: Vec<Value> =
                    entries.iter().map(|entry| self.send(text(&entry["MessageBody"]))).collect();
                json!({"Successful": sent, "Failed": []})
            }
            "ReceiveMessage" => self.receive(input["MaxNumberOfMessages"].as_u64().unwrap_or(1)),
            "DeleteMessageBatch" => {
                let entries = input["Entries"].as_array().expect("entries");
                for entry in entries {
                    self.act("DeleteMessage", entry);
                }
                json!({"Successful": entries, "Failed": []})
            }
            "DeleteMessage" => {
                let handle = text(&input["ReceiptHandle"]);
                let found = self.in_flight.iter().position(|(known, _)| *known == handle);
                self.in_flight.swap_remove(found.expect("the handle was given out"));
                Value::Null
            }
            other => panic!("the load tool never calls {other}"),
        }
    }

    fn send(&mut self, body: String) -> Value {
        let md5 = md5_of(&body);
        self.visible.push_back(body);
        json!({"MessageId": "1", "MD5OfMessageBody": md5})
    }

    fn receive(&mut self, most: u64) -> Value {
        self.receives += 1;
        let mut messages = Vec::new();
        for number in 0..most {
            let Some(body) = self.visible.pop_front() else { break };
            let handle = format!("handle/{}+{number}\"=", self.receives);
            self.in_flight.push((handle.clone(), body.clone()));
            messages.push(json!({"MessageId": "1", "Body": body, "MD5OfBody": md5_of(&body), "ReceiptHandle": handle}));
        }
        if messages.is_empty() { json!({}) } else { json!({"Messages": messages}) }
    }
}

fn md5_of(body: &str) -> String {
    use md5::{Digest, Md5};
    Md5::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn start_queue() -> (String, Arc<Mutex<Queue>>) {
    let queue = Arc::new(Mutex::new(Queue::default()));
    let served = Arc::clone(&queue);
    let endpoint = start(move |action, input| {
        let input: Value = serde_json::from_slice(input).expect("a JSON input");
        match served.lock().expect("no panic").act(action, &input) {
            Value::Null => String::new(),
            output => output.to_string(),
        }
    });
    (endpoint, queue)
}

#[test]
fn sends_run_against_the_bare_server() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    thread::spawn(move || bare::serve(listener, bare::standard_answer()));

    let report = run(&endpoint, &["--connections", "4", "--operations", "500"])
        .expect("every answer is right");
    assert_eq!((report.operations, report.messages, report.errors), (500, 500, 0));
    assert!(report.operations_per_second > 0.0 && report.latency.max >= report.latency.p50);
    assert!(report.actions.is_none() && report.server.is_none());

    let error =
        run(&endpoint, &["--operations", "1", "--message-size", "1000"]).expect_err("another body");
    assert!(error.to_string().contains("MD5OfMessageBody"), "{error}");
}

#[test]
fn a_server_that_answers_a_wrong_md5_fails_the_run() {
    let right = bare::standard_answer();
    let endpoint = start(move |action, input| {
        let output = right(action, &input.to_vec().into());
        if action == "SendMessage" {
            return br#"{"MD5OfMessageBody":"00000000000000000000000000000000","MessageId":"1"}"#
                .to_vec();
        }
        output.to_vec()
    });
    let error =
        run(&endpoint, &["--connections", "3", "--threads", "2"]).expect_err("the MD5 is wrong");
    assert_eq!(
        error.to_string(),
        "SendMessage was answered 200 with \"{\\\"MD5OfMessageBody\\\":\\\"00000000000000000000000000000000\\\",\\\"MessageId\\\":\\\"1\\\"}\": MD5OfMessageBody is not that of the sent body"
    );
}

#[test]
fn a_lifecycle_leaves_nothing_behind() {
    let (endpoint, queue) = start_queue();
    let line =
        ["--scenario", "lifecycle", "--connections", "8", "--threads", "2", "--operations", "300"];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert_eq!((report.operations, report.messages, report.errors), (300, 300, 0));
    assert!(report.actions.is_some());

    let queue = queue.lock().expect("no panic");
    assert_eq!((queue.visible.len(), queue.in_flight.len()), (0, 0));
    assert_eq!(queue.actions.last().map(String::as_str), Some("DeleteQueue"));
}

#[test]
fn a_named_queue_is_filled_and_left_in_place() {
    let (endpoint, queue) = start_queue();
    let line =
        ["--scenario", "lifecycle", "--queue", "kept", "--depth", "123", "--operations", "20"];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert_eq!((report.operations, report.empty_receives), (20, 0));

    let queue = queue.lock().expect("no panic");
    assert_eq!((queue.visible.len(), queue.in_flight.len()), (123, 0));
    assert!(!queue.actions.iter().any(|action| action == "DeleteQueue"));
}

#[test]
fn a_batch_moves_ten_messages() {
    let (endpoint, queue) = start_queue();
    let pid = std::process::id().to_string();
    let line = [
        "--scenario",
        "send-batch",
        "--connections",
        "2",
        "--operations",
        "30",
        "--server-pid",
        &pid,
    ];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert_eq!((report.operations, report.messages), (30, 300));
    assert_eq!(queue.lock().expect("no panic").visible.len(), 300);
    assert_eq!(report.server.is_some(), cfg!(target_os = "linux"));
}

#[test]
fn a_lifecycle_whose_receives_stay_empty_is_an_error() {
    let (endpoint, queue) = start_queue();
    let forgetful = start(move |action, input| {
        let input: Value = serde_json::from_slice(input).expect("a JSON input");
        match action {
            "ReceiveMessage" => "{}".to_owned(),
            "DeleteQueue" => String::new(),
            _ => queue.lock().expect("no panic").act(action, &input).to_string(),
        }
    });
    let line = ["--scenario", "lifecycle", "--connections", "1", "--operations", "2"];
    let report = run(&forgetful, &line).expect("an empty receive is not a wrong answer");
    assert_eq!((report.operations, report.errors, report.empty_receives), (0, 2, 20));
    drop(endpoint);
}

#[test]
fn what_was_sent_before_is_received_and_deleted_until_nothing_is_left() {
    let (endpoint, queue) = start_queue();
    let line = ["--scenario", "receive-delete", "--connections", "3", "--depth", "50"];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert_eq!((report.operations, report.messages, report.errors), (50, 50, 0));
    let actions = report.actions.expect("it has two");
    assert!(actions.send.is_none());
    let queue = queue.lock().expect("no panic");
    assert_eq!((queue.visible.len(), queue.in_flight.len()), (0, 0));
}

#[test]
fn a_lifecycle_in_batches_leaves_nothing_behind() {
    let (endpoint, queue) = start_queue();
    let line = ["--scenario", "lifecycle-batch", "--connections", "1", "--operations", "20"];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert_eq!((report.operations, report.messages, report.errors), (20, 200, 0));
    let queue = queue.lock().expect("no panic");
    assert_eq!((queue.visible.len(), queue.in_flight.len()), (0, 0));
}

#[test]
fn each_of_many_queues_is_made_and_deleted() {
    let (endpoint, queue) = start_queue();
    let line =
        ["--scenario", "queues", "--queues", "3", "--connections", "6", "--operations", "60"];
    assert_eq!(run(&endpoint, &line).expect("every answer is right").operations, 60);
    let queue = queue.lock().expect("no panic");
    let count = |action: &str| queue.made.iter().filter(|made| *made == action).count();
    assert_eq!((count("CreateQueue"), count("DeleteQueue")), (3, 3));
}

#[test]
fn an_open_loop_begins_as_often_as_it_was_told() {
    let (endpoint, _) = start_queue();
    let line = ["--rate", "1000", "--connections", "4", "--operations", "200"];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert_eq!((report.operations, report.missed), (200, 0));
    assert!(report.seconds >= 0.19, "200 operations take 199 paces of a millisecond");
}

#[test]
fn what_a_stalled_server_keeps_waiting_counts_from_when_it_was_due() {
    const STALL: Duration = Duration::from_millis(300);
    let right = bare::standard_answer();
    let stalled = AtomicBool::new(false);
    let endpoint = start(move |action, input| {
        if action == "SendMessage" && !stalled.swap(true, Ordering::Relaxed) {
            thread::sleep(STALL);
        }
        right(action, &input.to_vec().into()).to_vec()
    });
    let line = ["--rate", "100", "--connections", "1", "--operations", "20"];
    let report = run(&endpoint, &line).expect("every answer is right");
    // All that were due while the server slept waited for it: one for the whole time, and the last of
    // 30 for a pace. A closed loop would tell of one slow operation.
    assert!(report.latency.p50 >= 100_000, "{:?}", report.latency);
}

#[test]
fn a_load_that_is_more_than_connections_can_carry_misses_operations() {
    let right = bare::standard_answer();
    let endpoint = start(move |action, input| {
        if action == "SendMessage" {
            thread::sleep(Duration::from_millis(20));
        }
        right(action, &input.to_vec().into()).to_vec()
    });
    let line = ["--rate", "1000", "--connections", "1", "--duration", "300ms"];
    let report = run(&endpoint, &line).expect("every answer is right");
    assert!(report.operations <= 16, "{report:?}");
    assert!(report.missed >= 280 && report.missed + report.operations <= 301, "{report:?}");
}

#[test]
fn long_polls_are_measured_from_send_to_receive() {
    let (endpoint, queue) = start_queue();
    let line = ["--scenario", "long-poll", "--connections", "2", "--rate", "200"];
    let line = [&line[..], &["--duration", "300ms"]].concat();
    let report = run(&endpoint, &line).expect("every answer is right");
    assert!(report.operations >= 30, "{report:?}");
    assert!(queue.lock().expect("no panic").actions.contains(&"ReceiveMessage".to_owned()));
}

#[test]
fn two_endpoints_are_compared_in_turns() {
    let ((one, _), (other, _)) = (start_queue(), start_queue());
    let line = ["--compare", &other, "--rounds", "2", "--operations", "50", "--connections", "2"];
    let Findings::Comparison(comparison) = findings(&one, &line).expect("every answer is right")
    else {
        panic!("two endpoints were measured")
    };
    assert_eq!(comparison.endpoints, [one, other]);
    assert_eq!(comparison.rounds.len(), 2);
    assert!(comparison.rounds.iter().flatten().all(|report| report.operations == 50));
    assert!(comparison.ratios.operations_per_second > 0.0);
}

#[test]
fn a_run_against_nobody_names_the_endpoint() {
    let unused = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let endpoint = format!("http://{}", unused.local_addr().expect("it is bound"));
    drop(unused);
    let error = run(&endpoint, &[]).expect_err("nobody listens");
    assert!(error.to_string().starts_with(&format!("cannot connect to {endpoint}: ")), "{error}");
}
