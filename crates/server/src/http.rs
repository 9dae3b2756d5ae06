//! The listener: connections, their limits, and their graceful end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::addresses::Addresses;
use crate::answer::{AnswerBody, Progress};
use crate::gateway::Gateway;
use crate::peers::Peer;
use crate::tls::{self, Tls, TlsDetails};

/// Heads are a request line and a dozen headers; a long session token takes a few KiB. hyper looks at
/// this while a head is incomplete, so one that arrives in large pieces may be somewhat longer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 100;

/// How long requests under way may take to end when the server stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the end of the requests under way is looked for when the server stops, and how long
/// their answers may take to be read.
const QUIET_PAUSE: Duration = Duration::from_millis(10);
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// How long to wait before accepting again when the operating system is out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How often the log says that connections cannot be accepted.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(1);

/// How long clients are waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// How long a client may take to agree on keys.
    handshake: Duration,
    /// How long a client may take to send a request's head, and how long a connection may stay idle
    /// between requests.
    head: Duration,
    /// A client that takes nothing of its answer for this long is cut off: answers take memory.
    write: Duration,
    /// A client that takes no piece of any of its answers for this long is cut off, although its
    /// connection may be alive: in HTTP/2 it may ask for nothing to be sent.
    stall: Duration,
    /// How often an HTTP/2 client is asked whether it is still there, and how long it may think.
    ping: Duration,
    pong: Duration,
}

const PATIENCE: Patience = Patience {
    handshake: Duration::from_secs(10),
    head: Duration::from_secs(75),
    write: Duration::from_secs(30),
    stall: Duration::from_secs(60),
    ping: Duration::from_secs(30),
    pong: Duration::from_secs(20),
};

/// How many requests of one HTTP/2 connection are served at once. Long polls count; a client that
/// needs more opens another connection.
///
/// An answer keeps its stream until it has left, so this bounds what lies unsent on a connection:
/// 64 answers of less than 64 KiB, 4 MiB together. Larger ones are part of the memory of answers,
/// which all connections share.
const STREAMS_MAX: u32 = 64;

/// How many streams a client may open and cancel before anyone looked at them. One that goes on is
/// there only to make work (CVE-2023-44487), and its connection ends.
const CANCELED_STREAMS_MAX: usize = 20;

/// How many connections wait in the operating system's queue until they are accepted, unless it
/// allows fewer. Clients beyond try again after a second.
const QUEUED_CONNECTIONS_MAX: u32 = 1024;

/// Listens, also where the connections of an earlier server have not quite ended.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUED_CONNECTIONS_MAX)
}

/// Serves connections until `stopping` turns true; then takes no new work and returns when the
/// requests under way are answered. Beyond `connections_max` open connections, new ones wait in the
/// operating system's queue; those of an address that has as many as it may are closed.
pub(crate) async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    connections_max: usize,
    addresses: Addresses,
    tls: Option<Arc<Tls>>,
    mut stopping: watch::Receiver<bool>,
) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(connections_max));
    let (abandon, abandoned) = watch::channel(());
    let mut complaints = Complaints::default();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places, &mut complaints) => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((_, peer, _)) if !gateway.peers.may_connect(peer) => {
                complaints.complain("a connection from elsewhere than the proxies was closed");
            }
            Ok((stream, peer, place)) => {
                // All clients come from the addresses of the proxies.
                let is_proxy = gateway.peers.trusts(peer);
                let of_address = (!is_proxy).then(|| addresses.open(peer));
                if matches!(of_address, Some(None)) {
                    complaints
                        .complain("an address has as many connections as it may; more were closed");
                    continue;
                }
                let gateway = gateway.clone();
                let answer = move |request, tls| {
                    let gateway = gateway.clone();
                    let peer = Peer { address: peer, tls };
                    async move { gateway.answer(request, peer).await }
                };
                let acceptor = tls.as_ref().map(|tls| tls.acceptor());
                let watcher = connections.watcher();
                let serving = serve_connection(stream, acceptor, PATIENCE, watcher, answer);
                let mut abandoned = abandoned.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = serving => {}
                        _ = abandoned.changed() => {}
                    }
                    drop((place, of_address));
                });
            }
            Err(error) => {
                complaints.complain(&format!("a connection could not be accepted: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        () = quiet(&gateway) => {}
        () = tokio::time::sleep(DRAIN_TIMEOUT) => {
            tracing::warn!("some requests were still under way when the server stopped");
        }
    }
    drop(abandon);
}

/// Accepts a connection, and tells from where, when there is a place for one.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    complaints: &mut Complaints,
) -> io::Result<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    let place = match places.clone().try_acquire_owned() {
        Ok(place) => place,
        Err(_) => {
            complaints.complain("as many connections are open as allowed; new ones wait");
            places.clone().acquire_owned().await.expect("the semaphore is never closed")
        }
    };
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer.ip(), place))
}

/// Logs what may happen thousands of times a second at most once a second.
#[derive(Default)]
struct Complaints {
    latest: Option<tokio::time::Instant>,
}

impl Complaints {
    fn complain(&mut self, what: &str) {
        if self.latest.is_none_or(|latest| latest.elapsed() >= COMPLAINT_INTERVAL) {
            self.latest = Some(tokio::time::Instant::now());
            tracing::warn!("{what}");
        }
    }
}

/// Completes when every request that had arrived is answered, and its answer had time to leave.
/// Connections that are still open by then have sent a part of a request's head at most.
async fn quiet(gateway: &Gateway) {
    while gateway.requests_under_way() > 0 {
        tokio::time::sleep(QUIET_PAUSE).await;
    }
    tokio::time::sleep(FLUSH_TIME).await;
}

/// Serves a connection until it ends. What a connection needs later, or needs only with or without
/// TLS, takes memory of its own: most connections are idle.
async fn serve_connection<A, F>(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    patience: Patience,
    watcher: Watcher,
    answer: A,
) where
    A: Fn(Request<Incoming>, Option<TlsDetails>) -> F,
    F: Future<Output = Response<AnswerBody>> + Send + 'static,
{
    // Answers are small and complete; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let Some(acceptor) = tls else {
        let is_http2 = tokio::time::timeout(patience.head, speaks_http2(&stream));
        if let Ok(Ok(is_http2)) = is_http2.await {
            let stream = impatient(stream, patience);
            let answer = |request| answer(request, None);
            Box::pin(converse(stream, is_http2, patience, watcher, answer)).await;
        }
        return;
    };
    let greeting = Box::pin(greet(stream, &acceptor, patience));
    match tokio::time::timeout(patience.handshake, greeting).await {
        Ok(Ok(Some(stream))) => {
            let (_, session) = stream.get_ref();
            let is_http2 = session.alpn_protocol() == Some(tls::HTTP2);
            let details = Some(tls::details(session));
            let answer = |request| answer(request, details);
            Box::pin(converse(stream, is_http2, patience, watcher, answer)).await;
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended before its first request"),
        Err(_) => tracing::debug!("a client took too long for its handshake"),
    }
}

/// A stream that ends with an error if the client takes nothing for long.
type Impatient = Pin<Box<TimeoutStream<TcpStream>>>;

fn impatient(stream: TcpStream, patience: Patience) -> Impatient {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(patience.write));
    Box::pin(stream)
}

/// Agrees with the client on keys. None if it does not speak TLS, which it is told.
async fn greet(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
    patience: Patience,
) -> io::Result<Option<TlsStream<Impatient>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
        stream.write_all(NOT_HTTPS).await?;
        stream.shutdown().await?;
        // A connection that is closed with bytes unread is reset, and the answer with it.
        tokio::io::copy(&mut stream.take(HEAD_BYTES_MAX as u64), &mut tokio::io::sink()).await?;
        return Ok(None);
    }
    acceptor.accept(impatient(stream, patience)).await.map(Some)
}

/// What a TLS connection begins with, and no HTTP request does.
const HANDSHAKE: u8 = 22;

/// For clients that do not speak TLS.
const NOT_HTTPS: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 52\r\n\
    Connection: close\r\n\r\n\
    This port speaks HTTPS only: use a URL of https://.\n";

/// Answers the requests that come on a stream, until it ends.
async fn converse<S, A, F>(
    stream: S,
    is_http2: bool,
    patience: Patience,
    watcher: Watcher,
    answer: A,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<AnswerBody>> + Send + 'static,
{
    let progress = Arc::new(Progress::default());
    let of_connection = progress.clone();
    let service = service_fn(move |request| {
        let (answer, progress) = (answer(request), of_connection.clone());
        async move {
            let _under_way = UnderWay::begin(&progress);
            let answer = answer.await;
            Ok::<_, Infallible>(answer.map(|body| body.on(&progress)))
        }
    });
    let stream = TokioIo::new(stream);
    let serving = async {
        if is_http2 {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_MAX)
                .max_header_list_size(HEAD_BYTES_MAX as u32)
                .max_pending_accept_reset_streams(CANCELED_STREAMS_MAX)
                .keep_alive_interval(patience.ping)
                .keep_alive_timeout(patience.pong)
                .serve_connection(stream, service);
            watcher.watch(connection).await
        } else {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(patience.head)
                .max_buf_size(HEAD_BYTES_MAX)
                .max_headers(HEADERS_MAX)
                .serve_connection(stream, service);
            watcher.watch(connection).await
        }
    };
    tokio::select! {
        ended = serving => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
        }
        () = progress.stands_still(patience.head, patience.stall) => {
            tracing::debug!("a connection was not used any more, or its answers not taken");
        }
    }
}

/// A request of a connection, for as long as it is under way.
struct UnderWay<'a>(&'a Progress);

impl<'a> UnderWay<'a> {
    fn begin(progress: &'a Progress) -> UnderWay<'a> {
        progress.begin();
        UnderWay(progress)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Whether the client speaks HTTP/2 from the first byte: it sends a preface that is no request of
/// HTTP/1.1. Looks at what has arrived without taking it.
async fn speaks_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let arrived = stream.peek(&mut start).await?;
        if arrived == 0 || !PREFACE.starts_with(&start[..arrived]) {
            return Ok(false);
        }
        if arrived == PREFACE.len() {
            return Ok(true);
        }
        // A few bytes that could be either; more are on their way.
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
