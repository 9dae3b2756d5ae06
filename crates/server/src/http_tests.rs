//! Connections whose clients do not do their part, with little patience for them. Where a client is
//! to be cut off for one reason, there is patience of an hour for all others.

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2 as client;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::*;

const MOMENT: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(3600);
const LONG: Patience =
    Patience { handshake: HOUR, head: HOUR, write: HOUR, stall: HOUR, ping: HOUR, pong: HOUR };

/// A request that gets an answer of so many bytes.
fn get(bytes: usize) -> Vec<u8> {
    format!("GET /{bytes} HTTP/1.1\r\nHost: h\r\n\r\n").into_bytes()
}

/// A client's end of a connection, and the server's end, which is done when the connection ends.
async fn connect(patience: Patience) -> (TcpStream, JoinHandle<()>) {
    connect_to(None, patience).await
}

/// The same, to a server with this certificate.
async fn connect_to(tls: Option<TlsAcceptor>, patience: Patience) -> (TcpStream, JoinHandle<()>) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let answer = |request: Request<Incoming>, _| async move {
        let bytes = request.uri().path()[1..].parse().unwrap();
        Response::new(AnswerBody::from(vec![b'x'; bytes]))
    };
    // It would ask the connection to end when it is dropped.
    let connections = GracefulShutdown::new();
    let server = async move {
        serve_connection(stream, tls, patience, connections.watcher(), answer).await;
        drop(connections);
    };
    (client, tokio::spawn(server))
}

/// Waits for what must happen, also on a busy machine.
async fn soon<T>(happens: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), happens).await.expect("it happens")
}

/// More than the operating system keeps of a connection whose client does not read.
const LARGE: usize = 64 << 20;

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let (mut client, server) = connect(Patience { write: MOMENT, ..LONG }).await;
    client.write_all(&get(LARGE)).await.unwrap();
    soon(server).await.unwrap();
    let mut read = Vec::new();
    let _ = soon(client.read_to_end(&mut read)).await;
    assert!(read.starts_with(b"HTTP/1.1 200 OK"));
    assert!(read.len() < LARGE, "the rest of the answer is given up");
}

#[tokio::test]
async fn a_client_that_sends_ahead_and_reads_nothing_is_cut_off() {
    let (client, server) = connect(Patience { write: MOMENT, ..LONG }).await;
    let (_unread, mut requests) = client.into_split();
    let many = get(10).repeat(1000);
    // This ends because requests are not taken without bound.
    soon(async { while requests.write_all(&many).await.is_ok() {} }).await;
    soon(server).await.unwrap();
}

/// An HTTP/2 client that gives each of its answers a window of so many bytes.
async fn http2(client: TcpStream, window: u32) -> client::SendRequest<Empty<Bytes>> {
    let client = client::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(window)
        .handshake(TokioIo::new(client));
    let (requests, connection) = client.await.unwrap();
    tokio::spawn(connection);
    requests
}

fn get_by_http2(bytes: usize) -> Request<Empty<Bytes>> {
    Request::get(format!("http://h/{bytes}")).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn an_http2_client_that_takes_none_of_its_answers_is_cut_off() {
    for window in [0, 1] {
        let (client, server) = connect(Patience { stall: MOMENT, ..LONG }).await;
        let mut requests = http2(client, window).await;
        let answer = soon(requests.send_request(get_by_http2(1000))).await.unwrap();
        assert_eq!(answer.status(), 200, "its head comes");
        soon(server).await.unwrap();
        assert!(answer.into_body().collect().await.is_err(), "a window of {window}");
    }
}

#[tokio::test]
async fn an_http2_client_that_does_not_read_at_all_is_cut_off() {
    let (client, server) = connect(Patience { write: MOMENT, ..LONG }).await;
    let (_unread, mut frames) = client.into_split();
    frames.write_all(PREFACE).await.unwrap();
    frames.write_all(SETTINGS).await.unwrap();
    let pings = b"\0\0\x08\x06\0\0\0\0\0abcdefgh".repeat(1000);
    soon(async { while frames.write_all(&pings).await.is_ok() {} }).await;
    soon(server).await.unwrap();
}

/// A frame of settings that changes none.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn an_http2_client_that_vanished_is_noticed() {
    let (mut client, server) = connect(Patience { ping: MOMENT, pong: MOMENT, ..LONG }).await;
    client.write_all(PREFACE).await.unwrap();
    client.write_all(SETTINGS).await.unwrap();
    soon(server).await.unwrap();
}

#[tokio::test]
async fn streams_that_are_opened_only_to_be_canceled_end_their_connection() {
    let (mut client, server) = connect(LONG).await;
    let mut frames = [PREFACE, SETTINGS].concat();
    for stream in 0..2 * CANCELED_STREAMS_MAX as u8 {
        let id = [0, 0, 0, 2 * stream + 1];
        // `GET http:// h /` in the words of HPACK, and the cancellation of the same stream.
        frames.extend([b"\0\0\x06\x01\x05", &id[..], b"\x82\x86\x84\x41\x01h"].concat());
        frames.extend([b"\0\0\x04\x03\0", &id[..], b"\0\0\0\x08"].concat());
    }
    client.write_all(&frames).await.unwrap();
    let mut read = Vec::new();
    let _ = soon(client.read_to_end(&mut read)).await;
    let enhance_your_calm = b"\0\0\0\x0b";
    assert!(read.windows(4).any(|code| code == enhance_your_calm), "{read:?}");
    soon(server).await.unwrap();
}

#[tokio::test]
async fn an_http2_connection_keeps_a_bounded_number_of_answers() {
    let (client, _server) = connect(LONG).await;
    let mut requests = http2(client, 0).await;
    let mut unread = Vec::new();
    for _ in 0..STREAMS_MAX {
        soon(requests.ready()).await.unwrap();
        unread.push(soon(requests.send_request(get_by_http2(10))).await.unwrap());
    }
    let another = requests.send_request(get_by_http2(10));
    let answered = tokio::time::timeout(MOMENT, another).await;
    assert!(answered.is_err(), "answers that are not taken keep their streams");
}

/// What is thought of a client that sent these bytes; none if it takes more to tell.
async fn is_http2(sent: &[u8]) -> Option<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(sent).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    stream.readable().await.unwrap();
    let told = tokio::time::timeout(10 * PREFACE_PAUSE, speaks_http2(&stream)).await;
    told.ok().map(Result::unwrap)
}

#[tokio::test]
async fn only_the_whole_preface_begins_http2() {
    assert_eq!(is_http2(PREFACE).await, Some(true));
    assert_eq!(is_http2(b"POST / HTTP/1.1\r\n").await, Some(false));
    assert_eq!(is_http2(b"PRIVATE / HTTP/1.1\r\n").await, Some(false));
    // Until the rest comes, the limit on heads counts.
    assert_eq!(is_http2(b"PRI").await, None);
    assert_eq!(is_http2(&PREFACE[..23]).await, None);
}

/// A server's certificate, and a client that trusts it and offers to speak this.
fn certificate(protocols: &[&[u8]]) -> (TlsAcceptor, TlsConnector) {
    let directory = tempfile::tempdir().unwrap();
    let acceptor = Tls::self_signed(directory.path(), &[]).unwrap().acceptor();
    let authority = tls::authority_file(directory.path());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let mut client =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    client.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    (acceptor, TlsConnector::from(Arc::new(client)))
}

#[tokio::test]
async fn a_client_that_takes_too_long_for_its_handshake_is_cut_off() {
    // All that comes before the keys: nothing, or a part of a client's hello.
    for hello in [&b""[..], &[22, 3, 1, 1, 0, 1, 0]] {
        let (acceptor, _) = certificate(&[]);
        let patience = Patience { handshake: MOMENT, ..LONG };
        let (mut client, server) = connect_to(Some(acceptor), patience).await;
        client.write_all(hello).await.unwrap();
        soon(server).await.unwrap();
        let mut read = Vec::new();
        let _ = soon(client.read_to_end(&mut read)).await;
        assert!(read.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_its_encrypted_answer_is_cut_off() {
    let (acceptor, connector) = certificate(&[]);
    let (client, server) = connect_to(Some(acceptor), Patience { write: MOMENT, ..LONG }).await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = connector.connect(name, client).await.unwrap();
    client.write_all(&get(LARGE)).await.unwrap();
    client.flush().await.unwrap();
    soon(server).await.unwrap();
    let mut read = Vec::new();
    let error = soon(client.read_to_end(&mut read)).await;
    assert!(error.is_err(), "the connection does not end as if all was said");
    assert!(read.len() < LARGE, "the rest of the answer is given up");
}

#[tokio::test]
async fn a_client_that_does_not_speak_tls_is_told() {
    let (acceptor, _) = certificate(&[]);
    let (mut client, server) = connect_to(Some(acceptor), LONG).await;
    client.write_all(&get(10)).await.unwrap();
    client.shutdown().await.unwrap();
    let mut read = String::new();
    soon(client.read_to_string(&mut read)).await.unwrap();
    soon(server).await.unwrap();
    let (head, body) = read.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
    assert!(body.contains("https"), "{body}");
}

#[tokio::test]
async fn the_client_chooses_the_version_of_http() {
    for (offered, is_http2) in
        [(&[&b"h2"[..], b"http/1.1"][..], true), (&[b"http/1.1"], false), (&[], false)]
    {
        let (acceptor, connector) = certificate(offered);
        let (client, _server) = connect_to(Some(acceptor), LONG).await;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut client = connector.connect(name, client).await.unwrap();
        let agreed = client.get_ref().1.alpn_protocol();
        assert_eq!(agreed == Some(b"h2"), is_http2, "{offered:?}");
        if is_http2 {
            let client = client::Builder::new(TokioExecutor::new()).handshake(TokioIo::new(client));
            let (mut requests, connection) = client.await.unwrap();
            tokio::spawn(connection);
            let answer = soon(requests.send_request(get_by_http2(10))).await.unwrap();
            let body = soon(answer.into_body().collect()).await.unwrap().to_bytes();
            assert_eq!(body.len(), 10);
        } else {
            client.write_all(&get(10)).await.unwrap();
            let mut read = vec![0; 15];
            soon(client.read_exact(&mut read)).await.unwrap();
            assert_eq!(read, b"HTTP/1.1 200 OK");
        }
    }
}
