//! The `Policy` attribute: its shape, and the statements that permissions add to it. Who is allowed
//! what is for another part to decide.

use serde_json::{Map, Value, json};

use crate::attributes::{AttributeError, AttributeErrorKind};
use crate::limits::{
    POLICY_BYTES_MAX, POLICY_CONDITIONS_MAX, POLICY_PRINCIPALS_MAX, POLICY_STATEMENT_ACTIONS_MAX,
    POLICY_STATEMENTS_MAX,
};
use crate::permission::{self, Permission};

const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

/// Checks that `json` is a policy document: an object with a known version, whose statements are
/// objects with an effect, an action and a principal. The error is that of SQS, which does not say
/// what is wrong.
pub(crate) fn check(json: &str) -> Result<(), AttributeError> {
    let invalid = || AttributeError::invalid_value("Invalid value for the parameter Policy.");
    if json.len() > POLICY_BYTES_MAX {
        return Err(over_limit("Submitted policy is over max allowed size.".to_owned()));
    }
    let policy: Value = serde_json::from_str(json).map_err(|_| invalid())?;
    let version = policy.get("Version").map(|version| version.as_str().unwrap_or_default());
    if !policy.is_object() || version.is_some_and(|version| !VERSIONS.contains(&version)) {
        return Err(invalid());
    }
    let statements: Vec<&Value> = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err(invalid()),
    };
    check_counts(&statements)?;
    let all_are = !statements.is_empty() && statements.into_iter().all(is_statement);
    if all_are { Ok(()) } else { Err(invalid()) }
}

/// The sentences of SQS, as far as they are known; those for principals and conditions are like
/// them.
fn check_counts(statements: &[&Value]) -> Result<(), AttributeError> {
    let sum = |count: fn(&Value) -> usize| statements.iter().map(|one| count(one)).sum::<usize>();
    let actions = |statement: &Value| count(statement.get("Action"));
    let most_actions = statements.iter().map(|one| actions(one)).max().unwrap_or_default();
    let of_policy = "in the submitted policy";
    for (count, what, place, max) in [
        (statements.len(), "statements", of_policy, POLICY_STATEMENTS_MAX),
        (
            most_actions,
            "actions",
            "in a statement from the submitted policy",
            POLICY_STATEMENT_ACTIONS_MAX,
        ),
        (sum(principals), "principals", of_policy, POLICY_PRINCIPALS_MAX),
        (sum(conditions), "conditions", of_policy, POLICY_CONDITIONS_MAX),
    ] {
        if count > max {
            let message = format!("{count} {what} were found {place}, max allowed is {max}");
            return Err(over_limit(message));
        }
    }
    Ok(())
}

/// How many there are where one may stand without a list.
fn count(value: Option<&Value>) -> usize {
    match value {
        None => 0,
        Some(Value::Array(elements)) => elements.len(),
        Some(_) => 1,
    }
}

/// Everyone is one principal, and so is each account, user, role or service that is named.
fn principals(statement: &Value) -> usize {
    let of = |name| match statement.get(name) {
        Some(Value::Object(kinds)) => kinds.values().map(|named| count(Some(named))).sum(),
        everyone => count(everyone),
    };
    of("Principal") + of("NotPrincipal")
}

/// A condition is an operator with a key, whatever number of values the key is compared with.
fn conditions(statement: &Value) -> usize {
    let Some(Value::Object(operators)) = statement.get("Condition") else { return 0 };
    operators.values().map(|keys| keys.as_object().map_or(1, Map::len)).sum()
}

fn is_statement(statement: &Value) -> bool {
    let has = |names: [&str; 2]| names.iter().any(|name| statement.get(name).is_some());
    let effect = statement.get("Effect").and_then(Value::as_str);
    matches!(effect, Some("Allow" | "Deny"))
        && has(["Action", "NotAction"])
        && has(["Principal", "NotPrincipal"])
}

fn over_limit(message: String) -> AttributeError {
    AttributeError { kind: AttributeErrorKind::OverLimit, message }
}

/// `policy`, or the policy that SQS begins with when there is none, with a statement that says what
/// `permission` does for the queue with this ARN. What the policy says already stays.
pub(crate) fn with(
    policy: Option<&str>,
    queue_arn: &str,
    permission: &Permission,
) -> Result<String, AttributeError> {
    let label = permission.label.as_str();
    let mut document = Document::read(policy, queue_arn);
    if document.statements.iter().any(|statement| has_label(statement, label)) {
        return Err(permission::invalid("Label", label, "Already exists."));
    }
    let accounts = permission.accounts.iter().map(|id| format!("arn:aws:iam::{id}:root"));
    let actions = permission.actions.iter().map(|name| format!("SQS:{name}"));
    document.statements.push(json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_more(accounts.collect()) },
        "Action": one_or_more(actions.collect()),
        "Resource": queue_arn,
    }));
    let json = document.write();
    check(&json)?;
    Ok(json)
}

/// `policy` without the statement that is called `label`, or none if that was the last one.
pub(crate) fn without(policy: Option<&str>, label: &str) -> Result<Option<String>, AttributeError> {
    let mut document = Document::read(policy, "");
    let before = document.statements.len();
    document.statements.retain(|statement| !has_label(statement, label));
    match document.statements.len() {
        count if policy.is_none() || count == before => {
            Err(permission::invalid("Label", label, "can't find label."))
        }
        0 => Ok(None),
        _ => Ok(Some(document.write())),
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

/// SQS writes a list of one element as the element.
fn one_or_more(mut texts: Vec<String>) -> Value {
    if texts.len() == 1 { Value::from(texts.remove(0)) } else { Value::from(texts) }
}

/// A policy taken apart.
struct Document {
    /// Everything but the statements.
    members: Map<String, Value>,
    statements: Vec<Value>,
}

impl Document {
    fn read(policy: Option<&str>, queue_arn: &str) -> Document {
        let begun = || {
            let id = format!("{queue_arn}/SQSDefaultPolicy");
            json!({ "Version": VERSIONS[0], "Id": id, "Statement": [] })
        };
        let given =
            |json| serde_json::from_str(json).expect("a policy was checked when it was set");
        let document = Document::of(policy.map_or_else(begun, given));
        document.expect("a policy was checked when it was set")
    }

    fn try_read(policy: &str) -> Option<Document> {
        Document::of(serde_json::from_str(policy).ok()?)
    }

    fn of(policy: Value) -> Option<Document> {
        let Value::Object(mut members) = policy else { return None };
        let statements = match members.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            statement => statement.into_iter().collect(),
        };
        Some(Document { members, statements })
    }

    fn write(self) -> String {
        let Document { mut members, statements } = self;
        members.insert("Statement".to_owned(), Value::from(statements));
        write(&Value::from(members))
    }
}

/// The order in which SQS writes the members of a policy and of a statement.
const ORDER: [&str; 12] = [
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// Compact JSON, with members in the order of SQS and all others behind them.
fn write(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let rank = |name: &str| ORDER.iter().position(|known| *known == name);
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| rank(name).unwrap_or(ORDER.len()));
            let member = |(name, value): (&String, &Value)| {
                format!("{}:{}", Value::from(name.as_str()), write(value))
            };
            let members: Vec<_> = members.into_iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(elements) => {
            format!("[{}]", elements.iter().map(write).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// A policy with other texts in the places where it names principals of AWS, as `rename` tells; `None`
/// if none of them changes. What the policy says elsewhere stays.
pub fn rename_principals(policy: &str, rename: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut document = Document::try_read(policy)?;
    let mut is_changed = false;
    let statements = document.statements.iter_mut().filter_map(Value::as_object_mut);
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            let named = statement.get_mut(element).and_then(|kinds| kinds.get_mut("AWS"));
            let texts = match named {
                Some(Value::Array(texts)) => texts.as_mut_slice(),
                Some(text) => std::slice::from_mut(text),
                None => &mut [],
            };
            for text in texts {
                if let Some(renamed) = text.as_str().and_then(&rename) {
                    *text = Value::from(renamed);
                    is_changed = true;
                }
            }
        }
    }
    is_changed.then(|| document.write())
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

    fn with_statements(statements: usize) -> String {
        let statements = vec![STATEMENT; statements].join(",");
        format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
    }

    #[test]
    fn a_policy_has_the_shape_of_a_policy_edge_65() {
        for json in
            [with_statements(1), with_statements(20), format!(r#"{{"Statement":{STATEMENT}}}"#)]
        {
            assert_eq!(check(&json), Ok(()), "{json}");
        }
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
        ] {
            let error = check(json).expect_err(json);
            assert_eq!(error.message, "Invalid value for the parameter Policy.");
        }
    }

    #[test]
    fn a_policy_has_8192_bytes_at_most() {
        let padded = |length: usize| format!("{:<length$}", with_statements(1));
        assert_eq!(check(&padded(8192)), Ok(()));
        let error = check(&padded(8193)).unwrap_err();
        assert_eq!(error.kind, AttributeErrorKind::OverLimit);
        assert_eq!(error.message, "Submitted policy is over max allowed size.");
    }

    #[test]
    fn a_policy_has_at_most_20_statements_edge_66() {
        let error = check(&with_statements(22)).unwrap_err();
        assert_eq!(error.kind, AttributeErrorKind::OverLimit);
        assert_eq!(
            error.message,
            "22 statements were found in the submitted policy, max allowed is 20"
        );
    }

    fn statement(principal: &Value, actions: usize, conditions: usize) -> Value {
        let actions: Vec<_> = (0..actions).map(|number| format!("sqs:{number}")).collect();
        let key = |number| (format!("aws:{number}"), json!(["a", "b"]));
        let keys: Map<String, Value> = (0..conditions).map(key).collect();
        json!({
            "Effect": "Allow", "Principal": principal, "Action": actions,
            "Condition": { "StringEquals": keys },
        })
    }

    #[test]
    fn a_statement_has_at_most_7_actions_and_a_policy_50_principals_and_10_conditions() {
        let accounts = |count| json!({ "AWS": vec!["111111111111"; count], "Service": "s" });
        let policy = |statements: &[Value]| json!({ "Statement": statements }).to_string();
        let largest = [statement(&accounts(48), 7, 5), statement(&json!("*"), 7, 5)];
        assert_eq!(check(&policy(&largest)), Ok(()));
        for (more, told) in [
            (
                statement(&accounts(0), 8, 0),
                "8 actions were found in a statement from the submitted policy, max allowed is 7",
            ),
            (
                statement(&json!("*"), 1, 0),
                "51 principals were found in the submitted policy, max allowed is 50",
            ),
            (
                statement(&json!({}), 1, 1),
                "11 conditions were found in the submitted policy, max allowed is 10",
            ),
        ] {
            let error = check(&policy(&[&largest[..], &[more]].concat())).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (AttributeErrorKind::OverLimit, told));
        }
    }

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:q";

    fn permission(label: &str, accounts: &[&str], actions: &[&str]) -> Permission {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (accounts, actions): (Vec<_>, Vec<_>) = (owned(accounts), owned(actions));
        Permission::parse(label, &accounts, &actions).unwrap()
    }

    #[test]
    fn the_first_permission_makes_a_policy_edges_229_230() {
        let one = permission("L", &["111111111111"], &["ReceiveMessage"]);
        assert_eq!(
            with(None, ARN, &one).as_deref(),
            Ok(concat!(
                r#"{"Version":"2008-10-17","Id":"arn:aws:sqs:us-east-1:000000000000:q/SQSDefaultPolicy","#,
                r#""Statement":[{"Sid":"L","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"#,
                r#""Action":"SQS:ReceiveMessage","Resource":"arn:aws:sqs:us-east-1:000000000000:q"}]}"#
            ))
        );
        let several = permission("L", &["222222222222", "111111111111"], &["*", "SendMessage"]);
        let policy = with(None, ARN, &several).unwrap();
        let principals =
            r#"{"AWS":["arn:aws:iam::222222222222:root","arn:aws:iam::111111111111:root"]}"#;
        assert!(policy.contains(&format!(r#""Principal":{principals},"#)), "{policy}");
        assert!(policy.contains(r#""Action":["SQS:*","SQS:SendMessage"],"#), "{policy}");
    }

    #[test]
    fn a_permission_leaves_the_rest_of_the_policy_alone() {
        let given = r#"{ "Statement": { "Resource": "*", "NotAction": "sqs:DeleteQueue",
            "Condition": {"StringEquals": {"aws:a": "1"}}, "Principal": {"Service": "s", "AWS": "*"},
            "Sid": "own words", "Effect": "Deny" }, "Version": "2012-10-17" }"#;
        let own = r#"{"Sid":"own words","Effect":"Deny","Principal":{"AWS":"*","Service":"s"},"NotAction":"sqs:DeleteQueue","Resource":"*","Condition":{"StringEquals":{"aws:a":"1"}}}"#;
        let added = permission("L", &["111111111111"], &["SendMessage"]);
        let both = with(Some(given), ARN, &added).unwrap();
        let start = format!(r#"{{"Version":"2012-10-17","Statement":[{own},{{"Sid":"L","#);
        assert!(both.starts_with(&start), "{both}");
        let alone = format!(r#"{{"Version":"2012-10-17","Statement":[{own}]}}"#);
        assert_eq!(without(Some(&both), "L"), Ok(Some(alone)));
        assert_eq!(without(Some(given), "own words"), Ok(None), "a single statement is the last");
    }

    #[test]
    fn labels_are_unique_and_known_edges_231_232_233_234() {
        let [one, two] = ["L", "M"].map(|label| permission(label, &["111111111111"], &["*"]));
        let first = with(None, ARN, &one).unwrap();
        let error = with(Some(&first), ARN, &one).unwrap_err();
        assert_eq!(error.kind, AttributeErrorKind::InvalidParameter);
        assert_eq!(
            error.message,
            "Value L for parameter Label is invalid. Reason: Already exists."
        );
        let both = with(Some(&first), ARN, &two).unwrap();
        let second = without(Some(&both), "L").unwrap();
        assert_eq!(second, Some(with(None, ARN, &two).unwrap()));
        assert_eq!(without(second.as_deref(), "M"), Ok(None));
        for policy in [None, Some(first.as_str())] {
            for label in ["l", "M"] {
                let error = without(policy, label).unwrap_err();
                assert_eq!(error.kind, AttributeErrorKind::InvalidParameter);
                let sentence = format!(
                    "Value {label} for parameter Label is invalid. Reason: can't find label."
                );
                assert_eq!(error.message, sentence);
            }
        }
    }

    #[test]
    fn a_policy_grows_no_larger_than_it_may_be_set() {
        let added = permission("L", &["111111111111"], &["SendMessage"]);
        let many = json!({ "Statement": statement(&json!({ "AWS": vec!["a"; 50] }), 1, 0) });
        let error = with_permission_after(&many.to_string(), &added);
        assert_eq!(error, "51 principals were found in the submitted policy, max allowed is 50");
        let error = with_permission_after(&with_statements(20), &added);
        assert_eq!(error, "21 statements were found in the submitted policy, max allowed is 20");
        let long = with_statements(1).replace("sqs:SendMessage", &"a".repeat(8000));
        assert_eq!(check(&long), Ok(()));
        let error = with_permission_after(&long, &added);
        assert_eq!(error, "Submitted policy is over max allowed size.");
    }

    fn with_permission_after(policy: &str, added: &Permission) -> String {
        let error = with(Some(policy), ARN, added).unwrap_err();
        assert_eq!(error.kind, AttributeErrorKind::OverLimit);
        error.message
    }

    #[test]
    fn policies_are_compared_by_value() {
        assert!(same(r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#));
        assert!(!same(r#"{"a":1}"#, r#"{"a":2}"#));
    }

    #[test]
    fn principals_are_renamed_and_nothing_else() {
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["a","b"],"Service":"a"},"Action":"a","Resource":"a","Condition":{"StringEquals":{"k":"a"}}}}"#;
        let rename = |name: &str| (name == "a").then(|| "c".to_owned());
        let expected = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["c","b"],"Service":"a"},"Action":"a","Resource":"a","Condition":{"StringEquals":{"k":"a"}}}]}"#;
        assert_eq!(rename_principals(policy, rename).as_deref(), Some(expected));
        let one = r#"{"Statement":[{"Effect":"Deny","NotPrincipal":{"AWS":"a"}}]}"#;
        assert_eq!(rename_principals(one, rename), Some(one.replace(r#""a""#, r#""c""#)));
        assert_eq!(rename_principals(policy, |_| None), None);
        for other in
            ["", "[]", r#"{"Statement":["a",{"Principal":"a"},{"Principal":{"AWS":[1]}}]}"#]
        {
            assert_eq!(rename_principals(other, rename), None, "{other}");
        }
    }
}
