//! From JSON to the elements of a statement.

use std::collections::BTreeMap;

use super::error::PolicyError;
use super::principal::Principals;
use super::resource::Resources;
use super::{
    PolicyKind, QUEUE_ACTIONS_MAX, QUEUE_CONDITIONS_MAX, QUEUE_PRINCIPALS_MAX, QUEUE_STATEMENTS_MAX,
};
use crate::json::Json;

/// What is wrong with a document. IAM says it; SQS does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Json,
    Syntax,
    Version,
    NoAction,
    NoResource,
    NoPrincipal,
    DuplicateSid,
    Sid,
    NoVendor,
    Colons,
    Vendor(String),
    NoArn(String),
    ResourceVendor,
    Partition(String, String),
    HasPrincipal,
    HasResource,
    Principal(String, String),
    NotAssumeRole,
}

impl Fault {
    pub(super) fn text(self, kind: PolicyKind) -> String {
        let text = match self {
            Fault::Json if kind == PolicyKind::Trust => "This policy contains invalid Json",
            Fault::Json | Fault::Syntax => "Syntax errors in policy.",
            Fault::Version => "Policy document must be version 2012-10-17 or greater.",
            Fault::NoAction => "Policy statement must contain actions.",
            Fault::NoResource => "Policy statement must contain resources.",
            Fault::NoPrincipal => "Missing required field Principal",
            Fault::DuplicateSid => "Statement IDs (SID) in a single policy must be unique.",
            Fault::Sid => {
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
            }
            Fault::NoVendor => {
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            }
            Fault::Colons => "Actions/Condition can contain only one colon.",
            Fault::Vendor(vendor) => return format!("Vendor {vendor} is not valid"),
            Fault::NoArn(resource) => {
                return format!("Resource {resource} must be in ARN format or \"*\".");
            }
            Fault::ResourceVendor => {
                "Resource vendor must be fully qualified and cannot contain regexes."
            }
            Fault::Partition(partition, arn) => {
                return format!("Partition \"{partition}\" is not valid for resource \"{arn}\".");
            }
            Fault::HasPrincipal => "Policy document should not specify a principal.",
            Fault::HasResource => "Has prohibited field Resource",
            Fault::Principal(key, value) => {
                return format!("Invalid principal in policy: \"{key}\":\"{value}\"");
            }
            Fault::NotAssumeRole => "AssumeRole policy may only specify STS AssumeRole actions.",
        };
        text.to_owned()
    }
}

/// The members of an object, all of them known.
pub(super) struct Members<'a>(&'a BTreeMap<String, Json>);

impl<'a> Members<'a> {
    pub(super) fn of(json: &'a Json, known: &[&str]) -> Result<Members<'a>, Fault> {
        let Json::Object(members) = json else { return Err(Fault::Syntax) };
        let are_known = members.keys().all(|name| known.contains(&name.as_str()));
        if are_known { Ok(Members(members)) } else { Err(Fault::Syntax) }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Fault::Syntax),
        }
    }

    /// An element or its negation, of which there may be one, and whether it is the negation.
    pub(super) fn either(&self, name: &str) -> Result<Option<(&'a Json, bool)>, Fault> {
        match (self.get(name), self.get(&format!("Not{name}"))) {
            (Some(_), Some(_)) => Err(Fault::Syntax),
            (Some(json), None) => Ok(Some((json, false))),
            (None, negated) => Ok(negated.map(|json| (json, true))),
        }
    }
}

/// A text or several; one of them may not be empty.
pub(super) fn texts(json: &Json) -> Result<Vec<&str>, Fault> {
    list(json).into_iter().map(text).collect()
}

fn text(json: &Json) -> Result<&str, Fault> {
    match json {
        Json::Text(text) if !text.is_empty() => Ok(text),
        _ => Err(Fault::Syntax),
    }
}

/// One element and a list of one are the same thing.
pub(super) fn list(json: &Json) -> Vec<&Json> {
    match json {
        Json::List(elements) => elements.iter().collect(),
        single => vec![single],
    }
}

pub(super) fn statements<'a>(members: &Members<'a>) -> Result<Vec<&'a Json>, Fault> {
    let statements = members.get("Statement").map(list).unwrap_or_default();
    let are_objects = statements.iter().all(|json| matches!(json, Json::Object(_)));
    if statements.is_empty() || !are_objects { Err(Fault::Syntax) } else { Ok(statements) }
}

/// What SQS counts before it looks any closer.
pub(super) fn check_counts(statements: &[&Json]) -> Result<(), PolicyError> {
    let check = |count: usize, what: &str, max: usize| {
        let message = format!("{count} {what} the submitted policy, max allowed is {max}");
        if count > max { Err(PolicyError::OverLimit(message)) } else { Ok(()) }
    };
    check(statements.len(), "statements were found in", QUEUE_STATEMENTS_MAX)?;
    let sum = |count: fn(&Json) -> usize, names: &[&str]| -> Vec<usize> {
        let members = |json: &&Json| match json {
            Json::Object(members) => {
                names.iter().filter_map(|name| members.get(*name)).map(count).sum()
            }
            _ => 0,
        };
        statements.iter().map(members).collect()
    };
    let actions = sum(|json| list(json).len(), &["Action", "NotAction"]);
    for count in actions {
        check(count, "actions were found in a statement from", QUEUE_ACTIONS_MAX)?;
    }
    let leaves = |json: &Json| match json {
        Json::Object(members) => members.values().map(|json| list(json).len()).sum(),
        _ => 1,
    };
    let principals = sum(leaves, &["Principal", "NotPrincipal"]);
    check(principals.iter().sum(), "principals were found in", QUEUE_PRINCIPALS_MAX)?;
    let keys = |json: &Json| match json {
        Json::Object(operators) => operators.values().map(member_count).sum(),
        _ => 0,
    };
    let conditions = sum(keys, &["Condition"]);
    check(conditions.iter().sum(), "conditions were found in", QUEUE_CONDITIONS_MAX)
}

fn member_count(json: &Json) -> usize {
    if let Json::Object(members) = json { members.len() } else { 0 }
}

pub(super) fn principals(
    kind: PolicyKind,
    members: &Members<'_>,
) -> Result<Option<Principals>, Fault> {
    match (members.either("Principal")?, kind.has_principals()) {
        (None, false) => Ok(None),
        (Some((json, negated)), true) => Principals::read(json, negated).map(Some),
        (None, true) => Err(Fault::NoPrincipal),
        (Some(_), false) => Err(Fault::HasPrincipal),
    }
}

pub(super) fn resources(
    kind: PolicyKind,
    members: &Members<'_>,
    has_variables: bool,
) -> Result<Option<Resources>, Fault> {
    match (members.either("Resource")?, kind) {
        (None, PolicyKind::Trust) => Ok(None),
        (Some(_), PolicyKind::Trust) => Err(Fault::HasResource),
        (None, _) => Err(Fault::NoResource),
        (Some((Json::List(list), _)), _) if list.is_empty() => Err(Fault::NoResource),
        (Some((json, negated)), _) => {
            let texts = texts(json)?;
            let is_strict = kind != PolicyKind::Queue;
            if is_strict {
                texts.iter().try_for_each(|text| super::resource::check(text))?;
            }
            Ok(Some(Resources::read(&texts, negated, has_variables)))
        }
    }
}
