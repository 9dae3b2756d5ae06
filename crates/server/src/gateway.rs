//! One request: refuse, read, decode, act, encode.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use formiga_auth::time::Timestamp;
use formiga_engine::names::Region;
use formiga_wire::error::ErrorKind;
use formiga_wire::form::QueryForm;
use formiga_wire::protocol::{self, Head, Protocol};
use formiga_wire::query::Parameters;
use formiga_wire::service::Service;
use hyper::body::Body;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName, HeaderValue, REFERER,
    USER_AGENT,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;
use uuid::Uuid;

use crate::answer::{AnswerBody, AnswerMemory};
use crate::audit::{AuditLog, Trail};
use crate::authorization::{Access, QueuePolicies};
use crate::body::{self, BodyMemory, BoundedBody};
use crate::browser::BrowserRules;
use crate::clock::Clock;
use crate::console;
use crate::context::{Caller, Context};
use crate::cors::Sharing;
use crate::error::{self, ApiError};
use crate::heavy::heavy;
use crate::metrics::{Metrics, OPEN_METRICS};
use crate::peers::{Peer, Peers};
use crate::queues::Directory;
use crate::random::Random;
use crate::rates::Rates;
use crate::signature::{Arrived, Verifier};
use crate::{audit, formiga, iam, sqs, sts};

/// What answers requests.
pub(crate) struct Gateway {
    pub(crate) queues: Arc<Directory>,
    pub(crate) store: Arc<dyn formiga_store::Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<Random>,
    pub(crate) rates: Arc<Rates>,
    pub(crate) browsers: BrowserRules,
    pub(crate) peers: Peers,
    /// What checks who calls; none if nobody is checked.
    pub(crate) verifier: Option<Verifier>,
    pub(crate) queue_policies: Arc<QueuePolicies>,
    pub(crate) default_region: Region,
    pub(crate) body_memory: BodyMemory,
    pub(crate) body_timeout: Duration,
    pub(crate) answer_memory: AnswerMemory,
    /// The host that callers without a `Host` header are taken to have named.
    pub(crate) own_host: String,
    pub(crate) epoch: formiga_store::Epoch,
    /// Held while the clock is moved ahead.
    pub(crate) clock_moves: tokio::sync::Mutex<()>,
    /// Turns true when the server stops.
    pub(crate) stopping: watch::Receiver<bool>,
    pub(crate) under_way: AtomicUsize,
    /// None if nobody asked for it.
    pub(crate) audit: Option<AuditLog>,
    pub(crate) metrics: Metrics,
}

/// A request for an action, whose body counts as memory of requests until it is decoded.
pub(crate) type Call<'a> = protocol::Call<'a, BoundedBody>;

/// What an action answers with: its encoded output.
pub(crate) type Answer = Result<Vec<u8>, ApiError>;

/// A request whose body is still to be read.
struct Arrival<'a> {
    head: &'a Parts,
    peer: Peer,
    /// Where the caller reached the server: scheme, host and port.
    endpoint: String,
    /// None if nobody is checked.
    signed: Option<Arrived<'a>>,
}

/// Who was found to call; nobody was asked if there is no access to decide about.
struct Verified {
    endpoint: String,
    caller: Option<Caller>,
    access: Option<Access>,
}

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

    pub(crate) async fn answer<B: Body<Data = Bytes> + Unpin>(
        &self,
        request: Request<B>,
        peer: Peer,
    ) -> Response<AnswerBody> {
        let sharing = Sharing::of(request.headers(), &self.browsers);
        let mut answer = self.answer_alike(request, peer, sharing.as_ref()).await;
        if let Some(sharing) = sharing {
            sharing.share(&mut answer);
        }
        answer
    }

    /// The answer, whoever may read it.
    async fn answer_alike<B: Body<Data = Bytes> + Unpin>(
        &self,
        request: Request<B>,
        peer: Peer,
        sharing: Option<&Sharing>,
    ) -> Response<AnswerBody> {
        let _under_way = UnderWay::begin(&self.under_way);
        let request_id = self.random.uuid();
        let (mut head, body) = request.into_parts();
        name_host(&mut head);
        if !self.browsers.allow(&head.headers) {
            tracing::warn!(%request_id, "a foreign web page's request was refused");
            return refusal(request_id);
        }
        if let Some(answer) = sharing.and_then(|sharing| sharing.preflight(&head)) {
            return answer;
        }
        let wire_head = wire_head(&head);
        if head.method == Method::GET && head.uri.path() == "/health" {
            return self.health(request_id);
        }
        if head.method == Method::GET
            && head.uri.path() == "/metrics"
            && !names_an_action(&wire_head)
        {
            return self.metrics(&head, peer, request_id).await;
        }
        if !names_an_action(&wire_head) {
            let facts = console::Facts {
                callers_are_checked: self.verifier.is_some(),
                default_region: self.default_region.as_str(),
            };
            if let Some(page) = console::answer(&head, &facts, request_id) {
                return page;
            }
            let body = protocol::UNKNOWN_OPERATION_XML;
            return response(request_id, StatusCode::NOT_FOUND, XML, body);
        }
        if head.method == Method::GET && !self.browsers.allow_action_by_get(&head.headers) {
            tracing::warn!(%request_id, "a browser's GET that does not tell its page was refused");
            return refusal(request_id);
        }
        let mut trail = Trail::of(service_of(&head, &wire_head));
        let answer = self.act(&head, peer, &wire_head, body, request_id, &mut trail).await;
        let service = trail.service;
        let status = answer.as_ref().map_or_else(|error| error.kind.http_status(), |_| 200);
        let action = trail.is_known.then_some(trail.action.as_str());
        self.metrics.count_request(api(service, trail.is_own), action, status);
        self.audit(&head, peer, request_id, trail, &answer);
        if let Err(error) = &answer {
            let code = error.kind.query_code();
            // What cannot be read of a signature may be one, or a secret.
            let is_tellable = error.kind != ErrorKind::IncompleteSignature;
            let message = is_tellable.then_some(error.message.as_str());
            tracing::debug!(%request_id, code, message, "refused");
        }
        self.encoded(request_id, service, wire_head.protocol(), answer).await
    }

    async fn act<B: Body<Data = Bytes> + Unpin>(
        &self,
        head: &Parts,
        peer: Peer,
        wire_head: &Head<'_>,
        body: B,
        request_id: Uuid,
        trail: &mut Trail,
    ) -> Answer {
        let id = request_id.to_string();
        match wire_head.protocol() {
            Protocol::Json => {
                trail.service = Service::Sqs;
                let arrival = self.arrive(head, peer, &Service::SCOPES[..1])?;
                let operation = wire_head.target_operation()?;
                operation.action.clone_into(&mut trail.action);
                let body = self.read(&arrival, body).await?;
                let verified = self.verify(arrival, &body)?;
                let context = self.context(head, None, verified, &body, request_id);
                self.dispatch(context, Call::json(operation, body, &id), trail).await
            }
            Protocol::Query | Protocol::QueryJson => {
                let arrival = self.arrive(head, peer, &Service::SCOPES)?;
                // What a request was signed for is all that it can ask for.
                let signed_for = arrival.signed.as_ref().and_then(Arrived::service);
                trail.service = signed_for.unwrap_or(trail.service);
                let body = self.read(&arrival, body).await?;
                let verified = self.verify(arrival, &body)?;
                let read = || wire_head.parameters(&body).map(Parameters::into_owned);
                let parameters = heavy(body.len(), read)?;
                if signed_for.is_none() && service_named(head, wire_head).is_none() {
                    let version = parameters.get("Version").and_then(Service::of_version);
                    trail.service = version.unwrap_or_default();
                }
                let action = parameters.action()?.to_owned();
                trail.action.clone_from(&action);
                let presigned = parameters.get("X-Amz-Credential");
                let context = self.context(head, presigned, verified, &body, request_id);
                drop(body);
                let call = Call::query(wire_head, trail.service, &action, parameters, &id)?;
                self.dispatch(context, call, trail).await
            }
        }
    }

    /// Tells the audit log, if there is one, what became of a request.
    fn audit(&self, head: &Parts, peer: Peer, request_id: Uuid, mut trail: Trail, answer: &Answer) {
        let Some(audit) = &self.audit else { return };
        if trail.access_key_id.is_none() {
            let credential = Caller::credential(text(head, AUTHORIZATION));
            trail.access_key_id = credential.and_then(|it| it.split('/').next()).map(str::to_owned);
        }
        let request = audit::Request {
            at: Timestamp::from_millis(self.clock.now().as_millis()),
            request_id,
            event_id: self.random.uuid(),
            address: self.peers.client(peer.address, &head.headers),
            tls: peer.tls,
            host: text(head, HOST),
            user_agent: text(head, USER_AGENT),
        };
        let outcome = answer.as_ref().map(|_| ());
        audit.tell(trail, outcome, &request);
    }

    /// Refuses what can be refused before a body is read.
    fn arrive<'a>(
        &'a self,
        head: &'a Parts,
        peer: Peer,
        services: &[&str],
    ) -> Result<Arrival<'a>, ApiError> {
        let signed = self.verifier.as_ref().map(|verifier| {
            let now = Timestamp::from_millis(self.clock.now().as_millis());
            let other_hosts = self.peers.hosts(peer.address, &head.headers);
            let address = self.peers.client(peer.address, &head.headers);
            verifier.arrived(head, address, other_hosts, services, now)
        });
        Ok(Arrival { head, peer, endpoint: self.endpoint(head, peer), signed: signed.transpose()? })
    }

    /// Where the caller reached the server: the proxy, if there is one that is trusted.
    fn endpoint(&self, head: &Parts, peer: Peer) -> String {
        let is_secure = self.peers.is_secure(peer, &head.headers);
        let scheme = if is_secure { "https" } else { "http" };
        let forwarded = self.peers.hosts(peer.address, &head.headers).into_iter().next();
        let forwarded = forwarded.and_then(|host| String::from_utf8(host).ok());
        let host = forwarded.as_deref().or(text(head, HOST)).unwrap_or(&self.own_host);
        format!("{scheme}://{host}")
    }

    /// Who sends a request with this body. Where callers are checked, it is about the queues of
    /// the account that the key belongs to, in the region that it is signed for.
    fn verify(&self, arrival: Arrival<'_>, body: &BoundedBody) -> Result<Verified, ApiError> {
        let Arrival { head, peer, endpoint, signed } = arrival;
        let (Some(signed), Some(verifier)) = (signed, &self.verifier) else {
            return Ok(Verified { endpoint, caller: None, access: None });
        };
        let principal = signed.verify(body.digest.as_ref())?;
        let region = signed.region().and_then(|region| Region::parse(region).ok());
        let caller = Caller {
            account: principal.account,
            region: region.unwrap_or_else(|| self.default_region.clone()),
        };
        let owned = |name: HeaderName| text(head, name).map(str::to_owned);
        let access = Access {
            principal,
            access_key_id: signed.access_key_id().map(str::to_owned),
            identities: verifier.identities().clone(),
            queue_policies: self.queue_policies.clone(),
            now: signed.now,
            source_ip: self.peers.client(peer.address, &head.headers),
            is_secure: self.peers.is_secure(peer, &head.headers),
            user_agent: owned(USER_AGENT),
            referer: owned(REFERER),
            url: format!("{endpoint}{}", head.uri.path()),
        };
        Ok(Verified { endpoint, caller: Some(caller), access: Some(access) })
    }

    /// A server that stops takes no new work; a body that is not here yet is new work.
    async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        arrival: &Arrival<'_>,
        body: B,
    ) -> Result<BoundedBody, ApiError> {
        if text(arrival.head, CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(error::encoded());
        }
        let mut stopping = self.stopping.clone();
        let is_hashed = arrival.signed.as_ref().is_some_and(Arrived::needs_digest);
        tokio::select! {
            biased;
            body = body::read(body, &self.body_memory, self.body_timeout, is_hashed) => body,
            _ = stopping.wait_for(|stopping| *stopping) => Err(error::stopping()),
        }
    }

    /// A presigned URL carries its credential among its parameters.
    fn context(
        &self,
        head: &Parts,
        presigned: Option<&str>,
        verified: Verified,
        body: &BoundedBody,
        request_id: Uuid,
    ) -> Context {
        let text = |name: HeaderName| text(head, name);
        let caller = verified.caller.unwrap_or_else(|| {
            let credential = Caller::credential(text(AUTHORIZATION)).or(presigned);
            Caller::read(credential, &self.default_region)
        });
        Context {
            queues: self.queues.clone(),
            random: self.random.clone(),
            rates: self.rates.clone(),
            caller,
            access: verified.access,
            request_id,
            endpoint: verified.endpoint,
            trace_header: text(TRACE).map(str::to_owned),
            memory: body.memory.clone(),
        }
    }

    async fn dispatch(
        &self,
        mut context: Context,
        mut call: Call<'_>,
        trail: &mut Trail,
    ) -> Answer {
        trail.is_own = call.operation.service == "Formiga";
        if self.audit.is_some() {
            trail.region = Some(context.caller.region.to_string());
            trail.account = Some(context.caller.account);
            if let Some(access) = &context.access {
                trail.principal = Some(access.principal.clone());
                trail.access_key_id.clone_from(&access.access_key_id);
            }
            if trail.is_management() {
                call.keep_exchange();
            }
        }
        let throttled = match call.service() {
            Service::Sqs => ErrorKind::RequestThrottled,
            _ => ErrorKind::Throttling,
        };
        context.rates.take_of_account(context.account_of_caller(), throttled)?;
        let answer = match call.operation.service {
            _ if call.service() == Service::Sts => {
                sts::act(&context, call.operation.action, &mut call).await
            }
            _ if call.service() == Service::Iam => {
                iam::act(&context, call.operation.action, &mut call).await
            }
            "AmazonSQS" => sqs::act(&mut context, call.operation.action, &mut call).await,
            "Formiga" => formiga::act(self, &context, call.operation.action, &mut call).await,
            _ => None,
        };
        if matches!(answer, Some(Ok(_))) {
            let request_id = context.request_id;
            tracing::debug!(%request_id, action = call.operation.action, "answered");
        }
        trail.is_known = answer.is_some();
        let answer = answer.unwrap_or_else(|| Err(call.unknown_operation()));
        if self.audit.is_some() {
            trail.exchange = call.exchange();
            let url = trail.exchange.input.get("QueueUrl").and_then(serde_json::Value::as_str);
            let queue = url.and_then(|url| context.caller.queue_at(url));
            if let Some(queue) = queue {
                trail.account = Some(queue.account);
                trail.queue_arn = Some(queue.arn().to_string());
            }
        }
        answer
    }

    /// An answer for which there is no memory is not sent. What a receive took returns when its
    /// visibility timeout ends.
    async fn encoded(
        &self,
        request_id: Uuid,
        service: Service,
        protocol: Protocol,
        answer: Answer,
    ) -> Response<AnswerBody> {
        let error = match answer {
            Ok(body) => match self.answer_memory.hold(body).await {
                Some(body) => {
                    return response(request_id, StatusCode::OK, protocol.content_type(), body);
                }
                None => error::too_much_untaken(),
            },
            Err(error) => error,
        };
        let status = StatusCode::from_u16(error.kind.http_status());
        let status = status.expect("the error table holds HTTP statuses");
        let body = protocol.encode_error(service, &error, &request_id.to_string());
        let mut response = response(request_id, status, protocol.content_type(), body);
        if protocol == Protocol::Json {
            let header = HeaderValue::try_from(error.kind.query_error_header());
            response.headers_mut().insert(QUERY_ERROR, header.expect("codes are ASCII"));
        }
        response
    }

    /// It names queues. Where callers are checked, only this machine is told, and not through a proxy.
    async fn metrics(&self, head: &Parts, peer: Peer, request_id: Uuid) -> Response<AnswerBody> {
        let is_forwarded = FORWARDED.iter().any(|name| head.headers.contains_key(*name));
        if self.verifier.is_some() && (is_forwarded || !peer.address.is_loopback()) {
            let body = "{\"message\":\"Only this machine is told.\"}";
            return response(request_id, StatusCode::FORBIDDEN, JSON, body);
        }
        let text = self.metrics.text(&self.queues, self.requests_under_way()).await;
        response(request_id, StatusCode::OK, OPEN_METRICS, text)
    }

    fn health(&self, request_id: Uuid) -> Response<AnswerBody> {
        match self.store.failure() {
            None => response(request_id, StatusCode::OK, JSON, "{\"status\":\"ok\"}"),
            // What failed is for the operator, who has a log, if anyone may ask.
            Some(_) if self.verifier.is_some() => {
                let body = "{\"status\":\"failed\"}";
                response(request_id, StatusCode::SERVICE_UNAVAILABLE, JSON, body)
            }
            Some(why) => {
                let body = serde_json::json!({ "status": "failed", "reason": why }).to_string();
                response(request_id, StatusCode::SERVICE_UNAVAILABLE, JSON, body)
            }
        }
    }
}

fn text(head: &Parts, name: HeaderName) -> Option<&str> {
    head.headers.get(name).and_then(|value| value.to_str().ok())
}

/// HTTP/2 names the host beside the headers.
fn name_host(head: &mut Parts) {
    let authority = head.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority
        && !head.headers.contains_key(HOST)
    {
        head.headers.insert(HOST, host);
    }
}

/// The service that a request names in its head: by what it says it is signed for.
fn service_named(head: &Parts, wire_head: &Head<'_>) -> Option<Service> {
    let presigned = || wire_head.query_value("X-Amz-Credential").map(|it| it.replace("%2F", "/"));
    let credential = Caller::credential(text(head, AUTHORIZATION)).map(str::to_owned);
    let credential = credential.or_else(presigned)?;
    Service::of_scope(credential.split('/').nth(3)?)
}

/// The same, or what its URL has the version of.
fn service_of(head: &Parts, wire_head: &Head<'_>) -> Service {
    let of_version = || wire_head.query_value("Version").and_then(Service::of_version);
    service_named(head, wire_head).or_else(of_version).unwrap_or_default()
}

fn wire_head(head: &Parts) -> Head<'_> {
    Head {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query(),
        content_type: text(head, CONTENT_TYPE),
        target: text(head, TARGET),
        accept: text(head, ACCEPT),
    }
}

/// Query requests are sent by GET or POST, and a GET without an action asks for a page, of which
/// there are `/health`, `/metrics` and the console's. JSON's own rules are its codec's.
fn names_an_action(head: &Head<'_>) -> bool {
    match (head.protocol(), head.method) {
        (Protocol::Json, _) | (_, "POST") => true,
        (_, "GET") => head.query_names_an_action(),
        _ => false,
    }
}

/// The interface that a request was for.
fn api(service: Service, is_own: bool) -> &'static str {
    match service {
        _ if is_own => "formiga",
        Service::Sqs => "sqs",
        Service::Iam => "iam",
        Service::Sts => "sts",
    }
}

/// What proxies add to a request.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];
const XML: &str = "text/xml";
const JSON: &str = "application/json";
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// Decodes the input, acts, and encodes the output. The body is gone before the action begins, which
/// may be a long poll.
pub(crate) async fn run<I, O>(
    call: &mut Call<'_>,
    action: impl AsyncFnOnce(I) -> Result<O, ApiError>,
) -> Answer
where
    I: serde::de::DeserializeOwned + serde::Serialize + QueryForm,
    O: serde::Serialize + QueryForm,
{
    let bytes = call.input_bytes();
    action(heavy(bytes, || call.decode())?).await.map(|output| call.encode(&output))
}

/// The same for actions without output.
pub(crate) async fn run_silent<I>(
    call: &mut Call<'_>,
    action: impl AsyncFnOnce(I) -> Result<(), ApiError>,
) -> Answer
where
    I: serde::de::DeserializeOwned + serde::Serialize + QueryForm,
{
    let bytes = call.input_bytes();
    action(heavy(bytes, || call.decode())?).await.map(|()| call.encode_nothing())
}

fn refusal(request_id: Uuid) -> Response<AnswerBody> {
    let body = "{\"message\":\"Requests from web pages of other sites are not accepted.\"}";
    response(request_id, StatusCode::FORBIDDEN, JSON, body)
}

pub(crate) fn response(
    request_id: Uuid,
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<AnswerBody>,
) -> Response<AnswerBody> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let mut buffer = Uuid::encode_buffer();
    let id = request_id.hyphenated().encode_lower(&mut buffer);
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from_str(id).expect("a UUID is ASCII"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
