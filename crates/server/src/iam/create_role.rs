//! `CreateRole`

use std::collections::BTreeMap;

use formiga_auth::credentials::{IdKind, id};
use formiga_store::{EntityRecord, Identity, IdentityChange, RoleRecord};
use formiga_wire::error::ErrorKind;
use formiga_wire::iam::{CreateRoleInput, Role, RoleOutput};

use super::checks::{Checks, DESCRIPTION, DOCUMENT, NEW_NAME, PATH, distinct};
use super::{answers, policies};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::{Entity, Kind, State};
use crate::keys::MAX_SESSION_SECONDS;

/// "You can create up to 1,000 roles in an account."
const ROLES_MAX: usize = 1000;

/// Makes a role, whom its trust policy lets assume it. A session of it may do nothing yet.
pub(super) async fn create_role(
    ctx: &Context,
    input: CreateRoleInput,
) -> Result<RoleOutput, ApiError> {
    let account = ctx.manage()?;
    let tags = input.tags.unwrap_or_default();
    let mut checks = Checks::default();
    let name = checks.required("roleName", input.role_name.as_deref(), NEW_NAME).to_owned();
    let document = input.assume_role_policy_document;
    checks.required("assumeRolePolicyDocument", document.as_deref(), DOCUMENT);
    let path = checks.optional("path", input.path.as_deref(), PATH).unwrap_or("/").to_owned();
    checks.optional("description", input.description.as_deref(), DESCRIPTION);
    let (least, most) = (*MAX_SESSION_SECONDS.start(), *MAX_SESSION_SECONDS.end());
    let asked = input.max_session_duration;
    checks.range("maxSessionDuration", asked, least.into(), most.into());
    checks.tags(&tags);
    checks.unsupported("permissionsBoundary", input.permissions_boundary.is_some());
    checks.done()?;
    let arn = account.arn(Kind::Role, &path, &name);
    account.authorize_with_tags("CreateRole", &arn, &tags)?;
    let (tags, document) = (distinct(tags)?, document.unwrap_or_default());
    let trust = policies::parse_trust(&document)?;
    let identities = account.identities().clone();
    let (of, description) = (account.account, input.description);
    let change = move |state: &State| {
        if state.entity(Kind::Role, of, &name).is_some() {
            let message = format!("Role with name {name} already exists.");
            return Err(ApiError::new(ErrorKind::EntityAlreadyExists, message));
        }
        if state.count(Kind::Role, of) >= ROLES_MAX {
            let message = format!("Cannot exceed quota for RolesPerAccount: {ROLES_MAX}");
            return Err(ApiError::new(ErrorKind::LimitExceeded, message));
        }
        let entity = EntityRecord {
            account: of,
            unique_id: id(IdKind::Role, &identities.random().bytes()),
            path,
            name,
            created_at: identities.now(),
            tags,
            policies: BTreeMap::new(),
        };
        let role = RoleRecord {
            entity,
            description,
            max_session_seconds: asked.and_then(|it| u32::try_from(it).ok()).unwrap_or(least),
            trusted_ids: policies::trusted_ids(state, &trust)?,
            trust_policy: document,
        };
        let created = Entity::new(role.entity.clone(), Some(role.clone()), false);
        Ok((vec![IdentityChange::Put(Identity::Role(role))], created))
    };
    let created = account.change(change).await?;
    let role = answers::role(&created).expect("a role was made");
    let tags = answers::tags(&created);
    Ok(RoleOutput { role: Role { tags, max_session_duration: asked, ..role } })
}
