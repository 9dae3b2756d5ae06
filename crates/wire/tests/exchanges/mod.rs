//! [`Exchanges`]: requests and responses recorded in `tests/golden/<action>/<case>`.
//!
//! A `.request` is a whole HTTP request. A `.response` is the body of an answer; for an error, the
//! answer with its status line and headers. These are in AWS JSON; `.query.request` and
//! `.query.response` are the same in the Query protocol and XML.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use formiga_wire::error::{ErrorKind, WireError};
use formiga_wire::form::QueryForm;
use formiga_wire::protocol::{Call, Head, JSON_CONTENT_TYPE, Protocol};
use formiga_wire::service::Service;
use formiga_wire::{json, xml};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Compares what the codec does with what was recorded. With `UPDATE_GOLDEN=1` responses are
/// rewritten instead.
pub(crate) struct Exchanges {
    directory: PathBuf,
    is_update: bool,
    used: BTreeSet<PathBuf>,
    failures: Vec<String>,
}

impl Exchanges {
    pub(crate) fn open() -> Exchanges {
        Exchanges {
            directory: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
            is_update: std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1"),
            used: BTreeSet::new(),
            failures: Vec::new(),
        }
    }

    /// The request decodes to `expected`, and so does the same in the Query protocol, if it was
    /// recorded.
    pub(crate) fn request<T>(&mut self, case: &str, expected: &T)
    where
        T: DeserializeOwned + Serialize + QueryForm + PartialEq + Debug,
    {
        self.decodes(case, "request", expected);
        if self.path(case, "query.request").exists() {
            self.decodes(case, "query.request", expected);
        }
    }

    /// The request, which was recorded in the Query protocol only, decodes to `expected`.
    pub(crate) fn query_request<T>(&mut self, case: &str, expected: &T)
    where
        T: DeserializeOwned + Serialize + QueryForm + PartialEq + Debug,
    {
        self.decodes(case, "query.request", expected);
    }

    /// The request is refused, be it by its headers or because its body is no `T`.
    pub(crate) fn refused<T>(&mut self, case: &str, kind: ErrorKind, why: &str)
    where
        T: DeserializeOwned + Serialize + QueryForm + Debug,
    {
        let error = self.refuses::<T>(case, "request", kind, why);
        self.json_error(case, &error);
    }

    /// The same in the Query protocol.
    pub(crate) fn query_refused<T>(&mut self, case: &str, kind: ErrorKind, why: &str)
    where
        T: DeserializeOwned + Serialize + QueryForm + Debug,
    {
        let error = self.refuses::<T>(case, "query.request", kind, why);
        self.query_error(case, &error);
    }

    /// `output` is encoded as recorded, in both protocols.
    pub(crate) fn response<T: Serialize + QueryForm + Debug>(&mut self, case: &str, output: &T) {
        self.json_response(case, output);
        self.compare(
            case,
            "query.response",
            &xml::encode(Service::Sqs, action(case), REQUEST_ID, output),
        );
    }

    /// The same for a service that the Query protocol does not reach.
    pub(crate) fn json_response<T: Serialize + Debug>(&mut self, case: &str, output: &T) {
        self.check_members(case, output);
        self.compare(case, "response", &json::encode(output));
    }

    /// An action without output is answered as recorded. In JSON that is no body.
    pub(crate) fn no_output(&mut self, case: &str) {
        self.compare(
            case,
            "query.response",
            &xml::encode_nothing(Service::Sqs, action(case), REQUEST_ID),
        );
    }

    /// The error is answered as recorded, in both protocols.
    pub(crate) fn error(&mut self, case: &str, kind: ErrorKind, message: &str) {
        let error = WireError::new(kind, message);
        self.json_error(case, &error);
        self.query_error(case, &error);
    }

    fn json_error(&mut self, case: &str, error: &WireError) {
        let headers = format!(
            "x-amzn-query-error: {}\r\nContent-Type: {JSON_CONTENT_TYPE}\r\n\r\n",
            error.kind.query_error_header(),
        );
        let answer = [status_line(error).into_bytes(), headers.into(), json::encode_error(error)];
        self.compare(case, "response", &answer.concat());
    }

    fn query_error(&mut self, case: &str, error: &WireError) {
        let headers = format!(
            "x-amzn-RequestId: {REQUEST_ID}\r\nContent-Type: {}\r\n\r\n",
            Protocol::Query.content_type()
        );
        let body = Protocol::Query.encode_error(Service::Sqs, error, REQUEST_ID);
        let answer = [status_line(error).into_bytes(), headers.into(), body];
        self.compare(case, "query.response", &answer.concat());
    }

    fn decodes<T>(&mut self, case: &str, kind: &str, expected: &T)
    where
        T: DeserializeOwned + Serialize + QueryForm + PartialEq + Debug,
    {
        self.check_members(case, expected);
        match self.decode::<T>(case, kind) {
            Ok(input) if input == *expected => {}
            other => self.fail(format!("{case}.{kind}: {other:#?}\ninstead of {expected:#?}")),
        }
    }

    fn refuses<T>(&mut self, case: &str, kind: &str, error: ErrorKind, why: &str) -> WireError
    where
        T: DeserializeOwned + Serialize + QueryForm + Debug,
    {
        let expected = WireError::new(error, why);
        match self.decode::<T>(case, kind) {
            Err(error) if error == expected => {}
            other => self.fail(format!("{case}.{kind}: {other:#?}\ninstead of {expected:#?}")),
        }
        expected
    }

    /// Every file was used, every one of `actions` has its cases, those of `query_actions` in both
    /// protocols, and nothing differed.
    pub(crate) fn finish(mut self, actions: &[&str], query_actions: &[&str]) {
        let json = actions.iter().map(|action| (action, "request"));
        let query = query_actions.iter().map(|action| (action, "query.request"));
        for (action, kind) in json.chain(query) {
            for case in ["plain", "every_member"] {
                let path = self.path(&format!("{action}/{case}"), kind);
                if !self.used.contains(&path) {
                    self.fail(format!("{action} has no case {case}.{kind}"));
                }
            }
        }
        for directory in entries(&self.directory) {
            for unused in entries(&directory).iter().filter(|file| !self.used.contains(*file)) {
                self.failures.push(format!("no case uses {}", unused.display()));
            }
        }
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n\n"));
    }

    /// Detects and decodes like the server does.
    fn decode<T>(&mut self, case: &str, kind: &str) -> Result<T, WireError>
    where
        T: DeserializeOwned + Serialize + QueryForm,
    {
        let path = self.path(case, kind);
        let request = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.used.insert(path);
        let request = HttpRequest::parse(&request);
        let head = request.head();
        let action_of_form;
        let mut call = match head.protocol() {
            Protocol::Json => Call::json(head.target_operation()?, request.body, REQUEST_ID),
            _ => {
                let parameters = head.parameters(request.body)?.into_owned();
                action_of_form = parameters.action()?.to_owned();
                Call::query(&head, Service::Sqs, &action_of_form, parameters, REQUEST_ID)?
            }
        };
        if action(case) != call.operation.action {
            self.fail(format!("{case}.{kind} is for {}", call.operation.action));
        }
        call.decode()
    }

    fn compare(&mut self, case: &str, kind: &str, answer: &[u8]) {
        let path = self.path(case, kind);
        if self.is_update {
            fs::create_dir_all(path.parent().expect("a case is in a directory")).expect("writable");
            fs::write(&path, answer).expect("golden files can be written");
        }
        let recorded = fs::read(&path).unwrap_or_default();
        if recorded != answer {
            let (answer, recorded) = (answer.escape_ascii(), recorded.escape_ascii());
            self.fail(format!("{case}.{kind}: {answer}\ninstead of {recorded}"));
        }
        self.used.insert(path);
    }

    fn path(&self, case: &str, kind: &str) -> PathBuf {
        self.directory.join(format!("{case}.{kind}"))
    }

    /// A case with every member leaves none out.
    fn check_members(&mut self, case: &str, value: &impl Debug) {
        let value = format!("{value:?}");
        if case.ends_with("/every_member") && (value.contains("None") || value.contains("{}")) {
            self.fail(format!("{case} leaves out a member: {value}"));
        }
    }

    fn fail(&mut self, failure: String) {
        self.failures.push(failure);
    }
}

const REQUEST_ID: &str = "66916324-67ca-54bb-a410-3f567a7a0571";

/// Cases are called `<action>/<case>`.
fn action(case: &str) -> &str {
    case.split('/').next().unwrap_or_default()
}

fn status_line(error: &WireError) -> String {
    let status = match error.kind.http_status() {
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        413 => "413 Payload Too Large",
        500 => "500 Internal Server Error",
        503 => "503 Service Unavailable",
        other => panic!("{other} is no status of an error"),
    };
    format!("HTTP/1.1 {status}\r\n")
}

struct HttpRequest<'a> {
    method: &'a str,
    url: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl<'a> HttpRequest<'a> {
    fn parse(bytes: &'a [u8]) -> HttpRequest<'a> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.expect("an empty line ends the headers");
        let mut lines = str::from_utf8(&bytes[..end]).expect("headers are text").split("\r\n");
        let request_line = lines.next().expect("a request line");
        let [method, url, "HTTP/1.1"] = request_line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{request_line} is no request line");
        };
        let headers = lines.map(|line| line.split_once(": ").expect("a header has a colon"));
        let request =
            HttpRequest { method, url, headers: headers.collect(), body: &bytes[end + 4..] };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        assert_eq!(request.body.len(), length, "{request_line}");
        request
    }

    fn head(&self) -> Head<'a> {
        let (path, query) = match self.url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.url, None),
        };
        Head {
            method: self.method,
            path,
            query,
            content_type: self.header("content-type"),
            target: self.header("x-amz-target"),
            accept: self.header("accept"),
        }
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        let header = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        header.map(|(_, value)| *value)
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("golden files are in directories of actions");
    entries.map(|entry| entry.expect("a readable directory").path()).collect()
}
