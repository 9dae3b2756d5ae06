use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::message::Message;
use crate::target::Target;

/// The head of an action's requests, all but what depends on the body and the time.
pub(crate) struct Template {
    target: Target,
    action: String,
    head: Vec<u8>,
}

/// A request that is always the same, but for its signature.
pub(crate) struct FixedRequest {
    template: Template,
    body: Vec<u8>,
    /// The whole of it, if it is not signed.
    bytes: Option<Vec<u8>>,
}

/// What a connection has ready of its next request. Signatures hold for a second, and making one
/// anew for the same bytes would only cost this tool's time: the server has to verify each.
#[derive(Default)]
pub(crate) struct Ready {
    body: Vec<u8>,
    request: Vec<u8>,
    second: u64,
}

/// `DeleteMessage` requests: the same bytes around ever other receipt handles.
pub(crate) struct DeleteRequest {
    template: Template,
    body_start: Vec<u8>,
}

/// `DeleteMessageBatch` requests, likewise.
pub(crate) struct DeleteBatchRequest {
    template: Template,
    body_start: Vec<u8>,
}

impl Template {
    /// The headers are those an SDK sends. Without a signer, the signature is well-formed and never
    /// valid: the server under load checks nobody.
    pub(crate) fn new(target: &Target, action: &str) -> Template {
        let authority = target.endpoint.authority();
        let mut head = format!(
            "POST / HTTP/1.1\r\n\
             Host: {authority}\r\n\
             Content-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AmazonSQS.{action}\r\n\
             x-amzn-query-mode: true\r\n"
        );
        if target.signer.is_none() {
            head.push_str(
                "X-Amz-Date: 20260101T000000Z\r\n\
                 Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/sqs/aws4_request, \
                 SignedHeaders=host, Signature=00\r\n",
            );
        }
        Template { target: target.clone(), action: action.to_owned(), head: head.into_bytes() }
    }

    /// The bytes of one whole request.
    pub(crate) fn request(&self, body: &[u8]) -> Vec<u8> {
        let mut request = Vec::with_capacity(self.head.len() + body.len() + 16);
        self.write(body, &mut request);
        request
    }

    /// Replaces `request` with one that has this body.
    fn write(&self, body: &[u8], request: &mut Vec<u8>) {
        request.clear();
        request.extend_from_slice(&self.head);
        if let Some(signer) = &self.target.signer {
            signer.sign(self.target.endpoint.authority(), &self.action, body, request);
        }
        write!(request, "Content-Length: {}\r\n\r\n", body.len()).expect("a Vec takes every write");
        request.extend_from_slice(body);
    }
}

impl Ready {
    /// The request that was made last.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }
}

impl FixedRequest {
    pub(crate) fn new(target: &Target, action: &str, input: &str) -> FixedRequest {
        let (template, body) = (Template::new(target, action), input.as_bytes().to_vec());
        let bytes = target.signer.is_none().then(|| template.request(&body));
        FixedRequest { template, body, bytes }
    }

    /// The request; `ready` is of this request alone.
    pub(crate) fn next<'a>(&'a self, ready: &'a mut Ready) -> &'a [u8] {
        if let Some(bytes) = &self.bytes {
            return bytes;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if ready.second != now {
            self.template.write(&self.body, &mut ready.request);
            ready.second = now;
        }
        &ready.request
    }
}

impl DeleteRequest {
    pub(crate) fn new(target: &Target, queue_url: &str) -> DeleteRequest {
        let queue_url = json_text(queue_url);
        DeleteRequest {
            template: Template::new(target, "DeleteMessage"),
            body_start: format!(r#"{{"QueueUrl":{queue_url},"ReceiptHandle":"#).into_bytes(),
        }
    }

    /// The bytes that delete what `receipt_handle` names.
    pub(crate) fn of<'a>(&self, receipt_handle: &str, ready: &'a mut Ready) -> &'a [u8] {
        ready.body.clear();
        ready.body.extend_from_slice(&self.body_start);
        serde_json::to_writer(&mut ready.body, receipt_handle).expect("text is valid JSON");
        ready.body.push(b'}');
        self.template.write(&ready.body, &mut ready.request);
        &ready.request
    }
}

impl DeleteBatchRequest {
    pub(crate) fn new(target: &Target, queue_url: &str) -> DeleteBatchRequest {
        let queue_url = json_text(queue_url);
        DeleteBatchRequest {
            template: Template::new(target, "DeleteMessageBatch"),
            body_start: format!(r#"{{"QueueUrl":{queue_url},"Entries":["#).into_bytes(),
        }
    }

    /// The bytes that delete what the receipt handles name.
    pub(crate) fn of<'a>(
        &self,
        receipt_handles: &[impl AsRef<str>],
        ready: &'a mut Ready,
    ) -> &'a [u8] {
        let Ready { body, request, .. } = ready;
        body.clear();
        body.extend_from_slice(&self.body_start);
        for (id, receipt_handle) in receipt_handles.iter().enumerate() {
            let comma = if id > 0 { "," } else { "" };
            write!(body, r#"{comma}{{"Id":"{id}","ReceiptHandle":"#)
                .expect("a Vec takes every write");
            serde_json::to_writer(&mut *body, receipt_handle.as_ref()).expect("text is valid JSON");
            body.push(b'}');
        }
        body.extend_from_slice(b"]}");
        self.template.write(body, request);
        request
    }
}

/// `SendMessage` or `SendMessageBatch` requests. For a standard queue all are the same bytes; for
/// a FIFO queue each message has a deduplication id of its own, and groups take turns.
pub(crate) struct SendRequest {
    fixed: FixedRequest,
    /// Where in the body each message's group and deduplication id have their digits.
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
        target: &Target,
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
        let (group, id) = (format!("\"group-{zeros}"), format!("{run}-{zeros}"));
        let places = |text: &str| {
            let starts = find_all(input.as_bytes(), text.as_bytes());
            starts.into_iter().map(|start| start + text.len() - DIGITS).collect::<Vec<_>>()
        };
        let (groups, stamps) = match grouping {
            Some(Grouping::Fifo(groups)) => {
                (groups.max(1), places(&group).into_iter().zip(places(&id)).collect())
            }
            Some(Grouping::Tenant(_)) | None => (1, Vec::new()),
        };
        let fixed = FixedRequest::new(target, action, &input);
        SendRequest { fixed, stamps, groups, next: AtomicU64::new(0) }
    }

    /// The next request; `ready` is of this request alone.
    pub(crate) fn next<'a>(&'a self, ready: &'a mut Ready) -> &'a [u8] {
        if self.stamps.is_empty() {
            return self.fixed.next(ready);
        }
        let first = self.next.fetch_add(self.stamps.len() as u64, Ordering::Relaxed);
        let Ready { body, request, .. } = ready;
        body.clear();
        body.extend_from_slice(&self.fixed.body);
        for ((group, id), number) in self.stamps.iter().zip(first..) {
            write_digits(&mut body[*group..*group + DIGITS], number % self.groups);
            write_digits(&mut body[*id..*id + DIGITS], number);
        }
        self.fixed.template.write(body, request);
        request
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

/// Requests for at most so many messages.
pub(crate) fn receive(target: &Target, queue_url: &str, messages: usize) -> FixedRequest {
    let queue_url = json_text(queue_url);
    let input = format!(
        r#"{{"QueueUrl":{queue_url},"MaxNumberOfMessages":{messages},"WaitTimeSeconds":0}}"#
    );
    FixedRequest::new(target, "ReceiveMessage", &input)
}

/// `text` as a JSON string, quotes included.
pub(crate) fn json_text(text: &str) -> String {
    serde_json::to_string(text).expect("text is valid JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:9324/000000000000/orders";

    fn target_of() -> Target {
        Target::unsigned(crate::client::Endpoint::parse("http://127.0.0.1:9324").unwrap())
    }

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

        let (target, input) = parsed(receive(&target_of(), URL, 1).next(&mut Ready::default()));
        assert_eq!(target, "AmazonSQS.ReceiveMessage");
        assert_eq!(
            input,
            serde_json::json!({"QueueUrl": URL, "MaxNumberOfMessages": 1, "WaitTimeSeconds": 0})
        );
    }

    fn first(message: &Message, entries: Option<usize>, grouping: Option<Grouping>) -> Vec<u8> {
        let requests = SendRequest::new(&target_of(), URL, message, entries, grouping);
        requests.next(&mut Ready::default()).to_vec()
    }

    #[test]
    fn to_a_fifo_queue_each_message_differs_and_groups_take_turns() {
        let message = Message::of_size(3);
        let requests =
            SendRequest::new(&target_of(), URL, &message, Some(2), Some(Grouping::Fifo(3)));
        let (mut groups, mut ids) = (Vec::new(), std::collections::BTreeSet::new());
        for _ in 0..3 {
            let (_, input) = parsed(requests.next(&mut Ready::default()));
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
        let delete = DeleteRequest::new(&target_of(), URL);
        let mut ready = Ready::default();
        for receipt_handle in ["a-much-longer-receipt-handle", "short", "with \"quotes\" and \\"] {
            let (target, input) = parsed(delete.of(receipt_handle, &mut ready));
            assert_eq!(target, "AmazonSQS.DeleteMessage");
            assert_eq!(
                input,
                serde_json::json!({"QueueUrl": URL, "ReceiptHandle": receipt_handle})
            );
        }
    }

    #[test]
    fn a_batch_deletes_each_of_its_handles() {
        let delete = DeleteBatchRequest::new(&target_of(), URL);
        let mut ready = Ready::default();
        let handles = ["a".to_owned(), "with \"quotes\"".to_owned()];
        for handles in [&handles[..], &handles[1..]] {
            let (target, input) = parsed(delete.of(handles, &mut ready));
            assert_eq!(target, "AmazonSQS.DeleteMessageBatch");
            let named = input["Entries"].as_array().unwrap().iter().enumerate();
            let named: Vec<_> = named
                .map(|(id, entry)| {
                    assert_eq!(entry["Id"], id.to_string());
                    entry["ReceiptHandle"].as_str().unwrap().to_owned()
                })
                .collect();
            assert_eq!(named, handles);
        }
    }

    #[test]
    fn a_signed_request_is_signed_anew_when_a_second_has_passed_or_the_body_differs() {
        let signed = |request: &[u8]| {
            let text = String::from_utf8(request.to_vec()).unwrap();
            let line = text.lines().find(|line| line.starts_with("authorization: ")).unwrap();
            assert!(
                line.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target"),
                "{line}"
            );
            line.to_owned()
        };
        let target = Target::for_test();
        let (fixed, mut ready) = (receive(&target, URL, 1), Ready::default());
        let first = signed(fixed.next(&mut ready));
        ready.second -= 1;
        ready.request.clear();
        assert_eq!(signed(fixed.next(&mut ready)).split('/').next(), first.split('/').next());
        let delete = DeleteRequest::new(&target, URL);
        let [a, b] = ["a", "b"].map(|handle| signed(delete.of(handle, &mut Ready::default())));
        assert_ne!(a, b);
    }
}
