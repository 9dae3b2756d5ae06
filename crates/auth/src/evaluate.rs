//! [`evaluate`]: one decision from all policies that bear on a request.
//!
//! The rules are those of *Policy evaluation logic* in the IAM user guide. Permission boundaries,
//! managed policies and those of organizations are not among them; they only ever narrow, so nothing is
//! granted here that AWS would deny where there are none.

mod context;
mod decision;
mod statement;

use crate::caller::Caller;
use crate::policy::{Effect, Policy, PolicyKind, is_owner_only};
pub use context::Context;
pub use decision::{Decision, Element, Place, Rule, Trace, Verdict};
use statement::{Facts, Strength};

/// Who wants to do what, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The permission that is needed, such as `sqs:SendMessage`. A batch needs the permission of its
    /// single action.
    pub action: &'a str,
    /// The ARN, made from what the request says, whether there is such a resource or not.
    pub resource: &'a str,
    /// The account that owns the resource.
    pub resource_account: &'a str,
    /// What conditions may ask about, apart from the caller and the resource's account.
    pub context: &'a Context,
}

/// A policy of a user or role, and what it is called there.
#[derive(Clone, Debug)]
pub struct NamedPolicy {
    /// The name it was put under.
    pub name: String,
    /// The policy.
    pub policy: Policy,
}

/// All policies that bear on a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// The caller's own.
    pub identity: &'a [NamedPolicy],
    /// The one that the caller's session is narrowed down with.
    pub session: Option<&'a Policy>,
    /// The queue's, or the role's trust policy. None for a queue that does not exist.
    pub resource: Option<&'a Policy>,
}

/// Decides about `request`. An explicit deny wins over everything, the owner's root included. Within
/// an account, a grant on either side is enough; from another account it takes both.
pub fn evaluate<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let facts = Facts::of(request);
    let found = Found::of(&facts, policies);
    if let Some(denied) = found.denied() {
        return denied;
    }
    let is_owners = request.caller.account() == Some(request.resource_account);
    if is_owner_only(request.action) && !is_owners {
        return Decision::not_allowed(Rule::OwnerOnly, PolicyKind::Queue);
    }
    let identity = found.identity.allow;
    let granted = found.granted.any();
    match request.caller {
        Caller::Anonymous | Caller::Service(_) => {
            Decision::by(Rule::ResourcePolicyAlone, granted, PolicyKind::Queue)
        }
        Caller::Root { .. } if is_owners => Decision::allowed(Rule::Root, None),
        Caller::Root { .. } => Decision::by(Rule::Root, granted, PolicyKind::Queue),
        Caller::User(_) | Caller::Session(_) if is_owners => found.same_account(),
        Caller::User(_) | Caller::Session(_) => match (granted, identity, found.in_session) {
            (None, _, _) => Decision::not_allowed(Rule::OtherAccount, PolicyKind::Queue),
            (_, None, _) => Decision::not_allowed(Rule::OtherAccount, PolicyKind::Identity),
            (_, _, false) => Decision::not_allowed(Rule::OtherAccount, PolicyKind::Session),
            (granted, own_place, true) => {
                Decision { own_place, ..Decision::allowed(Rule::OtherAccount, granted) }
            }
        },
    }
}

/// Decides whether `request`, which is for `sts:AssumeRole`, may assume the role whose trust policy
/// is `policies.resource`. Here the trust policy has to name the caller, whatever the account; the
/// caller's own policies suffice only together with it.
pub fn evaluate_assume_role<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Decision<'a> {
    let facts = Facts::of(request);
    let found = Found::of(&facts, policies);
    if let Some(denied) = found.denied() {
        return denied;
    }
    let untrusted = Decision::not_allowed(Rule::AssumeRole, PolicyKind::Trust);
    let trusted = match found.granted.any() {
        // "Roles may not be assumed by root accounts."
        _ if matches!(request.caller, Caller::Anonymous | Caller::Root { .. }) => return untrusted,
        None => return untrusted,
        trusted => trusted,
    };
    if matches!(request.caller, Caller::Service(_)) {
        return Decision::allowed(Rule::AssumeRole, trusted);
    }
    let is_same_account = request.caller.account() == Some(request.resource_account);
    let is_named = is_same_account && found.granted.beyond_account();
    let is_direct = is_same_account && found.granted.place(Strength::Direct).is_some();
    if !is_named && found.identity.allow.is_none() {
        Decision::not_allowed(Rule::AssumeRole, PolicyKind::Identity)
    } else if !is_direct && !found.in_session {
        Decision::not_allowed(Rule::AssumeRole, PolicyKind::Session)
    } else {
        Decision::allowed(Rule::AssumeRole, trusted)
    }
}

/// What each statement has to say to `request`, in the order session, identity, resource: those that
/// apply, and of the others the first element that does not fit. It tells what policies contain, so it
/// is only for those who may read them.
pub fn explain<'a>(request: &Request<'_>, policies: &Policies<'a>) -> Vec<Trace<'a>> {
    let facts = Facts::of(request);
    let mut traces = Vec::new();
    for (name, policy) in policies.all() {
        for (place, statement) in decision::places(name, policy) {
            let unmatched = facts.strength(policy.kind(), statement).err();
            traces.push(Trace { place, effect: statement.effect(), unmatched });
        }
    }
    traces
}

impl<'a> Policies<'a> {
    fn all(&self) -> impl Iterator<Item = (Option<&'a str>, &'a Policy)> {
        let named = |named: &'a NamedPolicy| (Some(named.name.as_str()), &named.policy);
        let unnamed = |policy| (None, policy);
        self.session
            .map(unnamed)
            .into_iter()
            .chain(self.identity.iter().map(named))
            .chain(self.resource.map(unnamed))
    }
}

/// The statements that apply to a request.
struct Found<'a> {
    session: Side<'a>,
    identity: Side<'a>,
    resource_deny: Option<Place<'a>>,
    granted: Grants<'a>,
    /// Whether the session's policy, if it has one, allows the request.
    in_session: bool,
}

/// The first statement of each effect that applies.
#[derive(Default)]
struct Side<'a> {
    allow: Option<Place<'a>>,
    deny: Option<Place<'a>>,
}

/// The first statement of the resource's policy that allows, for each way to name the caller.
#[derive(Default)]
struct Grants<'a>([Option<Place<'a>>; 4]);

impl<'a> Found<'a> {
    fn of(facts: &Facts<'_>, policies: &Policies<'a>) -> Found<'a> {
        let mut found = Found {
            session: Side::default(),
            identity: Side::default(),
            resource_deny: None,
            granted: Grants::default(),
            in_session: true,
        };
        for (name, policy) in policies.all() {
            for (place, statement) in decision::places(name, policy) {
                if let Ok(strength) = facts.strength(policy.kind(), statement) {
                    let slot = found.slot(policy.kind(), statement.effect(), strength);
                    slot.get_or_insert(place);
                }
            }
        }
        found.in_session = policies.session.is_none() || found.session.allow.is_some();
        // What only Formiga has, only identity policies grant.
        if facts.action.starts_with("formiga:") {
            found.granted = Grants::default();
        }
        found
    }

    fn slot(
        &mut self,
        kind: PolicyKind,
        effect: Effect,
        strength: Strength,
    ) -> &mut Option<Place<'a>> {
        match (kind, effect) {
            (PolicyKind::Session, Effect::Allow) => &mut self.session.allow,
            (PolicyKind::Session, Effect::Deny) => &mut self.session.deny,
            (PolicyKind::Identity, Effect::Allow) => &mut self.identity.allow,
            (PolicyKind::Identity, Effect::Deny) => &mut self.identity.deny,
            (PolicyKind::Queue | PolicyKind::Trust, Effect::Allow) => {
                &mut self.granted.0[strength as usize]
            }
            (PolicyKind::Queue | PolicyKind::Trust, Effect::Deny) => &mut self.resource_deny,
        }
    }

    fn denied(&self) -> Option<Decision<'a>> {
        let denies = [self.session.deny, self.identity.deny, self.resource_deny];
        denies.into_iter().flatten().next().map(Decision::denied)
    }

    /// A grant to the user or to the very session stands for itself; one to the role, or to
    /// everyone, is narrowed down by the session's policy; one to the account grants nothing by
    /// itself, but leaves it to the account's own policies.
    fn same_account(&self) -> Decision<'a> {
        let rule = Rule::SameAccount;
        let direct = self.granted.place(Strength::Direct);
        let wide = self.granted.place(Strength::Any).or(self.granted.place(Strength::Role));
        match (direct, wide, self.identity.allow) {
            (Some(direct), _, _) => Decision::allowed(rule, Some(direct)),
            (None, Some(grant), _) | (None, None, Some(grant)) if self.in_session => {
                Decision::allowed(rule, Some(grant))
            }
            (None, None, None) => Decision::not_allowed(rule, PolicyKind::Identity),
            (None, _, _) => Decision::not_allowed(rule, PolicyKind::Session),
        }
    }
}

impl<'a> Grants<'a> {
    fn place(&self, strength: Strength) -> Option<Place<'a>> {
        self.0[strength as usize]
    }

    fn any(&self) -> Option<Place<'a>> {
        self.0.iter().flatten().next().copied()
    }

    fn beyond_account(&self) -> bool {
        let strengths = [Strength::Direct, Strength::Any, Strength::Role];
        strengths.into_iter().any(|strength| self.place(strength).is_some())
    }
}
