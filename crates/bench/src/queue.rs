//! Makes and removes the queue of a run.

use crate::answer;
use crate::client::{Answer, Connection};
use crate::error::BenchError;
use crate::request::json_text;
use crate::target::Target;

/// Creates the queue with these attributes, unless it exists, and returns its URL.
pub(crate) async fn create(
    target: &Target,
    name: &str,
    attributes: &[(String, String)],
) -> Result<String, BenchError> {
    let mut all: serde_json::Map<String, serde_json::Value> =
        attributes.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    if name.ends_with(".fifo") {
        all.insert("FifoQueue".to_owned(), "true".into());
    }
    let mut input = serde_json::json!({ "QueueName": name });
    if !all.is_empty() {
        input["Attributes"] = all.into();
    }
    let mut connection = Connection::to(target).await?;
    let (status, body) = connection.call("CreateQueue", &input.to_string()).await?;
    answer::created(&Answer { status, body: &body })
}

/// Deletes the queue with all it holds.
pub(crate) async fn delete(target: &Target, queue_url: &str) -> Result<(), BenchError> {
    let input = format!(r#"{{"QueueUrl":{}}}"#, json_text(queue_url));
    let (status, body) = Connection::to(target).await?.call("DeleteQueue", &input).await?;
    answer::done("DeleteQueue", &Answer { status, body: &body })
}
