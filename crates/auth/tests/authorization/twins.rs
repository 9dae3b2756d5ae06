//! Cases with a twin that differs in one thing and is decided the other way.
//!
//! `conditions.txt` has every condition operator under either effect for every kind of principal.
//! Here are the elements of a statement, the keys that conditions compare, and the truth table.

use std::collections::{BTreeMap, BTreeSet};

use formiga_auth::policy::PolicyKind;
use formiga_auth::time::Timestamp;

use crate::scene::{A, B, QUEUE, Scene, caller, iam_policy, named, principal, queue_policy};
use crate::truth_table;

const CONDITIONS: &str = include_str!("conditions.txt");

/// A line of `conditions.txt`.
struct Case<'a> {
    effect: &'a str,
    who: &'a str,
    named: &'a str,
    operator: &'a str,
    policy: &'a str,
    values: Vec<&'a str>,
    twin: Vec<&'a str>,
}

fn cases() -> Vec<Case<'static>> {
    let lines = CONDITIONS.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let [effect, who, named, operator, policy, values, twin] = fields[..] else {
                panic!("a case has seven fields: {line}")
            };
            let list = |text: &'static str| match text {
                "-" => Vec::new(),
                text => text.split(" , ").collect(),
            };
            let (values, twin) = (list(values), list(twin));
            Case { effect, who, named, operator, policy, values, twin }
        })
        .collect()
}

impl Case<'_> {
    /// The request with these values, which the statement and nothing else allows or denies.
    fn scene(&self, values: &[&str]) -> Scene {
        let Case { effect, who, named, operator, policy, .. } = self;
        let principal = match *named {
            "AIDA" | "AROA" => {
                let id = caller(who).user_id();
                format!("{{\"AWS\":\"{}\"}}", id.split(':').next().unwrap())
            }
            named => principal(named),
        };
        let rest = match *effect {
            "Allow" => "",
            _ => r#"{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"},"#,
        };
        let mut scene = Scene::of(who);
        // From another account it takes both sides.
        if scene.caller.account() == Some(B) {
            scene = scene.identity("+S");
        }
        for value in values {
            scene.context.add("test:key", value);
        }
        scene.queue = Some(queue_policy(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{rest}{{"Effect":"{effect}","Principal":{principal},"Action":"sqs:SendMessage","Resource":"{QUEUE}","Condition":{{"{operator}":{{"test:key":{policy}}}}}}}]}}"#
        )));
        scene
    }
}

#[test]
fn every_condition_decides_and_its_twin_is_decided_the_other_way() {
    for case in cases() {
        let Case { effect, who, named, operator, policy, .. } = &case;
        let what = format!("{effect} {named} for {who}: {operator} {policy}");
        let applies = *effect == "Allow";
        assert_eq!(case.scene(&case.values).is_allowed(), applies, "{what}: {:?}", case.values);
        assert_eq!(case.scene(&case.twin).is_allowed(), !applies, "{what}: {:?}", case.twin);
    }
}

const OPERATORS: [&str; 26] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
];

#[test]
fn every_operator_effect_and_principal_occurs_in_at_least_three_hundred_cases() {
    let cases = cases();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let mut seen = BTreeMap::<&str, BTreeSet<&str>>::new();
    for case in &cases {
        seen.entry(case.operator).or_default().insert(case.effect);
    }
    let both = BTreeSet::from(["Allow", "Deny"]);
    for operator in OPERATORS {
        for form in ["{}", "{}IfExists", "ForAllValues:{}", "ForAnyValue:{}"] {
            let name = form.replace("{}", operator);
            assert_eq!(seen.get(&*name), Some(&both), "{name}");
        }
    }
    assert_eq!(seen["Null"], both);
    let named: BTreeSet<_> = cases.iter().map(|case| (case.who, case.named, case.effect)).collect();
    for (who, name) in [
        ("alice", "alice"),
        ("alice", "*"),
        ("alice", "AIDA"),
        ("r/s", "r"),
        ("r/s", "r/s"),
        ("r/s", "AROA"),
        ("bob", "bob"),
        ("bob", "B"),
        ("rb/s", "rb"),
        ("rb/s", "rb/s"),
        ("rootB", "B"),
        ("anon", "*"),
        ("sns", "sns"),
    ] {
        for effect in ["Allow", "Deny"] {
            assert!(named.contains(&(who, name, effect)), "{effect} {name} for {who}");
        }
    }
    assert!(named.contains(&("root", "*", "Deny")), "the owner's root is denied");
}

/// Every key of conditions but the tags of a queue, which queues' policies do not see (`keys.rs`): who
/// asks, an operator and the value it compares with, and another value. An empty one marks a key that
/// nobody has.
#[rustfmt::skip]
const KEYS: [(&str, &str, &str, &str, &str); 29] = [
    ("aws:CurrentTime", "alice", "DateEquals", "2026-01-15T12:00:00Z", "2026-01-15T12:00:01Z"),
    ("aws:EpochTime", "alice", "NumericEquals", "1768478400", "1768478401"),
    ("aws:SecureTransport", "anon", "Bool", "false", "true"),
    ("aws:SourceIp", "anon", "IpAddress", "10.0.0.0/8", "11.0.0.0/8"),
    ("aws:UserAgent", "alice", "StringLike", "Boto3/*", "aws-cli/*"),
    ("aws:Referer", "alice", "StringEquals", "https://a.example/", "https://b.example/"),
    ("aws:PrincipalArn", "r/s", "ArnEquals", "arn:aws:iam::111111111111:role/team/r", "arn:aws:sts::111111111111:assumed-role/r/s"),
    ("aws:PrincipalAccount", "rootB", "StringEquals", "222222222222", "111111111111"),
    ("aws:PrincipalType", "anon", "StringEquals", "Anonymous", "User"),
    ("aws:userid", "alice", "StringLike", "AIDAALICE*", "AIDABOB*"),
    ("aws:username", "alice", "StringEquals", "alice", "Alice"),
    ("aws:PrincipalTag/Team", "alice", "StringEquals", "ants", "bees"),
    ("aws:PrincipalIsAWSService", "sns", "Bool", "true", "false"),
    ("aws:PrincipalServiceName", "sns", "StringEquals", "sns.amazonaws.com", "s3.amazonaws.com"),
    ("aws:SourceArn", "sns", "ArnLike", "arn:aws:sns:*:*:t", "arn:aws:sns:*:*:u"),
    ("aws:SourceAccount", "sns", "StringEquals", "111111111111", "222222222222"),
    ("aws:RequestedRegion", "alice", "StringEquals", "us-east-1", "eu-west-1"),
    ("aws:ResourceAccount", "bob", "StringEquals", "111111111111", "222222222222"),
    ("aws:RequestTag/env", "alice", "StringEquals", "test", "live"),
    ("aws:TagKeys", "alice", "ForAllValues:StringEquals", "env", "team"),
    ("aws:TokenIssueTime", "r/s", "DateLessThan", "2026-01-16", "2026-01-14"),
    ("aws:MultiFactorAuthPresent", "r/s", "Bool", "false", "true"),
    ("aws:ViaAWSService", "alice", "Bool", "false", "true"),
    ("sts:ExternalId", "bob", "StringEquals", "shared", "other"),
    ("sts:RoleSessionName", "bob", "StringLike", "b*", "a*"),
    ("aws:PrincipalOrgID", "alice", "StringNotEquals", "o-1", ""),
    ("aws:SourceVpc", "alice", "StringNotEquals", "vpc-1", ""),
    ("aws:SourceVpce", "alice", "StringNotEquals", "vpce-1", ""),
    ("aws:CalledVia", "alice", "StringNotEquals", "lambda.amazonaws.com", ""),
];

#[test]
fn every_key_decides_and_another_value_is_decided_the_other_way() {
    for (key, who, operator, value, other) in KEYS {
        for effect in ["Allow", "Deny"] {
            let allowed = |operator: &str, value: &str| {
                let mut scene = Scene::of(who);
                if scene.caller.account() == Some(B) {
                    scene = scene.identity("+S");
                }
                scene.context.set_time(Timestamp::parse_basic("20260115T120000Z").unwrap());
                for (key, value) in [
                    ("aws:SecureTransport", "false"),
                    ("aws:SourceIp", "10.1.2.3"),
                    ("aws:UserAgent", "Boto3/1.26"),
                    ("aws:Referer", "https://a.example/"),
                    ("aws:PrincipalTag/team", "ants"),
                    ("aws:RequestedRegion", "us-east-1"),
                    ("aws:RequestTag/env", "test"),
                    ("aws:TagKeys", "env"),
                    ("aws:TokenIssueTime", "2026-01-15T11:00:00Z"),
                    ("aws:MultiFactorAuthPresent", "false"),
                    ("aws:ViaAWSService", "false"),
                    ("sts:ExternalId", "shared"),
                    ("sts:RoleSessionName", "bobs"),
                ] {
                    scene.context.set(key, value);
                }
                let all = r#"{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}"#;
                let rest = if effect == "Deny" { format!("{all},") } else { String::new() };
                let statement = format!(
                    r#"{{"Effect":"{effect}","Principal":"*","Action":"*","Resource":"*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}"#
                );
                let json = format!(r#"{{"Version":"2012-10-17","Statement":[{rest}{statement}]}}"#);
                scene.queue = Some(queue_policy(&json));
                scene.is_allowed()
            };
            let applies = effect == "Allow";
            assert_eq!(allowed(operator, value), applies, "{effect} {key} {value}");
            if other.is_empty() {
                // Nobody has this key: every other operator on it is not met.
                assert_eq!(allowed("StringEquals", value), !applies, "{effect} {key} {value}");
            } else {
                assert_eq!(allowed(operator, other), !applies, "{effect} {key} {other}");
            }
        }
    }
}

/// One element of a statement changed, in each kind of policy that can allow alone: what is
/// allowed, and its twin.
#[test]
fn every_element_of_an_identity_policy_has_a_twin() {
    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:{A}:{name}");
    let allowed = |who: &str, elements: &str| {
        let mut scene = Scene::of(who);
        let json =
            format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{elements}}}}}"#);
        scene.identity = vec![named(iam_policy(PolicyKind::Identity, &json))];
        scene.is_allowed()
    };
    for who in ["alice", "r/s"] {
        for (elements, twin) in [
            (
                r#""Action":"sqs:SendMessage","Resource":"*""#.to_owned(),
                r#""Action":"sqs:ReceiveMessage","Resource":"*""#.to_owned(),
            ),
            (
                r#""Action":"SQS:s?nd*","Resource":"*""#.to_owned(),
                r#""Action":"SQS:s?nd","Resource":"*""#.to_owned(),
            ),
            (
                r#""NotAction":"sqs:Receive*","Resource":"*""#.to_owned(),
                r#""NotAction":"sqs:*Message","Resource":"*""#.to_owned(),
            ),
            (
                format!(r#""Action":"*","Resource":"{}""#, queue("q")),
                format!(r#""Action":"*","Resource":"{}""#, queue("Q")),
            ),
            (
                format!(r#""Action":"*","Resource":"{}""#, queue("?")),
                format!(r#""Action":"*","Resource":"{}""#, queue("??")),
            ),
            (
                format!(r#""Action":"*","NotResource":"{}""#, queue("p")),
                format!(r#""Action":"*","NotResource":"{}""#, queue("q*")),
            ),
            (
                r#""Action":"*","Resource":"arn:aws:sqs:*:${aws:PrincipalAccount}:*""#.to_owned(),
                r#""Action":"*","Resource":"arn:aws:sqs:*:${aws:PrincipalOrgID}:*""#.to_owned(),
            ),
        ] {
            assert!(allowed(who, &elements), "{who} {elements}");
            assert!(!allowed(who, &twin), "{who} {twin}");
        }
    }
}

/// A row of the truth table is decided otherwise when one thing is changed: what is allowed is denied
/// by one more statement, and what is not allowed is allowed without what denies and with what is missing.
#[test]
fn every_row_of_the_truth_table_has_a_twin() {
    for (number, who, action, identity, session, queue, expected) in truth_table::ROWS {
        let action = format!("sqs:{action}");
        let scene = |identity: &str, session: &str, queue: &str| {
            Scene::of(who).identity(identity).session(session).queue(queue).action(&action)
        };
        let and = |notation: &str, more: &str| match notation {
            "-" => more.to_owned(),
            notation => format!("{notation}; {more}"),
        };
        let row = scene(identity, session, queue);
        assert_eq!(row.decide(), expected, "row {number}");
        let everyone = "* on sqs:*";
        if expected == "allow" {
            let twin = scene(identity, session, &and(queue, &format!("!{everyone}")));
            assert_eq!(twin.decide(), "DENY-res", "row {number} denied");
            continue;
        }
        let without = |notation: &str| {
            let kept: Vec<_> = notation.split("; ").filter(|it| !it.starts_with('!')).collect();
            if kept.is_empty() { "-".to_owned() } else { kept.join("; ") }
        };
        let twin = match expected {
            "DENY-id" => scene(&and(&without(identity), "+*"), session, queue),
            "DENY-ses" => scene(identity, "-", queue),
            "DENY-res" => scene(identity, session, &without(queue)),
            "no-id" => scene(&and(identity, "+*"), session, queue),
            "no-ses" => scene(identity, &and(session, "+*"), queue),
            "no-res" if matches!(&*action, "sqs:SendMessage") => {
                let granted = scene(identity, session, &and(queue, &format!("+{everyone}")));
                match identity.contains("+*")
                    || identity.contains("+S") && !identity.contains(" on ")
                {
                    true => granted,
                    false => {
                        scene(&and(identity, "+*"), session, &and(queue, &format!("+{everyone}")))
                    }
                }
            }
            // The owner's alone, so the twin is the owner.
            _ => Scene { caller: caller("root"), ..row },
        };
        assert!(twin.is_allowed(), "row {number}'s twin: {}", twin.decide());
    }
}
