//! `CreateUser`

use std::collections::BTreeMap;

use formiga_auth::credentials::{IdKind, id};
use formiga_store::{EntityRecord, Identity, IdentityChange, UserRecord};
use formiga_wire::error::ErrorKind;
use formiga_wire::iam::{CreateUserInput, UserOutput};

use super::answers;
use super::checks::{Checks, NEW_NAME, PATH, distinct};
use crate::context::Context;
use crate::error::ApiError;
use crate::identities::{Entity, Kind, State};

/// "You can create up to 5,000 users in an account."
const USERS_MAX: usize = 5000;

/// Makes a user, who may do nothing yet.
pub(super) async fn create_user(
    ctx: &Context,
    input: CreateUserInput,
) -> Result<UserOutput, ApiError> {
    let account = ctx.manage()?;
    let tags = input.tags.unwrap_or_default();
    let mut checks = Checks::default();
    let name = checks.required("userName", input.user_name.as_deref(), NEW_NAME).to_owned();
    let path = checks.optional("path", input.path.as_deref(), PATH).unwrap_or("/").to_owned();
    checks.tags(&tags);
    checks.unsupported("permissionsBoundary", input.permissions_boundary.is_some());
    checks.done()?;
    let arn = account.arn(Kind::User, &path, &name);
    account.authorize_with_tags("CreateUser", &arn, &tags)?;
    let tags = distinct(tags)?;
    let identities = account.identities().clone();
    let of = account.account;
    let change = move |state: &State| {
        if state.entity(Kind::User, of, &name).is_some() {
            let message = format!("User with name {name} already exists.");
            return Err(ApiError::new(ErrorKind::EntityAlreadyExists, message));
        }
        if state.count(Kind::User, of) >= USERS_MAX {
            let message = format!("Cannot exceed quota for UsersPerAccount: {USERS_MAX}");
            return Err(ApiError::new(ErrorKind::LimitExceeded, message));
        }
        let user = UserRecord(EntityRecord {
            account: of,
            unique_id: id(IdKind::User, &identities.random().bytes()),
            path,
            name,
            created_at: identities.now(),
            tags,
            policies: BTreeMap::new(),
        });
        let entity = Entity::new(user.0.clone(), None, false);
        Ok((vec![IdentityChange::Put(Identity::User(user))], entity))
    };
    let created = account.change(change).await?;
    let mut user = answers::user(&created);
    user.tags = answers::tags(&created);
    Ok(UserOutput { user })
}
