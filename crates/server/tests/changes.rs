//! What changes a queue after its creation: attributes, tags, purges and deletions, also while
//! messages come and go.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use common::http::Connection;
use common::scene::Scene;

const MISSING: &str =
    "400 AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist.";

async fn both_stores() -> [Scene; 2] {
    [Scene::memory().await, Scene::durable().await]
}

async fn set(scene: &Scene, attributes: Value) {
    scene.on_queue("SetQueueAttributes", json!({ "Attributes": attributes })).await.ok();
}

#[tokio::test]
async fn attributes_count_from_the_next_request_on_and_survive_a_restart_edge_46() {
    let scene = Scene::durable().await;
    scene.send("old").await;
    let new =
        json!({ "MaximumMessageSize": "2048", "VisibilityTimeout": "69", "DelaySeconds": "420" });
    set(&scene, new.clone()).await;
    let check = async |scene: &Scene| {
        let all = scene.attributes().await;
        for (name, value) in new.as_object().unwrap() {
            assert_eq!(&all[name], value);
        }
        assert_eq!(all["MessageRetentionPeriod"], "345600", "the others are kept");
        let long = json!({ "MessageBody": "x".repeat(2049) });
        assert_eq!(scene.on_queue("SendMessage", long).await.status, 400);
    };
    check(&scene).await;
    scene.send("delayed").await;
    assert_eq!(scene.receive_bodies().await, ["old"]);
    assert_eq!(scene.counters().await, [0, 1, 1]);
    scene.advance(68).await;
    assert_eq!(scene.counters().await, [0, 1, 1]);
    scene.advance(1).await;
    assert_eq!(scene.counters().await, [1, 0, 1]);
    let scene = scene.restarted().await;
    check(&scene).await;
    assert_eq!(scene.counters().await, [1, 0, 1]);
}

#[tokio::test]
async fn a_shorter_retention_period_removes_older_messages_and_a_longer_one_brings_none_back_edge_170()
 {
    for scene in both_stores().await {
        scene.send("old").await;
        scene.advance(100).await;
        scene.send("new").await;
        set(&scene, json!({ "MessageRetentionPeriod": "60", "VisibilityTimeout": "0" })).await;
        assert_eq!(scene.receive_bodies().await, ["new"]);
        set(&scene, json!({ "MessageRetentionPeriod": "6000" })).await;
        assert_eq!(scene.receive_bodies().await, ["new"]);
    }
}

#[tokio::test]
async fn a_long_poll_goes_on_while_attributes_change() {
    for scene in both_stores().await {
        let poll = scene.poll().await;
        set(&scene, json!({ "VisibilityTimeout": "7" })).await;
        scene.send("hello").await;
        assert_eq!(poll.bodies().await, ["hello"]);
    }
}

#[tokio::test]
async fn a_purge_removes_every_state_and_keeps_what_comes_later_edges_166_167() {
    for scene in both_stores().await {
        scene.send("in flight").await;
        let in_flight = scene.receive_one(3600).await;
        scene.send("visible").await;
        scene.send_delayed("delayed", 900).await;
        assert_eq!(scene.counters().await, [1, 1, 1]);
        scene.on_queue("PurgeQueue", json!({})).await.ok();
        assert_eq!(scene.counters().await, [0, 0, 0]);
        scene.send("new").await;
        scene.delete(&in_flight.handle).await.ok();
        let changed = scene.change_visibility(&in_flight.handle, 1).await.refusal();
        assert!(changed.contains("Message does not exist"), "{changed}");
        scene.advance(3600).await;
        assert_eq!(scene.receive_bodies().await, ["new"]);
    }
}

#[tokio::test]
async fn purges_are_a_minute_apart_also_across_a_restart_edge_169() {
    let scene = Scene::durable().await;
    let purge = async |scene: &Scene| scene.on_queue("PurgeQueue", json!({})).await;
    purge(&scene).await.ok();
    let in_progress = "403 AWS.SimpleQueueService.PurgeQueueInProgress: Only one PurgeQueue operation on q is allowed \
                       every 60 seconds.";
    assert_eq!(purge(&scene).await.refusal(), in_progress);
    let scene = scene.restarted().await;
    assert_eq!(purge(&scene).await.refusal(), in_progress);
    scene.advance(61).await;
    purge(&scene).await.ok();
}

#[tokio::test]
async fn a_purged_queue_stays_empty_after_a_restart() {
    let scene = Scene::durable().await;
    for _ in 0..20 {
        scene.send("old").await;
    }
    scene.on_queue("PurgeQueue", json!({})).await.ok();
    scene.send("new").await;
    let scene = scene.restarted().await;
    assert_eq!(scene.counters().await, [1, 0, 0]);
    assert_eq!(scene.receive_bodies().await, ["new"]);
}

/// Sends numbered messages until told to stop; tells which were acknowledged, in order.
async fn send_until(scene: &Scene, stop: &AtomicBool, sender: usize) -> Vec<String> {
    let mut connection = scene.connect().await;
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let body = format!("{sender}-{}", acknowledged.len());
        let input = json!({ "QueueUrl": scene.url, "MessageBody": body });
        connection.call("AmazonSQS.SendMessage", &input).await.ok();
        acknowledged.push(body);
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_among_sends_takes_what_was_there_and_nothing_that_came_later() {
    for scene in both_stores().await {
        let scene = Arc::new(scene);
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let (scene, stop) = (scene.clone(), stop.clone());
                tokio::spawn(async move { send_until(&scene, &stop, sender).await })
            })
            .collect();
        while scene.counters().await[0] < 200 {}
        scene.send("before").await;
        scene.on_queue("PurgeQueue", json!({})).await.ok();
        scene.send("after").await;
        while scene.counters().await[0] < 200 {}
        stop.store(true, Ordering::Relaxed);
        let mut sent = Vec::new();
        for sender in senders {
            sent.push(sender.await.unwrap());
        }
        let mut received = BTreeSet::new();
        loop {
            let bodies = scene.receive_bodies().await;
            if bodies.is_empty() {
                break;
            }
            received.extend(bodies);
        }
        assert!(received.contains("after") && !received.contains("before"));
        for bodies in sent {
            // Each sender's messages are in order: the purge cuts them into gone and kept.
            let kept = bodies.iter().position(|body| received.contains(body));
            let (gone, kept) = bodies.split_at(kept.expect("some came later"));
            assert!(!gone.is_empty(), "some were there before");
            assert!(
                kept.iter().all(|body| received.contains(body)),
                "an acknowledged send is lost"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletions_among_other_requests_do_no_harm_edge_40() {
    for scene in both_stores().await {
        let scene = Arc::new(scene);
        for round in 0..40 {
            let url = scene.create_queue(&format!("q{round}"), json!({})).await;
            let call = |action: &'static str, mut input: Value| {
                let scene = scene.clone();
                input["QueueUrl"] = json!(url);
                tokio::spawn(async move { scene.call(action, input).await })
            };
            let calls = [
                call("SendMessage", json!({ "MessageBody": "1" })),
                call("SetQueueAttributes", json!({ "Attributes": { "DelaySeconds": "1" } })),
                call("ReceiveMessage", json!({ "WaitTimeSeconds": 20 })),
                call("DeleteQueue", json!({})),
                call("SendMessage", json!({ "MessageBody": "2" })),
                call("PurgeQueue", json!({})),
                call("TagQueue", json!({ "Tags": { "a": "b" } })),
            ];
            for call in calls {
                let answer = call.await.unwrap();
                assert!(answer.status == 200 || answer.refusal() == MISSING, "{answer:?}");
            }
            let gone = scene.call("DeleteQueue", json!({ "QueueUrl": url })).await.refusal();
            assert_eq!(gone, MISSING);
        }
        let health = Connection::open(scene.address()).await.get("/health", &[]).await;
        assert_eq!(health.status, 200, "{}", health.text());
        scene.send("still here").await;
        assert_eq!(scene.receive_bodies().await, ["still here"]);
    }
}

#[tokio::test]
async fn tags_are_set_replaced_removed_and_kept_edges_24_237_238_239() {
    let scene = Scene::durable().await;
    let created = json!({ "QueueName": "tagged", "tags": { "a": "1" } });
    let url = scene.call("CreateQueue", created).await.ok()["QueueUrl"].clone();
    let list = async |scene: &Scene, url: &Value| {
        scene.call("ListQueueTags", json!({ "QueueUrl": url })).await.ok()
    };
    assert_eq!(list(&scene, &url).await, json!({ "Tags": { "a": "1" } }));
    scene
        .on_queue("TagQueue", json!({ "Tags": { "tag1": "1", "tag2": "", "Tag2": "x" } }))
        .await
        .ok();
    scene.on_queue("TagQueue", json!({ "Tags": { "tag2": "2" } })).await.ok();
    scene.on_queue("UntagQueue", json!({ "TagKeys": ["tag1", "tag3"] })).await.ok();
    let own = json!(scene.url);
    let expected = json!({ "Tags": { "Tag2": "x", "tag2": "2" } });
    assert_eq!(list(&scene, &own).await, expected);
    let scene = scene.restarted().await;
    let own = json!(format!("http://{}/000000000000/q", scene.address()));
    assert_eq!(list(&scene, &own).await, expected);
    let other = scene.create_queue("untagged", json!({})).await;
    assert_eq!(list(&scene, &json!(other)).await, json!({}));
}

#[tokio::test]
async fn a_full_disk_refuses_sends_and_nothing_else() {
    let scene = Scene::durable().await;
    scene.send("before").await;
    let (server, mut config, _directory) = scene.into_parts();
    server.stop().await;
    config.disk_reserve_mib = 1 << 40;
    let server = formiga_server::Server::start(&config).await.unwrap();
    let mut connection = Connection::open(server.address()).await;
    let mut call = async |action: &str, input: Value| {
        connection.call(&format!("AmazonSQS.{action}"), &input).await
    };
    let refusal = call("SendMessage", json!({ "QueueUrl": "q", "MessageBody": "x" })).await;
    assert_eq!(refusal.status, 503);
    assert!(refusal.text().contains("less than the reserve"), "{}", refusal.text());
    let entries = json!([{ "Id": "a", "MessageBody": "x" }]);
    let batch = call("SendMessageBatch", json!({ "QueueUrl": "q", "Entries": entries })).await;
    assert_eq!(batch.status, 503);
    let received = call("ReceiveMessage", json!({ "QueueUrl": "q" })).await.ok();
    let handle = &received["Messages"][0]["ReceiptHandle"];
    call("DeleteMessage", json!({ "QueueUrl": "q", "ReceiptHandle": handle })).await.ok();
    call("CreateQueue", json!({ "QueueName": "other" })).await.ok();
}
