//! [`Keys`]: who has which access key, read when the server starts.
//!
//! Users stand in a file of the operator's. The administrator, who is the root of account
//! `000000000000`, has a file of their own, which the first start makes.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use formiga_auth::caller::{Caller, User};
use formiga_auth::credentials::{AccessKeyId, IdKind, SecretKey, id};
use formiga_auth::evaluate::NamedPolicy;
use formiga_auth::policy::{Policy, PolicyKind};
use formiga_engine::names::AccountId;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::private_file::{Unread, read_private, write_private};
use crate::random::Random;

/// Every access key that is good.
pub(crate) struct Keys(HashMap<String, Key>);

/// An access key's secret, and who signs with it.
pub(crate) struct Key {
    pub(crate) secret: SecretKey,
    pub(crate) principal: Arc<Principal>,
}

/// Who calls, and what their own policies say.
#[derive(Debug)]
pub(crate) struct Principal {
    pub(crate) caller: Caller,
    /// The account of the caller's queues; the default one if nobody knows who calls.
    pub(crate) account: AccountId,
    pub(crate) policies: Vec<NamedPolicy>,
}

/// Why there are no keys to check callers by, in one sentence without any secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct KeysError(String);

/// "A user can have a maximum of two access keys."
const KEYS_OF_USER_MAX: usize = 2;

impl Principal {
    /// Who signs nothing.
    pub(crate) fn anonymous() -> Principal {
        Principal { caller: Caller::Anonymous, account: AccountId::DEFAULT, policies: Vec::new() }
    }

    fn root(account: AccountId) -> Principal {
        let caller = Caller::Root { account: account.to_string() };
        Principal { caller, account, policies: Vec::new() }
    }
}

impl Keys {
    /// Reads the administrator's key from `admin`, which is made if it is not there, and those of
    /// users from `users`.
    pub(crate) fn load(
        admin: &Path,
        users: Option<&Path>,
        random: &Random,
    ) -> Result<Keys, KeysError> {
        let mut keys = Keys(HashMap::new());
        let pair = match read_private(admin) {
            Ok(text) => parse_admin(admin, &text)?,
            Err(Unread::Missing) => make_admin(admin, random)?,
            Err(Unread::Because(why)) => return Err(KeysError(why)),
        };
        keys.insert(admin, pair, &Arc::new(Principal::root(AccountId::DEFAULT)))?;
        let Some(users) = users else { return Ok(keys) };
        let text = read_private(users).map_err(|unread| match unread {
            Unread::Missing => KeysError(format!("there is no {}", users.display())),
            Unread::Because(why) => KeysError(why),
        })?;
        let mut known = HashSet::new();
        for user in parse_users(users, &text)? {
            let principal = Arc::new(user.principal(users)?);
            // Names are unique in an account, whatever their paths and their case.
            let name = user.name.as_deref().map(str::to_ascii_lowercase);
            if !known.insert((principal.account, name)) {
                let who = principal.caller.arn().unwrap_or_default();
                return Err(in_file(users, format!("{who} is there twice")));
            }
            if !(1..=KEYS_OF_USER_MAX).contains(&user.keys.len()) {
                let who = principal.caller.arn().unwrap_or_default();
                return Err(in_file(users, format!("{who} has to have one or two keys")));
            }
            for pair in user.keys {
                keys.insert(users, pair, &principal)?;
            }
        }
        Ok(keys)
    }

    pub(crate) fn get(&self, access_key_id: &str) -> Option<&Key> {
        self.0.get(access_key_id)
    }

    fn insert(
        &mut self,
        file: &Path,
        pair: KeyPair,
        principal: &Arc<Principal>,
    ) -> Result<(), KeysError> {
        let KeyPair { access_key_id: id, secret_access_key: secret } = pair;
        if AccessKeyId::parse(&id).is_err() {
            let who = principal.caller.arn().unwrap_or_default();
            let what =
                format!("an access key id of {who} has not 16 to 128 letters, digits and `_`");
            return Err(in_file(file, what));
        }
        if secret.is_empty() {
            return Err(in_file(file, format!("the access key {id} has no secret")));
        }
        let key = Key { secret: SecretKey::new(secret), principal: principal.clone() };
        match self.0.insert(id.clone(), key) {
            None => Ok(()),
            Some(_) => Err(in_file(file, format!("the access key {id} is there twice"))),
        }
    }
}

/// What is wrong with a file of keys.
fn in_file(path: &Path, what: impl std::fmt::Display) -> KeysError {
    KeysError(format!("{}: {what}", path.display()))
}

/// The file of the users.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UsersFile {
    #[serde(default)]
    user: Vec<UserEntry>,
}

/// A user of an account, or without a name, the account's root.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    account: String,
    name: Option<String>,
    path: Option<String>,
    policy: Option<String>,
    keys: Vec<KeyPair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyPair {
    access_key_id: String,
    secret_access_key: String,
}

/// What the parser says about a fault may quote a secret, so only the place is told.
fn parse_users(path: &Path, text: &str) -> Result<Vec<UserEntry>, KeysError> {
    let file: UsersFile = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
        let what = format!(
            "line {line} is not as it has to be: each [[user]] has an account and keys, and may have a name, a path and \
             a policy"
        );
        in_file(path, what)
    })?;
    Ok(file.user)
}

impl UserEntry {
    fn principal(&self, file: &Path) -> Result<Principal, KeysError> {
        let account = AccountId::parse(&self.account).map_err(|_| {
            in_file(file, format!("{:?} is not an account of 12 digits", self.account))
        })?;
        let Some(name) = &self.name else {
            return match (&self.path, &self.policy) {
                (None, None) => Ok(Principal::root(account)),
                _ => Err(in_file(
                    file,
                    format!(
                        "the root of {account} may do everything in it and has neither path nor policy"
                    ),
                )),
            };
        };
        let path = self.path.clone().unwrap_or_else(|| "/".to_owned());
        if !is_user_name(name) || !is_path(&path) {
            return Err(in_file(file, format!("{path}{name} is not a path and a user's name")));
        }
        let parse = |json: &String| {
            let policy = Policy::parse_iam(PolicyKind::Identity, json);
            let policy =
                policy.map_err(|error| in_file(file, format!("the policy of {name}: {error}")))?;
            Ok(NamedPolicy { name: name.clone(), policy })
        };
        let policies = self.policy.iter().map(parse).collect::<Result<_, _>>()?;
        let unique_id = user_id(account, &path, name);
        let user = User { account: account.to_string(), path, name: name.clone(), unique_id };
        Ok(Principal { caller: Caller::User(user), account, policies })
    }
}

/// 1 to 64 characters, as IAM takes them.
fn is_user_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_path(path: &str) -> bool {
    let is_framed = path == "/" || path.len() > 2 && path.starts_with('/') && path.ends_with('/');
    is_framed && path.len() <= 512 && path.bytes().all(|byte| (0x21..0x7F).contains(&byte))
}

/// The same user has the same id at every start.
fn user_id(account: AccountId, path: &str, name: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{account}{path}{name}")).into();
    let bytes = digest.first_chunk().expect("a digest has 32 bytes");
    id(IdKind::User, bytes)
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

    fn load(users: &str) -> Result<Keys, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("users.toml");
        write_private(&path, users).unwrap();
        let admin = directory.path().join("admin-key");
        let keys = Keys::load(&admin, Some(&path), &Random::new());
        keys.map_err(|error| error.to_string().replace(&path.display().to_string(), "users.toml"))
    }

    #[test]
    fn the_first_start_makes_a_key_for_the_administrator_and_later_ones_read_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("made").join("admin-key");
        let first = Keys::load(&path, None, &Random::new()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Keys::load(&path, None, &Random::new()).unwrap();
        let (id, key) = first.0.iter().next().unwrap();
        assert_eq!(again.get(id).unwrap().secret.reveal(), key.secret.reveal());
        let arn = key.principal.caller.arn();
        assert_eq!(arn.as_deref(), Some("arn:aws:iam::000000000000:root"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with(&format!("[default]\naws_access_key_id = {id}\n")),
            "as AWS tools read it"
        );
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("admin-key");
        Keys::load(&path, None, &Random::new()).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refusal = Keys::load(&path, None, &Random::new()).err().unwrap().to_string();
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
        let keys = keys.unwrap();
        let arn = |id: &str| keys.get(id).unwrap().principal.caller.arn().unwrap();
        assert_eq!(arn("AKIAALICE00000000001"), "arn:aws:iam::111111111111:user/team/alice");
        assert_eq!(arn("AKIAALICE00000000002"), "arn:aws:iam::111111111111:user/team/alice");
        assert_eq!(arn("AKIAROOT000000000001"), "arn:aws:iam::222222222222:root");
        assert_eq!(keys.get("AKIAALICE00000000002").unwrap().principal.policies.len(), 1);
        assert!(keys.get("AKIANOBODY0000000001").is_none());
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
