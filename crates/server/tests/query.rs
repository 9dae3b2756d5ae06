//! The Query protocol over raw HTTP/1.1, and beside AWS JSON on one server.

mod common {
    pub(crate) mod http;
    pub(crate) mod scene;
}

use serde_json::{Value, json};

use common::http::{Answer, Connection, head};
use common::scene::Scene;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const NAMESPACE: &str = "xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"";

/// Posts a form.
async fn post(connection: &mut Connection, path: &str, body: &str) -> Answer {
    post_with(connection, path, &[("Content-Type", FORM)], body).await
}

async fn post_with(
    connection: &mut Connection,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let length = body.len().to_string();
    let mut all = vec![("Content-Length", length.as_str())];
    if !headers.iter().any(|(name, _)| *name == "Host") {
        all.push(("Host", "127.0.0.1"));
    }
    connection.write(head("POST", path, &[&all, headers].concat()) + body).await;
    connection.answer().await
}

/// The path of the scene's queue.
const QUEUE: &str = "/000000000000/q";

/// A form posted to the scene's queue.
async fn on_queue(scene: &Scene, body: &str) -> Answer {
    post(&mut scene.connect().await, QUEUE, body).await
}

/// A GET of the scene's queue.
async fn get(scene: &Scene, query: &str) -> Answer {
    scene.connect().await.get(&format!("{QUEUE}?{query}"), &[]).await
}

/// The text of the first element called `name`, unescaped.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#xD;", "\r"), ("&amp;", "&")];
    Some(escapes.iter().fold(text.to_owned(), |text, (escape, c)| text.replace(escape, c)))
}

fn ok(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    let id = element(answer.text(), "RequestId");
    assert_eq!(answer.header("x-amzn-requestid"), id.as_deref(), "both ids are the same");
    answer.text()
}

/// An error in one line, such as `400 MissingParameter: The request must ...`.
fn refusal(answer: &Answer) -> String {
    let xml = answer.text();
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    let start =
        format!("<?xml version=\"1.0\"?><ErrorResponse {NAMESPACE}><Error><Type>Sender</Type>");
    assert!(xml.starts_with(&start), "{xml}");
    let id = answer.header("x-amzn-requestid").expect("answers have a request id");
    let end = format!("<Detail/></Error><RequestId>{id}</RequestId></ErrorResponse>");
    assert!(xml.ends_with(&end), "{xml}");
    let [code, message] = ["Code", "Message"].map(|name| element(xml, name).expect(name));
    format!("{} {code}: {message}", answer.status)
}

/// Percent-encodes everything.
fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

// Requests and answers.

#[tokio::test]
async fn a_queue_lives_its_life_by_forms() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let address = scene.address().to_string();
    let headers = [("Content-Type", FORM), ("Host", address.as_str())];
    let body = "Action=CreateQueue&Version=2012-11-05&QueueName=orders&\
                Attribute.1.Name=DelaySeconds&Attribute.1.Value=0&\
                Attribute.2.Name=VisibilityTimeout&Attribute.2.Value=77";
    let answer = post_with(&mut connection, "/", &headers, body).await;
    let url = element(ok(&answer), "QueueUrl").unwrap();
    assert_eq!(url, format!("http://{address}/000000000000/orders"));

    let body = format!("Action=SendMessage&QueueUrl={}&MessageBody=hello+world", escape(&url));
    let answer = post(&mut connection, "/", &body).await;
    let id = element(ok(&answer), "MessageId").unwrap();
    let md5 = element(answer.text(), "MD5OfMessageBody").unwrap();
    assert_eq!(md5, "5eb63bbbe01eeed093cb22bb8f5acdc3");

    let path = "/000000000000/orders";
    let answer = post(&mut connection, path, "Action=ReceiveMessage&AttributeName=All").await;
    let xml = ok(&answer);
    let start = format!(
        "<?xml version=\"1.0\"?><ReceiveMessageResponse {NAMESPACE}><ReceiveMessageResult><Message><MessageId>{id}</MessageId>"
    );
    assert!(xml.starts_with(&start), "{xml}");
    assert!(
        xml.contains(&format!("<MD5OfBody>{md5}</MD5OfBody><Body>hello world</Body>")),
        "{xml}"
    );
    let count = "<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>";
    assert!(xml.contains(count), "{xml}");
    let handle = element(xml, "ReceiptHandle").unwrap();

    let body = format!(
        "Action=ChangeMessageVisibility&ReceiptHandle={}&VisibilityTimeout=0",
        escape(&handle)
    );
    let answer = post(&mut connection, path, &body).await;
    assert!(!ok(&answer).contains("Result"), "{}", answer.text());

    let answer = post(&mut connection, path, "Action=ReceiveMessage&VisibilityTimeout=30").await;
    let handle = element(ok(&answer), "ReceiptHandle").unwrap();
    let body = format!("Action=DeleteMessage&ReceiptHandle={}", escape(&handle));
    ok(&post(&mut connection, path, &body).await);

    let answer = post(&mut connection, path, "Action=ReceiveMessage").await;
    assert!(ok(&answer).contains("><ReceiveMessageResult/><ResponseMetadata>"));

    let answer = post(&mut connection, "/", "Action=ListQueues").await;
    assert_eq!(ok(&answer).matches("<QueueUrl>").count(), 2);
    ok(&post(&mut connection, path, "Action=DeleteQueue").await);
    let answer = post(&mut connection, "/", "Action=ListQueues&QueueNamePrefix=orders").await;
    assert!(ok(&answer).contains("<ListQueuesResult/>"));
}

#[tokio::test]
async fn a_form_without_a_queues_path_names_its_queue() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let url = escape(&scene.url);
    for (path, body) in [
        ("/", format!("Action=SendMessage&MessageBody=a&QueueUrl={url}")),
        ("/", "Action=SendMessage&MessageBody=a&QueueUrl=q".to_owned()),
        ("/000000000000/other", format!("Action=SendMessage&MessageBody=a&QueueUrl={url}")),
        (QUEUE, "Action=SendMessage&MessageBody=a".to_owned()),
        ("/000000000000/q/", "Action=SendMessage&MessageBody=a".to_owned()),
        ("/queue/us-east-1/000000000000/q", "Action=SendMessage&MessageBody=a".to_owned()),
        ("/000000000000/q?Action=SendMessage&MessageBody=a", String::new()),
        ("/000000000000/q?MessageBody=b", "Action=SendMessage&MessageBody=a".to_owned()),
    ] {
        let answer = post(&mut connection, path, &body).await;
        let md5 = element(ok(&answer), "MD5OfMessageBody");
        assert_eq!(md5.as_deref(), Some("0cc175b9c0f1b6a831c399e269772661"), "{path} {body}");
    }
    assert_eq!(scene.counters().await, [8, 0, 0]);
    let answer = post(&mut connection, "/", "Action=SendMessage&MessageBody=a").await;
    assert_eq!(refusal(&answer), format!("400 {MISSING_QUEUE}"));
}

const MISSING_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist for this wsdl version.";

#[tokio::test]
async fn a_body_without_a_content_type_is_a_form() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let body = "Action=SendMessage&MessageBody=a";
    ok(&post_with(&mut connection, QUEUE, &[], body).await);
    let answer = post_with(&mut connection, QUEUE, &[("Content-Type", "text/plain")], body).await;
    let missing = "400 MissingParameter: The request must contain the parameter Action.";
    assert_eq!(refusal(&answer), missing);
    assert_eq!(refusal(&post_with(&mut connection, "/", &[], "").await), missing);
}

#[tokio::test]
async fn a_deleted_queue_does_not_exist_edges_32_and_39() {
    let scene = Scene::memory().await;
    ok(&on_queue(&scene, "Action=DeleteQueue").await);
    let attributes = "Action=GetQueueAttributes&AttributeName.1=All";
    for answer in [on_queue(&scene, attributes).await, get(&scene, attributes).await] {
        assert_eq!(refusal(&answer), format!("400 {MISSING_QUEUE}"));
    }
}

#[tokio::test]
async fn a_queue_is_deleted_by_a_get_of_its_url_edge_38() {
    let scene = Scene::memory().await;
    let answer = get(&scene, "Action=DeleteQueue&Version=2012-11-05").await;
    assert!(ok(&answer).contains(&format!("<DeleteQueueResponse {NAMESPACE}><ResponseMetadata>")));
    let listed = scene.call("ListQueues", json!({})).await.ok();
    assert_eq!(listed["QueueUrls"], Value::Null);
}

#[tokio::test]
async fn line_ends_and_quotes_survive_in_xml_edges_78_and_260() {
    let scene = Scene::memory().await;
    for body in
        ["{\r\n\"machineID\" : \"a\"}", "{\"foo\": \"ba\rr\", \"foo2\": \"ba&quot;r&quot;\"}"]
    {
        scene.send(body).await;
        let answer = on_queue(&scene, "Action=ReceiveMessage&VisibilityTimeout=0").await;
        let xml = ok(&answer);
        assert!(!xml.contains('\r'), "a parser would read it as a line feed");
        assert_eq!(element(xml, "Body").as_deref(), Some(body));
        let json = scene.receive_one(0).await;
        assert_eq!(json.body, body);
        assert_eq!(element(xml, "MD5OfBody").as_deref(), json.answered["MD5OfBody"].as_str());

        ok(&on_queue(&scene, &format!("Action=SendMessage&MessageBody={}", escape(body))).await);
        let received = scene.receive().await;
        assert!(received.iter().all(|message| message.body == body), "{received:?}");
        for message in received {
            scene.delete(&message.handle).await.ok();
        }
    }
}

#[tokio::test]
async fn an_unknown_action_is_named_edge_252() {
    let scene = Scene::memory().await;
    let expected = "400 InvalidAction: The action FooBar is not valid for this endpoint.";
    assert_eq!(refusal(&get(&scene, "Action=FooBar&Version=2012-11-05").await), expected);
    assert_eq!(refusal(&on_queue(&scene, "Action=FooBar").await), expected);
    let answer = post(&mut scene.connect().await, "/", "Action=FooBar").await;
    assert_eq!(refusal(&answer), expected);
    let answer = post(&mut scene.connect().await, "/", "Action=%3Cb%3E%26%00").await;
    let expected = "400 InvalidAction: The action <b>&\u{fffd} is not valid for this endpoint.";
    assert_eq!(refusal(&answer), expected, "and escaped");
}

#[tokio::test]
async fn the_servers_own_service_is_not_reached_by_forms() {
    let scene = Scene::memory().await;
    let answer = post(&mut scene.connect().await, "/", "Action=AdvanceClock&Seconds=5").await;
    let expected = "400 InvalidAction: The action AdvanceClock is not valid for this endpoint.";
    assert_eq!(refusal(&answer), expected);
}

#[tokio::test]
async fn a_missing_parameter_is_named_edge_253() {
    let scene = Scene::memory().await;
    let missing =
        |name| format!("400 MissingParameter: The request must contain the parameter {name}.");
    assert_eq!(refusal(&get(&scene, "Action=SendMessage").await), missing("MessageBody"));
    let answer =
        on_queue(&scene, "Action=SendMessageBatch&SendMessageBatchRequestEntry.1.MessageBody=a")
            .await;
    assert_eq!(refusal(&answer), missing("SendMessageBatchRequestEntry.1.Id"));
}

#[tokio::test]
async fn a_missing_list_or_map_is_named_as_query_clients_know_it() {
    let scene = Scene::memory().await;
    let missing =
        |name| format!("400 MissingParameter: The request must contain the parameter {name}.");
    let answer = on_queue(&scene, "Action=AddPermission&Label=L&AWSAccountId.1=111111111111").await;
    assert_eq!(refusal(&answer), missing("ActionName"));
    let answer = on_queue(&scene, "Action=SetQueueAttributes").await;
    assert_eq!(refusal(&answer), missing("Attribute.Name"));
}

#[tokio::test]
async fn a_batch_without_entries_is_empty() {
    let scene = Scene::memory().await;
    for (action, entry) in [
        ("SendMessageBatch", "SendMessageBatchRequestEntry"),
        ("DeleteMessageBatch", "DeleteMessageBatchRequestEntry"),
        ("ChangeMessageVisibilityBatch", "ChangeMessageVisibilityBatchRequestEntry"),
    ] {
        let expected = format!(
            "400 AWS.SimpleQueueService.EmptyBatchRequest: There should be at least one {entry} in the request."
        );
        assert_eq!(refusal(&on_queue(&scene, &format!("Action={action}")).await), expected);
        let body = format!("Action={action}&Entries=");
        assert_eq!(refusal(&on_queue(&scene, &body).await), expected);
    }
}

#[tokio::test]
async fn attributes_are_read_by_a_get_edge_254() {
    let scene = Scene::memory().await;
    let arn = "<Attribute><Name>QueueArn</Name><Value>arn:aws:sqs:us-east-1:000000000000:q</Value></Attribute>";
    for names in ["AttributeName.1=All", "AttributeName=All", "AttributeNames.member.1=QueueArn"] {
        let answer = get(&scene, &format!("Action=GetQueueAttributes&{names}")).await;
        assert!(ok(&answer).contains(arn), "{}", answer.text());
    }
    let answer = get(&scene, "Action=GetQueueAttributes").await;
    assert!(ok(&answer).contains("<GetQueueAttributesResult/>"), "{}", answer.text());
}

#[tokio::test]
async fn an_unknown_attribute_is_named_edge_255() {
    let scene = Scene::memory().await;
    let answer = get(&scene, "Action=GetQueueAttributes&AttributeName.1=Foobar").await;
    assert_eq!(refusal(&answer), "400 InvalidAttributeName: Unknown Attribute Foobar.");
}

#[tokio::test]
async fn what_names_no_action_is_not_found_edge_256() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    for path in [QUEUE, "/", "/?", "/?Version=2012-11-05", "/?Action=", "/consoles/", "/metric?a=b"]
    {
        for accept in ["*/*", "application/json"] {
            let answer = connection.get(path, &[("Accept", accept)]).await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.header("content-type"), Some("text/xml"), "{path}");
            assert!(answer.text().contains("<UnknownOperationException"), "{path}");
        }
    }
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let headers = [("Host", "localhost"), ("Content-Length", "0")];
        connection.write(head(method, "/?Action=ListQueues", &headers)).await;
        assert_eq!(connection.answer().await.status, 404, "{method}");
    }
}

#[tokio::test]
async fn a_queues_url_does_not_create_or_list_queues_edge_257() {
    let scene = Scene::memory().await;
    for action in ["ListQueues", "CreateQueue"] {
        let expected =
            format!("400 InvalidAction: The action {action} is not valid for this endpoint.");
        let query = format!("Action={action}&QueueName=other");
        assert_eq!(refusal(&get(&scene, &query).await), expected);
        assert_eq!(refusal(&on_queue(&scene, &query).await), expected);
    }
    let listed = scene.call("ListQueues", json!({})).await.ok();
    assert_eq!(listed["QueueUrls"], json!([scene.url]));
}

#[tokio::test]
async fn a_queues_url_tells_the_url_of_any_queue_edge_258() {
    let scene = Scene::memory().await;
    let other = scene.create_queue("other", json!({})).await;
    for (name, url) in [("q", &scene.url), ("other", &other)] {
        let answer = get(&scene, &format!("Action=GetQueueUrl&QueueName={name}")).await;
        assert_eq!(element(ok(&answer), "QueueUrl").as_ref(), Some(url));
    }
}

#[tokio::test]
async fn who_accepts_json_is_answered_in_json_edge_259() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let json = [("Accept", "application/json")];
    let answer = connection.get("/?Action=ListQueues", &json).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let output = answer.ok();
    let id = answer.header("x-amzn-requestid").unwrap();
    let expected = json!({ "ListQueuesResponse": {
        "ListQueuesResult": { "queueUrls": [scene.url] },
        "ResponseMetadata": { "RequestId": id },
    } });
    assert_eq!(output, expected);
    let answer = connection.get("/?Action=ListQueues", &[]).await;
    assert_eq!(element(ok(&answer), "QueueUrl").as_ref(), Some(&scene.url));

    let answer = connection.get("/?Action=FooBar", &json).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")));
    let error: Value = serde_json::from_slice(&answer.body).unwrap();
    let expected = json!({
        "Error": {
            "Code": "InvalidAction",
            "Message": "The action FooBar is not valid for this endpoint.",
            "Type": "Sender",
        },
        "RequestId": answer.header("x-amzn-requestid").unwrap(),
    });
    assert_eq!(error, expected);
}

#[tokio::test]
async fn a_refusal_names_the_parameter_as_the_request_does() {
    let scene = Scene::memory().await;
    let invalid = |value, name| {
        format!(
            "400 InvalidParameterValue: Value {value} for parameter {name} is invalid. Reason: Must be an integer."
        )
    };
    for value in ["soon", "1.5", ""] {
        let answer = get(&scene, &format!("Action=ReceiveMessage&WaitTimeSeconds={value}")).await;
        assert_eq!(refusal(&answer), invalid(value, "WaitTimeSeconds"));
    }
    let name = "SendMessageBatchRequestEntry.1.DelaySeconds";
    let answer = on_queue(&scene, &format!("Action=SendMessageBatch&{name}=soon")).await;
    assert_eq!(refusal(&answer), invalid("soon", name));
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn parameters_that_are_not_utf8_are_refused() {
    let scene = Scene::memory().await;
    let answer = on_queue(&scene, "Action=SendMessage&MessageBody=%FF").await;
    assert!(refusal(&answer).starts_with("400 MalformedInput: "), "{}", refusal(&answer));
    let many = format!("Action=SendMessage&MessageBody=a{}", "&a=b".repeat(10_000));
    let answer = on_queue(&scene, &many).await;
    assert_eq!(refusal(&answer), "400 MalformedInput: The request has too many parameters");
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn the_largest_message_fits_with_every_byte_escaped() {
    let scene = Scene::memory().await;
    let body = "é".repeat(1024 * 1024 / 2);
    ok(&on_queue(&scene, &format!("Action=SendMessage&MessageBody={}", escape(&body))).await);
    let answer = on_queue(&scene, "Action=ReceiveMessage").await;
    assert_eq!(element(ok(&answer), "Body"), Some(body));
    let longer = format!("Action=SendMessage&MessageBody={}", "a".repeat(1024 * 1024 + 1));
    let expected = "400 InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.";
    assert_eq!(refusal(&on_queue(&scene, &longer).await), expected);
}

// Callers.

#[tokio::test]
async fn the_caller_comes_from_the_header_or_the_presigned_url() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    let credential = "123456789012/20261123/eu-west-1/sqs/aws4_request";
    let header =
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0");
    let headers = [("Content-Type", FORM), ("Authorization", header.as_str())];
    ok(&post_with(&mut connection, "/", &headers, "Action=CreateQueue&QueueName=theirs").await);

    let presigned = format!("X-Amz-Credential={}&X-Amz-Signature=0", escape(credential));
    let path = "/123456789012/theirs?Action=GetQueueAttributes&AttributeName=QueueArn";
    let answer = connection.get(&format!("{path}&{presigned}"), &[]).await;
    let arn = element(ok(&answer), "Value");
    assert_eq!(arn.as_deref(), Some("arn:aws:sqs:eu-west-1:123456789012:theirs"));
    let answer = connection.get(&format!("/?Action=ListQueues&{presigned}"), &[]).await;
    assert_eq!(ok(&answer).matches("/123456789012/theirs</QueueUrl>").count(), 1);
    assert_eq!(refusal(&connection.get(path, &[]).await), format!("400 {MISSING_QUEUE}"));
}

#[tokio::test]
async fn a_foreign_web_page_is_refused_and_changes_nothing() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    for mark in [
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Origin", "http://127.0.0.1:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        for request in ["Action=SendMessage&MessageBody=forged", "Action=DeleteQueue"] {
            for content_type in
                [&[("Content-Type", FORM)][..], &[("Content-Type", "text/plain")], &[]]
            {
                let headers = [content_type, &[mark]].concat();
                let answer = post_with(&mut connection, QUEUE, &headers, request).await;
                assert_eq!(answer.status, 403, "{mark:?} {content_type:?}");
            }
            let answer = connection.get(&format!("{QUEUE}?{request}"), &[mark]).await;
            assert_eq!(answer.status, 403, "{mark:?}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        let create = connection.get("/?Action=CreateQueue&QueueName=forged", &[mark]).await;
        assert_eq!(create.status, 403, "{mark:?}");
    }
    assert_eq!(scene.counters().await, [0, 0, 0]);
    let listed = scene.call("ListQueues", json!({})).await.ok();
    assert_eq!(listed["QueueUrls"], json!([scene.url]));
}

/// An image of a page has no `Origin`, nor has a script on a name made to resolve to this machine.
#[tokio::test]
async fn a_browser_that_does_not_tell_its_page_gets_no_action() {
    let scene = Scene::memory().await;
    let mut connection = scene.connect().await;
    for mark in [("User-Agent", "Mozilla/5.0"), ("Accept-Language", "en"), ("Referer", "http://x/")]
    {
        let path = format!("{QUEUE}?Action=SendMessage&MessageBody=forged");
        assert_eq!(connection.get(&path, &[mark]).await.status, 403, "{mark:?}");
        let told = [mark, ("Sec-Fetch-Site", "none")];
        ok(&connection.get("/?Action=ListQueues", &told).await);
        assert_eq!(connection.get("/health", &[mark]).await.status, 200, "{mark:?}");
    }
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

// Both protocols.

#[tokio::test]
async fn both_protocols_speak_of_the_same_messages_edge_265() {
    let scene = Scene::memory().await;
    let attributes = "MessageAttribute.1.Name=blob&MessageAttribute.1.Value.DataType=Binary&\
        MessageAttribute.1.Value.BinaryValue=AQID&MessageAttribute.2.Name=color&\
        MessageAttribute.2.Value.DataType=String&MessageAttribute.2.Value.StringValue=blue&\
        MessageAttribute.3.Name=count&MessageAttribute.3.Value.DataType=Number&\
        MessageAttribute.3.Value.StringValue=3";
    let md5 = "d838729972a4b70e2d2acd9d59ac847c"; // of AWS, edge 264
    let answer =
        on_queue(&scene, &format!("Action=SendMessage&MessageBody=form&{attributes}")).await;
    assert_eq!(element(ok(&answer), "MD5OfMessageAttributes").as_deref(), Some(md5));
    let input = json!({ "MessageAttributeNames": ["All"] });
    let [message] = &scene.receive_with(input).await[..] else { panic!("one message") };
    assert_eq!(message.body, "form");
    assert_eq!(message.answered["MD5OfMessageAttributes"], md5);
    assert_eq!(message.answered["MessageAttributes"]["blob"]["BinaryValue"], "AQID");
    let delete = format!("Action=DeleteMessage&ReceiptHandle={}", escape(&message.handle));
    ok(&on_queue(&scene, &delete).await);

    let input = json!({ "MessageBody": "json", "MessageAttributes": {
        "blob": { "DataType": "Binary", "BinaryValue": "AQID" },
        "color": { "DataType": "String", "StringValue": "blue" },
        "count": { "DataType": "Number", "StringValue": "3" },
    } });
    scene.on_queue("SendMessage", input).await.ok();
    let answer = on_queue(&scene, "Action=ReceiveMessage&MessageAttributeName=All").await;
    let xml = ok(&answer);
    assert_eq!(element(xml, "Body").as_deref(), Some("json"));
    assert_eq!(element(xml, "MD5OfMessageAttributes").as_deref(), Some(md5));
    let blob = "<MessageAttribute><Name>blob</Name><Value><DataType>Binary</DataType><BinaryValue>AQID</BinaryValue></Value></MessageAttribute>";
    assert!(xml.contains(blob), "{xml}");
    scene.delete(&element(xml, "ReceiptHandle").unwrap()).await.ok();
    assert_eq!(scene.counters().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_batch_tells_of_each_entry() {
    let scene = Scene::memory().await;
    let body = "Action=SendMessageBatch&\
        SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=one&\
        SendMessageBatchRequestEntry.2.Id=b&SendMessageBatchRequestEntry.2.MessageBody=%01&\
        SendMessageBatchRequestEntry.10.Id=c&SendMessageBatchRequestEntry.10.MessageBody=three";
    let answer = on_queue(&scene, body).await;
    let xml = ok(&answer);
    assert_eq!(xml.matches("<SendMessageBatchResultEntry><Id>").count(), 2, "{xml}");
    let failed = "<BatchResultErrorEntry><Id>b</Id><SenderFault>true</SenderFault><Code>InvalidMessageContents</Code><Message>";
    assert!(xml.contains(failed), "{xml}");

    let received = scene.receive().await;
    let bodies: Vec<_> = received.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, ["one", "three"]);
    let entry = |action: &str, index: usize| {
        let (path, handle) =
            (format!("{action}BatchRequestEntry.{index}"), &received[index].handle);
        format!("&{path}.Id={index}&{path}.ReceiptHandle={}", escape(handle))
    };
    let action = "ChangeMessageVisibility";
    let changes = [1, 0].map(|index| {
        entry(action, index) + &format!("&{action}BatchRequestEntry.{index}.VisibilityTimeout=0")
    });
    let body = format!("Action={action}Batch{}", changes.concat());
    let answer = on_queue(&scene, &body).await;
    let changed = "<ChangeMessageVisibilityBatchResultEntry><Id>1</Id></ChangeMessageVisibilityBatchResultEntry>";
    assert!(ok(&answer).contains(changed), "{}", answer.text());
    let deletes = ["0", "1"].map(|index| entry("DeleteMessage", index.parse().unwrap())).concat();
    let answer = on_queue(&scene, &format!("Action=DeleteMessageBatch{deletes}")).await;
    let deleted = "<DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry>";
    assert!(ok(&answer).contains(deleted), "{}", answer.text());
    assert_eq!(scene.counters().await, [0, 0, 0]);
}
