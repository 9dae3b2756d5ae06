//! [`Declared`]: who stands in the operator's files, read when the server starts.
//!
//! Users and roles stand in a file of the operator's. The administrator, who is the root of account
//! `000000000000`, has a file of their own, which the first start makes.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use formiga_auth::credentials::{AccessKeyId, IdKind, SecretKey, id};
use formiga_auth::policy::{Policy, PolicyKind};
use formiga_engine::names::AccountId;
use formiga_engine::time::Timestamp;
use formiga_store::{AccessKeyRecord, EntityRecord, RoleRecord};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::private_file::{Unread, read_private, write_private};
use crate::random::Random;

/// Who is declared. IAM shows them and changes none of them.
#[derive(Default)]
pub(crate) struct Declared {
    pub(crate) users: Vec<EntityRecord>,
    pub(crate) roles: Vec<RoleRecord>,
    pub(crate) keys: Vec<(AccessKeyRecord, SecretKey)>,
}

/// Why there are no keys to check callers by, in one sentence without any secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeysError(pub(crate) String);

/// "A user can have a maximum of two access keys."
pub(crate) const KEYS_OF_USER_MAX: usize = 2;

impl Declared {
    /// Reads the administrator's key from `admin`, which is made if it is not there, and users and
    /// roles from `users`.
    pub(crate) fn load(
        admin: &Path,
        users: Option<&Path>,
        random: &Random,
        now: Timestamp,
    ) -> Result<Declared, KeysError> {
        let mut reading = Reading { declared: Declared::default(), key_ids: HashSet::new(), now };
        let pair = match read_private(admin) {
            Ok(text) => parse_admin(admin, &text)?,
            Err(Unread::Missing) => make_admin(admin, random)?,
            Err(Unread::Because(why)) => return Err(KeysError(why)),
        };
        reading.key(admin, pair, AccountId::DEFAULT, None, "the administrator")?;
        if let Some(users) = users {
            let text = read_private(users).map_err(|unread| match unread {
                Unread::Missing => KeysError(format!("there is no {}", users.display())),
                Unread::Because(why) => KeysError(why),
            })?;
            reading.file(users, parse_users(users, &text)?)?;
        }
        Ok(reading.declared)
    }
}

/// What was read so far.
struct Reading {
    declared: Declared,
    key_ids: HashSet<String>,
    now: Timestamp,
}

impl Reading {
    fn file(&mut self, file: &Path, entries: UsersFile) -> Result<(), KeysError> {
        let mut known = HashSet::new();
        for user in entries.user {
            let (account, entity) = user.entity(file, self.now)?;
            let who = entity.as_ref().map_or_else(
                || format!("arn:aws:iam::{account}:root"),
                |user| format!("arn:aws:iam::{account}:user{}{}", user.path, user.name),
            );
            // Names are unique in an account, whatever their paths and their case.
            let name = entity.as_ref().map(|user| user.name.to_ascii_lowercase());
            if !known.insert((account, name)) {
                return Err(in_file(file, format!("{who} is there twice")));
            }
            if !(1..=KEYS_OF_USER_MAX).contains(&user.keys.len()) {
                return Err(in_file(file, format!("{who} has to have one or two keys")));
            }
            let id = entity.as_ref().map(|user| user.unique_id.clone());
            for pair in user.keys {
                self.key(file, pair, account, id.clone(), &who)?;
            }
            self.declared.users.extend(entity);
        }
        let mut known = HashSet::new();
        for role in entries.role {
            let role = role.record(file, self.now)?;
            let EntityRecord { account, path, name, .. } = &role.entity;
            if !known.insert((*account, name.to_ascii_lowercase())) {
                let what = format!("arn:aws:iam::{account}:role{path}{name} is there twice");
                return Err(in_file(file, what));
            }
            self.declared.roles.push(role);
        }
        Ok(())
    }

    fn key(
        &mut self,
        file: &Path,
        pair: KeyPair,
        account: AccountId,
        user: Option<String>,
        who: &str,
    ) -> Result<(), KeysError> {
        let KeyPair { access_key_id: id, secret_access_key: secret } = pair;
        if AccessKeyId::parse(&id).is_err() {
            let what =
                format!("an access key id of {who} has not 16 to 128 letters, digits and `_`");
            return Err(in_file(file, what));
        }
        if secret.is_empty() {
            return Err(in_file(file, format!("the access key {id} has no secret")));
        }
        if !self.key_ids.insert(id.clone()) {
            return Err(in_file(file, format!("the access key {id} is there twice")));
        }
        let record = AccessKeyRecord {
            id,
            account,
            user,
            is_active: true,
            created_at: self.now,
            sealed_secret: Vec::new(),
        };
        self.declared.keys.push((record, SecretKey::new(secret)));
        Ok(())
    }
}

/// What is wrong with a file of keys.
fn in_file(path: &Path, what: impl std::fmt::Display) -> KeysError {
    KeysError(format!("{}: {what}", path.display()))
}

/// The file of users and roles.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    #[serde(default)]
    user: Vec<UserEntry>,
    #[serde(default)]
    role: Vec<RoleEntry>,
}

/// A user of an account, or without a name, the account's root.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    account: String,
    name: Option<String>,
    path: Option<String>,
    policy: Option<String>,
    #[serde(default)]
    policies: BTreeMap<String, String>,
    keys: Vec<KeyPair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoleEntry {
    account: String,
    name: String,
    path: Option<String>,
    trust_policy: String,
    policy: Option<String>,
    #[serde(default)]
    policies: BTreeMap<String, String>,
    description: Option<String>,
    max_session_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyPair {
    access_key_id: String,
    secret_access_key: String,
}

/// What the parser says about a fault may quote a secret, so only the place is told.
fn parse_users(path: &Path, text: &str) -> Result<UsersFile, KeysError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        let what = format!(
            "line {line} is not as it has to be: each [[user]] has an account and keys, and may have a name, a path, a \
             policy and policies; each [[role]] has an account, a name and a trust_policy, and may have a path, a \
             policy, policies, a description and max_session_seconds"
        );
        in_file(path, what)
    })
}

fn parse_account(file: &Path, account: &str) -> Result<AccountId, KeysError> {
    let wrong = |_| in_file(file, format!("{account:?} is not an account of 12 digits"));
    AccountId::parse(account).map_err(wrong)
}

impl UserEntry {
    fn entity(
        &self,
        file: &Path,
        now: Timestamp,
    ) -> Result<(AccountId, Option<EntityRecord>), KeysError> {
        let account = parse_account(file, &self.account)?;
        let Some(name) = &self.name else {
            if self.path.is_none() && self.policy.is_none() && self.policies.is_empty() {
                return Ok((account, None));
            }
            return Err(in_file(
                file,
                format!(
                    "the root of {account} may do everything in it and has neither path nor policy"
                ),
            ));
        };
        let policies = (&self.policy, &self.policies);
        let entity = entity(file, account, IdKind::User, name, &self.path, policies, now)?;
        Ok((account, Some(entity)))
    }
}

/// Sessions of a role last up to an hour unless it says otherwise, and at most twelve.
pub(crate) const MAX_SESSION_SECONDS: std::ops::RangeInclusive<u32> = 3600..=43_200;

impl RoleEntry {
    fn record(self, file: &Path, now: Timestamp) -> Result<RoleRecord, KeysError> {
        let account = parse_account(file, &self.account)?;
        let policies = (&self.policy, &self.policies);
        let entity = entity(file, account, IdKind::Role, &self.name, &self.path, policies, now)?;
        let name = &self.name;
        Policy::parse_iam(PolicyKind::Trust, &self.trust_policy)
            .map_err(|error| in_file(file, format!("the trust policy of {name}: {error}")))?;
        let seconds = self.max_session_seconds.unwrap_or(*MAX_SESSION_SECONDS.start());
        if !MAX_SESSION_SECONDS.contains(&seconds) {
            let what = format!("sessions of the role {name} last 3600 to 43200 seconds at most");
            return Err(in_file(file, what));
        }
        Ok(RoleRecord {
            entity,
            description: self.description,
            max_session_seconds: seconds,
            trust_policy: self.trust_policy,
            trusted_ids: BTreeMap::new(),
        })
    }
}

/// `policy` is short for one of `policies` that is called like the user or role.
fn entity(
    file: &Path,
    account: AccountId,
    kind: IdKind,
    name: &str,
    path: &Option<String>,
    (policy, policies): (&Option<String>, &BTreeMap<String, String>),
    now: Timestamp,
) -> Result<EntityRecord, KeysError> {
    let path = path.clone().unwrap_or_else(|| "/".to_owned());
    if !is_entity_name(name) || !is_path(&path) {
        let what = if kind == IdKind::User { "user" } else { "role" };
        return Err(in_file(file, format!("{path}{name} is not a path and a {what}'s name")));
    }
    let mut policies = policies.clone();
    if let Some(policy) = policy
        && policies.insert(name.to_owned(), policy.clone()).is_some()
    {
        return Err(in_file(file, format!("the policy {name} of {name} is there twice")));
    }
    for policy in policies.values() {
        Policy::parse_iam(PolicyKind::Identity, policy)
            .map_err(|error| in_file(file, format!("the policy of {name}: {error}")))?;
    }
    Ok(EntityRecord {
        account,
        unique_id: declared_id(account, kind, &path, name),
        path,
        name: name.to_owned(),
        created_at: now,
        tags: BTreeMap::new(),
        policies,
    })
}

/// 1 to 64 characters, as IAM takes them.
fn is_entity_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(is_name_byte)
}

/// What names of users, roles and policies consist of.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

/// Whether a path begins and ends with a slash, and holds visible characters only.
pub(crate) fn is_path(path: &str) -> bool {
    let is_framed = path == "/" || path.len() > 2 && path.starts_with('/') && path.ends_with('/');
    is_framed && path.len() <= 512 && path.bytes().all(|byte| (0x21..0x7F).contains(&byte))
}

/// The same user or role has the same id at every start.
fn declared_id(account: AccountId, kind: IdKind, path: &str, name: &str) -> String {
    let role = if kind == IdKind::Role { "role" } else { "" };
    let digest: [u8; 32] = Sha256::digest(format!("{role}{account}{path}{name}")).into();
    id(kind, digest.first_chunk().expect("a digest has 32 bytes"))
}

const ID_NAME: &str = "aws_access_key_id";
const SECRET_NAME: &str = "aws_secret_access_key";

/// The file is one that AWS tools read: a profile of their credentials file.
fn parse_admin(path: &Path, text: &str) -> Result<KeyPair, KeysError> {
    let setting = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let mut values = lines.filter(|(key, _)| key.trim() == name);
        let value = values.next().map(|(_, value)| value.trim().to_owned());
        value.filter(|_| values.next().is_none())
    };
    match (setting(ID_NAME), setting(SECRET_NAME)) {
        (Some(access_key_id), Some(secret_access_key)) => {
            Ok(KeyPair { access_key_id, secret_access_key })
        }
        _ => Err(in_file(path, format!("{ID_NAME} and {SECRET_NAME} have to be there once each"))),
    }
}

/// Replaces the administrator's key, which the next start reads.
pub(crate) fn reset_admin(path: &Path, random: &Random) -> Result<(), KeysError> {
    make_admin(path, random).map(|_| ())
}

/// Makes the administrator's key. The file is whole or not there at all.
fn make_admin(path: &Path, random: &Random) -> Result<KeyPair, KeysError> {
    let pair = KeyPair {
        access_key_id: id(IdKind::LongTermKey, &random.bytes()),
        secret_access_key: SecretKey::from_random(&random.bytes()).reveal().to_owned(),
    };
    let text = format!(
        "[default]\n{ID_NAME} = {}\n{SECRET_NAME} = {}\n",
        pair.access_key_id, pair.secret_access_key
    );
    write_private(path, &text).map_err(|error| {
        in_file(path, format!("the administrator's access key cannot be written: {error}"))
    })?;
    tracing::info!(path = %path.display(), "an access key was made for the administrator");
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn load(users: &str) -> Result<Declared, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        write_private(&path, users).unwrap();
        let admin = directory.path().join("admin-key");
        let keys = Declared::load(&admin, Some(&path), &Random::new(), Timestamp::EPOCH);
        keys.map_err(|error| error.to_string().replace(&path.display().to_string(), "users.toml"))
    }

    #[test]
    fn the_first_start_makes_a_key_for_the_administrator_and_later_ones_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made").join("admin-key");
        let first = Declared::load(&path, None, &Random::new(), Timestamp::EPOCH).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Declared::load(&path, None, &Random::new(), Timestamp::EPOCH).unwrap();
        let [(key, secret)] = &first.keys[..] else { panic!("one key is made") };
        let [(known, known_secret)] = &again.keys[..] else { panic!("one key is read") };
        assert_eq!((&known.id, known_secret.reveal()), (&key.id, secret.reveal()));
        assert_eq!((key.account, &key.user), (AccountId::DEFAULT, &None));
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(&format!("[default]\naws_access_key_id = {}\n", key.id)),
            "as AWS tools read it"
        );
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin-key");
        Declared::load(&path, None, &Random::new(), Timestamp::EPOCH).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refusal = Declared::load(&path, None, &Random::new(), Timestamp::EPOCH)
                .err()
                .unwrap()
                .to_string();
            assert!(refusal.contains("chmod 600"), "{refusal}");
        }
    }

    #[test]
    fn users_have_names_keys_and_policies() {
        let keys = load(
            r#"
            [[user]]
            account = "111111111111"
            name = "alice"
            path = "/team/"
            policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}'
            keys = [
                { access_key_id = "AKIAALICE00000000001", secret_access_key = "s1" },
                { access_key_id = "AKIAALICE00000000002", secret_access_key = "s2" },
            ]

            [[user]]
            account = "222222222222"
            keys = [{ access_key_id = "AKIAROOT000000000001", secret_access_key = "s3" }]
            "#,
        );
        let declared = keys.unwrap();
        let [alice] = &declared.users[..] else { panic!("there is one user") };
        assert_eq!((alice.path.as_str(), alice.name.as_str()), ("/team/", "alice"));
        assert_eq!(alice.policies.len(), 1);
        let owner = |id: &str| {
            let mut keys = declared.keys.iter().map(|(key, _)| key).filter(|key| key.id == id);
            let key = keys.next().unwrap();
            (key.account.to_string(), key.user.clone())
        };
        let alices = ("111111111111".to_owned(), Some(alice.unique_id.clone()));
        assert_eq!(owner("AKIAALICE00000000001"), alices);
        assert_eq!(owner("AKIAALICE00000000002"), alices);
        assert_eq!(owner("AKIAROOT000000000001"), ("222222222222".to_owned(), None));
    }

    #[test]
    fn roles_have_trust_policies() {
        let role = |rest: &str| {
            load(&format!(
                r#"
                [[role]]
                account = "111111111111"
                name = "r"
                path = "/team/"
                trust_policy = '{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}}}'
                {rest}
                "#
            ))
        };
        let declared = role(
            r#"policies = { p = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}' }"#,
        );
        let declared = declared.unwrap();
        let [r] = &declared.roles[..] else { panic!("there is one role") };
        assert!(r.entity.unique_id.starts_with("AROA") && r.max_session_seconds == 3600);
        assert_eq!(r.entity.policies.keys().collect::<Vec<_>>(), ["p"]);
        for (rest, said) in [
            ("max_session_seconds = 60", "3600 to 43200 seconds"),
            ("policy = 'x'", "the policy of r: "),
            ("keys = []", "line "),
        ] {
            let refusal = role(rest).err().unwrap();
            assert!(refusal.contains(said), "{rest}: {refusal}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_users_is_told_without_a_secret() {
        let user = |rest: &str| format!("[[user]]\naccount = \"111111111111\"\n{rest}");
        let key =
            "keys = [{ access_key_id = \"AKIAALICE00000000001\", secret_access_key = \"SECRET\" }]";
        for (text, said) in [
            ("user = \"SECRET\"".to_owned(), "line 1 is not as it has to be"),
            (user("name = \"a\"\nsecret = \"SECRET\""), "line 4 is not as it has to be"),
            (user("keys = []"), "has to have one or two keys"),
            (user(&key.replace("AKIAALICE00000000001", "short")), "has not 16 to 128 letters"),
            (user(&key.replace("SECRET", "")), "AKIAALICE00000000001 has no secret"),
            (user(key).replace("1111", "x"), "is not an account of 12 digits"),
            (user(&format!("name = \"a b\"\n{key}")), "/a b is not a path and a user's name"),
            (user(&format!("policy = \"\"\n{key}")), "may do everything in it"),
            (user(&format!("name = \"a\"\npolicy = \"x\"\n{key}")), "the policy of a: "),
            ([user(key), user(key)].join("\n"), "arn:aws:iam::111111111111:root is there twice"),
            (
                [user(&format!("name = \"a\"\n{key}")), user(&format!("name = \"A\"\n{key}"))]
                    .join("\n"),
                "arn:aws:iam::111111111111:user/A is there twice",
            ),
            (
                [user(key), user(&format!("name = \"a\"\n{key}"))].join("\n"),
                "AKIAALICE00000000001 is there twice",
            ),
        ] {
            let refusal = load(&text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(refusal.contains(said), "{text}: {refusal}");
            assert!(!refusal.contains("SECRET"), "{text}: {refusal}");
        }
    }
}
