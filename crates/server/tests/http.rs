//! The AWS JSON protocol over raw HTTP/1.1: exact statuses, headers and bodies.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use formiga_server::config::StoreKind;
use serde_json::{Value, json};

use common::http::{Connection, eventually, head};
use common::scene::{Scene, messages};

const CREATE: &str = "AmazonSQS.CreateQueue";
const LIST: &str = "AmazonSQS.ListQueues";
const SEND: &str = "AmazonSQS.SendMessage";

const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

// Answers.

#[tokio::test]
async fn an_error_quotes_the_beginning_of_a_long_value_and_tells_its_reason() {
    let scene = Scene::memory().await;
    let long = "x".repeat(100_000);
    let system = json!({ &long: { "DataType": "String", "StringValue": "x" } });
    for (action, input, end) in [
        ("DeleteMessage", json!({ "ReceiptHandle": long }), "\" is not a valid receipt handle."),
        ("GetQueueAttributes", json!({ "AttributeNames": [long] }), "."),
        ("ReceiveMessage", json!({ "AttributeNames": [long] }), "."),
        (
            "SendMessage",
            json!({ "MessageBody": "x", "MessageGroupId": long }),
            " for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "x", "MessageSystemAttributes": system }),
            "' is invalid.",
        ),
    ] {
        let refusal = scene.on_queue(action, input).await.refusal();
        assert!(refusal.ends_with(&format!("x…{end}")), "{action}: {refusal}");
        assert!(refusal.len() < 2048, "{action}: {refusal}");
    }
}

#[tokio::test]
async fn an_error_has_a_type_a_code_and_a_request_id() {
    let scene = Scene::memory().await;
    let answer = scene.call("GetQueueUrl", json!({ "QueueName": "missing" })).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
    let code = "AWS.SimpleQueueService.NonExistentQueue;Sender";
    assert_eq!(answer.header("x-amzn-query-error"), Some(code));
    assert!(answer.header("date").is_some());
    assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
    assert_eq!(
        answer.text(),
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#
    );
    let id = answer.header("x-amzn-requestid").expect("answers have a request id");
    assert!(id.parse::<uuid::Uuid>().is_ok(), "{id} is a UUID");
    let other = scene.call("GetQueueUrl", json!({ "QueueName": "missing" })).await;
    assert_ne!(other.header("x-amzn-requestid"), Some(id));
}

#[tokio::test]
async fn an_action_without_output_answers_an_empty_body_edge_250() {
    let scene = Scene::memory().await;
    scene.send("body").await;
    let message = scene.receive_one(30).await;
    for answer in [
        scene.change_visibility(&message.handle, 10).await,
        scene.delete(&message.handle).await,
        scene.on_queue("DeleteQueue", json!({})).await,
    ] {
        assert_eq!((answer.status, answer.text()), (200, ""));
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
        assert_eq!(answer.header("content-length"), Some("0"));
        assert_eq!(answer.header("x-amzn-query-error"), None);
        let id = answer.header("x-amzn-requestid").expect("answers have a request id");
        assert!(id.parse::<uuid::Uuid>().is_ok(), "{id} is a UUID");
    }
}

#[tokio::test]
async fn what_is_empty_is_left_out_of_an_output_edges_34_44_119() {
    let scene = Scene::memory().await;
    for (action, input) in [
        ("ReceiveMessage", json!({})),
        ("GetQueueAttributes", json!({})),
        ("GetQueueAttributes", json!({ "AttributeNames": ["Policy", "FifoQueue"] })),
        ("ListQueues", json!({ "QueueNamePrefix": "nonexisting-" })),
    ] {
        let answer = scene.on_queue(action, input).await;
        assert_eq!((answer.status, answer.text()), (200, "{}"), "{action}");
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
    }
    scene.send("body").await;
    let message = scene.receive_one(30).await.answered;
    let members: Vec<_> = message.as_object().unwrap().keys().collect();
    assert_eq!(members, ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"]);

    let entries = json!([{ "Id": "a", "ReceiptHandle": "garbage" }]);
    let failed = scene.on_queue("DeleteMessageBatch", json!({ "Entries": entries })).await.ok();
    assert_eq!(failed.get("Successful"), None);
    let entries = json!([{ "Id": "a", "MessageBody": "b" }]);
    let sent = scene.on_queue("SendMessageBatch", json!({ "Entries": entries })).await.ok();
    assert_eq!(sent.get("Failed"), None);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_malformed_edge_249() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"{",
        b"[]",
        b"\"x\"",
        b"null",
        b"1",
        b"nul",
        b"{} {}",
        b"{\"QueueName\":}",
        b"{\"QueueName\":\"new\",}",
        b"{'QueueName':'new'}",
        b"{\"QueueName\":\"\xff\"}",
        b"{\"QueueName\":\"\\ud800\"}",
        b"{\"QueueName\":\"a\nb\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        let answer = connection.post(CREATE, &[], body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert_eq!(answer.status, 400, "{shown}");
        assert_eq!(answer.header("x-amzn-query-error"), Some("MalformedInput;Sender"), "{shown}");
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["__type"], "com.amazon.coral.service#SerializationException", "{shown}");
    }
}

#[tokio::test]
async fn a_member_of_the_wrong_type_is_malformed_edges_97_98() {
    let scene = Scene::memory().await;
    let url = &scene.url;
    for (action, input) in [
        ("SendMessage", json!({ "QueueUrl": url, "MessageBody": {} })),
        ("SendMessage", json!({ "QueueUrl": url, "MessageBody": "x", "DelaySeconds": "invalid" })),
        ("SendMessage", json!({ "QueueUrl": url, "MessageBody": "x", "DelaySeconds": 1.5 })),
        ("SendMessage", json!({ "QueueUrl": url, "MessageBody": "x", "MessageAttributes": [] })),
        ("SendMessageBatch", json!({ "QueueUrl": url, "Entries": {} })),
        ("GetQueueAttributes", json!({ "QueueUrl": url, "AttributeNames": "All" })),
        ("CreateQueue", json!({ "QueueName": "new", "Attributes": { "DelaySeconds": [] } })),
    ] {
        let answer = scene.call(action, input.clone()).await;
        assert_eq!(answer.status, 400, "{input}");
        assert_eq!(answer.header("x-amzn-query-error"), Some("MalformedInput;Sender"), "{input}");
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["__type"], "com.amazon.coral.service#SerializationException", "{input}");
    }
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn an_unknown_operation_is_named_so_edge_248() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let targets =
        ["AmazonSQS.Bogus", "AmazonSQS.", "AmazonSQS", "", "AmazonSNS.Publish", "Formiga.Bogus"];
    for target in targets {
        let answer = connection.post(target, &[], "{}").await;
        assert_eq!(answer.status, 400, "{target}");
        assert_eq!(answer.header("x-amzn-query-error"), Some("InvalidAction;Sender"), "{target}");
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["__type"], "com.amazon.coral.service#UnknownOperationException");
    }
    let headers = [
        ("Host", "localhost"),
        ("Content-Type", "application/x-amz-json-1.0"),
        ("Content-Length", "2"),
    ];
    connection.write(head("POST", "/", &headers) + "{}").await;
    let answer = connection.answer().await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("x-amzn-query-error"), Some("InvalidAction;Sender"), "no target");
}

#[tokio::test]
async fn no_body_counts_as_an_empty_object() {
    let scene = Scene::memory().await;
    let answer = scene.connect().await.post(LIST, &[], "").await;
    assert_eq!(answer.ok()["QueueUrls"], json!([scene.url]));
}

#[tokio::test]
async fn a_get_without_an_action_is_not_found_edge_256() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    for path in ["/", "/000000000000/q", "/nothing/here"] {
        for headers in [&[][..], &[("Accept", "application/json")]] {
            let answer = connection.get(path, headers).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.text().contains("<UnknownOperationException"), "{path}");
            assert!(answer.header("x-amzn-requestid").is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_server_tells_that_it_is_well() {
    let scene = Scene::durable().await;
    let answer = scene.connect().await.get("/health", &[]).await;
    assert_eq!((answer.status, answer.text()), (200, r#"{"status":"ok"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn json_posted_to_a_queues_path_works_edge_251() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let body = json!({ "QueueUrl": scene.url, "MessageBody": "by the path" }).to_string();
    let request = String::from_utf8(connection.request(SEND, &[], &body)).unwrap();
    connection.write(request.replacen("POST / ", "POST /000000000000/q ", 1)).await;
    let answer = connection.answer().await;
    answer.ok();
    assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
    // The queue URL in the body decides, not the path.
    connection.write(request.replacen("POST / ", "POST /000000000000/other ", 1)).await;
    connection.answer().await.ok();
    assert_eq!(scene.counters().await, [2, 0, 0]);
}

#[tokio::test]
async fn queue_urls_follow_the_callers_host() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let body = json!({ "QueueName": "q", "QueueNamePrefix": "q" }).to_string();
    for host in ["queues.example:1234", "formiga", "localhost:9324", "[::1]:9324"] {
        let url = format!("http://{host}/000000000000/q");
        for target in [CREATE, "AmazonSQS.GetQueueUrl"] {
            let output = connection.post(target, &[("Host", host)], &body).await.ok();
            assert_eq!(output["QueueUrl"], url);
        }
        let output = connection.post(LIST, &[("Host", host)], &body).await.ok();
        assert_eq!(output["QueueUrls"], json!([url]));
        let input = json!({ "QueueUrl": url, "MessageBody": host }).to_string();
        connection.post(SEND, &[], input).await.ok();
    }
    assert_eq!(scene.counters().await, [4, 0, 0], "one queue under many names");
}

#[tokio::test]
async fn a_caller_without_a_host_header_gets_urls_of_the_address() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let request =
        format!("POST / HTTP/1.0\r\nX-Amz-Target: {LIST}\r\nContent-Length: 2\r\n\r\n{{}}");
    connection.write(request).await;
    let answer = connection.answer().await;
    assert_eq!(answer.ok()["QueueUrls"], json!([scene.url]));
    connection.ends().await;
}

// What SQS refuses, in its words.

#[tokio::test]
async fn a_name_that_is_no_queues_is_refused_edges_16_17_19_25_26_30() {
    let scene = Scene::memory().await;
    let characters = "400 InvalidParameterValue: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    let long = "n".repeat(81);
    for (name, refusal) in [
        (json!("a/b/"), characters),
        (json!("name bad"), characters),
        (json!("naïve"), characters),
        (json!(long), characters),
        (json!("x.fifo"), characters),
        (json!(""), "400 InvalidParameterValue: Queue name cannot be empty"),
        (
            Value::Null,
            "400 InvalidParameterValue: Value for parameter QueueName is invalid. Reason: Must specify a queue name.",
        ),
    ] {
        let answer = scene.call("CreateQueue", json!({ "QueueName": name })).await;
        assert_eq!(answer.refusal(), refusal, "{name}");
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["__type"], "com.amazon.coral.service#InvalidParameterValueException");
    }
    let answer = scene.call("GetQueueUrl", json!({})).await;
    assert_eq!(
        answer.refusal(),
        "400 InvalidParameterValue: Value for parameter QueueName is invalid. Reason: Must specify a queue name."
    );
    scene.create_queue(&"n".repeat(80), json!({})).await;
}

#[tokio::test]
async fn names_are_case_sensitive_edge_27() {
    let scene = Scene::memory().await;
    let other = scene.create_queue("Q", json!({})).await;
    assert_ne!(other, scene.url);
    scene.send("in q").await;
    let input = json!({ "QueueUrl": other });
    assert_eq!(messages(&scene.call("ReceiveMessage", input).await.ok()).len(), 0);
    assert_eq!(scene.receive_bodies().await, ["in q"]);
}

#[tokio::test]
async fn attributes_of_fifo_queues_are_unknown_to_a_standard_queue_edges_10_11_12_13_14() {
    let scene = Scene::memory().await;
    for (attribute, value, refusal) in [
        ("FifoQueue", "false", "400 InvalidAttributeName: Unknown Attribute FifoQueue."),
        (
            "ContentBasedDeduplication",
            "false",
            "400 InvalidAttributeName: Unknown Attribute ContentBasedDeduplication.",
        ),
        (
            "DeduplicationScope",
            "queue",
            "400 InvalidAttributeName: You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        (
            "FifoThroughputLimit",
            "perQueue",
            "400 InvalidAttributeName: You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
        (
            "FifoQueue",
            "true",
            "400 InvalidParameterValue: The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length",
        ),
    ] {
        let input = json!({ "QueueName": "invalid-name", "Attributes": { attribute: value } });
        assert_eq!(scene.call("CreateQueue", input).await.refusal(), refusal);
    }
}

#[tokio::test]
async fn a_new_queue_takes_no_value_out_of_range() {
    let scene = Scene::memory().await;
    let invalid =
        |name| format!("400 InvalidAttributeValue: Invalid value for the parameter {name}.");
    let create = async |name: &str, value: &str| {
        let input = json!({ "QueueName": "new", "Attributes": { name: value } });
        scene.call("CreateQueue", input).await
    };
    for (name, values) in [
        ("DelaySeconds", &["", " 6", "-45", "901", "544.43", "true"][..]),
        ("MaximumMessageSize", &["1023", "1048577"]),
        ("MessageRetentionPeriod", &["59", "1209601"]),
        ("ReceiveMessageWaitTimeSeconds", &["21"]),
        ("VisibilityTimeout", &["43201", "99999"]),
        ("SqsManagedSseEnabled", &["yes"]),
    ] {
        for value in values {
            assert_eq!(create(name, value).await.refusal(), invalid(name), "{value:?}");
        }
    }
    for name in ["QueueArn", "Bogus", "ApproximateNumberOfMessages"] {
        let unknown = format!("400 InvalidAttributeName: Unknown Attribute {name}.");
        assert_eq!(create(name, "1").await.refusal(), unknown);
    }
    let listed = scene.call("ListQueues", json!({ "QueueNamePrefix": "new" })).await;
    assert_eq!(listed.text(), "{}", "no queue was created");
    for (name, value) in [("DelaySeconds", "900"), ("MaximumMessageSize", "1024")] {
        scene.create_queue(name, json!({ name: value })).await;
    }
}

#[tokio::test]
async fn a_fifo_queue_is_still_one_after_a_restart_edge_68() {
    let scene = Scene::durable().await;
    let high_throughput = json!({
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
    });
    let url = scene.create_queue("q.fifo", high_throughput.clone()).await;
    scene.create_queue("plain.fifo", json!({ "FifoQueue": "true" })).await;
    let scene = scene.restarted().await;
    let told = async |name: &str| {
        let names = high_throughput.as_object().expect("a map").keys().collect::<Vec<_>>();
        let input = json!({ "QueueUrl": name, "AttributeNames": names });
        scene.call("GetQueueAttributes", input).await.ok()["Attributes"].clone()
    };
    assert_eq!(told(&url).await, high_throughput);
    let defaults = json!({
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    });
    assert_eq!(told("plain.fifo").await, defaults);
    assert_eq!(told("q").await, Value::Null, "a standard queue has none of them");
}

#[tokio::test]
async fn an_empty_policy_or_key_of_a_new_queue_is_none() {
    let scene = Scene::memory().await;
    let unset = json!({ "RedrivePolicy": "", "Policy": "", "KmsMasterKeyId": "" });
    scene.create_queue("new", unset).await;
}

#[tokio::test]
async fn a_prefix_that_no_name_can_have_lists_nothing() {
    let scene = Scene::memory().await;
    let long = "q".repeat(81);
    for prefix in ["q ", " q", "é", "q/", "~", "\u{0}", &long] {
        let listed = scene.call("ListQueues", json!({ "QueueNamePrefix": prefix })).await;
        assert_eq!((listed.status, listed.text()), (200, "{}"), "{prefix:?}");
    }
}

#[tokio::test]
async fn a_missing_queue_is_told_before_anything_else_edges_31_96() {
    let scene = Scene::memory().await;
    let missing = format!("http://{}/000000000000/missing", scene.address());
    let refusal =
        "400 AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist.";
    for action in [
        "ChangeMessageVisibility",
        "ChangeMessageVisibilityBatch",
        "DeleteMessage",
        "DeleteMessageBatch",
        "DeleteQueue",
        "GetQueueAttributes",
        "ReceiveMessage",
        "SendMessage",
        "SendMessageBatch",
    ] {
        for url in [json!(missing), json!(""), json!("http://localhost/"), Value::Null] {
            let answer = scene.call(action, json!({ "QueueUrl": url })).await;
            assert_eq!(answer.refusal(), refusal, "{action} {url}");
        }
    }
}

#[tokio::test]
async fn a_bare_name_means_the_callers_own_queue() {
    let scene = Scene::memory().await;
    let input = json!({ "QueueUrl": "q", "MessageBody": "x" });
    scene.call("SendMessage", input).await.ok();
    assert_eq!(scene.counters().await, [1, 0, 0]);
}

#[tokio::test]
async fn messages_that_sqs_does_not_take_are_refused_edges_75_77_79_80_83_84_86_87_88_91_94_95() {
    let scene = Scene::memory().await;
    let attribute = |value: Value| json!({ "MessageBody": "x", "MessageAttributes": value });
    let contents = "400 InvalidMessageContents: Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF";
    let delay = |n: i64| {
        format!(
            "400 InvalidParameterValue: Value {n} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
        )
    };
    let group = |id: &str| {
        format!(
            "400 InvalidParameterValue: Value {id} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
        )
    };
    let lists = "400 AWS.SimpleQueueService.UnsupportedOperation: Message attribute list values in SendMessage operation are not supported.";
    let missing = "400 MissingParameter: The request must contain the parameter MessageBody.";
    let eleven: serde_json::Map<_, _> = (0..11)
        .map(|n| (format!("a{n}"), json!({ "DataType": "String", "StringValue": "x" })))
        .collect();
    let long_id = "a".repeat(129);
    let cases = [
        (json!({}), missing.to_owned()),
        (json!({ "MessageBody": "" }), missing.to_owned()),
        (json!({ "MessageBody": "\u{0}" }), contents.to_owned()),
        (json!({ "MessageBody": "a\u{8}b" }), contents.to_owned()),
        (json!({ "MessageBody": "\u{13}" }), contents.to_owned()),
        (json!({ "MessageBody": "\u{ffff}" }), contents.to_owned()),
        (json!({ "MessageBody": "\u{fffe}" }), contents.to_owned()),
        (json!({ "MessageBody": "x", "DelaySeconds": -1 }), delay(-1)),
        (json!({ "MessageBody": "x", "DelaySeconds": 901 }), delay(901)),
        (json!({ "MessageBody": "x", "MessageGroupId": "" }), group("")),
        (json!({ "MessageBody": "x", "MessageGroupId": long_id }), group(&long_id)),
        (json!({ "MessageBody": "x", "MessageGroupId": "group 123" }), group("group 123")),
        (
            json!({ "MessageBody": "x", "MessageDeduplicationId": "d" }),
            "400 InvalidParameterValue: Value d for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is not valid for this queue type.".to_owned(),
        ),
        (
            attribute(json!({ "ErrorDetails": { "DataType": "String", "StringValue": "" } })),
            "400 InvalidParameterValue: Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.".to_owned(),
        ),
        (
            attribute(json!({ "Hello": { "DataType": "Number", "StringValue": "world" } })),
            "400 InvalidParameterValue: Can't cast the value of message (user) attribute 'Hello' to a number.".to_owned(),
        ),
        (
            attribute(Value::Object(eleven)),
            "400 InvalidParameterValue: Number of message attributes [11] exceeds the allowed maximum [10].".to_owned(),
        ),
        (
            attribute(json!({ "a": { "DataType": "String", "StringListValues": ["x"] } })),
            lists.to_owned(),
        ),
        (
            attribute(json!({ "a": { "DataType": "Binary", "BinaryListValues": ["AQID"] } })),
            lists.to_owned(),
        ),
        (
            json!({ "MessageBody": "x", "MessageSystemAttributes": { "Hello": { "DataType": "String", "StringValue": "x" } } }),
            "400 InvalidParameterValue: Message system attribute name 'Hello' is invalid.".to_owned(),
        ),
    ];
    for (input, refusal) in cases {
        assert_eq!(
            scene.on_queue("SendMessage", input.clone()).await.refusal(),
            refusal,
            "{input}"
        );
    }
    let control = attribute(json!({ "a": { "DataType": "String", "StringValue": "\u{8}" } }));
    let refusal = scene.on_queue("SendMessage", control).await.refusal();
    assert!(refusal.starts_with("400 InvalidParameterValue: "), "{refusal}");
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_message_is_as_large_as_its_queue_allows_edges_71_72_73_74_89() {
    let scene = Scene::memory().await;
    let small = scene.create_queue("small", json!({ "MaximumMessageSize": "1024" })).await;
    let too_long = |max: usize| {
        format!(
            "400 InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than {max} bytes."
        )
    };
    let send = async |url: &str, body: &str, more: Value| {
        let mut input = json!({ "QueueUrl": url, "MessageBody": body });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.call("SendMessage", input).await
    };
    let attribute =
        json!({ "MessageAttributes": { "k": { "DataType": "String", "StringValue": "x" } } });
    let trace = json!({ "MessageSystemAttributes": { "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1" } } });
    let of_bytes = |bytes: usize| "x".repeat(bytes);

    send(&small, &of_bytes(1024), json!({})).await.ok();
    send(&small, &of_bytes(1024), trace).await.ok();
    send(&small, &of_bytes(1024 - 8), attribute.clone()).await.ok();
    let answer = send(&small, &of_bytes(1025 - 8), attribute.clone()).await;
    assert_eq!(answer.refusal(), too_long(1024));
    let answer = send(&small, &"😀".repeat(300), json!({})).await;
    assert_eq!(answer.refusal(), too_long(1024));

    send(&scene.url, &of_bytes(1_048_576), json!({})).await.ok();
    let answer = send(&scene.url, &of_bytes(1_048_577 - 8), attribute).await;
    assert_eq!(answer.refusal(), too_long(1_048_576));
}

#[tokio::test]
async fn the_trace_header_of_the_request_becomes_the_messages_edge_90() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let body = json!({ "QueueUrl": scene.url, "MessageBody": "traced" }).to_string();
    connection.post(SEND, &[("X-Amzn-Trace-Id", root)], body).await.ok();
    let input = json!({ "MessageSystemAttributeNames": ["AWSTraceHeader"] });
    let received = scene.receive_with(input).await;
    assert_eq!(received[0].answered["Attributes"], json!({ "AWSTraceHeader": root }));
}

#[tokio::test]
async fn a_batch_is_refused_as_a_whole_edges_104_105_106_107_108_114_118() {
    let scene = Scene::memory().await;
    let id = "400 AWS.SimpleQueueService.InvalidBatchEntryId: A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.";
    let twenty: Vec<Value> = (0..20)
        .map(|n| json!({ "Id": n.to_string(), "MessageBody": "x", "ReceiptHandle": "x", "VisibilityTimeout": 1 }))
        .collect();
    for action in ["SendMessage", "DeleteMessage", "ChangeMessageVisibility"] {
        let batch = format!("{action}Batch");
        let refusal = async |entries: Value| {
            scene.on_queue(&batch, json!({ "Entries": entries })).await.refusal()
        };
        assert_eq!(
            refusal(json!([])).await,
            format!(
                "400 AWS.SimpleQueueService.EmptyBatchRequest: There should be at least one {batch}RequestEntry in the request."
            )
        );
        assert_eq!(
            refusal(json!(twenty)).await,
            "400 AWS.SimpleQueueService.TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have sent 20."
        );
        assert_eq!(
            refusal(json!([{ "Id": "a" }, {}])).await,
            format!(
                "400 MissingParameter: The request must contain the parameter {batch}RequestEntry.2.Id."
            )
        );
        assert_eq!(refusal(json!([{ "Id": "message:x" }])).await, id);
        assert_eq!(refusal(json!([{ "Id": "bad id" }])).await, id);
        assert_eq!(
            refusal(json!([{ "Id": "a" }, { "Id": "b" }, { "Id": "a" }])).await,
            "400 AWS.SimpleQueueService.BatchEntryIdsNotDistinct: Id a repeated."
        );
    }
}

#[tokio::test]
async fn entries_are_refused_one_by_one_edges_101_103_115() {
    let scene = Scene::memory().await;
    let small = scene.create_queue("small", json!({ "MaximumMessageSize": "2048" })).await;
    let entries = json!([
        { "Id": "full", "MessageBody": "x".repeat(2048) },
        { "Id": "short", "MessageBody": "x" },
        { "Id": "long", "MessageBody": "x".repeat(2049) },
        { "Id": "empty", "MessageBody": "" },
    ]);
    let input = json!({ "QueueUrl": small, "Entries": entries });
    let output = scene.call("SendMessageBatch", input).await.ok();
    let ids: Vec<_> = output["Successful"].as_array().unwrap().iter().map(|e| &e["Id"]).collect();
    assert_eq!(ids, ["full", "short"]);
    assert_eq!(
        output["Failed"],
        json!([
            {
                "Id": "long",
                "SenderFault": true,
                "Code": "InvalidParameterValue",
                "Message": "One or more parameters cannot be validated. Reason: Message must be shorter than 2048 bytes.",
            },
            {
                "Id": "empty",
                "SenderFault": true,
                "Code": "MissingParameter",
                "Message": "The request must contain the parameter SendMessageBatchRequestEntry.4.MessageBody.",
            },
        ])
    );
}

#[tokio::test]
async fn receives_out_of_range_are_refused_edges_120_121_122() {
    let scene = Scene::memory().await;
    scene.send("stays visible").await;
    let between = "Must be between 1 and 10, if provided.";
    let timeout = "Must be >= 0 and <= 43200, if provided.";
    for (parameter, value, reason) in [
        ("MaxNumberOfMessages", 11, between),
        ("MaxNumberOfMessages", 0, between),
        ("MaxNumberOfMessages", -1, between),
        ("VisibilityTimeout", 43201, timeout),
        ("VisibilityTimeout", -1, timeout),
        ("WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."),
    ] {
        let answer = scene.on_queue("ReceiveMessage", json!({ parameter: value })).await;
        assert_eq!(
            answer.refusal(),
            format!(
                "400 InvalidParameterValue: Value {value} for parameter {parameter} is invalid. Reason: {reason}"
            )
        );
    }
    assert_eq!(scene.counters().await, [1, 0, 0]);
}

#[tokio::test]
async fn a_visibility_timeout_is_asked_for_before_the_handle_is_read_edges_149_150_158() {
    let scene = Scene::memory().await;
    scene.send("body").await;
    let handle = scene.receive_one(30).await.handle;
    let missing =
        |name| format!("400 MissingParameter: The request must contain the parameter {name}.");
    let refusal = async |action: &str, input: Value| scene.on_queue(action, input).await.refusal();
    assert_eq!(refusal("DeleteMessage", json!({})).await, missing("ReceiptHandle"));
    let change = "ChangeMessageVisibility";
    assert_eq!(
        refusal(change, json!({ "ReceiptHandle": "garbage" })).await,
        missing("VisibilityTimeout")
    );
    assert_eq!(refusal(change, json!({ "VisibilityTimeout": 1 })).await, missing("ReceiptHandle"));
    for timeout in [-1, 43201] {
        assert_eq!(
            scene.change_visibility(&handle, timeout).await.refusal(),
            format!(
                "400 InvalidParameterValue: Value {timeout} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."
            )
        );
    }
}

// Browsers.

#[tokio::test]
async fn a_foreign_web_page_is_refused_and_changes_nothing() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let send = json!({ "QueueUrl": scene.url, "MessageBody": "forged" }).to_string();
    let create = json!({ "QueueName": "forged" }).to_string();
    let delete = json!({ "QueueUrl": scene.url }).to_string();
    for mark in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for (target, body) in [(SEND, &send), (CREATE, &create), ("AmazonSQS.DeleteQueue", &delete)]
        {
            let answer = connection.post(target, &[mark], body).await;
            assert_eq!(answer.status, 403, "{mark:?}");
            assert!(answer.header("x-amzn-requestid").is_some());
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        assert_eq!(connection.get("/health", &[mark]).await.status, 403, "{mark:?}");
    }
    assert_eq!(scene.counters().await, [0, 0, 0]);
    let listed = connection.call(LIST, &json!({})).await.ok();
    assert_eq!(listed["QueueUrls"], json!([scene.url]));
}

#[tokio::test]
async fn a_preflight_of_a_foreign_web_page_is_granted_nothing() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let headers = [
        ("Host", "127.0.0.1"),
        ("Origin", "https://evil.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-amz-target"),
    ];
    connection.write(head("OPTIONS", "/", &headers)).await;
    let answer = connection.answer().await;
    assert_eq!(answer.status, 403);
    assert!(answer.headers().iter().all(|(name, _)| !name.starts_with("access-control-")));
}

#[tokio::test]
async fn a_name_made_to_resolve_to_this_machine_is_no_way_around() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let create = json!({ "QueueName": "forged" }).to_string();
    let host = ("Host", "evil.example:9324");
    for mark in [("Origin", "http://evil.example:9324"), ("Sec-Fetch-Site", "same-origin")] {
        assert_eq!(connection.post(CREATE, &[host, mark], &create).await.status, 403);
    }
    let listed = connection.call(LIST, &json!({})).await.ok();
    assert_eq!(listed["QueueUrls"], json!([scene.url]));
}

#[tokio::test]
async fn own_pages_and_allowed_origins_are_let_in() {
    let scene = Scene::configured(|config| {
        config.store = StoreKind::Memory;
        config.allowed_origin = vec!["https://console.example".to_owned()];
    })
    .await;
    let mut connection = scene.connect().await;
    let own = format!("http://{}", scene.address());
    for origin in [own.as_str(), "https://console.example"] {
        let body = json!({ "QueueUrl": scene.url, "MessageBody": origin }).to_string();
        connection.post(SEND, &[("Origin", origin)], body).await.ok();
    }
    assert_eq!(scene.counters().await, [2, 0, 0]);
}

#[tokio::test]
async fn pages_of_allowed_origins_read_answers_and_no_others() {
    const SDK: &str = "amz-sdk-invocation-id,amz-sdk-request,authorization,content-type,x-amz-content-sha256,x-amz-date,\
                       x-amz-target,x-amz-user-agent,x-amzn-query-mode";
    const ALLOWED: &str = "https://console.example";
    let scene = Scene::configured(|config| {
        config.store = StoreKind::Memory;
        config.allowed_origin = vec![ALLOWED.to_owned()];
    })
    .await;
    let mut connection = scene.connect().await;
    let host = scene.address().to_string();
    let own = format!("http://{host}");
    let preflight = |origin: &str, wanted: &str| {
        let headers = [
            ("Host", host.as_str()),
            ("Origin", origin),
            ("Sec-Fetch-Site", "cross-site"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", wanted),
            ("Access-Control-Request-Private-Network", "true"),
        ];
        head("OPTIONS", "/", &headers)
    };
    let is_cors = |(name, _): &&(String, String)| name.starts_with("access-control-");

    connection.write(preflight(ALLOWED, &format!("{SDK},cookie,x-other"))).await;
    let answer = connection.answer().await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    let told = |name: &str| answer.header(name).unwrap_or_default().to_owned();
    assert_eq!(told("access-control-allow-origin"), ALLOWED);
    assert_eq!(told("access-control-allow-methods"), "GET, POST");
    assert_eq!(told("access-control-allow-headers").replace(", ", ","), SDK);
    assert_eq!(told("access-control-allow-private-network"), "true");
    assert_eq!(told("vary"), "origin");
    assert!(answer.header("access-control-allow-credentials").is_none());

    let body = json!({ "QueueUrl": scene.url, "MessageBody": "x" }).to_string();
    let cross = ("Sec-Fetch-Site", "cross-site");
    let sent = connection.post(SEND, &[("Origin", ALLOWED), cross], &body).await;
    assert_eq!(sent.status, 200);
    assert_eq!(sent.header("access-control-allow-origin"), Some(ALLOWED));
    let exposed = sent.header("access-control-expose-headers").unwrap_or_default();
    assert!(exposed.contains("x-amzn-requestid"), "{exposed}");
    let refused = connection.post(SEND, &[("Origin", ALLOWED), cross], "{}").await;
    assert_eq!(refused.status, 400, "what is wrong is read as well");
    assert_eq!(refused.header("access-control-allow-origin"), Some(ALLOWED));

    for origin in
        ["https://evil.example", "https://console.example.evil.example", "null", "*", &own]
    {
        connection.write(preflight(origin, SDK)).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.headers().iter().find(is_cors), None, "{origin}");
    }
    for headers in [&[("Origin", own.as_str())][..], &[]] {
        let sent = connection.post(SEND, headers, &body).await;
        assert_eq!(sent.status, 200);
        assert_eq!(sent.headers().iter().find(is_cors), None, "no page of another origin");
    }
    // A name that was made to mean this machine is no way to the allowed origin's answers.
    let rebound = [("Host", "evil.example:9324"), ("Origin", ALLOWED)];
    let refused = connection.post(SEND, &rebound, &body).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.headers().iter().find(is_cors), None);
}

// Bodies and heads.

#[tokio::test]
async fn a_body_that_announces_too_much_is_refused_unread() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let length = (BODY_BYTES_MAX + 1).to_string();
    for more in [&[][..], &[("Expect", "100-continue")]] {
        let headers =
            [&[("Host", "localhost"), ("X-Amz-Target", SEND), ("Content-Length", &length)], more];
        connection.write(head("POST", "/", &headers.concat())).await;
        let answer = connection.answer().await;
        assert_eq!(
            answer.refusal(),
            "413 RequestEntityTooLarge: A request can have at most 8388608 bytes."
        );
        let error: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(error["__type"], "com.amazon.coral.service#RequestEntityTooLargeException");
        connection.ends().await;
        connection = scene.connect().await;
    }
}

#[tokio::test]
async fn a_chunked_body_that_grows_too_large_is_refused() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let headers = [("Host", "localhost"), ("X-Amz-Target", SEND), ("Transfer-Encoding", "chunked")];
    connection.write(head("POST", "/", &headers)).await;
    let chunk = [b"100000\r\n", " ".repeat(1 << 20).as_bytes(), b"\r\n"].concat();
    for _ in 0..8 {
        connection.write(&chunk).await;
    }
    connection.write("1\r\n \r\n").await;
    assert_eq!(connection.answer().await.status, 413);
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_chunked_body_is_read_whole() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let input = json!({ "QueueUrl": scene.url, "MessageBody": "in small parts" }).to_string();
    let headers = [("Host", "localhost"), ("X-Amz-Target", SEND), ("Transfer-Encoding", "chunked")];
    connection.write(head("POST", "/", &headers)).await;
    for part in input.as_bytes().chunks(7) {
        let chunk = format!("{:x}\r\n{}\r\n", part.len(), str::from_utf8(part).unwrap());
        connection.write(chunk).await;
    }
    connection.write("0\r\n\r\n").await;
    connection.answer().await.ok();
    assert_eq!(scene.receive_bodies().await, ["in small parts"]);
    // The connection is still in step.
    connection.call(LIST, &json!({})).await.ok();
}

#[tokio::test]
async fn a_client_that_expects_to_be_told_to_continue_is_told() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let input = json!({ "QueueUrl": scene.url, "MessageBody": "after a pause" }).to_string();
    let length = input.len().to_string();
    let headers = [
        ("Host", "localhost"),
        ("X-Amz-Target", SEND),
        ("Content-Length", &length),
        ("Expect", "100-continue"),
    ];
    connection.write(head("POST", "/", &headers)).await;
    assert_eq!(connection.answer().await.status, 100);
    connection.write(input).await;
    connection.answer().await.ok();
    assert_eq!(scene.receive_bodies().await, ["after a pause"]);
}

#[tokio::test]
async fn a_mebibyte_of_escaped_characters_is_a_message() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let escaped = r"\u0061".repeat(1 << 20);
    let body = format!(r#"{{"QueueUrl":"{}","MessageBody":"{escaped}"}}"#, scene.url);
    let output = connection.post(SEND, &[], body).await.ok();
    assert_eq!(output["MD5OfMessageBody"], "7202826a7791073fe2787f0c94603278");
    let received = scene.receive_one(30).await;
    assert_eq!(received.body.len(), 1 << 20);
    assert!(received.body.bytes().all(|byte| byte == b'a'));
    assert_eq!(received.answered["MD5OfBody"], "7202826a7791073fe2787f0c94603278");
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let long = "x".repeat(1024 * 1024);
    connection.write(head("GET", "/health", &[("Host", "localhost"), ("X-Long", &long)])).await;
    assert_eq!(connection.answer().await.status, 431);
    connection.ends().await;

    let mut connection = scene.connect().await;
    let many: Vec<String> = (0..200).map(|n| format!("X-Header-{n}")).collect();
    let headers: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    connection.write(head("GET", "/health", &headers)).await;
    assert_eq!(connection.answer().await.status, 431);
    connection.ends().await;

    let mut connection = scene.connect().await;
    let token = "t".repeat(16 * 1024);
    let headers = [("X-Amz-Security-Token", token.as_str())];
    assert_eq!(connection.get("/health", &headers).await.status, 200, "a long session token");
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let scene = Scene::memory().await;
    for garbage in
        ["hello\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03", "GET\r\n\r\n"]
    {
        let mut connection = scene.connect().await;
        connection.write(garbage).await;
        assert_eq!(connection.answer().await.status, 400, "{garbage:?}");
        connection.ends().await;
    }
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

// Connections.

#[tokio::test]
async fn one_connection_serves_many_requests_errors_included() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    for n in 0..20 {
        let input = json!({ "QueueUrl": scene.url, "MessageBody": n.to_string() });
        connection.call(SEND, &input).await.ok();
        assert_eq!(connection.post(SEND, &[], "{").await.status, 400);
        assert_eq!(connection.get("/", &[]).await.status, 404);
        let origin = [("Origin", "https://evil.example")];
        assert_eq!(connection.post(SEND, &origin, input.to_string()).await.status, 403);
    }
    assert_eq!(scene.counters().await, [20, 0, 0]);
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_their_order() {
    let scene = Scene::durable().await;
    let mut connection = scene.connect().await;
    let request = |connection: &Connection, target: &str, input: Value| {
        connection.request(target, &[], input.to_string())
    };
    let mut bytes = Vec::new();
    for n in 0..10 {
        let input = json!({ "QueueUrl": scene.url, "MessageBody": n.to_string() });
        bytes.extend(request(&connection, SEND, input));
        bytes.extend(request(&connection, "AmazonSQS.GetQueueUrl", json!({ "QueueName": "q" })));
        let input = json!({ "QueueUrl": scene.url, "VisibilityTimeout": 3600 });
        bytes.extend(request(&connection, "AmazonSQS.ReceiveMessage", input));
    }
    connection.write(bytes).await;
    for n in 0..10 {
        let sent = connection.answer().await.ok();
        assert!(sent["MD5OfMessageBody"].is_string(), "{sent}");
        assert_eq!(connection.answer().await.ok()["QueueUrl"], scene.url);
        let received = messages(&connection.answer().await.ok());
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].body, n.to_string());
    }
}

#[tokio::test]
async fn a_client_that_asks_to_close_gets_its_answer_first() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    assert_eq!(connection.get("/health", &[("Connection", "close")]).await.status, 200);
    connection.ends().await;
}

#[tokio::test]
async fn a_client_that_vanishes_in_mid_body_leaves_nothing_behind() {
    let scene = Scene::memory().await;
    for sent in [0, 1, 20] {
        let mut connection = scene.connect().await;
        let input = json!({ "QueueUrl": scene.url, "MessageBody": "half" }).to_string();
        let request = connection.request(SEND, &[], &input);
        let head = request.len() - input.len();
        connection.write(&request[..head + sent]).await;
        drop(connection);
    }
    scene.settle().await;
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn bodies_under_way_take_a_bounded_memory_and_give_it_back() {
    let scene = Scene::configured(|config| {
        config.store = StoreKind::Memory;
        config.request_memory_mib = 16;
    })
    .await;
    let length = BODY_BYTES_MAX.to_string();
    let headers = [("Host", "localhost"), ("X-Amz-Target", SEND), ("Content-Length", &length)];
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = scene.connect().await;
        connection.write(head("POST", "/", &headers)).await;
        connection.write(vec![b' '; 7 << 20]).await;
        held.push(connection);
    }
    let large = json!({ "QueueNamePrefix": "x".repeat(3 << 20) });
    let list = async || scene.call("ListQueues", large.clone()).await;
    eventually("the memory is taken", async || list().await.status == 503).await;
    assert_eq!(
        list().await.refusal(),
        "503 ServiceUnavailable: Too many large requests are under way. Nothing was changed; please try again."
    );
    assert_eq!(scene.connect().await.get("/health", &[]).await.status, 200);
    assert_eq!(scene.call("ListQueues", json!({})).await.status, 200, "small ones still fit");
    drop(held);
    eventually("the memory is free again", async || list().await.status == 200).await;
}
