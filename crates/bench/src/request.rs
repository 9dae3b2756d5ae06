use std::io::Write;

use crate::message::Message;

/// The head of an action's requests, all but the length of the body.
pub(crate) struct Template {
    head: Vec<u8>,
}

/// `DeleteMessage` requests: the same bytes around ever other receipt handles.
pub(crate) struct DeleteRequest {
    template: Template,
    body_start: Vec<u8>,
}

impl Template {
    /// The headers are those an SDK sends, with a signature that is well-formed
    /// and never valid: the server under load runs without authentication.
    pub(crate) fn new(authority: &str, action: &str) -> Template {
        let head = format!(
            "POST / HTTP/1.1\r\n\
             Host: {authority}\r\n\
             Content-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AmazonSQS.{action}\r\n\
             x-amzn-query-mode: true\r\n\
             X-Amz-Date: 20260101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/sqs/aws4_request, \
             SignedHeaders=host, Signature=00\r\n\
             Content-Length: "
        );
        Template { head: head.into_bytes() }
    }

    /// The bytes of one whole request.
    pub(crate) fn request(&self, body: &[u8]) -> Vec<u8> {
        let mut request = Vec::with_capacity(self.head.len() + body.len() + 16);
        self.start(body.len(), &mut request);
        request.extend_from_slice(body);
        request
    }

    /// Replaces `request` with a head for a body of `body_bytes`, which is to follow.
    fn start(&self, body_bytes: usize, request: &mut Vec<u8>) {
        request.clear();
        request.extend_from_slice(&self.head);
        write!(request, "{body_bytes}\r\n\r\n").expect("a Vec takes every write");
    }
}

impl DeleteRequest {
    pub(crate) fn new(authority: &str, queue_url: &str) -> DeleteRequest {
        let queue_url = json_text(queue_url);
        DeleteRequest {
            template: Template::new(authority, "DeleteMessage"),
            body_start: format!(r#"{{"QueueUrl":{queue_url},"ReceiptHandle":"#).into_bytes(),
        }
    }

    /// Replaces `request` with the bytes that delete what `receipt_handle` names.
    pub(crate) fn write(&self, receipt_handle: &str, scratch: &mut Vec<u8>, request: &mut Vec<u8>) {
        scratch.clear();
        serde_json::to_writer(&mut *scratch, receipt_handle).expect("text is valid JSON");
        self.template.start(self.body_start.len() + scratch.len() + 1, request);
        request.extend_from_slice(&self.body_start);
        request.extend_from_slice(scratch);
        request.push(b'}');
    }
}

pub(crate) fn send(authority: &str, queue_url: &str, message: &Message) -> Vec<u8> {
    let (queue_url, body) = (json_text(queue_url), &message.body);
    let input = format!(r#"{{"QueueUrl":{queue_url},"MessageBody":"{body}"}}"#);
    Template::new(authority, "SendMessage").request(input.as_bytes())
}

pub(crate) fn send_batch(
    authority: &str,
    queue_url: &str,
    message: &Message,
    entries: usize,
) -> Vec<u8> {
    let (queue_url, body) = (json_text(queue_url), &message.body);
    let entries: Vec<String> =
        (0..entries).map(|id| format!(r#"{{"Id":"{id}","MessageBody":"{body}"}}"#)).collect();
    let input = format!(r#"{{"QueueUrl":{queue_url},"Entries":[{}]}}"#, entries.join(","));
    Template::new(authority, "SendMessageBatch").request(input.as_bytes())
}

pub(crate) fn receive(authority: &str, queue_url: &str) -> Vec<u8> {
    let queue_url = json_text(queue_url);
    let input =
        format!(r#"{{"QueueUrl":{queue_url},"MaxNumberOfMessages":1,"WaitTimeSeconds":0}}"#);
    Template::new(authority, "ReceiveMessage").request(input.as_bytes())
}

/// `text` as a JSON string, quotes included.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("text is valid JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:9324/000000000000/orders";

    /// The target and the body of a request, once its head was found to be sound.
    fn parsed(request: &[u8]) -> (String, serde_json::Value) {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut head = httparse::Request::new(&mut headers);
        let head_bytes = head.parse(request).expect("a valid head").unwrap();
        let value = |name: &str| {
            let header = head.headers.iter().find(|header| header.name == name).expect(name);
            std::str::from_utf8(header.value).expect("ASCII").to_owned()
        };
        let body = &request[head_bytes..];
        assert_eq!((head.method, head.path), (Some("POST"), Some("/")));
        assert_eq!(value("Host"), "127.0.0.1:9324");
        assert_eq!(value("Content-Type"), "application/x-amz-json-1.0");
        assert_eq!(value("Content-Length"), body.len().to_string());
        assert_eq!(
            value("Authorization"),
            "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=00"
        );
        (value("X-Amz-Target"), serde_json::from_slice(body).expect("a JSON body"))
    }

    #[test]
    fn each_request_is_what_an_sdk_sends() {
        let message = Message::of_size(3);
        let (target, input) = parsed(&send("127.0.0.1:9324", URL, &message));
        assert_eq!(target, "AmazonSQS.SendMessage");
        assert_eq!(input, serde_json::json!({"QueueUrl": URL, "MessageBody": "012"}));

        let (target, input) = parsed(&send_batch("127.0.0.1:9324", URL, &message, 2));
        let entries = serde_json::json!([{"Id": "0", "MessageBody": "012"}, {"Id": "1", "MessageBody": "012"}]);
        assert_eq!(target, "AmazonSQS.SendMessageBatch");
        assert_eq!(input, serde_json::json!({"QueueUrl": URL, "Entries": entries}));

        let (target, input) = parsed(&receive("127.0.0.1:9324", URL));
        assert_eq!(target, "AmazonSQS.ReceiveMessage");
        assert_eq!(
            input,
            serde_json::json!({"QueueUrl": URL, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 0})
        );
    }

    #[test]
    fn a_reused_buffer_holds_the_last_delete_alone() {
        let delete = DeleteRequest::new("127.0.0.1:9324", URL);
        let (mut scratch, mut request) = (Vec::new(), Vec::new());
        for receipt_handle in ["a-much-longer-receipt-handle", "short", "with \"quotes\" and \\"] {
            delete.write(receipt_handle, &mut scratch, &mut request);
            let (target, input) = parsed(&request);
            assert_eq!(target, "AmazonSQS.DeleteMessage");
            assert_eq!(
                input,
                serde_json::json!({"QueueUrl": URL, "ReceiptHandle": receipt_handle})
            );
        }
    }
}
