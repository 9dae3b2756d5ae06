//! The official Rust SDK, unmodified, against a running server.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
    pub(crate) mod sdk;
}

use std::collections::{BTreeSet, HashMap};

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::create_queue::CreateQueueError;
use aws_sdk_sqs::operation::delete_message::DeleteMessageError;
use aws_sdk_sqs::operation::get_queue_attributes::GetQueueAttributesError;
use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, ChangeMessageVisibilityBatchResultEntry,
    DeleteMessageBatchRequestEntry, DeleteMessageBatchResultEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    QueueAttributeName, SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};
use md5::{Digest, Md5};

use common::http::soon;
use common::scene::Scene;
use common::sdk::Sdk;

async fn both_stores() -> [Scene; 2] {
    [Scene::memory().await, Scene::durable().await]
}

fn hex_md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attribute(data_type: &str, text: &str) -> MessageAttributeValue {
    let value = MessageAttributeValue::builder().data_type(data_type).string_value(text);
    value.build().expect("a value has a type")
}

fn binary(data_type: &str, bytes: &[u8]) -> MessageAttributeValue {
    let value =
        MessageAttributeValue::builder().data_type(data_type).binary_value(Blob::new(bytes));
    value.build().expect("a value has a type")
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
    entry.build().expect("an entry has an id and a body")
}

fn deletion(id: &str, handle: &str) -> DeleteMessageBatchRequestEntry {
    let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle);
    entry.build().expect("an entry has an id and a handle")
}

fn change(id: &str, handle: &str, timeout: i32) -> ChangeMessageVisibilityBatchRequestEntry {
    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
    entry.visibility_timeout(timeout).build().expect("an entry has an id and a handle")
}

fn bodies(output: &ReceiveMessageOutput) -> Vec<&str> {
    output.messages().iter().map(|message| message.body().expect("messages have a body")).collect()
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("received messages have a handle")
}

// Queues.

#[tokio::test]
async fn a_queue_is_created_found_described_and_deleted_edges_1_2_8_29() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let created = sdk.create_queue().queue_name("orders").send().await.unwrap();
        let url = created.queue_url().unwrap();
        assert_eq!(url, format!("http://{}/000000000000/orders", scene.address()));

        sdk.send_message().queue_url(url).message_body("kept").send().await.unwrap();
        let again = sdk.create_queue().queue_name("orders").send().await.unwrap();
        assert_eq!(again.queue_url(), Some(url));
        let found = sdk.get_queue_url().queue_name("orders").send().await.unwrap();
        assert_eq!(found.queue_url(), Some(url));
        let received = sdk.receive_message().queue_url(url).send().await.unwrap();
        assert_eq!(bodies(&received), ["kept"]);

        sdk.delete_queue().queue_url(url).send().await.unwrap();
        let gone = sdk.get_queue_url().queue_name("orders").send().await.unwrap_err();
        let gone = gone.into_service_error();
        assert!(matches!(gone, GetQueueUrlError::QueueDoesNotExist(_)), "{gone:?}");
        assert_eq!(gone.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
        assert_eq!(gone.message(), Some("The specified queue does not exist."));
    }
}

#[tokio::test]
async fn a_new_queue_has_these_attributes_edges_42_43_44() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    let describe = || sdk.get_queue_attributes().queue_url(&scene.url);

    let all = describe().attribute_names(QueueAttributeName::All).send().await.unwrap();
    let all = all.attributes().unwrap();
    let number = |name| all[&name].parse::<u64>().unwrap();
    for (name, value) in [
        (QueueAttributeName::ApproximateNumberOfMessages, "0"),
        (QueueAttributeName::ApproximateNumberOfMessagesDelayed, "0"),
        (QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "0"),
        (QueueAttributeName::DelaySeconds, "0"),
        (QueueAttributeName::MaximumMessageSize, "1048576"),
        (QueueAttributeName::MessageRetentionPeriod, "345600"),
        (QueueAttributeName::QueueArn, "arn:aws:sqs:us-east-1:000000000000:q"),
        (QueueAttributeName::ReceiveMessageWaitTimeSeconds, "0"),
        (QueueAttributeName::SqsManagedSseEnabled, "true"),
        (QueueAttributeName::VisibilityTimeout, "30"),
    ] {
        assert_eq!(all[&name], value, "{name}");
    }
    let created = number(QueueAttributeName::CreatedTimestamp);
    assert!((1_500_000_000..100_000_000_000).contains(&created), "{created} is in seconds");
    assert_eq!(number(QueueAttributeName::LastModifiedTimestamp), created);
    assert_eq!(all.len(), 12);

    let some = [
        QueueAttributeName::QueueArn,
        QueueAttributeName::CreatedTimestamp,
        QueueAttributeName::VisibilityTimeout,
    ];
    let described = describe().set_attribute_names(Some(some.to_vec())).send().await.unwrap();
    let names: BTreeSet<_> = described.attributes().unwrap().keys().cloned().collect();
    assert_eq!(names, BTreeSet::from(some));

    assert_eq!(describe().send().await.unwrap().attributes(), None);
    let unset = describe().attribute_names(QueueAttributeName::Policy).send().await.unwrap();
    assert_eq!(unset.attributes(), None);
}

#[tokio::test]
async fn a_queue_is_created_again_only_with_equal_attributes_edges_3_4_5() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    let create = |attributes: &[(QueueAttributeName, &str)]| {
        let to_owned = |(name, value): &(QueueAttributeName, &str)| (name.clone(), (*value).into());
        let attributes: HashMap<_, String> = attributes.iter().map(to_owned).collect();
        sdk.create_queue().queue_name("again").set_attributes(Some(attributes)).send()
    };
    let (wait, delay) =
        (QueueAttributeName::ReceiveMessageWaitTimeSeconds, QueueAttributeName::DelaySeconds);
    let created = create(&[(wait.clone(), "1"), (delay.clone(), "1")]).await.unwrap();
    let url = created.queue_url();

    assert_eq!(create(&[]).await.unwrap().queue_url(), url);
    assert_eq!(create(&[(delay.clone(), "1")]).await.unwrap().queue_url(), url);
    let refused = create(&[(wait.clone(), "1"), (delay.clone(), "2")]).await.unwrap_err();
    let refused = refused.into_service_error();
    assert!(matches!(refused, CreateQueueError::QueueNameExists(_)), "{refused:?}");
    assert_eq!(refused.code(), Some("QueueAlreadyExists"));
    assert_eq!(
        refused.message(),
        Some(
            "A queue already exists with the same name and a different value for attribute DelaySeconds"
        )
    );

    let described = sdk.get_queue_attributes().queue_url(url.unwrap());
    let described = described.attribute_names(QueueAttributeName::All).send().await.unwrap();
    let attributes = described.attributes().unwrap();
    assert_eq!((&*attributes[&wait], &*attributes[&delay]), ("1", "1"));
}

#[tokio::test]
async fn list_queues_takes_a_prefix_edges_33_34() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    for name in ["a-1", "b-1", "a-2", "A-3"] {
        sdk.create_queue().queue_name(name).send().await.unwrap();
    }
    let list = |prefix: &str| sdk.list_queues().queue_name_prefix(prefix).send();
    let url = |name: &str| format!("http://{}/000000000000/{name}", scene.address());
    assert_eq!(list("a-").await.unwrap().queue_urls(), [url("a-1"), url("a-2")]);
    assert_eq!(list("a-2").await.unwrap().queue_urls(), [url("a-2")]);
    let none = list("nonexisting-").await.unwrap();
    assert_eq!(none.queue_urls, None);
    assert_eq!(none.next_token(), None);
    let all = sdk.list_queues().send().await.unwrap();
    assert_eq!(all.queue_urls().len(), 5, "the scene has a queue of its own");
}

#[tokio::test]
async fn list_queues_is_paged_when_asked_edges_35_36() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    for number in 0..1000 {
        scene.create_queue(&format!("many-{number:04}"), serde_json::json!({})).await;
    }
    let unpaged = sdk.list_queues().send().await.unwrap();
    assert_eq!(unpaged.queue_urls().len(), 1000, "of the 1,001 that exist");
    assert_eq!(unpaged.next_token(), None);

    let mut listed = Vec::new();
    let mut pages =
        sdk.list_queues().queue_name_prefix("many-").max_results(300).into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        sizes.push(page.queue_urls().len());
        listed.extend(page.queue_urls().to_vec());
    }
    assert_eq!(sizes, [300, 300, 300, 100]);
    let distinct: BTreeSet<_> = listed.iter().collect();
    assert_eq!(distinct.len(), 1000);
    assert!(listed.iter().all(|url| url.contains("/many-")));

    let exact =
        sdk.list_queues().queue_name_prefix("many-").max_results(1000).send().await.unwrap();
    assert_eq!((exact.queue_urls().len(), exact.next_token()), (1000, None));

    for max_results in [0, 1001] {
        let refused = sdk.list_queues().max_results(max_results).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidParameterValue"));
    }
    let first = sdk.list_queues().queue_name_prefix("many-").max_results(1).send().await.unwrap();
    let token = first.next_token().unwrap();
    for (prefix, token) in [("other-", token), ("many-", "garbage")] {
        let list = sdk.list_queues().queue_name_prefix(prefix).max_results(1).next_token(token);
        assert_eq!(list.send().await.unwrap_err().code(), Some("InvalidParameterValue"));
    }
}

#[tokio::test]
async fn accounts_and_regions_have_queues_of_their_own_edge_37() {
    let scene = Scene::durable().await;
    let callers = [
        ("111111111111", "us-east-1"),
        ("111111111111", "eu-west-1"),
        ("222222222222", "us-east-1"),
        ("AKIAIOSFODNN7EXAMPLE", "us-east-1"),
    ];
    let sdks = callers.map(|(account, region)| Sdk::with(&scene, account, region));
    for (sdk, (account, region)) in sdks.iter().zip(callers) {
        let created = sdk.create_queue().queue_name("same").send().await.unwrap();
        let url = created.queue_url().unwrap();
        let account = if account.len() == 12 { account } else { "000000000000" };
        assert_eq!(url, format!("http://{}/{account}/same", scene.address()));
        let arn = sdk.get_queue_attributes().queue_url(url);
        let arn = arn.attribute_names(QueueAttributeName::QueueArn).send().await.unwrap();
        let expected = format!("arn:aws:sqs:{region}:{account}:same");
        assert_eq!(arn.attributes().unwrap()[&QueueAttributeName::QueueArn], expected);
        let body = format!("{account} {region}");
        sdk.send_message().queue_url(url).message_body(body).send().await.unwrap();
    }
    for (sdk, (account, region)) in sdks.iter().zip(callers) {
        let found = sdk.get_queue_url().queue_name("same").send().await.unwrap();
        let url = found.queue_url().unwrap();
        let receive = sdk.receive_message().queue_url(url).max_number_of_messages(10);
        let received = receive.message_system_attribute_names(MessageSystemAttributeName::SenderId);
        let received = received.send().await.unwrap();
        let account = if account.len() == 12 { account } else { "000000000000" };
        assert_eq!(bodies(&received), [format!("{account} {region}")]);
        let listed = sdk.list_queues().queue_name_prefix("same").send().await.unwrap();
        assert_eq!(listed.queue_urls(), [url]);
    }
    let abroad = sdks[0].get_queue_url().queue_name("same");
    let abroad = abroad.queue_owner_aws_account_id("222222222222").send().await.unwrap();
    assert!(abroad.queue_url().unwrap().ends_with("/222222222222/same"));
}

// Messages.

#[tokio::test]
async fn a_message_is_sent_received_and_deleted_edge_70() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let send = sdk.send_message().queue_url(&scene.url).message_body("message");
        let sent = send.send().await.unwrap();
        assert_eq!(sent.md5_of_message_body(), Some("78e731027d8fd50ed642340b7c9a63b3"));
        assert_eq!(sent.md5_of_message_attributes(), None);
        assert_eq!(sent.md5_of_message_system_attributes(), None);
        assert_eq!(sent.sequence_number(), None);
        let id = sent.message_id().unwrap();
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{id} is a UUID");

        let received = sdk.receive_message().queue_url(&scene.url).send().await.unwrap();
        let [message] = received.messages() else { panic!("one message: {received:?}") };
        assert_eq!(message.message_id(), Some(id));
        assert_eq!(message.body(), Some("message"));
        assert_eq!(message.md5_of_body(), Some("78e731027d8fd50ed642340b7c9a63b3"));
        assert_eq!(message.attributes(), None);
        assert_eq!(message.message_attributes(), None);

        let delete = sdk.delete_message().queue_url(&scene.url).receipt_handle(handle(message));
        delete.send().await.unwrap();
        assert_eq!(scene.counters().await, [0, 0, 0]);
    }
}

#[tokio::test]
async fn bodies_come_back_as_they_were_sent_edges_76_78_260() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        for body in [
            "{\r\n\"machineID\" : \"...\"}",
            "{\"foo\": \"ba\rr\", \"foo2\": \"ba&quot;r&quot;\"}",
            "\t\n\r \u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}",
            "  blanks around  ",
            "<xml attribute=\"&amp;\"/> \\ \u{7f}\u{80}\u{9f} \u{2028}",
        ] {
            let send = sdk.send_message().queue_url(&scene.url).message_body(body);
            let sent = send.send().await.unwrap();
            assert_eq!(sent.md5_of_message_body(), Some(&*hex_md5(body)));
            let received = sdk.receive_message().queue_url(&scene.url).send().await.unwrap();
            assert_eq!(bodies(&received), [body]);
            assert_eq!(received.messages()[0].md5_of_body(), Some(&*hex_md5(body)));
        }
    }
}

#[tokio::test]
async fn message_attributes_come_back_with_their_digest_edges_81_85_134_264() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let send = sdk.send_message().queue_url(&scene.url).message_body("attributes");
        let sent = send
            .message_attributes("color", attribute("String", "blue"))
            .message_attributes("count", attribute("Number", "3"))
            .message_attributes("blob", binary("Binary", &[1, 2, 3]));
        let sent = sent.send().await.unwrap();
        let digest = Some("d838729972a4b70e2d2acd9d59ac847c");
        assert_eq!(sent.md5_of_message_attributes(), digest);

        let receive = || sdk.receive_message().queue_url(&scene.url).visibility_timeout(0);
        let all = receive().message_attribute_names("All").send().await.unwrap();
        let message = &all.messages()[0];
        assert_eq!(message.md5_of_message_attributes(), digest);
        let attributes = message.message_attributes().unwrap();
        assert_eq!(attributes.len(), 3);
        assert_eq!(attributes["color"], attribute("String", "blue"));
        assert_eq!(attributes["count"], attribute("Number", "3"));
        assert_eq!(attributes["blob"], binary("Binary", &[1, 2, 3]));

        let one = receive().message_attribute_names("col.*").send().await.unwrap();
        let message = &one.messages()[0];
        assert_eq!(message.md5_of_message_attributes(), Some("da1b33cc3cbfe8b1630921e78e6b9880"));
        assert_eq!(message.message_attributes().unwrap().len(), 1);

        for none in [receive(), receive().message_attribute_names("unknown")] {
            let none = none.send().await.unwrap();
            assert_eq!(none.messages()[0].message_attributes(), None);
            assert_eq!(none.messages()[0].md5_of_message_attributes(), None);
        }
    }
}

#[tokio::test]
async fn the_digest_of_attributes_covers_labels_and_values_as_sent_edges_81_85() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    for (attributes, digest) in [
        (vec![("k", attribute("String", "x"))], "a45daa70926828a2f0a1db3418e6feb4"),
        (
            vec![("timestamp", attribute("Number", "1493147359900"))],
            "235c5c510d26fb653d073faed50ae77c",
        ),
        (
            vec![
                ("Hello", attribute("String", "There")),
                ("General", attribute("String", "Kenobi")),
                ("Help.Me", attribute("String", "Me")),
            ],
            "4c360f3fdafd970e05fae2f149d997f5",
        ),
        (
            vec![("UserId", attribute("Number.bigint", "1234567890123456789012"))],
            "797ab158d73dcb5242dedc4412c8e855",
        ),
    ] {
        let attributes: HashMap<String, _> =
            attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let send = sdk.send_message().queue_url(&scene.url).message_body("body");
        let sent = send.set_message_attributes(Some(attributes.clone())).send().await.unwrap();
        assert_eq!(sent.md5_of_message_attributes(), Some(digest));
        let receive = sdk.receive_message().queue_url(&scene.url).message_attribute_names(".*");
        let received = receive.send().await.unwrap();
        assert_eq!(received.messages()[0].md5_of_message_attributes(), Some(digest));
        assert_eq!(received.messages()[0].message_attributes(), Some(&attributes));
    }
}

#[tokio::test]
async fn system_attributes_tell_about_the_message_edges_129_130_132_133() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        sdk.send_message().queue_url(&scene.url).message_body("body").send().await.unwrap();
        let receive = || sdk.receive_message().queue_url(&scene.url).visibility_timeout(0);
        let all = || receive().message_system_attribute_names(MessageSystemAttributeName::All);

        let first = all().send().await.unwrap();
        let first = first.messages()[0].attributes().unwrap().clone();
        assert_eq!(first[&MessageSystemAttributeName::SenderId], "000000000000");
        assert_eq!(first[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
        let millis =
            |name| first[&name].parse::<u64>().unwrap_or_else(|_| panic!("{name} is a number"));
        let sent_at = millis(MessageSystemAttributeName::SentTimestamp);
        assert!(sent_at > 1_500_000_000_000, "{sent_at} is in milliseconds");
        assert!(millis(MessageSystemAttributeName::ApproximateFirstReceiveTimestamp) >= sent_at);
        assert_eq!(first.len(), 4);

        let second = all().send().await.unwrap();
        let mut expected = first.clone();
        expected.insert(MessageSystemAttributeName::ApproximateReceiveCount, "2".to_owned());
        assert_eq!(second.messages()[0].attributes(), Some(&expected));

        let some = receive()
            .message_system_attribute_names(MessageSystemAttributeName::SenderId)
            .message_system_attribute_names(MessageSystemAttributeName::SequenceNumber);
        let some = some.send().await.unwrap();
        let some = some.messages()[0].attributes().unwrap();
        assert_eq!(some.keys().collect::<Vec<_>>(), [&MessageSystemAttributeName::SenderId]);
    }
}

#[tokio::test]
#[expect(deprecated, reason = "older SDKs send the deprecated list")]
async fn the_deprecated_list_of_system_attributes_counts_too() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    sdk.send_message().queue_url(&scene.url).message_body("body").send().await.unwrap();
    let receive = sdk.receive_message().queue_url(&scene.url);
    let received = receive.attribute_names(QueueAttributeName::All).send().await.unwrap();
    assert_eq!(received.messages()[0].attributes().unwrap().len(), 4);
}

#[tokio::test]
async fn a_trace_header_travels_with_the_message_edge_131() {
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(header);
        let send = sdk
            .send_message()
            .queue_url(&scene.url)
            .message_body("traced")
            .message_attributes("color", attribute("String", "blue"))
            .message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                value.build().unwrap(),
            );
        let sent = send.send().await.unwrap();
        let digest = Some("5ae4d5d7636402d80f4eb6d213245a88");
        assert_eq!(sent.md5_of_message_system_attributes(), digest);
        assert_eq!(sent.md5_of_message_attributes(), Some("da1b33cc3cbfe8b1630921e78e6b9880"));

        let receive = sdk.receive_message().queue_url(&scene.url).message_attribute_names("All");
        let all = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = all.send().await.unwrap();
        let message = &received.messages()[0];
        let attributes = message.attributes().unwrap();
        assert_eq!(attributes[&MessageSystemAttributeName::AwsTraceHeader], header);
        assert_eq!(message.message_attributes().unwrap().len(), 1);
        assert!(message.md5_of_message_attributes().is_some());
    }
}

#[tokio::test]
async fn changed_visibility_returns_a_message_at_once_or_later_edge_151() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        sdk.send_message().queue_url(&scene.url).message_body("body").send().await.unwrap();
        let receive = || sdk.receive_message().queue_url(&scene.url).send();
        let received = receive().await.unwrap();
        let change = |timeout| {
            let change = sdk.change_message_visibility().queue_url(&scene.url);
            change
                .receipt_handle(handle(&received.messages()[0]))
                .visibility_timeout(timeout)
                .send()
        };
        change(3600).await.unwrap();
        scene.advance(1800).await;
        assert_eq!(bodies(&receive().await.unwrap()), [""; 0]);
        change(0).await.unwrap();
        assert_eq!(bodies(&receive().await.unwrap()), ["body"]);
    }
}

// Batches.

#[tokio::test]
async fn a_batch_of_ten_is_sent_received_and_deleted_edges_99_100() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let numbers = 0..10;
        let entries = numbers.clone().map(|n| entry(&format!("id-{n}"), &format!("message {n}")));
        let send = sdk.send_message_batch().queue_url(&scene.url);
        let sent = send.set_entries(Some(entries.collect())).send().await.unwrap();
        assert!(sent.failed().is_empty());
        for (n, result) in sent.successful().iter().enumerate() {
            assert_eq!(result.id(), format!("id-{n}"));
            assert_eq!(result.md5_of_message_body(), hex_md5(&format!("message {n}")));
        }
        let sent: Vec<_> =
            sent.successful().iter().map(SendMessageBatchResultEntry::message_id).collect();

        let receive = || sdk.receive_message().queue_url(&scene.url).max_number_of_messages(10);
        let received = receive().send().await.unwrap();
        let expected: Vec<_> = numbers.map(|n| format!("message {n}")).collect();
        assert_eq!(bodies(&received), expected);
        let ids: Vec<_> = received.messages().iter().map(|m| m.message_id().unwrap()).collect();
        assert_eq!(ids, sent);

        let entries = received.messages().iter().enumerate();
        let entries = entries.map(|(n, message)| deletion(&n.to_string(), handle(message)));
        let delete = sdk.delete_message_batch().queue_url(&scene.url);
        let deleted = delete.set_entries(Some(entries.collect())).send().await.unwrap();
        assert_eq!(deleted.successful().len(), 10);
        assert!(deleted.failed().is_empty());
        assert_eq!(scene.counters().await, [0, 0, 0]);
    }
}

#[tokio::test]
async fn a_refused_entry_does_not_hold_up_the_others_edges_102_103_113() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let late = SendMessageBatchRequestEntry::builder().id("late").message_body("late");
        let send = sdk.send_message_batch().queue_url(&scene.url);
        let sent = send
            .entries(entry("good", "good"))
            .entries(entry("bad", "\u{1}"))
            .entries(late.delay_seconds(1800).build().unwrap())
            .entries(entry("also-good", "also good"));
        let sent = sent.send().await.unwrap();
        let ids: Vec<_> = sent.successful().iter().map(SendMessageBatchResultEntry::id).collect();
        assert_eq!(ids, ["good", "also-good"]);
        let [bad, late] = sent.failed() else { panic!("two fail: {sent:?}") };
        assert_eq!((bad.id(), bad.code()), ("bad", "InvalidMessageContents"));
        assert!(bad.sender_fault());
        assert_eq!((late.id(), late.code()), ("late", "InvalidParameterValue"));
        assert_eq!(
            late.message(),
            Some(
                "Value 1800 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
            )
        );
        assert!(late.sender_fault());
        let receive = sdk.receive_message().queue_url(&scene.url).max_number_of_messages(10);
        assert_eq!(bodies(&receive.send().await.unwrap()), ["good", "also good"]);
    }
}

#[tokio::test]
async fn a_bad_handle_does_not_hold_up_the_others_edges_111_112() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        sdk.send_message().queue_url(&scene.url).message_body("body").send().await.unwrap();
        let receive = || sdk.receive_message().queue_url(&scene.url).send();
        let received = receive().await.unwrap();
        let good = handle(&received.messages()[0]);

        let changed = sdk.change_message_visibility_batch().queue_url(&scene.url);
        let changed = changed.entries(change("x", good, 0)).entries(change("y", "garbage", 0));
        let changed = changed.send().await.unwrap();
        let ids: Vec<_> =
            changed.successful().iter().map(ChangeMessageVisibilityBatchResultEntry::id).collect();
        assert_eq!(ids, ["x"]);
        let [failed] = changed.failed() else { panic!("one fails: {changed:?}") };
        assert_eq!((failed.id(), failed.code()), ("y", "ReceiptHandleIsInvalid"));
        assert!(failed.sender_fault());
        assert_eq!(bodies(&receive().await.unwrap()), ["body"]);

        let deleted = sdk.delete_message_batch().queue_url(&scene.url);
        let deleted = deleted.entries(deletion("x", good)).entries(deletion("y", "garbage"));
        let deleted = deleted.send().await.unwrap();
        let ids: Vec<_> =
            deleted.successful().iter().map(DeleteMessageBatchResultEntry::id).collect();
        assert_eq!(ids, ["x"]);
        let [failed] = deleted.failed() else { panic!("one fails: {deleted:?}") };
        assert_eq!((failed.id(), failed.code()), ("y", "ReceiptHandleIsInvalid"));
        assert!(failed.sender_fault());
        assert_eq!(scene.counters().await, [0, 0, 0]);
    }
}

// Errors.

#[tokio::test]
async fn errors_arrive_as_the_sdks_own_variants_edges_31_45_86_145() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);

    let missing = format!("http://{}/000000000000/missing", scene.address());
    let error = sdk.send_message().queue_url(&missing).message_body("x").send().await;
    let error = error.unwrap_err().into_service_error();
    assert!(matches!(error, SendMessageError::QueueDoesNotExist(_)), "{error:?}");

    let send = || sdk.send_message().queue_url(&scene.url);
    let error = send().message_body("\u{b}").send().await.unwrap_err().into_service_error();
    assert!(matches!(error, SendMessageError::InvalidMessageContents(_)), "{error:?}");

    let list = MessageAttributeValue::builder().data_type("String").string_list_values("a");
    let send = send().message_body("x").message_attributes("list", list.build().unwrap());
    let error = send.send().await.unwrap_err().into_service_error();
    assert!(matches!(error, SendMessageError::UnsupportedOperation(_)), "{error:?}");

    let describe = sdk.get_queue_attributes().queue_url(&scene.url);
    let error = describe.attribute_names("Foobar".into()).send().await;
    let error = error.unwrap_err().into_service_error();
    assert!(matches!(error, GetQueueAttributesError::InvalidAttributeName(_)), "{error:?}");
    assert_eq!(error.message(), Some("Unknown Attribute Foobar."));

    let create = sdk.create_queue().queue_name("new");
    let create = create.attributes(QueueAttributeName::VisibilityTimeout, "99999");
    let error = create.send().await.unwrap_err().into_service_error();
    assert!(matches!(error, CreateQueueError::InvalidAttributeValue(_)), "{error:?}");

    let delete = sdk.delete_message().queue_url(&scene.url).receipt_handle("garbage");
    let error = delete.send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
    let error = error.into_service_error();
    assert!(matches!(error, DeleteMessageError::ReceiptHandleIsInvalid(_)), "{error:?}");
    assert_eq!(
        error.message(),
        Some("The input receipt handle \"garbage\" is not a valid receipt handle.")
    );
}

#[tokio::test]
async fn batch_errors_arrive_as_the_sdks_own_variants_edges_104_105_106() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    let send = async |entries: Vec<SendMessageBatchRequestEntry>| {
        let send = sdk.send_message_batch().queue_url(&scene.url).set_entries(Some(entries));
        send.send().await.unwrap_err().into_service_error()
    };
    use SendMessageBatchError as Refused;

    let error = send(vec![]).await;
    assert!(matches!(error, Refused::EmptyBatchRequest(_)), "{error:?}");
    let error = send((0..11).map(|n| entry(&n.to_string(), "x")).collect()).await;
    assert!(matches!(error, Refused::TooManyEntriesInBatchRequest(_)), "{error:?}");
    let error = send(vec![entry("a", "x"), entry("a", "y")]).await;
    assert!(matches!(error, Refused::BatchEntryIdsNotDistinct(_)), "{error:?}");
    for id in ["message:x", "bad id", "", &"x".repeat(81)] {
        let error = send(vec![entry(id, "x")]).await;
        assert!(matches!(error, Refused::InvalidBatchEntryId(_)), "{error:?}");
    }
    let half = "x".repeat(524_288);
    let error = send(vec![entry("a", &half), entry("b", &half), entry("c", "x")]).await;
    assert!(matches!(error, Refused::BatchRequestTooLong(_)), "{error:?}");
    assert_eq!(
        error.message(),
        Some("Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")
    );
    assert_eq!(scene.counters().await, [0, 0, 0], "nothing was sent");
}

// Long polls.

#[tokio::test]
async fn a_long_poll_ends_empty_when_its_wait_time_is_over_edge_119() {
    let scene = Scene::memory().await;
    let sdk = Sdk::of(&scene);
    let started = std::time::Instant::now();
    let receive = sdk.receive_message().queue_url(&scene.url).wait_time_seconds(1);
    assert_eq!(receive.send().await.unwrap().messages, None);
    assert!(started.elapsed().as_millis() >= 1000, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_send_wakes_a_long_poll_edge_124() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let poll = sdk.poll(&scene, sdk.receive_message().queue_url(&scene.url)).await;
        assert!(!poll.is_finished());
        sdk.send_message().queue_url(&scene.url).message_body("news").send().await.unwrap();
        let received = soon("the poll ends", poll).await.unwrap().unwrap();
        assert_eq!(bodies(&received), ["news"]);
        assert_eq!(scene.counters().await, [0, 1, 0]);
    }
}

#[tokio::test]
async fn the_end_of_a_delay_wakes_a_long_poll() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        scene.send_delayed("later", 12).await;
        let poll = sdk.poll(&scene, sdk.receive_message().queue_url(&scene.url)).await;
        assert!(!poll.is_finished());
        scene.advance(12).await;
        let received = soon("the poll ends", poll).await.unwrap().unwrap();
        assert_eq!(bodies(&received), ["later"]);
    }
}

#[tokio::test]
async fn the_end_of_a_visibility_timeout_wakes_a_long_poll() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        scene.send("again").await;
        scene.receive_one(12).await;
        let poll = sdk.poll(&scene, sdk.receive_message().queue_url(&scene.url)).await;
        assert!(!poll.is_finished());
        scene.advance(12).await;
        let received = soon("the poll ends", poll).await.unwrap().unwrap();
        assert_eq!(bodies(&received), ["again"]);
    }
}

#[tokio::test]
async fn visibility_set_to_0_wakes_a_long_poll() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        scene.send("again").await;
        let message = scene.receive_one(3600).await;
        let poll = sdk.poll(&scene, sdk.receive_message().queue_url(&scene.url)).await;
        assert!(!poll.is_finished());
        scene.change_visibility(&message.handle, 0).await.ok();
        let received = soon("the poll ends", poll).await.unwrap().unwrap();
        assert_eq!(bodies(&received), ["again"]);
    }
}

#[tokio::test]
async fn of_two_long_polls_exactly_one_gets_the_message_edge_139() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let receive = || sdk.receive_message().queue_url(&scene.url);
        let first = sdk.poll(&scene, receive()).await;
        let second = sdk.poll(&scene, receive()).await;
        scene.send("one").await;
        let first = soon("the first poll ends", first).await.unwrap().unwrap();
        assert_eq!(bodies(&first), ["one"], "who came first is served first");
        assert!(!second.is_finished());
        scene.advance(20).await;
        let second = soon("the second poll ends", second).await.unwrap().unwrap();
        assert_eq!(bodies(&second), [""; 0]);
    }
}

#[tokio::test]
async fn a_deleted_queue_ends_its_long_polls_edge_40() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let poll = sdk.poll(&scene, sdk.receive_message().queue_url(&scene.url)).await;
        let started = std::time::Instant::now();
        sdk.delete_queue().queue_url(&scene.url).send().await.unwrap();
        match soon("the poll ends", poll).await.unwrap() {
            Ok(received) => assert_eq!(received.messages, None),
            Err(error) => {
                let error = error.into_service_error();
                assert!(error.is_queue_does_not_exist(), "{error:?}");
            }
        }
        // A second, with patience for a busy machine; the poll's own end is 20 seconds away.
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_long_poll_whose_caller_hung_up_takes_no_message_edge_140() {
    for scene in both_stores().await {
        let sdk = Sdk::of(&scene);
        let poll = sdk.poll(&scene, sdk.receive_message().queue_url(&scene.url)).await;
        poll.abort();
        assert!(poll.await.unwrap_err().is_cancelled());
        scene.settle().await;
        scene.send("for others").await;
        assert_eq!(scene.counters().await, [1, 0, 0]);
        assert_eq!(scene.receive_bodies().await, ["for others"]);
    }
}
