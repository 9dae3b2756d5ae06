//! `formiga queue send --lines`: standard input, ten lines to a request.

use std::io::{self, BufRead};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::send::Extras;
use crate::error::{CliError, NOT_ANSWERED, code_of};
use crate::output::Output;
use crate::progress::{Progress, line, messages};

/// "The maximum number of entries per request is 10."
const ENTRIES_MAX: usize = 10;

/// "The total size of all messages that you send in a single SendMessageBatch call can't exceed
/// 1,048,576 bytes."
const BATCH_BYTES_MAX: usize = 1_048_576;

/// A request waits for further lines no longer than this: `tail -f` must not hold lines back.
const LINGER: Duration = Duration::from_millis(20);

/// How often an entry is sent that fails through no fault of the sender, and how long the first
/// pause is; each further one is twice as long.
const ATTEMPTS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// How many failures are told one by one. The lines of a request that failed are told beyond that:
/// nothing is sent after them, and whoever goes on must know them.
const FAILURES_SHOWN: usize = 20;

/// A line of the input, counted from 1.
struct Line {
    number: u64,
    body: String,
}

/// A line that was not sent, and why.
struct Failure {
    line: u64,
    code: String,
    message: String,
    sender_fault: bool,
}

/// What became of the lines.
#[derive(Default)]
struct Tally {
    seen: u64,
    sent: u64,
    failed: u64,
    empty: u64,
    failures: Vec<Failure>,
    /// The first of the lines that no request was made for, if not all of the input was sent.
    unsent_from: Option<u64>,
}

/// Sends each line of standard input, in order.
pub(crate) async fn send_lines(
    client: &Client,
    url: &str,
    extras: &Extras,
    output: Output,
) -> Result<(), CliError> {
    let mut progress = Progress::new("sent", !output.json);
    let mut tally = Tally::default();
    let outcome = send_all(client, url, extras, &mut tally, &mut progress).await;
    let elapsed = progress.end();
    for failure in &tally.failures {
        output.remark(&format!("line {}: {}: {}", failure.line, failure.code, failure.message));
    }
    let mut text = line("sent", tally.sent, elapsed);
    for (count, what) in [(tally.failed, "failed"), (tally.empty, "empty and left out")] {
        if count > 0 {
            text.push_str(&format!("; {} {what}", messages(count)));
        }
    }
    if let Some(line) = tally.unsent_from {
        text.push_str(&format!("; nothing was sent from line {line} on"));
    }
    let mut document = tally.to_json();
    document["seconds"] = json!(elapsed.as_secs_f64());
    output.result(&document, &text)?;
    outcome?;
    match tally.failed {
        0 => Ok(()),
        failed => Err(CliError::incomplete(format!("{} not sent", messages(failed)))),
    }
}

async fn send_all(
    client: &Client,
    url: &str,
    extras: &Extras,
    tally: &mut Tally,
    progress: &mut Progress,
) -> Result<(), CliError> {
    let mut input = read_lines();
    let mut next = None;
    loop {
        let batch = gather(&mut input, &mut next, extras.size(), tally).await?;
        if batch.is_empty() {
            return Ok(());
        }
        let sent = send_batch(client, url, extras, batch, tally).await;
        progress.show(tally.sent);
        if sent.is_err() {
            tally.unsent_from = Some(next.map_or(tally.seen + 1, |line| line.number));
            return sent;
        }
    }
}

/// Reads standard input on a thread of its own, a little ahead of what is sent.
fn read_lines() -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(256);
    std::thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n') {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The lines of the next request; none at the end of the input. A line that does not fit any more
/// is left in `next`.
async fn gather(
    input: &mut mpsc::Receiver<io::Result<Vec<u8>>>,
    next: &mut Option<Line>,
    extra: usize,
    tally: &mut Tally,
) -> Result<Vec<Line>, CliError> {
    let mut batch: Vec<Line> = next.take().into_iter().collect();
    let mut size: usize = batch.iter().map(|line| line.body.len() + extra).sum();
    while batch.len() < ENTRIES_MAX {
        let bytes = match batch.is_empty() {
            true => input.recv().await,
            false => match timeout(LINGER, input.recv()).await {
                Ok(bytes) => bytes,
                Err(_) => return Ok(batch),
            },
        };
        let bytes = bytes.transpose().inspect_err(|_| {
            tally.unsent_from = Some(batch.first().map_or(tally.seen + 1, |line| line.number));
        });
        let Some(bytes) = bytes? else { break };
        let Some(line) = tally.accept(bytes, extra) else { continue };
        size += line.body.len() + extra;
        if size > BATCH_BYTES_MAX {
            *next = Some(line);
            break;
        }
        batch.push(line);
    }
    Ok(batch)
}

/// Sends lines until each is sent or failed for good.
async fn send_batch(
    client: &Client,
    url: &str,
    extras: &Extras,
    mut batch: Vec<Line>,
    tally: &mut Tally,
) -> Result<(), CliError> {
    for attempt in 1.. {
        let entries = batch.iter().map(|line| entry(line, extras)).collect::<Result<_, _>>()?;
        let request = client.send_message_batch().queue_url(url).set_entries(Some(entries));
        let answer = request.send().await.inspect_err(|_| tally.fail_request(&batch))?;
        let again = |line| tally.absorb(line, &answer, attempt);
        batch = batch.into_iter().filter_map(again).collect();
        if batch.is_empty() {
            return Ok(());
        }
        sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
    }
    Ok(())
}

fn entry(line: &Line, extras: &Extras) -> Result<SendMessageBatchRequestEntry, CliError> {
    SendMessageBatchRequestEntry::builder()
        .id(line.id())
        .message_body(&line.body)
        .set_delay_seconds(extras.delay_seconds())
        .set_message_attributes(extras.attributes())
        .set_message_group_id(extras.group_id.clone())
        .build()
        .map_err(|error| CliError::new("InvalidRequest", error.to_string()))
}

impl Line {
    fn id(&self) -> String {
        self.number.to_string()
    }
}

impl Tally {
    /// A line that can be sent. An entry that is too large would fail its whole request, so it is
    /// not sent at all.
    fn accept(&mut self, bytes: Vec<u8>, extra: usize) -> Option<Line> {
        self.seen += 1;
        let number = self.seen;
        let bytes = without_return(bytes);
        if bytes.is_empty() {
            self.empty += 1;
            return None;
        }
        if bytes.len() + extra > BATCH_BYTES_MAX {
            let sentence = format!("Message must be shorter than {BATCH_BYTES_MAX} bytes.");
            self.fail(number, "InvalidParameterValue", &sentence, true);
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(body) => Some(Line { number, body }),
            Err(_) => {
                self.fail(number, "InvalidMessageContents", "The line is not UTF-8.", true);
                None
            }
        }
    }

    /// Counts a line as the answer tells; gives it back if it is to be sent again.
    fn absorb(
        &mut self,
        line: Line,
        answer: &SendMessageBatchOutput,
        attempt: u32,
    ) -> Option<Line> {
        let id = line.id();
        match answer.failed().iter().find(|entry| entry.id() == id) {
            Some(entry) if !entry.sender_fault() && attempt < ATTEMPTS_MAX => return Some(line),
            Some(entry) => {
                let message = entry.message().unwrap_or("the endpoint gave no reason");
                self.fail(line.number, code_of(entry.code()), message, entry.sender_fault());
            }
            None if answer.successful().iter().any(|entry| entry.id() == id) => self.sent += 1,
            None => {
                let sentence = "the endpoint did not tell what became of it";
                self.fail(line.number, NOT_ANSWERED, sentence, false);
            }
        }
        None
    }

    fn fail(&mut self, line: u64, code: &str, message: &str, sender_fault: bool) {
        self.failed += 1;
        if self.failures.len() < FAILURES_SHOWN {
            let (code, message) = (code.to_owned(), message.to_owned());
            self.failures.push(Failure { line, code, message, sender_fault });
        }
    }

    fn fail_request(&mut self, batch: &[Line]) {
        self.failed += batch.len() as u64;
        self.failures.extend(batch.iter().map(|line| Failure {
            line: line.number,
            code: "RequestFailed".to_owned(),
            message: "its request failed; it may have been sent all the same".to_owned(),
            sender_fault: false,
        }));
    }

    fn to_json(&self) -> Value {
        let failure = |one: &Failure| {
            json!({
                "line": one.line,
                "Code": one.code,
                "Message": one.message,
                "SenderFault": one.sender_fault,
            })
        };
        let failures: Vec<_> = self.failures.iter().map(failure).collect();
        let mut document = json!({
            "sent": self.sent,
            "failed": self.failed,
            "empty": self.empty,
            "failures": failures,
        });
        if let Some(line) = self.unsent_from {
            document["unsent_from"] = json!(line);
        }
        document
    }
}

/// Lines of Windows end in a return as well.
fn without_return(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(lines: &[&[u8]]) -> mpsc::Receiver<io::Result<Vec<u8>>> {
        let (sender, receiver) = mpsc::channel(lines.len().max(1));
        for line in lines {
            sender.try_send(Ok(line.to_vec())).expect("there is room");
        }
        receiver
    }

    async fn batches(lines: &[&[u8]], extra: usize) -> (Vec<Vec<u64>>, Tally) {
        let (mut input, mut next, mut tally) = (input(lines), None, Tally::default());
        let mut batches = Vec::new();
        loop {
            let batch = gather(&mut input, &mut next, extra, &mut tally).await.unwrap();
            if batch.is_empty() {
                return (batches, tally);
            }
            batches.push(batch.iter().map(|line| line.number).collect());
        }
    }

    #[tokio::test]
    async fn ten_lines_go_into_a_request() {
        let (batches, _) = batches(&[b"x".as_slice(); 12], 0).await;
        assert_eq!(batches, [(1..=10).collect::<Vec<_>>(), vec![11, 12]]);
    }

    #[tokio::test]
    async fn a_request_holds_at_most_one_mebibyte() {
        let half = vec![b'x'; BATCH_BYTES_MAX / 2];
        let (fit, _) = batches(&[&half, &half, b"x"], 0).await;
        assert_eq!(fit, [vec![1, 2], vec![3]]);
        let (apart, _) = batches(&[&half, &half, b"x"], 1).await;
        assert_eq!(apart, [vec![1], vec![2, 3]], "attributes count");
    }

    #[tokio::test]
    async fn lines_that_cannot_be_sent_fail_alone() {
        let large = vec![b'x'; BATCH_BYTES_MAX + 1];
        let (sent, tally) = batches(&[b"a\r", b"", b"\xff", &large, b"b"], 0).await;
        assert_eq!(sent, [[1, 5]]);
        assert_eq!((tally.empty, tally.failed), (1, 2));
        let told: Vec<_> = tally.failures.iter().map(|one| (one.line, one.code.as_str())).collect();
        assert_eq!(told, [(3, "InvalidMessageContents"), (4, "InvalidParameterValue")]);
    }

    #[tokio::test]
    async fn an_input_that_cannot_be_read_further_tells_where_it_ended() {
        for (good, unsent_from) in [(vec![], 1), (vec![b"".to_vec(), b"a".to_vec()], 2)] {
            let (sender, mut input) = mpsc::channel(3);
            let lines = good.into_iter().map(Ok).chain([Err(io::Error::other("gone"))]);
            lines.for_each(|line| sender.try_send(line).expect("there is room"));
            let mut tally = Tally::default();
            assert!(gather(&mut input, &mut None, 0, &mut tally).await.is_err());
            assert_eq!(tally.unsent_from, Some(unsent_from));
        }
    }

    #[test]
    fn all_lines_of_a_request_that_failed_are_told() {
        let mut tally = Tally::default();
        (1..=30).for_each(|line| tally.fail(line, "InternalError", "no", false));
        tally.fail_request(&[Line { number: 31, body: "a".to_owned() }]);
        let told: Vec<_> = tally.failures.iter().map(|one| one.line).collect();
        assert_eq!(told, (1..=20).chain([31]).collect::<Vec<_>>());
        assert_eq!(tally.failed, 31);
    }
}
