use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

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

/// `SendMessage` or `SendMessageBatch` requests. For a standard queue all are the same bytes; for
/// a FIFO queue each message has a deduplication id of its own, and groups take turns.
pub(crate) struct SendRequest {
    request: Vec<u8>,
    /// Where in the request each message's group and deduplication id have their digits.
    stamps: Vec<(usize, usize)>,
    groups: u64,
    next: AtomicU64,
}

/// Which message groups messages are sent to.
#[derive(Clone, Copy)]
pub(crate) enum Grouping {
    /// So many of a FIFO queue, in turn, each message with a deduplication id of its own.
    Fifo(u64),
    /// This one of a standard queue.
    Tenant(&'static str),
}

/// How many digits number groups and deduplication ids.
const DIGITS: usize = 12;

impl SendRequest {
    /// Requests that send one message, or so many in a batch.
    pub(crate) fn new(
        authority: &str,
        queue_url: &str,
        message: &Message,
        entries: Option<usize>,
        grouping: Option<Grouping>,
    ) -> SendRequest {
        let (queue_url, body) = (json_text(queue_url), &message.body);
        let zeros = "0".repeat(DIGITS);
        let run = RunId::of_now();
        let grouped = match grouping {
            Some(Grouping::Fifo(_)) => format!(
                r#","MessageGroupId":"group-{zeros}","MessageDeduplicationId":"{run}-{zeros}""#
            ),
            Some(Grouping::Tenant(group)) => format!(r#","MessageGroupId":"{group}""#),
            None => String::new(),
        };
        let (action, input) = match entries {
            None => (
                "SendMessage",
                format!(r#"{{"QueueUrl":{queue_url},"MessageBody":"{body}"{grouped}}}"#),
            ),
            Some(entries) => {
                let entry = |id| format!(r#"{{"Id":"{id}","MessageBody":"{body}"{grouped}}}"#);
                let entries: Vec<String> = (0..entries).map(entry).collect();
                let entries = entries.join(",");
                let input = format!(r#"{{"QueueUrl":{queue_url},"Entries":[{entries}]}}"#);
                ("SendMessageBatch", input)
            }
        };
        let request = Template::new(authority, action).request(input.as_bytes());
        let (group, id) = (format!("\"group-{zeros}"), format!("{run}-{zeros}"));
        let places = |text: &str| {
            let ends = find_all(&request, text.as_bytes());
            ends.into_iter().map(|start| start + text.len() - DIGITS).collect::<Vec<_>>()
        };
        let (groups, stamps) = match grouping {
            Some(Grouping::Fifo(groups)) => {
                (groups.max(1), places(&group).into_iter().zip(places(&id)).collect())
            }
            Some(Grouping::Tenant(_)) | None => (1, Vec::new()),
        };
        SendRequest { request, stamps, groups, next: AtomicU64::new(0) }
    }

    /// The next request; `scratch` holds it if it differs from the others.
    pub(crate) fn next<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        if self.stamps.is_empty() {
            return &self.request;
        }
        let first = self.next.fetch_add(self.stamps.len() as u64, Ordering::Relaxed);
        scratch.clear();
        scratch.extend_from_slice(&self.request);
        for ((group, id), number) in self.stamps.iter().zip(first..) {
            write_digits(&mut scratch[*group..*group + DIGITS], number % self.groups);
            write_digits(&mut scratch[*id..*id + DIGITS], number);
        }
        scratch
    }
}

/// Tells the deduplication ids of this run and request from those of all others.
struct RunId(u128);

impl RunId {
    fn of_now() -> RunId {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        RunId(now.as_nanos())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn write_digits(place: &mut [u8], number: u64) {
    let mut rest = number;
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
    }
}

/// Where `wanted` begins in `bytes`.
fn find_all(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(wanted.len()).enumerate();
    windows.filter(|(_, window)| *window == wanted).map(|(start, _)| start).collect()
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
        let (target, input) = parsed(&first(&message, None, None));
        assert_eq!(target, "AmazonSQS.SendMessage");
        assert_eq!(input, serde_json::json!({"QueueUrl": URL, "MessageBody": "012"}));

        let (target, input) = parsed(&first(&message, Some(2), None));
        let entries = serde_json::json!([{"Id": "0", "MessageBody": "012"}, {"Id": "1", "MessageBody": "012"}]);
        assert_eq!(target, "AmazonSQS.SendMessageBatch");
        assert_eq!(input, serde_json::json!({"QueueUrl": URL, "Entries": entries}));

        let (_, input) = parsed(&first(&message, None, Some(Grouping::Tenant("noisy"))));
        assert_eq!(
            input,
            serde_json::json!({"QueueUrl": URL, "MessageBody": "012", "MessageGroupId": "noisy"})
        );

        let (target, input) = parsed(&receive("127.0.0.1:9324", URL));
        assert_eq!(target, "AmazonSQS.ReceiveMessage");
        assert_eq!(
            input,
            serde_json::json!({"QueueUrl": URL, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 0})
        );
    }

    fn first(message: &Message, entries: Option<usize>, grouping: Option<Grouping>) -> Vec<u8> {
        let requests = SendRequest::new("127.0.0.1:9324", URL, message, entries, grouping);
        requests.next(&mut Vec::new()).to_vec()
    }

    #[test]
    fn to_a_fifo_queue_each_message_differs_and_groups_take_turns() {
        let message = Message::of_size(3);
        let requests =
            SendRequest::new("127.0.0.1:9324", URL, &message, Some(2), Some(Grouping::Fifo(3)));
        let (mut groups, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
        for _ in 0..3 {
            let (_, input) = parsed(requests.next(&mut Vec::new()));
            for entry in input["Entries"].as_array().unwrap() {
                let group = entry["MessageGroupId"].as_str().unwrap();
                groups.push(group.trim_start_matches("group-").parse::<u64>().unwrap());
                ids.insert(entry["MessageDeduplicationId"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!((groups, ids.len()), (vec![0, 1, 2, 0, 1, 2], 6));
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
