//! [`Principal`]: who calls, and what their own policies say.

use std::collections::BTreeMap;
use std::sync::Arc;

use formiga_auth::caller::Caller;
use formiga_auth::evaluate::NamedPolicy;
use formiga_auth::policy::Policy;
use formiga_engine::names::AccountId;

/// Who calls, and what their own policies say.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) caller: Caller,
    /// The account of the caller's queues; the default one if nobody knows who calls.
    pub(crate) account: AccountId,
    pub(crate) policies: Arc<[NamedPolicy]>,
    /// The tags of the user or role.
    pub(crate) tags: Arc<BTreeMap<String, String>>,
    /// What is known of the session, if the caller signs with temporary credentials.
    pub(crate) session: Option<SessionFacts>,
}

/// A session, beside whose it is.
#[derive(Clone, Debug)]
pub(crate) struct SessionFacts {
    /// What the session is narrowed down with.
    pub(crate) policy: Option<Policy>,
    /// When it began, in seconds since the epoch.
    pub(crate) issued_at: i64,
}

impl Principal {
    /// Who signs nothing.
    pub(crate) fn anonymous() -> Principal {
        Principal::without_policies(Caller::Anonymous, AccountId::DEFAULT)
    }

    /// The owner of an account, who needs no policies.
    pub(crate) fn root(account: AccountId) -> Principal {
        Principal::without_policies(Caller::Root { account: account.to_string() }, account)
    }

    fn without_policies(caller: Caller, account: AccountId) -> Principal {
        let (policies, tags) = (Arc::from([]), Arc::default());
        Principal { caller, account, policies, tags, session: None }
    }
}
