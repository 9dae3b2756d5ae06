//! `/metrics`: what happened is counted exactly, and told to whom it may be.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod scene;
}

use std::collections::BTreeMap;

use serde_json::json;

use common::http::Connection;
use common::process::Process;
use common::scene::Scene;

/// The samples of a scrape: what stands before each value, and the value.
async fn scrape(connection: &mut Connection) -> BTreeMap<String, f64> {
    let answer = connection.get("/metrics", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let of = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(of));
    assert!(answer.text().ends_with("# EOF\n"), "{}", answer.text());
    let samples = answer.text().lines().filter(|line| !line.starts_with('#'));
    let samples = samples.map(|line| line.rsplit_once(' ').expect("a name and a value"));
    let read = |(name, value): (&str, &str)| (name.to_owned(), value.parse().expect("a number"));
    samples.map(read).collect()
}

fn of_queue(family: &str, queue: &str) -> String {
    format!(
        "formiga_queue_{family}{{account=\"000000000000\",region=\"us-east-1\",queue=\"{queue}\"}}"
    )
}

#[tokio::test]
async fn what_happened_in_a_queue_is_counted_exactly() {
    let scene = Scene::memory().await;
    for body in ["one", "three"] {
        scene.send(body).await;
    }
    scene.send_delayed("later", 60).await;
    let entries = json!([
        { "Id": "a", "MessageBody": "batch" },
        { "Id": "b", "MessageBody": "" },
    ]);
    scene.on_queue("SendMessageBatch", json!({ "Entries": entries })).await;
    let received = scene.receive_with(json!({ "MaxNumberOfMessages": 2 })).await;
    assert_eq!(received.len(), 2);
    for _ in 0..2 {
        scene.delete(&received[0].handle).await.ok();
    }
    scene.delete("nonsense").await;
    scene.receive_one(30).await;
    assert!(scene.receive().await.is_empty());

    let fifo = scene.create_queue("jobs.fifo", json!({ "FifoQueue": "true" })).await;
    for _ in 0..2 {
        let send = json!({
            "QueueUrl": fifo, "MessageBody": "job", "MessageGroupId": "g",
            "MessageDeduplicationId": "d",
        });
        scene.call("SendMessage", send).await.ok();
    }

    let samples = scrape(&mut scene.connect().await).await;
    let name = scene.url.rsplit('/').next().expect("a name");
    for (family, count) in [
        ("messages_sent_total", 4.0),
        ("sent_bytes_total", 18.0),
        ("messages_deduplicated_total", 0.0),
        ("messages_received_total", 3.0),
        ("empty_receives_total", 1.0),
        ("messages_deleted_total", 2.0),
    ] {
        assert_eq!(samples.get(&of_queue(family, name)), Some(&count), "{family}: {samples:#?}");
    }
    assert_eq!(samples[&of_queue("messages_sent_total", "jobs.fifo")], 1.0);
    assert_eq!(samples[&of_queue("messages_deduplicated_total", "jobs.fifo")], 1.0);
    for (state, count) in [("visible", 0.0), ("in_flight", 2.0), ("delayed", 1.0)] {
        let state = of_queue("messages", name).replace('}', &format!(",state=\"{state}\"}}"));
        assert_eq!(samples[&state], count, "{state}");
    }
    let requests = |action: &str, status: u16| {
        let labels = format!("{{api=\"sqs\",action=\"{action}\",status=\"{status}\"}}");
        samples.get(&format!("formiga_http_requests_total{labels}")).copied()
    };
    assert_eq!(requests("SendMessage", 200), Some(5.0));
    assert_eq!(requests("DeleteMessage", 200), Some(2.0));
    assert_eq!(requests("DeleteMessage", 400).or(requests("DeleteMessage", 404)), Some(1.0));
    assert_eq!(samples["formiga_queues"], 2.0);
}

#[tokio::test]
async fn an_action_that_does_not_exist_makes_no_label() {
    let scene = Scene::memory().await;
    for action in ["Nonsense", "Other\"} 1"] {
        scene.call(action, json!({})).await;
    }
    let samples = scrape(&mut scene.connect().await).await;
    assert!(samples.keys().all(|name| !name.contains("Nonsense")), "{samples:#?}");
    let others = samples.keys().filter(|name| name.contains("action=\"other\""));
    assert_eq!(others.map(|name| samples[name]).sum::<f64>(), 2.0, "{samples:#?}");
}

#[tokio::test]
async fn a_deleted_queue_is_told_no_more() {
    let scene = Scene::memory().await;
    scene.on_queue("DeleteQueue", json!({})).await.ok();
    let samples = scrape(&mut scene.connect().await).await;
    assert_eq!(samples["formiga_queues"], 0.0);
    assert!(samples.keys().all(|name| !name.contains("queue=")), "{samples:#?}");
}

#[tokio::test]
async fn where_callers_are_checked_only_this_machine_is_told() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let process =
        Process::start(directory.path(), &["--listen", "127.0.0.1:0", "--auth", "required"]);
    let mut connection = Connection::open(process.address()).await;
    let samples = scrape(&mut connection).await;
    assert_eq!(samples["formiga_queues"], 0.0);
    for name in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"] {
        let answer = connection.get("/metrics", &[(name, "192.0.2.1")]).await;
        assert_eq!(answer.status, 403, "{name}");
        assert!(!answer.text().contains("formiga_"));
    }
}
