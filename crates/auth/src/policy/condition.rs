//! [`Condition`]: what has to be so for a statement to apply.

mod test;
mod value;

use super::read::{Fault, list};
use super::template::Lookup;
use crate::json::Json;
use test::Test;
pub(crate) use value::Values;

/// One key under one operator. All conditions of a statement have to be met.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    operator: Operator,
    /// In lower case: names of keys have no case.
    key: String,
    tests: Vec<Test>,
}

#[derive(Clone, Copy, Debug)]
struct Operator {
    set: Option<Set>,
    family: Family,
    negated: bool,
    if_exists: bool,
}

/// How the values of a request are asked when there may be several.
#[derive(Clone, Copy, Debug)]
enum Set {
    ForAllValues,
    ForAnyValue,
}

/// How one value is compared with one of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Relation),
    Date(Relation),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

/// The request's value on the left, the policy's on the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

pub(super) fn read(json: Option<&Json>, has_variables: bool) -> Result<Vec<Condition>, Fault> {
    let operators = match json {
        None => return Ok(Vec::new()),
        Some(Json::Object(operators)) => operators,
        Some(_) => return Err(Fault::Syntax),
    };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let (operator, Json::Object(keys)) = (Operator::parse(name).ok_or(Fault::Syntax)?, keys)
        else {
            return Err(Fault::Syntax);
        };
        for (key, values) in keys {
            let tests = tests(values, operator.family, has_variables)?;
            if key.is_empty() || tests.is_empty() {
                return Err(Fault::Syntax);
            }
            conditions.push(Condition { operator, key: key.to_lowercase(), tests });
        }
    }
    Ok(conditions)
}

fn tests(values: &Json, family: Family, has_variables: bool) -> Result<Vec<Test>, Fault> {
    let test = |json: &Json| match json {
        Json::Text(text) | Json::Scalar(text) => Ok(Test::read(family, text, has_variables)),
        _ => Err(Fault::Syntax),
    };
    list(values).into_iter().map(test).collect()
}

impl Operator {
    fn parse(name: &str) -> Option<Operator> {
        let (set, name) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAllValues", name)) => (Some(Set::ForAllValues), name),
            Some(("ForAnyValue", name)) => (Some(Set::ForAnyValue), name),
            Some(_) => return None,
        };
        let (base, if_exists) = match name.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (name, false),
        };
        let (family, negated) = family(base)?;
        let is_plain = set.is_none() && !if_exists;
        (family != Family::Null || is_plain).then_some(Operator { set, family, negated, if_exists })
    }
}

fn family(name: &str) -> Option<(Family, bool)> {
    if let Some(relation) = name.strip_prefix("Numeric") {
        return relate(relation).map(|(relation, negated)| (Family::Numeric(relation), negated));
    }
    if let Some(relation) = name.strip_prefix("Date") {
        return relate(relation).map(|(relation, negated)| (Family::Date(relation), negated));
    }
    Some(match name {
        "StringEquals" => (Family::StringEquals, false),
        "StringNotEquals" => (Family::StringEquals, true),
        "StringEqualsIgnoreCase" => (Family::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Family::StringEqualsIgnoreCase, true),
        "StringLike" => (Family::StringLike, false),
        "StringNotLike" => (Family::StringLike, true),
        "Bool" => (Family::Bool, false),
        "BinaryEquals" => (Family::Binary, false),
        "IpAddress" => (Family::IpAddress, false),
        "NotIpAddress" => (Family::IpAddress, true),
        "ArnEquals" | "ArnLike" => (Family::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Family::Arn, true),
        "Null" => (Family::Null, false),
        _ => return None,
    })
}

fn relate(name: &str) -> Option<(Relation, bool)> {
    Some(match name {
        "Equals" => (Relation::Equals, false),
        "NotEquals" => (Relation::Equals, true),
        "LessThan" => (Relation::LessThan, false),
        "LessThanEquals" => (Relation::LessThanEquals, false),
        "GreaterThan" => (Relation::GreaterThan, false),
        "GreaterThanEquals" => (Relation::GreaterThanEquals, false),
        _ => return None,
    })
}

impl Condition {
    /// The key, in lower case.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Whether a value cannot be read as what its operator compares. It matches nothing.
    pub(super) fn has_unreadable_value(&self) -> bool {
        self.tests.iter().any(|test| matches!(test, Test::Unreadable))
    }

    /// Whether the condition is met, given the values that the request has for its key. The other
    /// keys are looked up for policy variables.
    pub(crate) fn is_met(&self, values: &Values<'_>, lookup: Lookup<'_>) -> bool {
        let Operator { set, family, negated, if_exists } = self.operator;
        let values = values.as_slice();
        if family == Family::Null {
            return self.tests.iter().any(|test| test.is_null(values.is_empty()));
        }
        let matches = |value: &String| self.tests.iter().any(|test| test.matches(value, lookup));
        let fits = |value: &String| matches(value) != negated;
        match set {
            _ if values.is_empty() && if_exists => true,
            Some(Set::ForAllValues) => values.iter().all(fits),
            Some(Set::ForAnyValue) => values.iter().any(fits),
            // AWS leaves it open what several values mean without a set operator.
            None => values.iter().any(matches) != negated,
        }
    }
}
