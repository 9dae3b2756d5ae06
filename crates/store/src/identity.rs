//! [`Identity`]: accounts, users, roles and access keys, as a store keeps them.
//!
//! The store keeps each under its key and knows nothing of who may do what. Secrets come sealed and
//! go sealed.

use std::collections::BTreeMap;
use std::fmt;

use bytes::{Buf, BufMut};
use formiga_engine::names::AccountId;
use formiga_engine::time::Timestamp;

use crate::DecodeError;
use crate::records::{
    Damaged, decode, flag, optional_text, put_count, put_optional_text, put_text, slice, text,
    timestamp, versioned,
};

/// One change of who there is. Those of one append happen together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityChange {
    /// Stores an identity in place of the one with the same key.
    Put(Identity),
    /// Removes one; it is no fault if there is none.
    Remove(IdentityKey),
}

/// What an identity is stored under. Ids are never given out again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentityKey {
    /// An account.
    Account(AccountId),
    /// A user, by the unique id.
    User(String),
    /// A role, by the unique id.
    Role(String),
    /// An access key, by its id.
    AccessKey(String),
}

/// Something that is known of who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// An account.
    Account(AccountRecord),
    /// A user of an account.
    User(UserRecord),
    /// A role of an account.
    Role(RoleRecord),
    /// An access key of a user, or of an account's root.
    AccessKey(AccessKeyRecord),
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// Its number.
    pub id: AccountId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What users and roles have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityRecord {
    /// The account that it is of.
    pub account: AccountId,
    /// Never given to another one.
    pub unique_id: String,
    /// Begins and ends with a slash.
    pub path: String,
    /// Without the path.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags, by key.
    pub tags: BTreeMap<String, String>,
    /// Its inline policies by name, as they were sent.
    pub policies: BTreeMap<String, String>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord(pub EntityRecord);

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRecord {
    /// What users have as well.
    pub entity: EntityRecord,
    /// What it is for, in words.
    pub description: Option<String>,
    /// How long a session may last, in seconds.
    pub max_session_seconds: u32,
    /// Who may assume it: a policy, as it was sent.
    pub trust_policy: String,
    /// Which users and roles the trust policy speaks of: the unique id of each ARN when it was set.
    pub trusted_ids: BTreeMap<String, String>,
}

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeyRecord {
    /// The public half.
    pub id: String,
    /// The account.
    pub account: AccountId,
    /// The unique id of the user; none for a key of the account's root.
    pub user: Option<String>,
    /// Whether it is good at the moment.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The secret half, sealed by whoever handed it in.
    pub sealed_secret: Vec<u8>,
}

/// Without the secret, though it is sealed.
impl fmt::Debug for AccessKeyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("AccessKeyRecord");
        debug.field("id", &self.id).field("account", &self.account).field("user", &self.user);
        debug.field("is_active", &self.is_active).finish_non_exhaustive()
    }
}

impl Identity {
    /// What it is stored under.
    pub fn key(&self) -> IdentityKey {
        match self {
            Identity::Account(account) => IdentityKey::Account(account.id),
            Identity::User(user) => IdentityKey::User(user.0.unique_id.clone()),
            Identity::Role(role) => IdentityKey::Role(role.entity.unique_id.clone()),
            Identity::AccessKey(key) => IdentityKey::AccessKey(key.id.clone()),
        }
    }
}

impl IdentityChange {
    /// Roughly how many bytes it holds.
    pub(crate) fn weight(&self) -> usize {
        let of = |map: &BTreeMap<String, String>| {
            map.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
        };
        let of_entity = |entity: &EntityRecord| of(&entity.tags) + of(&entity.policies);
        match self {
            IdentityChange::Put(Identity::User(UserRecord(entity))) => of_entity(entity),
            IdentityChange::Put(Identity::Role(role)) => {
                of_entity(&role.entity) + role.trust_policy.len()
            }
            _ => 0,
        }
    }
}

impl IdentityKey {
    /// The key as text, whose beginning tells the kind.
    pub(crate) fn text(&self) -> String {
        match self {
            IdentityKey::Account(id) => format!("account/{id}"),
            IdentityKey::User(id) => format!("user/{id}"),
            IdentityKey::Role(id) => format!("role/{id}"),
            IdentityKey::AccessKey(id) => format!("key/{id}"),
        }
    }
}

/// The kind of an identity stands behind the version of its layout.
const ACCOUNT: u8 = 1;
const USER: u8 = 2;
const ROLE: u8 = 3;
const ACCESS_KEY: u8 = 4;

pub(crate) fn encode(identity: &Identity) -> Vec<u8> {
    let mut bytes = versioned(256);
    match identity {
        Identity::Account(AccountRecord { id, created_at }) => {
            bytes.put_u8(ACCOUNT);
            put_text(&mut bytes, id.as_str());
            bytes.put_u64(created_at.as_millis());
        }
        Identity::User(UserRecord(entity)) => {
            bytes.put_u8(USER);
            put_entity(&mut bytes, entity);
        }
        Identity::Role(role) => {
            bytes.put_u8(ROLE);
            put_entity(&mut bytes, &role.entity);
            put_optional_text(&mut bytes, role.description.as_deref());
            bytes.put_u32(role.max_session_seconds);
            put_text(&mut bytes, &role.trust_policy);
            put_map(&mut bytes, &role.trusted_ids);
        }
        Identity::AccessKey(key) => {
            bytes.put_u8(ACCESS_KEY);
            put_text(&mut bytes, &key.id);
            put_text(&mut bytes, key.account.as_str());
            put_optional_text(&mut bytes, key.user.as_deref());
            bytes.put_u8(u8::from(key.is_active));
            bytes.put_u64(key.created_at.as_millis());
            put_count(&mut bytes, key.sealed_secret.len());
            bytes.put_slice(&key.sealed_secret);
        }
    }
    bytes
}

pub(crate) fn decode_identity(bytes: &[u8]) -> Result<Identity, DecodeError> {
    decode("user, role or access key", bytes, |bytes| {
        Ok(match bytes.try_get_u8()? {
            ACCOUNT => {
                let id = account(bytes)?;
                Identity::Account(AccountRecord { id, created_at: timestamp(bytes)? })
            }
            USER => Identity::User(UserRecord(entity(bytes)?)),
            ROLE => Identity::Role(RoleRecord {
                entity: entity(bytes)?,
                description: optional_text(bytes)?,
                max_session_seconds: bytes.try_get_u32()?,
                trust_policy: text(bytes)?,
                trusted_ids: map(bytes)?,
            }),
            ACCESS_KEY => Identity::AccessKey(AccessKeyRecord {
                id: text(bytes)?,
                account: account(bytes)?,
                user: optional_text(bytes)?,
                is_active: flag(bytes)?,
                created_at: timestamp(bytes)?,
                sealed_secret: slice(bytes)?.to_vec(),
            }),
            _ => return Err(Damaged),
        })
    })
}

fn put_entity(bytes: &mut Vec<u8>, entity: &EntityRecord) {
    put_text(bytes, entity.account.as_str());
    put_text(bytes, &entity.unique_id);
    put_text(bytes, &entity.path);
    put_text(bytes, &entity.name);
    bytes.put_u64(entity.created_at.as_millis());
    put_map(bytes, &entity.tags);
    put_map(bytes, &entity.policies);
}

fn entity(bytes: &mut &[u8]) -> Result<EntityRecord, Damaged> {
    Ok(EntityRecord {
        account: account(bytes)?,
        unique_id: text(bytes)?,
        path: text(bytes)?,
        name: text(bytes)?,
        created_at: timestamp(bytes)?,
        tags: map(bytes)?,
        policies: map(bytes)?,
    })
}

fn account(bytes: &mut &[u8]) -> Result<AccountId, Damaged> {
    AccountId::parse(&text(bytes)?).map_err(|_| Damaged)
}

fn put_map(bytes: &mut Vec<u8>, map: &BTreeMap<String, String>) {
    put_count(bytes, map.len());
    for (key, value) in map {
        put_text(bytes, key);
        put_text(bytes, value);
    }
}

fn map(bytes: &mut &[u8]) -> Result<BTreeMap<String, String>, Damaged> {
    let mut map = BTreeMap::new();
    for _ in 0..bytes.try_get_u32()? {
        map.insert(text(bytes)?, text(bytes)?);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_map() -> impl Strategy<Value = BTreeMap<String, String>> {
        proptest::collection::btree_map(".*", ".*", 0..4)
    }

    fn any_account() -> impl Strategy<Value = AccountId> {
        "[0-9]{12}".prop_map(|id| AccountId::parse(&id).unwrap())
    }

    prop_compose! {
        fn any_entity()(
            account in any_account(),
            (unique_id, path, name) in (".*", ".*", ".*"),
            created_at in any::<u64>().prop_map(Timestamp::from_millis),
            (tags, policies) in (any_map(), any_map()),
        ) -> EntityRecord {
            EntityRecord { account, unique_id, path, name, created_at, tags, policies }
        }
    }

    prop_compose! {
        fn any_role()(
            entity in any_entity(),
            description in proptest::option::of(".*"),
            max_session_seconds in any::<u32>(),
            trust_policy in ".*",
            trusted_ids in any_map(),
        ) -> RoleRecord {
            RoleRecord { entity, description, max_session_seconds, trust_policy, trusted_ids }
        }
    }

    prop_compose! {
        fn any_key()(
            id in ".*",
            account in any_account(),
            user in proptest::option::of(".*"),
            is_active in any::<bool>(),
            created_at in any::<u64>().prop_map(Timestamp::from_millis),
            sealed_secret in any::<Vec<u8>>(),
        ) -> AccessKeyRecord {
            AccessKeyRecord { id, account, user, is_active, created_at, sealed_secret }
        }
    }

    fn any_identity() -> impl Strategy<Value = Identity> {
        prop_oneof![
            any_account().prop_map(|id| {
                Identity::Account(AccountRecord { id, created_at: Timestamp::EPOCH })
            }),
            any_entity().prop_map(|entity| Identity::User(UserRecord(entity))),
            any_role().prop_map(Identity::Role),
            any_key().prop_map(Identity::AccessKey),
        ]
    }

    proptest! {
        #[test]
        fn an_identity_is_read_as_it_was_written(identity in any_identity()) {
            let bytes = encode(&identity);
            prop_assert_eq!(decode_identity(&bytes), Ok(identity));
            for cut in 0..bytes.len() {
                prop_assert!(decode_identity(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn any_bytes_are_an_identity_or_an_error(bytes: Vec<u8>) {
            let _ = decode_identity(&bytes);
        }
    }

    #[test]
    fn an_identity_of_a_newer_version_is_not_guessed_at() {
        let id = AccountId::DEFAULT;
        let account = Identity::Account(AccountRecord { id, created_at: Timestamp::EPOCH });
        let mut bytes = encode(&account);
        bytes[0] = 9;
        let error = decode_identity(&bytes).unwrap_err().to_string();
        assert!(error.contains("has layout version 9"), "{error}");
    }
}
