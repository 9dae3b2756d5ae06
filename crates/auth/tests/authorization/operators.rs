//! Every condition operator, under either effect, for every kind of principal: each case once met and
//! once not, and then with one element of its statement changed.

use crate::scene::{A, B, QUEUE, Scene, principal, queue_policy};

/// Operator, values of the policy, values of a request that meet it, values that do not. No values are
/// an absent key.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

#[rustfmt::skip]
const CASES: [Case; 62] = [
    ("StringEquals", r#""a*""#, &["a*"], &["ab"]),
    ("StringEquals", r#"["a","b"]"#, &["b"], &["B"]),
    ("StringNotEquals", r#"["a","b"]"#, &["c"], &["b"]),
    ("StringNotEquals", r#""a""#, &[], &["a"]),
    ("StringEqualsIgnoreCase", r#""Alice""#, &["aLICE"], &["alicia"]),
    ("StringNotEqualsIgnoreCase", r#""Alice""#, &["alicia"], &["aLICE"]),
    ("StringLike", r#""AROAEXAMPLEID:*""#, &["AROAEXAMPLEID:s1"], &["AIDAEXAMPLEID:s1"]),
    ("StringLike", r#""a?c""#, &["abc"], &["ac"]),
    ("StringLike", r#""arn:aws:sns:*:t""#, &["arn:aws:sns:us-east-1:111111111111:t"], &["arn:aws:sns:us-east-1:111111111111:u"]),
    ("StringNotLike", r#""AROAEXAMPLEID:*""#, &["anonymous"], &["AROAEXAMPLEID:"]),
    ("StringEqualsIfExists", r#""a""#, &[], &["b"]),
    ("StringLikeIfExists", r#""a*""#, &[], &["b"]),
    ("StringNotEqualsIfExists", r#""a""#, &[], &["a"]),
    ("StringEquals", r#""""#, &[""], &[]),
    ("NumericEquals", "5", &["5.0"], &["5.1"]),
    ("NumericEquals", r#""1768478400""#, &["1768478400"], &["1768478401"]),
    ("NumericNotEquals", "5", &["x"], &["5"]),
    ("NumericNotEquals", "5", &[], &["05"]),
    ("NumericLessThan", "5", &["4.99"], &["5"]),
    ("NumericLessThanEquals", "5", &["5"], &["5.01"]),
    ("NumericGreaterThan", "-5", &["-4"], &["-5"]),
    ("NumericGreaterThanEquals", "-5", &["-5"], &["-6"]),
    ("NumericLessThanIfExists", "5", &[], &["5"]),
    ("NumericEquals", "5", &["5"], &["five"]),
    ("DateEquals", r#""2026-01-15T12:00:00Z""#, &["2026-01-15T14:00:00+02:00"], &["2026-01-15T12:00:01Z"]),
    ("DateEquals", r#""1768478400""#, &["2026-01-15T12:00:00Z"], &["1768478401"]),
    ("DateNotEquals", r#""2026-01-15""#, &["2026-01-16"], &["2026-01-15T00:00Z"]),
    ("DateLessThan", r#""2026-01-15""#, &["2026-01-14T23:59:59Z"], &["2026-01-15T00:00:00Z"]),
    ("DateLessThanEquals", r#""2026-01-15""#, &["2026-01-15T00:00:00Z"], &["2026-01-15T00:00:01Z"]),
    ("DateGreaterThan", r#""2026-01-01T00:00:00Z""#, &["2026-01-01T00:00:00.001Z"], &["2026-01-01T00:00:00Z"]),
    ("DateGreaterThanEquals", r#""2026-01-01T00:00:00Z""#, &["2026-01-01T00:00:00Z"], &["2025-12-31T23:59:59Z"]),
    ("DateLessThanIfExists", r#""2026-01-15""#, &[], &["2026-01-15"]),
    ("DateLessThan", r#""2026-01-15""#, &["2026-01-14"], &["yesterday"]),
    ("Bool", "true", &["TRUE"], &["false"]),
    ("Bool", r#""false""#, &["false"], &[]),
    ("Bool", r#"[true,false]"#, &["false"], &["0"]),
    ("BoolIfExists", r#""false""#, &[], &["true"]),
    ("BinaryEquals", r#""QmFzZQ==""#, &["QmFzZQ=="], &["QmFzZg=="]),
    ("IpAddress", r#""10.0.0.0/8""#, &["10.1.2.3"], &["11.0.0.1"]),
    ("IpAddress", r#""10.0.0.1/8""#, &["10.9.9.9"], &["::1"]),
    ("IpAddress", r#"["2001:db8::/32","::1"]"#, &["2001:db8::9"], &["2001:db9::9"]),
    ("IpAddress", r#""10.0.0.0/8""#, &["::ffff:10.0.0.1"], &["10.0.0.1:80"]),
    ("NotIpAddress", r#"["10.0.0.0/8","192.168.0.0/16"]"#, &["172.16.0.1"], &["192.168.1.1"]),
    ("NotIpAddress", r#""10.0.0.0/8""#, &[], &["10.0.0.0"]),
    ("IpAddressIfExists", r#""10.0.0.0/8""#, &[], &["11.0.0.1"]),
    ("ArnEquals", r#""arn:aws:sns:*:*:t""#, &["arn:aws:sns:us-east-1:111111111111:t"], &["arn:aws:sns:us-east-1:111111111111:u"]),
    ("ArnLike", r#""arn:aws:s3:::b*""#, &["arn:aws:s3:::bkt"], &["bkt"]),
    ("ArnNotEquals", r#""arn:aws:s3:::b*""#, &["arn:aws:s3:::ckt"], &["arn:aws:s3:::bkt"]),
    ("ArnNotLike", r#""arn:aws:s3:::b*""#, &[], &["arn:aws:s3:::b"]),
    ("ArnLikeIfExists", r#""arn:aws:s3:::b*""#, &[], &["arn:aws:s3:::c"]),
    ("Null", r#""true""#, &[], &["x"]),
    ("Null", "false", &[""], &[]),
    ("ForAllValues:StringEquals", r#"["a","b"]"#, &["a", "b"], &["a", "c"]),
    ("ForAllValues:StringEquals", r#"["a","b"]"#, &[], &["c"]),
    ("ForAllValues:StringNotEquals", r#"["a"]"#, &["b", "c"], &["a", "c"]),
    ("ForAllValues:StringLike", r#"["env*"]"#, &["env", "env1"], &["env", "Env"]),
    ("ForAnyValue:StringEquals", r#"["a","b"]"#, &["a", "c"], &["c"]),
    ("ForAnyValue:StringEquals", r#"["a","b"]"#, &["b"], &[]),
    ("ForAnyValue:StringNotEquals", r#"["a"]"#, &["a", "c"], &[]),
    ("ForAnyValue:StringLikeIfExists", r#"["a*"]"#, &[], &["b", "c"]),
    ("StringEquals", r#""a""#, &["c", "a"], &["c", "b"]),
    ("StringNotEquals", r#""a""#, &["c", "b"], &["c", "a"]),
];

/// Who asks, and how a policy names them.
const NAMED: [(&str, &str); 9] = [
    ("root", "*"),
    ("alice", "alice"),
    ("alice", "*"),
    ("r/s", "r"),
    ("r/s", "r/s"),
    ("bob", "bob"),
    ("rb/s", "B"),
    ("anon", "*"),
    ("sns", "sns"),
];

struct Statement {
    effect: &'static str,
    principal: String,
    action: String,
    resource: String,
    condition: String,
}

impl Statement {
    /// The request of `name`, which is allowed or denied by this statement and nothing else.
    fn scene(&self, name: &str, values: &[&str]) -> Scene {
        let Statement { effect, principal, action, resource, condition } = self;
        let other = if *effect == "Allow" {
            ""
        } else {
            r#"{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"},"#
        };
        let mut scene = Scene::of(name);
        // From another account it takes both sides.
        if scene.caller.account() == Some(B) {
            scene = scene.identity("+S");
        }
        for value in values {
            scene.context.add("TEST:Key", value);
        }
        scene.queue = Some(queue_policy(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{other}{{"Effect":"{effect}","Principal":{principal},"Action":"{action}","Resource":"{resource}","Condition":{condition}}}]}}"#
        )));
        scene
    }
}

#[test]
fn every_operator_decides_for_every_principal_under_either_effect() {
    let mut cases = 0;
    for (operator, values, met, unmet) in CASES {
        for (name, named) in NAMED {
            for effect in ["Allow", "Deny"] {
                // Whatever is not denied, the root of the owner may do.
                if name == "root" && effect == "Allow" {
                    continue;
                }
                let statement = || Statement {
                    effect,
                    principal: principal(named),
                    action: "sqs:SendMessage".to_owned(),
                    resource: QUEUE.to_owned(),
                    condition: format!(r#"{{"{operator}":{{"test:key":{values}}}}}"#),
                };
                let what = format!("{effect} {named} {operator} {values}");
                let applies = effect == "Allow";
                assert_eq!(statement().scene(name, met).is_allowed(), applies, "{what} {met:?}");
                assert_eq!(
                    statement().scene(name, unmet).is_allowed(),
                    !applies,
                    "{what} {unmet:?}"
                );
                cases += 2;
            }
        }
    }
    assert_eq!(cases, CASES.len() * (2 * NAMED.len() - 1) * 2);
}

#[test]
fn every_element_of_a_statement_counts() {
    for (name, named) in NAMED {
        for effect in ["Allow", "Deny"] {
            if name == "root" && effect == "Allow" {
                continue;
            }
            let whole = || Statement {
                effect,
                principal: principal(named),
                action: "SQS:send*".to_owned(),
                resource: format!("arn:aws:sqs:*:{A}:q"),
                condition: r#"{"Bool":{"test:key":"true"},"Null":{"test:other":"true"}}"#
                    .to_owned(),
            };
            let applies = effect == "Allow";
            assert_eq!(whole().scene(name, &["true"]).is_allowed(), applies, "{effect} {named}");
            let stranger = principal(if named == "s3" { "sns" } else { "s3" });
            for changed in [
                Statement { principal: stranger, ..whole() },
                Statement { action: "SQS:receive*".to_owned(), ..whole() },
                Statement { resource: format!("arn:aws:sqs:*:{A}:p"), ..whole() },
                Statement {
                    condition: r#"{"Bool":{"test:key":"true"},"Null":{"test:other":"false"}}"#
                        .to_owned(),
                    ..whole()
                },
            ] {
                assert_eq!(
                    changed.scene(name, &["true"]).is_allowed(),
                    !applies,
                    "{effect} {named}"
                );
            }
        }
    }
}
