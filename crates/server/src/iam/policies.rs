//! What the actions on policies of users and of roles have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use formiga_auth::policy::{
    IDENTITY_POLICY_CHARACTERS_MAX, Policy, PolicyError, PolicyKind, TRUST_POLICY_CHARACTERS_MAX,
};
use formiga_store::IdentityChange;
use formiga_wire::error::ErrorKind;

use super::checks::{Checks, DOCUMENT, NAME, ROLE_NAME};
use super::managed::{Managed, still};
use crate::error::ApiError;
use crate::identities::{Entity, Kind, State};

/// "User policy size cannot exceed 2,048 characters", of all its policies together.
const USER_POLICY_CHARACTERS_MAX: usize = 2048;
/// Blanks do not count, so something else has to bound them.
const BLANKS_FACTOR: usize = 8;

/// What is asked about the policy of a user or role.
pub(super) struct Named {
    pub(super) kind: Kind,
    pub(super) of: Option<String>,
    pub(super) policy: Option<String>,
}

impl Named {
    fn check(&self, checks: &mut Checks) {
        match self.kind {
            Kind::User => checks.required("userName", self.of.as_deref(), NAME),
            Kind::Role => checks.required("roleName", self.of.as_deref(), ROLE_NAME),
        };
        checks.required("policyName", self.policy.as_deref(), NAME);
    }

    fn find(&self, account: &Managed<'_>, action: &str) -> Result<Arc<Entity>, ApiError> {
        account.find(action, self.kind, self.of.as_deref().unwrap_or_default())
    }
}

/// Sets a policy, in place of one that has the same name.
pub(super) async fn put(
    account: &Managed<'_>,
    action: &str,
    named: Named,
    document: Option<String>,
) -> Result<(), ApiError> {
    let mut checks = Checks::default();
    named.check(&mut checks);
    checks.required("policyDocument", document.as_deref(), DOCUMENT);
    checks.done()?;
    let found = named.find(account, action)?;
    let (policy, document) = (named.policy.unwrap_or_default(), document.unwrap_or_default());
    let max = match named.kind {
        Kind::User => USER_POLICY_CHARACTERS_MAX,
        Kind::Role => IDENTITY_POLICY_CHARACTERS_MAX,
    };
    let (kind, name) = (named.kind.as_str(), found.record.name.clone());
    let over = move || {
        let message = format!("Maximum policy size of {max} bytes exceeded for {kind} {name}");
        ApiError::new(ErrorKind::LimitExceeded, message)
    };
    Policy::parse_iam(PolicyKind::Identity, &document).map_err(|error| match error {
        PolicyError::LimitExceeded { .. } => over(),
        error => ApiError::new(ErrorKind::MalformedPolicyDocument, error.to_string()),
    })?;
    let change = move |state: &State| {
        let changed = still(state, &found)?.with(|record| {
            record.policies.insert(policy, document);
        });
        let policies = match &changed {
            formiga_store::Identity::User(user) => &user.0.policies,
            formiga_store::Identity::Role(role) => &role.entity.policies,
            _ => unreachable!("only users and roles have policies"),
        };
        let sum = |size: fn(&str) -> usize| policies.values().map(|it| size(it)).sum::<usize>();
        if sum(Policy::counted_size) > max || sum(str::len) > max * BLANKS_FACTOR {
            return Err(over());
        }
        Ok((vec![IdentityChange::Put(changed)], ()))
    };
    account.change(change).await
}

/// The name of whose policy it is, as it was given, and the policy.
pub(super) fn get(
    account: &Managed<'_>,
    action: &str,
    named: &Named,
) -> Result<(String, String, String), ApiError> {
    let mut checks = Checks::default();
    named.check(&mut checks);
    checks.done()?;
    let found = named.find(account, action)?;
    let name = named.policy.clone().unwrap_or_default();
    let document = found.record.policies.get(&name).cloned();
    let document = document.ok_or_else(|| no_such_policy(named.kind, &name))?;
    Ok((found.record.name.clone(), name, super::answers::encoded(&document)))
}

pub(super) async fn delete(
    account: &Managed<'_>,
    action: &str,
    named: Named,
) -> Result<(), ApiError> {
    let mut checks = Checks::default();
    named.check(&mut checks);
    checks.done()?;
    let found = named.find(account, action)?;
    let (kind, name) = (named.kind, named.policy.unwrap_or_default());
    let change = move |state: &State| {
        let entity = still(state, &found)?;
        if !entity.record.policies.contains_key(&name) {
            return Err(no_such_policy(kind, &name));
        }
        let changed = entity.with(|record| drop(record.policies.remove(&name)));
        Ok((vec![IdentityChange::Put(changed)], ()))
    };
    account.change(change).await
}

fn no_such_policy(kind: Kind, name: &str) -> ApiError {
    let message = format!("The {} policy with name {name} cannot be found.", kind.as_str());
    ApiError::new(ErrorKind::NoSuchEntity, message)
}

/// Checks a trust policy.
pub(super) fn parse_trust(document: &str) -> Result<Policy, ApiError> {
    Policy::parse_iam(PolicyKind::Trust, document).map_err(|error| match error {
        PolicyError::LimitExceeded { .. } => {
            let message =
                format!("Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_CHARACTERS_MAX}");
            ApiError::new(ErrorKind::LimitExceeded, message)
        }
        error => ApiError::new(ErrorKind::MalformedPolicyDocument, error.to_string()),
    })
}

/// The unique ids of those whom a trust policy names.
pub(super) fn trusted_ids(
    state: &State,
    trust: &Policy,
) -> Result<BTreeMap<String, String>, ApiError> {
    state.pins(trust).map_err(|arn| {
        let message = format!("Invalid principal in policy: \"AWS\":\"{arn}\"");
        ApiError::new(ErrorKind::MalformedPolicyDocument, message)
    })
}
