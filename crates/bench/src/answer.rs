//! Verifies answers: each function returns what the load needs of one, or why it
//! is not what SQS answers.

use std::borrow::Cow;

use serde::Deserialize;

use crate::client::Answer;
use crate::error::BenchError;
use crate::message::Message;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateQueueOutput {
    queue_url: String,
}

#[derive(Deserialize)]
struct SendMessageOutput<'a> {
    #[serde(rename = "MD5OfMessageBody", borrow)]
    md5_of_message_body: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessageBatchOutput<'a> {
    #[serde(borrow, default)]
    successful: Vec<SendMessageOutput<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteMessageBatchOutput {
    #[serde(default)]
    successful: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveMessageOutput<'a> {
    #[serde(borrow, default)]
    messages: Vec<ReceivedMessage<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage<'a> {
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(rename = "MD5OfBody", borrow)]
    md5_of_body: Cow<'a, str>,
    #[serde(borrow)]
    receipt_handle: Cow<'a, str>,
}

/// The URL of the created queue.
pub(crate) fn created(answer: &Answer<'_>) -> Result<String, BenchError> {
    let output: CreateQueueOutput = output("CreateQueue", answer)?;
    Ok(output.queue_url)
}

/// That one message was sent whole.
pub(crate) fn sent(answer: &Answer<'_>, message: &Message) -> Result<(), BenchError> {
    const ACTION: &str = "SendMessage";
    let output: SendMessageOutput<'_> = output(ACTION, answer)?;
    if output.md5_of_message_body != message.md5 {
        return Err(BenchError::wrong_answer(
            ACTION,
            answer,
            "MD5OfMessageBody is not that of the sent body",
        ));
    }
    Ok(())
}

/// That every entry of a batch was sent whole.
pub(crate) fn batch_sent(
    answer: &Answer<'_>,
    message: &Message,
    entries: usize,
) -> Result<(), BenchError> {
    const ACTION: &str = "SendMessageBatch";
    let output: SendMessageBatchOutput<'_> = output(ACTION, answer)?;
    if output.successful.len() != entries {
        return Err(BenchError::wrong_answer(ACTION, answer, "not every entry was successful"));
    }
    if output.successful.iter().any(|entry| entry.md5_of_message_body != message.md5) {
        return Err(BenchError::wrong_answer(
            ACTION,
            answer,
            "MD5OfMessageBody is not that of the sent body",
        ));
    }
    Ok(())
}

/// The receipt handle of the one received message, or `None` if the queue seemed empty.
pub(crate) fn received<'a>(
    answer: &Answer<'a>,
    message: &Message,
) -> Result<Option<Cow<'a, str>>, BenchError> {
    Ok(all_received(answer, message, 1)?.pop())
}

/// The receipt handles of what was received, which is at most as much as was asked for.
pub(crate) fn all_received<'a>(
    answer: &Answer<'a>,
    message: &Message,
    most: usize,
) -> Result<Vec<Cow<'a, str>>, BenchError> {
    const ACTION: &str = "ReceiveMessage";
    let output: ReceiveMessageOutput<'a> = output(ACTION, answer)?;
    if output.messages.len() > most {
        return Err(BenchError::wrong_answer(ACTION, answer, "more messages than were asked for"));
    }
    let check = |received: ReceivedMessage<'a>| {
        if received.body != message.body {
            let reason = "the body is not the one that was sent";
            return Err(BenchError::wrong_answer(ACTION, answer, reason));
        }
        if received.md5_of_body != message.md5 {
            let reason = "MD5OfBody is not that of the body";
            return Err(BenchError::wrong_answer(ACTION, answer, reason));
        }
        Ok(received.receipt_handle)
    };
    output.messages.into_iter().map(check).collect()
}

/// That every entry of a batch of deletes was carried out.
pub(crate) fn batch_deleted(answer: &Answer<'_>, entries: usize) -> Result<(), BenchError> {
    const ACTION: &str = "DeleteMessageBatch";
    let output: DeleteMessageBatchOutput = output(ACTION, answer)?;
    if output.successful.len() != entries {
        return Err(BenchError::wrong_answer(ACTION, answer, "not every entry was successful"));
    }
    Ok(())
}

/// That an action without output was carried out. AWS answers zero bytes; `{}`
/// says the same to every SDK.
pub(crate) fn done(action: &'static str, answer: &Answer<'_>) -> Result<(), BenchError> {
    if answer.status != 200 {
        return Err(BenchError::wrong_answer(action, answer, "the status is not 200"));
    }
    if !matches!(answer.body, b"" | b"{}") {
        return Err(BenchError::wrong_answer(action, answer, "the body is not empty"));
    }
    Ok(())
}

fn output<'a, T: Deserialize<'a>>(
    action: &'static str,
    answer: &Answer<'a>,
) -> Result<T, BenchError> {
    if answer.status != 200 {
        return Err(BenchError::wrong_answer(action, answer, "the status is not 200"));
    }
    serde_json::from_slice(answer.body).map_err(|_| {
        BenchError::wrong_answer(action, answer, "the body is not this action's output")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(body: &str) -> Answer<'_> {
        Answer { status: 200, body: body.as_bytes() }
    }

    #[test]
    fn a_sent_message_answers_its_md5() {
        let message = Message::of_size(1024);
        let right = format!(r#"{{"MessageId":"1", "MD5OfMessageBody": "{}"}}"#, message.md5);
        assert!(sent(&ok(&right), &message).is_ok());
        assert!(sent(&Answer { status: 500, body: right.as_bytes() }, &message).is_err());

        let wrong = right.replace(&message.md5, &Message::of_size(1023).md5);
        let error = sent(&ok(&wrong), &message).expect_err("the MD5 is wrong");
        assert!(error.to_string().contains("MD5OfMessageBody is not that"), "{error}");
    }

    #[test]
    fn an_unexpected_answer_is_told_with_its_status_and_first_bytes() {
        let body = format!(
            r#"{{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"{}"}}"#,
            "x".repeat(500)
        );
        let error = sent(&Answer { status: 400, body: body.as_bytes() }, &Message::of_size(1))
            .expect_err("an error");
        let told = error.to_string();
        assert!(told.starts_with("SendMessage was answered 400 with "), "{told}");
        assert!(told.contains("QueueDoesNotExist") && told.len() < 300, "{told}");
    }

    #[test]
    fn every_entry_of_a_batch_is_looked_at() {
        let message = Message::of_size(8);
        let entry = format!(r#"{{"Id":"0","MD5OfMessageBody":"{}"}}"#, message.md5);
        let wrong = r#"{"Id":"1","MD5OfMessageBody":"00"}"#;
        let batch =
            |entries: &[&str]| format!(r#"{{"Successful":[{}],"Failed":[]}}"#, entries.join(","));
        assert!(batch_sent(&ok(&batch(&[&entry, &entry])), &message, 2).is_ok());
        assert!(batch_sent(&ok(&batch(&[&entry])), &message, 2).is_err());
        assert!(batch_sent(&ok(&batch(&[&entry, wrong])), &message, 2).is_err());
        assert!(batch_sent(&ok(r#"{"Failed":[{"Id":"0"},{"Id":"1"}]}"#), &message, 2).is_err());
    }

    #[test]
    fn a_received_message_must_be_the_sent_one() {
        let message = Message::of_size(4);
        let item =
            format!(r#"{{"Body":"0123","MD5OfBody":"{}","ReceiptHandle":"a\/b"}}"#, message.md5);
        let answer = |items: &str| format!(r#"{{"Messages":[{items}]}}"#);
        assert_eq!(received(&ok(&answer(&item)), &message).expect("right"), Some("a/b".into()));
        assert_eq!(received(&ok("{}"), &message).expect("empty"), None);
        assert_eq!(received(&ok(&answer("")), &message).expect("empty"), None);
        assert!(received(&ok(&answer(&format!("{item},{item}"))), &message).is_err());
        assert!(received(&ok(&answer(&item.replace("0123", "0124"))), &message).is_err());
        assert!(received(&ok(&answer(&item.replace(&message.md5, "00"))), &message).is_err());
    }

    #[test]
    fn every_delete_of_a_batch_is_looked_at() {
        assert!(batch_deleted(&ok(r#"{"Successful":[{"Id":"0"},{"Id":"1"}]}"#), 2).is_ok());
        assert!(
            batch_deleted(&ok(r#"{"Successful":[{"Id":"0"}],"Failed":[{"Id":"1"}]}"#), 2).is_err()
        );
        assert!(batch_deleted(&ok("{}"), 1).is_err());
    }

    #[test]
    fn a_delete_answers_nothing() {
        assert!(done("DeleteMessage", &ok("")).is_ok());
        assert!(done("DeleteMessage", &ok("{}")).is_ok());
        assert!(done("DeleteMessage", &ok(r#"{"a":1}"#)).is_err());
        assert!(done("DeleteMessage", &Answer { status: 400, body: b"" }).is_err());
    }
}
