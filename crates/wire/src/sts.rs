//! The input and output struct of each STS action, in the manner of [`crate::sqs`].

use serde::{Deserialize, Serialize};

use crate::form::{Member, QueryForm, members, members_of};
use crate::iam::Tag;

/// Tells who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetCallerIdentityInput {}

impl QueryForm for GetCallerIdentityInput {}

/// What `GetCallerIdentity` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetCallerIdentityOutput {
    /// The ARN of the caller.
    pub arn: String,
    /// The unique id of the caller.
    pub user_id: String,
    /// The account of the caller.
    pub account: String,
}

impl QueryForm for GetCallerIdentityOutput {}

/// Begins a session of the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GetSessionTokenInput {
    /// How long the session lasts.
    pub duration_seconds: Option<i64>,
    /// A device, which is not supported.
    pub serial_number: Option<String>,
    /// A device's code, which is not supported.
    pub token_code: Option<String>,
}

impl QueryForm for GetSessionTokenInput {}

/// What a session signs with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Credentials {
    /// Begins with `ASIA`.
    pub access_key_id: String,
    /// The secret key.
    pub secret_access_key: String,
    /// Is sent with each request.
    pub session_token: String,
    /// When the session ends.
    pub expiration: String,
}

impl QueryForm for Credentials {}

/// What `GetSessionToken` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSessionTokenOutput {
    /// What the session signs with.
    pub credentials: Credentials,
}

impl QueryForm for GetSessionTokenOutput {}

/// A managed policy, which is not supported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PolicyDescriptor {
    /// The ARN of the policy.
    pub arn: Option<String>,
}

impl QueryForm for PolicyDescriptor {}

/// What an identity provider vouches for, which is not supported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ProvidedContext {
    /// The ARN of the provider.
    pub provider_arn: Option<String>,
    /// What it says.
    pub context_assertion: Option<String>,
}

impl QueryForm for ProvidedContext {}

/// Begins a session of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssumeRoleInput {
    /// The role.
    pub role_arn: Option<String>,
    /// What the session is called.
    pub role_session_name: Option<String>,
    /// How long it lasts.
    pub duration_seconds: Option<i64>,
    /// What it is narrowed down with: a policy.
    pub policy: Option<String>,
    /// What a trust policy may ask for.
    pub external_id: Option<String>,
    /// Managed policies, which are not supported.
    pub policy_arns: Option<Vec<PolicyDescriptor>>,
    /// Tags of the session, which are not supported.
    pub tags: Option<Vec<Tag>>,
    /// Tags to pass on, which are not supported.
    pub transitive_tag_keys: Option<Vec<String>>,
    /// A device, which is not supported.
    pub serial_number: Option<String>,
    /// A device's code, which is not supported.
    pub token_code: Option<String>,
    /// Who is behind the session, which is not supported.
    pub source_identity: Option<String>,
    /// What providers vouch for, which is not supported.
    pub provided_contexts: Option<Vec<ProvidedContext>>,
}

impl QueryForm for AssumeRoleInput {
    const MEMBERS: &[Member] = &[
        members_of::<PolicyDescriptor>("PolicyArns"),
        members_of::<Tag>("Tags"),
        members("TransitiveTagKeys"),
        members_of::<ProvidedContext>("ProvidedContexts"),
    ];
}

/// A session of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumedRoleUser {
    /// The unique id of the role and the name of the session.
    pub assumed_role_id: String,
    /// The ARN of the session.
    pub arn: String,
}

impl QueryForm for AssumedRoleUser {}

/// What `AssumeRole` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssumeRoleOutput {
    /// The session.
    pub assumed_role_user: AssumedRoleUser,
    /// What the session signs with.
    pub credentials: Credentials,
    /// How much of the token its policy takes, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packed_policy_size: Option<i64>,
}

impl QueryForm for AssumeRoleOutput {}
