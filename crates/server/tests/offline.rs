//! `formiga check` and `formiga backup`, as an operator runs them.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use common::scene::Scene;

fn formiga(arguments: &[&str], directories: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_formiga"));
    command.args(arguments).env_remove("FORMIGA_DATA_DIR");
    for (flag, path) in directories {
        command.arg(flag).arg(path);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_running_servers_data_is_copied_checked_and_served() {
    let scene = Scene::durable().await;
    for number in 0..100 {
        scene.send(&number.to_string()).await;
    }
    let received = scene.receive_with(json!({ "VisibilityTimeout": 0 })).await.remove(0).handle;
    let (server, mut config, directory) = scene.into_parts();
    let directory = directory.unwrap();
    let copy = directory.path().join("copy");
    let copied = formiga(&["backup"], &[("--data-dir", &config.data_dir), ("--to", &copy)]);
    assert!(copied.status.success(), "{}", text(&copied.stderr));
    let in_use = formiga(&["check"], &[("--data-dir", &config.data_dir)]);
    assert!(text(&in_use.stderr).contains("is in use by another Formiga server"));
    assert_eq!(in_use.status.code(), Some(1));
    server.stop().await;

    let checked = formiga(&["check"], &[("--data-dir", &copy)]);
    let found = text(&checked.stdout);
    assert!(checked.status.success(), "{found}{}", text(&checked.stderr));
    assert!(found.contains("1 queue and 100 messages were read"), "{found}");
    let checked = formiga(&["check", "--json"], &[("--data-dir", &copy)]);
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let sound = json!({
        "sound": true, "queues": 1, "messages": 100, "leftBehind": 0, "sealed": 0, "problemCount": 0, "problems": [],
    });
    assert_eq!(found, sound);

    // The copy is a data directory, in which the handles of the original work.
    config.data_dir = copy;
    let restored = formiga_server::Server::start(&config).await.unwrap();
    let mut connection = common::http::Connection::open(restored.address()).await;
    let input = json!({ "QueueUrl": "q", "ReceiptHandle": received });
    connection.call("AmazonSQS.DeleteMessage", &input).await.ok();
    let input = json!({ "QueueUrl": "q", "AttributeNames": ["All"] });
    let attributes = connection.call("AmazonSQS.GetQueueAttributes", &input).await.ok();
    assert_eq!(attributes["Attributes"]["ApproximateNumberOfMessages"], "99");
    restored.stop().await;
}

/// FIFO order, delays, dead letters, a message move task, a purge and a deleted queue.
#[tokio::test]
async fn what_a_server_did_with_its_queues_is_sound() {
    let scene = Scene::durable().await;
    let fifo = json!({ "FifoQueue": "true", "ContentBasedDeduplication": "true" });
    let dead = scene.create_queue("dead.fifo", fifo.clone()).await;
    let dead_arn = "arn:aws:sqs:us-east-1:000000000000:dead.fifo";
    let redrive = json!({ "deadLetterTargetArn": dead_arn, "maxReceiveCount": 1 });
    let mut attributes = fifo.clone();
    attributes["RedrivePolicy"] = json!(redrive.to_string());
    let jobs = scene.create_queue("jobs.fifo", attributes).await;
    for number in 0..10 {
        for queue in [&jobs, &dead] {
            let (body, group) = (format!("{number}"), format!("{}", number % 3));
            let input = json!({ "QueueUrl": queue, "MessageBody": body, "MessageGroupId": group });
            scene.call("SendMessage", input).await.ok();
        }
    }
    // Received once, and moved at the next attempt.
    for _ in 0..2 {
        let input = json!({ "QueueUrl": jobs, "VisibilityTimeout": 0, "MaxNumberOfMessages": 4 });
        scene.call("ReceiveMessage", input).await.ok();
    }
    let jobs_arn = "arn:aws:sqs:us-east-1:000000000000:jobs.fifo";
    let input = json!({ "SourceArn": dead_arn, "DestinationArn": jobs_arn });
    scene.call("StartMessageMoveTask", input).await.ok();
    for (body, delay) in [("a", 0), ("b", 1), ("c", 900)] {
        scene.send_delayed(body, delay).await;
    }
    scene.advance(2).await;
    let handle = scene.receive_with(json!({ "VisibilityTimeout": 60 })).await.remove(0).handle;
    scene.send("d").await;
    scene.delete(&handle).await.ok();
    let other = scene.create_queue("purged", json!({})).await;
    let gone = scene.create_queue("deleted", json!({})).await;
    for queue in [&other, &gone] {
        for body in ["1", "2"] {
            let input = json!({ "QueueUrl": queue, "MessageBody": body });
            scene.call("SendMessage", input).await.ok();
        }
    }
    scene.call("PurgeQueue", json!({ "QueueUrl": other })).await.ok();
    scene.call("DeleteQueue", json!({ "QueueUrl": gone })).await.ok();
    let input = json!({ "QueueUrl": other, "MessageBody": "3" });
    scene.call("SendMessage", input).await.ok();
    let (server, config, _directory) = scene.into_parts();
    server.stop().await;
    let checked = formiga(&["check"], &[("--data-dir", &config.data_dir)]);
    let found = text(&checked.stdout);
    assert!(checked.status.success(), "{found}{}", text(&checked.stderr));
    assert!(found.contains("4 queues"), "{found}");
}

#[tokio::test]
async fn a_damaged_directory_is_told_and_ends_with_1() {
    let scene = Scene::durable().await;
    let attributes = json!({ "SqsManagedSseEnabled": "false" });
    scene.on_queue("SetQueueAttributes", json!({ "Attributes": attributes })).await.ok();
    scene.send("the body of a message").await;
    let (server, config, _directory) = scene.into_parts();
    server.stop().await;
    let database = config.data_dir.join("formiga.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let body = b"the body of a message";
    let found: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(body)).collect();
    found.iter().for_each(|&at| bytes[at] ^= 1);
    std::fs::write(&database, bytes).unwrap();
    let checked = formiga(&["check"], &[("--data-dir", &config.data_dir)]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked.stdout).contains("does not have the MD5"), "{}", text(&checked.stdout));
    assert!(text(&checked.stderr).contains("is not sound: 1 problems"));
}

#[test]
fn what_is_not_there_is_told_in_a_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let copy = directory.path().join("copy");
    for output in [
        formiga(&["check"], &[("--data-dir", &missing)]),
        formiga(&["backup"], &[("--data-dir", &missing), ("--to", &copy)]),
    ] {
        assert_eq!(output.status.code(), Some(1));
        let told = text(&output.stderr);
        assert!(told.starts_with("formiga: ") && told.contains("missing"), "{told}");
    }
    assert!(!missing.exists() && !copy.exists());
}
