//! The official Rust SDK over plain HTTP: its own HTTPS client would bring a TLS stack that these
//! tests have no use for.

use std::io;
use std::net::SocketAddr;
use std::ops::Deref;

use aws_sdk_sqs::config::http::{HttpRequest, HttpResponse};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, HttpClient, Region, RuntimeComponents};
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::{Client, Config};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::http::{Connection, head, soon};
use super::scene::Scene;

/// An SDK client, and a view of what it writes.
pub(crate) struct Sdk {
    client: Client,
    transport: Transport,
}

impl Deref for Sdk {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// What a long poll of the SDK ends with.
pub(crate) type Polled = JoinHandle<Result<ReceiveMessageOutput, SdkError<ReceiveMessageError>>>;

impl Sdk {
    /// A client with credentials that name no account.
    pub(crate) fn of(scene: &Scene) -> Sdk {
        Sdk::with(scene, "any", "us-east-1")
    }

    pub(crate) fn with(scene: &Scene, access_key: &str, region: &str) -> Sdk {
        let transport = Transport { address: scene.address(), written: watch::Sender::default() };
        let config = Config::builder()
            .behavior_version_latest()
            .endpoint_url(format!("http://{}", scene.address()))
            .region(Region::new(region.to_owned()))
            .credentials_provider(Credentials::new(access_key, "secret", None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .http_client(transport.clone())
            .build();
        Sdk { client: Client::from_conf(config), transport }
    }

    /// A receive that waits: it has reached the queue of the scene when this returns.
    pub(crate) async fn poll(&self, scene: &Scene, receive: ReceiveMessageFluentBuilder) -> Polled {
        let mut written = self.transport.written.subscribe();
        let poll = tokio::spawn(receive.wait_time_seconds(20).send());
        soon("the poll is sent", written.changed()).await.expect("the transport is there");
        scene.settle().await;
        poll
    }
}

/// One connection for each request.
#[derive(Clone, Debug)]
struct Transport {
    address: SocketAddr,
    /// How many requests were written.
    written: watch::Sender<usize>,
}

impl HttpClient for Transport {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let transport = self.clone();
        HttpConnectorFuture::new(async move {
            let exchanged = transport.exchange(&request).await;
            exchanged.map_err(|error| ConnectorError::io(error.into()))
        })
    }
}

impl Transport {
    async fn exchange(&self, request: &HttpRequest) -> io::Result<HttpResponse> {
        let mut connection = Connection::try_open(self.address).await?;
        let body = request.body().bytes().expect("SQS requests are in memory");
        let path = request.uri().parse::<hyper::Uri>().expect("the SDK makes URIs");
        let (host, length) = (self.address.to_string(), body.len().to_string());
        let mut headers = vec![("Host", host.as_str()), ("Content-Length", &length)];
        let own = |name: &str| ["host", "content-length"].contains(&name);
        headers.extend(request.headers().iter().filter(|(name, _)| !own(name)));
        let head = head(request.method(), path.path(), &headers);
        connection.try_write([head.as_bytes(), body].concat()).await?;
        self.written.send_modify(|count| *count += 1);

        let answer = connection.try_answer().await?;
        let status = answer.status.try_into().expect("the server answers with HTTP statuses");
        let headers = answer.headers().to_vec();
        let mut response = HttpResponse::new(status, answer.body.into());
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }
}
