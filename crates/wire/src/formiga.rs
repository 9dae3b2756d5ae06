//! The server's own AWS JSON service, `Formiga`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::form::QueryForm;
use crate::sqs::MessageAttributeValue;

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

/// Asks whether somebody may do something, and which statement of which policy decides it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ExplainAccessInput {
    /// Who: the ARN of a user, a role, a role's session or an account's root, 12 digits, a service
    /// such as `sns.amazonaws.com`, or `*` for anyone who does not sign; the caller by default.
    pub principal: Option<String>,
    /// What: a permission such as `sqs:SendMessage`.
    pub action: Option<String>,
    /// On what: a queue's ARN, URL or name, or the ARN of a user or role.
    pub resource: Option<String>,
    /// What conditions compare, in place of what this request has.
    pub context: Option<BTreeMap<String, Vec<String>>>,
}

impl QueryForm for ExplainAccessInput {}

/// What `ExplainAccess` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExplainAccessOutput {
    /// Whether it is allowed.
    pub is_allowed: bool,
    /// The kind of rule that decided, such as `ExplicitDeny`.
    pub decided_by: String,
    /// The kind of policy that would have to allow it, and does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// The same in sentences.
    pub reason: String,
    /// Whether the policies of the principal's account, which are not the caller's to read, were
    /// taken to allow everything.
    pub is_own_side_assumed: bool,
    /// Who was asked about.
    pub principal: String,
    /// What was asked about.
    pub action: String,
    /// On what.
    pub resource: String,
    /// What conditions compared.
    pub context: BTreeMap<String, Vec<String>>,
    /// Every statement of the policies that bear on it and are the caller's to read.
    pub statements: Vec<ExplainedStatement>,
}

impl QueryForm for ExplainAccessOutput {}

/// What one statement has to say, as `ExplainAccess` tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExplainedStatement {
    /// `Identity`, `Session`, `Resource` or `Trust`.
    pub policy_type: String,
    /// What the policy is called, if it is a user's or role's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// The statement's place in its policy, from 0.
    pub index: usize,
    /// The statement's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Whether all of it fits the request.
    pub applies: bool,
    /// Else the first element that does not: `Principal`, `Action`, `Resource` or `Condition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmatched: Option<String>,
    /// The key of that condition, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition_key: Option<String>,
    /// Whether it decided.
    pub is_deciding: bool,
}

/// Shows messages without receiving them: all conditions have to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PeekMessagesInput {
    /// Which queue.
    pub queue_url: Option<String>,
    /// At most how many messages to show, 1 to 100.
    pub max_results: Option<i64>,
    /// Where the page before has ended.
    pub next_token: Option<String>,
    /// `Visible`, `InFlight`, `Delayed`; without it all of them.
    pub states: Option<Vec<String>>,
    /// What the body, or the text of an attribute, contains.
    pub text: Option<String>,
    /// The message group.
    pub message_group_id: Option<String>,
    /// An attribute that the message has.
    pub attribute_name: Option<String>,
    /// The text of that attribute.
    pub attribute_value: Option<String>,
    /// For how many seconds, at least, the message has been in existence.
    pub minimum_age_seconds: Option<i64>,
    /// For how many seconds, at most.
    pub maximum_age_seconds: Option<i64>,
}

impl QueryForm for PeekMessagesInput {}

/// What `PeekMessages` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeekMessagesOutput {
    /// The messages, in the order in which they become available.
    pub messages: Vec<PeekedMessage>,
    /// Where to go on; none when everything was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    /// How many messages this call has looked at.
    pub scanned: usize,
}

impl QueryForm for PeekMessagesOutput {}

/// A message, as `PeekMessages` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PeekedMessage {
    /// The id it was given when it was sent.
    pub message_id: String,
    /// `Visible`, `InFlight` or `Delayed`.
    pub state: String,
    /// Until when it is in flight or delayed, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// The body.
    pub body: String,
    /// Its MD5, in hexadecimal digits.
    #[serde(rename = "MD5OfBody")]
    pub md5_of_body: String,
    /// The system attributes, as `ReceiveMessage` names them.
    pub attributes: BTreeMap<String, String>,
    /// The message's own attributes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub message_attributes: BTreeMap<String, MessageAttributeValue>,
}
