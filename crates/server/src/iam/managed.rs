//! [`Managed`]: the caller's account, to those who may look into it.

use std::sync::Arc;

use formiga_auth::caller::Caller;
use formiga_engine::names::AccountId;
use formiga_wire::error::ErrorKind;
use formiga_wire::iam::Tag;

use crate::authorization::Access;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::identities::{Entity, Identities, Kind, State};

/// The caller's account. Nothing of it is told or changed before [`Managed::authorize`].
pub(crate) struct Managed<'a> {
    ctx: &'a Context,
    access: &'a Access,
    pub(crate) account: AccountId,
}

impl Context {
    /// Who signs for themselves, or in a session of a role. Sessions of GetSessionToken may not
    /// call IAM: AWS lets them with a second factor only.
    pub(crate) fn manage(&self) -> Result<Managed<'_>, ApiError> {
        let access = self.access.as_ref().ok_or_else(error::nobody_is_checked)?;
        let principal = &access.principal;
        match &principal.caller {
            Caller::Anonymous => Err(error::unsigned()),
            Caller::Session(_) | Caller::Service(_) => Ok(()),
            Caller::Root { .. } | Caller::User(_) if principal.session.is_some() => {
                Err(error::invalid_token())
            }
            Caller::Root { .. } | Caller::User(_) => Ok(()),
        }?;
        Ok(Managed { ctx: self, access, account: principal.account })
    }
}

impl<'a> Managed<'a> {
    pub(crate) fn identities(&self) -> &'a Arc<Identities> {
        &self.access.identities
    }

    /// Asks the caller's policies for `iam:{action}` on a user or role.
    pub(crate) fn authorize(&self, action: &str, resource: &str) -> Result<(), ApiError> {
        self.authorize_with_tags(action, resource, &[])
    }

    pub(crate) fn authorize_with_tags(
        &self,
        action: &str,
        resource: &str,
        tags: &[Tag],
    ) -> Result<(), ApiError> {
        let region = self.ctx.caller.region.as_str();
        let mut conditions = self.access.conditions_on_identity(region, resource);
        for tag in tags {
            conditions.add(&format!("aws:RequestTag/{}", tag.key), &tag.value);
            conditions.add("aws:TagKeys", &tag.key);
        }
        self.access.decide(&format!("iam:{action}"), resource, self.account, None, &conditions)
    }

    /// The ARN of a user or role of the account who is not there yet.
    pub(crate) fn arn(&self, kind: Kind, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{}{path}{name}", self.account, kind.as_str())
    }

    /// The user or role called `name`, if the caller may do `action` with it. Whether there is one
    /// is told only then.
    pub(crate) fn find(
        &self,
        action: &str,
        kind: Kind,
        name: &str,
    ) -> Result<Arc<Entity>, ApiError> {
        let found = self.identities().read().entity(kind, self.account, name).cloned();
        let arn = found.as_ref().map_or_else(|| self.arn(kind, "/", name), |it| it.arn());
        self.authorize(action, &arn)?;
        found.ok_or_else(|| no_such(kind, name))
    }

    /// The user called `name`, or without a name the one who calls.
    pub(crate) fn find_user(
        &self,
        action: &str,
        name: Option<&str>,
    ) -> Result<Arc<Entity>, ApiError> {
        match (name, &self.access.principal.caller) {
            (Some(name), _) => self.find(action, Kind::User, name),
            (None, Caller::User(user)) => self.find(action, Kind::User, &user.name),
            (None, _) => {
                let message = "Must specify userName when calling with non-User credentials";
                Err(ApiError::new(ErrorKind::ValidationError, message))
            }
        }
    }

    /// Makes a change; see [`Identities::change`].
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        decide: impl FnOnce(&State) -> Result<(Vec<formiga_store::IdentityChange>, T), ApiError>
        + Send
        + 'static,
    ) -> Result<T, ApiError> {
        self.identities().change(self.ctx.request_id, decide).await
    }
}

/// The user or role that was found, as it is at the time of a change: it may be gone since, and
/// another one have its name.
pub(crate) fn still(state: &State, found: &Entity) -> Result<Arc<Entity>, ApiError> {
    let record = &found.record;
    let entity = state.by_id(&record.unique_id).cloned();
    let entity = entity.ok_or_else(|| no_such(found.kind(), &record.name))?;
    if entity.is_declared {
        return Err(declared(found.kind(), &record.name));
    }
    Ok(entity)
}

/// There is no such user or role.
pub(crate) fn no_such(kind: Kind, name: &str) -> ApiError {
    let message = format!("The {} with name {name} cannot be found.", kind.as_str());
    ApiError::new(ErrorKind::NoSuchEntity, message)
}

/// Who stands in the operator's file is changed there.
pub(crate) fn declared(kind: Kind, name: &str) -> ApiError {
    let message = format!(
        "The {} {name} is declared in the server's configuration and can only be changed there.",
        kind.as_str()
    );
    ApiError::new(ErrorKind::UnmodifiableEntity, message)
}

/// The user has no such key.
pub(crate) fn no_such_key(id: &str) -> ApiError {
    let message = format!("The Access Key with id {id} cannot be found.");
    ApiError::new(ErrorKind::NoSuchEntity, message)
}
