//! A server with a queue called `q`, seen through the AWS JSON protocol: the one place in these
//! tests that knows how a server is started.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;

use formiga_server::Server;
use formiga_server::config::{Config, StoreKind};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http::{Answer, Connection};

pub(crate) struct Scene {
    server: Server,
    config: Config,
    /// Where a durable server keeps its queues.
    directory: Option<TempDir>,
    /// The URL of the queue.
    pub(crate) url: String,
}

/// A received message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) handle: String,
    /// All of it, as it was answered.
    pub(crate) answered: Value,
}

/// A long poll that waits.
pub(crate) struct Poll(Connection);

impl Scene {
    /// A server that keeps its queues in memory.
    pub(crate) async fn memory() -> Scene {
        Scene::configured(|config| config.store = StoreKind::Memory).await
    }

    /// A server that keeps its queues in a directory of its own.
    pub(crate) async fn durable() -> Scene {
        Scene::configured(|_| {}).await
    }

    /// A durable server with other settings than the defaults.
    pub(crate) async fn configured(configure: impl FnOnce(&mut Config)) -> Scene {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let mut config = Config::defaults();
        config.listen = "127.0.0.1:0".parse().expect("an address");
        config.data_dir = directory.path().join("data");
        configure(&mut config);
        let server = Server::start(&config).await.expect("the server starts");
        let url = format!("http://{}/000000000000/q", server.address());
        let scene = Scene { server, config, directory: Some(directory), url };
        scene.create_queue("q", json!({})).await;
        scene
    }

    /// Stops the server and starts another one on the same data.
    pub(crate) async fn restarted(self) -> Scene {
        self.server.stop().await;
        let server = Server::start(&self.config).await.expect("the server starts again");
        Scene { server, ..self }
    }

    /// The server alone, its settings, and its directory, which ends with it.
    pub(crate) fn into_parts(self) -> (Server, Config, Option<TempDir>) {
        (self.server, self.config, self.directory)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address()).await
    }

    /// Calls an SQS action.
    pub(crate) async fn call(&self, action: &str, input: Value) -> Answer {
        self.connect().await.call(&format!("AmazonSQS.{action}"), &input).await
    }

    /// Calls an SQS action on the queue.
    pub(crate) async fn on_queue(&self, action: &str, mut input: Value) -> Answer {
        input["QueueUrl"] = json!(self.url);
        self.call(action, input).await
    }

    /// Creates a queue and tells its URL.
    pub(crate) async fn create_queue(&self, name: &str, attributes: Value) -> String {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let output = self.call("CreateQueue", input).await.ok();
        output["QueueUrl"].as_str().expect("queues have a URL").to_owned()
    }

    pub(crate) async fn send(&self, body: &str) {
        self.on_queue("SendMessage", json!({ "MessageBody": body })).await.ok();
    }

    /// Sends a message whose delay is not the queue's.
    pub(crate) async fn send_delayed(&self, body: &str, delay_seconds: u64) {
        let input = json!({ "MessageBody": body, "DelaySeconds": delay_seconds });
        self.on_queue("SendMessage", input).await.ok();
    }

    /// Receives up to ten messages, with the queue's visibility timeout.
    pub(crate) async fn receive(&self) -> Vec<Message> {
        self.receive_with(json!({ "MaxNumberOfMessages": 10 })).await
    }

    /// The bodies of what is visible. It stays in flight.
    pub(crate) async fn receive_bodies(&self) -> Vec<String> {
        self.receive().await.into_iter().map(|message| message.body).collect()
    }

    /// Receives the one message that is visible, for so many seconds.
    pub(crate) async fn receive_one(&self, visibility_timeout: u64) -> Message {
        let input = json!({ "VisibilityTimeout": visibility_timeout, "MaxNumberOfMessages": 10 });
        let mut messages = self.receive_with(input).await;
        assert_eq!(messages.len(), 1, "one message is visible");
        messages.remove(0)
    }

    pub(crate) async fn receive_with(&self, input: Value) -> Vec<Message> {
        messages(&self.on_queue("ReceiveMessage", input).await.ok())
    }

    pub(crate) async fn delete(&self, handle: &str) -> Answer {
        self.on_queue("DeleteMessage", json!({ "ReceiptHandle": handle })).await
    }

    pub(crate) async fn change_visibility(&self, handle: &str, seconds: i64) -> Answer {
        let input = json!({ "ReceiptHandle": handle, "VisibilityTimeout": seconds });
        self.on_queue("ChangeMessageVisibility", input).await
    }

    pub(crate) async fn attributes(&self) -> Value {
        let input = json!({ "AttributeNames": ["All"] });
        self.on_queue("GetQueueAttributes", input).await.ok()["Attributes"].clone()
    }

    /// How many messages are visible, in flight and delayed.
    pub(crate) async fn counters(&self) -> [u64; 3] {
        let attributes = self.attributes().await;
        ["", "NotVisible", "Delayed"].map(|state| {
            let counter = &attributes[format!("ApproximateNumberOfMessages{state}")];
            counter.as_str().expect("counters are texts").parse().expect("counters are numbers")
        })
    }

    /// Moves the server's clock ahead.
    pub(crate) async fn advance(&self, seconds: u64) {
        let input = json!({ "Seconds": seconds });
        self.connect().await.call("Formiga.AdvanceClock", &input).await.ok();
    }

    /// A long poll of 20 seconds that has reached the queue when this returns.
    pub(crate) async fn poll(&self) -> Poll {
        let mut connection = self.connect().await;
        let input = json!({ "QueueUrl": self.url, "WaitTimeSeconds": 20 });
        let request = connection.request("AmazonSQS.ReceiveMessage", &[], input.to_string());
        connection.write(request).await;
        self.settle().await;
        Poll(connection)
    }

    /// Lets what was written before this reach the queue: requests on other connections are
    /// answered by the same queue meanwhile.
    pub(crate) async fn settle(&self) {
        for _ in 0..5 {
            self.counters().await;
        }
    }
}

impl Poll {
    /// What the poll ends with.
    pub(crate) async fn messages(mut self) -> Vec<Message> {
        messages(&self.0.answer().await.ok())
    }

    /// The bodies of what the poll ends with.
    pub(crate) async fn bodies(self) -> Vec<String> {
        self.messages().await.into_iter().map(|message| message.body).collect()
    }

    /// The answer, whatever it is.
    pub(crate) async fn answer(mut self) -> Answer {
        self.0.answer().await
    }
}

/// The messages of a `ReceiveMessage` output.
pub(crate) fn messages(output: &Value) -> Vec<Message> {
    let text = |message: &Value, name: &str| message[name].as_str().expect(name).to_owned();
    let messages = output["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |message: &Value| Message {
        body: text(message, "Body"),
        handle: text(message, "ReceiptHandle"),
        answered: message.clone(),
    };
    messages.iter().map(read).collect()
}
