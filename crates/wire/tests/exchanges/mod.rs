//! [`Exchanges`]: requests and responses recorded in `tests/golden/<action>/<case>`.
//!
//! A `.request` is a whole HTTP request. A `.response` is the body of an answer; for an error, the
//! answer with its status line and headers.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use formiga_wire::error::{ErrorKind, WireError};
use formiga_wire::{json, protocol};
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

    /// The request decodes to `expected`.
    pub(crate) fn request<T: DeserializeOwned + PartialEq + Debug>(
        &mut self,
        case: &str,
        expected: &T,
    ) {
        self.check_members(case, expected);
        match self.decode::<T>(case) {
            Ok(input) if input == *expected => {}
            other => self.fail(format!("{case}.request: {other:#?}\ninstead of {expected:#?}")),
        }
    }

    /// The request is refused, be it by its headers or because its body is no `T`.
    pub(crate) fn refused<T: DeserializeOwned + Debug>(
        &mut self,
        case: &str,
        kind: ErrorKind,
        why: &str,
    ) {
        let expected = WireError::new(kind, why);
        match self.decode::<T>(case) {
            Err(error) if error == expected => self.error(case, kind, why),
            other => self.fail(format!("{case}.request: {other:#?}\ninstead of {expected:#?}")),
        }
    }

    /// `output` is encoded as recorded.
    pub(crate) fn response<T: Serialize + Debug>(&mut self, case: &str, output: &T) {
        self.check_members(case, output);
        self.compare(case, &json::encode(output));
    }

    /// The error is answered as recorded.
    pub(crate) fn error(&mut self, case: &str, kind: ErrorKind, message: &str) {
        let status = match kind.http_status() {
            400 => "400 Bad Request",
            403 => "403 Forbidden",
            404 => "404 Not Found",
            413 => "413 Payload Too Large",
            500 => "500 Internal Server Error",
            503 => "503 Service Unavailable",
            other => panic!("{other} is no status of an error"),
        };
        let mut answer = format!(
            "HTTP/1.1 {status}\r\nx-amzn-query-error: {}\r\nContent-Type: {}\r\n\r\n",
            kind.query_error_header(),
            protocol::JSON_CONTENT_TYPE,
        )
        .into_bytes();
        answer.extend(json::encode_error(&WireError::new(kind, message)));
        self.compare(case, &answer);
    }

    /// Every file was used, every one of `actions` has its cases, and nothing differed.
    pub(crate) fn finish(mut self, actions: &[&str]) {
        for action in actions {
            for case in ["plain", "every_member"] {
                let path = self.directory.join(format!("{action}/{case}.request"));
                if !self.used.contains(&path) {
                    self.fail(format!("{action} has no case {case}"));
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
    fn decode<T: DeserializeOwned>(&mut self, case: &str) -> Result<T, WireError> {
        let path = self.directory.join(format!("{case}.request"));
        let request = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.used.insert(path);
        let request = HttpRequest::parse(&request);
        let (content_type, target) =
            (request.header("content-type"), request.header("x-amz-target"));
        let operation = protocol::detect(request.method, content_type, target)?;
        if case.split('/').next() != Some(operation.action) {
            self.fail(format!("{case}.request is for {}", operation.action));
        }
        json::decode(request.body)
    }

    fn compare(&mut self, case: &str, answer: &[u8]) {
        let path = self.directory.join(format!("{case}.response"));
        if self.is_update {
            fs::create_dir_all(path.parent().expect("a case is in a directory")).expect("writable");
            fs::write(&path, answer).expect("golden files can be written");
        }
        let recorded = fs::read(&path).unwrap_or_default();
        if recorded != answer {
            let (answer, recorded) = (answer.escape_ascii(), recorded.escape_ascii());
            self.fail(format!("{case}.response: {answer}\ninstead of {recorded}"));
        }
        self.used.insert(path);
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

struct HttpRequest<'a> {
    method: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl<'a> HttpRequest<'a> {
    fn parse(bytes: &'a [u8]) -> HttpRequest<'a> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.expect("an empty line ends the headers");
        let mut lines = str::from_utf8(&bytes[..end]).expect("headers are text").split("\r\n");
        let request_line = lines.next().expect("a request line");
        let [method, _path, "HTTP/1.1"] = request_line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{request_line} is no request line");
        };
        let headers = lines.map(|line| line.split_once(": ").expect("a header has a colon"));
        let request = HttpRequest { method, headers: headers.collect(), body: &bytes[end + 4..] };
        let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
        assert_eq!(request.body.len(), length, "{request_line}");
        request
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
