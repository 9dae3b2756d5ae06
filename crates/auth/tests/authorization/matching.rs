//! Which actions and resources a statement means, and what variables stand for.

use formiga_auth::policy::PolicyKind;

use crate::scene::{A, Scene, iam_policy, named};

fn allows(scene: &mut Scene, action: &str, resource: &str, rest: &str) -> bool {
    let json = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow",{action},{resource}{rest}}}}}"#
    );
    scene.identity = vec![named(iam_policy(PolicyKind::Identity, &json))];
    scene.is_allowed()
}

#[test]
fn actions_are_patterns_without_case() {
    for (pattern, action, expected) in [
        ("SQS:sendmessage", "sqs:SendMessage", true),
        ("sqs:Send*", "sqs:SendMessage", true),
        ("sqs:SendMessageBatch", "sqs:SendMessage", false),
        ("sqs:*Message", "sqs:SendMessage", true),
        ("sqs:*Message", "sqs:ReceiveMessage", true),
        ("sqs:*Message", "sqs:DeleteMessage", true),
        ("sqs:*Message", "sqs:ChangeMessageVisibility", false),
        ("sqs:?eceiveMessage", "sqs:ReceiveMessage", true),
        ("sqs:Get*", "sqs:GetQueueUrl", true),
        ("sqs:", "sqs:SendMessage", false),
        ("*", "sqs:SendMessage", true),
        ("*", "formiga:Peek", true),
        ("sqs:*", "formiga:Peek", false),
        ("formiga:peek", "formiga:Peek", true),
        ("sqs:*", "iam:CreateUser", false),
        ("sqs:${*}", "sqs:SendMessage", false),
    ] {
        let mut scene = Scene::of("alice").action(action);
        let is_allowed = |scene: &mut Scene, name: &str| {
            allows(scene, &format!("\"{name}\":\"{pattern}\""), r#""Resource":"*""#, "")
        };
        assert_eq!(is_allowed(&mut scene, "Action"), expected, "{pattern} {action}");
        assert_eq!(is_allowed(&mut scene, "NotAction"), !expected, "not {pattern} {action}");
    }
}

#[test]
fn what_formiga_alone_has_is_granted_by_identity_policies_only() {
    let peek = |name: &str| Scene::of(name).action("formiga:Peek");
    for name in ["alice", "r/s", "bob", "rootB", "anon", "sns"] {
        let mut scene = peek(name);
        let json =
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
        scene.queue = Some(crate::scene::queue_policy(json));
        assert!(!scene.is_allowed(), "{name}");
    }
    assert!(peek("root").is_allowed());
}

#[test]
fn variables_stand_for_the_callers_own_values() {
    let queue = |name: &str| format!("arn:aws:sqs:us-east-1:{A}:{name}");
    for (caller, pattern, name, expected) in [
        ("alice", "arn:aws:sqs:*:*:${aws:username}-*", "alice-in", true),
        ("alice", "arn:aws:sqs:*:*:${AWS:UserName}-*", "alice-in", true),
        ("alice", "arn:aws:sqs:*:*:${aws:username}-*", "bob-in", false),
        ("r/s", "arn:aws:sqs:*:*:${aws:username}-*", "alice-in", false),
        ("r/s", "arn:aws:sqs:*:*:${aws:username}-*", "-in", false),
        ("r/s", "arn:aws:sqs:*:*:${aws:username, 'nobody'}-*", "nobody-in", true),
        ("alice", "arn:aws:sqs:*:${aws:PrincipalAccount}:q", "q", true),
        ("alice", "arn:aws:sqs:*:*:${aws:PrincipalTag/Team}", "ants", true),
        ("alice", "arn:aws:sqs:*:*:${aws:PrincipalTag/Wild}", "anything", false),
        ("alice", "arn:aws:sqs:*:*:${aws:PrincipalTag/Wild}", "*", true),
        ("alice", "arn:aws:sqs:*:*:${aws:TagKeys}", "one", false),
        ("alice", "arn:aws:sqs:*:*:${test:two}", "a", false),
        ("alice", "arn:aws:sqs:*:*:${*}", "q", false),
        ("alice", "arn:aws:sqs:*:*:${aws:username", "${aws:username", true),
    ] {
        let mut scene = Scene::of(caller);
        scene.resource = queue(name);
        scene.context.set("aws:PrincipalTag/team", "ants");
        scene.context.set("aws:PrincipalTag/wild", "*");
        scene.context.set("aws:TagKeys", "one");
        scene.context.add("test:two", "a");
        scene.context.add("test:two", "b");
        let mut is_allowed = |element: &str| {
            let resource = format!("\"{element}\":\"{pattern}\"");
            allows(&mut scene, r#""Action":"sqs:*""#, &resource, "")
        };
        assert_eq!(is_allowed("Resource"), expected, "{caller} {pattern} {name}");
        assert_eq!(is_allowed("NotResource"), !expected, "{caller} not {pattern} {name}");
    }
}

#[test]
fn variables_stand_in_texts_and_arns() {
    for (condition, expected) in [
        (r#"{"StringEquals":{"test:x":"${aws:username}"}}"#, true),
        (r#"{"StringEquals":{"test:x":"${aws:username}s"}}"#, false),
        (r#"{"StringLike":{"test:x":"${test:wild}"}}"#, false),
        (r#"{"StringLike":{"test:x":"*${aws:username}*"}}"#, true),
        (r#"{"StringLike":{"test:wild":"${*}"}}"#, true),
        (r#"{"StringLike":{"test:x":"${*}"}}"#, false),
        (r#"{"StringEquals":{"test:x":"${unknown}"}}"#, false),
        (r#"{"StringEquals":{"test:x":["${unknown}","alice"]}}"#, true),
        (r#"{"StringNotEquals":{"test:x":"${unknown}"}}"#, true),
        (r#"{"StringEquals":{"test:x":"${unknown, 'alice'}"}}"#, true),
        (r#"{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/${aws:username}"}}"#, true),
        (r#"{"ArnEquals":{"test:arn":"${aws:PrincipalArn}"}}"#, true),
        (r#"{"NumericEquals":{"test:five":"${test:five}"}}"#, false),
    ] {
        let mut scene = Scene::of("alice");
        for (key, value) in [("x", "alice"), ("wild", "*"), ("five", "5")] {
            scene.context.set(&format!("test:{key}"), value);
        }
        scene.context.set("test:arn", &format!("arn:aws:iam::{A}:user/alice"));
        let rest = format!(",\"Condition\":{condition}");
        let is_allowed = allows(&mut scene, r#""Action":"sqs:*""#, r#""Resource":"*""#, &rest);
        assert_eq!(is_allowed, expected, "{condition}");
    }
}

#[test]
fn a_policy_of_2008_has_no_variables() {
    for (version, expected) in [("2008-10-17", false), ("2012-10-17", true)] {
        let mut scene = Scene::of("alice");
        scene.queue = Some(crate::scene::queue_policy(&format!(
            r#"{{"Version":"{version}","Statement":{{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{{"StringEquals":{{"aws:username":"${{aws:username}}"}}}}}}}}"#
        )));
        assert_eq!(scene.is_allowed(), expected, "{version}");
    }
}

#[test]
fn no_policy_takes_long() {
    let pattern = "*a?".repeat(1200);
    let mut scene = Scene::of("alice");
    scene.context.set("aws:UserAgent", &"a".repeat(100_000));
    let variables = "${aws:UserAgent}".repeat(400);
    for value in [pattern, variables] {
        let rest = format!(",\"Condition\":{{\"StringLike\":{{\"aws:UserAgent\":\"{value}\"}}}}");
        allows(&mut scene, r#""Action":"sqs:*""#, r#""Resource":"*""#, &rest);
    }
}
