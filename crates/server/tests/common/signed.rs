//! Requests as the official signer signs them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;

/// Who signs, for what, and when.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) secret: String,
    pub(crate) token: Option<String>,
    pub(crate) region: &'static str,
    pub(crate) service: &'static str,
    /// How many seconds ago.
    pub(crate) age: i64,
}

/// A request before it is signed, and after.
#[derive(Clone, Debug)]
pub(crate) struct Unsent {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Unsent {
    pub(crate) fn new(method: &'static str, target: &str, host: &str) -> Unsent {
        let headers = vec![("host".to_owned(), host.to_owned())];
        Unsent { method, target: target.to_owned(), headers, body: String::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Unsent {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(self, body: impl Into<String>) -> Unsent {
        Unsent { body: body.into(), ..self }
    }

    /// The bytes to send.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let length = self.body.len().to_string();
        let mut headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("content-length", &length));
        let head = super::http::head(self.method, &self.target, &headers);
        [head.as_bytes(), self.body.as_bytes()].concat()
    }
}

impl Signer {
    pub(crate) fn new(access_key_id: &str, secret: &str) -> Signer {
        Signer {
            access_key_id: access_key_id.to_owned(),
            secret: secret.to_owned(),
            token: None,
            region: "us-east-1",
            service: "sqs",
            age: 0,
        }
    }

    /// Signs in the header.
    pub(crate) fn sign(&self, request: Unsent) -> Unsent {
        self.sign_with(request, SigningSettings::default())
    }

    /// Signs in the URL.
    pub(crate) fn presign(&self, request: Unsent, expires_in: Duration) -> Unsent {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(expires_in);
        self.sign_with(request, settings)
    }

    fn sign_with(&self, mut request: Unsent, settings: SigningSettings) -> Unsent {
        let credentials =
            Credentials::new(&self.access_key_id, &self.secret, self.token.clone(), None, "test");
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(seconds_ago(self.age))
            .settings(settings)
            .build()
            .expect("nothing is missing")
            .into();
        let host = request.headers[0].1.clone();
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let uri = format!("http://{host}{}", request.target);
        let body = SignableBody::Bytes(request.body.as_bytes());
        let signable = SignableRequest::new(request.method, uri, headers.into_iter(), body);
        let signed = sign(signable.expect("the request is one"), &parameters);
        let (lines, query) = signed.expect("it can be signed").into_parts().0.into_parts();
        for line in lines {
            request.headers.push((line.name().to_owned(), line.value().to_owned()));
        }
        for (name, value) in query {
            let separator = if request.target.contains('?') { '&' } else { '?' };
            request.target += &format!("{separator}{name}={}", escape(&value));
        }
        request
    }
}

#[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
fn seconds_ago(age: i64) -> SystemTime {
    let by = Duration::from_secs(age.unsigned_abs());
    if age < 0 { SystemTime::now() + by } else { SystemTime::now() - by }
}

pub(crate) fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
