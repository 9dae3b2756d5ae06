//! What holds for any input in AWS JSON: decoding never panics, and text survives the wire.

mod text;

use formiga_wire::error::{ErrorKind, WireError};
use formiga_wire::formiga::AdvanceClockInput;
use formiga_wire::json;
use formiga_wire::protocol::{Head, Operation};
use formiga_wire::sqs::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use text::legal_text;

/// JSON in the vocabulary of the inputs, so that members often have a meaning but a wrong type.
fn any_input() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!("AQID")),
    ];
    let name = prop::sample::select(vec![
        "QueueUrl",
        "QueueName",
        "Attributes",
        "tags",
        "AttributeNames",
        "Entries",
        "Id",
        "MessageBody",
        "DelaySeconds",
        "MessageAttributes",
        "MessageSystemAttributes",
        "DataType",
        "StringValue",
        "BinaryValue",
        "StringListValues",
        "BinaryListValues",
        "ReceiptHandle",
        "VisibilityTimeout",
        "Seconds",
        "other",
    ]);
    let name = name.prop_map(str::to_owned);
    scalar.prop_recursive(5, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(name.clone(), inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Decodes `body` as every input. Whatever is refused is malformed.
fn decode_as_every_input(body: &[u8]) {
    fn decode<T: serde::de::DeserializeOwned>(body: &[u8]) {
        if let Err(error) = json::decode::<T>(body) {
            assert_eq!(error.kind, ErrorKind::MalformedInput);
        }
    }
    decode::<CreateQueueInput>(body);
    decode::<GetQueueUrlInput>(body);
    decode::<ListQueuesInput>(body);
    decode::<DeleteQueueInput>(body);
    decode::<GetQueueAttributesInput>(body);
    decode::<AddPermissionInput>(body);
    decode::<RemovePermissionInput>(body);
    decode::<ListDeadLetterSourceQueuesInput>(body);
    decode::<StartMessageMoveTaskInput>(body);
    decode::<ListMessageMoveTasksInput>(body);
    decode::<CancelMessageMoveTaskInput>(body);
    decode::<SendMessageInput>(body);
    decode::<SendMessageBatchInput>(body);
    decode::<ReceiveMessageInput>(body);
    decode::<DeleteMessageInput>(body);
    decode::<DeleteMessageBatchInput>(body);
    decode::<ChangeMessageVisibilityInput>(body);
    decode::<ChangeMessageVisibilityBatchInput>(body);
    decode::<AdvanceClockInput>(body);
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_malformed(body in vec(any::<u8>(), 0..200)) {
        decode_as_every_input(&body);
    }

    #[test]
    fn any_json_decodes_or_is_malformed(input in any_input()) {
        decode_as_every_input(input.to_string().as_bytes());
    }

    #[test]
    fn damaged_json_decodes_or_is_malformed(
        input in any_input(),
        at in any::<prop::sample::Index>(),
        replacement in vec(any::<u8>(), 0..3),
    ) {
        let mut body = input.to_string().into_bytes();
        let at = at.index(body.len());
        body.splice(at..=at, replacement);
        decode_as_every_input(&body);
    }

    #[test]
    fn every_prefix_of_a_request_is_malformed(text in legal_text(), at in any::<prop::sample::Index>()) {
        let body = json!({"QueueUrl": "q", "MessageBody": text}).to_string();
        let at = 1 + at.index(body.len() - 1);
        decode_as_every_input(&body.as_bytes()[..at]);
        prop_assert!(json::decode::<SendMessageInput>(&body.as_bytes()[..at]).is_err());
    }

    #[test]
    fn any_body_arrives_as_it_was_sent(text in legal_text(), delay in option::of(any::<i64>())) {
        let body = json!({"QueueUrl": "q", "MessageBody": text, "DelaySeconds": delay});
        let expected = SendMessageInput {
            queue_url: Some("q".to_owned()),
            message_body: Some(text.clone()),
            delay_seconds: delay,
            ..SendMessageInput::default()
        };
        prop_assert_eq!(json::decode(body.to_string().as_bytes()), Ok(expected.clone()));
        prop_assert_eq!(json::decode(ascii(&body.to_string()).as_bytes()), Ok(expected));
    }

    #[test]
    fn any_body_leaves_as_it_is_kept(text in any::<String>()) {
        let message = Message { body: text.as_str(), ..Message::default() };
        let output = ReceiveMessageOutput { messages: vec![message] };
        let parsed: Value = serde_json::from_slice(&json::encode(&output)).unwrap();
        prop_assert_eq!(&parsed["Messages"][0]["Body"], &Value::from(text));
    }

    #[test]
    fn message_attributes_survive_the_wire(
        values in btree_map(any::<String>(), (legal_text(), vec(any::<u8>(), 0..50)), 0..10),
    ) {
        let to_value = |(text, bytes)| MessageAttributeValue {
            data_type: Some("Binary".to_owned()),
            string_value: Some(text),
            binary_value: Some(bytes),
            ..MessageAttributeValue::default()
        };
        let values = values.into_iter().map(|(name, value)| (name, to_value(value)));
        let message =
            Message { message_attributes: values.collect(), body: "", ..Message::default() };
        let sent: SendMessageInput = json::decode(&json::encode(&message)).unwrap();
        prop_assert_eq!(sent.message_attributes.unwrap_or_default(), message.message_attributes);
    }

    #[test]
    fn an_errors_sentence_survives_the_wire(message in any::<String>()) {
        let error = WireError::new(ErrorKind::InvalidParameterValue, message.clone());
        let parsed: Value = serde_json::from_slice(&json::encode_error(&error)).unwrap();
        prop_assert_eq!(&parsed["message"], &Value::from(message));
    }

    #[test]
    fn any_headers_name_an_operation_or_none(
        method in ".*",
        content_type in option::of(".*"),
        target in option::of(".*"),
    ) {
        let (content_type, target) = (content_type.as_deref(), target.as_deref());
        let head = Head { method: &method, content_type, target, ..Head::default() };
        head.protocol();
        match head.target_operation() {
            Ok(Operation { service, action }) => {
                prop_assert_eq!(Some(format!("{service}.{action}")), target.map(str::to_owned));
            }
            Err(error) => prop_assert_eq!(error.kind, ErrorKind::UnknownOperation),
        }
    }
}

/// The same JSON in ASCII, as Python writes it.
fn ascii(json: &str) -> String {
    let mut units = [0; 2];
    let escape = |c: char| match c {
        ' '..='~' => c.to_string(),
        _ => c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(escape).collect()
}
