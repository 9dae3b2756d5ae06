//! [`Kms`]: who makes and decrypts the data keys of queues that name a KMS key.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_smithy_http_client::tls;
use formiga_store::WRAPPED_KEY_BYTES_MAX;
use formiga_wire::error::ErrorKind;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// Makes data keys under keys that never leave it.
pub(crate) trait Kms: Send + Sync + 'static {
    /// A new data key, plain and encrypted under the KMS key `key`.
    fn generate(&self, key: String) -> Answer<NewDataKey>;

    /// The plain data key.
    fn decrypt(&self, wrapped: Arc<[u8]>) -> Answer<PlainDataKey>;
}

pub(crate) type PlainDataKey = Zeroizing<[u8; 32]>;

pub(crate) type NewDataKey = (PlainDataKey, Arc<[u8]>);

pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T, KmsRefusal>> + Send>>;

/// Why a KMS key could not be used, as callers of the queue are told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct KmsRefusal {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

/// An endpoint that speaks the API of AWS KMS.
pub(crate) struct AwsKms {
    client: Client,
    /// A place for each call under way.
    calls: Arc<Semaphore>,
}

/// How many calls are under way at once: with 10 ms each, 6,400 data keys a second.
const CALLS_MAX: usize = 64;

/// A KMS that takes longer is as good as none.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const CALL_TIMEOUT: Duration = Duration::from_secs(8);

impl AwsKms {
    /// Connects when it is first asked. Credentials come from where every SDK looks for them.
    pub(crate) async fn new(endpoint: &str, region: &str) -> AwsKms {
        let https = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(https)
            .timeout_config(timeouts)
            .region(Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .load()
            .await;
        AwsKms { client: Client::new(&config), calls: Arc::new(Semaphore::new(CALLS_MAX)) }
    }
}

impl AwsKms {
    /// A place for a call. Where none gets free in time, the KMS is too slow.
    fn place(
        &self,
    ) -> impl Future<Output = Result<OwnedSemaphorePermit, KmsRefusal>> + Send + use<> {
        let place = tokio::time::timeout(CALL_TIMEOUT, self.calls.clone().acquire_owned());
        async {
            let place = place.await.map_err(|_| unreachable_kms())?;
            Ok(place.expect("the semaphore is never closed"))
        }
    }
}

impl Kms for AwsKms {
    fn generate(&self, key: String) -> Answer<NewDataKey> {
        let call = self.client.generate_data_key().key_id(key).key_spec(DataKeySpec::Aes256);
        let place = self.place();
        Box::pin(async move {
            let _place = place.await?;
            let output = call.send().await.map_err(|error| refusal(&error))?;
            let plain = plain_key(output.plaintext)?;
            let wrapped = output.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
            if wrapped.is_empty() || wrapped.len() > WRAPPED_KEY_BYTES_MAX {
                return Err(unusable());
            }
            Ok((plain, wrapped.into()))
        })
    }

    fn decrypt(&self, wrapped: Arc<[u8]>) -> Answer<PlainDataKey> {
        let call = self.client.decrypt().ciphertext_blob(Blob::new(&*wrapped));
        let place = self.place();
        Box::pin(async move {
            let _place = place.await?;
            let output = call.send().await.map_err(|error| refusal(&error))?;
            plain_key(output.plaintext)
        })
    }
}

fn plain_key(plain: Option<Blob>) -> Result<PlainDataKey, KmsRefusal> {
    let plain = Zeroizing::new(plain.map(Blob::into_inner).unwrap_or_default());
    let key: &[u8; 32] = plain.as_slice().try_into().map_err(|_| unusable())?;
    Ok(Zeroizing::new(*key))
}

fn unreachable_kms() -> KmsRefusal {
    let message = "The KMS cannot be reached. Nothing was changed; please try again.".to_owned();
    KmsRefusal { kind: ErrorKind::ServiceUnavailable, message }
}

fn unusable() -> KmsRefusal {
    let message = "The KMS answered with something else than a data key.".to_owned();
    KmsRefusal { kind: ErrorKind::ServiceUnavailable, message }
}

/// SQS tells in its own words what KMS refused.
fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E>) -> KmsRefusal {
    let Some(code) = error.code() else { return unreachable_kms() };
    let message = error.message().unwrap_or(code).to_owned();
    KmsRefusal { kind: kind_of(code), message }
}

fn kind_of(code: &str) -> ErrorKind {
    match code {
        "NotFoundException" => ErrorKind::KmsNotFound,
        "DisabledException" => ErrorKind::KmsDisabled,
        "InvalidKeyUsageException" => ErrorKind::KmsInvalidKeyUsage,
        "KMSInvalidStateException" | "InvalidCiphertextException" | "IncorrectKeyException" => {
            ErrorKind::KmsInvalidState
        }
        "ThrottlingException" | "LimitExceededException" => ErrorKind::KmsThrottled,
        "OptInRequired" | "SubscriptionRequiredException" => ErrorKind::KmsOptInRequired,
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "ExpiredTokenException"
        | "IncompleteSignature" => ErrorKind::KmsAccessDenied,
        _ => ErrorKind::ServiceUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kms_refuses_is_told_with_the_codes_of_sqs() {
        for (code, kind) in [
            ("NotFoundException", ErrorKind::KmsNotFound),
            ("DisabledException", ErrorKind::KmsDisabled),
            ("KMSInvalidStateException", ErrorKind::KmsInvalidState),
            ("InvalidKeyUsageException", ErrorKind::KmsInvalidKeyUsage),
            ("AccessDeniedException", ErrorKind::KmsAccessDenied),
            ("ThrottlingException", ErrorKind::KmsThrottled),
            ("OptInRequired", ErrorKind::KmsOptInRequired),
            ("KMSInternalException", ErrorKind::ServiceUnavailable),
        ] {
            assert_eq!(kind_of(code), kind, "{code}");
        }
    }
}
