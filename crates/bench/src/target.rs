//! [`Target`]: who is called, and as whom.

use std::sync::Arc;
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;

use crate::client::Endpoint;
use crate::error::BenchError;

/// An endpoint, and who signs the requests to it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// None for servers that check nobody.
    pub(crate) signer: Option<Arc<Signer>>,
}

/// Signs as SDKs do, with their code.
pub(crate) struct Signer {
    identity: Identity,
    region: String,
}

impl Target {
    /// Requests with a signature that nobody is to check.
    pub(crate) fn unsigned(endpoint: Endpoint) -> Target {
        Target { endpoint, signer: None }
    }

    /// Requests signed with the credentials of the environment or the profile, as every SDK finds
    /// them.
    pub(crate) async fn signed(endpoint: Endpoint, region: &str) -> Result<Target, BenchError> {
        use aws_smithy_http_client::tls;
        let none =
            |why: String| BenchError::Setting(format!("there is nothing to sign with: {why}"));
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
        let config = loader.region(aws_config::Region::new(region.to_owned())).load().await;
        let provider = config.credentials_provider();
        let provider = provider.ok_or_else(|| none("no credentials are configured".to_owned()))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| none(error.to_string()))?;
        Ok(Target { endpoint, signer: Some(Arc::new(Signer::new(credentials, region))) })
    }

    #[cfg(test)]
    pub(crate) fn for_test() -> Target {
        let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
        let endpoint = Endpoint::parse("http://127.0.0.1:9324").unwrap();
        Target { endpoint, signer: Some(Arc::new(Signer::new(credentials, "us-east-1"))) }
    }
}

impl Signer {
    fn new(credentials: Credentials, region: &str) -> Signer {
        Signer { identity: credentials.into(), region: region.to_owned() }
    }

    /// Appends the headers that sign a request with this body, now.
    pub(crate) fn sign(&self, authority: &str, action: &str, body: &[u8], head: &mut Vec<u8>) {
        let target = format!("AmazonSQS.{action}");
        let headers = [
            ("host", authority),
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", &target),
        ];
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("sqs")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .expect("all parts of the signature are given");
        let url = format!("http://{authority}/");
        let request =
            SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(body));
        let request = request.expect("an authority makes a valid URL");
        let signed = sign(request, &params.into()).expect("credentials sign anything");
        for (name, value) in signed.output().headers() {
            for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
    }
}
