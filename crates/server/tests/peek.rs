//! `Formiga.PeekMessages`: messages are seen as they are, and nothing happens to them.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod scene;
}

use serde_json::{Value, json};

use common::http::Connection;
use common::scene::Scene;

async fn peek_at(scene: &Scene, url: &str, mut input: Value) -> Value {
    input["QueueUrl"] = json!(url);
    let mut connection = scene.connect().await;
    let answer = peek_by(&mut connection, &input).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
    answer.1
}

async fn peek_by(connection: &mut Connection, input: &Value) -> (u16, Value) {
    let answer = connection.call("Formiga.PeekMessages", input).await;
    (answer.status, serde_json::from_str(answer.text()).expect("an answer in JSON"))
}

async fn peek(scene: &Scene, input: Value) -> Value {
    peek_at(scene, &scene.url, input).await
}

/// Bodies and states.
fn seen(answer: &Value) -> Vec<(&str, &str)> {
    let messages = answer["Messages"].as_array().expect("there are messages");
    messages.iter().map(|message| (text(&message["Body"]), text(&message["State"]))).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test]
async fn messages_are_seen_in_every_state_and_stay_as_they_are() {
    let scene = Scene::durable().await;
    for body in ["one", "two", "three"] {
        scene.send(body).await;
    }
    scene.send_delayed("later", 60).await;
    let received = scene.receive_with(json!({ "VisibilityTimeout": 30 })).await;
    assert_eq!(received[0].body, "one");
    let before = scene.counters().await;

    let all = peek(&scene, json!({})).await;
    let expected =
        [("one", "InFlight"), ("two", "Visible"), ("three", "Visible"), ("later", "Delayed")];
    assert_eq!(seen(&all), expected);
    assert_eq!((&all["Scanned"], &all["NextToken"]), (&json!(4), &Value::Null));
    let counts = all["Messages"].as_array().unwrap().iter();
    let counts: Vec<_> =
        counts.map(|it| it["Attributes"]["ApproximateReceiveCount"].clone()).collect();
    assert_eq!(counts, ["1", "0", "0", "0"]);
    assert!(all["Messages"][3]["Until"].as_u64() > all["Messages"][0]["Until"].as_u64());
    for (state, bodies) in
        [("Visible", vec!["two", "three"]), ("InFlight", vec!["one"]), ("Delayed", vec!["later"])]
    {
        let some = peek(&scene, json!({ "States": [state] })).await;
        let found: Vec<_> = seen(&some).into_iter().map(|(body, _)| body).collect();
        assert_eq!(found, bodies, "{state}");
    }

    assert_eq!(scene.counters().await, before, "looking changes nothing");
    assert_eq!(scene.receive_bodies().await, ["two", "three"], "and takes nothing away");
    scene.advance(31).await;
    assert_eq!(scene.receive_bodies().await, ["one", "two", "three"]);
    let counted = peek(&scene, json!({ "Text": "one" })).await;
    let count = &counted["Messages"][0]["Attributes"]["ApproximateReceiveCount"];
    assert_eq!(count, "2", "nor counts as a receive");
}

#[tokio::test]
async fn a_call_goes_on_where_the_one_before_ended() {
    let scene = Scene::durable().await;
    let bodies: Vec<String> = (0..25).map(|number| format!("message {number}")).collect();
    for body in &bodies {
        scene.send(body).await;
    }
    let (mut found, mut token, mut calls) = (Vec::new(), Value::Null, 0);
    loop {
        let page = peek(&scene, json!({ "MaxResults": 10, "NextToken": token })).await;
        found.extend(seen(&page).into_iter().map(|(body, _)| body.to_owned()));
        token = page["NextToken"].clone();
        calls += 1;
        if token.is_null() {
            break;
        }
    }
    assert_eq!((found, calls), (bodies, 3));
}

#[tokio::test]
async fn messages_are_found_by_text_attribute_group_and_age() {
    let scene = Scene::durable().await;
    let url = scene.create_queue("jobs.fifo", json!({ "FifoQueue": "true" })).await;
    for (number, (body, group, kind)) in
        [("red apple", "a", "fruit"), ("red car", "b", "toy"), ("green apple", "b", "fruit")]
            .into_iter()
            .enumerate()
    {
        let send = json!({
            "QueueUrl": url, "MessageBody": body, "MessageGroupId": group,
            "MessageDeduplicationId": number.to_string(),
            "MessageAttributes": { "kind": { "DataType": "String", "StringValue": kind } },
        });
        scene.call("SendMessage", send).await.ok();
        scene.advance(100).await;
    }
    let cases = [
        (json!({ "Text": "apple" }), vec!["red apple", "green apple"]),
        (json!({ "Text": "toy" }), vec!["red car"]),
        (json!({ "MessageGroupId": "b" }), vec!["red car", "green apple"]),
        (json!({ "MessageGroupId": "b", "Text": "green" }), vec!["green apple"]),
        (json!({ "AttributeName": "kind", "AttributeValue": "toy" }), vec!["red car"]),
        (json!({ "AttributeName": "kind" }), vec!["red apple", "red car", "green apple"]),
        (json!({ "AttributeName": "none" }), vec![]),
        (json!({ "MinimumAgeSeconds": 250 }), vec!["red apple"]),
        (json!({ "MaximumAgeSeconds": 150 }), vec!["green apple"]),
    ];
    for (input, bodies) in cases {
        let what = input.to_string();
        let answer = peek_at(&scene, &url, input).await;
        let found: Vec<_> = seen(&answer).into_iter().map(|(body, _)| body).collect();
        assert_eq!(found, bodies, "{what}");
    }
    // What is past its retention is stored for a while longer, and shown to nobody.
    scene.advance(4 * 24 * 3600).await;
    assert!(seen(&peek_at(&scene, &url, json!({})).await).is_empty());
}

#[tokio::test]
async fn what_cannot_be_understood_is_refused() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    for (member, value) in [
        ("MaxResults", json!(0)),
        ("MaxResults", json!(101)),
        ("NextToken", json!("nonsense")),
        ("States", json!(["Gone"])),
        ("MinimumAgeSeconds", json!(-1)),
    ] {
        let input = json!({ "QueueUrl": scene.url, member: value });
        let (status, answer) = peek_by(&mut connection, &input).await;
        assert_eq!(status, 400, "{member} {value}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(member), "{answer}");
    }
    let input = json!({ "QueueUrl": format!("{}-none", scene.url) });
    let (status, answer) = peek_by(&mut connection, &input).await;
    assert_eq!(status, 400);
    assert!(answer["__type"].as_str().unwrap().ends_with("QueueDoesNotExist"), "{answer}");
}
