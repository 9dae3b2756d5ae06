//! The Query protocol's answers, in XML.

mod element;

use serde::Serialize;

use crate::error::WireError;
use crate::form::QueryForm;
use element::{Element, push_text};

/// The namespace of the version 2012-11-05 of the API.
const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// Encodes the output of `action`.
pub fn encode<T: Serialize + QueryForm>(action: &str, request_id: &str, output: &T) -> Vec<u8> {
    let mut xml = String::with_capacity(512);
    open(&mut xml, action);
    let result = format!("{action}Result");
    let result = Element::new(&mut xml, &result, T::MEMBERS);
    output.serialize(result).expect("memory takes any text");
    close(xml, action, request_id)
}

/// Encodes the success of an action that has no output.
pub fn encode_nothing(action: &str, request_id: &str) -> Vec<u8> {
    let mut xml = String::with_capacity(512);
    open(&mut xml, action);
    close(xml, action, request_id)
}

/// Encodes an error.
pub fn encode_error(error: &WireError, request_id: &str) -> Vec<u8> {
    let mut xml = format!(
        "{DECLARATION}<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{}</Type><Code>{}</Code><Message>",
        error.kind.fault().as_str(),
        error.kind.query_code(),
    );
    push_text(&mut xml, error.query_message());
    xml.push_str("</Message><Detail/></Error><RequestId>");
    push_text(&mut xml, request_id);
    xml.push_str("</RequestId></ErrorResponse>");
    xml.into_bytes()
}

const DECLARATION: &str = "<?xml version=\"1.0\"?>";

fn open(xml: &mut String, action: &str) {
    *xml += &format!("{DECLARATION}<{action}Response xmlns=\"{NAMESPACE}\">");
}

fn close(mut xml: String, action: &str, request_id: &str) -> Vec<u8> {
    xml.push_str("<ResponseMetadata><RequestId>");
    push_text(&mut xml, request_id);
    xml += &format!("</RequestId></ResponseMetadata></{action}Response>");
    xml.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn an_error_has_its_elements_in_the_order_of_aws_edge_261() {
        let error = WireError::new(ErrorKind::InvalidParameterValue, "a < \"b\"");
        let expected = "<?xml version=\"1.0\"?>\
            <ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error>\
            <Type>Sender</Type><Code>InvalidParameterValue</Code>\
            <Message>a &lt; &quot;b&quot;</Message><Detail/></Error>\
            <RequestId>id</RequestId></ErrorResponse>";
        assert_eq!(str::from_utf8(&encode_error(&error, "id")), Ok(expected));
    }

    #[test]
    fn the_server_is_called_receiver() {
        let error = WireError::new(ErrorKind::InternalFailure, "");
        let xml = String::from_utf8(encode_error(&error, "id")).unwrap();
        assert!(xml.contains("<Type>Receiver</Type>"), "{xml}");
    }

    #[test]
    fn a_missing_queue_is_worded_as_query_clients_know_it() {
        let message = crate::error::QUEUE_DOES_NOT_EXIST;
        let error = WireError::new(ErrorKind::QueueDoesNotExist, message);
        let xml = String::from_utf8(encode_error(&error, "id")).unwrap();
        let expected =
            "<Message>The specified queue does not exist for this wsdl version.</Message>";
        assert!(xml.contains(expected), "{xml}");
    }

    #[test]
    fn an_action_without_output_has_no_result_element() {
        let xml = encode_nothing("DeleteQueue", "id");
        let expected = "<?xml version=\"1.0\"?>\
            <DeleteQueueResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
            <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteQueueResponse>";
        assert_eq!(str::from_utf8(&xml), Ok(expected));
    }
}
