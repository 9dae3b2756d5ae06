//! The `Policy` attribute: its shape. Who is allowed what is for another part to decide.

use serde_json::Value;

use crate::attributes::{AttributeError, AttributeErrorKind};
use crate::limits::{POLICY_BYTES_MAX, POLICY_STATEMENTS_MAX};

const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// Checks that `json` is a policy document: an object with a known version, whose statements are
/// objects with an effect, an action and a principal. The error is that of SQS, which does not say
/// what is wrong.
pub(crate) fn check(json: &str) -> Result<(), AttributeError> {
    let invalid = || AttributeError::invalid_value("Invalid value for the parameter Policy.");
    if json.len() > POLICY_BYTES_MAX {
        return Err(invalid());
    }
    let policy: Value = serde_json::from_str(json).map_err(|_| invalid())?;
    let version = policy.get("Version").map(|version| version.as_str().unwrap_or_default());
    if !policy.is_object() || version.is_some_and(|version| !VERSIONS.contains(&version)) {
        return Err(invalid());
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(invalid()),
    };
    if statements.len() > POLICY_STATEMENTS_MAX {
        return Err(AttributeError {
            kind: AttributeErrorKind::OverLimit,
            message: format!(
                "{} statements were found in the submitted policy, max allowed is {POLICY_STATEMENTS_MAX}",
                statements.len()
            ),
        });
    }
    let all_are = !statements.is_empty() && statements.into_iter().all(is_statement);
    if all_are { Ok(()) } else { Err(invalid()) }
}

fn is_statement(statement: &Value) -> bool {
    let has = |names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());
    let effect = statement.get("Effect").and_then(Value::as_str);
    matches!(effect, Some("Allow" | "Deny"))
        && has(["Action", "NotAction"])
        && has(["Principal", "NotPrincipal"])
}

/// Whether two policies are the same document, however they are written.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let value = |json| serde_json::from_str::<Value>(json).ok();
    one == other || value(one).is_some_and(|one| value(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATEMENT: &str =
        r#"{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}"#;

    fn with(statements: usize) -> String {
        let statements = vec![STATEMENT; statements].join(",");
        format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
    }

    #[test]
    fn a_policy_has_the_shape_of_a_policy_edge_65() {
        for json in [with(1), with(20), format!(r#"{{"Statement":{STATEMENT}}}"#)] {
            assert_eq!(check(&json), Ok(()), "{json}");
        }
        let padded = format!("{}{}", with(1), " ".repeat(8192));
        for json in [
            "badjson",
            "[]",
            "533",
            "{}",
            r#"{"Version":"4532-10-17","Statement":[]}"#,
            r#"{"Version":"2012-10-17","Statement":[]}"#,
            r#"{"Version":"2012-10-17","Statement":[{}]}"#,
            r#"{"Version":"2012-10-17","Statement":["x"]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Principal":"*","Action":"*"}]}"#,
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*"}]}"#,
            &padded,
        ] {
            let error = check(json).expect_err(json);
            assert_eq!(error.message, "Invalid value for the parameter Policy.");
        }
    }

    #[test]
    fn a_policy_has_at_most_20_statements_edge_66() {
        let error = check(&with(22)).unwrap_err();
        assert_eq!(error.kind, AttributeErrorKind::OverLimit);
        assert_eq!(
            error.message,
            "22 statements were found in the submitted policy, max allowed is 20"
        );
    }

    #[test]
    fn policies_are_compared_by_value() {
        assert!(same(r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#));
    }
}
