//! [`Principals`]: of whom a statement speaks.

use super::arn::is_partition;
use super::read::{Fault, texts};
use crate::json::Json;

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug)]
pub(crate) struct Principals {
    pub(crate) negated: bool,
    pub(crate) list: Vec<Principal>,
}

/// One whom a statement names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// `*`: everyone, whether known or not.
    Everyone,
    /// An account: its root, and as a delegation its users and roles.
    Account(String),
    User(Named),
    /// A role: all of its sessions.
    Role(Named),
    /// One session of a role, by its ARN.
    Session(String),
    /// A user or role by its unique id.
    UniqueId(String),
    Service(String),
    /// `Federated` and `CanonicalUser`: nobody here.
    Nobody,
}

/// A user or a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) arn: String,
    /// Which of those that have had this name, if that is known.
    pub(crate) unique_id: Option<String>,
}

impl Named {
    /// Whether a user or role with this ARN and unique id is meant.
    pub(crate) fn is(&self, arn: &str, unique_id: &str) -> bool {
        match &self.unique_id {
            Some(id) => id == unique_id,
            None => self.arn == arn,
        }
    }
}

impl Principals {
    pub(super) fn read(json: &Json, negated: bool) -> Result<Principals, Fault> {
        let everyone = || Principals { negated, list: vec![Principal::Everyone] };
        match json {
            Json::Text(text) if text == "*" => Ok(everyone()),
            Json::Text(text) => Err(Fault::Principal("AWS".to_owned(), text.clone())),
            Json::Object(kinds) if !kinds.is_empty() => {
                let mut list = Vec::new();
                for (kind, values) in kinds {
                    let values = texts(values)?;
                    if values.is_empty() {
                        return Err(Fault::Syntax);
                    }
                    for value in values {
                        let fault = || Fault::Principal(kind.clone(), value.to_owned());
                        list.push(Principal::read(kind, value).ok_or_else(fault)?);
                    }
                }
                Ok(Principals { negated, list })
            }
            _ => Err(Fault::Syntax),
        }
    }

    /// The ARNs of users and roles.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().filter_map(|principal| match principal {
            Principal::User(named) | Principal::Role(named) => Some(named.arn.as_str()),
            _ => None,
        })
    }

    pub(super) fn pin(&mut self, id_of: impl Fn(&str) -> Option<String>) {
        for principal in &mut self.list {
            if let Principal::User(named) | Principal::Role(named) = principal
                && named.unique_id.is_none()
            {
                named.unique_id = id_of(&named.arn);
            }
        }
    }

    /// Whether they are named, and one belongs to an account that is not this one.
    pub(super) fn name_account_other_than(&self, owner: &str) -> bool {
        let is_other = |principal: &Principal| match principal {
            Principal::Account(account) => account != owner,
            Principal::User(Named { arn, .. })
            | Principal::Role(Named { arn, .. })
            | Principal::Session(arn) => account_of(arn) != Some(owner),
            _ => false,
        };
        !self.negated && self.list.iter().any(is_other)
    }
}

impl Principal {
    fn read(kind: &str, value: &str) -> Option<Principal> {
        match kind {
            "AWS" => Principal::read_aws(value),
            "Service" if !value.contains(['*', '?']) => Some(Principal::Service(value.to_owned())),
            "Federated" | "CanonicalUser" => Some(Principal::Nobody),
            _ => None,
        }
    }

    fn read_aws(value: &str) -> Option<Principal> {
        if value == "*" {
            return Some(Principal::Everyone);
        }
        if is_account(value) {
            return Some(Principal::Account(value.to_owned()));
        }
        if is_unique_id(value) {
            return Some(Principal::UniqueId(value.to_owned()));
        }
        let parts: Vec<&str> = value.splitn(6, ':').collect();
        let ["arn", partition, service, "", account, name] = parts[..] else { return None };
        if !is_partition(partition) || !is_account(account) || value.contains(['*', '?']) {
            return None;
        }
        let named = || Named { arn: value.to_owned(), unique_id: None };
        match (service, name.split_once('/')) {
            ("iam", None) if name == "root" => Some(Principal::Account(account.to_owned())),
            ("iam", Some(("user", name))) if is_path(name) => Some(Principal::User(named())),
            ("iam", Some(("role", name))) if is_path(name) => Some(Principal::Role(named())),
            ("sts", Some(("assumed-role", name))) => {
                let (role, session) = name.split_once('/')?;
                let is_session = !role.is_empty() && !session.is_empty() && !session.contains('/');
                is_session.then(|| Principal::Session(value.to_owned()))
            }
            _ => None,
        }
    }
}

fn is_path(text: &str) -> bool {
    text.split('/').all(|segment| !segment.is_empty())
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

/// `AIDA` or `AROA`, and letters and digits: 21 in all, if AWS or Formiga made it.
fn is_unique_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let has_prefix = text.starts_with("AIDA") || text.starts_with("AROA");
    has_prefix && (16..=128).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_has_one_of_a_few_forms() {
        let account = Some(Principal::Account("111111111111".to_owned()));
        assert_eq!(Principal::read_aws("111111111111"), account);
        assert_eq!(Principal::read_aws("arn:aws:iam::111111111111:root"), account);
        assert_eq!(Principal::read_aws("*"), Some(Principal::Everyone));
        for value in [
            "arn:aws:iam::111111111111:user/alice",
            "arn:aws:iam::111111111111:user/team/alice",
            "arn:aws:iam::111111111111:role/r",
            "arn:aws:sts::111111111111:assumed-role/r/s",
            "AIDAEXAMPLE2345672345Q",
            "AROAEXAMPLE2345672345Q",
        ] {
            assert!(Principal::read_aws(value).is_some(), "{value}");
        }
        for value in [
            "",
            "alice",
            "11111111111",
            "1111111111111",
            "arn:aws:iam::111111111111:*",
            "arn:aws:iam::111111111111:user/*",
            "arn:aws:iam::111111111111:user/",
            "arn:aws:iam::111111111111:user",
            "arn:aws:iam::111111111111:user//a",
            "arn:aws:iam::111111111111:group/g",
            "arn:aws:iam::*:root",
            "arn:aws:iam:us-east-1:111111111111:root",
            "arn:aws:iam::111111111111:root/x",
            "arn:aws:sts::111111111111:assumed-role/r",
            "arn:aws:sts::111111111111:assumed-role/r/*",
            "arn:aws:sts::111111111111:assumed-role/team/r/s",
            "arn:aws:sqs::111111111111:user/alice",
            "arn:wsa:iam::111111111111:root",
            "AIDA",
            "AGPAEXAMPLE2345672345Q",
        ] {
            assert_eq!(Principal::read_aws(value), None, "{value}");
        }
        assert!(Principal::read("Service", "sns.amazonaws.com").is_some());
        assert_eq!(Principal::read("Service", "*"), None);
        assert_eq!(
            Principal::read("Federated", "cognito-identity.amazonaws.com"),
            Some(Principal::Nobody)
        );
        assert_eq!(Principal::read("aws", "*"), None);
    }
}
