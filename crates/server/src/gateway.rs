//! One request: refuse, read, decode, act, encode.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use formiga_engine::names::Region;
use formiga_wire::error::ErrorKind;
use formiga_wire::json;
use formiga_wire::protocol::{self, Operation};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;
use uuid::Uuid;

use crate::body::{self, BodyMemory};
use crate::browser::BrowserRules;
use crate::clock::Clock;
use crate::context::{Caller, Context};
use crate::error::{self, ApiError};
use crate::queues::Directory;
use crate::random::Random;
use crate::{formiga, sqs};

/// What answers requests.
pub(crate) struct Gateway {
    pub(crate) queues: Arc<Directory>,
    pub(crate) store: Arc<dyn formiga_store::Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<Random>,
    pub(crate) browsers: BrowserRules,
    pub(crate) default_region: Region,
    pub(crate) body_memory: BodyMemory,
    pub(crate) body_timeout: Duration,
    /// The host that callers without a `Host` header are taken to have named.
    pub(crate) own_host: String,
    pub(crate) epoch: formiga_store::Epoch,
    /// Held while the clock is moved ahead.
    pub(crate) clock_moves: tokio::sync::Mutex<()>,
    /// Turns true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) under_way: AtomicUsize,
}

/// What an action answers with: a JSON document, or nothing.
pub(crate) type Answer = Result<Vec<u8>, ApiError>;

/// Counts a request for as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn begin(counter: &'a AtomicUsize) -> UnderWay<'a> {
        counter.fetch_add(1, Ordering::Relaxed);
        UnderWay(counter)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gateway {
    /// How many requests have arrived and are not answered yet.
    pub(crate) fn requests_under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let _under_way = UnderWay::begin(&self.under_way);
        let request_id = self.random.uuid();
        let (head, body) = request.into_parts();
        if !self.browsers.allow(&head.headers) {
            tracing::warn!(%request_id, "a foreign web page's request was refused");
            return refusal(request_id);
        }
        if head.method == Method::GET {
            return self.answer_get(&head, request_id);
        }
        let answer = self.act(&head, body, request_id).await;
        match &answer {
            Ok(_) => tracing::debug!(%request_id, target = ?head.headers.get(TARGET), "answered"),
            Err(error) => {
                let code = error.kind.query_code();
                tracing::debug!(%request_id, code, message = error.message, "refused");
            }
        }
        json_response(request_id, answer)
    }

    async fn act(&self, head: &Parts, body: Incoming, request_id: Uuid) -> Answer {
        let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        let target = text(TARGET);
        let operation = protocol::detect(head.method.as_str(), text(CONTENT_TYPE), target)?;
        // A server that stops takes no new work; a body that is not here yet is new work.
        let mut stopping = self.stopping.clone();
        let body = tokio::select! {
            biased;
            body = body::read(body, &self.body_memory, self.body_timeout) => body?,
            _ = stopping.wait_for(|stopping| *stopping) => return Err(error::stopping()),
        };
        let context = Context {
            queues: self.queues.clone(),
            random: self.random.clone(),
            caller: Caller::read(text(AUTHORIZATION), &self.default_region),
            request_id,
            host: text(HOST).unwrap_or(&self.own_host).to_owned(),
            trace_header: text(TRACE).map(str::to_owned),
        };
        self.dispatch(&context, operation, &body).await
    }

    async fn dispatch(&self, context: &Context, operation: Operation<'_>, body: &[u8]) -> Answer {
        let answer = match operation.service {
            "AmazonSQS" => sqs::act(context, operation.action, body).await,
            "Formiga" => formiga::act(self, operation.action, body).await,
            _ => None,
        };
        answer.unwrap_or_else(|| {
            let message = format!("The operation {} does not exist.", operation.action);
            Err(ApiError::new(ErrorKind::UnknownOperation, message))
        })
    }

    fn answer_get(&self, head: &Parts, request_id: Uuid) -> Response<Full<Bytes>> {
        if head.uri.path() == "/health" {
            return match self.store.failure() {
                None => response(request_id, StatusCode::OK, JSON, "{\"status\":\"ok\"}"),
                Some(why) => {
                    let body = serde_json::json!({ "status": "failed", "reason": why }).to_string();
                    response(request_id, StatusCode::SERVICE_UNAVAILABLE, JSON, body)
                }
            };
        }
        response(request_id, StatusCode::NOT_FOUND, "text/xml", protocol::UNKNOWN_OPERATION_XML)
    }
}

const JSON: &str = "application/json";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// Decodes the input, acts, and encodes the output.
pub(crate) async fn run<I, O>(
    body: &[u8],
    action: impl AsyncFnOnce(I) -> Result<O, ApiError>,
) -> Answer
where
    I: serde::de::DeserializeOwned,
    O: serde::Serialize,
{
    action(json::decode(body)?).await.map(|output| json::encode(&output))
}

/// The same for actions without output.
pub(crate) async fn run_silent<I>(
    body: &[u8],
    action: impl AsyncFnOnce(I) -> Result<(), ApiError>,
) -> Answer
where
    I: serde::de::DeserializeOwned,
{
    action(json::decode(body)?).await.map(|()| Vec::new())
}

fn json_response(request_id: Uuid, answer: Answer) -> Response<Full<Bytes>> {
    match answer {
        Ok(body) => response(request_id, StatusCode::OK, protocol::JSON_CONTENT_TYPE, body),
        Err(error) => {
            let status = StatusCode::from_u16(error.kind.http_status());
            let status = status.expect("the error table holds HTTP statuses");
            let body = json::encode_error(&error);
            let mut response = response(request_id, status, protocol::JSON_CONTENT_TYPE, body);
            let header = HeaderValue::try_from(error.kind.query_error_header());
            response.headers_mut().insert(QUERY_ERROR, header.expect("codes are ASCII"));
            response
        }
    }
}

fn refusal(request_id: Uuid) -> Response<Full<Bytes>> {
    let body = "{\"message\":\"Requests from web pages of other sites are not accepted.\"}";
    response(request_id, StatusCode::FORBIDDEN, JSON, body)
}

fn response(
    request_id: Uuid,
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let mut buffer = Uuid::encode_buffer();
    let id = request_id.hyphenated().encode_lower(&mut buffer);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(id).expect("a UUID is ASCII"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
