//! [`Context`]: caller, request id and the server's parts, as actions see them.

use std::sync::Arc;

use formiga_auth::caller as auth;
use formiga_engine::catalog::CatalogChange;
use formiga_engine::names::{AccountId, QueueKey, QueueName, Region};
use formiga_engine::queue_url;
use formiga_wire::error::{ErrorKind, QUEUE_DOES_NOT_EXIST};
use uuid::Uuid;

use crate::authorization::{Access, Action};
use crate::body::MemoryShare;
use crate::error::{self, ApiError};
use crate::queues::{Directory, QueueHandle};
use crate::random::Random;
use crate::rates::Rates;

/// Whose queues a request is about, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The account of the caller's queues.
    pub(crate) account: AccountId,
    /// The region the request is for.
    pub(crate) region: Region,
}

impl Caller {
    /// The credential in an `Authorization` header.
    pub(crate) fn credential(authorization: Option<&str>) -> Option<&str> {
        let (_, credential) = authorization?.split_once("Credential=")?;
        credential.split([',', ' ']).next()
    }

    /// Reads account and region from a credential,
    /// `{access key}/{date}/{region}/{service}/aws4_request`. An access key of 12 digits is an
    /// account; any other, or none, means the default account.
    pub(crate) fn read(credential: Option<&str>, default_region: &Region) -> Caller {
        let mut parts = credential.unwrap_or_default().split('/');
        let account = parts.next().and_then(|access_key| AccountId::parse(access_key).ok());
        let region = parts.nth(1).and_then(|region| Region::parse(region).ok());
        Caller {
            account: account.unwrap_or(AccountId::DEFAULT),
            region: region.unwrap_or_else(|| default_region.clone()),
        }
    }

    /// The queue that a URL names to this caller, if it names one.
    pub(crate) fn queue_at(&self, url: &str) -> Option<QueueKey> {
        queue_url::parse(url, self.account, &self.region)
    }
}

/// One request, as its action sees it.
pub(crate) struct Context {
    /// Every queue.
    pub(crate) queues: Arc<Directory>,
    /// Where message ids come from.
    pub(crate) random: Arc<Random>,
    /// How often accounts and queues may be asked.
    pub(crate) rates: Arc<Rates>,
    /// Who calls, as far as anyone can tell without checking signatures.
    pub(crate) caller: Caller,
    /// Who calls for sure, and how, where that is checked.
    pub(crate) access: Option<Access>,
    /// The id of this request.
    pub(crate) request_id: Uuid,
    /// The scheme, host and port under which the caller reached the server.
    pub(crate) endpoint: String,
    /// The `X-Amzn-Trace-Id` header.
    pub(crate) trace_header: Option<String>,
    /// The request's share of the request memory.
    pub(crate) memory: MemoryShare,
}

impl Context {
    /// The queue that `url` names, if the caller may do `action` on it. A missing, empty or unknown
    /// URL is answered alike, even before other parameters are looked at.
    pub(crate) fn find(&self, action: Action, url: Option<&str>) -> Result<QueueHandle, ApiError> {
        self.find_with(url, |key, queue| self.authorize(action, key, queue))
    }

    /// The same, where `authorize` asks for more than a permission.
    pub(crate) fn find_with(
        &self,
        url: Option<&str>,
        authorize: impl FnOnce(&QueueKey, Option<&QueueHandle>) -> Result<(), ApiError>,
    ) -> Result<QueueHandle, ApiError> {
        let key = url.and_then(|url| self.caller.queue_at(url));
        let key = key.ok_or_else(queue_does_not_exist)?;
        let queue = self.queues.find(&key);
        authorize(&key, queue.as_ref())?;
        let queue = queue.ok_or_else(queue_does_not_exist)?;
        // Who may not use the queue takes nothing of what others may.
        self.rates.take_of_queue(&key)?;
        Ok(queue)
    }

    /// The account whose calls a request is one of; none if it is known that nobody signed it.
    pub(crate) fn account_of_caller(&self) -> Option<AccountId> {
        let is_anonymous =
            |access: &Access| matches!(access.principal.caller, auth::Caller::Anonymous);
        (!self.access.as_ref().is_some_and(is_anonymous)).then_some(self.caller.account)
    }

    /// Who sends, as receivers are told: the caller's id, or the account where nobody is checked.
    pub(crate) fn sender_id(&self) -> String {
        match &self.access {
            Some(access) => access.principal.caller.user_id(),
            None => self.caller.account.to_string(),
        }
    }

    /// Makes a change of the catalog. It is durable and in effect when this returns.
    pub(crate) async fn change(
        &self,
        queue: &QueueHandle,
        change: CatalogChange,
    ) -> Result<(), ApiError> {
        let key = &queue.entry().key;
        let changed = self.queues.change(key.clone(), change).await;
        let changed = changed.map_err(|cause| error::unanswered(&cause, self.request_id))?;
        changed.map_err(|refusal| error::catalog(refusal, &key.name))
    }

    /// The caller's own queue called `name`.
    pub(crate) fn own(&self, name: QueueName) -> QueueKey {
        let Caller { account, region } = self.caller.clone();
        QueueKey { account, region, name }
    }
}

/// The answer to a request for a queue that is not there.
pub(crate) fn queue_does_not_exist() -> ApiError {
    ApiError::new(ErrorKind::QueueDoesNotExist, QUEUE_DOES_NOT_EXIST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(authorization: Option<&str>) -> (String, String) {
        let credential = Caller::credential(authorization);
        let caller = Caller::read(credential, &Region::parse("us-east-1").unwrap());
        (caller.account.to_string(), caller.region.to_string())
    }

    #[test]
    fn account_and_region_come_from_the_credential_scope() {
        let header = "AWS4-HMAC-SHA256 Credential=123456789012/20261123/eu-west-1/sqs/aws4_request, \
                      SignedHeaders=host, Signature=00";
        assert_eq!(caller(Some(header)), ("123456789012".into(), "eu-west-1".into()));
    }

    #[test]
    fn without_a_credential_the_defaults_count() {
        let defaults = ("000000000000".to_owned(), "us-east-1".to_owned());
        for header in [
            None,
            Some(""),
            Some("Basic abc"),
            Some("AWS4-HMAC-SHA256 Credential=test"),
            Some("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/1/BAD REGION/x"),
        ] {
            assert_eq!(caller(header), defaults, "{header:?}");
        }
    }
}
