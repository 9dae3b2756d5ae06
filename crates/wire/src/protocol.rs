//! [`Head`] tells which protocol a request speaks, [`Call`] what it asks for and how it is answered.

use std::ops::Deref;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ErrorKind, WireError, quoted};
use crate::form::QueryForm;
use crate::query::{self, Parameters};
use crate::service::Service;
use crate::{json, query_json, xml};

/// The content type of AWS JSON 1.0, in requests and in answers.
pub const JSON_CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// The content type of Query parameters in a body.
pub const FORM_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// What AWS answers, with status 404, to a GET that names no action.
pub const UNKNOWN_OPERATION_XML: &str = "<UnknownOperationException/>";

/// How a request is written, and how it wants to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0, which current SDKs speak.
    Json,
    /// Query parameters, answered in XML, which older SDKs speak.
    Query,
    /// Query parameters, answered in JSON because the request accepts that.
    QueryJson,
}

impl Protocol {
    /// The content type of its answers.
    pub fn content_type(self) -> &'static str {
        match self {
            Protocol::Json => JSON_CONTENT_TYPE,
            Protocol::Query => "text/xml",
            Protocol::QueryJson => "application/json",
        }
    }

    /// Encodes an error. Its status is in its kind.
    pub fn encode_error(self, service: Service, error: &WireError, request_id: &str) -> Vec<u8> {
        match self {
            Protocol::Json => json::encode_error(error),
            Protocol::Query => xml::encode_error(service, error, request_id),
            Protocol::QueryJson => query_json::encode_error(error, request_id),
        }
    }
}

/// What of a request's head matters here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Head<'a> {
    /// The method, such as `POST`.
    pub method: &'a str,
    /// The path of the URL.
    pub path: &'a str,
    /// What is behind the `?` of the URL.
    pub query: Option<&'a str>,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `X-Amz-Target`.
    pub target: Option<&'a str>,
    /// The header `Accept`.
    pub accept: Option<&'a str>,
}

impl<'a> Head<'a> {
    /// The protocol of the request. A target alone tells AWS JSON, and so does the content type,
    /// with or without parameters; GET and everything else is Query.
    pub fn protocol(&self) -> Protocol {
        let is_json = self.target.is_some() || has_media_type(self.content_type, JSON_CONTENT_TYPE);
        let accepts_json = || {
            let mut accepted = self.accept.into_iter().flat_map(|accept| accept.split(','));
            accepted.any(|accepted| has_media_type(Some(accepted), "application/json"))
        };
        match self.method {
            "GET" if accepts_json() => Protocol::QueryJson,
            "GET" => Protocol::Query,
            _ if is_json => Protocol::Json,
            _ if accepts_json() => Protocol::QueryJson,
            _ => Protocol::Query,
        }
    }

    /// The operation of an AWS JSON request; that of a Query request is not in its head.
    pub fn target_operation(&self) -> Result<Operation<'a>, WireError> {
        if self.method != "POST" {
            let message =
                format!("AWS JSON 1.0 requests are sent by POST, not by {}.", self.method);
            return Err(unknown(message));
        }
        self.target
            .map_or_else(|| Err(unknown("The request has no X-Amz-Target.")), Operation::parse)
    }

    /// The parameters of a Query request. Those of a form in the body win over those of the URL. On
    /// the path of a queue, the path stands for a `QueueUrl` that is not given.
    pub fn parameters(&self, body: &'a [u8]) -> Result<Parameters<'a>, WireError> {
        let query = self.query.unwrap_or_default().as_bytes();
        let is_form = match self.content_type {
            None => true,
            content_type => has_media_type(content_type, FORM_CONTENT_TYPE),
        };
        let body = if is_form && self.method == "POST" { body } else { b"" };
        let mut parameters = Parameters::parse(&[query, body])?;
        if self.is_queue_path() {
            parameters.or_insert("QueueUrl", self.path);
        }
        Ok(parameters)
    }

    /// Whether the URL names an action, which a GET that is no request for a page does.
    pub fn query_names_an_action(&self) -> bool {
        let mut pieces = self.query.unwrap_or_default().split('&');
        pieces.any(|piece| piece.starts_with("Action=") && piece != "Action=")
    }

    /// The value of a parameter of the URL, as it is written there.
    pub fn query_value(&self, name: &str) -> Option<&'a str> {
        let pieces = self.query.unwrap_or_default().split('&');
        pieces.filter_map(|piece| piece.split_once('=')).find(|(it, _)| *it == name).map(|it| it.1)
    }

    fn is_queue_path(&self) -> bool {
        self.path.contains(|c| c != '/')
    }
}

/// An action of a service. Whether the service has such an action is for the server to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// The service, such as `AmazonSQS`.
    pub service: &'a str,
    /// The action, such as `SendMessage`.
    pub action: &'a str,
}

impl<'a> Operation<'a> {
    /// Reads a target such as `AmazonSQS.SendMessage`.
    pub fn parse(target: &'a str) -> Result<Operation<'a>, WireError> {
        match target.split_once('.') {
            Some((service, action)) if !service.is_empty() && !action.is_empty() => {
                Ok(Operation { service, action })
            }
            _ => Err(unknown(format!("The target {target:?} names no operation."))),
        }
    }
}

/// One request for an action: reads its input and writes its answer, each as its protocol does.
///
/// It owns what the input is read from, a body of type `B`, until it is read: an action may take
/// long, and nobody needs the body meanwhile.
#[derive(Debug)]
pub struct Call<'a, B> {
    /// What is asked for.
    pub operation: Operation<'a>,
    service: Service,
    protocol: Protocol,
    input: Option<Input<B>>,
    request_id: &'a str,
    /// Whether what was asked and answered is kept in `exchange`.
    keeps: bool,
    exchange: Exchange,
}

/// What was asked and what was answered, by the names of AWS's model, for whoever keeps a record of
/// calls. `Null` is what is not known, or not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exchange {
    /// The input.
    pub input: Value,
    /// The output, secrets included.
    pub output: Value,
}

#[derive(Debug)]
enum Input<B> {
    Json(B),
    Query(Parameters<'static>),
}

/// Actions that name no queue, which the URL of one does not offer.
const ROOT_ACTIONS: [&str; 2] = ["CreateQueue", "ListQueues"];

impl<'a, B: Deref<Target = [u8]>> Call<'a, B> {
    /// A call in AWS JSON.
    pub fn json(operation: Operation<'a>, body: B, request_id: &'a str) -> Call<'a, B> {
        let (service, protocol) = (Service::Sqs, Protocol::Json);
        let input = Some(Input::Json(body));
        let exchange = Exchange::default();
        Call { operation, service, protocol, input, request_id, keeps: false, exchange }
    }

    /// A call of `service` in the Query protocol for the action that `parameters` name.
    pub fn query(
        head: &Head<'_>,
        service: Service,
        action: &'a str,
        parameters: Parameters<'static>,
        request_id: &'a str,
    ) -> Result<Call<'a, B>, WireError> {
        let operation = Operation { service: service.name(), action };
        let protocol = head.protocol();
        let input = Some(Input::Query(parameters));
        let exchange = Exchange::default();
        let call = Call { operation, service, protocol, input, request_id, keeps: false, exchange };
        let is_sqs = service == Service::Sqs;
        match is_sqs && head.is_queue_path() && ROOT_ACTIONS.contains(&action) {
            true => Err(call.unknown_operation()),
            false => Ok(call),
        }
    }

    /// The service that is called.
    pub fn service(&self) -> Service {
        self.service
    }

    /// From now on, what is asked and answered is kept for [`Call::exchange`].
    pub fn keep_exchange(&mut self) {
        self.keeps = true;
    }

    /// What was asked and answered, if it was kept.
    pub fn exchange(self) -> Exchange {
        self.exchange
    }

    /// How much there is to decode.
    pub fn input_bytes(&self) -> usize {
        match &self.input {
            Some(Input::Json(body)) => body.len(),
            Some(Input::Query(parameters)) => parameters.bytes(),
            None => 0,
        }
    }

    /// Decodes the input, once, and drops what it is read from.
    pub fn decode<T>(&mut self) -> Result<T, WireError>
    where
        T: DeserializeOwned + Serialize + QueryForm,
    {
        let input = match self.input.take().expect("an input is decoded once") {
            Input::Json(body) => json::decode(&body),
            Input::Query(parameters) => query::decode(&parameters),
        }?;
        if self.keeps {
            self.exchange.input = kept(&input);
        }
        Ok(input)
    }

    /// Encodes the output.
    pub fn encode<T: Serialize + QueryForm>(&mut self, output: &T) -> Vec<u8> {
        if self.keeps {
            self.exchange.output = kept(output);
        }
        let action = self.operation.action;
        match self.protocol {
            Protocol::Json => json::encode(output),
            Protocol::Query => xml::encode(self.service, action, self.request_id, output),
            Protocol::QueryJson => query_json::encode(action, self.request_id, output),
        }
    }

    /// Encodes the success of an action that has no output.
    pub fn encode_nothing(&self) -> Vec<u8> {
        let action = self.operation.action;
        match self.protocol {
            Protocol::Json => Vec::new(),
            Protocol::Query => xml::encode_nothing(self.service, action, self.request_id),
            Protocol::QueryJson => query_json::encode_nothing(action, self.request_id),
        }
    }

    /// The refusal of an action that does not exist.
    pub fn unknown_operation(&self) -> WireError {
        let action = quoted(self.operation.action);
        unknown(match (self.protocol, self.service) {
            (Protocol::Json, _) => format!("The operation {action} does not exist."),
            (_, service @ (Service::Sts | Service::Iam)) => {
                format!("Could not find operation {action} for version {}", service.version())
            }
            (_, Service::Sqs) => format!("The action {action} is not valid for this endpoint."),
        })
    }
}

fn kept(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("inputs and outputs have text keys")
}

fn has_media_type(value: Option<&str>, wanted: &str) -> bool {
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(wanted))
}

fn unknown(message: impl Into<String>) -> WireError {
    WireError::new(ErrorKind::UnknownOperation, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqs::{CreateQueueInput, SendMessageInput};

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=utf-8");
    const JSON: Option<&str> = Some(JSON_CONTENT_TYPE);
    const TARGET: Option<&str> = Some("AmazonSQS.SendMessage");
    const SEND: Operation<'_> = Operation { service: "AmazonSQS", action: "SendMessage" };

    fn post<'a>(content_type: Option<&'a str>, target: Option<&'a str>) -> Head<'a> {
        Head { method: "POST", path: "/", content_type, target, ..Head::default() }
    }

    fn send(head: &Head<'_>, body: &str) -> Result<SendMessageInput, WireError> {
        let parameters = head.parameters(body.as_bytes())?.into_owned();
        let action = parameters.action()?.to_owned();
        query(head, &action, parameters)?.decode()
    }

    fn query<'a>(
        head: &Head<'_>,
        action: &'a str,
        parameters: Parameters<'static>,
    ) -> Result<Call<'a, &'static [u8]>, WireError> {
        Call::query(head, Service::Sqs, action, parameters, "id")
    }

    #[test]
    fn the_target_names_service_and_action() {
        assert_eq!(post(JSON, TARGET).target_operation(), Ok(SEND));
        let advance = Operation { service: "Formiga", action: "AdvanceClock" };
        assert_eq!(post(JSON, Some("Formiga.AdvanceClock")).target_operation(), Ok(advance));
    }

    #[test]
    fn the_content_type_may_have_parameters_or_be_missing_beside_a_target() {
        let with_charset = Some("Application/X-Amz-Json-1.0 ; charset=utf-8");
        for content_type in [with_charset, Some("application/x-amz-json-1.1"), FORM, None] {
            let head = post(content_type, TARGET);
            assert_eq!(head.protocol(), Protocol::Json, "{content_type:?}");
            assert_eq!(head.target_operation(), Ok(SEND), "{content_type:?}");
        }
    }

    #[test]
    fn a_json_request_without_an_operation_is_an_unknown_operation() {
        for target in
            [None, Some(""), Some("SendMessage"), Some(".SendMessage"), Some("AmazonSQS.")]
        {
            let error = post(JSON, target).target_operation().unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownOperation, "{target:?}");
        }
    }

    #[test]
    fn json_is_sent_by_post() {
        for method in ["PUT", "DELETE", "OPTIONS", "post", ""] {
            let error = Head { method, ..post(JSON, TARGET) }.target_operation().unwrap_err();
            assert_eq!(error.kind, ErrorKind::UnknownOperation);
            assert!(error.message.contains("by POST"), "{}", error.message);
        }
    }

    #[test]
    fn the_content_type_alone_tells_json_with_or_without_parameters() {
        for content_type in [
            JSON_CONTENT_TYPE,
            "application/x-amz-json-1.0; charset=utf-8",
            "application/x-amz-json-1.0;charset=utf-8",
            "Application/X-Amz-Json-1.0 ; charset=utf-8",
        ] {
            let protocol = post(Some(content_type), None).protocol();
            assert_eq!(protocol, Protocol::Json, "{content_type}");
        }
        for content_type in ["application/json", "application/x-amz-json-1.1", "text/plain", ""] {
            let protocol = post(Some(content_type), None).protocol();
            assert_eq!(protocol, Protocol::Query, "{content_type:?}");
        }
    }

    #[test]
    fn get_and_forms_are_query() {
        assert_eq!(post(FORM, None).protocol(), Protocol::Query);
        assert_eq!(post(None, None).protocol(), Protocol::Query);
        for (content_type, target) in [(None, None), (JSON, TARGET)] {
            let get = Head { method: "GET", ..post(content_type, target) };
            assert_eq!(get.protocol(), Protocol::Query);
        }
    }

    #[test]
    fn query_requests_may_ask_for_json_answers() {
        for (accept, protocol) in [
            ("application/json", Protocol::QueryJson),
            ("text/html, Application/JSON;q=0.9", Protocol::QueryJson),
            ("*/*", Protocol::Query),
            ("text/xml", Protocol::Query),
            ("application/jsonp", Protocol::Query),
        ] {
            let accept = Some(accept);
            assert_eq!(Head { accept, ..post(FORM, None) }.protocol(), protocol, "{accept:?}");
            assert_eq!(Head { accept, method: "GET", ..post(None, None) }.protocol(), protocol);
            assert_eq!(Head { accept, ..post(JSON, TARGET) }.protocol(), Protocol::Json);
        }
    }

    #[test]
    fn answers_carry_the_content_type_of_their_protocol() {
        assert_eq!(Protocol::Json.content_type(), JSON_CONTENT_TYPE);
        assert_eq!(Protocol::Query.content_type(), "text/xml");
        assert_eq!(Protocol::QueryJson.content_type(), "application/json");
    }

    #[test]
    fn a_form_wins_over_the_url() {
        let query = Some("Action=SendMessage&MessageBody=url&MessageGroupId=g");
        let input = send(&Head { query, ..post(FORM, None) }, "MessageBody=form").unwrap();
        assert_eq!(input.message_body.as_deref(), Some("form"));
        assert_eq!(input.message_group_id.as_deref(), Some("g"));
    }

    #[test]
    fn only_a_form_has_parameters_in_its_body() {
        let query = Some("Action=SendMessage&MessageBody=url");
        for (content_type, expected) in
            [(FORM, "form"), (None, "form"), (Some("text/plain"), "url"), (Some(""), "url")]
        {
            let head = Head { query, ..post(content_type, None) };
            let input = send(&head, "MessageBody=form").unwrap();
            assert_eq!(input.message_body.as_deref(), Some(expected), "{content_type:?}");
        }
        let get = Head { method: "GET", query, ..post(FORM, None) };
        let input = send(&get, "MessageBody=form").unwrap();
        assert_eq!(input.message_body.as_deref(), Some("url"));
    }

    #[test]
    fn a_queues_path_stands_for_its_url() {
        let path = "/000000000000/q";
        let head = Head { path, ..post(FORM, None) };
        let input = send(&head, "Action=SendMessage").unwrap();
        assert_eq!(input.queue_url.as_deref(), Some(path));
        let input = send(&head, "Action=SendMessage&QueueUrl=other").unwrap();
        assert_eq!(input.queue_url.as_deref(), Some("other"));
        let input = send(&post(FORM, None), "Action=SendMessage").unwrap();
        assert_eq!(input.queue_url, None);
    }

    #[test]
    fn a_queues_path_does_not_create_or_list_queues() {
        for action in ROOT_ACTIONS {
            let body = format!("Action={action}&QueueName=q");
            let root = post(FORM, None);
            let parameters = root.parameters(body.as_bytes()).unwrap().into_owned();
            let input = query(&root, action, parameters.clone()).unwrap().decode();
            assert_eq!(input.map(|input: CreateQueueInput| input.queue_name), Ok(Some("q".into())));
            let on_queue = Head { path: "/000000000000/q", ..root };
            let error = query(&on_queue, action, parameters).unwrap_err();
            let message = format!("The action {action} is not valid for this endpoint.");
            assert_eq!(error, WireError::new(ErrorKind::UnknownOperation, message));
        }
    }

    #[test]
    fn a_request_without_an_action_lacks_that_parameter() {
        for body in ["", "Action=", "action=SendMessage", "Version=2012-11-05"] {
            let error = send(&post(FORM, None), body).unwrap_err();
            let message = "The request must contain the parameter Action.";
            assert_eq!(error, WireError::new(ErrorKind::MissingParameter, message), "{body}");
        }
    }
}
