//! [`Caller`]: who makes a request.

/// Who makes a request, as its signature says, or as the part of the server that acts says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody knows: the request has no signature.
    Anonymous,
    /// A service, for one of its resources. Only the server itself makes such calls; nothing that
    /// comes over the wire becomes one.
    Service(Service),
    /// The owner of an account.
    Root {
        /// 12 digits.
        account: String,
    },
    /// A user, with long-term credentials or those of GetSessionToken.
    User(User),
    /// Somebody who has assumed a role.
    Session(Session),
}

/// A service that acts for one of its resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Such as `sns.amazonaws.com`.
    pub name: String,
    /// The topic, bucket or rule it acts for.
    pub source_arn: Option<String>,
    /// The account that owns it.
    pub source_account: Option<String>,
}

/// A user of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// 12 digits.
    pub account: String,
    /// Begins and ends with a slash.
    pub path: String,
    /// Without the path.
    pub name: String,
    /// `AIDA` and more; never given to another user.
    pub unique_id: String,
}

/// A session of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// 12 digits.
    pub account: String,
    /// The role's path; begins and ends with a slash.
    pub role_path: String,
    /// The role's name without the path.
    pub role_name: String,
    /// `AROA` and more; never given to another role.
    pub role_id: String,
    /// Chosen by who assumed the role.
    pub name: String,
}

impl User {
    /// `arn:aws:iam::111111111111:user/path/name`
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:user{}{}", self.account, self.path, self.name)
    }
}

impl Session {
    /// `arn:aws:iam::111111111111:role/path/name`
    pub fn role_arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.role_path, self.role_name)
    }

    /// `arn:aws:sts::111111111111:assumed-role/name/session`, without the role's path.
    pub fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role_name, self.name)
    }
}

impl Caller {
    /// The account that pays for the call; none for services and unknown callers.
    pub fn account(&self) -> Option<&str> {
        match self {
            Caller::Anonymous | Caller::Service(_) => None,
            Caller::Root { account } => Some(account),
            Caller::User(user) => Some(&user.account),
            Caller::Session(session) => Some(&session.account),
        }
    }

    /// What GetCallerIdentity answers as `Arn`; of a role, the session's ARN.
    pub fn arn(&self) -> Option<String> {
        match self {
            Caller::Anonymous | Caller::Service(_) => None,
            Caller::Root { account } => Some(format!("arn:aws:iam::{account}:root")),
            Caller::User(user) => Some(user.arn()),
            Caller::Session(session) => Some(session.arn()),
        }
    }

    /// `aws:userid`, which is also a message's `SenderId`.
    pub fn user_id(&self) -> String {
        match self {
            Caller::Anonymous => "anonymous".to_owned(),
            Caller::Service(service) => service.name.clone(),
            Caller::Root { account } => account.clone(),
            Caller::User(user) => user.unique_id.clone(),
            Caller::Session(session) => format!("{}:{}", session.role_id, session.name),
        }
    }

    /// Whether only the caller decides about this condition key, given in lower case.
    pub(crate) fn decides(key: &str) -> bool {
        KEYS.contains(&key)
    }

    /// The value of one of those keys.
    pub(crate) fn key(&self, key: &str) -> Option<String> {
        let service = if let Caller::Service(service) = self { Some(service) } else { None };
        match key {
            "aws:principalarn" => match self {
                // Policies know a session by its role.
                Caller::Session(session) => Some(session.role_arn()),
                _ => self.arn(),
            },
            "aws:principalaccount" => self.account().map(str::to_owned),
            "aws:principaltype" => self.principal_type().map(str::to_owned),
            "aws:userid" if service.is_none() => Some(self.user_id()),
            "aws:username" => match self {
                Caller::User(user) => Some(user.name.clone()),
                _ => None,
            },
            "aws:principalisawsservice" => Some(service.is_some().to_string()),
            "aws:principalservicename" => Some(service?.name.clone()),
            "aws:sourcearn" => service?.source_arn.clone(),
            "aws:sourceaccount" => service?.source_account.clone(),
            _ => None,
        }
    }

    fn principal_type(&self) -> Option<&'static str> {
        match self {
            Caller::Anonymous => Some("Anonymous"),
            Caller::Service(_) => None,
            Caller::Root { .. } => Some("Account"),
            Caller::User(_) => Some("User"),
            Caller::Session(_) => Some("AssumedRole"),
        }
    }
}

const KEYS: [&str; 9] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:principaltype",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:userid",
    "aws:username",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_an_arn_and_an_id() {
        let account = "111111111111".to_owned();
        let root = Caller::Root { account: account.clone() };
        let user = Caller::User(User {
            account: account.clone(),
            path: "/team/".to_owned(),
            name: "alice".to_owned(),
            unique_id: "AIDAEXAMPLE".to_owned(),
        });
        let session = Caller::Session(Session {
            account,
            role_path: "/team/".to_owned(),
            role_name: "r".to_owned(),
            role_id: "AROAEXAMPLE".to_owned(),
            name: "s".to_owned(),
        });
        for (caller, arn, id) in [
            (&root, "arn:aws:iam::111111111111:root", "111111111111"),
            (&user, "arn:aws:iam::111111111111:user/team/alice", "AIDAEXAMPLE"),
            (&session, "arn:aws:sts::111111111111:assumed-role/r/s", "AROAEXAMPLE:s"),
        ] {
            assert_eq!(caller.arn().as_deref(), Some(arn));
            assert_eq!(caller.user_id(), id);
        }
        let role = Some("arn:aws:iam::111111111111:role/team/r".to_owned());
        assert_eq!(session.key("aws:principalarn"), role);
        assert_eq!((Caller::Anonymous.arn(), Caller::Anonymous.account()), (None, None));
    }
}
