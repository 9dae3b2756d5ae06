//! What becomes of messages: delay, visibility, receipt handles, retention, limits, restarts, and
//! the end of a server.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use formiga_server::Server;
use formiga_server::config::StoreKind;
use serde_json::{Value, json};

use common::http::{Connection, eventually, soon};
use common::scene::{Scene, messages};

const NOT_A_HANDLE: &str = "404 ReceiptHandleIsInvalid: The input receipt handle";

/// The default, a few days.
const RETENTION_SECONDS: u64 = 345_600;

async fn both_stores() -> [Scene; 2] {
    [Scene::memory().await, Scene::durable().await]
}

async fn small_window() -> Scene {
    Scene::configured(|config| config.window = 64).await
}

fn message_is_gone(handle: &str) -> String {
    format!(
        "400 InvalidParameterValue: Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
    )
}

// Visibility.

#[tokio::test]
async fn a_received_message_is_hidden_until_its_visibility_timeout_ends_edge_127() {
    for scene in both_stores().await {
        scene.send("hello").await;
        scene.receive_one(3600).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        scene.advance(1800).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        scene.advance(1800).await;
        assert_eq!(scene.receive_bodies().await, ["hello"]);
    }
}

#[tokio::test]
async fn a_receive_without_a_timeout_uses_the_queues() {
    let scene = Scene::memory().await;
    let url = scene.create_queue("slow", json!({ "VisibilityTimeout": "7200" })).await;
    let send = json!({ "QueueUrl": url, "MessageBody": "hello" });
    scene.call("SendMessage", send).await.ok();
    let receive = async || {
        messages(&scene.call("ReceiveMessage", json!({ "QueueUrl": url })).await.ok()).len()
    };
    assert_eq!(receive().await, 1);
    scene.advance(3600).await;
    assert_eq!(receive().await, 0);
    scene.advance(3600).await;
    assert_eq!(receive().await, 1);
}

#[tokio::test]
async fn a_visibility_timeout_of_0_leaves_the_message_visible_edges_125_126_132() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let first = scene.receive_one(0).await;
        let second = scene.receive_one(3600).await;
        assert_eq!((&*first.body, &*second.body), ("hello", "hello"));
        assert_ne!(first.handle, second.handle);
        assert_eq!(scene.receive_bodies().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_message_that_returns_comes_before_younger_ones_edge_128() {
    for scene in both_stores().await {
        scene.send("test1").await;
        scene.receive_one(60).await;
        scene.send("test2").await;
        scene.advance(60).await;
        assert_eq!(scene.receive_bodies().await, ["test1", "test2"]);
    }
}

#[tokio::test]
async fn a_changed_visibility_counts_from_now_and_for_this_receive_only_edges_151_152_153() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let message = scene.receive_one(600).await;
        for _ in 0..4 {
            scene.advance(400).await;
            assert_eq!(scene.receive_bodies().await, [""; 0]);
            scene.change_visibility(&message.handle, 600).await.ok();
        }
        scene.advance(600).await;
        let message = scene.receive_one(3600).await;

        scene.change_visibility(&message.handle, 0).await.ok();
        assert_eq!(scene.receive_bodies().await, ["hello"]);
        assert_eq!(scene.receive_bodies().await, [""; 0], "the queue's own timeout counts again");
    }
}

#[tokio::test]
async fn no_message_stays_hidden_for_more_than_12_hours_edges_156_157() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let message = scene.receive_one(43_200).await;
        scene.change_visibility(&message.handle, 43_195).await.ok();
        scene.change_visibility(&message.handle, 40_000).await.ok();
        scene.advance(20_000).await;
        assert_eq!(
            scene.change_visibility(&message.handle, 43_200).await.refusal(),
            "400 InvalidParameterValue: Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        );
        scene.change_visibility(&message.handle, 20_000).await.ok();
        scene.advance(19_000).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        scene.advance(1_000).await;
        assert_eq!(scene.receive_bodies().await, ["hello"]);
    }
}

// Receipt handles.

#[tokio::test]
async fn what_is_no_handle_of_the_queue_is_refused_edges_145_146_147_159() {
    for scene in both_stores().await {
        let other = scene.create_queue("other", json!({})).await;
        let send = json!({ "QueueUrl": other, "MessageBody": "elsewhere" });
        scene.call("SendMessage", send).await.ok();
        let receive = json!({ "QueueUrl": other });
        let elsewhere = messages(&scene.call("ReceiveMessage", receive).await.ok());
        let elsewhere = elsewhere[0].handle.as_str();
        scene.send("here").await;
        let here = scene.receive_one(3600).await.handle;
        let forged = flipped(&here);

        for handle in ["garbage", "INVALID", "AAAA", elsewhere, &forged, &here[1..]] {
            let refusal = format!("{NOT_A_HANDLE} \"{handle}\" is not a valid receipt handle.");
            assert_eq!(scene.delete(handle).await.refusal(), refusal);
            assert_eq!(scene.change_visibility(handle, 0).await.refusal(), refusal);
        }
        assert_eq!(scene.counters().await, [0, 1, 0]);
    }
}

/// A handle of which one character in the middle is another.
fn flipped(handle: &str) -> String {
    let middle = handle.len() / 2;
    let other = if &handle[middle..=middle] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &handle[..middle], &handle[middle + 1..])
}

#[tokio::test]
async fn the_handle_of_a_message_in_flight_deletes_and_changes() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let message = scene.receive_one(60).await;
        assert!(message.handle.len() <= 1024);
        scene.change_visibility(&message.handle, 3600).await.ok();
        scene.advance(1800).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        scene.delete(&message.handle).await.ok();
        scene.advance(1800).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        assert_eq!(scene.counters().await, [0, 0, 0]);
    }
}

#[tokio::test]
async fn a_handle_still_works_when_the_timeout_has_ended_edges_141_142() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let message = scene.receive_one(60).await;
        scene.advance(60).await;
        assert_eq!(scene.counters().await, [1, 0, 0]);
        scene.change_visibility(&message.handle, 3600).await.ok();
        assert_eq!(scene.counters().await, [0, 1, 0], "it is hidden again");
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        scene.advance(3600).await;
        scene.delete(&message.handle).await.ok();
        assert_eq!(scene.counters().await, [0, 0, 0]);
        assert_eq!(scene.receive_bodies().await, [""; 0]);
    }
}

#[tokio::test]
async fn an_older_handle_acts_on_the_message_too_edges_154_155() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let older = scene.receive_one(0).await;
        let newer = scene.receive_one(3600).await;
        scene.change_visibility(&older.handle, 0).await.ok();
        let newest = scene.receive_one(3600).await;
        assert_eq!(newest.body, "hello");
        scene.delete(&older.handle).await.ok();
        assert_eq!(scene.counters().await, [0, 0, 0]);
        for handle in [&newer.handle, &newest.handle] {
            scene.delete(handle).await.ok();
        }

        scene.send("another").await;
        let message = scene.receive_one(3600).await;
        scene.change_visibility(&message.handle, 0).await.ok();
        let newest = scene.receive_one(3600).await;
        scene.delete(&newest.handle).await.ok();
        scene.advance(3600).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_deleted_message_stays_deleted_and_its_handle_deletes_again_edge_148() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let handle = scene.receive_one(60).await.handle;
        for _ in 0..3 {
            scene.delete(&handle).await.ok();
        }
        assert_eq!(scene.change_visibility(&handle, 0).await.refusal(), message_is_gone(&handle));
        scene.advance(60).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
    }
}

#[tokio::test]
async fn the_handle_of_an_expired_message_deletes_nothing_without_complaint() {
    for scene in both_stores().await {
        scene.send("hello").await;
        let handle = scene.receive_one(3600).await.handle;
        scene.advance(RETENTION_SECONDS).await;
        assert_eq!(scene.change_visibility(&handle, 0).await.refusal(), message_is_gone(&handle));
        scene.delete(&handle).await.ok();
        assert_eq!(scene.receive_bodies().await, [""; 0]);
    }
}

#[tokio::test]
async fn handles_in_a_batch_meet_the_same_rules() {
    for scene in both_stores().await {
        scene.send("deleted").await;
        let deleted = scene.receive_one(3600).await.handle;
        scene.delete(&deleted).await.ok();
        scene.send("in flight").await;
        let in_flight = scene.receive_one(3600).await.handle;

        let entries = json!([
            { "Id": "a", "ReceiptHandle": deleted, "VisibilityTimeout": 0 },
            { "Id": "b", "ReceiptHandle": in_flight, "VisibilityTimeout": 0 },
            { "Id": "c", "ReceiptHandle": in_flight },
        ]);
        let input = json!({ "Entries": entries });
        let output = scene.on_queue("ChangeMessageVisibilityBatch", input.clone()).await.ok();
        assert_eq!(output["Successful"], json!([{ "Id": "b" }]));
        let failed = output["Failed"].as_array().unwrap();
        let mut codes: Vec<_> = failed.iter().map(|entry| (&entry["Id"], &entry["Code"])).collect();
        codes.sort_by_key(|(id, _)| id.to_string());
        assert_eq!(
            codes,
            [
                (&json!("a"), &json!("InvalidParameterValue")),
                (&json!("c"), &json!("MissingParameter"))
            ]
        );
        assert_eq!(scene.counters().await, [1, 0, 0]);

        let output = scene.on_queue("DeleteMessageBatch", input).await.ok();
        assert_eq!(output, json!({ "Successful": [{ "Id": "a" }, { "Id": "b" }, { "Id": "c" }] }));
        assert_eq!(scene.counters().await, [0, 0, 0]);
    }
}

// Delay.

#[tokio::test]
async fn a_delayed_message_appears_when_its_delay_ends_edges_92_93() {
    for scene in both_stores().await {
        let url = scene.create_queue("delayed", json!({ "DelaySeconds": "600" })).await;
        let send = async |body: &str, more: Value| {
            let mut input = more;
            input["QueueUrl"] = json!(url);
            input["MessageBody"] = json!(body);
            scene.call("SendMessage", input).await.ok();
        };
        let receive = async || {
            let input = json!({
                "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 36_000,
            });
            let received = messages(&scene.call("ReceiveMessage", input).await.ok());
            received.into_iter().map(|message| message.body).collect::<Vec<_>>()
        };
        send("the queue's", json!({})).await;
        send("its own", json!({ "DelaySeconds": 900 })).await;
        send("none", json!({ "DelaySeconds": 0 })).await;
        assert_eq!(receive().await, ["none"]);
        scene.advance(600).await;
        assert_eq!(receive().await, ["the queue's"]);
        scene.advance(300).await;
        assert_eq!(receive().await, ["its own"]);
    }
}

// Retention.

#[tokio::test]
async fn a_message_is_gone_when_its_retention_period_ends_in_any_state() {
    for scene in both_stores().await {
        scene.send("in flight").await;
        scene.advance(RETENTION_SECONDS - 4000).await;
        scene.receive_one(43_200).await;
        scene.send("younger").await;
        scene.advance(2000).await;
        assert_eq!(scene.counters().await, [1, 1, 0]);
        scene.advance(2000).await;
        assert_eq!(scene.receive_bodies().await, ["younger"]);
        scene.advance(43_200).await;
        assert_eq!(scene.receive_bodies().await, ["younger"], "the other does not return");
        scene.advance(RETENTION_SECONDS).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_message_expires_while_it_is_in_flight_edge_165() {
    for scene in both_stores().await {
        let attributes = json!({ "MessageRetentionPeriod": "3600", "VisibilityTimeout": "3600" });
        let url = scene.create_queue("short", attributes).await;
        let on_queue = async |action: &str, mut input: Value| {
            input["QueueUrl"] = json!(url);
            scene.call(action, input).await
        };
        on_queue("SendMessage", json!({ "MessageBody": "hello" })).await.ok();
        scene.advance(300).await;
        let received = messages(&on_queue("ReceiveMessage", json!({})).await.ok());
        for seconds in [3300, 300] {
            scene.advance(seconds).await;
            assert_eq!(on_queue("ReceiveMessage", json!({})).await.text(), "{}");
        }
        on_queue("DeleteMessage", json!({ "ReceiptHandle": received[0].handle })).await.ok();
    }
}

// Counters and limits.

#[tokio::test]
async fn counters_tell_the_three_states_apart_edge_161() {
    for scene in both_stores().await {
        for n in 0..6 {
            scene.send(&n.to_string()).await;
        }
        scene.send_delayed("later", 900).await;
        assert_eq!(scene.counters().await, [6, 0, 1]);
        let input = json!({ "VisibilityTimeout": 300 });
        assert_eq!(scene.receive_with(input).await.len(), 1);
        assert_eq!(scene.counters().await, [5, 1, 1]);
        scene.advance(300).await;
        assert_eq!(scene.counters().await, [6, 0, 1]);
        scene.advance(600).await;
        assert_eq!(scene.counters().await, [7, 0, 0]);
    }
}

#[tokio::test]
async fn beyond_the_in_flight_limit_short_polls_are_refused_and_long_polls_wait_edges_136_137() {
    for store in [StoreKind::Memory, StoreKind::Sqlite] {
        let scene = Scene::configured(|config| {
            config.store = store;
            config.in_flight_max = 3;
        })
        .await;
        for n in 0..5 {
            scene.send(&n.to_string()).await;
        }
        let received = scene
            .receive_with(json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 3600 }))
            .await;
        assert_eq!(received.len(), 3, "as many as the limit allows");
        let answer = scene.on_queue("ReceiveMessage", json!({})).await;
        assert!(answer.refusal().starts_with("403 OverLimit: "), "{}", answer.refusal());
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["__type"], "com.amazonaws.sqs#OverLimit");

        let poll = scene.poll().await;
        scene.advance(20).await;
        assert_eq!(poll.answer().await.text(), "{}");

        let poll = scene.poll().await;
        scene.delete(&received[0].handle).await.ok();
        assert_eq!(poll.bodies().await, ["3"]);
        scene.advance(3600).await;
        assert_eq!(scene.receive_bodies().await, ["1", "2", "3"]);
    }
}

#[tokio::test]
async fn beyond_the_in_flight_limit_a_fifo_queue_answers_with_nothing_edge_138() {
    let mut scene = Scene::configured(|config| config.in_flight_max = 3).await;
    scene.url = scene.create_queue("q.fifo", json!({ "FifoQueue": "true" })).await;
    for n in 0..5 {
        let n = n.to_string();
        let input = json!({ "MessageBody": n, "MessageGroupId": n, "MessageDeduplicationId": n });
        scene.on_queue("SendMessage", input).await.ok();
    }
    let input = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 3600 });
    let received = scene.receive_with(input).await;
    assert_eq!(received.len(), 3, "as many as the limit allows");
    assert_eq!(scene.on_queue("ReceiveMessage", json!({})).await.text(), "{}");
    scene.delete(&received[0].handle).await.ok();
    assert_eq!(scene.receive_bodies().await, ["3"]);
}

#[tokio::test]
async fn long_polls_are_served_in_the_order_of_their_arrival() {
    for scene in both_stores().await {
        let polls = [scene.poll().await, scene.poll().await, scene.poll().await];
        for body in ["first", "second", "third"] {
            scene.send(body).await;
        }
        for (poll, body) in polls.into_iter().zip(["first", "second", "third"]) {
            assert_eq!(poll.bodies().await, [body]);
        }
    }
}

#[tokio::test]
async fn a_long_poll_answers_at_once_with_what_is_there_edge_123() {
    for scene in both_stores().await {
        scene.send("one").await;
        scene.send("two").await;
        let started = std::time::Instant::now();
        let input = json!({ "MaxNumberOfMessages": 3, "WaitTimeSeconds": 20 });
        assert_eq!(scene.receive_with(input).await.len(), 2);
        assert!(started.elapsed().as_secs() < 15, "it did not wait for a third");
    }
}

#[tokio::test]
async fn a_queues_own_wait_time_makes_a_receive_a_long_poll() {
    let scene = Scene::memory().await;
    let url = scene.create_queue("patient", json!({ "ReceiveMessageWaitTimeSeconds": "20" })).await;
    let short = json!({ "QueueUrl": url, "WaitTimeSeconds": 0 });
    assert_eq!(scene.call("ReceiveMessage", short).await.text(), "{}");

    let mut connection = scene.connect().await;
    let input = json!({ "QueueUrl": url }).to_string();
    connection.write(connection.request("AmazonSQS.ReceiveMessage", &[], input)).await;
    let send = json!({ "QueueUrl": url, "MessageBody": "hello" });
    scene.call("SendMessage", send).await.ok();
    assert_eq!(messages(&connection.answer().await.ok()).len(), 1);
}

// Backlogs.

/// Sends so many messages, numbered from `first`, in batches.
async fn send_many(scene: &Scene, first: usize, count: usize) {
    let mut connection = scene.connect().await;
    let numbers: Vec<usize> = (first..first + count).collect();
    for batch in numbers.chunks(10) {
        let entry = |n: &usize| json!({ "Id": n.to_string(), "MessageBody": n.to_string() });
        let entries: Vec<Value> = batch.iter().map(entry).collect();
        let input = json!({ "QueueUrl": scene.url, "Entries": entries });
        let output = connection.call("AmazonSQS.SendMessageBatch", &input).await.ok();
        assert_eq!(output["Successful"].as_array().map(Vec::len), Some(batch.len()));
    }
}

/// Receives until nothing is visible; deletes what was received if told to.
async fn receive_all(scene: &Scene, delete: bool) -> Vec<usize> {
    let mut connection = scene.connect().await;
    let mut numbers = Vec::new();
    loop {
        let input = json!({
            "QueueUrl": scene.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 36_000,
        });
        let output = connection.call("AmazonSQS.ReceiveMessage", &input).await.ok();
        let received = messages(&output);
        if received.is_empty() {
            return numbers;
        }
        numbers.extend(received.iter().map(|message| message.body.parse::<usize>().unwrap()));
        if delete {
            let entry = |(n, message): (usize, &common::scene::Message)| json!({ "Id": n.to_string(), "ReceiptHandle": message.handle });
            let entries: Vec<Value> = received.iter().enumerate().map(entry).collect();
            let input = json!({ "QueueUrl": scene.url, "Entries": entries });
            connection.call("AmazonSQS.DeleteMessageBatch", &input).await.ok();
        }
    }
}

#[tokio::test]
async fn a_backlog_larger_than_memory_holds_is_received_once_and_in_order() {
    for store in [StoreKind::Memory, StoreKind::Sqlite] {
        let scene = Scene::configured(|config| {
            config.store = store;
            config.window = 64;
        })
        .await;
        send_many(&scene, 0, 1000).await;
        assert_eq!(scene.counters().await, [1000, 0, 0]);
        assert_eq!(receive_all(&scene, true).await, Vec::from_iter(0..1000));
        assert_eq!(scene.counters().await, [0, 0, 0]);
    }
}

#[tokio::test]
async fn a_backlog_in_flight_returns_once_and_in_order() {
    let scene = small_window().await;
    send_many(&scene, 0, 1000).await;
    assert_eq!(receive_all(&scene, false).await, Vec::from_iter(0..1000));
    assert_eq!(scene.counters().await, [0, 1000, 0]);
    scene.advance(36_000).await;
    assert_eq!(scene.counters().await, [1000, 0, 0]);
    assert_eq!(receive_all(&scene, true).await, Vec::from_iter(0..1000));
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_backlog_is_received_in_order_across_a_restart_and_further_sends() {
    let scene = small_window().await;
    send_many(&scene, 0, 500).await;
    let first = scene.receive().await;
    assert_eq!(first.len(), 10);
    let scene = scene.restarted().await;
    send_many(&scene, 500, 500).await;
    assert_eq!(scene.counters().await, [990, 10, 0]);
    assert_eq!(receive_all(&scene, true).await, Vec::from_iter(10..1000));
    scene.advance(60).await;
    assert_eq!(receive_all(&scene, true).await, Vec::from_iter(0..10));
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_backlog_of_delayed_messages_appears_whole() {
    let scene = small_window().await;
    for n in 0..200 {
        scene.send_delayed(&n.to_string(), 900).await;
    }
    send_many(&scene, 200, 100).await;
    assert_eq!(scene.counters().await, [100, 0, 200]);
    assert_eq!(receive_all(&scene, true).await, Vec::from_iter(200..300));
    scene.advance(900).await;
    assert_eq!(scene.counters().await, [200, 0, 0]);
    let mut appeared = receive_all(&scene, true).await;
    appeared.sort_unstable();
    assert_eq!(appeared, Vec::from_iter(0..200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_consumers_receive_each_message_once() {
    let scene = Arc::new(small_window().await);
    send_many(&scene, 0, 300).await;
    let consumers: Vec<_> = (0..8)
        .map(|_| {
            let scene = scene.clone();
            tokio::spawn(async move { receive_all(&scene, true).await })
        })
        .collect();
    send_many(&scene, 300, 300).await;
    let mut received = Vec::new();
    for consumer in consumers {
        received.extend(consumer.await.unwrap());
    }
    received.extend(receive_all(&scene, true).await);
    received.sort_unstable();
    assert_eq!(received, Vec::from_iter(0..600));
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn contents_that_memory_does_not_hold_are_read_from_the_store() {
    let scene = Scene::configured(|config| {
        config.content_cache_mib = 0;
        config.window = 64;
    })
    .await;
    let body = |n: usize| format!("{n} {}", "x".repeat(10_000));
    let attributes = json!({ "n": { "DataType": "Binary", "BinaryValue": "AQID" } });
    for n in 0..100 {
        let input = json!({ "MessageBody": body(n), "MessageAttributes": attributes });
        scene.on_queue("SendMessage", input).await.ok();
    }
    for first in (0..100).step_by(10) {
        let input = json!({ "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"] });
        let received = scene.receive_with(input).await;
        let bodies: Vec<_> = received.iter().map(|message| message.body.clone()).collect();
        assert_eq!(bodies, (first..first + 10).map(body).collect::<Vec<_>>());
        for message in received {
            assert_eq!(message.answered["MessageAttributes"], attributes);
        }
    }
}

// Queues that come and go.

#[tokio::test]
async fn a_queue_deleted_and_created_again_is_empty_edge_41() {
    for scene in both_stores().await {
        scene.send("old").await;
        let handle = scene.receive_one(60).await.handle;
        scene.send("older than the queue").await;
        scene.send_delayed("delayed", 60).await;
        scene.on_queue("DeleteQueue", json!({})).await.ok();
        assert_eq!(
            scene.on_queue("ReceiveMessage", json!({})).await.refusal(),
            "400 AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist."
        );
        assert_eq!(scene.create_queue("q", json!({ "DelaySeconds": "1" })).await, scene.url);
        scene.advance(120).await;
        assert_eq!(scene.receive_bodies().await, [""; 0]);
        assert_eq!(scene.counters().await, [0, 0, 0]);
        let refusal = scene.delete(&handle).await.refusal();
        assert!(refusal.starts_with(NOT_A_HANDLE), "the handle was another queue's: {refusal}");
    }
}

#[tokio::test]
async fn queues_do_not_share_messages_edge_135() {
    for scene in both_stores().await {
        let other = scene.create_queue("other", json!({})).await;
        scene.send("here").await;
        let receive = json!({ "QueueUrl": other });
        assert_eq!(scene.call("ReceiveMessage", receive).await.text(), "{}");
        assert_eq!(scene.receive_bodies().await, ["here"]);
    }
}

#[tokio::test]
async fn a_queue_that_nobody_used_for_hours_is_as_it_was() {
    for scene in both_stores().await {
        scene.send("visible").await;
        let handle = scene.receive_one(36_000).await.handle;
        scene.send("also visible").await;
        scene.send_delayed("delayed", 900).await;
        for _ in 0..3 {
            scene.advance(6_000).await;
            scene.connect().await.get("/health", &[]).await;
        }
        assert_eq!(scene.counters().await, [2, 1, 0]);
        scene.delete(&handle).await.ok();
        assert_eq!(scene.receive_bodies().await, ["also visible", "delayed"]);
    }
}

#[tokio::test]
async fn the_clock_only_moves_ahead() {
    let scene = Scene::durable().await;
    let mut connection = scene.connect().await;
    let mut advance = async |input: Value| connection.call("Formiga.AdvanceClock", &input).await;
    let now = |output: Value| output["NowMilliseconds"].as_u64().unwrap();
    let before = now(advance(json!({})).await.ok());
    for backwards in [
        json!({ "Seconds": -1 }),
        json!({ "Milliseconds": -1 }),
        json!({ "Seconds": i64::MAX }),
        json!({ "Seconds": 1, "Milliseconds": i64::MIN }),
    ] {
        let refusal = advance(backwards.clone()).await.refusal();
        assert!(refusal.starts_with("400 InvalidParameterValue: "), "{backwards}: {refusal}");
    }
    let after = now(advance(json!({ "Seconds": 3600, "Milliseconds": 500 })).await.ok());
    assert!((3_600_500..7_200_000).contains(&(after - before)), "{before} {after}");
}

// Restarts.

#[tokio::test]
async fn a_restart_keeps_messages_as_they_were() {
    let scene = Scene::durable().await;
    let attributes = json!({
        "blob": { "DataType": "Binary.png", "BinaryValue": "AQID" },
        "text": { "DataType": "String", "StringValue": "grüße \u{10ffff}" },
    });
    let trace = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1" } });
    let input = json!({
        "MessageBody": "rich\r\n", "MessageAttributes": attributes,
        "MessageSystemAttributes": trace, "MessageGroupId": "group",
    });
    let sent = scene.on_queue("SendMessage", input).await.ok();
    scene.send("plain").await;
    let all = json!({
        "MaxNumberOfMessages": 10, "VisibilityTimeout": 0,
        "MessageAttributeNames": ["All"], "MessageSystemAttributeNames": ["All"],
    });
    let before = scene.receive_with(all.clone()).await;
    let scene = scene.restarted().await;
    let after = scene.receive_with(all).await;
    assert_eq!(after.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        let (mut before, mut after) = (before.answered.clone(), after.answered.clone());
        let counts = [&mut before, &mut after].map(|message| {
            message.as_object_mut().unwrap().remove("ReceiptHandle");
            message["Attributes"]["ApproximateReceiveCount"].take()
        });
        assert_eq!(counts, ["1", "2"]);
        assert_eq!(before, after);
    }
    let rich = &after[0].answered;
    assert_eq!(rich["MessageId"], sent["MessageId"]);
    assert_eq!(rich["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(rich["MessageAttributes"], attributes);
    assert_eq!(rich["Attributes"]["AWSTraceHeader"], "Root=1");
    assert_eq!(rich["Attributes"]["MessageGroupId"], "group");
}

#[tokio::test]
async fn a_restart_keeps_what_is_in_flight_and_its_handles_edge_160() {
    let scene = Scene::durable().await;
    scene.send("deleted after").await;
    let deleted_after = scene.receive_one(36_000).await.handle;
    scene.send("returned after").await;
    let returned_after = scene.receive_one(36_000).await.handle;
    scene.send("returns by itself").await;
    scene.receive_one(3_600).await;
    scene.send("deleted before").await;
    let deleted_before = scene.receive_one(36_000).await.handle;
    scene.delete(&deleted_before).await.ok();
    scene.send("visible").await;

    let scene = scene.restarted().await;
    assert_eq!(scene.counters().await, [1, 3, 0]);
    scene.delete(&deleted_after).await.ok();
    scene.delete(&deleted_before).await.ok();
    let refusal = scene.change_visibility(&deleted_before, 0).await.refusal();
    assert_eq!(refusal, message_is_gone(&deleted_before));
    scene.change_visibility(&returned_after, 0).await.ok();
    assert_eq!(scene.receive_bodies().await, ["returned after", "visible"]);
    scene.advance(1_800).await;
    assert_eq!(scene.receive_bodies().await, ["returned after", "visible"]);
    scene.advance(1_800).await;
    let last = scene.receive_bodies().await;
    assert_eq!(last, ["returned after", "returns by itself", "visible"]);
}

#[tokio::test]
async fn a_restart_keeps_delays_and_the_clock_that_was_moved_ahead() {
    let scene = Scene::durable().await;
    scene.advance(1_000_000).await;
    scene.send_delayed("delayed", 900).await;
    let scene = scene.restarted().await;
    assert_eq!(scene.counters().await, [0, 0, 1]);
    assert_eq!(scene.receive_bodies().await, [""; 0]);
    let scene = scene.restarted().await;
    scene.advance(900).await;
    let scene = scene.restarted().await;
    assert_eq!(scene.counters().await, [1, 0, 0]);
    assert_eq!(scene.receive_bodies().await, ["delayed"]);
}

#[tokio::test]
async fn a_restart_keeps_queues_with_their_urls_and_attributes() {
    let scene = Scene::durable().await;
    let attributes = json!({
        "DelaySeconds": "1", "MaximumMessageSize": "2048", "MessageRetentionPeriod": "7200",
        "ReceiveMessageWaitTimeSeconds": "2", "VisibilityTimeout": "3", "SqsManagedSseEnabled": "false",
    });
    let url = scene.create_queue("kept", attributes.clone()).await;
    let gone = scene.create_queue("gone", json!({})).await;
    scene.call("DeleteQueue", json!({ "QueueUrl": gone })).await.ok();
    let describe = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
    let before = scene.call("GetQueueAttributes", describe.clone()).await.ok();
    for (name, value) in attributes.as_object().unwrap() {
        assert_eq!(&before["Attributes"][name], value);
    }

    let scene = scene.restarted().await;
    // The URL names the former port, which does not matter.
    assert_eq!(scene.call("GetQueueAttributes", describe).await.ok(), before);
    let found = scene.call("GetQueueUrl", json!({ "QueueName": "kept" })).await.ok();
    let path = |url: &str| url.splitn(4, '/').nth(3).map(str::to_owned);
    assert_eq!(path(found["QueueUrl"].as_str().unwrap()), path(&url));
    let again = scene.create_queue("kept", attributes).await;
    assert_eq!(path(&again), path(&url));
    let listed = scene.call("ListQueues", json!({})).await.ok();
    assert_eq!(listed["QueueUrls"].as_array().unwrap().len(), 2, "q and kept");
    assert_eq!(
        scene.call("GetQueueUrl", json!({ "QueueName": "gone" })).await.refusal(),
        "400 AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist."
    );
}

#[tokio::test]
async fn a_queue_created_again_after_a_restart_is_another_one() {
    let scene = Scene::durable().await;
    scene.send("old").await;
    let handle = scene.receive_one(60).await.handle;
    scene.on_queue("DeleteQueue", json!({})).await.ok();
    let scene = scene.restarted().await;
    scene.create_queue("q", json!({})).await;
    let scene = scene.restarted().await;
    scene.send("new").await;
    let refusal = scene.delete(&handle).await.refusal();
    assert!(refusal.starts_with(NOT_A_HANDLE), "{refusal}");
    scene.advance(120).await;
    assert_eq!(scene.receive_bodies().await, ["new"]);
}

#[tokio::test]
async fn what_is_kept_in_memory_ends_with_the_server() {
    let scene = Scene::memory().await;
    scene.send("short-lived").await;
    let scene = scene.restarted().await;
    let found = scene.call("GetQueueUrl", json!({ "QueueName": "q" })).await;
    assert_eq!(found.status, 400);
}

// Stopping.

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_while_the_server_stopped_is_there_afterwards() {
    let scene = Scene::durable().await;
    let (address, url) = (scene.address(), scene.url.clone());
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            tokio::spawn(send_until_the_end(address, url.clone(), sender, acknowledged.clone()))
        })
        .collect();
    eventually("messages are under way", async || {
        tokio::task::yield_now().await;
        acknowledged.load(Ordering::Relaxed) >= 200
    })
    .await;
    let (server, config, _directory) = scene.into_parts();
    soon("the server stops", server.stop()).await;
    let (mut sent, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for sender in senders {
        let (acknowledged, unanswered) = soon("the sender ends", sender).await.unwrap();
        sent.extend(acknowledged);
        unknown.extend(unanswered);
    }

    let server = Server::start(&config).await.unwrap();
    let received = receive_bodies(server.address(), &url).await;
    let distinct: BTreeSet<String> = received.iter().cloned().collect();
    assert_eq!(distinct.len(), received.len(), "each once");
    let lost: Vec<_> = sent.difference(&distinct).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let invented: Vec<_> =
        distinct.iter().filter(|body| !sent.contains(*body) && !unknown.contains(*body)).collect();
    assert!(invented.is_empty(), "refused and yet there: {invented:?}");
    server.stop().await;
}

/// Sends numbered messages until the server is gone: what was acknowledged, and what was not
/// answered. What was refused is in neither.
async fn send_until_the_end(
    address: SocketAddr,
    url: String,
    sender: usize,
    acknowledged: Arc<AtomicUsize>,
) -> (Vec<String>, Option<String>) {
    let mut connection = Connection::open(address).await;
    let mut bodies = Vec::new();
    for n in 0.. {
        let body = format!("{sender}-{n}");
        let input = json!({ "QueueUrl": url, "MessageBody": body }).to_string();
        let request = connection.request("AmazonSQS.SendMessage", &[], input);
        if connection.try_write(request).await.is_err() {
            return (bodies, Some(body));
        }
        match connection.try_answer().await {
            Ok(answer) if answer.status == 200 => {
                bodies.push(body);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text());
                return (bodies, None);
            }
            Err(_) => return (bodies, Some(body)),
        }
    }
    unreachable!("the server stops before the numbers end")
}

async fn receive_bodies(address: SocketAddr, url: &str) -> Vec<String> {
    let mut connection = Connection::open(address).await;
    let mut bodies = Vec::new();
    loop {
        let input = json!({
            "QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 36_000,
        });
        let output = connection.call("AmazonSQS.ReceiveMessage", &input).await.ok();
        let received = messages(&output);
        if received.is_empty() {
            return bodies;
        }
        bodies.extend(received.into_iter().map(|message| message.body));
    }
}

#[tokio::test]
async fn an_answer_under_way_when_the_server_stops_arrives() {
    let scene = Scene::durable().await;
    let mut connections = Vec::new();
    for n in 0..10 {
        let mut connection = scene.connect().await;
        connection.get("/health", &[]).await;
        let input = json!({ "QueueUrl": scene.url, "MessageBody": n.to_string() });
        connection.write(connection.request("AmazonSQS.SendMessage", &[], input.to_string())).await;
        connections.push(connection);
    }
    scene.settle().await;
    let (server, config, _directory) = scene.into_parts();
    let url = format!("http://{}/000000000000/q", server.address());
    server.stop().await;
    for mut connection in connections {
        connection.answer().await.ok();
        connection.ends().await;
    }
    let server = Server::start(&config).await.unwrap();
    assert_eq!(receive_bodies(server.address(), &url).await.len(), 10);
}

#[tokio::test]
async fn a_data_directory_is_free_again_when_its_server_has_stopped() {
    let mut scene = Scene::durable().await;
    for n in 0..5 {
        scene.send(&n.to_string()).await;
        scene = scene.restarted().await;
    }
    assert_eq!(scene.counters().await, [5, 0, 0]);
    let (server, config, _directory) = scene.into_parts();
    let sentence = match Server::start(&config).await {
        Ok(_) => panic!("two servers use one directory"),
        Err(error) => error.to_string(),
    };
    assert!(sentence.ends_with("is in use by another Formiga server"), "{sentence}");
    // The refused start did no harm.
    let mut connection = Connection::open(server.address()).await;
    let answer = connection.call("AmazonSQS.ReceiveMessage", &json!({ "QueueUrl": "q" })).await;
    assert_eq!(messages(&answer.ok()).len(), 1);
}

#[tokio::test]
async fn a_trace_header_is_short() {
    let scene = Scene::memory().await;
    let send = async |header: String| {
        let attribute = json!({ "DataType": "String", "StringValue": header });
        let attributes = json!({ "AWSTraceHeader": attribute });
        let input = json!({ "MessageBody": "x", "MessageSystemAttributes": attributes });
        scene.on_queue("SendMessage", input).await
    };
    assert_eq!(send("x".repeat(2048)).await.status, 200);
    let refusal = send("x".repeat(2049)).await.refusal();
    assert!(refusal.ends_with("must be shorter than 2048 bytes."), "{refusal}");
    let input = json!({ "QueueUrl": scene.url, "MessageBody": "from a proxy" }).to_string();
    let header = "x".repeat(2049);
    let headers = [("X-Amzn-Trace-Id", header.as_str())];
    let mut connection = scene.connect().await;
    assert_eq!(connection.post("AmazonSQS.SendMessage", &headers, input).await.status, 200);
}
