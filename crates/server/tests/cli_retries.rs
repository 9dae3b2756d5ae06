//! What `formiga queue` makes of an endpoint that fails, or answers by half.

mod common {
    pub(crate) mod cli;
    pub(crate) mod process;
}

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use common::cli::{Ran, documents, run};
use serde_json::{Value, json};

/// An endpoint that answers one request after another with these outputs, and then tells the bodies
/// that each request had in its entries. An output with a `__type` is an error.
struct Endpoint {
    address: String,
    requests: JoinHandle<Vec<Vec<String>>>,
}

impl Endpoint {
    #[expect(clippy::disallowed_methods, reason = "a blocking listener takes a thread")]
    fn answers(outputs: Vec<Value>) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address").to_string();
        let requests = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("the client connects");
            let mut stream = BufReader::new(stream);
            outputs.iter().map(|output| exchange(&mut stream, output)).collect()
        });
        Endpoint { address, requests }
    }

    fn send_lines(&self, lines: &[u8]) -> Ran {
        self.run("send", &["--lines", "--json"], lines)
    }

    fn run(&self, command: &str, flags: &[&str], input: &[u8]) -> Ran {
        let home = tempfile::tempdir().expect("a directory can be made");
        let url = format!("http://{}/000000000000/q", self.address);
        run(home.path(), &[], &[&["queue", command, &url], flags].concat(), input)
    }

    fn requests(self) -> Vec<Vec<String>> {
        self.requests.join().expect("all outputs were asked for")
    }
}

/// Reads a request, answers it, and tells the bodies of its entries.
fn exchange(stream: &mut BufReader<TcpStream>, output: &Value) -> Vec<String> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).expect("heads are text");
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().expect("a number"),
            Some(_) => {}
            None if line.trim_end().is_empty() => break,
            None => {} // the request line
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the body is complete");
    let text = output.to_string();
    let status = if output.get("__type").is_some() { "400 Bad Request" } else { "200 OK" };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0");
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    stream.get_mut().write_all(answer.as_bytes()).expect("the client reads");
    let input: Value = serde_json::from_slice(&body).expect("the body is JSON");
    let entries = input["Entries"].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some(entry["MessageBody"].as_str()?.to_owned())).collect()
}

fn sent(line: u64) -> Value {
    json!({ "Id": line.to_string(), "MessageId": "m", "MD5OfMessageBody": "d" })
}

fn failed(line: u64, sender_fault: bool) -> Value {
    let code = if sender_fault { "InvalidMessageContents" } else { "InternalError" };
    json!({ "Id": line.to_string(), "Code": code, "Message": "no", "SenderFault": sender_fault })
}

#[test]
fn an_entry_that_fails_through_no_fault_of_ours_is_sent_again() {
    let endpoint = Endpoint::answers(vec![
        json!({ "Successful": [sent(1)], "Failed": [failed(2, false), failed(3, true)] }),
        json!({ "Successful": [sent(2)] }),
    ]);
    let ran = endpoint.send_lines(b"a\nb\nc\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    let told = documents(&ran.out).remove(0);
    assert_eq!([&told["sent"], &told["failed"]], [2, 1]);
    assert_eq!(told["failures"][0]["line"], 3);
    assert_eq!(endpoint.requests(), [vec!["a", "b", "c"], vec!["b"]]);
}

#[test]
fn an_entry_that_fails_again_and_again_is_given_up() {
    let output = json!({ "Failed": [failed(1, false)] });
    let endpoint = Endpoint::answers(vec![output; 5]);
    let ran = endpoint.send_lines(b"a\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    let told = documents(&ran.out).remove(0);
    assert_eq!([&told["sent"], &told["failed"]], [0, 1]);
    assert_eq!(told["failures"][0]["Code"], "InternalError");
    assert_eq!(endpoint.requests().len(), 5);
}

#[test]
fn an_entry_that_the_answer_leaves_out_is_not_sent() {
    let endpoint = Endpoint::answers(vec![json!({ "Successful": [sent(9)] })]);
    let ran = endpoint.send_lines(b"a\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    let told = documents(&ran.out).remove(0);
    assert_eq!([&told["sent"], &told["failed"]], [0, 1]);
    assert_eq!(told["failures"][0]["line"], 1);
    assert_eq!(told["failures"][0]["Code"], "NotAnswered");
    assert_eq!(told.get("unsent_from"), None, "all lines were tried");
}

#[test]
fn a_request_that_fails_tells_its_lines_and_where_to_go_on() {
    let refusal = json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone" });
    let endpoint = Endpoint::answers(vec![refusal]);
    let ran = endpoint.send_lines("x\n".repeat(25).as_bytes());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(documents(&ran.err)[0]["error"]["code"], "QueueDoesNotExist");
    let told = documents(&ran.out).remove(0);
    let failures = told["failures"].as_array().expect("a list");
    let lines: Vec<_> = failures.iter().filter_map(|one| one["line"].as_u64()).collect();
    // How many lines are at hand when the request is made is up to the machine.
    let tried = endpoint.requests()[0].len() as u64;
    assert_eq!(lines, (1..=tried).collect::<Vec<_>>());
    assert_eq!([&told["sent"], &told["failed"], &told["unsent_from"]], [0, tried, tried + 1]);
}

#[test]
fn a_message_is_deleted_only_if_the_answer_says_so() {
    let message =
        |id: u64| json!({ "MessageId": id.to_string(), "ReceiptHandle": "h", "Body": "x" });
    let endpoint = Endpoint::answers(vec![
        json!({ "Messages": [message(1), message(2), message(3)] }),
        json!({ "Successful": [{ "Id": "0" }], "Failed": [failed(1, true)] }),
    ]);
    let error = endpoint.run("receive", &["--delete", "--max", "3"], b"").error(1);
    assert!(error.contains("did not tell whether a message was deleted"), "{error}");
    assert!(error.contains("2 messages not deleted"), "{error}");
}
