//! What is a policy, and what is told who sends something else.

use super::*;

const OWNER: &str = "111111111111";
const STATEMENT: &str =
    r#"{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"*"}"#;

fn queue(json: &str) -> Result<Policy, String> {
    Policy::parse_queue(json, OWNER).map_err(|error| format!("{}: {error}", error.code()))
}

fn iam(kind: PolicyKind, json: &str) -> Result<Policy, String> {
    Policy::parse_iam(kind, json).map_err(|error| format!("{}: {error}", error.code()))
}

fn with_statements(statements: &[&str]) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// A statement of a queue's policy with one element replaced.
fn with(name: &str, element: &str) -> String {
    let mut members = vec![
        ("Effect", r#""Allow""#),
        ("Principal", r#""*""#),
        ("Action", r#""sqs:SendMessage""#),
        ("Resource", r#""*""#),
    ];
    members.retain(|(known, _)| *known != name && format!("Not{known}") != name);
    members.push((name, element));
    members.retain(|(_, element)| !element.is_empty());
    let members: Vec<_> =
        members.iter().map(|(name, element)| format!("\"{name}\":{element}")).collect();
    with_statements(&[&format!("{{{}}}", members.join(","))])
}

const INVALID: &str = "InvalidAttributeValue: Invalid value for the parameter Policy.";

#[test]
fn a_queues_policy_has_known_elements() {
    for json in [
        with_statements(&[STATEMENT]),
        format!(r#"{{"Statement":{STATEMENT}}}"#),
        format!(r#"{{"Version":"2008-10-17","Id":"","Statement":{STATEMENT}}}"#),
        with("Sid", r#""a-b_c d""#),
        with("Sid", r#""""#),
        with("NotAction", r#""sqs:*""#),
        with("NotResource", r#"["q","https://example.com/q"]"#),
        with("NotPrincipal", r#"{"AWS":"111111111111"}"#),
        with("Action", r#"["SQS:sendmessage","sqs:Describe*","sqs:SendMessageBatch","*"]"#),
        with("Condition", "{}"),
        with("Condition", r#"{"StringEquals":{"aws:x":""},"Bool":{"aws:y":[true,"false"]}}"#),
        with("Condition", r#"{"ForAnyValue:StringLikeIfExists":{"aws:x":["a","b"]}}"#),
        with(
            "Principal",
            r#"{"AWS":["222222222222","*"],"Service":"sns.amazonaws.com","Federated":"x"}"#,
        ),
    ] {
        assert!(queue(&json).is_ok(), "{json}");
    }
    for json in [
        "",
        "badjson",
        "[]",
        "533",
        "{}",
        r#"{"Version":"2012-10-17","Statement":[]}"#,
        r#"{"Version":"2012-10-17","Statement":[{}]}"#,
        r#"{"Version":"2012-10-17","Statement":["x"]}"#,
        &format!(r#"{{"Version":"4532-10-17","Statement":{STATEMENT}}}"#),
        &format!(r#"{{"Version":2012,"Statement":{STATEMENT}}}"#),
        &format!(r#"{{"Other":1,"Statement":{STATEMENT}}}"#),
        &format!(r#"{{"Statement":{STATEMENT},"Statement":{STATEMENT}}}"#),
        &format!(r#"{{"statement":{STATEMENT}}}"#),
        &with("Effect", r#""allow""#),
        &with("Effect", ""),
        &with("Principal", ""),
        &with("Action", ""),
        &with("Resource", ""),
        &with("Action", "[]"),
        &with("Resource", "[]"),
        &with("Action", r#""""#),
        &with("Action", r#"[["sqs:*"]]"#),
        &with("Action", r#""sns:Publish""#),
        &with("Action", r#""SendMessage""#),
        &with("Action", r#""*:SendMessage""#),
        &with("Action", r#""sqs:Send:Message""#),
        &with("Principal", r#""222222222222""#),
        &with("Principal", "{}"),
        &with("Principal", r#"{"AWS":[]}"#),
        &with("Principal", r#"{"AWS":"arn:aws:iam::222222222222:user/*"}"#),
        &with("Principal", r#"{"Other":"*"}"#),
        &with("Condition", "[]"),
        &with("Condition", r#"{"StringIs":{"aws:x":"y"}}"#),
        &with("Condition", r#"{"stringEquals":{"aws:x":"y"}}"#),
        &with("Condition", r#"{"NullIfExists":{"aws:x":"true"}}"#),
        &with("Condition", r#"{"ForAnyValue:Null":{"aws:x":"true"}}"#),
        &with("Condition", r#"{"ForSomeValues:StringEquals":{"aws:x":"y"}}"#),
        &with("Condition", r#"{"StringEquals":{"aws:x":[]}}"#),
        &with("Condition", r#"{"StringEquals":{"aws:x":null}}"#),
        &with("Condition", r#"{"StringEquals":{"aws:x":{"y":"z"}}}"#),
        &with("Condition", r#"{"StringEquals":{"":"y"}}"#),
        &with("Condition", r#"{"NumericEquals":{"aws:x":"y"}}"#),
        &with("Condition", r#"{"IpAddress":{"aws:SourceIp":"10.0.0/8"}}"#),
        &with("Condition", r#"{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}"#),
        &with("Condition", r#"{"Null":{"aws:x":"maybe"}}"#),
        &with("Other", "1"),
        &with_statements(&[
            r#"{"Effect":"Allow","Principal":"*","NotPrincipal":"*","Action":"*","Resource":"*"}"#,
        ]),
        &with_statements(&[
            r#"{"Effect":"Allow","Principal":"*","Action":"*","NotAction":"*","Resource":"*"}"#,
        ]),
        &with_statements(
            &[r#"{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#; 2],
        ),
    ] {
        assert_eq!(queue(json).expect_err(json), INVALID, "{json}");
    }
}

#[test]
fn a_queues_policy_is_limited() {
    let padded = |length: usize| format!("{:<length$}", with_statements(&[STATEMENT]));
    assert!(queue(&padded(8192)).is_ok());
    assert_eq!(
        queue(&padded(8193)).unwrap_err(),
        "OverLimit: Submitted policy is over max allowed size."
    );

    let list = |count: usize, one: &str| format!("[{}]", vec![one; count].join(","));
    let accounts = |count| format!(r#"{{"AWS":{}}}"#, list(count, r#""222222222222""#));
    let keys = |count: usize| {
        let key = |index| format!("\"aws:{index}\":\"x\"");
        format!(r#"{{"StringEquals":{{{}}}}}"#, (0..count).map(key).collect::<Vec<_>>().join(","))
    };
    let statements = |count| with_statements(&vec![STATEMENT; count]);
    let actions = |count| with("Action", &list(count, r#""sqs:SendMessage""#));
    let principals = |count| with("Principal", &accounts(count));
    let conditions = |count| with("Condition", &keys(count));
    for json in [statements(20), actions(7), principals(50), conditions(10)] {
        assert!(queue(&json).is_ok(), "{json}");
    }
    for (json, message) in [
        (statements(21), "21 statements were found in the submitted policy, max allowed is 20"),
        (
            actions(8),
            "8 actions were found in a statement from the submitted policy, max allowed is 7",
        ),
        (principals(51), "51 principals were found in the submitted policy, max allowed is 50"),
        (conditions(11), "11 conditions were found in the submitted policy, max allowed is 10"),
    ] {
        assert_eq!(queue(&json).unwrap_err(), format!("OverLimit: {message}"));
    }
}

#[test]
fn what_only_the_owner_may_do_is_not_promised_by_name() {
    let statement = |effect: &str, account: &str, action: &str| {
        with_statements(&[&format!(
            r#"{{"Effect":"{effect}","Principal":{{"AWS":"{account}"}},"Action":"{action}","Resource":"*"}}"#
        )])
    };
    let stranger = "222222222222";
    for action in OWNER_ONLY_ACTIONS {
        let action = format!("SQS:{action}");
        assert_eq!(queue(&statement("Allow", stranger, &action)).unwrap_err(), INVALID, "{action}");
        let user = "arn:aws:iam::222222222222:user/bob";
        assert_eq!(queue(&statement("Allow", user, &action)).unwrap_err(), INVALID, "{action}");
        for json in [
            statement("Allow", OWNER, &action),
            statement("Deny", stranger, &action),
            statement("Allow", "*", &action),
        ] {
            assert!(queue(&json).is_ok(), "{json}");
        }
    }
    assert!(queue(&statement("Allow", stranger, "sqs:*")).is_ok());
    assert!(queue(&statement("Allow", stranger, "sqs:PurgeQueue")).is_ok());
}

#[test]
fn iam_says_what_is_wrong_with_a_policy() {
    let identity = |json: &str| iam(PolicyKind::Identity, json).map(|_| ());
    let policy = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let good = r#"{"Sid":"a1","Effect":"Allow","Action":"sqs:*","Resource":"*"}"#;
    assert_eq!(identity(&policy(good)), Ok(()));
    assert_eq!(
        identity(&policy(
            r#"{"Effect":"Deny","NotAction":["iam:*","s3:Get*"],"NotResource":"arn:aws:sqs:*:*:${aws:username}-*"}"#
        )),
        Ok(())
    );
    let syntax = "Syntax errors in policy.";
    let version = "Policy document must be version 2012-10-17 or greater.";
    let actions = "Policy statement must contain actions.";
    let resources = "Policy statement must contain resources.";
    for (json, message) in [
        ("".to_owned(), syntax),
        ("[]".to_owned(), syntax),
        (format!(r#"{{"Statement":{good}}}"#), version),
        (format!(r#"{{"Version":"2008-10-17","Statement":{good}}}"#), version),
        (format!(r#"{{"Version":"2013-10-17","Statement":{good}}}"#), syntax),
        (policy(r#"{"Effect":"Allow","Resource":"*"}"#), actions),
        (policy(r#"{"Effect":"Allow","Action":[],"Resource":"*"}"#), actions),
        (policy(r#"{"Effect":"Allow","Action":"sqs:*"}"#), resources),
        (policy(r#"{"Effect":"Allow","Action":"sqs:*","Resource":[]}"#), resources),
        (policy(r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*","Other":1}"#), syntax),
        (
            policy(
                r#"{"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{"Is":{"a":"b"}}}"#,
            ),
            syntax,
        ),
        (
            policy(&format!("[{good},{good}]")),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
        (
            policy(r#"{"Sid":"a b","Effect":"Allow","Action":"sqs:*","Resource":"*"}"#),
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"SendMessage","Resource":"*"}"#),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"sqs:Send:Message","Resource":"*"}"#),
            "Actions/Condition can contain only one colon.",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"s*:SendMessage","Resource":"*"}"#),
            "Vendor s* is not valid",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"sqs:*","Resource":"q"}"#),
            "Resource q must be in ARN format or \"*\".",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:s*:::q"}"#),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            policy(r#"{"Effect":"Allow","Action":"sqs:*","Resource":"arn:wsa:sqs:::q"}"#),
            "Partition \"wsa\" is not valid for resource \"arn:wsa:sqs:::q\".",
        ),
        (
            policy(r#"{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}"#),
            "Policy document should not specify a principal.",
        ),
    ] {
        assert_eq!(identity(&json), Err(format!("MalformedPolicyDocument: {message}")), "{json}");
    }
    assert!(iam(PolicyKind::Session, &format!(r#"{{"Statement":{good}}}"#)).is_ok());
}

#[test]
fn a_trust_policy_says_who_and_not_on_what() {
    let trust = |json: &str| iam(PolicyKind::Trust, json).map(|_| ());
    let policy = |statement: &str| format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
    let good = r#"{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"sts:AssumeRole"}"#;
    assert_eq!(trust(&policy(good)), Ok(()));
    for (json, message) in [
        ("x".to_owned(), "This policy contains invalid Json"),
        (
            policy(r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#),
            "Missing required field Principal",
        ),
        (
            policy(r#"{"Effect":"Allow","Principal":"*","Action":"sts:*","Resource":"*"}"#),
            "Has prohibited field Resource",
        ),
        (
            policy(r#"{"Effect":"Allow","Principal":{"AWS":"bob"},"Action":"sts:*"}"#),
            "Invalid principal in policy: \"AWS\":\"bob\"",
        ),
        (
            policy(r#"{"Effect":"Allow","Principal":"*","Action":"sqs:*"}"#),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            policy(r#"{"Effect":"Allow","Principal":"*","Action":"*"}"#),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
    ] {
        assert_eq!(trust(&json), Err(format!("MalformedPolicyDocument: {message}")), "{json}");
    }
}

#[test]
fn policies_of_iam_are_limited() {
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#;
    let padded = |length: usize| format!("{policy:<length$}");
    assert!(iam(PolicyKind::Identity, &padded(50_000)).is_ok(), "blanks do not count");
    assert_eq!(Policy::counted_size(&padded(5000)), policy.len());
    assert!(iam(PolicyKind::Session, &padded(2048)).is_ok());
    assert!(iam(PolicyKind::Session, &padded(2049)).is_err());
    let long = policy.replace("sqs:*", &format!("sqs:{}", "a".repeat(10_240)));
    assert!(iam(PolicyKind::Identity, &long).unwrap_err().starts_with("LimitExceeded"));
    assert!(iam(PolicyKind::Queue, policy).is_err());
}

#[test]
fn a_policy_tells_what_it_holds() {
    let json = r#"{"Id":"i","Statement":[{"Sid":"s","Effect":"Deny","Principal":{"AWS":["111111111111","arn:aws:iam::111111111111:user/alice","arn:aws:iam::111111111111:role/r"]},"Action":"*","Resource":"*"}]}"#;
    let policy = queue(json).unwrap();
    assert_eq!((policy.kind(), policy.id()), (PolicyKind::Queue, Some("i")));
    let statement = &policy.statements()[0];
    assert_eq!((statement.sid(), statement.effect()), (Some("s"), Effect::Deny));
    assert_eq!(
        policy.named_principals().collect::<Vec<_>>(),
        ["arn:aws:iam::111111111111:user/alice", "arn:aws:iam::111111111111:role/r"]
    );
}
