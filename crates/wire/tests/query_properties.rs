//! What holds for any input in the Query protocol: what is written as parameters is read as it was,
//! what is written as XML is read by any parser, and no bytes are too strange to be refused.

mod text;

use std::collections::BTreeMap;
use std::fmt::Debug;

use formiga_wire::error::{ErrorKind, WireError};
use formiga_wire::form::QueryForm;
use formiga_wire::query::{self, Parameters};
use formiga_wire::service::Service;
use formiga_wire::sqs::*;
use formiga_wire::{json, query_json, xml};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::de::DeserializeOwned;
use serde_json::Value;

use text::legal_text;

/// Parameters, written by a client that knows the names of AWS's documentation.
#[derive(Default)]
struct Form(Vec<(String, String)>);

impl Form {
    fn text(&mut self, path: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.0.push((path.to_owned(), value.clone()));
        }
    }

    fn integer(&mut self, path: &str, value: Option<i64>) {
        self.text(path, &value.map(|value| value.to_string()));
    }

    fn texts(&mut self, path: &str, values: &Option<Vec<String>>) {
        let Some(values) = values else { return };
        for (index, value) in values.iter().enumerate() {
            self.text(&format!("{path}.{}", index + 1), &Some(value.clone()));
        }
        if values.is_empty() {
            self.text(path, &Some(String::new()));
        }
    }

    fn map(&mut self, path: &str, key: &str, values: &Option<BTreeMap<String, String>>) {
        let Some(values) = values else { return };
        for (index, (name, value)) in values.iter().enumerate() {
            let path = format!("{path}.{}", index + 1);
            self.text(&format!("{path}.{key}"), &Some(name.clone()));
            self.text(&format!("{path}.Value"), &Some(value.clone()));
        }
        if values.is_empty() {
            self.text(path, &Some(String::new()));
        }
    }

    fn attributes(&mut self, path: &str, values: &Option<Attributes>) {
        let Some(values) = values else { return };
        for (index, (name, value)) in values.iter().enumerate() {
            let path = format!("{path}.{}", index + 1);
            self.text(&format!("{path}.Name"), &Some(name.clone()));
            let path = format!("{path}.Value");
            self.text(&format!("{path}.DataType"), &value.data_type);
            self.text(&format!("{path}.StringValue"), &value.string_value);
            self.text(&format!("{path}.BinaryValue"), &value.binary_value.as_deref().map(base64));
            self.texts(&format!("{path}.StringListValue"), &value.string_list_values);
            let binaries = value.binary_list_values.as_ref();
            let binaries = binaries.map(|list| list.iter().map(|bytes| base64(bytes)).collect());
            self.texts(&format!("{path}.BinaryListValue"), &binaries);
        }
        if values.is_empty() {
            self.text(path, &Some(String::new()));
        }
    }

    /// The parameters in an order of `seed`'s, each character escaped or not.
    fn write(mut self, seed: usize) -> String {
        if !self.0.is_empty() {
            let middle = seed % self.0.len();
            self.0.rotate_left(middle);
        }
        let pairs = self
            .0
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name, seed), escape(value, seed)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

type Attributes = BTreeMap<String, MessageAttributeValue>;

fn base64(bytes: &[u8]) -> String {
    let json = json::encode(&MessageAttributeValue {
        binary_value: Some(bytes.to_vec()),
        ..MessageAttributeValue::default()
    });
    let value: Value = serde_json::from_slice(&json).unwrap();
    value["BinaryValue"].as_str().unwrap().to_owned()
}

fn escape(text: &str, seed: usize) -> String {
    let escape = |byte: u8| match byte {
        b' ' if seed.is_multiple_of(2) => "+".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn read<T: DeserializeOwned + QueryForm>(form: Form, seed: usize) -> Result<T, WireError> {
    query::decode(&Parameters::parse(&[form.write(seed).as_bytes()])?)
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.-]{1,12}"
}

fn attribute() -> impl Strategy<Value = MessageAttributeValue> {
    let binary = || vec(any::<u8>(), 0..20);
    (
        option::of(name()),
        option::of(legal_text()),
        option::of(binary()),
        option::of(vec(any::<String>(), 0..3)),
        option::of(vec(binary(), 0..3)),
    )
        .prop_map(|(data_type, string_value, binary_value, strings, binaries)| {
            MessageAttributeValue {
                data_type,
                string_value,
                binary_value,
                string_list_values: strings,
                binary_list_values: binaries,
            }
        })
}

fn attributes() -> impl Strategy<Value = Option<Attributes>> {
    option::of(btree_map(any::<String>(), attribute(), 0..12))
}

fn entry() -> impl Strategy<Value = SendMessageBatchRequestEntry> {
    let text = || option::of(name());
    let body = option::of(legal_text());
    (text(), body, option::of(any::<i64>()), attributes(), attributes(), text(), text()).prop_map(
        |(id, body, delay_seconds, attributes, system_attributes, deduplication_id, group_id)| {
            SendMessageBatchRequestEntry {
                id,
                message_body: body,
                delay_seconds,
                message_attributes: attributes,
                message_system_attributes: system_attributes,
                message_deduplication_id: deduplication_id,
                message_group_id: group_id,
            }
        },
    )
}

fn write_entry(form: &mut Form, path: &str, entry: &SendMessageBatchRequestEntry) {
    form.text(&format!("{path}MessageBody"), &entry.message_body);
    form.integer(&format!("{path}DelaySeconds"), entry.delay_seconds);
    form.attributes(&format!("{path}MessageAttribute"), &entry.message_attributes);
    form.attributes(&format!("{path}MessageSystemAttribute"), &entry.message_system_attributes);
    form.text(&format!("{path}MessageDeduplicationId"), &entry.message_deduplication_id);
    form.text(&format!("{path}MessageGroupId"), &entry.message_group_id);
}

/// Decodes as every input. Whatever is refused is the sender's fault.
fn decode_as_every_input(body: &[u8]) {
    fn decode<T: DeserializeOwned + QueryForm + Debug>(parameters: &Parameters<'_>) {
        if let Err(error) = query::decode::<T>(parameters) {
            let kinds = [ErrorKind::InvalidParameterValue, ErrorKind::MissingParameter];
            assert!(kinds.contains(&error.kind), "{error}");
        }
    }
    match Parameters::parse(&[body]) {
        Err(error) => assert_eq!(error.kind, ErrorKind::MalformedInput),
        Ok(parameters) => {
            decode::<CreateQueueInput>(&parameters);
            decode::<GetQueueUrlInput>(&parameters);
            decode::<ListQueuesInput>(&parameters);
            decode::<DeleteQueueInput>(&parameters);
            decode::<GetQueueAttributesInput>(&parameters);
            decode::<SetQueueAttributesInput>(&parameters);
            decode::<PurgeQueueInput>(&parameters);
            decode::<TagQueueInput>(&parameters);
            decode::<UntagQueueInput>(&parameters);
            decode::<ListQueueTagsInput>(&parameters);
            decode::<AddPermissionInput>(&parameters);
            decode::<RemovePermissionInput>(&parameters);
            decode::<ListDeadLetterSourceQueuesInput>(&parameters);
            decode::<StartMessageMoveTaskInput>(&parameters);
            decode::<ListMessageMoveTasksInput>(&parameters);
            decode::<CancelMessageMoveTaskInput>(&parameters);
            decode::<SendMessageInput>(&parameters);
            decode::<SendMessageBatchInput>(&parameters);
            decode::<ReceiveMessageInput>(&parameters);
            decode::<DeleteMessageInput>(&parameters);
            decode::<DeleteMessageBatchInput>(&parameters);
            decode::<ChangeMessageVisibilityInput>(&parameters);
            decode::<ChangeMessageVisibilityBatchInput>(&parameters);
        }
    }
}

/// A query string in the vocabulary of the inputs, so that parameters often have a meaning.
fn any_query() -> impl Strategy<Value = String> {
    let steps = [
        "Attribute",
        "Attributes",
        "Tag",
        "AttributeName",
        "MessageAttribute",
        "Name",
        "Value",
        "Key",
        "key",
        "value",
        "member",
        "entry",
        "DataType",
        "BinaryValue",
        "StringListValue",
        "SendMessageBatchRequestEntry",
        "DeleteMessageBatchRequestEntry",
        "Entries",
        "Id",
        "MessageBody",
        "DelaySeconds",
        "MaxNumberOfMessages",
        "0",
        "1",
        "2",
        "01",
        "10",
        "",
    ];
    let path = vec(prop::sample::select(steps.to_vec()), 1..6);
    let value = prop_oneof!["[0-9]{0,3}", "[a-zA-Z+%/=]{0,6}", any::<String>()];
    let pair = (path, value).prop_map(|(path, value)| format!("{}={value}", path.join(".")));
    vec(pair, 0..12).prop_map(|pairs| pairs.join("&"))
}

/// The elements of an XML document as a parser reads them: paths and texts, in order.
fn parse(xml: &[u8]) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(str::from_utf8(xml).expect("XML is UTF-8"));
    reader.config_mut().check_end_names = true;
    let (mut path, mut texts) = (Vec::new(), Vec::new());
    let mut text = String::new();
    loop {
        match reader.read_event().expect("the XML is well-formed") {
            Event::Start(start) => {
                path.push(start.name().as_ref().to_owned());
                text.clear();
            }
            Event::Text(part) => text += &part.xml10_content(),
            Event::GeneralRef(reference) => {
                text.push(match reference.resolve_char_ref().unwrap() {
                    Some(c) => c,
                    None => match &*reference {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        other => panic!("{other} is no entity of XML"),
                    },
                });
            }
            Event::End(_) => {
                texts.push((path.join("/"), std::mem::take(&mut text)));
                path.pop();
            }
            Event::Eof => break,
            Event::Decl(_) | Event::Empty(_) => {}
            other => panic!("{other:?} is not expected"),
        }
    }
    assert!(path.is_empty(), "every element ends");
    texts
}

fn found(texts: &[(String, String)], end: &str) -> Vec<String> {
    let found = texts.iter().filter(|(path, _)| path.ends_with(end));
    found.map(|(_, text)| text.clone()).collect()
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(body in vec(any::<u8>(), 0..200)) {
        decode_as_every_input(&body);
    }

    #[test]
    fn any_parameters_decode_or_are_refused(query in any_query()) {
        decode_as_every_input(query.as_bytes());
    }

    #[test]
    fn a_message_arrives_as_it_was_sent(entry in entry(), url in option::of(any::<String>()), seed: usize) {
        let mut form = Form::default();
        form.text("QueueUrl", &url);
        write_entry(&mut form, "", &entry);
        let expected = SendMessageInput {
            queue_url: url,
            message_body: entry.message_body,
            delay_seconds: entry.delay_seconds,
            message_attributes: entry.message_attributes,
            message_system_attributes: entry.message_system_attributes,
            message_deduplication_id: entry.message_deduplication_id,
            message_group_id: entry.message_group_id,
        };
        prop_assert_eq!(read(form, seed), Ok(expected));
    }

    #[test]
    fn a_batch_arrives_as_it_was_sent(mut entries in vec(entry(), 0..12), seed: usize) {
        let mut form = Form::default();
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.id = Some(entry.id.take().unwrap_or_default()); // without any parameter there is no entry
            let path = format!("SendMessageBatchRequestEntry.{}.", index + 1);
            form.text(&format!("{path}Id"), &entry.id);
            write_entry(&mut form, &path, entry);
        }
        let expected = SendMessageBatchInput { queue_url: None, entries: Some(entries) };
        prop_assert_eq!(read(form, seed), Ok(expected));
    }

    #[test]
    fn the_other_batches_arrive_as_they_were_sent(
        entries in vec((any::<String>(), option::of(any::<String>()), option::of(any::<i64>())), 0..12),
        seed: usize,
    ) {
        let (mut deletes, mut changes) = (Form::default(), Form::default());
        for (index, (id, handle, timeout)) in entries.iter().enumerate() {
            for (action, form) in [("Delete", &mut deletes), ("ChangeMessageVisibility", &mut changes)] {
                let message = if action == "Delete" { "Message" } else { "" };
                let path = format!("{action}{message}BatchRequestEntry.{}", index + 1);
                form.text(&format!("{path}.Id"), &Some(id.clone()));
                form.text(&format!("{path}.ReceiptHandle"), handle);
                if action != "Delete" {
                    form.integer(&format!("{path}.VisibilityTimeout"), *timeout);
                }
            }
        }
        let expected = entries.iter().map(|(id, handle, _)| DeleteMessageBatchRequestEntry {
            id: Some(id.clone()),
            receipt_handle: handle.clone(),
        });
        let expected =
            DeleteMessageBatchInput { queue_url: None, entries: Some(expected.collect()) };
        prop_assert_eq!(read(deletes, seed), Ok(expected));
        let expected = entries.iter().map(|(id, handle, timeout)| {
            ChangeMessageVisibilityBatchRequestEntry {
                id: Some(id.clone()),
                receipt_handle: handle.clone(),
                visibility_timeout: *timeout,
            }
        });
        let expected = ChangeMessageVisibilityBatchInput {
            queue_url: None,
            entries: Some(expected.collect()),
        };
        prop_assert_eq!(read(changes, seed), Ok(expected));
    }

    #[test]
    fn a_queue_is_created_as_it_was_described(
        queue_name in option::of(any::<String>()),
        attributes in option::of(btree_map(any::<String>(), any::<String>(), 0..14)),
        tags in option::of(btree_map(any::<String>(), any::<String>(), 0..14)),
        keys in option::of(vec(any::<String>(), 0..14)),
        seed: usize,
    ) {
        let mut form = Form::default();
        form.text("QueueName", &queue_name);
        form.map("Attribute", "Name", &attributes);
        form.map("Tag", "Key", &tags);
        form.texts("TagKey", &keys);
        let query = form.write(seed);
        let parameters = Parameters::parse(&[query.as_bytes()]).unwrap();
        let expected = SetQueueAttributesInput { queue_url: None, attributes: attributes.clone() };
        prop_assert_eq!(query::decode(&parameters), Ok(expected));
        let expected = TagQueueInput { queue_url: None, tags: tags.clone() };
        prop_assert_eq!(query::decode(&parameters), Ok(expected));
        let expected = UntagQueueInput { queue_url: None, tag_keys: keys };
        prop_assert_eq!(query::decode(&parameters), Ok(expected));
        let expected = CreateQueueInput { queue_name, attributes, tags };
        prop_assert_eq!(query::decode(&parameters), Ok(expected));
    }

    #[test]
    fn a_receive_asks_for_what_was_asked_for(
        names in option::of(vec(any::<String>(), 0..14)),
        system_names in option::of(vec(any::<String>(), 0..14)),
        user_names in option::of(vec(any::<String>(), 0..14)),
        numbers in vec(option::of(any::<i64>()), 3),
        seed: usize,
    ) {
        let mut form = Form::default();
        form.texts("AttributeName", &names);
        form.texts("MessageSystemAttributeName", &system_names);
        form.texts("MessageAttributeName", &user_names);
        let expected = ReceiveMessageInput {
            attribute_names: names,
            message_system_attribute_names: system_names,
            message_attribute_names: user_names,
            max_number_of_messages: numbers[0],
            visibility_timeout: numbers[1],
            wait_time_seconds: numbers[2],
            ..ReceiveMessageInput::default()
        };
        form.integer("MaxNumberOfMessages", numbers[0]);
        form.integer("VisibilityTimeout", numbers[1]);
        form.integer("WaitTimeSeconds", numbers[2]);
        prop_assert_eq!(read(form, seed), Ok(expected));
    }

    #[test]
    fn any_body_leaves_as_it_is_kept(bodies in vec(legal_text(), 1..4)) {
        let messages: Vec<_> =
            bodies.iter().map(|body| Message { body: body.as_str(), ..Message::default() }).collect();
        let output = ReceiveMessageOutput { messages };
        let texts = parse(&xml::encode(Service::Sqs, "ReceiveMessage", "id", &output));
        prop_assert_eq!(found(&texts, "/ReceiveMessageResult/Message/Body"), bodies.clone());
        let json: Value =
            serde_json::from_slice(&query_json::encode("ReceiveMessage", "id", &output)).unwrap();
        let messages = &json["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"];
        prop_assert_eq!(&messages[0]["Body"], &Value::from(bodies[0].clone()));
    }

    #[test]
    fn attributes_leave_as_they_are_kept(
        values in btree_map(legal_text(), (legal_text(), vec(any::<u8>(), 0..50)), 0..10),
    ) {
        let to_value = |(text, bytes): &(String, Vec<u8>)| MessageAttributeValue {
            string_value: Some(text.clone()),
            binary_value: Some(bytes.clone()),
            ..MessageAttributeValue::default()
        };
        let attributes = values.iter().map(|(name, value)| (name.clone(), to_value(value)));
        let message =
            Message { message_attributes: attributes.collect(), body: "", ..Message::default() };
        let output = ReceiveMessageOutput { messages: vec![message] };
        let texts = parse(&xml::encode(Service::Sqs, "ReceiveMessage", "id", &output));
        let column = |end: &str| found(&texts, &format!("/Message/MessageAttribute/{end}"));
        prop_assert_eq!(column("Name"), values.keys().cloned().collect::<Vec<_>>());
        let (strings, binaries): (Vec<_>, Vec<_>) = values.into_values().unzip();
        prop_assert_eq!(column("Value/StringValue"), strings);
        let binaries: Vec<_> = binaries.iter().map(|bytes| base64(bytes)).collect();
        prop_assert_eq!(column("Value/BinaryValue"), binaries);
    }

    /// An error may quote what XML cannot carry.
    #[test]
    fn any_error_is_well_formed(message in any::<String>()) {
        let error = WireError::new(ErrorKind::InvalidParameterValue, message.clone());
        let texts = parse(&xml::encode_error(Service::Sqs, &error, "id"));
        let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
        let expected: String = message.chars().map(|c| if legal(c) { c } else { '\u{fffd}' }).collect();
        prop_assert_eq!(found(&texts, "ErrorResponse/Error/Message"), vec![expected]);
    }
}
