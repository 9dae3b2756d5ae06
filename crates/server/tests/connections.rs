//! Connections: HTTP/2 beside HTTP/1.1, slow and vanishing clients, very many of them, and what all
//! of them together may take.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod scene;
}

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use common::http::{Connection, eventually, head, soon};
use common::process::Process;
use common::scene::Scene;

// HTTP/2.

/// A connection that speaks HTTP/2 from its first byte, as a client that knows the server does.
struct Http2 {
    requests: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Http2 {
    async fn connect(address: SocketAddr) -> Http2 {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (requests, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        Http2 { requests, address }
    }

    async fn call(&self, action: &str, input: Value) -> (StatusCode, Value) {
        let mut requests = self.requests.clone();
        requests.ready().await.unwrap();
        let request = Request::post(format!("http://{}/", self.address))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(Full::new(Bytes::from(input.to_string())));
        let answer = requests.send_request(request.unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn http2_without_tls_is_spoken_on_the_same_port() {
    let scene = Scene::memory().await;
    let client = Http2::connect(scene.address()).await;
    let (status, output) = client.call("GetQueueUrl", json!({ "QueueName": "q" })).await;
    assert_eq!(status, 200);
    assert_eq!(output["QueueUrl"], scene.url.as_str(), "with the host that the caller named");
    let send = |number: usize| {
        let input = json!({ "QueueUrl": scene.url, "MessageBody": number.to_string() });
        client.call("SendMessage", input)
    };
    // More at once than are served at once.
    let sends = futures_all((0..300).map(send)).await;
    assert!(sends.iter().all(|(status, _)| *status == 200));
    assert_eq!(scene.counters().await, [300, 0, 0]);
    let (status, refusal) = client.call("Bogus", json!({})).await;
    assert_eq!(status, 400);
    assert_eq!(refusal["__type"], "com.amazon.coral.service#UnknownOperationException");
}

async fn futures_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in pinned.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_stopping_server_ends_long_polls_of_http2() {
    let scene = Scene::memory().await;
    let client = Http2::connect(scene.address()).await;
    let poll =
        client.call("ReceiveMessage", json!({ "QueueUrl": scene.url, "WaitTimeSeconds": 20 }));
    let poll = std::pin::pin!(poll);
    let url = scene.url.clone();
    let stop = async {
        // The poll has reached the queue once another request behind it is answered.
        client.call("GetQueueAttributes", json!({ "QueueUrl": url })).await;
        let (server, ..) = scene.into_parts();
        server.stop().await;
    };
    let ((status, output), ()) = tokio::join!(poll, soon("the server stops", stop));
    assert_eq!((status, output), (StatusCode::OK, json!({})));
}

// HTTP/1.1.

#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let body = json!({ "QueueUrl": scene.url, "MessageBody": "hello" }).to_string();
    let request = connection.request("AmazonSQS.SendMessage", &[("Expect", "100-continue")], &body);
    let (head, body) = request.split_at(request.len() - body.len());
    connection.write(head).await;
    let interim = connection.answer().await;
    assert_eq!(interim.status, 100);
    connection.write(body).await;
    assert_eq!(connection.answer().await.status, 200);
}

#[tokio::test]
async fn requests_in_one_write_are_answered_in_order() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let request = |action: &str, mut input: Value| {
        input["QueueUrl"] = json!(scene.url);
        connection.request(&format!("AmazonSQS.{action}"), &[], input.to_string())
    };
    let requests = [
        request("SendMessage", json!({ "MessageBody": "first" })),
        request("ReceiveMessage", json!({ "WaitTimeSeconds": 20, "VisibilityTimeout": 0 })),
        request("ReceiveMessage", json!({ "WaitTimeSeconds": 20 })),
        request("ReceiveMessage", json!({ "WaitTimeSeconds": 1 })),
        request("GetQueueUrl", json!({ "QueueName": "q" })),
    ];
    connection.write(requests.concat()).await;
    let sent = connection.answer().await.ok();
    for _ in 0..2 {
        let received = connection.answer().await.ok();
        assert_eq!(received["Messages"][0]["MessageId"], sent["MessageId"]);
    }
    assert_eq!(connection.answer().await.ok(), json!({}));
    assert_eq!(connection.answer().await.ok()["QueueUrl"], scene.url.as_str());
}

#[tokio::test]
async fn a_compressed_request_is_refused_and_no_answer_is_compressed() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let body = json!({ "QueueUrl": scene.url, "MessageBody": "x".repeat(10_000) }).to_string();
    let gzip = [("Content-Encoding", "gzip")];
    let refusal = connection.post("AmazonSQS.SendMessage", &gzip, &body).await.refusal();
    assert!(refusal.contains("Content-Encoding"), "{refusal}");
    let accept = [("Accept-Encoding", "gzip, br"), ("Content-Encoding", "identity")];
    let answer = connection.post("AmazonSQS.SendMessage", &accept, &body).await;
    assert_eq!((answer.status, answer.header("content-encoding")), (200, None));
    let received = json!({ "QueueUrl": scene.url }).to_string();
    let answer = connection.post("AmazonSQS.ReceiveMessage", &accept, received).await;
    assert_eq!(answer.header("content-encoding"), None);
    assert_eq!(answer.ok()["Messages"][0]["Body"], "x".repeat(10_000));
}

// What clients may take.

const MEBIBYTE: usize = 1 << 20;

#[tokio::test]
async fn who_only_announces_a_body_takes_no_memory() {
    let scene = Scene::configured(|config| config.request_memory_mib = 16).await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut connection = scene.connect().await;
        let length = (8 * MEBIBYTE).to_string();
        let head = connection.request("AmazonSQS.SendMessage", &[("X", "y")], "");
        let head = String::from_utf8(head)
            .unwrap()
            .replace("Content-Length: 0", &format!("Content-Length: {length}"));
        connection.write(head).await;
        connection.write("{").await;
        slow.push(connection);
    }
    scene.settle().await;
    let body = json!({ "QueueUrl": scene.url, "MessageBody": "x".repeat(MEBIBYTE - 1) });
    assert_eq!(scene.call("SendMessage", body).await.status, 200);
}

/// 64 bodies of 16 KiB, most of them in chunks of one byte: 1 MiB in all, of 16.
#[tokio::test]
async fn a_body_in_small_chunks_takes_no_more_memory_than_another() {
    let scene = Scene::configured(|config| config.request_memory_mib = 16).await;
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut connection = scene.connect().await;
        let head = connection.request("AmazonSQS.SendMessage", &[("X", "y")], "");
        let head = String::from_utf8(head)
            .unwrap()
            .replace("Content-Length: 0", "Transfer-Encoding: chunked");
        connection.write(head).await;
        connection.write("1\r\n{\r\n".to_owned() + &"1\r\n \r\n".repeat(16 * 1024)).await;
        slow.push(connection);
    }
    scene.settle().await;
    let body = json!({ "QueueUrl": scene.url, "MessageBody": "x".repeat(MEBIBYTE - 1) });
    assert_eq!(scene.call("SendMessage", body).await.status, 200);
}

/// How many of 40 long polls of a MiB each, more than the memory of requests holds, get a message:
/// `request` makes one of a connection and a queue's URL.
async fn large_polls_that_end_well(request: impl Fn(&Connection, &str) -> Vec<u8>) -> usize {
    let scene = Scene::configured(|config| config.request_memory_mib = 16).await;
    let mut polls = Vec::new();
    for _ in 0..40 {
        let mut connection = scene.connect().await;
        // Who is refused may learn of it while it still writes.
        let _ = connection.try_write(request(&connection, &scene.url)).await;
        scene.settle().await;
        polls.push(connection);
    }
    for number in 0..40 {
        scene.send(&number.to_string()).await;
    }
    let mut well = 0;
    for mut poll in polls {
        let answer = soon("the poll ends", poll.try_answer()).await;
        well += usize::from(answer.is_ok_and(|answer| answer.status == 200));
    }
    well
}

#[tokio::test]
async fn long_polls_hold_nothing_of_their_requests() {
    let json = |connection: &Connection, url: &str| {
        let input = json!({ "QueueUrl": url, "WaitTimeSeconds": 20 }).to_string();
        connection.request("AmazonSQS.ReceiveMessage", &[], input + &" ".repeat(MEBIBYTE))
    };
    assert_eq!(large_polls_that_end_well(json).await, 40);
    let form = |_: &Connection, _: &str| {
        let body = "Action=ReceiveMessage&WaitTimeSeconds=20&Unknown=".to_owned();
        let body = body + &"x".repeat(MEBIBYTE);
        let length = body.len().to_string();
        let headers = [("Host", "localhost"), ("Content-Length", length.as_str())];
        [head("POST", "/000000000000/q", &headers), body].concat().into_bytes()
    };
    assert_eq!(large_polls_that_end_well(form).await, 40);
}

#[tokio::test]
async fn long_polls_that_keep_much_are_accounted_for() {
    let names = |connection: &Connection, url: &str| {
        let names = vec!["name"; MEBIBYTE / 7];
        let input =
            json!({ "QueueUrl": url, "WaitTimeSeconds": 20, "MessageAttributeNames": names });
        connection.request("AmazonSQS.ReceiveMessage", &[], input.to_string())
    };
    assert!(large_polls_that_end_well(names).await < 20);
}

#[tokio::test]
async fn what_vanished_clients_had_sent_is_given_back() {
    let scene = Scene::configured(|config| config.request_memory_mib = 16).await;
    let large =
        json!({ "QueueUrl": scene.url, "MessageBody": "x".repeat(MEBIBYTE - 1) }).to_string();
    for round in 0..40 {
        let mut connection = scene.connect().await;
        let request = connection.request("AmazonSQS.SendMessage", &[], &large);
        // Half a body, a whole one without waiting for the answer, half a head.
        let part = match round % 3 {
            0 => &request[..request.len() / 2],
            1 => &request[..],
            _ => &request[..50],
        };
        connection.write(part).await;
    }
    eventually("there is room for large requests", async || {
        let all = futures_all((0..8).map(|_| async {
            scene.connect().await.post("AmazonSQS.SendMessage", &[], &large).await.status
        }));
        all.await.iter().all(|status| *status == 200)
    })
    .await;
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_for_a_place() {
    let scene = Scene::configured(|config| config.connections_max = 3).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut connection = scene.connect().await;
        connection.call("AmazonSQS.ListQueues", &json!({})).await.ok();
        open.push(connection);
    }
    let mut fourth = scene.connect().await;
    let request = fourth.request("AmazonSQS.ListQueues", &[], "{}");
    fourth.write(request).await;
    // Those who are in go on, and the fourth is served when one of them leaves.
    for connection in &mut open {
        connection.call("AmazonSQS.ListQueues", &json!({})).await.ok();
    }
    drop(open.pop());
    assert_eq!(fourth.answer().await.status, 200);
}

#[tokio::test]
async fn an_address_with_as_many_connections_as_it_may_is_closed_further_ones() {
    let scene = Scene::configured(|config| config.address_connections_max = 2).await;
    // A connection whose client has gone counts until the server has seen it.
    let connect = async || {
        let mut connection = scene.connect().await;
        let request = connection.request("AmazonSQS.ListQueues", &[], "{}");
        let written = connection.try_write(request).await;
        let is_in = written.is_ok() && connection.try_answer().await.is_ok();
        is_in.then_some(connection)
    };
    let mut open = Vec::new();
    eventually("two connections are open", async || {
        open.extend(connect().await);
        open.len() == 2
    })
    .await;
    assert!(connect().await.is_none(), "there is no third");
    for connection in &mut open {
        connection.call("AmazonSQS.ListQueues", &json!({})).await.ok();
    }
    drop(open.pop());
    eventually("another one takes its place", async || connect().await.is_some()).await;
}

#[tokio::test]
async fn a_flood_of_connections_leaves_those_who_are_in_and_the_store_alone() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start_with_files(directory.path(), 128, &["--listen", "127.0.0.1:0"]);
    let mut client = Connection::open(server.address()).await;
    client.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();
    // More than there are places for, but not more than the operating system lets wait.
    let mut flood = Vec::new();
    for _ in 0..150 {
        flood.extend(TcpStream::connect(server.address()).await);
    }
    for number in 0..50 {
        let input = json!({ "QueueUrl": "q", "MessageBody": number.to_string() });
        client.call("AmazonSQS.SendMessage", &input).await.ok();
    }
    drop(flood);
    let mut late = Connection::open(server.address()).await;
    let attributes = json!({ "QueueUrl": "q", "AttributeNames": ["All"] });
    let attributes = late.call("AmazonSQS.GetQueueAttributes", &attributes).await.ok();
    assert_eq!(attributes["Attributes"]["ApproximateNumberOfMessages"], "50");
    server.signal("TERM");
    let end = server.wait();
    assert!(end.log.contains("as many connections are open as allowed"), "{}", end.log);
    assert!(end.log.lines().count() < 50, "the log is not flooded: {}", end.log);
}

/// The server leaves room for its store's files, so descriptors run out only when they are taken
/// away from it.
#[tokio::test]
async fn a_server_without_descriptors_says_so_now_and_then_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let server = Process::start_with_files(directory.path(), 400, &["--listen", "127.0.0.1:0"]);
    let mut client = Connection::open(server.address()).await;
    client.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();
    server.limit_files(96);
    let begun = Instant::now();
    let mut flood = Vec::new();
    for _ in 0..200 {
        flood.push(soon("a connection", TcpStream::connect(server.address())).await.unwrap());
    }
    let complaints = || server.log().matches("Too many open files").count();
    let mut sent = 0;
    // It tries many times a second meanwhile, and those who are in are served.
    eventually("it complains again and again", async || {
        let input = json!({ "QueueUrl": "q", "MessageBody": sent.to_string() });
        client.call("AmazonSQS.SendMessage", &input).await.ok();
        sent += 1;
        complaints() >= 3
    })
    .await;
    let (complaints, seconds) = (complaints(), begun.elapsed().as_secs());
    assert!(complaints as u64 <= seconds + 1, "{complaints} in {seconds} s");
    drop(flood);
    let mut late = Connection::open(server.address()).await;
    let attributes = json!({ "QueueUrl": "q", "AttributeNames": ["All"] });
    let attributes = late.call("AmazonSQS.GetQueueAttributes", &attributes).await.ok();
    let count = &attributes["Attributes"]["ApproximateNumberOfMessages"];
    assert_eq!(count, &json!(sent.to_string()));
    server.signal("TERM");
    let end = server.wait();
    assert!(end.status.success(), "{}", end.log);
}

/// Writes until all is written or the server has taken nothing for a while.
async fn write_unread(stream: &mut TcpStream, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        let write = stream.write(&bytes[written..]);
        let Ok(count) = tokio::time::timeout(Duration::from_secs(1), write).await else { break };
        written += count.expect("the connection is open");
    }
    written
}

#[tokio::test]
async fn unread_answers_to_requests_sent_ahead_take_a_bounded_memory() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--store", "memory"];
    let server = Process::start(directory.path(), &arguments);
    let mut client = Connection::open(server.address()).await;
    client.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();
    let input = json!({ "QueueUrl": "q", "MessageBody": "x".repeat(256 * 1024) });
    client.call("AmazonSQS.SendMessage", &input).await.ok();
    // The message is received again and again: it is visible again at once. Then answers that have
    // no body.
    let receive = json!({ "QueueUrl": "q", "VisibilityTimeout": 0 });
    let received = client.call("AmazonSQS.ReceiveMessage", &receive).await.ok();
    let handle = &received["Messages"][0]["ReceiptHandle"];
    let delete = json!({ "QueueUrl": "q", "ReceiptHandle": handle });
    for (action, input) in [("ReceiveMessage", receive), ("DeleteMessage", delete)] {
        let request = client.request(&format!("AmazonSQS.{action}"), &[], input.to_string());
        let requests = request.repeat(100_000);
        let before = server.resident_bytes();
        let mut unread = TcpStream::connect(server.address()).await.unwrap();
        let written = write_unread(&mut unread, &requests).await;
        assert!(written < requests.len(), "no more is taken while nothing is read");
        let grown = server.resident_bytes().saturating_sub(before);
        println!("{written} of {} bytes of requests take {grown} bytes", requests.len());
        assert!(grown < 16 * MEBIBYTE as u64, "{grown} bytes for one connection");
        client.call("AmazonSQS.ListQueues", &json!({})).await.ok();
    }
}

#[tokio::test]
async fn a_thousand_clients_wait_in_the_operating_systems_queue() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let waiting = allowed.trim().parse::<usize>().unwrap().min(1000);
    raise_file_limit(MANY + FILES_BESIDE);
    let scene = Scene::configured(|config| config.connections_max = 1).await;
    let mut first = scene.connect().await;
    first.call("AmazonSQS.ListQueues", &json!({})).await.ok();
    let mut queued = Vec::new();
    for _ in 0..waiting {
        queued.push(soon("a connection", TcpStream::connect(scene.address())).await.unwrap());
    }
    first.call("AmazonSQS.ListQueues", &json!({})).await.ok();
}

/// How many connections are opened, if the limits of this machine allow it.
const MANY: u64 = 20_000;

/// How many files the other tests may open at the same time.
const FILES_BESIDE: u64 = 2500;

#[tokio::test]
async fn twenty_thousand_idle_connections_cost_little() {
    let many = raise_file_limit(MANY + FILES_BESIDE).saturating_sub(FILES_BESIDE).min(MANY);
    if many < MANY {
        println!("ONLY {many} connections are tried: this machine allows no more open files");
    }
    let directory = tempfile::tempdir().unwrap();
    let server =
        Process::start_with_files(directory.path(), many + 200, &["--listen", "127.0.0.1:0"]);
    let mut client = Connection::open(server.address()).await;
    client.call("AmazonSQS.CreateQueue", &json!({ "QueueName": "q" })).await.ok();
    let before = server.resident_bytes();
    let mut idle = Vec::new();
    for _ in 0..many {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let input = json!({ "QueueUrl": "q", "MessageBody": "hello" });
    client.call("AmazonSQS.SendMessage", &input).await.ok();
    let mut late = Connection::open(server.address()).await;
    late.call("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": "q" })).await.ok();
    let each = (server.resident_bytes() - before) / many;
    println!("{many} idle connections take {each} bytes each");
    assert!(each < 16 * 1024, "{each} bytes for each idle connection");
}

/// Allows this process so many open files, or as many as it may.
fn raise_file_limit(wanted: u64) -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    for (current, maximum) in [(wanted, maximum.max(wanted)), (maximum, maximum)] {
        let raised = Rlimit { current: Some(current), maximum: Some(maximum) };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return current;
        }
    }
    limit.current.unwrap_or(u64::MAX)
}
