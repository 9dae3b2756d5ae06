//! The server's own actions on accounts, which AWS has no API for: the administrator's.

use std::sync::Arc;

use formiga_auth::caller::Caller;
use formiga_auth::credentials::{IdKind, SecretKey, id};
use formiga_engine::names::AccountId;
use formiga_store::{AccessKeyRecord, AccountRecord, Identity, IdentityChange, IdentityKey};
use formiga_wire::error::{ErrorKind, quoted};
use formiga_wire::formiga::{
    AccountSummary, CreateAccountInput, CreateAccountOutput, DeleteAccountInput,
    ListAccountsOutput, ResetAccountKeyInput,
};

use crate::context::Context;
use crate::error::{self, ApiError};
use crate::identities::{Identities, Kind, State};

/// All of them are held in memory.
const ACCOUNTS_MAX: usize = 1000;

/// Makes an account. Its root's access key is told this once.
pub(crate) async fn create_account(
    ctx: &Context,
    input: CreateAccountInput,
) -> Result<CreateAccountOutput, ApiError> {
    let identities = authorized(ctx, "CreateAccount")?;
    let account = parse(input.account_id.as_deref())?;
    let random = identities.clone();
    let change = move |state: &State| {
        let mut accounts = state.accounts();
        if accounts.any(|known| known == account) {
            let message = format!("Account {account} already exists.");
            return Err(ApiError::new(ErrorKind::EntityAlreadyExists, message));
        }
        if state.accounts().count() >= ACCOUNTS_MAX {
            let message = format!("Cannot exceed quota for Accounts: {ACCOUNTS_MAX}");
            return Err(ApiError::new(ErrorKind::LimitExceeded, message));
        }
        let created_at = random.now();
        let (key, secret) = root_key(&random, account);
        let output = CreateAccountOutput {
            account_id: account.to_string(),
            access_key_id: key.id.clone(),
            secret_access_key: secret.reveal().to_owned(),
        };
        let made = [
            Identity::Account(AccountRecord { id: account, created_at }),
            Identity::AccessKey(key),
        ];
        Ok((made.map(IdentityChange::Put).to_vec(), output))
    };
    identities.change(ctx.request_id, change).await
}

fn root_key(identities: &Identities, account: AccountId) -> (AccessKeyRecord, SecretKey) {
    let id = id(IdKind::LongTermKey, &identities.random().bytes());
    let secret = SecretKey::from_random(&identities.random().bytes());
    let key = AccessKeyRecord {
        account,
        user: None,
        is_active: true,
        created_at: identities.now(),
        sealed_secret: identities.seal(&id, &secret),
        id,
    };
    (key, secret)
}

/// Makes a new access key for the root of an account that is stored, in place of those it has: they
/// are lost, or known to too many.
pub(crate) async fn reset_account_key(
    ctx: &Context,
    input: ResetAccountKeyInput,
) -> Result<CreateAccountOutput, ApiError> {
    let identities = authorized(ctx, "ResetAccountKey")?;
    let account = parse(input.account_id.as_deref())?;
    let random = identities.clone();
    let change = move |state: &State| {
        check_stored(state, account)?;
        let (key, secret) = root_key(&random, account);
        let output = CreateAccountOutput {
            account_id: account.to_string(),
            access_key_id: key.id.clone(),
            secret_access_key: secret.reveal().to_owned(),
        };
        let new = IdentityChange::Put(Identity::AccessKey(key));
        Ok((removed_keys(state, account).chain([new]).collect(), output))
    };
    identities.change(ctx.request_id, change).await
}

fn removed_keys(state: &State, account: AccountId) -> impl Iterator<Item = IdentityChange> {
    let keys = state.keys_of(account, None);
    keys.map(|key| IdentityChange::Remove(IdentityKey::AccessKey(key.record.id.clone())))
}

/// Whether there is such an account, and it does not stand in the operator's files.
fn check_stored(state: &State, account: AccountId) -> Result<(), ApiError> {
    if !state.accounts().any(|known| known == account) {
        let message = format!("The account {account} cannot be found.");
        return Err(ApiError::new(ErrorKind::NoSuchEntity, message));
    }
    if state.is_declared(account) {
        let message = format!(
            "The account {account} stands in the server's configuration and can only be changed there."
        );
        return Err(ApiError::new(ErrorKind::UnmodifiableEntity, message));
    }
    Ok(())
}

/// Lists the accounts, of which there are few.
pub(crate) fn list_accounts(ctx: &Context) -> Result<ListAccountsOutput, ApiError> {
    let identities = authorized(ctx, "ListAccounts")?;
    let state = identities.read();
    let accounts = state.accounts().map(|account| AccountSummary {
        account_id: account.to_string(),
        is_declared: state.is_declared(account),
        users: state.count(Kind::User, account),
        roles: state.count(Kind::Role, account),
    });
    Ok(ListAccountsOutput { accounts: accounts.collect() })
}

/// Deletes an account that has no users, roles and queues any more.
pub(crate) async fn delete_account(
    ctx: &Context,
    input: DeleteAccountInput,
) -> Result<(), ApiError> {
    let identities = authorized(ctx, "DeleteAccount")?;
    let account = parse(input.account_id.as_deref())?;
    let has_queues = ctx.queues.has_queues_of(account);
    let change = move |state: &State| {
        check_stored(state, account)?;
        let has_anybody = [Kind::User, Kind::Role].iter().any(|it| state.count(*it, account) > 0);
        if has_anybody || has_queues {
            let message = "Cannot delete entity, must remove users, roles and queues first.";
            return Err(ApiError::new(ErrorKind::DeleteConflict, message));
        }
        let gone = IdentityChange::Remove(IdentityKey::Account(account));
        Ok((removed_keys(state, account).chain([gone]).collect(), ()))
    };
    identities.change(ctx.request_id, change).await
}

/// Identities, to who may manage accounts.
fn authorized<'a>(ctx: &'a Context, action: &str) -> Result<&'a Arc<Identities>, ApiError> {
    let access = ctx.access.as_ref().ok_or_else(error::nobody_is_checked)?;
    ctx.authorize_own(action)?;
    // Like IAM: what a session began with may have been stolen, an account would outlast it.
    let principal = &access.principal;
    match principal.caller {
        Caller::Root { .. } | Caller::User(_) if principal.session.is_some() => {
            Err(error::invalid_token())
        }
        _ => Ok(&access.identities),
    }
}

fn parse(id: Option<&str>) -> Result<AccountId, ApiError> {
    let id = id.ok_or_else(|| error::missing("AccountId"))?;
    let invalid = |_| error::invalid("AccountId", quoted(id), "Must be 12 digits.");
    AccountId::parse(id).map_err(invalid)
}
