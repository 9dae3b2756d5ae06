//! [`Caller`]: signed requests to IAM, and to the server's own actions on accounts.
//!
//! The SDK has a client for IAM, with 170 actions of which some twenty are asked here, so the
//! requests are written by hand and sent by what the SDK's clients are made of.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::connect::{ConnectionArgs, Resolved, resolve};
use crate::credentials::HINT;
use crate::endpoint::Endpoint;
use crate::error::{CliError, root};

/// Who asks, and where.
pub(super) struct Caller {
    http: SharedHttpClient,
    credentials: Credentials,
    region: String,
    /// Scheme, host and port.
    origin: String,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    /// The code of an error, where it is not in the body.
    code: Option<String>,
    body: Vec<u8>,
}

impl Caller {
    pub(super) async fn connect(args: &ConnectionArgs) -> Result<Caller, CliError> {
        let Resolved { sdk, endpoint, credentials, region } = resolve(args, &[]).await?;
        let Endpoint::Url(url) = endpoint else {
            let sentence = "users and roles of AWS are managed with `aws iam`; name a Formiga with --endpoint-url";
            return Err(CliError::usage(sentence));
        };
        let credentials = credentials.provide_credentials().await;
        let failed = |error| CliError::new("CredentialsFailed", root(&error)).with_hint(HINT);
        Ok(Caller {
            http: sdk.http_client().expect("the connection has an HTTP client"),
            credentials: credentials.map_err(failed)?,
            region: region.to_string(),
            origin: url.origin().as_str().to_owned(),
        })
    }

    /// What an action of IAM answers: the members of its result.
    pub(super) async fn iam(
        &self,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, CliError> {
        let all = [("Action", action), ("Version", "2010-05-08")];
        let pairs = all.iter().chain(parameters);
        let pairs: Vec<_> =
            pairs.map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("accept", "application/json"),
        ];
        let answer = self.send("iam", &headers, pairs.join("&")).await?;
        let document = parse(answer, |error, _| {
            let error = &error["Error"];
            Some((error["Code"].as_str()?.to_owned(), error["Message"].as_str()?.to_owned()))
        })?;
        Ok(document[format!("{action}Response")][format!("{action}Result")].clone())
    }

    /// What all pages of a list of IAM have.
    pub(super) async fn list(
        &self,
        action: &str,
        member: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Vec<Value>, CliError> {
        let mut found = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let mut parameters = parameters.to_vec();
            parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let mut page = self.iam(action, &parameters).await?;
            if let Value::Array(elements) = page[member].take() {
                found.extend(elements);
            }
            marker = page["Marker"].as_str().map(str::to_owned);
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// What one of the server's own actions answers.
    pub(super) async fn own(&self, action: &str, input: Value) -> Result<Value, CliError> {
        let target = format!("Formiga.{action}");
        let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", &target)];
        let answer = self.send("sqs", &headers, input.to_string()).await?;
        parse(answer, |error, code| Some((code?, error["message"].as_str()?.to_owned())))
    }

    async fn send(
        &self,
        service: &'static str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Answer, CliError> {
        let request = self.signed(service, headers, body)?;
        let operation = Operation::builder()
            .service_name(service)
            .operation_name("call")
            .http_client(self.http.clone())
            .endpoint_url(&self.origin)
            .no_auth()
            .no_retry()
            .serializer(|request: Prepared| request.into_http())
            .deserializer::<Answer, Unread>(|answer| {
                let code = answer.headers().get("x-amzn-query-error");
                Ok(Answer {
                    status: answer.status().as_u16(),
                    code: code.and_then(|code| code.split(';').next()).map(str::to_owned),
                    body: answer.body().bytes().unwrap_or_default().to_vec(),
                })
            })
            .build();
        operation.invoke(request).await.map_err(|error| {
            let place = &self.origin;
            CliError::new("ConnectionFailed", format!("cannot reach {place}: {}", root(&error)))
        })
    }

    fn signed(
        &self,
        service: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Prepared, CliError> {
        let failed = |error: &dyn std::error::Error| {
            CliError::new("InvalidRequest", format!("the request cannot be signed: {error}"))
        };
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let host = self.origin.split_once("://").map_or("", |(_, host)| host);
        let mut headers: Vec<(String, String)> =
            [("host", host)].iter().chain(headers).map(|(n, v)| owned(n, v)).collect();
        let uri = format!("{}/", self.origin);
        let signable = SignableRequest::new(
            "POST",
            &uri,
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(body.as_bytes()),
        );
        let signed = sign(signable.map_err(|error| failed(&error))?, &parameters);
        let (lines, _) = signed.map_err(|error| failed(&error))?.into_parts().0.into_parts();
        headers.extend(lines.iter().map(|line| owned(line.name(), line.value())));
        Ok(Prepared { headers, body })
    }
}

fn owned(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A request that is signed.
#[derive(Clone)]
struct Prepared {
    headers: Vec<(String, String)>,
    body: String,
}

/// Without what it says, which may be a secret.
impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared")
    }
}

impl Prepared {
    fn into_http(self) -> Result<HttpRequest, aws_smithy_runtime_api::box_error::BoxError> {
        let mut request = HttpRequest::new(SdkBody::from(self.body));
        request.set_method("POST")?;
        request.set_uri("/")?;
        for (name, value) in self.headers {
            request.headers_mut().insert(name, value);
        }
        Ok(request)
    }
}

/// Every answer is read, whatever it says.
#[derive(Debug, thiserror::Error)]
#[error("the answer cannot be read")]
struct Unread;

/// The document of an answer; of a refusal, what it says.
fn parse(
    Answer { status, code, body }: Answer,
    refusal: impl FnOnce(&Value, Option<String>) -> Option<(String, String)>,
) -> Result<Value, CliError> {
    let is_done = status == 200;
    if is_done && body.is_empty() {
        return Ok(json!({}));
    }
    let document: Option<Value> = serde_json::from_slice(&body).ok();
    match document {
        Some(document) if is_done => Ok(document),
        Some(document) => match refusal(&document, code) {
            Some((code, message)) => Err(CliError::new(&code, message)),
            None => Err(unknown_answer(status)),
        },
        None => Err(unknown_answer(status)),
    }
}

fn unknown_answer(status: u16) -> CliError {
    CliError::new("InvalidResponse", format!("an answer with status {status} cannot be read"))
        .with_hint("does a Formiga listen at that address?")
}

/// As in URLs.
fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(escaped("a-b_c.~ /é+"), "a-b_c.~%20%2F%C3%A9%2B");
    }

    #[test]
    fn an_answer_that_is_none_is_told() {
        let none = |_: &Value, _| None;
        let answer =
            |status, body: &str| Answer { status, code: None, body: body.as_bytes().to_vec() };
        assert_eq!(parse(answer(200, ""), none), Ok(json!({})));
        for (status, body) in [(200, "<html>"), (404, ""), (500, "{}")] {
            let error = parse(answer(status, body), none).unwrap_err();
            assert_eq!(error.code, "InvalidResponse", "{status}");
        }
    }
}
