//! The Query protocol's answers, in XML.

mod element;

use serde::Serialize;

use crate::error::WireError;
use crate::form::QueryForm;
use crate::service::Service;
use element::{Element, push_text};

/// Encodes the output of `action`.
pub fn encode<T: Serialize + QueryForm>(
    service: Service,
    action: &str,
    request_id: &str,
    output: &T,
) -> Vec<u8> {
    let mut xml = String::with_capacity(512);
    open(&mut xml, service, action);
    let result = format!("{action}Result");
    let result = Element::new(&mut xml, &result, T::MEMBERS);
    output.serialize(result).expect("memory takes any text");
    close(xml, action, request_id)
}

/// Encodes the success of an action that has no output.
pub fn encode_nothing(service: Service, action: &str, request_id: &str) -> Vec<u8> {
    let mut xml = String::with_capacity(512);
    open(&mut xml, service, action);
    close(xml, action, request_id)
}

/// Encodes an error. Only those of SQS have a detail, which is empty.
pub fn encode_error(service: Service, error: &WireError, request_id: &str) -> Vec<u8> {
    let mut xml = format!(
        "{DECLARATION}<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>{}</Code><Message>",
        service.namespace(),
        error.kind.fault().as_str(),
        error.kind.query_code(),
    );
    push_text(&mut xml, error.query_message());
    xml.push_str("</Message>");
    if service == Service::Sqs {
        xml.push_str("<Detail/>");
    }
    xml.push_str("</Error><RequestId>");
    push_text(&mut xml, request_id);
    xml.push_str("</RequestId></ErrorResponse>");
    xml.into_bytes()
}

const DECLARATION: &str = "<?xml version=\"1.0\"?>";

fn open(xml: &mut String, service: Service, action: &str) {
    let namespace = service.namespace();
    *xml += &format!("{DECLARATION}<{action}Response xmlns=\"{namespace}\">");
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
        assert_eq!(str::from_utf8(&encode_error(Service::Sqs, &error, "id")), Ok(expected));
    }

    #[test]
    fn the_server_is_called_receiver() {
        let error = WireError::new(ErrorKind::InternalFailure, "");
        let xml = String::from_utf8(encode_error(Service::Sqs, &error, "id")).unwrap();
        assert!(xml.contains("<Type>Receiver</Type>"), "{xml}");
    }

    #[test]
    fn a_missing_queue_is_worded_as_query_clients_know_it() {
        let message = crate::error::QUEUE_DOES_NOT_EXIST;
        let error = WireError::new(ErrorKind::QueueDoesNotExist, message);
        let xml = String::from_utf8(encode_error(Service::Sqs, &error, "id")).unwrap();
        let expected =
            "<Message>The specified queue does not exist for this wsdl version.</Message>";
        assert!(xml.contains(expected), "{xml}");
    }

    #[test]
    fn an_action_without_output_has_no_result_element() {
        let xml = encode_nothing(Service::Sqs, "DeleteQueue", "id");
        let expected = "<?xml version=\"1.0\"?>\
            <DeleteQueueResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
            <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteQueueResponse>";
        assert_eq!(str::from_utf8(&xml), Ok(expected));
    }

    #[test]
    fn an_error_of_iam_has_no_detail() {
        let error = WireError::new(ErrorKind::NoSuchEntity, "gone");
        let expected = "<?xml version=\"1.0\"?>\
            <ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error>\
            <Type>Sender</Type><Code>NoSuchEntity</Code><Message>gone</Message></Error>\
            <RequestId>id</RequestId></ErrorResponse>";
        assert_eq!(str::from_utf8(&encode_error(Service::Iam, &error, "id")), Ok(expected));
    }
}
