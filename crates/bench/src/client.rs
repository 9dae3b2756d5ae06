//! A small SQS client: one keep-alive connection that speaks AWS JSON 1.0.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use formiga_bench::client::{Connection, Endpoint};
//!
//! let endpoint = Endpoint::parse("http://127.0.0.1:9324")?;
//! let mut connection = Connection::connect(&endpoint).await?;
//! let (status, body) = connection.call("CreateQueue", r#"{"QueueName":"orders"}"#).await?;
//! assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::request::Template;
use crate::target::Target;
use crate::tls;

const HEADERS_MAX: usize = 64;
const HEAD_BYTES_MAX: usize = 64 * 1024;
const BUFFER_BYTES: usize = 16 * 1024;

/// Where a server listens: `http://host`, `https://host:port` and the like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    is_https: bool,
    /// The `Host` header: the URL's host and port as written.
    authority: String,
    /// What to connect to: always with a port.
    address: String,
}

/// Why a text is not an [`Endpoint`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an endpoint is http://HOST:PORT or https://HOST:PORT, without a path")]
pub struct InvalidEndpoint;

/// One connection, kept open from call to call.
pub struct Connection {
    stream: Box<dyn Stream>,
    target: Target,
    reader: AnswerReader,
    /// Whether the server said that the last answer was this connection's last.
    is_over: bool,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An answer, borrowed from the connection's buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: &'a [u8],
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody accepts connections at the endpoint.
    #[error("cannot connect to {endpoint}: {source}")]
    Connect {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
    /// The server hung up.
    #[error("the server closed the connection before its answer was complete")]
    Closed,
    /// What came back is not an answer this client reads.
    #[error(
        "the server's answer is not HTTP/1.1 with a Content-Length ({reason}); it starts with {start:?}"
    )]
    Malformed {
        /// What is wrong with it.
        reason: String,
        /// Its first bytes.
        start: String,
    },
}

impl Endpoint {
    /// Parses a URL such as `http://127.0.0.1:9324`; the port is 80 or 443 if absent.
    pub fn parse(url: &str) -> Result<Endpoint, InvalidEndpoint> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidEndpoint)?;
        let (is_https, port) = match scheme {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return Err(InvalidEndpoint),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if authority.is_empty() || !authority.chars().all(allowed) {
            return Err(InvalidEndpoint);
        }
        let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
        let address = match authority[host_end..].rsplit_once(':') {
            Some((_, port)) => {
                port.parse::<u16>().map_err(|_| InvalidEndpoint)?;
                authority.to_owned()
            }
            None => format!("{authority}:{port}"),
        };
        Ok(Endpoint { is_https, authority: authority.to_owned(), address })
    }

    /// The host and port as the URL has them, for the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl Connection {
    /// Opens a connection, whose requests have a signature that nobody is to check.
    pub async fn connect(endpoint: &Endpoint) -> Result<Connection, ClientError> {
        Connection::to(&Target::unsigned(endpoint.clone())).await
    }

    /// Opens a connection to a target.
    pub(crate) async fn to(target: &Target) -> Result<Connection, ClientError> {
        let endpoint = &target.endpoint;
        let refused = |source| ClientError::Connect { endpoint: endpoint.to_string(), source };
        let stream = TcpStream::connect(&endpoint.address).await.map_err(refused)?;
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if endpoint.is_https {
            Box::new(tls::over(stream, &endpoint.address).await.map_err(refused)?)
        } else {
            Box::new(stream)
        };
        let (target, reader) = (target.clone(), AnswerReader::new());
        Ok(Connection { stream, target, reader, is_over: false })
    }

    /// Calls an action, such as `SendMessage`, with a JSON body, and returns the
    /// answer's status and body. An error status is an answer like any other.
    pub async fn call(&mut self, action: &str, body: &str) -> Result<(u16, Vec<u8>), ClientError> {
        let request = Template::new(&self.target, action).request(body.as_bytes());
        let answer = self.exchange(&request).await?;
        Ok((answer.status, answer.body.to_vec()))
    }

    /// Sends the bytes of one whole request and reads its answer. To a server that closes after each
    /// answer, it opens another connection first, as every client has to.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, ClientError> {
        if self.is_over {
            *self = Connection::to(&self.target).await?;
        }
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let (answer, is_over) = self.reader.read(&mut self.stream).await?;
        self.is_over = is_over;
        Ok(answer)
    }
}

/// Reads one answer after another, whatever pieces they arrive in.
struct AnswerReader {
    buffer: Vec<u8>,
    /// How much of the buffer was read from the connection.
    filled: usize,
    /// How much of that belongs to the last answer.
    taken: usize,
}

struct Head {
    bytes: usize,
    status: u16,
    content_length: usize,
    /// Whether the connection ends with it.
    is_last: bool,
}

impl AnswerReader {
    fn new() -> AnswerReader {
        AnswerReader { buffer: vec![0; BUFFER_BYTES], filled: 0, taken: 0 }
    }

    /// The next answer, and whether it is the last.
    async fn read<R: AsyncRead + Unpin>(
        &mut self,
        source: &mut R,
    ) -> Result<(Answer<'_>, bool), ClientError> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;

        let head = loop {
            if let Some(head) = parse_head(&self.buffer[..self.filled])? {
                break head;
            }
            self.fill(source).await?;
        };
        let end = head.bytes + head.content_length;
        while self.filled < end {
            self.fill(source).await?;
        }
        self.taken = end;
        let answer = Answer { status: head.status, body: &self.buffer[head.bytes..end] };
        Ok((answer, head.is_last))
    }

    async fn fill<R: AsyncRead + Unpin>(&mut self, source: &mut R) -> Result<(), ClientError> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        match source.read(&mut self.buffer[self.filled..]).await? {
            0 => Err(ClientError::Closed),
            count => {
                self.filled += count;
                Ok(())
            }
        }
    }
}

/// The head at the start of `bytes`, or `None` while it is incomplete.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, ClientError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Err(error) => Err(malformed(error.to_string(), bytes)),
        Ok(httparse::Status::Partial) if bytes.len() > HEAD_BYTES_MAX => {
            Err(malformed(format!("its head exceeds {HEAD_BYTES_MAX} bytes"), bytes))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(head_bytes)) => {
            let content_length = content_length(response.headers)
                .ok_or_else(|| malformed("it has no Content-Length".to_owned(), bytes))?;
            Ok(Some(Head {
                bytes: head_bytes,
                status: response.code.expect("a complete head has a status"),
                content_length,
                is_last: says_close(response.headers),
            }))
        }
    }
}

fn says_close(headers: &[httparse::Header<'_>]) -> bool {
    headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("connection")
            && header.value.eq_ignore_ascii_case(b"close")
    })
}

fn content_length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let header =
        headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(header.value).ok()?.trim().parse().ok()
}

fn malformed(reason: String, bytes: &[u8]) -> ClientError {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned();
    ClientError::Malformed { reason, start }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads answers from `bytes`, which arrive in pieces of at most `piece` bytes.
    async fn read_all(
        bytes: &'static [u8],
        piece: usize,
        count: usize,
    ) -> Vec<Result<(u16, Vec<u8>), ClientError>> {
        let (mut near, mut far) = tokio::io::duplex(piece);
        tokio::spawn(async move { far.write_all(bytes).await });
        let mut reader = AnswerReader::new();
        let mut answers = Vec::new();
        for _ in 0..count {
            let answer = reader.read(&mut near).await;
            answers.push(answer.map(|(answer, _)| (answer.status, answer.body.to_vec())));
        }
        answers
    }

    #[tokio::test]
    async fn an_answer_is_read_from_any_pieces() {
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: 5\r\n\r\nhello";
        for piece in [1, 2, 7, ANSWER.len() - 1, ANSWER.len()] {
            let answers = read_all(ANSWER, piece, 1).await;
            assert_eq!(*answers[0].as_ref().expect("an answer"), (200, b"hello".to_vec()));
        }
    }

    #[tokio::test]
    async fn answers_on_one_connection_keep_apart() {
        const ANSWERS: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
        for piece in [1, 30, 40, 41, ANSWERS.len()] {
            let answers = read_all(ANSWERS, piece, 4).await;
            assert_eq!(*answers[0].as_ref().expect("an answer"), (200, Vec::new()));
            assert_eq!(*answers[1].as_ref().expect("an answer"), (400, b"{}".to_vec()));
            assert_eq!(*answers[2].as_ref().expect("an answer"), (200, b"x".to_vec()));
            assert!(matches!(answers[3], Err(ClientError::Closed)));
        }
    }

    #[tokio::test]
    async fn after_a_last_answer_another_connection_is_opened() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut open = Vec::new();
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await.unwrap();
                let answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                // Some say so and stay.
                open.push(stream);
            }
        });
        let endpoint = Endpoint::parse(&endpoint).unwrap();
        let mut connection = Connection::connect(&endpoint).await.unwrap();
        for _ in 0..2 {
            assert_eq!(connection.call("ListQueues", "{}").await.unwrap().0, 200);
        }
        served.await.unwrap();
    }

    #[tokio::test]
    async fn a_body_may_exceed_the_buffer() {
        let body = vec![b'x'; BUFFER_BYTES * 3];
        let bytes = [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
            &body,
        ]
        .concat();
        let answers = read_all(Box::leak(bytes.into_boxed_slice()), 4096, 1).await;
        assert_eq!(*answers[0].as_ref().expect("an answer"), (200, body));
    }

    #[tokio::test]
    async fn what_is_not_an_answer_is_told_with_its_first_bytes() {
        let answers = read_all(b"SSH-2.0-OpenSSH_9.6\r\n", 64, 1).await;
        let error = answers[0].as_ref().expect_err("this is not HTTP");
        assert!(error.to_string().contains("SSH-2.0"), "{error}");

        let answers =
            read_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 64, 1).await;
        let error = answers[0].as_ref().expect_err("this has no Content-Length");
        assert!(error.to_string().contains("no Content-Length"), "{error}");
    }

    #[tokio::test]
    async fn a_refused_connection_names_the_endpoint() {
        let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let url = format!("http://{}", unused.local_addr().expect("it is bound"));
        drop(unused);
        let endpoint = Endpoint::parse(&url).expect("a valid URL");
        let error = Connection::connect(&endpoint).await.err().expect("nobody listens");
        assert!(error.to_string().starts_with(&format!("cannot connect to {url}: ")), "{error}");
    }

    #[test]
    fn an_endpoint_is_a_url_without_a_path() {
        let parsed =
            |url: &str| Endpoint::parse(url).map(|endpoint| (endpoint.authority, endpoint.address));
        let both = |authority: &str, address: &str| Ok((authority.to_owned(), address.to_owned()));
        assert_eq!(parsed("http://127.0.0.1:9324"), both("127.0.0.1:9324", "127.0.0.1:9324"));
        assert_eq!(parsed("http://queue.internal/"), both("queue.internal", "queue.internal:80"));
        assert_eq!(parsed("http://[::1]:9324"), both("[::1]:9324", "[::1]:9324"));
        assert_eq!(parsed("http://[::1]"), both("[::1]", "[::1]:80"));
        assert_eq!(parsed("https://sqs.example"), both("sqs.example", "sqs.example:443"));
        for wrong in [
            "",
            "127.0.0.1:9324",
            "ftp://127.0.0.1",
            "http://",
            "http://a/b",
            "http://a:b",
            "http://a:99999",
        ] {
            assert_eq!(parsed(wrong), Err(InvalidEndpoint), "{wrong:?} was accepted");
        }
    }
}
