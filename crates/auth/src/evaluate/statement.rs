//! Whether a statement applies to a request.

use super::Request;
use super::context::RESOURCE_ACCOUNT;
use super::decision::Element;
use crate::caller::Caller;
use crate::policy::{Effect, PolicyKind, Principal, Principals, Statement, Values};

/// How a statement of a resource's policy names the caller. What it grants depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// By the user, the very session, the service; or the account, if the caller is its root.
    Direct = 0,
    /// As one of all.
    Any = 1,
    /// By the role.
    Role = 2,
    /// By the account, of which the caller is a user or role.
    Account = 3,
}

/// Keys that may have several values, so no variable stands for them.
const SETS: [&str; 2] = ["aws:calledvia", "aws:tagkeys"];

/// A request, ready to be compared with statements.
pub(super) struct Facts<'r> {
    request: &'r Request<'r>,
    /// In lower case.
    pub(super) action: String,
}

impl<'r> Facts<'r> {
    pub(super) fn of(request: &'r Request<'r>) -> Facts<'r> {
        Facts { request, action: request.action.to_ascii_lowercase() }
    }

    /// How `statement` names the caller, if it applies; else the first element that does not fit.
    pub(super) fn strength<'a>(
        &self,
        kind: PolicyKind,
        statement: &'a Statement,
    ) -> Result<Strength, Element<'a>> {
        let strength = match &statement.principals {
            Some(principals) => self.named_by(principals, statement.effect()),
            None => Some(Strength::Direct),
        };
        let strength = strength.ok_or(Element::Principal)?;
        if !statement.actions.apply_to(&self.action) {
            return Err(Element::Action);
        }
        let lookup = |key: &str| self.single(kind, key);
        let resource = self.request.resource;
        if !statement.resources.as_ref().is_none_or(|it| it.apply_to(resource, &lookup)) {
            return Err(Element::Resource);
        }
        let unmet = statement
            .conditions
            .iter()
            .find(|condition| !condition.is_met(&self.values(kind, condition.key()), &lookup));
        unmet.map_or(Ok(strength), |condition| Err(Element::Condition(condition.key())))
    }

    fn named_by(&self, principals: &Principals, effect: Effect) -> Option<Strength> {
        let list = &principals.list;
        if !principals.negated {
            return list
                .iter()
                .filter_map(|principal| strength(principal, self.request.caller))
                .min();
        }
        let exempt = match effect {
            Effect::Deny => is_wholly_listed(list, self.request.caller),
            Effect::Allow => list.iter().any(|it| strength(it, self.request.caller).is_some()),
        };
        (!exempt).then_some(Strength::Any)
    }

    /// What the request has for a key, as far as a policy of this kind may see it.
    fn values(&self, kind: PolicyKind, key: &str) -> Values<'_> {
        let one = |value: Option<String>| value.map_or(Values::Absent, Values::One);
        if Caller::decides(key) {
            return one(self.request.caller.key(key));
        }
        if key == RESOURCE_ACCOUNT {
            return Values::One(self.request.resource_account.to_owned());
        }
        let is_resources = matches!(kind, PolicyKind::Queue | PolicyKind::Trust);
        if is_resources && key.starts_with("aws:resourcetag/") {
            return Values::Absent;
        }
        Values::Several(self.request.context.get(key))
    }

    fn single(&self, kind: PolicyKind, key: &str) -> Option<String> {
        match self.values(kind, key).as_slice() {
            [value] if !SETS.contains(&key) => Some(value.clone()),
            _ => None,
        }
    }
}

fn strength(principal: &Principal, caller: &Caller) -> Option<Strength> {
    let is_named = match (principal, caller) {
        (Principal::Everyone, _) => return Some(Strength::Any),
        (Principal::Account(account), Caller::Root { account: callers }) => account == callers,
        (Principal::Account(account), caller) => {
            return (caller.account() == Some(account)).then_some(Strength::Account);
        }
        (Principal::User(named), Caller::User(user)) => named.is(&user.arn(), &user.unique_id),
        (Principal::UniqueId(id), Caller::User(user)) => *id == user.unique_id,
        (Principal::Session(arn), Caller::Session(session)) => *arn == session.arn(),
        (Principal::Role(named), Caller::Session(session)) => {
            return named.is(&session.role_arn(), &session.role_id).then_some(Strength::Role);
        }
        (Principal::UniqueId(id), Caller::Session(session)) => {
            return (*id == session.role_id).then_some(Strength::Role);
        }
        (Principal::Service(name), Caller::Service(service)) => *name == service.name,
        _ => false,
    };
    is_named.then_some(Strength::Direct)
}

/// Whether all that the caller is stands in the list: the account, the user or the role, and the
/// session. Only then a denial for all others spares it.
fn is_wholly_listed(list: &[Principal], caller: &Caller) -> bool {
    let is_listed =
        |wanted| list.iter().any(|principal| strength(principal, caller) == Some(wanted));
    if list.contains(&Principal::Everyone) {
        return true;
    }
    match caller {
        Caller::Anonymous => false,
        Caller::Service(_) | Caller::Root { .. } => is_listed(Strength::Direct),
        Caller::User(_) => is_listed(Strength::Direct) && is_listed(Strength::Account),
        Caller::Session(_) => {
            let chain = [Strength::Direct, Strength::Role, Strength::Account];
            chain.into_iter().all(is_listed)
        }
    }
}
