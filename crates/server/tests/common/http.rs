//! A raw HTTP/1.1 client: requests go out byte for byte as they are written, and nothing of an
//! answer is hidden.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fmt::Write;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One connection.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
}

/// What bytes go over: TCP, or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What the server answered to one request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What is to happen has happened by then, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must happen.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let happened = tokio::time::timeout(PATIENCE, happens).await;
    happened.unwrap_or_else(|_| panic!("{what}: it did not happen"))
}

/// Asks again until the answer is yes.
pub(crate) async fn eventually(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    soon(what, async { while !happened().await {} }).await;
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Connection {
        Connection::try_open(address).await.expect("the server listens")
    }

    pub(crate) async fn try_open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection::over(stream, address))
    }

    /// Over a stream that leads to the server.
    pub(crate) fn over(stream: impl Stream + 'static, address: SocketAddr) -> Connection {
        let stream: Box<dyn Stream> = Box::new(stream);
        Connection { stream: BufReader::new(stream), host: address.to_string() }
    }

    /// Sends an AWS JSON request and reads its answer.
    pub(crate) async fn call(&mut self, target: &str, input: &Value) -> Answer {
        self.post(target, &[], input.to_string()).await
    }

    /// The same with further headers and any body.
    pub(crate) async fn post(
        &mut self,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Answer {
        self.write(self.request(target, headers, body)).await;
        self.answer().await
    }

    /// Sends a GET request and reads its answer.
    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let host = [("Host", self.host.as_str())];
        self.write(head("GET", path, &[&host, headers].concat())).await;
        self.answer().await
    }

    /// The bytes of an AWS JSON request. A `Host` among `headers` takes the place of the true one.
    pub(crate) fn request(
        &self,
        target: &str,
        headers: &[(&str, &str)],
        body: impl AsRef<[u8]>,
    ) -> Vec<u8> {
        let body = body.as_ref();
        let length = body.len().to_string();
        let mut all = vec![
            ("X-Amz-Target", target),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("Content-Length", &length),
        ];
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            all.push(("Host", &self.host));
        }
        all.extend(headers);
        [head("POST", "/", &all).as_bytes(), body].concat()
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.expect("the server reads");
    }

    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref()).await?;
        self.stream.get_mut().flush().await
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        soon("an answer arrives", self.try_answer()).await.expect("the answer is complete")
    }

    pub(crate) async fn try_answer(&mut self) -> io::Result<Answer> {
        let status = self.line().await?;
        let mut answer = Answer { status: status_of(&status), headers: vec![], body: vec![] };
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else { break };
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length =
            answer.header("content-length").map(|length| length.parse().expect("a number"));
        answer.body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut answer.body).await?;
        Ok(answer)
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// Waits until the server closes the connection without another word.
    pub(crate) async fn ends(mut self) {
        let mut rest = Vec::new();
        let ended = soon("the connection ends", self.stream.read_to_end(&mut rest)).await;
        // The end is a reset when the server left something unread.
        let reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
        assert!(ended.is_ok() || ended.as_ref().is_err_and(reset), "{ended:?}");
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }
}

/// The head of a request.
pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("memory takes any text");
    }
    head + "\r\n"
}

fn status_of(line: &str) -> u16 {
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{line:?} is no status line"))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("bodies are UTF-8")
    }

    /// The output of an action that succeeded; null if it has none.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        match self.body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&self.body).expect("the body is JSON"),
        }
    }

    /// An error in one line, such as `400 MissingParameter: The request must ...`: the code is that
    /// of the header `x-amzn-query-error`.
    pub(crate) fn refusal(&self) -> String {
        assert_ne!(self.status, 200, "{}", self.text());
        let code = self.header("x-amzn-query-error").expect("errors have a code");
        let code = code.strip_suffix(";Sender").or(code.strip_suffix(";Receiver"));
        let body: Value = serde_json::from_slice(&self.body).expect("the body is JSON");
        let message = body["message"].as_str().expect("errors have a message");
        format!("{} {}: {message}", self.status, code.expect("codes say who is to blame"))
    }
}
