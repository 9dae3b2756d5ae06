//! `AssumeRole`

use formiga_auth::caller::Caller;
use formiga_auth::evaluate::{self, Request};
use formiga_auth::policy::{Policy, PolicyError, PolicyKind};
use formiga_auth::session_token::{SessionOf, SessionTooLarge};
use formiga_engine::names::AccountId;
use formiga_wire::error::{ErrorKind, quoted};
use formiga_wire::sts::{AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser};

use super::session;
use crate::authorization::Access;
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::iam::checks::{Checks, Rule};
use crate::keys::is_name_byte;

const DURATION: i64 = 3600;
const DURATION_MIN: i64 = 900;
const DURATION_MAX: i64 = 43_200;
/// "Role chaining limits your session to a maximum of one hour."
const DURATION_CHAINED_MAX: i64 = 3600;

const ROLE_ARN: Rule = Rule { min: 20, max: 2048, pattern: None };
const SESSION_NAME: Rule = Rule {
    min: 2,
    max: 64,
    pattern: Some((r"[\w+=,.@-]*", |text| text.bytes().all(is_name_byte))),
};
const POLICY: Rule = Rule { min: 1, max: 2048, pattern: None };
const EXTERNAL_ID: Rule = Rule {
    min: 2,
    max: 1224,
    pattern: Some((r"[\w+=,.@:\/-]*", |text| {
        text.bytes().all(|byte| is_name_byte(byte) || b":/".contains(&byte))
    })),
};

/// Begins a session of a role, if its trust policy lets the caller. Who may not assume a role does
/// not learn whether it exists.
pub(super) fn assume_role(
    ctx: &Context,
    input: &AssumeRoleInput,
) -> Result<AssumeRoleOutput, ApiError> {
    let access = ctx.access.as_ref().ok_or_else(error::nobody_is_checked)?;
    let caller = &access.principal.caller;
    if matches!(caller, Caller::Anonymous) {
        return Err(error::unsigned());
    }
    let (role_arn, session_name) = check(input)?;
    let account = account_of(role_arn)
        .ok_or_else(|| validation(format!("{} is invalid", quoted(role_arn))))?;
    if matches!(caller, Caller::Root { .. }) {
        let message = "Roles may not be assumed by root accounts.";
        return Err(ApiError::new(ErrorKind::AccessDenied, message));
    }
    let policy = input.policy.as_deref().map(parse_session_policy).transpose()?;
    let entity = access.identities.read().by_arn(role_arn).cloned();
    let role = entity.as_ref().and_then(|entity| entity.role.as_ref());
    authorize(ctx, access, input, account, role.map(|role| &role.trust))?;
    let Some((entity, role)) = entity.as_ref().zip(role) else {
        return Err(error::invalid_token()); // Nobody may assume what does not exist.
    };
    let asked = input.duration_seconds.unwrap_or(DURATION);
    if asked > i64::from(role.record.max_session_seconds) {
        let message =
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
        return Err(validation(message));
    }
    if access.principal.session.is_some() && asked > DURATION_CHAINED_MAX {
        let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
        return Err(validation(message));
    }
    let (role_id, role_name) = (entity.record.unique_id.clone(), &entity.record.name);
    let of = SessionOf::Role { unique_id: role_id.clone(), session_name: session_name.to_owned() };
    let account = account.to_string();
    let begun = session::begin(access, &account, of, asked, policy.clone());
    let (credentials, percent) = begun.map_err(|SessionTooLarge { percent }| {
        let message = format!(
            "Packed policy consumes {percent}% of allotted space, please use smaller policy."
        );
        ApiError::new(ErrorKind::PackedPolicyTooLarge, message)
    })?;
    Ok(AssumeRoleOutput {
        assumed_role_user: AssumedRoleUser {
            assumed_role_id: format!("{role_id}:{session_name}"),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"),
        },
        credentials,
        packed_policy_size: policy.and_then(|_| i64::try_from(percent).ok()),
    })
}

/// The role and the name of the session.
fn check(input: &AssumeRoleInput) -> Result<(&str, &str), ApiError> {
    let mut checks = Checks::default();
    let role_arn = checks.required("roleArn", input.role_arn.as_deref(), ROLE_ARN);
    let name = input.role_session_name.as_deref();
    let session_name = checks.required("roleSessionName", name, SESSION_NAME);
    checks.range("durationSeconds", input.duration_seconds, DURATION_MIN, DURATION_MAX);
    checks.optional("policy", input.policy.as_deref(), POLICY);
    checks.optional("externalId", input.external_id.as_deref(), EXTERNAL_ID);
    for (member, is_given) in [
        ("policyArns", input.policy_arns.is_some()),
        ("tags", input.tags.is_some()),
        ("transitiveTagKeys", input.transitive_tag_keys.is_some()),
        ("serialNumber", input.serial_number.is_some()),
        ("tokenCode", input.token_code.is_some()),
        ("sourceIdentity", input.source_identity.is_some()),
        ("providedContexts", input.provided_contexts.is_some()),
    ] {
        checks.unsupported(member, is_given);
    }
    checks.done()?;
    Ok((role_arn, session_name))
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorKind::ValidationError, message)
}

/// The account of a role's ARN.
fn account_of(arn: &str) -> Option<AccountId> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", _, "iam", "", account, name] if name.starts_with("role/") => {
            AccountId::parse(account).ok()
        }
        _ => None,
    }
}

/// What narrows the session down, as short as it can be written.
fn parse_session_policy(json: &str) -> Result<String, ApiError> {
    Policy::parse_iam(PolicyKind::Session, json).map_err(|error| match error {
        PolicyError::LimitExceeded { .. } => {
            ApiError::new(ErrorKind::PackedPolicyTooLarge, error.to_string())
        }
        error => ApiError::new(ErrorKind::MalformedPolicyDocument, error.to_string()),
    })?;
    let compact = serde_json::from_str::<serde_json::Value>(json).map(|json| json.to_string());
    compact.map_err(|error| ApiError::new(ErrorKind::MalformedPolicyDocument, error.to_string()))
}

fn authorize(
    ctx: &Context,
    access: &Access,
    input: &AssumeRoleInput,
    account: AccountId,
    trust: Option<&Policy>,
) -> Result<(), ApiError> {
    let mut conditions = access.conditions(ctx.caller.region.as_str());
    for (key, value) in
        [("sts:ExternalId", &input.external_id), ("sts:RoleSessionName", &input.role_session_name)]
    {
        if let Some(value) = value {
            conditions.set(key, value);
        }
    }
    let request = Request {
        caller: &access.principal.caller,
        action: "sts:AssumeRole",
        resource: input.role_arn.as_deref().unwrap_or_default(),
        resource_account: account.as_str(),
        context: &conditions,
    };
    let decision = evaluate::evaluate_assume_role(&request, &access.policies(trust));
    match decision.refusal(&request, &access.url) {
        None => Ok(()),
        Some(refusal) => Err(ApiError::new(ErrorKind::AccessDenied, refusal)),
    }
}
