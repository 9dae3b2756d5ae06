//! A received message, as it is printed.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName as SystemName,
};
use serde_json::{Map, Value, json};

use crate::timestamp;

/// The message with its SQS member names, as ReceiveMessage answers it. Bytes are in base64.
pub(crate) fn to_json(message: &Message) -> Value {
    let members = [
        ("MessageId", message.message_id()),
        ("ReceiptHandle", message.receipt_handle()),
        ("MD5OfBody", message.md5_of_body()),
        ("Body", message.body()),
        ("MD5OfMessageAttributes", message.md5_of_message_attributes()),
    ];
    let given = |(name, value): (&str, Option<&str>)| Some((name.to_owned(), json!(value?)));
    let mut document: Map<_, _> = members.into_iter().filter_map(given).collect();
    if let Some(attributes) = message.attributes().filter(|all| !all.is_empty()) {
        let all: BTreeMap<_, _> = attributes.iter().map(|(k, v)| (k.as_str(), v)).collect();
        document.insert("Attributes".to_owned(), json!(all));
    }
    if let Some(attributes) = message.message_attributes().filter(|all| !all.is_empty()) {
        let all: BTreeMap<_, _> =
            attributes.iter().map(|(k, v)| (k, attribute_to_json(v))).collect();
        document.insert("MessageAttributes".to_owned(), json!(all));
    }
    Value::Object(document)
}

fn attribute_to_json(value: &MessageAttributeValue) -> Value {
    let mut document = json!({ "DataType": value.data_type() });
    if let Some(text) = value.string_value() {
        document["StringValue"] = json!(text);
    }
    if let Some(bytes) = value.binary_value() {
        document["BinaryValue"] = json!(base64(bytes.as_ref()));
    }
    document
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The message for people: a few lines about it, an empty line, the body, an empty line.
pub(crate) fn to_text(message: &Message) -> String {
    let mut lines = vec![format!("message {}", message.message_id().unwrap_or_default())];
    let system = |name| message.attributes().and_then(|all| all.get(&name));
    if let Some(sent) = system(SystemName::SentTimestamp) {
        let received = system(SystemName::ApproximateReceiveCount);
        let count = received.map_or(String::new(), |count| format!(", receive count {count}"));
        let sent = timestamp::of_milliseconds(sent).unwrap_or_else(|| sent.clone());
        lines.push(format!("sent {sent}{count}"));
    }
    for (name, word) in [
        (SystemName::MessageGroupId, "message group"),
        (SystemName::MessageDeduplicationId, "deduplication ID"),
        (SystemName::SequenceNumber, "sequence number"),
    ] {
        lines.extend(system(name).map(|value| format!("{word} {value}")));
    }
    let attributes: BTreeMap<_, _> = message.message_attributes().into_iter().flatten().collect();
    for (name, value) in attributes {
        let bytes = || value.binary_value().map(|bytes| base64(bytes.as_ref()));
        let text = value.string_value().map(str::to_owned).or_else(bytes).unwrap_or_default();
        lines.push(format!("{name}:{}={text}", value.data_type()));
    }
    format!("{}\n\n{}\n", lines.join("\n"), message.body().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::primitives::Blob;

    fn message() -> Message {
        let color = MessageAttributeValue::builder().data_type("String").string_value("blue");
        let icon =
            MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new([0, 255]));
        Message::builder()
            .message_id("1-2")
            .body("hello")
            .attributes(SystemName::SentTimestamp, "1700000000999")
            .attributes(SystemName::ApproximateReceiveCount, "2")
            .message_attributes("color", color.build().unwrap())
            .message_attributes("icon", icon.build().unwrap())
            .build()
    }

    #[test]
    fn people_see_what_matters_and_then_the_body() {
        assert_eq!(
            to_text(&message()),
            "message 1-2\nsent 2023-11-14T22:13:20Z, receive count 2\n\
             color:String=blue\nicon:Binary=AP8=\n\nhello\n"
        );
    }

    #[test]
    fn programs_see_the_members_that_sqs_answered() {
        assert_eq!(
            to_json(&message()),
            json!({
                "MessageId": "1-2",
                "Body": "hello",
                "Attributes": { "SentTimestamp": "1700000000999", "ApproximateReceiveCount": "2" },
                "MessageAttributes": {
                    "color": { "DataType": "String", "StringValue": "blue" },
                    "icon": { "DataType": "Binary", "BinaryValue": "AP8=" },
                },
            })
        );
    }
}
