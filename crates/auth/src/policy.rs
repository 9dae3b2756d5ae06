//! [`Policy`]: a policy document, parsed.

mod action;
mod arn;
mod condition;
mod error;
mod glob;
mod principal;
mod read;
mod resource;
mod template;

use std::collections::BTreeSet;

pub use action::OWNER_ONLY_ACTIONS;
pub(crate) use action::{Actions, is_owner_only};
pub(crate) use condition::{Condition, Values};
pub use error::PolicyError;

pub(crate) use principal::{Principal, Principals};
pub(crate) use resource::Resources;

use crate::json::Json;
use read::{Fault, Members};

/// What a policy is attached to, which decides what it has to contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// A queue's attribute `Policy`: says who.
    Queue,
    /// A user's or a role's policy: the principal is whom it is attached to.
    Identity,
    /// A role's trust policy: says who may assume the role, and has no resource but the role.
    Trust,
    /// What AssumeRole narrows one session down with.
    Session,
}

impl PolicyKind {
    fn has_principals(self) -> bool {
        matches!(self, PolicyKind::Queue | PolicyKind::Trust)
    }
}

/// Whether a statement allows or denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// What applies is allowed, unless it is denied elsewhere.
    Allow,
    /// What applies is denied, whatever else allows it.
    Deny,
}

/// A policy that can be evaluated. One that was parsed obeys the rules of its kind.
#[derive(Clone, Debug)]
pub struct Policy {
    kind: PolicyKind,
    id: Option<String>,
    statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Clone, Debug)]
pub struct Statement {
    sid: Option<String>,
    effect: Effect,
    pub(crate) principals: Option<Principals>,
    pub(crate) actions: Actions,
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Vec<Condition>,
}

/// A queue's policy, in bytes.
pub const QUEUE_POLICY_BYTES_MAX: usize = 8192;
/// All policies of one role, without blanks; a user has 2,048.
pub const IDENTITY_POLICY_CHARACTERS_MAX: usize = 10_240;
/// A trust policy and a session policy.
pub const TRUST_POLICY_CHARACTERS_MAX: usize = 2048;
/// "A policy can include only 20 statements."
pub const QUEUE_STATEMENTS_MAX: usize = 20;
/// "A statement can include only 7 actions."
pub const QUEUE_ACTIONS_MAX: usize = 7;
/// "A policy can include only 50 principals."
pub const QUEUE_PRINCIPALS_MAX: usize = 50;
/// "A policy can include only 10 conditions."
pub const QUEUE_CONDITIONS_MAX: usize = 10;

impl Policy {
    /// Reads the policy of a queue that belongs to the account `owner`. What other accounts are
    /// never allowed cannot be promised to them by name.
    ///
    /// An empty text is no policy but its removal, which is not asked about here.
    pub fn parse_queue(json: &str, owner: &str) -> Result<Policy, PolicyError> {
        if json.len() > QUEUE_POLICY_BYTES_MAX {
            return Err(PolicyError::over_limit("Submitted policy is over max allowed size."));
        }
        let document = Json::parse(json).ok_or(PolicyError::InvalidAttributeValue)?;
        let invalid = |_: Fault| PolicyError::InvalidAttributeValue;
        let members = Members::of(&document, &DOCUMENT).map_err(invalid)?;
        let statements = read::statements(&members).map_err(invalid)?;
        read::check_counts(&statements)?;
        let policy = Policy::read(PolicyKind::Queue, &members, &statements).map_err(invalid)?;
        let broken = |statement: &Statement| {
            statement.promises_what_is_the_owners(owner)
                || statement.conditions.iter().any(Condition::has_unreadable_value)
        };
        if policy.statements.iter().any(broken) {
            return Err(PolicyError::InvalidAttributeValue);
        }
        Ok(policy)
    }

    /// Reads a policy of IAM: of a user or a role, a trust policy or a session policy. Identity
    /// policies are checked against the larger of the two limits; the sum over one user's or
    /// role's policies is for others to compare.
    ///
    /// A `kind` of [`PolicyKind::Queue`] is refused: such a policy has an owner.
    pub fn parse_iam(kind: PolicyKind, json: &str) -> Result<Policy, PolicyError> {
        let (size, max) = match kind {
            PolicyKind::Identity => (Policy::counted_size(json), IDENTITY_POLICY_CHARACTERS_MAX),
            _ => (json.chars().count(), TRUST_POLICY_CHARACTERS_MAX),
        };
        if size > max || kind == PolicyKind::Queue {
            return Err(PolicyError::LimitExceeded { max });
        }
        let malformed = |fault: Fault| PolicyError::MalformedPolicyDocument(fault.text(kind));
        let document = Json::parse(json).ok_or_else(|| malformed(Fault::Json))?;
        let members = Members::of(&document, &DOCUMENT).map_err(malformed)?;
        let statements = read::statements(&members).map_err(malformed)?;
        Policy::read(kind, &members, &statements).map_err(malformed)
    }

    /// How much of the limit a user's or role's policy takes: IAM does not count blanks.
    pub fn counted_size(json: &str) -> usize {
        json.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')).count()
    }

    /// What the policy is attached to.
    pub fn kind(&self) -> PolicyKind {
        self.kind
    }

    /// The policy's name for itself.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The statements, in the order of the document; never none.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The ARNs of all users and roles that the policy names, for a server that knows its own and
    /// refuses those that do not exist.
    pub fn named_principals(&self) -> impl Iterator<Item = &str> {
        let principals =
            self.statements.iter().filter_map(|statement| statement.principals.as_ref());
        principals.flat_map(Principals::names)
    }

    /// Ties users and roles to their unique ids, as AWS does when it stores a policy: `id_of` tells
    /// the id of an ARN, if this server manages it. From then on the policy no longer speaks of
    /// another user or role that is given the same name.
    pub fn pin(&mut self, id_of: impl Fn(&str) -> Option<String>) {
        for principals in self.statements.iter_mut().filter_map(|s| s.principals.as_mut()) {
            principals.pin(&id_of);
        }
    }

    fn read(kind: PolicyKind, members: &Members<'_>, list: &[&Json]) -> Result<Policy, Fault> {
        let has_variables = match members.text("Version")? {
            Some("2012-10-17") => true,
            None | Some("2008-10-17") if kind != PolicyKind::Identity => false,
            None | Some("2008-10-17") => return Err(Fault::Version),
            Some(_) => return Err(Fault::Syntax),
        };
        let read = |json: &&Json| Statement::read(kind, json, has_variables);
        let statements = list.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let mut sids = BTreeSet::new();
        if !statements.iter().filter_map(Statement::sid).all(|sid| sids.insert(sid)) {
            return Err(Fault::DuplicateSid);
        }
        Ok(Policy { kind, id: members.text("Id")?.map(str::to_owned), statements })
    }
}

const DOCUMENT: [&str; 3] = ["Version", "Id", "Statement"];
const STATEMENT: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl Statement {
    /// The statement's name, if it has one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Whether it allows or denies.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    fn read(kind: PolicyKind, json: &Json, has_variables: bool) -> Result<Statement, Fault> {
        let members = Members::of(json, &STATEMENT)?;
        let effect = match members.text("Effect")? {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => return Err(Fault::Syntax),
        };
        let sid = members.text("Sid")?.filter(|sid| !sid.is_empty());
        let is_name = |sid: &str| sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if kind != PolicyKind::Queue && !sid.is_none_or(is_name) {
            return Err(Fault::Sid);
        }
        Ok(Statement {
            sid: sid.map(str::to_owned),
            effect,
            principals: read::principals(kind, &members)?,
            actions: Actions::read(kind, &members)?,
            resources: read::resources(kind, &members, has_variables)?,
            conditions: condition::read(members.get("Condition"), has_variables)?,
        })
    }

    /// Whether it allows another account by name what only the owner may do.
    fn promises_what_is_the_owners(&self, owner: &str) -> bool {
        let stranger = |principals: &Principals| principals.name_account_other_than(owner);
        self.effect == Effect::Allow
            && self.actions.name_owner_only()
            && self.principals.as_ref().is_some_and(stranger)
    }
}

#[cfg(test)]
mod tests;
