//! [`Event`]: one call, as the audit log tells it.

use std::net::IpAddr;
use std::sync::Arc;

use formiga_auth::caller::Caller;
use formiga_auth::time::Timestamp;
use formiga_engine::names::AccountId;
use formiga_wire::error::ErrorKind;
use formiga_wire::protocol::Exchange;
use formiga_wire::service::Service;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::refusals::Alike;
use crate::error::ApiError;
use crate::identities::Principal;
use crate::tls::TlsDetails;

/// What is found out about a call while it is answered.
#[derive(Default)]
pub(crate) struct Trail {
    pub(crate) service: Service,
    /// Whether it is one of the server's own actions.
    pub(crate) is_own: bool,
    /// Whether there is such an action.
    pub(crate) is_known: bool,
    /// Empty if the request was refused before it was known.
    pub(crate) action: String,
    pub(crate) region: Option<String>,
    /// The account that the call is about.
    pub(crate) account: Option<AccountId>,
    /// Who was verified to call.
    pub(crate) principal: Option<Arc<Principal>>,
    /// The access key that the request names, whether it belongs to anybody or not.
    pub(crate) access_key_id: Option<String>,
    /// The queue that the call names.
    pub(crate) queue_arn: Option<String>,
    pub(crate) exchange: Exchange,
}

impl Trail {
    /// The trail of a request to `service`, as far as its head tells.
    pub(crate) fn of(service: Service) -> Trail {
        Trail { service, ..Trail::default() }
    }

    /// Whether the call is one that CloudTrail counts among those that manage.
    pub(crate) fn is_management(&self) -> bool {
        self.is_own || self.service != Service::Sqs || MANAGEMENT.contains(&self.action.as_str())
    }
}

/// One call.
#[derive(Debug)]
pub(crate) struct Event {
    at: Timestamp,
    request_id: Uuid,
    event_id: Uuid,
    source: &'static str,
    is_management: bool,
    action: String,
    region: Option<String>,
    account: Option<AccountId>,
    address: Option<String>,
    user_agent: Option<String>,
    tls: Option<TlsDetails>,
    host: Option<String>,
    principal: Option<Arc<Principal>>,
    access_key_id: Option<String>,
    queue_arn: Option<String>,
    exchange: Exchange,
    error_code: Option<String>,
    error_message: Option<String>,
    reason: Option<&'static str>,
    /// How many more like it there were.
    pub(super) count: Option<u64>,
}

/// Calls that change or tell what there is, but no messages; all calls of other services are such.
const MANAGEMENT: [&str; 11] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "PurgeQueue",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Clients say what they like about themselves.
const USER_AGENT_BYTES_MAX: usize = 512;
const HOST_BYTES_MAX: usize = 256;

/// More than any policy has; what is larger is left out.
const EXCHANGE_BYTES_MAX: usize = 64 * 1024;

impl Event {
    /// The event of a call that was answered with `outcome`, or none if it is not one to tell of:
    /// no management, no refusal, and no `data_events`.
    pub(crate) fn of(
        trail: Trail,
        outcome: Result<(), &ApiError>,
        data_events: bool,
        request: &Request<'_>,
    ) -> Option<Event> {
        let reason = outcome.err().and_then(|error| reason(error, trail.principal.as_deref()));
        let is_management = trail.is_management();
        if reason.is_none() && !is_management && !data_events {
            return None;
        }
        let error = outcome.err();
        // What cannot be read of a signature may be a secret in the wrong place.
        let is_tellable = |error: &&ApiError| error.kind != ErrorKind::IncompleteSignature;
        Some(Event {
            at: request.at,
            request_id: request.request_id,
            event_id: request.event_id,
            source: if trail.is_own { "formiga" } else { source(trail.service) },
            is_management,
            action: trail.action,
            region: trail.region,
            account: trail.account,
            address: request.address.map(|address| address.to_string()),
            user_agent: request.user_agent.map(|text| cut(text, USER_AGENT_BYTES_MAX).to_owned()),
            tls: request.tls,
            host: request.host.map(|text| cut(text, HOST_BYTES_MAX).to_owned()),
            principal: trail.principal,
            access_key_id: trail.access_key_id.filter(|id| looks_like_a_key_id(id)),
            queue_arn: trail.queue_arn,
            exchange: trail.exchange,
            error_code: error.map(|error| error.kind.query_code().to_owned()),
            error_message: error.filter(is_tellable).map(|error| error.message.clone()),
            reason,
            count: None,
        })
    }

    /// Whether the caller was not allowed to do it.
    pub(super) fn is_refusal(&self) -> bool {
        self.reason.is_some()
    }

    pub(super) fn alike(&self) -> Alike {
        Alike {
            access_key_id: self.access_key_id.clone(),
            address: self.address.clone(),
            code: self.error_code.clone(),
        }
    }

    /// Appends the event's line.
    pub(super) fn write(&self, lines: &mut Vec<u8>) {
        let mut line = json!({
            "eventVersion": "1.11",
            "formigaVersion": env!("CARGO_PKG_VERSION"),
            "eventTime": self.at.to_string(),
            "eventSource": self.source,
            "eventName": self.action,
            "eventType": "AwsApiCall",
            "awsRegion": self.region,
            "sourceIPAddress": self.address,
            "userAgent": self.user_agent,
            "userIdentity": self.identity(),
            "requestParameters": parameters(&self.exchange.input),
            "responseElements": elements(&self.action, &self.exchange.output),
            "requestID": self.request_id.to_string(),
            "eventID": self.event_id.to_string(),
            "readOnly": self.action.starts_with("Get") || self.action.starts_with("List"),
            "managementEvent": self.is_management,
            "eventCategory": if self.is_management { "Management" } else { "Data" },
            "recipientAccountId": self.account.map(|account| account.to_string()),
            "decision": if self.is_refusal() { "deny" } else { "allow" },
        });
        let told = line.as_object_mut().expect("it is one");
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                told.insert(name.to_owned(), value);
            }
        };
        add("errorCode", self.error_code.clone().map(Value::from));
        add("errorMessage", self.error_message.clone().map(Value::from));
        add("reason", self.reason.map(Value::from));
        add("count", self.count.map(Value::from));
        add(
            "tlsDetails",
            self.tls.map(|tls| {
                json!({
                    "tlsVersion": tls.version,
                    "cipherSuite": tls.cipher_suite,
                    "clientProvidedHostHeader": self.host,
                })
            }),
        );
        add(
            "resources",
            self.queue_arn.as_ref().map(|arn| {
                let account = arn.split(':').nth(4).unwrap_or_default();
                json!([{ "accountId": account, "type": "AWS::SQS::Queue", "ARN": arn }])
            }),
        );
        serde_json::to_writer(&mut *lines, &line).expect("memory takes any bytes");
        lines.push(b'\n');
    }

    fn identity(&self) -> Value {
        let caller = self.principal.as_ref().map(|principal| &principal.caller);
        let mut identity = match caller {
            None | Some(Caller::Anonymous) => json!({ "type": "Unknown" }),
            Some(Caller::Service(service)) => {
                json!({ "type": "AWSService", "invokedBy": service.name })
            }
            Some(caller) => {
                let (kind, name) = match caller {
                    Caller::User(user) => ("IAMUser", Some(&user.name)),
                    Caller::Session(_) => ("AssumedRole", None),
                    _ => ("Root", None),
                };
                let mut identity = json!({
                    "type": kind,
                    "principalId": caller.user_id(),
                    "arn": caller.arn(),
                    "accountId": caller.account(),
                });
                if let Some(name) = name {
                    identity["userName"] = json!(name);
                }
                identity
            }
        };
        if let Some(Caller::Session(session)) = caller {
            identity["sessionContext"] = json!({
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": session.role_id,
                    "arn": session.role_arn(),
                    "accountId": session.account,
                    "userName": session.role_name,
                },
                "attributes": { "mfaAuthenticated": "false" },
            });
        }
        if let Some(id) = &self.access_key_id {
            identity["accessKeyId"] = json!(id);
        }
        identity
    }

    #[cfg(test)]
    pub(super) fn refused(access_key_id: &str, code: &str) -> Event {
        Event {
            access_key_id: Some(access_key_id.to_owned()),
            error_code: Some(code.to_owned()),
            ..Event::for_test(true)
        }
    }

    #[cfg(test)]
    pub(super) fn for_test(is_refusal: bool) -> Event {
        Event {
            at: Timestamp::from_millis(0),
            request_id: Uuid::nil(),
            event_id: Uuid::nil(),
            source: "sqs.amazonaws.com",
            is_management: true,
            action: "CreateQueue".to_owned(),
            region: None,
            account: None,
            address: None,
            user_agent: None,
            tls: None,
            host: None,
            principal: None,
            access_key_id: None,
            queue_arn: None,
            exchange: Exchange::default(),
            error_code: None,
            error_message: None,
            reason: is_refusal.then_some("policy"),
            count: None,
        }
    }
}

/// What of a request is known before anything is found out.
pub(crate) struct Request<'a> {
    pub(crate) at: Timestamp,
    pub(crate) request_id: Uuid,
    pub(crate) event_id: Uuid,
    /// The client's address, if it is known.
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: Option<&'a str>,
    /// None if this server does not speak TLS with the client, or the proxy before it.
    pub(crate) tls: Option<TlsDetails>,
    /// What the client called the server.
    pub(crate) host: Option<&'a str>,
}

/// Appends a line that says how many events there is no line for.
pub(super) fn left_out_line(count: u64, lines: &mut Vec<u8>) {
    let line = json!({
        "eventVersion": "1.11",
        "formigaVersion": env!("CARGO_PKG_VERSION"),
        "eventSource": "formiga",
        "eventName": "EventsLeftOut",
        "eventType": "AwsServiceEvent",
        "count": count,
    });
    serde_json::to_writer(&mut *lines, &line).expect("memory takes any bytes");
    lines.push(b'\n');
}

/// Why a caller was refused; none if the answer has nothing to do with who calls.
fn reason(error: &ApiError, principal: Option<&Principal>) -> Option<&'static str> {
    let is_anonymous = principal.is_none_or(|it| it.caller == Caller::Anonymous);
    Some(match error.kind {
        ErrorKind::AccessDenied if is_anonymous => "no-credentials",
        ErrorKind::AccessDenied => "policy",
        ErrorKind::InvalidClientTokenId => "unknown-key",
        ErrorKind::IncompleteSignature => "malformed-signature",
        ErrorKind::ExpiredToken => "expired",
        ErrorKind::SignatureDoesNotMatch if error.message.starts_with("Signature expired") => {
            "expired"
        }
        ErrorKind::SignatureDoesNotMatch => "bad-signature",
        _ => return None,
    })
}

fn source(service: Service) -> &'static str {
    match service {
        Service::Sqs => "sqs.amazonaws.com",
        Service::Sts => "sts.amazonaws.com",
        Service::Iam => "iam.amazonaws.com",
    }
}

/// People paste secrets into the wrong field.
fn looks_like_a_key_id(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (16..=128).contains(&text.len()) && text.bytes().all(is_word)
}

/// What was asked, each parameter under its name in lower camel case.
fn parameters(input: &Value) -> Value {
    let Value::Object(input) = input else { return Value::Null };
    let given = input.iter().filter(|(_, value)| !value.is_null());
    let named = given.map(|(name, value)| (lower_camel(name), value.clone()));
    bounded(Value::Object(named.collect()))
}

/// The outputs that are told, but for what is secret in them.
const TOLD_OUTPUTS: [&str; 6] =
    ["AssumeRole", "CreateAccessKey", "CreateQueue", "CreateRole", "CreateUser", "GetSessionToken"];

const SECRETS: [&str; 2] = ["SecretAccessKey", "SessionToken"];

fn elements(action: &str, output: &Value) -> Value {
    if !TOLD_OUTPUTS.contains(&action) { Value::Null } else { bounded(without_secrets(output)) }
}

fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = members
                .iter()
                .filter(|(name, value)| !SECRETS.contains(&name.as_str()) && !value.is_null());
            let named = told.map(|(name, value)| (lower_camel(name), without_secrets(value)));
            Value::Object(named.collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(without_secrets).collect(),
        value => value.clone(),
    }
}

fn bounded(value: Value) -> Value {
    match serde_json::to_vec(&value) {
        Ok(bytes) if bytes.len() <= EXCHANGE_BYTES_MAX => value,
        _ => json!({ "omitted": "too large" }),
    }
}

fn lower_camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().collect::<String>() + letters.as_str()
    })
}

/// At most `most` bytes of a text, whole characters only.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &Event) -> Value {
        let mut lines = Vec::new();
        event.write(&mut lines);
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        serde_json::from_slice(&lines).unwrap()
    }

    #[test]
    fn parameters_are_told_by_their_names_and_secrets_are_not() {
        let event = Event {
            action: "CreateAccessKey".to_owned(),
            source: "iam.amazonaws.com",
            exchange: Exchange {
                input: json!({ "UserName": "alice", "Path": null }),
                output: json!({ "AccessKey": {
                    "AccessKeyId": "AKIAEXAMPLE234567ABC", "SecretAccessKey": "s3cret", "Status": "Active"
                } }),
            },
            ..Event::for_test(false)
        };
        let told = line(&event);
        assert_eq!(told["requestParameters"], json!({ "userName": "alice" }));
        let key = json!({ "accessKeyId": "AKIAEXAMPLE234567ABC", "status": "Active" });
        assert_eq!(told["responseElements"], json!({ "accessKey": key }));
        assert_eq!(told["eventSource"], "iam.amazonaws.com");
        assert_eq!((&told["managementEvent"], &told["readOnly"]), (&json!(true), &json!(false)));
        assert!(!told.to_string().contains("s3cret"));
    }

    #[test]
    fn no_text_can_forge_a_line() {
        let event = Event {
            user_agent: Some("a\n{\"eventName\":\"forged\"}\n\u{2028}".to_owned()),
            ..Event::for_test(false)
        };
        assert_eq!(line(&event)["userAgent"], "a\n{\"eventName\":\"forged\"}\n\u{2028}");
    }

    #[test]
    fn only_what_looks_like_a_key_id_is_told() {
        assert!(looks_like_a_key_id("AKIAEXAMPLE234567ABC"));
        for text in ["wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "short", ""] {
            assert!(!looks_like_a_key_id(text), "{text}");
        }
    }

    #[test]
    fn a_large_exchange_is_left_out() {
        let input = json!({ "Policy": "x".repeat(EXCHANGE_BYTES_MAX) });
        let event =
            Event { exchange: Exchange { input, output: Value::Null }, ..Event::for_test(false) };
        assert_eq!(line(&event)["requestParameters"], json!({ "omitted": "too large" }));
    }
}
