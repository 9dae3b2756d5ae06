//! A blocking SQS client in the AWS JSON protocol, for one connection.

use std::fmt::{self, Display, Formatter};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    kind: Kind,
}

/// What kind of queues a test is about: a queue, and its dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Standard,
    Fifo,
}

impl Kind {
    pub(crate) fn queue(self) -> &'static str {
        match self {
            Kind::Standard => "promises",
            Kind::Fifo => "promises.fifo",
        }
    }

    pub(crate) fn dead_letter_queue(self) -> &'static str {
        match self {
            Kind::Standard => "failed",
            Kind::Fifo => "failed.fifo",
        }
    }

    pub(crate) fn dead_letter_queue_arn(self) -> String {
        format!("arn:aws:sqs:us-east-1:000000000000:{}", self.dead_letter_queue())
    }
}

/// Why a request was not acknowledged.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No answer arrived: nobody knows what became of the request.
    Unanswered(io::Error),
    /// The server answered with an error.
    Refused(String),
}

/// The visibility timeout of the queues, in seconds: longer than any test takes, so that a handle
/// stays good until its holder gives it up.
pub(crate) const VISIBILITY_TIMEOUT: usize = 3600;

/// How often a message is received before it is a dead letter.
const MAX_RECEIVE_COUNT: usize = 2;

/// How long an answer may take on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(60);

impl Client {
    pub(crate) fn connect(address: SocketAddr, kind: Kind) -> Result<Client, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Client { stream: BufReader::new(stream), address, kind })
    }

    /// Creates the queue and, before it, its dead-letter queue.
    pub(crate) fn create_queues(&mut self) -> Result<(), Failure> {
        let kind = self.kind;
        let mut attributes = json!({ "VisibilityTimeout": VISIBILITY_TIMEOUT.to_string() });
        if kind == Kind::Fifo {
            attributes["FifoQueue"] = json!("true");
        }
        let input = json!({ "QueueName": kind.dead_letter_queue(), "Attributes": attributes });
        self.call("AmazonSQS.CreateQueue", &input)?;
        let policy = json!({
            "deadLetterTargetArn": kind.dead_letter_queue_arn(),
            "maxReceiveCount": MAX_RECEIVE_COUNT,
        });
        attributes["RedrivePolicy"] = json!(policy.to_string());
        let input = json!({ "QueueName": kind.queue(), "Attributes": attributes });
        self.call("AmazonSQS.CreateQueue", &input).map(drop)
    }

    pub(crate) fn find_queue(&mut self) -> Result<(), Failure> {
        let input = json!({ "QueueName": self.kind.queue() });
        self.call("AmazonSQS.GetQueueUrl", &input).map(drop)
    }

    /// How many messages there are in both queues, in any state.
    pub(crate) fn count(&mut self) -> Result<u64, Failure> {
        let mut count = 0;
        for queue in [self.kind.queue(), self.kind.dead_letter_queue()] {
            let input = json!({ "QueueUrl": queue, "AttributeNames": ["All"] });
            let output = self.call("AmazonSQS.GetQueueAttributes", &input)?;
            let number = |state: &str| {
                let value = &output["Attributes"][format!("ApproximateNumberOfMessages{state}")];
                value.as_str().and_then(|text| text.parse::<u64>().ok()).expect("a counter")
            };
            count += number("") + number("NotVisible") + number("Delayed");
        }
        Ok(count)
    }

    /// One request about the queue, or the one whose name is the input's `QueueUrl`, and its answer.
    pub(crate) fn call(&mut self, target: &str, input: &Value) -> Result<Value, Failure> {
        self.request(target, input)?;
        self.answer()
    }

    /// Writes a request without waiting for its answer.
    pub(crate) fn request(&mut self, target: &str, input: &Value) -> Result<(), Failure> {
        let mut input = input.clone();
        let address = self.address;
        let queue = input["QueueUrl"].as_str().unwrap_or(self.kind.queue());
        input["QueueUrl"] = json!(format!("http://{address}/000000000000/{queue}"));
        let body = input.to_string();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: {target}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.get_mut().write_all((head + &body).as_bytes())?;
        Ok(())
    }

    /// Reads the answer to the last request.
    pub(crate) fn answer(&mut self) -> Result<Value, Failure> {
        let status = self.line()?;
        let mut length = 0;
        loop {
            let header = self.line()?.to_ascii_lowercase();
            match header.split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().map_err(bad)?,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        if !status.starts_with("HTTP/1.1 200 ") {
            return Err(Failure::Refused(format!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(bad)
    }

    fn line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

fn bad(error: impl Display) -> Failure {
    Failure::Refused(format!("an answer that cannot be read: {error}"))
}

impl Display for Failure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Unanswered(error) => write!(f, "no answer: {error}"),
            Failure::Refused(answer) => f.write_str(answer),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Unanswered(error)
    }
}

/// The messages of a ReceiveMessage answer: receipt handle and body of each.
pub(crate) fn messages(output: &Value) -> Vec<(String, String)> {
    let text = |message: &Value, name: &str| message[name].as_str().expect(name).to_owned();
    let messages = output["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    messages.iter().map(|message| (text(message, "ReceiptHandle"), text(message, "Body"))).collect()
}
