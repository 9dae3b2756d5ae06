//! A bare hyper server: the ceiling that figures are told against.
//!
//! It reads each request whole and answers with the headers SQS sends, on one
//! thread, and does nothing else. No queue behind HTTP/1.1 in hyper is faster.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::message::Message;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "AmazonSQS.";

/// Serves every connection of `listener` until the process ends. `answer` maps an
/// action and its input to an output, always with status 200.
pub fn serve<A>(listener: TcpListener, answer: A) -> io::Result<()>
where
    A: Fn(&str, &Bytes) -> Bytes + Send + Sync + 'static,
{
    listener.set_nonblocking(true)?;
    let answer = Arc::new(answer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| respond(request, Arc::clone(&answer)));
            // A connection that breaks concerns its client alone.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

/// Answers that let `--scenario send` run with its standard message of 1,024 bytes:
/// a fixed SendMessage output, and what it takes to make and remove a queue.
pub fn standard_answer() -> impl Fn(&str, &Bytes) -> Bytes + Send + Sync + 'static {
    let md5 = Message::of_size(1024).md5;
    let sent = format!(
        r#"{{"MD5OfMessageBody":"{md5}","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274"}}"#
    );
    let sent = Bytes::from(sent);
    move |action, _input| match action {
        "CreateQueue" => {
            Bytes::from_static(br#"{"QueueUrl":"http://127.0.0.1:9324/000000000000/bare"}"#)
        }
        "DeleteQueue" => Bytes::new(),
        _ => sent.clone(),
    }
}

async fn respond<A>(
    request: Request<Incoming>,
    answer: Arc<A>,
) -> Result<Response<Full<Bytes>>, hyper::Error>
where
    A: Fn(&str, &Bytes) -> Bytes,
{
    let (head, body) = request.into_parts();
    let input = body.collect().await?.to_bytes();
    let target = head.headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let output = answer(target.strip_prefix(TARGET_PREFIX).unwrap_or_default(), &input);

    let mut response = Response::new(Full::new(output));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert(REQUEST_ID, HeaderValue::from_static("66916324-67ca-54bb-a410-3f567a7a0571"));
    Ok(response)
}
