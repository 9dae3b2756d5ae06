//! The server's own AWS JSON service, `Formiga`.

use serde::{Deserialize, Serialize};

use crate::form::QueryForm;

/// Moves the server's clock ahead, by the sum of both members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AdvanceClockInput {
    /// How many seconds to move the clock ahead.
    pub seconds: Option<i64>,
    /// How many milliseconds more.
    pub milliseconds: Option<i64>,
}

impl QueryForm for AdvanceClockInput {}

/// What `AdvanceClock` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdvanceClockOutput {
    /// The server's time afterwards, in milliseconds since the epoch.
    pub now_milliseconds: i64,
}

impl QueryForm for AdvanceClockOutput {}

/// Makes an account, and an access key for its root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateAccountInput {
    /// 12 digits.
    pub account_id: Option<String>,
}

impl QueryForm for CreateAccountInput {}

/// What `CreateAccount` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccountOutput {
    /// 12 digits.
    pub account_id: String,
    /// The access key of the account's root.
    pub access_key_id: String,
    /// Its secret, which is told this once.
    pub secret_access_key: String,
}

impl QueryForm for CreateAccountOutput {}

/// Lists the accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ListAccountsInput {}

impl QueryForm for ListAccountsInput {}

/// What `ListAccounts` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAccountsOutput {
    /// The accounts, in the order of their numbers.
    pub accounts: Vec<AccountSummary>,
}

impl QueryForm for ListAccountsOutput {}

/// An account, as `ListAccounts` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccountSummary {
    /// 12 digits.
    pub account_id: String,
    /// Whether it, or somebody of it, stands in the server's configuration.
    pub is_declared: bool,
    /// How many users it has.
    pub users: usize,
    /// How many roles it has.
    pub roles: usize,
}

/// Deletes an account that has nothing any more, with its root's access keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteAccountInput {
    /// 12 digits.
    pub account_id: Option<String>,
}

impl QueryForm for DeleteAccountInput {}

/// Makes a new access key for the root of an account, in place of those it has. It is answered as
/// `CreateAccount` is.
pub type ResetAccountKeyInput = CreateAccountInput;
