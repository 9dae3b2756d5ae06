//! What `formiga queue send --lines` makes of an endpoint that fails through its own fault.

mod common {
    pub(crate) mod cli;
    pub(crate) mod process;
}

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use common::cli::{Ran, documents, run};
use serde_json::{Value, json};

/// An endpoint that answers one request after another with these outputs of SendMessageBatch, and
/// then tells which entries each request had.
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
        let home = tempfile::tempdir().expect("a directory can be made");
        let url = format!("http://{}/000000000000/q", self.address);
        run(home.path(), &[], &["queue", "send", &url, "--lines", "--json"], lines)
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
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0";
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
    stream.get_mut().write_all(answer.as_bytes()).expect("the client reads");
    let input: Value = serde_json::from_slice(&body).expect("the body is JSON");
    let entries = input["Entries"].as_array().expect("batches have entries");
    let body = |entry: &Value| entry["MessageBody"].as_str().expect("a text").to_owned();
    entries.iter().map(body).collect()
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
