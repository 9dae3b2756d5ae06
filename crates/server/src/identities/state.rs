//! [`State`]: everybody that is known, by every name that is asked for.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use formiga_auth::caller::{Caller, Session, User};
use formiga_auth::credentials::SecretKey;
use formiga_auth::evaluate::NamedPolicy;
use formiga_auth::policy::{Policy, PolicyKind};
use formiga_auth::session_token::{SessionGrant, SessionOf};
use formiga_engine::names::AccountId;
use formiga_store::{
    AccessKeyRecord, AccountRecord, EntityRecord, Identity, IdentityChange, IdentityKey,
    RoleRecord, UserRecord,
};

use super::{Principal, Seal, SessionFacts};
use crate::keys::{Declared, KeysError};

/// Everybody that is known.
#[derive(Default)]
pub(crate) struct State {
    accounts: BTreeMap<AccountId, Account>,
    /// Users and roles by their unique ids.
    entities: HashMap<String, Arc<Entity>>,
    /// Access keys by their ids.
    keys: HashMap<String, Arc<AccessKey>>,
    /// Whether policies may name users and roles of ours who do not exist.
    accepts_unknown_principals: bool,
}

#[derive(Default)]
struct Account {
    /// Unique ids by kind and name in lower case.
    names: BTreeMap<(Kind, String), String>,
    /// Access keys by whose they are, none being the root: their ids, in the order of making.
    keys: BTreeMap<Option<String>, Vec<String>>,
}

/// What somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    User,
    Role,
}

impl Kind {
    /// As in ARNs and sentences.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Role => "role",
        }
    }
}

/// A user or role, ready to be asked.
pub(crate) struct Entity {
    pub(crate) record: EntityRecord,
    /// What a role has besides.
    pub(crate) role: Option<Role>,
    /// Whether it stands in the operator's file, where IAM changes nothing.
    pub(crate) is_declared: bool,
    /// Of a user, who calls.
    principal: Arc<Principal>,
}

/// What a role has besides.
pub(crate) struct Role {
    pub(crate) record: RoleRecord,
    /// Who may assume it.
    pub(crate) trust: Policy,
}

/// An access key with its secret.
pub(crate) struct AccessKey {
    pub(crate) record: AccessKeyRecord,
    secret: SecretKey,
    pub(crate) is_declared: bool,
}

/// What stands for a policy that cannot be read, as an older version may have stored one: it might
/// have denied anything.
static DENY: LazyLock<Policy> = LazyLock::new(|| {
    let deny =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    Policy::parse_iam(PolicyKind::Identity, deny).expect("the policy is one")
});
static TRUST_NOBODY: LazyLock<Policy> = LazyLock::new(|| {
    let deny = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*"}}"#;
    Policy::parse_iam(PolicyKind::Trust, deny).expect("the policy is one")
});

impl State {
    /// Those who are declared and those who are stored. Nobody can be both.
    pub(crate) fn restore(
        declared: Declared,
        stored: Vec<Identity>,
        accepts_unknown_principals: bool,
        seal: &Seal,
    ) -> Result<State, KeysError> {
        let mut state = State { accepts_unknown_principals, ..State::default() };
        state.accounts.entry(AccountId::DEFAULT).or_default();
        for user in declared.users {
            state.put_entity(Entity::new(user, None, true));
        }
        for role in declared.roles {
            state.put_entity(Entity::new(role.entity.clone(), Some(role), true));
        }
        for (record, secret) in declared.keys {
            state.put_key(AccessKey { record, secret, is_declared: true });
        }
        for identity in stored {
            state.refuse_twice(&identity)?;
            if let Identity::AccessKey(key) = &identity
                && seal.open(&key.id, &key.sealed_secret).is_none()
            {
                let what = format!(
                    "the secret of the access key {} cannot be unsealed; is this the master key that it was sealed with?",
                    key.id
                );
                return Err(KeysError(what));
            }
            state.absorb(IdentityChange::Put(identity), seal);
        }
        for account in state.accounts.values_mut() {
            for ids in account.keys.values_mut() {
                ids.sort_by_cached_key(|id| {
                    (state.keys.get(id).map(|key| key.record.created_at), id.clone())
                });
            }
        }
        Ok(state)
    }

    /// Somebody who was made with IAM may have been declared since.
    fn refuse_twice(&self, identity: &Identity) -> Result<(), KeysError> {
        let named = match identity {
            Identity::User(UserRecord(user)) => Some((Kind::User, user)),
            Identity::Role(role) => Some((Kind::Role, &role.entity)),
            Identity::AccessKey(key) if self.keys.contains_key(&key.id) => {
                let what = "is declared, but was made with IAM as well; declare another one";
                return Err(KeysError(format!("the access key {} {what}", key.id)));
            }
            Identity::Account(_) | Identity::AccessKey(_) => None,
        };
        let Some((kind, entity)) = named else { return Ok(()) };
        match self.entity(kind, entity.account, &entity.name) {
            Some(known) if known.is_declared => Err(KeysError(format!(
                "{} is declared, but was made with IAM as well; declare another name, or start without the \
                 declaration and delete the {} first",
                known.arn(),
                kind.as_str()
            ))),
            _ => Ok(()),
        }
    }

    /// Takes up a change that is durable.
    pub(super) fn absorb(&mut self, change: IdentityChange, seal: &Seal) {
        match change {
            IdentityChange::Put(Identity::Account(AccountRecord { id, .. })) => {
                self.accounts.entry(id).or_default();
            }
            IdentityChange::Put(Identity::User(UserRecord(user))) => {
                self.put_entity(Entity::new(user, None, false));
            }
            IdentityChange::Put(Identity::Role(role)) => {
                self.put_entity(Entity::new(role.entity.clone(), Some(role), false));
            }
            IdentityChange::Put(Identity::AccessKey(record)) => {
                // It was sealed by this server, or unsealed when it was read.
                let secret = seal.open(&record.id, &record.sealed_secret);
                let secret = secret.expect("what was sealed can be unsealed");
                self.put_key(AccessKey { record, secret, is_declared: false });
            }
            IdentityChange::Remove(IdentityKey::Account(id)) => drop(self.accounts.remove(&id)),
            IdentityChange::Remove(IdentityKey::User(id) | IdentityKey::Role(id)) => {
                self.remove_entity(&id);
            }
            IdentityChange::Remove(IdentityKey::AccessKey(id)) => self.remove_key(&id),
        }
    }

    fn put_entity(&mut self, entity: Entity) {
        let EntityRecord { account, unique_id, name, .. } = &entity.record;
        let name = (entity.kind(), name.to_ascii_lowercase());
        self.accounts.entry(*account).or_default().names.insert(name, unique_id.clone());
        self.entities.insert(unique_id.clone(), Arc::new(entity));
    }

    fn remove_entity(&mut self, id: &str) {
        let Some(entity) = self.entities.remove(id) else { return };
        let name = (entity.kind(), entity.record.name.to_ascii_lowercase());
        if let Some(account) = self.accounts.get_mut(&entity.record.account) {
            account.names.remove(&name);
        }
    }

    fn put_key(&mut self, key: AccessKey) {
        let AccessKeyRecord { id, account, user, .. } = &key.record;
        let ids = self.accounts.entry(*account).or_default().keys.entry(user.clone()).or_default();
        if !ids.contains(id) {
            ids.push(id.clone());
        }
        self.keys.insert(id.clone(), Arc::new(key));
    }

    fn remove_key(&mut self, id: &str) {
        let Some(key) = self.keys.remove(id) else { return };
        let Some(account) = self.accounts.get_mut(&key.record.account) else { return };
        if let Some(ids) = account.keys.get_mut(&key.record.user) {
            ids.retain(|known| known != id);
            if ids.is_empty() {
                account.keys.remove(&key.record.user);
            }
        }
    }

    /// The secret of a key that is good, and who signs with it.
    pub(super) fn signer(&self, access_key_id: &str) -> Option<(SecretKey, Arc<Principal>)> {
        let key = self.keys.get(access_key_id).filter(|key| key.record.is_active)?;
        let principal = match &key.record.user {
            Some(user) => self.entities.get(user)?.principal.clone(),
            None => Arc::new(Principal::root(key.record.account)),
        };
        Some((key.secret.clone(), principal))
    }

    /// Who calls in a session, unless the user, the role or the key that it is of is gone.
    pub(super) fn session(&self, grant: &SessionGrant) -> Option<Principal> {
        let account = AccountId::parse(&grant.account).ok()?;
        let is_parent_good = |parent: &str, user: Option<&str>| {
            self.keys.get(parent).is_some_and(|key| {
                key.record.is_active
                    && key.record.account == account
                    && key.record.user.as_deref() == user
            })
        };
        let mut principal = match &grant.of {
            SessionOf::Root { parent_access_key_id: parent } => {
                is_parent_good(parent, None).then(|| Principal::root(account))?
            }
            SessionOf::User { unique_id, parent_access_key_id: parent } => {
                let user = self.entities.get(unique_id)?;
                is_parent_good(parent, Some(unique_id))
                    .then(|| Principal::clone(&user.principal))?
            }
            SessionOf::Role { unique_id, session_name } => {
                self.entities.get(unique_id)?.in_session(session_name)?
            }
        };
        let policy = match &grant.policy {
            Some(policy) => Some(Policy::parse_iam(PolicyKind::Session, policy).ok()?),
            None => None,
        };
        principal.session = Some(SessionFacts { policy, issued_at: grant.issued_at });
        Some(principal)
    }

    /// A user or role of an account, by name in any case.
    pub(crate) fn entity(
        &self,
        kind: Kind,
        account: AccountId,
        name: &str,
    ) -> Option<&Arc<Entity>> {
        let names = &self.accounts.get(&account)?.names;
        self.entities.get(names.get(&(kind, name.to_ascii_lowercase()))?)
    }

    /// A user or role by its unique id.
    pub(crate) fn by_id(&self, unique_id: &str) -> Option<&Arc<Entity>> {
        self.entities.get(unique_id)
    }

    /// The users or roles of an account whose names come after this one, in the order of names.
    pub(crate) fn entities(
        &self,
        kind: Kind,
        account: AccountId,
        after: &str,
    ) -> impl Iterator<Item = &Arc<Entity>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let names = self.accounts.get(&account).map(|account| &account.names);
        let from = (kind, after.to_ascii_lowercase());
        let following = names
            .into_iter()
            .flat_map(move |names| names.range((Excluded(from.clone()), Unbounded)));
        following
            .take_while(move |((of, _), _)| *of == kind)
            .filter_map(|(_, id)| self.entities.get(id))
    }

    /// How many users or roles an account has.
    pub(crate) fn count(&self, kind: Kind, account: AccountId) -> usize {
        self.entities(kind, account, "").count()
    }

    /// The keys of a user, or of an account's root, in the order of making.
    pub(crate) fn keys_of(
        &self,
        account: AccountId,
        user: Option<&str>,
    ) -> impl Iterator<Item = &Arc<AccessKey>> {
        let ids = self.accounts.get(&account);
        let ids = ids.and_then(|account| account.keys.get(&user.map(str::to_owned)));
        ids.into_iter().flatten().filter_map(|id| self.keys.get(id))
    }

    /// Every account.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.accounts.keys().copied()
    }

    /// Whether somebody of the account, or its root's key, stands in the operator's files.
    pub(crate) fn is_declared(&self, account: AccountId) -> bool {
        let has_key = |key: &Arc<AccessKey>| key.is_declared && key.record.account == account;
        let is_of = |it: &Arc<Entity>| it.is_declared && it.record.account == account;
        account == AccountId::DEFAULT
            || self.keys.values().any(has_key)
            || self.entities.values().any(is_of)
    }

    /// The unique id of the user or role with this ARN.
    pub(crate) fn id_of(&self, arn: &str) -> Option<&str> {
        self.by_arn(arn).map(|entity| entity.record.unique_id.as_str())
    }

    /// The user or role with this ARN.
    pub(crate) fn by_arn(&self, arn: &str) -> Option<&Arc<Entity>> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, "iam", "", account, path] = parts[..] else { return None };
        let (kind, name) = match path.split_once('/')? {
            ("user", rest) => (Kind::User, rest),
            ("role", rest) => (Kind::Role, rest),
            _ => return None,
        };
        let name = name.rsplit('/').next()?;
        let entity = self.entity(kind, AccountId::parse(account).ok()?, name)?;
        // A name has no case, but an ARN has one, and a policy may be about it.
        (entity.arn() == arn).then_some(entity)
    }

    /// The ARN of the user or role with this unique id.
    pub(crate) fn arn_of(&self, unique_id: &str) -> Option<String> {
        self.entities.get(unique_id).map(|entity| entity.arn())
    }

    /// The unique ids of the users and roles that a policy names, by their ARNs; those of accounts that
    /// are not of this server are nobody it knows. An ARN of one who should be known and is not is
    /// the error.
    pub(crate) fn pins(&self, policy: &Policy) -> Result<BTreeMap<String, String>, String> {
        let mut pins = BTreeMap::new();
        for arn in policy.named_principals() {
            let account = arn.split(':').nth(4).and_then(|account| AccountId::parse(account).ok());
            let is_ours = account.is_some_and(|account| self.accounts.contains_key(&account));
            match self.id_of(arn) {
                Some(id) => drop(pins.insert(arn.to_owned(), id.to_owned())),
                None if is_ours && !self.accepts_unknown_principals => return Err(arn.to_owned()),
                None => {}
            }
        }
        Ok(pins)
    }
}

impl Entity {
    pub(crate) fn new(record: EntityRecord, role: Option<RoleRecord>, is_declared: bool) -> Entity {
        let kind = if role.is_some() { Kind::Role } else { Kind::User };
        let arn = arn_of(kind, &record);
        let policies = record.policies.iter().map(|(name, json)| {
            let policy = Policy::parse_iam(PolicyKind::Identity, json).unwrap_or_else(|error| {
                tracing::error!(%arn, policy = name, %error, "a policy cannot be read and denies everything");
                DENY.clone()
            });
            NamedPolicy { name: name.clone(), policy }
        });
        let caller = match kind {
            Kind::User => Caller::User(User {
                account: record.account.to_string(),
                path: record.path.clone(),
                name: record.name.clone(),
                unique_id: record.unique_id.clone(),
            }),
            // Nobody calls as a role but in a session.
            Kind::Role => Caller::Anonymous,
        };
        let principal = Arc::new(Principal {
            caller,
            account: record.account,
            policies: policies.collect(),
            tags: Arc::new(record.tags.clone()),
            session: None,
        });
        let role = role.map(|record| {
            let trust = Policy::parse_iam(PolicyKind::Trust, &record.trust_policy);
            let mut trust = trust.unwrap_or_else(|error| {
                tracing::error!(%arn, %error, "a trust policy cannot be read and trusts nobody");
                TRUST_NOBODY.clone()
            });
            trust.pin(|arn| record.trusted_ids.get(arn).cloned());
            Role { record, trust }
        });
        Entity { record, role, is_declared, principal }
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.role.is_some() { Kind::Role } else { Kind::User }
    }

    pub(crate) fn arn(&self) -> String {
        arn_of(self.kind(), &self.record)
    }

    /// The record of a user or role with the part changed that both have.
    pub(crate) fn with(&self, change: impl FnOnce(&mut EntityRecord)) -> Identity {
        let mut entity = self.record.clone();
        change(&mut entity);
        match &self.role {
            None => Identity::User(UserRecord(entity)),
            Some(role) => Identity::Role(RoleRecord { entity, ..role.record.clone() }),
        }
    }

    /// What removes it from the store.
    pub(crate) fn removal(&self) -> IdentityChange {
        let id = self.record.unique_id.clone();
        IdentityChange::Remove(match self.kind() {
            Kind::User => IdentityKey::User(id),
            Kind::Role => IdentityKey::Role(id),
        })
    }

    /// Who calls as this user, or in such a session of this role.
    pub(crate) fn called(&self, session: Option<&str>) -> Option<Principal> {
        match session {
            Some(session) => self.in_session(session),
            None => self.role.is_none().then(|| Principal::clone(&self.principal)),
        }
    }

    /// Who calls in a session of this role.
    fn in_session(&self, name: &str) -> Option<Principal> {
        self.role.as_ref()?;
        let record = &self.record;
        let caller = Caller::Session(Session {
            account: record.account.to_string(),
            role_path: record.path.clone(),
            role_name: record.name.clone(),
            role_id: record.unique_id.clone(),
            name: name.to_owned(),
        });
        Some(Principal { caller, ..Principal::clone(&self.principal) })
    }
}

fn arn_of(kind: Kind, record: &EntityRecord) -> String {
    let EntityRecord { account, path, name, .. } = record;
    format!("arn:aws:iam::{account}:{}{path}{name}", kind.as_str())
}
