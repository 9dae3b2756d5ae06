//! Makes and removes the queue of a run.

use crate::answer;
use crate::client::{Answer, Connection, Endpoint};
use crate::error::BenchError;
use crate::request::json_text;

/// Creates the queue, unless it exists, and returns its URL.
pub(crate) async fn create(endpoint: &Endpoint, name: &str) -> Result<String, BenchError> {
    let fifo = if name.ends_with(".fifo") { r#","Attributes":{"FifoQueue":"true"}"# } else { "" };
    let input = format!(r#"{{"QueueName":{}{fifo}}}"#, json_text(name));
    let (status, body) = Connection::connect(endpoint).await?.call("CreateQueue", &input).await?;
    answer::created(&Answer { status, body: &body })
}

/// Deletes the queue with all it holds.
pub(crate) async fn delete(endpoint: &Endpoint, queue_url: &str) -> Result<(), BenchError> {
    let input = format!(r#"{{"QueueUrl":{}}}"#, json_text(queue_url));
    let (status, body) = Connection::connect(endpoint).await?.call("DeleteQueue", &input).await?;
    answer::done("DeleteQueue", &Answer { status, body: &body })
}
