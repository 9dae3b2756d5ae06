//! `UpdateAssumeRolePolicy`

use formiga_store::{Identity, IdentityChange, RoleRecord};
use formiga_wire::iam::UpdateAssumeRolePolicyInput;

use super::checks::{Checks, DOCUMENT, ROLE_NAME};
use super::managed::{no_such, still};
use super::policies;
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::{Kind, State};

/// Sets who may assume a role. Sessions that are on go on.
pub(super) async fn update_assume_role_policy(
    ctx: &Context,
    input: UpdateAssumeRolePolicyInput,
) -> Result<(), ApiError> {
    let account = ctx.manage()?;
    let mut checks = Checks::default();
    let name = checks.required("roleName", input.role_name.as_deref(), ROLE_NAME);
    checks.required("policyDocument", input.policy_document.as_deref(), DOCUMENT);
    checks.done()?;
    let found = account.find("UpdateAssumeRolePolicy", Kind::Role, name)?;
    let document = input.policy_document.unwrap_or_default();
    let trust = policies::parse_trust(&document)?;
    let change = move |state: &State| {
        let entity = still(state, &found)?;
        let role = entity.role.as_ref().ok_or_else(|| no_such(Kind::Role, &found.record.name))?;
        let changed = RoleRecord {
            trusted_ids: policies::trusted_ids(state, &trust)?,
            trust_policy: document,
            ..role.record.clone()
        };
        Ok((vec![IdentityChange::Put(Identity::Role(changed))], ()))
    };
    account.change(change).await
}
