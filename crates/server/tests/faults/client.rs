//! A blocking SQS client in the AWS JSON protocol, for one connection.

use std::fmt::{self, Display, Formatter};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// Why a request was not acknowledged.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No answer arrived: nobody knows what became of the request.
    Unanswered(io::Error),
    /// The server answered with an error.
    Refused(String),
}

/// The queue of all fault tests.
const QUEUE: &str = "promises";

/// How long an answer may take on a busy machine.
const ANSWER_MAX: Duration = Duration::from_secs(60);

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Client, Failure> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Client { stream: BufReader::new(stream), address })
    }

    pub(crate) fn create_queue(&mut self) -> Result<(), Failure> {
        self.call("AmazonSQS.CreateQueue", &json!({ "QueueName": QUEUE })).map(drop)
    }

    pub(crate) fn find_queue(&mut self) -> Result<(), Failure> {
        self.call("AmazonSQS.GetQueueUrl", &json!({ "QueueName": QUEUE })).map(drop)
    }

    /// One request about the queue, and its answer.
    pub(crate) fn call(&mut self, target: &str, input: &Value) -> Result<Value, Failure> {
        self.request(target, input)?;
        self.answer()
    }

    /// Writes a request without waiting for its answer.
    pub(crate) fn request(&mut self, target: &str, input: &Value) -> Result<(), Failure> {
        let mut input = input.clone();
        let address = self.address;
        input["QueueUrl"] = json!(format!("http://{address}/000000000000/{QUEUE}"));
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
