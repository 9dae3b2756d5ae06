//! The web console at `/console/`: what `cargo xtask console` built, a part of this program.
//!
//! Pages ask for nothing from any other host, run no script but their own, and are shown in no
//! frame. Files are stored as they are and compressed; nothing is compressed on the way.

use std::borrow::Cow;

use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use rust_embed::Embed;
use uuid::Uuid;

use crate::answer::AnswerBody;
use crate::gateway::response;

/// What was built, if anything was.
#[derive(Embed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Files;

/// What a page has to know before it can sign a request.
pub(crate) struct Facts<'a> {
    pub(crate) callers_are_checked: bool,
    pub(crate) default_region: &'a str,
}

const HOME: &str = "/console/";
/// Names below it carry a hash of their content.
const ASSETS: &str = "assets/";
const FACTS: &str = "server.json";
const INDEX: &str = "index.html";

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const NEVER: &str = "no-cache";

/// The page of a request that asks for no action; none if it asks for none of these.
pub(crate) fn answer(
    head: &Parts,
    facts: &Facts<'_>,
    request_id: Uuid,
) -> Option<Response<AnswerBody>> {
    let path = head.uri.path();
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    if path == "/" && is_read && prefers_html(&head.headers) || path == "/console" {
        let mut redirect = response(request_id, StatusCode::SEE_OTHER, TEXT, "");
        redirect.headers_mut().insert(LOCATION, HeaderValue::from_static(HOME));
        return Some(redirect);
    }
    let name = path.strip_prefix(HOME)?;
    if !is_read {
        let mut refusal = response(request_id, StatusCode::METHOD_NOT_ALLOWED, TEXT, "");
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(refusal);
    }
    let mut page = page(name, &head.headers, facts, request_id);
    guard(page.headers_mut());
    Some(page)
}

/// Whatever is no file is a place inside the console, which its index finds.
fn page(
    name: &str,
    headers: &HeaderMap,
    facts: &Facts<'_>,
    request_id: Uuid,
) -> Response<AnswerBody> {
    if name == FACTS {
        let auth = if facts.callers_are_checked { "required" } else { "off" };
        let facts = serde_json::json!({ "auth": auth, "region": facts.default_region });
        return response(request_id, StatusCode::OK, "application/json", facts.to_string());
    }
    let is_asset = name.starts_with(ASSETS);
    let name = if is_asset || Files::get(name).is_some() { name } else { INDEX };
    let Some((encoding, bytes)) = file(name, headers) else {
        let status = if is_asset { StatusCode::NOT_FOUND } else { StatusCode::SERVICE_UNAVAILABLE };
        let (kind, body) = if is_asset { (TEXT, "") } else { (HTML, NOT_BUILT) };
        return response(request_id, status, kind, body);
    };
    let mut found = response(request_id, StatusCode::OK, content_type(name), bytes);
    let headers = found.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers
        .insert(CACHE_CONTROL, HeaderValue::from_static(if is_asset { FOR_EVER } else { NEVER }));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    found
}

/// The file in the smallest form that the browser takes.
fn file(name: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, Vec<u8>)> {
    let compressed = [("br", ".br"), ("gzip", ".gz")].into_iter().find_map(|(encoding, ending)| {
        let file = takes(headers, encoding).then(|| Files::get(&format!("{name}{ending}")))?;
        Some((Some(encoding), file?.data))
    });
    let (encoding, data) = match compressed {
        Some(compressed) => compressed,
        None => (None, Files::get(name)?.data),
    };
    Some((encoding, Cow::into_owned(data)))
}

fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|it| it.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// A browser names `text/html` first when it opens an address; no SDK does.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.trim_start().starts_with("text/html"))
}

/// What a browser must not do with a page of the console.
fn guard(headers: &mut HeaderMap) {
    let guards: [(HeaderName, &str); 5] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in guards {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(NEVER));
    }
}

/// Everything comes from this server, and is asked of it alone.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     font-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'";

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => HTML,
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

const NOT_BUILT: &str = "<!doctype html><meta charset=\"utf-8\"><title>Formiga</title>\
    <h1>Formiga is running</h1>\
    <p>This build of the server came without its console. Where Node.js 20 or newer is installed, \
    one command builds both and starts the server:</p>\
    <pre>cargo xtask run</pre>\n";

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn ask(method: &str, path: &str, headers: &[(&str, &str)]) -> Option<Response<AnswerBody>> {
        let mut request = hyper::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let facts = Facts { callers_are_checked: false, default_region: "us-east-1" };
        answer(&request.body(()).unwrap().into_parts().0, &facts, Uuid::nil())
    }

    fn header(page: &Response<AnswerBody>, name: &str) -> String {
        page.headers().get(name).map_or(String::new(), |it| it.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_browser_that_opens_the_server_is_sent_to_the_console() {
        let page = ask("GET", "/", &[("accept", "text/html,application/xml;q=0.9")]).unwrap();
        assert_eq!((page.status().as_u16(), &*header(&page, "location")), (303, HOME));
        let page = ask("GET", "/console", &[]).unwrap();
        assert_eq!((page.status().as_u16(), &*header(&page, "location")), (303, HOME));
        assert!(ask("GET", "/", &[("accept", "*/*")]).is_none());
        assert!(ask("GET", "/", &[]).is_none());
        assert!(ask("GET", "/consoles/", &[]).is_none());
    }

    #[test]
    fn every_page_is_guarded() {
        for path in
            ["/console/", "/console/queues/x", "/console/assets/none.js", "/console/server.json"]
        {
            let page = ask("GET", path, &[]).unwrap();
            let policy = header(&page, "content-security-policy");
            for part in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'"] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
            assert_eq!(header(&page, "x-content-type-options"), "nosniff", "{path}");
            assert_eq!(header(&page, "cache-control"), "no-cache", "{path}");
        }
    }

    #[test]
    fn what_was_not_built_is_not_found_and_nothing_else_than_read() {
        assert_eq!(ask("GET", "/console/assets/none.js", &[]).unwrap().status(), 404);
        assert_eq!(ask("GET", "/console/assets/../../../Cargo.toml", &[]).unwrap().status(), 404);
        assert_eq!(ask("PUT", "/console/", &[]).unwrap().status(), 405);
    }

    #[test]
    fn assets_are_kept_for_ever_and_sent_as_the_browser_takes_them() {
        let Some(asset) = Files::iter().find(|it| it.starts_with(ASSETS) && it.ends_with(".js"))
        else {
            return; // built without the console, whose own tests ask for these over HTTP
        };
        let path = format!("{HOME}{asset}");
        for (accept, encoding) in
            [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("br;q=0, gzip", "gzip"), ("", "")]
        {
            let page = ask("GET", &path, &[("accept-encoding", accept)]).unwrap();
            assert_eq!(header(&page, "content-encoding"), encoding, "{accept}");
            assert_eq!(header(&page, "cache-control"), FOR_EVER);
            assert_eq!(header(&page, "content-type"), "text/javascript; charset=utf-8");
            assert_eq!(header(&page, "vary"), "accept-encoding");
        }
    }

    #[tokio::test]
    async fn a_page_learns_whether_it_has_to_sign_in() {
        for (callers_are_checked, auth) in [(true, "required"), (false, "off")] {
            let facts = Facts { callers_are_checked, default_region: "sa-east-1" };
            let page = page(FACTS, &HeaderMap::new(), &facts, Uuid::nil());
            let body = page.into_body().collect().await.unwrap().to_bytes();
            let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(told, serde_json::json!({ "auth": auth, "region": "sa-east-1" }));
        }
    }
}
