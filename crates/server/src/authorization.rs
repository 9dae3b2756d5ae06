//! [`Access`]: what a caller may do, as the policies say.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex};

use formiga_auth::caller::Caller;
use formiga_auth::evaluate::{self, Policies, Request};
use formiga_auth::policy::Policy;
use formiga_auth::time::Timestamp;
use formiga_engine::catalog::CatalogEntry;
use formiga_engine::names::{AccountId, QueueId, QueueKey};
use formiga_wire::error::ErrorKind;

use crate::context::Context;
use crate::error::ApiError;
use crate::identities::{Identities, Principal};
use crate::queues::QueueHandle;

pub(crate) use formiga_auth::evaluate::Context as Conditions;

macro_rules! actions {
    ($($action:ident,)*) => {
        /// A permission of SQS. Batches ask for that of their single action.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Action { $($action,)* }

        impl Action {
            const ALL: &[Action] = &[$(Action::$action,)*];

            /// The permission that policies call this, in any case.
            pub(crate) fn parse(name: &str) -> Option<Action> {
                Self::ALL.iter().copied().find(|action| action.as_str().eq_ignore_ascii_case(name))
            }

            /// What policies call it.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Action::$action => concat!("sqs:", stringify!($action)),)* }
            }
        }
    };
}

actions! {
    AddPermission,
    CancelMessageMoveTask,
    ChangeMessageVisibility,
    CreateQueue,
    DeleteMessage,
    DeleteQueue,
    GetQueueAttributes,
    GetQueueUrl,
    ListDeadLetterSourceQueues,
    ListMessageMoveTasks,
    ListQueueTags,
    ListQueues,
    PurgeQueue,
    ReceiveMessage,
    RemovePermission,
    SendMessage,
    SetQueueAttributes,
    StartMessageMoveTask,
    TagQueue,
    UntagQueue,
}

/// A caller who was verified, or is known to be unknown, and how they call.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) principal: Arc<Principal>,
    /// The access key that the request is signed with.
    pub(crate) access_key_id: Option<String>,
    /// Who there is besides the caller.
    pub(crate) identities: Arc<Identities>,
    pub(crate) queue_policies: Arc<QueuePolicies>,
    pub(crate) now: Timestamp,
    /// The client's address, if it is known.
    pub(crate) source_ip: Option<IpAddr>,
    /// Whether the client speaks TLS.
    pub(crate) is_secure: bool,
    pub(crate) user_agent: Option<String>,
    pub(crate) referer: Option<String>,
    /// Scheme, host and path of the request.
    pub(crate) url: String,
}

/// The policies of queues as they were last read, so that not every request parses one.
#[derive(Default)]
pub(crate) struct QueuePolicies(Mutex<HashMap<QueueId, Arc<QueuePolicy>>>);

struct QueuePolicy {
    text: String,
    policy: Option<Policy>,
}

const QUEUE_POLICIES_MAX: usize = 1024;

/// What stands for a policy that cannot be read, as one may have been kept while nobody asked the
/// policies: it might have denied anything.
static UNREADABLE: LazyLock<Policy> = LazyLock::new(|| {
    let deny = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;
    Policy::parse_queue(deny, AccountId::DEFAULT.as_str()).expect("the policy is one")
});

impl QueuePolicies {
    fn of(&self, entry: &CatalogEntry) -> Option<Arc<QueuePolicy>> {
        let text = entry.attributes.policy.as_ref()?;
        let mut policies = self.0.lock().expect("no one panics with the lock");
        if let Some(known) = policies.get(&entry.id).filter(|known| known.text == *text) {
            return Some(known.clone());
        }
        if policies.len() >= QUEUE_POLICIES_MAX {
            policies.clear();
        }
        let policy = Policy::parse_queue(text, entry.key.account.as_str()).ok();
        let policy = Arc::new(QueuePolicy { text: text.clone(), policy });
        policies.insert(entry.id, policy.clone());
        Some(policy)
    }
}

impl Access {
    pub(crate) fn conditions(&self, region: &str) -> Conditions {
        let mut conditions = Conditions::new();
        conditions.set_time(self.now);
        conditions.set("aws:SecureTransport", if self.is_secure { "true" } else { "false" });
        conditions.set("aws:RequestedRegion", region);
        conditions.set("aws:ViaAWSService", "false");
        for (tag, value) in &*self.principal.tags {
            conditions.add(&format!("aws:PrincipalTag/{tag}"), value);
        }
        if let Some(session) = &self.principal.session {
            let issued_at = Timestamp::from_millis(0).plus_secs(session.issued_at);
            conditions.set("aws:TokenIssueTime", &issued_at.to_string());
            conditions.set("aws:MultiFactorAuthPresent", "false");
        }
        if let Some(ip) = self.source_ip {
            conditions.set("aws:SourceIp", &ip.to_string());
        }
        for (key, value) in [("aws:UserAgent", &self.user_agent), ("aws:Referer", &self.referer)] {
            if let Some(value) = value {
                conditions.set(key, value);
            }
        }
        conditions
    }

    /// The caller's policies together with that of a resource.
    pub(crate) fn policies<'a>(&'a self, resource: Option<&'a Policy>) -> Policies<'a> {
        let session = self.principal.session.as_ref().and_then(|it| it.policy.as_ref());
        Policies { identity: &self.principal.policies, session, resource }
    }

    /// The same for something that is done with a user or role, who may have tags.
    pub(crate) fn conditions_on_identity(&self, region: &str, arn: &str) -> Conditions {
        let mut conditions = self.conditions(region);
        let known = self.identities.read().by_arn(arn).cloned();
        for (key, value) in known.iter().flat_map(|known| &known.record.tags) {
            conditions.add(&format!("aws:ResourceTag/{key}"), value);
        }
        conditions
    }

    pub(crate) fn decide(
        &self,
        action: &str,
        resource: &str,
        resource_account: AccountId,
        policy: Option<&Policy>,
        conditions: &Conditions,
    ) -> Result<(), ApiError> {
        let decide =
            |request: &Request<'_>, policies: &Policies<'_>| self.refuse(request, policies);
        self.ask(action, resource, resource_account, policy, conditions, decide)
    }

    fn refuse(&self, request: &Request<'_>, policies: &Policies<'_>) -> Result<(), ApiError> {
        match evaluate::evaluate(request, policies).refusal(request, &self.url) {
            None => Ok(()),
            Some(refusal) => Err(ApiError::new(ErrorKind::AccessDenied, refusal)),
        }
    }

    /// What `tell` makes of a request of this caller's and of all policies that bear on it.
    pub(crate) fn ask<T>(
        &self,
        action: &str,
        resource: &str,
        resource_account: AccountId,
        policy: Option<&Policy>,
        conditions: &Conditions,
        tell: impl FnOnce(&Request<'_>, &Policies<'_>) -> T,
    ) -> T {
        let request = Request {
            caller: &self.principal.caller,
            action,
            resource,
            resource_account: resource_account.as_str(),
            context: conditions,
        };
        tell(&request, &self.policies(policy))
    }

    /// The same about the queue called `key`, which is `entry` if it exists. `add` knows what else
    /// conditions may compare.
    pub(crate) fn ask_about_queue<T>(
        &self,
        action: Action,
        key: &QueueKey,
        entry: Option<&CatalogEntry>,
        region: &str,
        add: impl FnOnce(&mut Conditions),
        tell: impl FnOnce(&Request<'_>, &Policies<'_>) -> T,
    ) -> T {
        let mut conditions = self.conditions(region);
        for (tag, value) in entry.into_iter().flat_map(|entry| &entry.tags) {
            conditions.add(&format!("aws:ResourceTag/{tag}"), value);
        }
        add(&mut conditions);
        let policy = entry.and_then(|entry| self.queue_policies.of(entry));
        let policy = policy.as_ref().and_then(|read| match &read.policy {
            // The owner's root can put an unreadable policy right.
            None if self.is_root_of(key) => None,
            None => Some(&*UNREADABLE),
            policy => policy.as_ref(),
        });
        self.ask(action.as_str(), &key.arn().to_string(), key.account, policy, &conditions, tell)
    }

    fn is_root_of(&self, key: &QueueKey) -> bool {
        let caller = &self.principal.caller;
        matches!(caller, Caller::Root { account } if account == key.account.as_str())
    }
}

impl Context {
    /// Asks the policies whether the caller may do `action` on the queue called `key`, which is
    /// `queue` if it exists. Whether it does is not to be learnt from a refusal.
    pub(crate) fn authorize(
        &self,
        action: Action,
        key: &QueueKey,
        queue: Option<&QueueHandle>,
    ) -> Result<(), ApiError> {
        self.authorize_with(action, key, queue, |_| {})
    }

    /// The same, with what the request has for conditions to compare.
    pub(crate) fn authorize_with(
        &self,
        action: Action,
        key: &QueueKey,
        queue: Option<&QueueHandle>,
        add: impl FnOnce(&mut Conditions),
    ) -> Result<(), ApiError> {
        let Some(access) = &self.access else { return Ok(()) };
        let entry = queue.map(QueueHandle::entry);
        let region = self.caller.region.as_str();
        let decide =
            |request: &Request<'_>, policies: &Policies<'_>| access.refuse(request, policies);
        access.ask_about_queue(action, key, entry, region, add, decide)
    }

    /// Asks for several permissions; the first that is missing is told.
    pub(crate) fn authorize_all(
        &self,
        actions: &[Action],
        key: &QueueKey,
        queue: Option<&QueueHandle>,
    ) -> Result<(), ApiError> {
        actions.iter().try_for_each(|action| self.authorize(*action, key, queue))
    }

    /// Asks for the permission to list the caller's queues, which is about no single one of them.
    pub(crate) fn authorize_list(&self) -> Result<(), ApiError> {
        let Some(access) = &self.access else { return Ok(()) };
        let (account, region) = (self.caller.account, self.caller.region.as_str());
        let resource = all_queues(region, account);
        let conditions = access.conditions(region);
        access.decide(Action::ListQueues.as_str(), &resource, account, None, &conditions)
    }

    /// Asks for the permission for one of the server's own actions. They belong to the
    /// administrator's account, and only identity policies open them.
    pub(crate) fn authorize_own(&self, action: &str) -> Result<(), ApiError> {
        self.authorize_own_of(AccountId::DEFAULT, action)
    }

    /// The same for an action that is about the account `owner`, and belongs to it.
    pub(crate) fn authorize_own_of(&self, owner: AccountId, action: &str) -> Result<(), ApiError> {
        let Some(access) = &self.access else { return Ok(()) };
        let region = self.caller.region.as_str();
        let conditions = access.conditions(region);
        let resource = own_resource(region, owner);
        access.decide(&format!("formiga:{action}"), &resource, owner, None, &conditions)
    }

    /// Whether the caller is known to be the root of the account of the queue called `key`.
    pub(crate) fn is_root_of(&self, key: &QueueKey) -> bool {
        self.access.as_ref().is_some_and(|access| access.is_root_of(key))
    }

    /// Whether the queue called `key` is of another account than the caller's, whom everybody knows.
    pub(crate) fn is_of_another_account(&self, key: &QueueKey) -> bool {
        let account = self.access.as_ref().and_then(|access| access.principal.caller.account());
        account.is_some_and(|account| account != key.account.as_str())
    }
}

/// What listing the queues of an account is about.
pub(crate) fn all_queues(region: &str, account: AccountId) -> String {
    format!("arn:aws:sqs:{region}:{account}:")
}

/// What the server's own actions are about.
pub(crate) fn own_resource(region: &str, owner: AccountId) -> String {
    format!("arn:aws:formiga:{region}:{owner}:server")
}
