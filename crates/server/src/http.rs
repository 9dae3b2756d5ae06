//! The listener: connections, their limits, and their graceful end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::gateway::Gateway;

/// How long a client may take to send a request's head, and how long a connection may stay idle
/// between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

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

/// Serves connections until `stopping` turns true; then takes no new work and returns when the
/// requests under way are answered.
pub(crate) async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    mut stopping: watch::Receiver<bool>,
) {
    let connections = GracefulShutdown::new();
    let (abandon, abandoned) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.wait_for(|stopping| *stopping) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                serve_connection(stream, gateway.clone(), &connections, abandoned.clone());
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
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

/// Completes when every request that had arrived is answered, and its answer had time to leave.
/// Connections that are still open by then have sent a part of a request's head at most.
async fn quiet(gateway: &Gateway) {
    while gateway.requests_under_way() > 0 {
        tokio::time::sleep(QUIET_PAUSE).await;
    }
    tokio::time::sleep(FLUSH_TIME).await;
}

/// Serves a connection until it ends, or until the sender of `abandoned` is dropped.
fn serve_connection(
    stream: TcpStream,
    gateway: Arc<Gateway>,
    connections: &GracefulShutdown,
    mut abandoned: watch::Receiver<()>,
) {
    // Answers are small and complete; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            ended = connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
            }
            _ = abandoned.changed() => {}
        }
    });
}
