//! How often accounts and queues may be asked, where that is limited.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use formiga_server::config::StoreKind;
use serde_json::{Value, json};

use common::http::{Answer, eventually};
use common::scene::Scene;

const THROTTLED: &str = "403 RequestThrottled: The request was denied due to request throttling.";

/// Calls as `account`, which nobody checks here.
async fn call_as(scene: &Scene, account: &str, target: &str, input: &Value) -> Answer {
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={account}/20260101/us-east-1/sqs/aws4_request, \
         SignedHeaders=host, Signature=0"
    );
    let headers = [("Authorization", credential.as_str())];
    scene.connect().await.post(target, &headers, input.to_string()).await
}

#[tokio::test]
async fn an_account_that_asks_too_often_is_throttled_and_others_are_not() {
    let scene = Scene::configured(|config| {
        config.store = StoreKind::Memory;
        (config.account_rate, config.account_burst) = (1, 5);
    })
    .await;
    let list =
        async |account: &str| call_as(&scene, account, "AmazonSQS.ListQueues", &json!({})).await;
    eventually("the account is throttled", async || {
        let answer = list("111111111111").await;
        answer.status != 200 && answer.refusal() == THROTTLED
    })
    .await;
    list("222222222222").await.ok();
    let hour = json!({ "Seconds": 3600 });
    call_as(&scene, "222222222222", "Formiga.AdvanceClock", &hour).await.ok();
    list("111111111111").await.ok();
}

#[tokio::test]
async fn a_queue_that_is_asked_too_often_is_throttled_in_both_protocols_and_others_are_not() {
    let scene = Scene::configured(|config| {
        config.store = StoreKind::Memory;
        (config.queue_rate, config.queue_burst) = (1, 2);
    })
    .await;
    let other = scene.create_queue("other", json!({})).await;
    eventually("the queue is throttled", async || {
        let answer = scene.on_queue("SendMessage", json!({ "MessageBody": "hello" })).await;
        answer.status != 200 && answer.refusal() == THROTTLED
    })
    .await;
    eventually("the queue is throttled for the Query protocol", async || {
        let form = format!("Action=SendMessage&MessageBody=hello&QueueUrl={}", scene.url);
        let mut connection = scene.connect().await;
        let length = form.len().to_string();
        let headers = [
            ("Host", "localhost"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", length.as_str()),
        ];
        connection.write(common::http::head("POST", "/", &headers) + &form).await;
        let answer = connection.answer().await;
        answer.status == 403 && answer.text().contains("<Code>RequestThrottled</Code>")
    })
    .await;
    let input = json!({ "QueueUrl": other, "MessageBody": "hello" });
    scene.call("SendMessage", input).await.ok();
}
