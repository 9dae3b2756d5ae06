//! Hostile clients against the real binary: each is refused with the right answer, takes little
//! memory, and meanwhile another client is served as always.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod signed;
}
mod attackers {
    pub(crate) mod http2;
    pub(crate) mod scene;
}

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use attackers::http2::{
    self, CONTINUATION, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, Http2, PING,
    RST_STREAM, frame, post,
};
use attackers::scene::{MEBIBYTE, Scene, mallory, usual};
use common::http::{Answer, Connection, head};
use common::signed::Signer;

// Slow clients.

/// How many connections a slow attacker holds.
const SLOW: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_and_bodies_hold_no_one_up() {
    let scene = Scene::start().await;
    let half_a_head =
        format!("POST / HTTP/1.1\r\nHost: localhost\r\nX-Filler: {}", "x".repeat(8192));
    let announced = [("Host", "localhost"), ("Content-Length", "8388608")];
    let body = [head("POST", "/", &announced).as_bytes(), &[b'{'; 1024]].concat();
    for (what, start) in [("heads", half_a_head.as_bytes()), ("bodies", body.as_slice())] {
        let ((), grown) = scene
            .under(async |bystander| {
                let mut slow = Vec::new();
                for _ in 0..SLOW {
                    let mut stream = TcpStream::connect(scene.address()).await.unwrap();
                    stream.write_all(start).await.unwrap();
                    slow.push(stream);
                }
                // A byte now and then keeps a connection from being idle.
                for _ in 0..20 {
                    for stream in &mut slow {
                        stream.write_all(b"x").await.expect("it is still open");
                    }
                    bystander.is_served(2).await;
                }
            })
            .await;
        println!("{SLOW} slow {what} take {} KiB", grown / 1024);
        assert!(grown < 32 * MEBIBYTE, "{SLOW} slow {what} take {grown} bytes");
    }
}

// Heads.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_headers_are_refused() {
    let scene = Scene::start().await;
    let many: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    let large = format!("x-large: {}\r\n", "y".repeat(4 << 20));
    let lines = format!("x-line: {}\r\n", "y".repeat(100)).repeat(40_000);
    let (answered, grown) = scene
        .under(async |bystander| {
            let mut answered = Vec::new();
            for flood in [&many, &large, &lines] {
                for _ in 0..20 {
                    let mut connection = Connection::open(scene.address()).await;
                    let request = format!("POST / HTTP/1.1\r\nHost: localhost\r\n{flood}\r\n");
                    // The server need not read all of it before it answers.
                    let _ = connection.try_write(request).await;
                    answered.push(connection.try_answer().await.map(|answer| answer.status).ok());
                }
                bystander.is_served(3).await;
            }
            answered
        })
        .await;
    // An answer is lost where the server ends the connection with something unread.
    assert!(answered.iter().all(|status| matches!(status, Some(431) | None)), "{answered:?}");
    assert!(answered.contains(&Some(431)), "{answered:?}");
    println!("floods of headers take {} KiB", grown / 1024);
    assert!(grown < 16 * MEBIBYTE, "{grown} bytes");
}

// HTTP/2.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_are_opened_and_reset_at_once_end_their_connection() {
    let scene = Scene::start().await;
    let pair = |stream: u32| {
        let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &post());
        [open, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    };
    let flood: Vec<u8> = (0..100_000u32).flat_map(|n| pair(2 * n + 1)).collect();
    let (ends, grown) = scene
        .under(async |bystander| {
            let mut ends = Vec::new();
            for _ in 0..5 {
                let mut attacker = Http2::open(scene.address()).await;
                let is_all_taken = attacker.write(&flood).await;
                let end = attacker.find(|frame| frame.kind == GOAWAY).await;
                ends.push((is_all_taken, end.and_then(|end| end.code())));
                bystander.is_served(3).await;
            }
            ends
        })
        .await;
    println!("rapid resets take {} KiB: {ends:?}", grown / 1024);
    assert!(ends.iter().any(|(_, code)| *code == Some(ENHANCE_YOUR_CALM)), "{ends:?}");
    assert!(ends.iter().all(|(_, code)| matches!(code, Some(ENHANCE_YOUR_CALM) | None)));
    assert!(grown < 16 * MEBIBYTE, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_is_continued_for_ever_ends_its_connection() {
    let scene = Scene::start().await;
    for (what, piece) in [
        ("empty", vec![]),
        ("full", {
            let field =
                [&[0x00][..], &http2::text("x-flood"), &http2::text(&"y".repeat(1000))].concat();
            field.repeat(16)
        }),
    ] {
        let (end, grown) = scene
            .under(async |bystander| {
                let mut attacker = Http2::open(scene.address()).await;
                attacker.write(&frame(HEADERS, END_STREAM, 1, &post())).await;
                let pieces = frame(CONTINUATION, 0, 1, &piece).repeat(64);
                for _ in 0..1000 {
                    if !attacker.write(&pieces).await {
                        break;
                    }
                }
                bystander.is_served(3).await;
                // It waits for one or the other.
                attacker.find(|frame| frame.kind == GOAWAY).await
            })
            .await;
        println!("{what} continuations take {} KiB: {end:?}", grown / 1024);
        assert!(end.is_none_or(|end| end.code() == Some(ENHANCE_YOUR_CALM)));
        assert!(grown < 16 * MEBIBYTE, "{what}: {grown} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    let scene = Scene::start().await;
    // One field of 3,900 bytes is put into the table, and named ten thousand times.
    let field = [&[0x40][..], &http2::text("x-bomb"), &http2::text(&"y".repeat(3900))].concat();
    let bomb = [post(), field, vec![0xbe; 10_000]].concat();
    let (refusals, grown) = scene
        .under(async |bystander| {
            let mut refusals = Vec::new();
            for _ in 0..20 {
                let mut attacker = Http2::open(scene.address()).await;
                attacker.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb)).await;
                let is_told = |frame: &http2::Frame| frame.stream == 1 || frame.kind == GOAWAY;
                refusals.push(attacker.find(is_told).await);
            }
            bystander.is_served(3).await;
            refusals
        })
        .await;
    for refusal in refusals.into_iter().flatten() {
        // The status 431 is no part of the table that both sides know.
        let is_431 = refusal.kind == HEADERS && refusal.payload.windows(3).any(|it| it == b"431");
        let is_huffman = refusal.kind == HEADERS && refusal.payload.starts_with(&[0x48, 0x82]);
        assert!(is_431 || is_huffman || refusal.code().is_some(), "{refusal:?}");
    }
    println!("packed heads take {} KiB", grown / 1024);
    assert!(grown < 16 * MEBIBYTE, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_pings_that_nobody_reads_are_not_gathered() {
    let scene = Scene::start().await;
    let (written, grown) = scene
        .under(async |bystander| {
            let mut attacker = Http2::open(scene.address()).await;
            let pings = frame(PING, 0, 0, &[0; 8]).repeat(4096);
            let mut written = 0;
            for _ in 0..1000 {
                let write = attacker.stream().write_all(&pings);
                match tokio::time::timeout(Duration::from_secs(1), write).await {
                    Ok(Ok(())) => written += pings.len(),
                    _ => break,
                }
            }
            bystander.is_served(3).await;
            written
        })
        .await;
    println!("{written} bytes of pings take {} KiB", grown / 1024);
    assert!(grown < 16 * MEBIBYTE, "{grown} bytes");
}

// What a caller with a key may ask for.

/// What is answered to each of these bodies, as often as this.
async fn refused(scene: &Scene, cases: &[(&str, String, &str)]) {
    for (action, body, expected) in cases {
        let request = mallory().sign(scene.json(action, body.as_str()));
        let (answers, grown) = scene
            .under(async |bystander| {
                let mut answers = Vec::new();
                for _ in 0..5 {
                    answers.push(scene.send(&request).await);
                }
                bystander.is_served(3).await;
                answers
            })
            .await;
        let what = format!("{action} {body:.40}");
        for answer in answers {
            assert_eq!(answer.status, 400, "{what}: {}", answer.text());
            assert!(answer.text().contains(expected), "{what}: {}", answer.text());
            assert!(answer.body.len() < 8192, "{what}: {} bytes", answer.body.len());
        }
        println!("{what}: {} KiB", grown / 1024);
        assert!(grown < 96 * MEBIBYTE, "{what}: {grown} bytes");
    }
}

/// Almost the largest body there may be.
const HUGE: usize = 8_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_and_huge_json_is_refused() {
    let scene = Scene::start().await;
    const TOO_MANY: &str = "The request has too many values";
    let members: String = (0..500_000).map(|n| format!("\"k{n}\":1,")).collect();
    refused(
        &scene,
        &[
            ("SendMessage", "[".repeat(HUGE), "SerializationException"),
            ("SendMessage", "{\"a\":".repeat(HUGE / 5), "SerializationException"),
            (
                "SendMessage",
                format!("{{\"MessageAttributes\":{}", "{\"a\":".repeat(HUGE / 5)),
                "SerializationException",
            ),
            (
                "SendMessage",
                format!("{{\"MessageBody\":\"{}", "\\u00e9".repeat(HUGE / 6)),
                "SerializationException",
            ),
            ("SendMessage", format!("{{{members}\"QueueUrl\":\"q\"}}"), TOO_MANY),
            (
                "SendMessage",
                format!("{{\"QueueUrl\":\"q\",\"MessageBody\":\"{}\"}}", "x".repeat(HUGE - 99)),
                "InvalidParameterValue",
            ),
            (
                "CreateQueue",
                format!("{{\"QueueName\":\"{}\"}}", "x".repeat(HUGE - 99)),
                "InvalidParameterValue",
            ),
            ("GetQueueUrl", format!("{{\"QueueName\":{}}}", "9".repeat(HUGE - 99)), ""),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absurd_batches_and_attributes_are_refused() {
    let scene = Scene::start().await;
    let list = |of: &str, count: usize| vec![of; count].join(",");
    let entry = r#"{"Id":"a","MessageBody":"b"}"#;
    let delete = r#"{"Id":"a","ReceiptHandle":"b"}"#;
    let attribute = r#"{"DataType":"String","StringValue":"v"}"#;
    let attributes: Vec<_> = (0..100_000).map(|n| format!("\"a{n}\":{attribute}")).collect();
    let plain: Vec<_> = (0..100_000).map(|n| format!("\"a{n}\":\"v\"")).collect();
    let (attributes, plain) = (attributes.join(","), plain.join(","));
    let on_queue = |rest: &str| format!("{{\"QueueUrl\":\"q\",{rest}}}");
    const TOO_MANY: &str = "The request has too many values";
    const TOO_MANY_ENTRIES: &str = "TooManyEntriesInBatchRequest";
    let entries = |of: &str, count: usize| on_queue(&format!("\"Entries\":[{}]", list(of, count)));
    refused(
        &scene,
        &[
            ("SendMessageBatch", entries(entry, 100_000), TOO_MANY),
            ("SendMessageBatch", entries(entry, 1000), TOO_MANY_ENTRIES),
            ("DeleteMessageBatch", entries(delete, 100_000), TOO_MANY),
            ("DeleteMessageBatch", entries(delete, 1000), TOO_MANY_ENTRIES),
            ("ChangeMessageVisibilityBatch", entries(delete, 1000), TOO_MANY_ENTRIES),
            (
                "SendMessage",
                on_queue(&format!("\"MessageBody\":\"b\",\"MessageAttributes\":{{{attributes}}}")),
                TOO_MANY,
            ),
            ("SetQueueAttributes", on_queue(&format!("\"Attributes\":{{{plain}}}")), TOO_MANY),
            ("TagQueue", on_queue(&format!("\"Tags\":{{{plain}}}")), TOO_MANY),
            ("CreateQueue", format!("{{\"QueueName\":\"n\",\"tags\":{{{plain}}}}}"), TOO_MANY),
            (
                "GetQueueAttributes",
                on_queue(&format!("\"AttributeNames\":[{}]", list("\"None\"", 500_000))),
                TOO_MANY,
            ),
            ("UntagQueue", on_queue(&format!("\"TagKeys\":[{}]", list("\"\"", 500_000))), TOO_MANY),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn huge_forms_are_refused() {
    let scene = Scene::start().await;
    let start = "Action=SendMessage&Version=2012-11-05&QueueUrl=q&";
    for (what, rest) in [
        ("parameters", "a=1&".repeat(HUGE / 4)),
        ("equal names", "MessageBody=1&".repeat(HUGE / 14)),
        ("elements", (0..250_000).map(|n| format!("MessageAttribute.{n}.Name=a&")).collect()),
        ("a large index", "MessageAttribute.99999999999.Name=a".to_owned()),
        ("a deep name", format!("{}=1", "a.".repeat(HUGE / 2))),
    ] {
        let request = scene.json("", format!("{start}{rest}"));
        let mut request = request.with("content-type", "application/x-www-form-urlencoded");
        request.headers.retain(|(name, value)| name != "x-amz-target" && !value.contains("json"));
        let request = mallory().sign(request);
        let (answers, grown) = scene
            .under(async |bystander| {
                let mut answers = Vec::new();
                for _ in 0..5 {
                    answers.push(scene.send(&request).await);
                }
                bystander.is_served(3).await;
                answers
            })
            .await;
        for answer in answers {
            assert_eq!(answer.status, 400, "{what}: {}", answer.text());
            assert!(answer.body.len() < 8192, "{what}: {} bytes", answer.body.len());
        }
        println!("{what}: {} KiB", grown / 1024);
        assert!(grown < 96 * MEBIBYTE, "{what}: {grown} bytes");
    }
}

/// Group ids that one hash of Rust's without a key puts into one of 1,024 places.
fn colliding_groups(count: usize) -> Vec<String> {
    let place = |text: &str| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish() % 1024
    };
    (0..).map(|n| format!("g{n}")).filter(|text| place(text) == 0).take(count).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_that_collide_in_a_hash_cost_no_more_than_others() {
    const GROUPS: usize = 2000;
    let scene = Scene::start().await;
    let fifo = json!({ "QueueName": "q.fifo", "Attributes": { "FifoQueue": "true" } });
    scene.call(&mallory(), "CreateQueue", &fifo).await.ok();
    let groups = colliding_groups(GROUPS);
    let ((), grown) = scene
        .under(async |bystander| {
            for (queue, is_fifo) in [("q.fifo", true), ("q", false)] {
                for batch in groups.chunks(10) {
                    let entry = |(n, group): (usize, &String)| {
                        let id = n.to_string();
                        let mut entry =
                            json!({ "Id": id, "MessageBody": group, "MessageGroupId": group });
                        if is_fifo {
                            entry["MessageDeduplicationId"] = json!(group);
                        }
                        entry
                    };
                    let entries: Vec<Value> = batch.iter().enumerate().map(entry).collect();
                    let input = json!({ "QueueUrl": queue, "Entries": entries });
                    let sent = scene.call(&mallory(), "SendMessageBatch", &input).await.ok();
                    assert_eq!(sent["Successful"].as_array().map(Vec::len), Some(batch.len()));
                }
                let mut received = 0;
                while received < GROUPS {
                    let input = json!({ "QueueUrl": queue, "MaxNumberOfMessages": 10 });
                    let answer = scene.call(&mallory(), "ReceiveMessage", &input).await.ok();
                    let messages = answer["Messages"].as_array().map_or(0, Vec::len);
                    assert!(messages > 0, "{queue}: {received} of {GROUPS}");
                    received += messages;
                }
                bystander.is_served(3).await;
            }
        })
        .await;
    println!("{GROUPS} groups take {} KiB", grown / 1024);
    assert!(grown < 32 * MEBIBYTE, "{grown} bytes");
}

// Signatures.

fn stranger() -> Signer {
    Signer::new("AKIASTRANGER00000001", "a guess")
}

fn guesser() -> Signer {
    Signer::new("AKIAUSUAL00000000001", "a guess")
}

/// The status and the code of an answer in JSON.
fn refusal(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["__type"].as_str().unwrap_or_default();
    (answer.status, code.rsplit('#').next().unwrap_or_default().to_owned())
}

/// Sends the same request so many times on one connection after the other, and counts how often it
/// was answered so.
async fn flood(scene: &Scene, request: &[u8], count: usize, expected: (u16, &str)) {
    const AHEAD: usize = 100;
    let mut answered = 0;
    while answered < count {
        let mut connection = Connection::open(scene.address()).await;
        while answered < count {
            if connection.try_write(request.repeat(AHEAD)).await.is_err() {
                break;
            }
            let before = answered;
            while answered < before + AHEAD {
                // A body that nobody wants to read may end the connection.
                let Ok(answer) = connection.try_answer().await else { break };
                let (status, code) = refusal(&answer);
                assert_eq!((status, code.as_str()), expected, "{}", answer.text());
                answered += 1;
            }
            if answered < before + AHEAD {
                break;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_wrong_signatures_lock_nobody_out() {
    let scene = Scene::start().await;
    let body = json!({ "QueueUrl": "q", "MessageBody": "x".repeat(1000) }).to_string();
    let signed = |signer: Signer| signer.sign(scene.json("SendMessage", body.as_str())).to_bytes();
    let unknown = (signed(stranger()), (403, "UnrecognizedClientException"));
    let wrong = (signed(guesser()), (403, "InvalidSignatureException"));
    let ((), grown) = scene
        .under(async |bystander| {
            for (request, expected) in [unknown, wrong] {
                tokio::join!(
                    flood(&scene, &request, 25_000, expected),
                    flood(&scene, &request, 25_000, expected),
                    // From the same address, with the same key.
                    bystander.is_served(50),
                );
            }
        })
        .await;
    println!("100,000 wrong signatures take {} KiB", grown / 1024);
    assert!(grown < 32 * MEBIBYTE, "{grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_many_failures_what_cannot_be_right_is_refused_without_its_body() {
    let scene = Scene::start().await;
    let input = json!({ "QueueUrl": "q", "MessageBody": "x" }).to_string();
    let request = |signer: Signer| signer.sign(scene.json("SendMessage", input.as_str()));
    let unknown = request(stranger()).to_bytes();
    let head_only = |bytes: &[u8]| bytes[..bytes.len() - input.len()].to_vec();
    // At first a refusal waits for the body, and nobody learns anything from when it comes.
    let mut patient = Connection::open(scene.address()).await;
    patient.write(head_only(&unknown)).await;
    scene.call(&usual(), "ListQueues", &json!({})).await.ok();
    patient.write(&input).await;
    assert_eq!(refusal(&patient.answer().await).1, "UnrecognizedClientException");
    flood(&scene, &unknown, 100, (403, "UnrecognizedClientException")).await;

    let mut early = Connection::open(scene.address()).await;
    early.write(head_only(&unknown)).await;
    assert_eq!(refusal(&early.answer().await), (403, "UnrecognizedClientException".to_owned()));
    // A wrong signature of a digest that the head tells fits no body.
    let digest = "0".repeat(64);
    let said = scene.json("SendMessage", input.as_str()).with("x-amz-content-sha256", &digest);
    let mut said = usual().sign(said);
    let signature = said.headers.iter_mut().find(|(name, _)| name == "authorization").unwrap();
    let last = signature.1.pop().unwrap();
    signature.1.push(if last == '0' { '1' } else { '0' });
    let mut early = Connection::open(scene.address()).await;
    early.write(head_only(&said.to_bytes())).await;
    assert_eq!(refusal(&early.answer().await), (403, "InvalidSignatureException".to_owned()));

    // From the same address, who signs as they should is served, with and without such a header.
    scene.send(&request(usual())).await.ok();
    let digest = sha256(&input);
    let right = scene.json("SendMessage", input.as_str()).with("x-amz-content-sha256", &digest);
    scene.send(&usual().sign(right)).await.ok();
    // Whether a known key signed wrongly takes the body to tell.
    let guess = request(guesser()).to_bytes();
    assert_eq!(refusal(&scene.send(&request(guesser())).await).1, "InvalidSignatureException");
    assert!(guess.len() > input.len());
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
