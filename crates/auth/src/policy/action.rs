//! [`Actions`]: what a statement is about.

use super::PolicyKind;
use super::glob::{self, Token};
use super::read::{Fault, Members, texts};

/// `Action` or `NotAction`. Case does not count.
#[derive(Clone, Debug)]
pub(crate) struct Actions {
    negated: bool,
    /// In lower case.
    patterns: Vec<String>,
}

/// "Cross-account permissions don't apply to the following actions", whatever a policy says.
pub const OWNER_ONLY_ACTIONS: [&str; 12] = [
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

/// Whether an action, such as `sqs:DeleteQueue`, is the owner's alone. So are all of Formiga's own.
pub(crate) fn is_owner_only(action: &str) -> bool {
    let Some((prefix, name)) = action.split_once(':') else { return false };
    let is_named = |known: &&str| known.eq_ignore_ascii_case(name);
    prefix.eq_ignore_ascii_case("formiga")
        || prefix.eq_ignore_ascii_case("sqs") && OWNER_ONLY_ACTIONS.iter().any(is_named)
}

impl Actions {
    pub(super) fn read(kind: PolicyKind, members: &Members<'_>) -> Result<Actions, Fault> {
        let (json, negated) = members.either("Action")?.ok_or(Fault::NoAction)?;
        let texts = texts(json)?;
        if texts.is_empty() {
            return Err(Fault::NoAction);
        }
        texts.iter().try_for_each(|text| check(kind, text))?;
        Ok(Actions {
            negated,
            patterns: texts.iter().map(|text| text.to_ascii_lowercase()).collect(),
        })
    }

    /// Whether the statement is about `action`, given in lower case.
    pub(crate) fn apply_to(&self, action: &str) -> bool {
        let matches = |pattern: &String| {
            pattern == action
                || pattern.contains(['*', '?']) && {
                    let tokens: Vec<Token> = pattern.chars().map(Token::of_pattern).collect();
                    glob::matches(&tokens, action)
                }
        };
        self.patterns.iter().any(matches) != self.negated
    }

    /// Whether an action that is the owner's alone is named in full.
    pub(super) fn name_owner_only(&self) -> bool {
        !self.negated && self.patterns.iter().any(|pattern| is_owner_only(pattern))
    }
}

fn check(kind: PolicyKind, text: &str) -> Result<(), Fault> {
    let prefix = match text.split_once(':') {
        None if text == "*" && kind != PolicyKind::Trust => return Ok(()),
        None if text == "*" => return Err(Fault::NotAssumeRole),
        None => return Err(Fault::NoVendor),
        Some((_, name)) if name.contains(':') => return Err(Fault::Colons),
        Some((prefix, _)) => prefix,
    };
    let is_vendor = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if prefix.is_empty() || !prefix.bytes().all(is_vendor) {
        return Err(Fault::Vendor(prefix.to_owned()));
    }
    match kind {
        PolicyKind::Queue if !prefix.eq_ignore_ascii_case("sqs") => {
            Err(Fault::Vendor(prefix.to_owned()))
        }
        PolicyKind::Trust if !prefix.eq_ignore_ascii_case("sts") => Err(Fault::NotAssumeRole),
        _ => Ok(()),
    }
}
