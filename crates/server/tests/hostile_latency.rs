//! How long an ordinary client waits while others are hostile, measured by hand:
//!
//! ```sh
//! cargo build --release
//! FORMIGA_BIN=target/release/formiga cargo test -p formiga-server --test hostile_latency -- --ignored --nocapture
//! ```
//!
//! Attackers are elsewhere, as a rule, but share the cores here, so they are paced and run at the lowest
//! priority: what is measured is how the server deals with them. The figures are in `docs/limits.md`.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod signed;
}
mod attackers {
    pub(crate) mod http2;
    pub(crate) mod scene;
}

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use attackers::http2::{
    self, CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Http2, RST_STREAM, frame, post,
};
use attackers::scene::{Bystander, Scene, mallory, usual};
use common::http::{Connection, head};
use common::signed::Signer;

/// How often the client is served in each part of a measurement, and how often both are repeated.
const ROUNDS: usize = 1000;
const REPETITIONS: usize = 3;

type Attack = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How often an attacker does it.
fn pace(per_second: u32) -> tokio::time::Interval {
    tokio::time::interval(Duration::from_secs(1) / per_second)
}

/// Opens connections and drips on them.
async fn drip(address: SocketAddr, start: Vec<u8>) {
    let mut slow = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(address).await.expect("the server listens");
        stream.write_all(&start).await.expect("the server reads");
        slow.push(stream);
    }
    let mut pace = pace(400);
    for at in (0..slow.len()).cycle() {
        pace.tick().await;
        if slow[at].write_all(b"x").await.is_err() {
            slow[at] = TcpStream::connect(address).await.expect("the server listens");
        }
    }
}

/// Sends a request on one connection after the other.
async fn repeat(address: SocketAddr, request: Vec<u8>, per_second: u32) {
    let mut pace = pace(per_second);
    loop {
        pace.tick().await;
        let mut connection = Connection::open(address).await;
        let _ = connection.try_write(&request).await;
        let _ = connection.try_answer().await;
    }
}

/// Sends requests on a connection that stays open while the server lets it.
async fn flood(address: SocketAddr, request: Vec<u8>, per_second: u32) {
    let mut pace = pace(per_second);
    loop {
        let mut connection = Connection::open(address).await;
        loop {
            pace.tick().await;
            let _ = connection.try_write(&request).await;
            if connection.try_answer().await.is_err() {
                break;
            }
        }
    }
}

/// Sends these frames on one connection after the other.
async fn frames(address: SocketAddr, bytes: Vec<u8>, per_second: u32) {
    let mut pace = pace(per_second);
    loop {
        pace.tick().await;
        let mut attacker = Http2::open(address).await;
        attacker.write(&bytes).await;
        attacker.find(|frame| frame.kind == http2::GOAWAY).await;
    }
}

fn attacks(scene: &Scene) -> Vec<(&'static str, Attack)> {
    let address = scene.address();
    let slow_head = format!("POST / HTTP/1.1\r\nHost: x\r\nX-Filler: {}", "x".repeat(8192));
    let announced = [("Host", "localhost"), ("Content-Length", "8388608")];
    let slow_body = [head("POST", "/", &announced).as_bytes(), &[b'{'; 1024]].concat();
    let lines = format!("x-line: {}\r\n", "y".repeat(100)).repeat(40_000);
    let many_headers = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
    let pair = |stream: u32| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &post());
        [open, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    };
    let resets: Vec<u8> = (0..20_000u32).flat_map(|n| pair(2 * n + 1)).collect();
    let continued =
        [frame(HEADERS, END_STREAM, 1, &post()), frame(CONTINUATION, 0, 1, &[]).repeat(20_000)];
    let by = |signer: Signer, action: &str, body: String| {
        signer.sign(scene.json(action, body)).to_bytes()
    };
    let nested = by(mallory(), "SendMessage", "[".repeat(8_000_000));
    let members: String = (0..500_000).map(|n| format!("\"k{n}\":1,")).collect();
    let members = by(mallory(), "SendMessage", format!("{{{members}\"QueueUrl\":\"q\"}}"));
    let body = json!({ "QueueUrl": "q", "MessageBody": "x".repeat(1000) }).to_string();
    let unknown = Signer::new("AKIASTRANGER00000001", "a guess");
    let guess = Signer { secret: "a guess".to_owned(), ..usual() };
    let large_guess = by(guess.clone(), "SendMessage", "[".repeat(8_000_000));
    let (unknown, guess) =
        (by(unknown, "SendMessage", body.clone()), by(guess, "SendMessage", body.clone()));
    let entries: Vec<_> =
        (0..10).map(|n| json!({ "Id": n.to_string(), "MessageBody": "x", "MessageGroupId": format!("g{n}") })).collect();
    let sends = json!({ "QueueUrl": "q", "Entries": entries }).to_string();
    let sends = by(mallory(), "SendMessageBatch", sends);
    vec![
        ("400 slow heads", Box::pin(drip(address, slow_head.into_bytes()))),
        ("400 slow bodies", Box::pin(drip(address, slow_body))),
        ("heads of 4 MiB, 20 a second", Box::pin(repeat(address, many_headers.into_bytes(), 20))),
        ("20,000 rapid resets, 50 times a second", Box::pin(frames(address, resets, 50))),
        (
            "20,000 empty CONTINUATIONs, 50 times a second",
            Box::pin(frames(address, continued.concat(), 50)),
        ),
        ("8 MB of nested JSON, 10 a second", Box::pin(repeat(address, nested, 10))),
        ("500,000 members of JSON, 10 a second", Box::pin(repeat(address, members, 10))),
        ("8 MB signed wrongly, 10 a second", Box::pin(repeat(address, large_guess, 10))),
        ("100,000 unknown keys a minute", Box::pin(flood(address, unknown, 1667))),
        ("100,000 wrong signatures a minute", Box::pin(flood(address, guess, 1667))),
        ("200 batches a second of another account", Box::pin(flood(address, sends, 200))),
    ]
}

/// The median and the 99th percentile.
fn percentiles(mut took: Vec<Duration>) -> [Duration; 2] {
    took.sort();
    [took[took.len() / 2], took[took.len() * 99 / 100]]
}

async fn measure(scene: &Scene) -> Vec<Duration> {
    let bystander = Bystander::start(scene.host.clone(), scene.address());
    bystander.is_served(ROUNDS).await;
    bystander.stop().await
}

/// Where attackers run: behind everybody else.
fn elsewhere() -> Runtime {
    let give_way = || {
        let _ = rustix::process::nice(19).expect("who gives way may");
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().on_thread_start(give_way);
    runtime.build().expect("a thread can be started")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures for minutes; run it by hand with a release build"]
async fn latency_of_others_under_each_attack() {
    let scene = Scene::start().await;
    let elsewhere = elsewhere();
    measure(&scene).await;
    println!(
        "| Attack | p50 without | p50 with | p99 without | p99 with | ratios |\n|---|---|---|---|---|---|"
    );
    for (name, attack) in attacks(&scene) {
        let attack = std::sync::Arc::new(tokio::sync::Mutex::new(attack));
        let (mut alone, mut attacked) = (Vec::new(), Vec::new());
        for _ in 0..REPETITIONS {
            alone.extend(measure(&scene).await);
            let attack = attack.clone();
            // It goes on where it was stopped.
            let running = elsewhere.spawn(async move { attack.lock().await.as_mut().await });
            attacked.extend(measure(&scene).await);
            running.abort();
            let _ = running.await;
        }
        let ([p50, p99], [p50_under, p99_under]) = (percentiles(alone), percentiles(attacked));
        let ratio = |under: Duration, alone: Duration| under.as_secs_f64() / alone.as_secs_f64();
        println!(
            "| {name} | {} us | {} us | {} us | {} us | {:.2}, {:.2} |",
            p50.as_micros(),
            p50_under.as_micros(),
            p99.as_micros(),
            p99_under.as_micros(),
            ratio(p50_under, p50),
            ratio(p99_under, p99),
        );
    }
    elsewhere.shutdown_background();
}
