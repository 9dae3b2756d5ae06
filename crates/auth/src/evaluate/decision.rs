//! [`Decision`]: whether a request may be done, and which statement says so.

use super::Request;
use crate::policy::{Effect, Policy, PolicyKind, Statement};

/// Whether a request may be done, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether it may.
    pub verdict: Verdict,
    /// Which rule decided.
    pub rule: Rule,
    /// The statement that decided. None where nothing allows, and for the root of the owner.
    pub place: Option<Place<'a>>,
    /// Where both sides had to allow, and the resource's policy did at `place`: the caller's own
    /// statement.
    pub own_place: Option<Place<'a>>,
}

/// Whether a request may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Allowed,
    /// A statement of such a policy denies it.
    Denied(PolicyKind),
    /// No statement of such a policy allows it, and one would have to.
    NotAllowed(PolicyKind),
}

/// What decided about a request, in the order in which it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An explicit deny wins.
    ExplicitDeny,
    /// Some actions are the owner's whatever a policy says.
    OwnerOnly,
    /// Who has no policies of its own is allowed what the resource's policy allows.
    ResourcePolicyAlone,
    /// An account's root may do everything in it, and elsewhere what it is granted.
    Root,
    /// Within an account, either side grants.
    SameAccount,
    /// Between accounts, both sides have to grant.
    OtherAccount,
    /// A role is assumed by whom its trust policy names.
    AssumeRole,
}

/// Where a statement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The kind of the policy.
    pub kind: PolicyKind,
    /// What the policy is called, if it is a user's or role's.
    pub policy: Option<&'a str>,
    /// The statement's place in the policy, from 0.
    pub index: usize,
    /// The statement's name.
    pub sid: Option<&'a str>,
}

/// What one statement has to say to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace<'a> {
    /// Where the statement stands.
    pub place: Place<'a>,
    /// What it does if it applies.
    pub effect: Effect,
    /// The first element that does not fit; none if the statement applies.
    pub unmatched: Option<Element<'a>>,
}

/// An element of a statement, or its negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// It speaks of others.
    Principal,
    /// It is about other actions.
    Action,
    /// It bears on other resources.
    Resource,
    /// The condition on this key, in lower case, is not met.
    Condition(&'a str),
}

impl<'a> Decision<'a> {
    pub(super) fn allowed(rule: Rule, place: Option<Place<'a>>) -> Decision<'a> {
        Decision { verdict: Verdict::Allowed, rule, place, own_place: None }
    }

    pub(super) fn denied(place: Place<'a>) -> Decision<'a> {
        let verdict = Verdict::Denied(place.kind);
        Decision { verdict, rule: Rule::ExplicitDeny, place: Some(place), own_place: None }
    }

    pub(super) fn not_allowed(rule: Rule, kind: PolicyKind) -> Decision<'a> {
        Decision { verdict: Verdict::NotAllowed(kind), rule, place: None, own_place: None }
    }

    /// Allowed if there is a grant, else blamed on a kind of policy.
    pub(super) fn by(rule: Rule, grant: Option<Place<'a>>, kind: PolicyKind) -> Decision<'a> {
        match grant {
            Some(_) => Decision::allowed(rule, grant),
            None => Decision::not_allowed(rule, kind),
        }
    }

    /// Whether the request may be done.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// What a caller reads who may not: `AccessDenied`, in the words of AWS. `url` is what an unknown
    /// caller asked for: the scheme, the host and the path.
    pub fn refusal(&self, request: &Request<'_>, url: &str) -> Option<String> {
        if self.is_allowed() {
            return None;
        }
        let Some(caller) = request.caller.arn() else {
            return Some(format!("Access to the resource {url} is denied."));
        };
        let (action, resource) = (action_text(request), request.resource);
        let reason = self.reason(&action);
        Some(format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource}{reason}"
        ))
    }

    fn reason(&self, action: &str) -> String {
        if self.rule == Rule::AssumeRole {
            return String::new();
        }
        match self.verdict {
            Verdict::Allowed => String::new(),
            Verdict::Denied(PolicyKind::Identity) => {
                " with an explicit deny in an identity-based policy".to_owned()
            }
            Verdict::Denied(PolicyKind::Session) => {
                " with an explicit deny in a session policy".to_owned()
            }
            Verdict::Denied(PolicyKind::Queue | PolicyKind::Trust) => {
                " with an explicit deny in a resource-based policy".to_owned()
            }
            Verdict::NotAllowed(kind) => {
                let policy = match kind {
                    PolicyKind::Identity => "identity-based",
                    PolicyKind::Session => "session",
                    PolicyKind::Queue | PolicyKind::Trust => "resource-based",
                };
                format!(" because no {policy} policy allows the {action} action")
            }
        }
    }
}

/// SQS writes its actions in lower case, IAM and STS as they are called.
fn action_text(request: &Request<'_>) -> String {
    let keeps_case = ["iam:", "sts:"].iter().any(|prefix| request.action.starts_with(prefix));
    if keeps_case { request.action.to_owned() } else { request.action.to_ascii_lowercase() }
}

pub(super) fn places<'a>(
    name: Option<&'a str>,
    policy: &'a Policy,
) -> impl Iterator<Item = (Place<'a>, &'a Statement)> {
    let place = move |index, statement: &'a Statement| Place {
        kind: policy.kind(),
        policy: name,
        index,
        sid: statement.sid(),
    };
    let statements = policy.statements().iter().enumerate();
    statements.map(move |(index, statement)| (place(index, statement), statement))
}
