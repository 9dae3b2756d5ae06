//! The Query protocol's answers to requests that accept `application/json`, as API Gateway's do:
//! the elements of XML, written in JSON.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::WireError;
use crate::form::{self, Member, QueryForm, Shape};
use crate::json;

/// Encodes the output of `action`.
pub fn encode<T: Serialize + QueryForm>(action: &str, request_id: &str, output: &T) -> Vec<u8> {
    let output = serde_json::from_slice(&json::encode(output)).expect("it was just encoded");
    let result = (format!("{action}Result"), to_query_form(output, T::MEMBERS));
    answer(action, request_id, Map::from_iter([result]))
}

/// Encodes the success of an action that has no output.
pub fn encode_nothing(action: &str, request_id: &str) -> Vec<u8> {
    answer(action, request_id, Map::new())
}

/// Encodes an error.
pub fn encode_error(error: &WireError, request_id: &str) -> Vec<u8> {
    let (code, fault) = (error.kind.query_code(), error.kind.fault().as_str());
    let error = json!({ "Code": code, "Message": error.query_message(), "Type": fault });
    json!({ "Error": error, "RequestId": request_id }).to_string().into_bytes()
}

fn answer(action: &str, request_id: &str, mut response: Map<String, Value>) -> Vec<u8> {
    response.insert("ResponseMetadata".to_owned(), json!({ "RequestId": request_id }));
    let response = (format!("{action}Response"), Value::Object(response));
    Value::Object(Map::from_iter([response])).to_string().into_bytes()
}

/// Maps become lists of names and values; lists are called in lower case, as in `queueUrls`.
fn to_query_form(value: Value, members: &'static [Member]) -> Value {
    let Value::Object(object) = value else { return value };
    let reformed = object.into_iter().map(|(name, value)| match form::find(members, &name) {
        None => (name, value),
        Some(Member { shape: Shape::Map(key, value_name), of, .. }) => {
            (name, to_entries(value, key, value_name, of))
        }
        Some(Member { shape: Shape::Members, of, .. }) => (name, to_elements(value, of)),
        Some(Member { shape: Shape::Struct, of, .. }) => (name, to_query_form(value, of)),
        Some(Member { of, .. }) => (lower_case(&name), to_elements(value, of)),
    });
    Value::Object(reformed.collect())
}

fn to_entries(map: Value, key: &str, value_name: &str, of: &'static [Member]) -> Value {
    let Value::Object(map) = map else { return map };
    let entry = |(name, value)| json!({ key: name, value_name: to_query_form(value, of) });
    map.into_iter().map(entry).collect()
}

fn to_elements(list: Value, of: &'static [Member]) -> Value {
    let Value::Array(list) = list else { return list };
    list.into_iter().map(|element| to_query_form(element, of)).collect()
}

fn lower_case(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_lowercase() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::sqs::{ListQueuesOutput, Message, MessageAttributeValue, ReceiveMessageOutput};

    fn read(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn an_answer_names_its_action_and_its_request() {
        let output = ListQueuesOutput { queue_urls: vec!["u".to_owned()], next_token: None };
        let expected = json!({ "ListQueuesResponse": {
            "ListQueuesResult": { "queueUrls": ["u"] },
            "ResponseMetadata": { "RequestId": "id" },
        } });
        assert_eq!(read(&encode("ListQueues", "id", &output)), expected);
        let expected =
            json!({ "DeleteQueueResponse": { "ResponseMetadata": { "RequestId": "id" } } });
        assert_eq!(read(&encode_nothing("DeleteQueue", "id")), expected);
    }

    #[test]
    fn maps_are_lists_of_names_and_values() {
        let value =
            MessageAttributeValue { binary_value: Some(vec![1, 2, 3]), ..Default::default() };
        let message = Message {
            body: "hi",
            attributes: [("a".to_owned(), "1".to_owned())].into(),
            message_attributes: [("b".to_owned(), value)].into(),
            ..Default::default()
        };
        let output = ReceiveMessageOutput { messages: vec![message] };
        let answer = read(&encode("ReceiveMessage", "id", &output));
        let message = &answer["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"][0];
        assert_eq!(message["Body"], "hi");
        assert_eq!(message["Attributes"], json!([{ "Name": "a", "Value": "1" }]));
        let expected = json!([{ "Name": "b", "Value": { "BinaryValue": "AQID" } }]);
        assert_eq!(message["MessageAttributes"], expected);
    }

    #[test]
    fn an_error_names_its_code_and_its_request() {
        let error = WireError::new(ErrorKind::UnknownOperation, "No.");
        let expected = json!({
            "Error": { "Code": "InvalidAction", "Message": "No.", "Type": "Sender" },
            "RequestId": "id",
        });
        assert_eq!(read(&encode_error(&error, "id")), expected);
    }
}
