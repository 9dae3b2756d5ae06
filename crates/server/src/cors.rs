//! Lets pages of allowed origins read answers: the headers by which a browser learns that it may.
//!
//! Nobody else's answer has one of them, and none allows credentials: what a page calls with is what it
//! signs with, never a cookie. <https://fetch.spec.whatwg.org/#http-cors-protocol>

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use crate::answer::AnswerBody;
use crate::browser::BrowserRules;

/// The origin of a request whose answer its page may read.
pub(crate) struct Sharing(HeaderValue);

/// What SDKs in browsers read of an answer.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-amzn-requestid, x-amzn-query-error, date");

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");

/// How long a browser need not ask again, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Browsers ask for this before a page of the internet reaches a private network.
const REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");

impl Sharing {
    /// None for whatever comes from no page of an allowed origin.
    pub(crate) fn of(headers: &HeaderMap, rules: &BrowserRules) -> Option<Sharing> {
        let origin = headers.get(ORIGIN)?;
        let is_shared = rules.is_allowed_origin(origin.to_str().ok()?) && rules.allow(headers);
        is_shared.then(|| Sharing(origin.clone()))
    }

    /// The answer to a browser that asks whether it may send a request; none to what is no such
    /// question.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Response<AnswerBody>> {
        let is_question = head.method == Method::OPTIONS
            && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_question {
            return None;
        }
        let mut answer = Response::new(AnswerBody::from(""));
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        if let Some(allowed) = allowed_headers(&head.headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        if head.headers.contains_key(REQUEST_PRIVATE_NETWORK) {
            headers.insert(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
        }
        Some(answer)
    }

    /// Lets the page read an answer.
    pub(crate) fn share(self, answer: &mut Response<AnswerBody>) {
        let headers = answer.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
}

/// Those of the headers a page wants to send that belong to a signed request.
fn allowed_headers(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS);
    let wanted = wanted.iter().filter_map(|line| line.to_str().ok());
    let names = wanted.flat_map(|line| line.split(',')).map(|name| name.trim().to_lowercase());
    let allowed: Vec<String> = names.filter(|name| is_of_requests(name)).collect();
    HeaderValue::try_from(allowed.join(", ")).ok().filter(|value| !value.is_empty())
}

fn is_of_requests(name: &str) -> bool {
    matches!(name, "authorization" | "content-type")
        || ["x-amz-", "x-amzn-", "amz-sdk-"].iter().any(|prefix| name.starts_with(prefix))
}
