//! What conditions may ask about a caller, and what nobody can pretend.

use formiga_auth::evaluate::{Context, Element, Place, Rule, evaluate, explain};
use formiga_auth::policy::PolicyKind;
use formiga_auth::time::Timestamp;

use crate::scene::{A, Scene, caller, iam_policy, named, queue_policy};

/// Whether a queue's policy that denies under `condition` denies the caller.
fn holds(scene: &Scene, condition: &str) -> bool {
    let mut scene = scene.clone();
    scene.queue = Some(queue_policy(&format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Condition":{condition}}}}}"#
    )));
    scene.decide() == "DENY-res"
}

#[test]
fn keys_tell_who_calls() {
    for (name, key, value) in [
        ("root", "aws:PrincipalArn", "arn:aws:iam::111111111111:root"),
        ("root", "aws:userid", A),
        ("root", "aws:PrincipalType", "Account"),
        ("alice", "aws:PrincipalArn", "arn:aws:iam::111111111111:user/alice"),
        ("alice", "aws:PrincipalAccount", A),
        ("alice", "aws:PrincipalType", "User"),
        ("alice", "aws:username", "alice"),
        ("alice", "aws:userid", "AIDAALICEEXAMPLE234567"),
        ("alice", "aws:PrincipalIsAWSService", "false"),
        ("bob", "aws:PrincipalAccount", "222222222222"),
        ("bob", "aws:ResourceAccount", A),
        ("r/s", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/team/r"),
        ("r/s", "aws:userid", "AROAREXAMPLE2345678:s"),
        ("r/s", "aws:PrincipalType", "AssumedRole"),
        ("anon", "aws:PrincipalType", "Anonymous"),
        ("anon", "aws:userid", "anonymous"),
        ("sns", "aws:PrincipalServiceName", "sns.amazonaws.com"),
        ("sns", "aws:PrincipalIsAWSService", "true"),
        ("sns", "aws:SourceArn", "arn:aws:sns:us-east-1:111111111111:t"),
        ("sns", "aws:SourceAccount", A),
    ] {
        let equals = |value: &str| format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#);
        assert!(holds(&Scene::of(name), &equals(value)), "{name} {key}");
        assert!(!holds(&Scene::of(name), &equals("x")), "{name} {key}");
        let upper = key.to_uppercase();
        let condition = format!(r#"{{"StringEquals":{{"{upper}":"{value}"}}}}"#);
        assert!(holds(&Scene::of(name), &condition), "keys have no case: {upper}");
    }
}

#[test]
fn keys_that_do_not_apply_are_absent() {
    for (name, key) in [
        ("root", "aws:username"),
        ("r/s", "aws:username"),
        ("anon", "aws:PrincipalArn"),
        ("anon", "aws:PrincipalAccount"),
        ("sns", "aws:PrincipalArn"),
        ("sns", "aws:userid"),
        ("sns", "aws:PrincipalType"),
        ("alice", "aws:SourceArn"),
        ("alice", "aws:SourceAccount"),
        ("alice", "aws:PrincipalServiceName"),
        ("alice", "aws:SourceIp"),
        ("alice", "aws:PrincipalOrgID"),
    ] {
        let scene = Scene::of(name);
        assert!(holds(&scene, &format!(r#"{{"Null":{{"{key}":"true"}}}}"#)), "{name} {key}");
        assert!(!holds(&scene, &format!(r#"{{"StringLike":{{"{key}":"*"}}}}"#)), "{name} {key}");
        assert!(holds(&scene, &format!(r#"{{"StringNotLike":{{"{key}":"*"}}}}"#)), "{name} {key}");
    }
}

#[test]
fn nobody_can_pretend_to_be_somebody_else() {
    for key in [
        "aws:SourceArn",
        "aws:SourceAccount",
        "aws:PrincipalArn",
        "aws:userid",
        "aws:ResourceAccount",
    ] {
        let mut scene = Scene::of("alice");
        scene.context.set(key, "x");
        assert!(!holds(&scene, &format!(r#"{{"StringEquals":{{"{key}":"x"}}}}"#)), "{key}");
    }
}

#[test]
fn examples_of_the_guide() {
    let mut scene = Scene::of("alice");
    scene.context.set_time(Timestamp::parse_basic("20260115T120000Z").unwrap());
    scene.context.set("aws:SecureTransport", "false");
    scene.context.set("aws:SourceIp", "10.1.2.3");
    scene.context.set("aws:TagKeys", "env1");
    for (condition, expected) in [
        (r#"{"StringEquals":{"aws:username":"Alice"}}"#, false),
        (r#"{"StringEqualsIgnoreCase":{"aws:username":"Alice"}}"#, true),
        (r#"{"NumericLessThanEquals":{"aws:EpochTime":"1768478400"}}"#, true),
        (r#"{"NumericLessThan":{"aws:EpochTime":1768478400}}"#, false),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}}"#, true),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2026-01-15T12:00:00Z"}}"#, false),
        (r#"{"Bool":{"aws:SecureTransport":false}}"#, true),
        (r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}"#, true),
        (r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#, false),
        (r#"{"Null":{"aws:TokenIssueTime":"true"}}"#, true),
        (r#"{"StringEqualsIfExists":{"aws:SourceAccount":"111111111111"}}"#, true),
        (
            r#"{"StringEquals":{"aws:username":"alice"},"Bool":{"aws:SecureTransport":"true"}}"#,
            false,
        ),
        (
            r#"{"StringEquals":{"aws:username":"alice"},"Bool":{"aws:SecureTransport":"false"}}"#,
            true,
        ),
        (r#"{"StringEquals":{"aws:username":"alice","aws:PrincipalType":"Root"}}"#, false),
        (r#"{"IpAddress":{"aws:sourceip":"10.0.0.0/8"}}"#, true),
        (r#"{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}"#, true),
        (
            r#"{"ForAllValues:StringLike":{"aws:TagKeys":"env*"},"Null":{"aws:TagKeys":"false"}}"#,
            true,
        ),
        (r#"{"ForAllValues:StringLike":{"aws:Other":"env*"},"Null":{"aws:Other":"false"}}"#, false),
        (r#"{}"#, true),
    ] {
        assert_eq!(holds(&scene, condition), expected, "{condition}");
    }
    let mut service = Scene::of("sns");
    service.context.set("test:x", "y");
    assert!(
        holds(&service, r#"{"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#),
        "the key is absent"
    );
    assert!(!holds(&service, r#"{"StringEquals":{"aws:SourceArn":"arn:aws:sns:*:*:t"}}"#));
    assert!(holds(&service, r#"{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:*:*:t"}}"#));
}

#[test]
fn a_queues_tags_are_for_identity_policies() {
    let mut scene = Scene::of("alice");
    scene.context.add("aws:ResourceTag/Team", "ants");
    scene.context.add("aws:ResourceTag/team", "bees");
    assert!(holds(&scene, r#"{"Null":{"aws:ResourceTag/team":"true"}}"#));
    for (tag, expected) in [("ants", true), ("bees", true), ("wasps", false)] {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{{"StringEquals":{{"aws:ResourceTag/TEAM":"{tag}"}}}}}}}}"#
        );
        scene.identity = vec![named(iam_policy(PolicyKind::Identity, &json))];
        assert_eq!(scene.is_allowed(), expected, "{tag}");
    }
}

#[test]
fn a_name_that_is_given_again_is_another_user() {
    let statement = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111111111111:user/alice","arn:aws:iam::111111111111:role/team/r"]},"Action":"sqs:*","Resource":"*"}}"#;
    let pinned = |user: &str, role: &str| {
        let mut policy = queue_policy(statement);
        policy.pin(|arn| Some(if arn.contains("user") { user } else { role }.to_owned()));
        policy
    };
    for (name, id) in [("alice", "AIDAALICEEXAMPLE234567"), ("r/s", "AROAREXAMPLE2345678")] {
        let mut scene = Scene::of(name);
        scene.queue = Some(queue_policy(statement));
        assert!(scene.is_allowed());
        scene.queue = Some(pinned(id, id));
        assert!(scene.is_allowed());
        scene.queue = Some(pinned("AIDAOLDEXAMPLE23456789", "AROAOLDEXAMPLE23456789"));
        assert!(!scene.is_allowed());
        let by_id = statement.replace("arn:aws:iam::111111111111:user/alice", id);
        scene.queue = Some(queue_policy(&by_id));
        assert!(scene.is_allowed(), "{name}");
    }
}

#[test]
fn several_principals_are_a_union_and_the_narrowest_counts() {
    let user = "arn:aws:iam::111111111111:user/alice";
    let session = "arn:aws:sts::111111111111:assumed-role/r/s";
    for (name, list, expected) in [
        ("alice", vec![A], "no-id"),
        ("alice", vec![A, user], "allow"),
        ("alice", vec![user, A], "allow"),
        ("alice", vec![A, "*"], "allow"),
        ("alice", vec![A, session], "no-id"),
        ("r/s", vec![A, "*"], "no-ses"),
        ("r/s", vec!["*", session, A], "allow"),
    ] {
        let mut scene = Scene::of(name);
        if name == "r/s" {
            scene = scene.session("+R");
        }
        scene.queue = Some(queue_policy(&format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":["{}"],"Service":"s3.amazonaws.com"}},"Action":"sqs:*","Resource":"*"}}}}"#,
            list.join("\",\"")
        )));
        assert_eq!(scene.decide(), expected, "{name} {list:?}");
    }
}

#[test]
fn a_refusal_names_one_cause() {
    let url = "https://sqs.us-east-1.amazonaws.com/";
    let refusal = |scene: &Scene| {
        scene.ask(|request, policies| {
            formiga_auth::evaluate::evaluate(request, policies).refusal(request, url)
        })
    };
    let user = |arn: &str, reason: &str| {
        Some(format!(
            "User: {arn} is not authorized to perform: sqs:sendmessage on resource: arn:aws:sqs:us-east-1:111111111111:q {reason}"
        ))
    };
    let alice = "arn:aws:iam::111111111111:user/alice";
    let session = "arn:aws:sts::111111111111:assumed-role/r/s";
    let bob = "arn:aws:iam::222222222222:user/bob";
    for (scene, expected) in [
        (Scene::of("alice").identity("+S"), None),
        (
            Scene::of("alice"),
            user(alice, "because no identity-based policy allows the sqs:sendmessage action"),
        ),
        (
            Scene::of("bob"),
            user(bob, "because no resource-based policy allows the sqs:sendmessage action"),
        ),
        (
            Scene::of("r/s").identity("+S").session("+R"),
            user(session, "because no session policy allows the sqs:sendmessage action"),
        ),
        (
            Scene::of("alice").identity("!S"),
            user(alice, "with an explicit deny in an identity-based policy"),
        ),
        (
            Scene::of("alice").queue("!*"),
            user(alice, "with an explicit deny in a resource-based policy"),
        ),
        (
            Scene::of("r/s").session("!S").identity("!S").queue("!*"),
            user(session, "with an explicit deny in a session policy"),
        ),
        (Scene::of("anon"), Some(format!("Access to the resource {url} is denied."))),
    ] {
        assert_eq!(refusal(&scene), expected);
    }
    let mut iam = Scene::of("alice").action("iam:CreateUser");
    iam.resource = format!("arn:aws:iam::{A}:user/x");
    assert_eq!(
        refusal(&iam).unwrap(),
        "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: iam:CreateUser on resource: arn:aws:iam::111111111111:user/x because no identity-based policy allows the iam:CreateUser action"
    );
}

#[test]
fn an_explanation_says_what_does_not_fit() {
    let scene = Scene::of("alice")
        .identity("+S; +R; !S on q2; +S if F")
        .queue("+bob; !* if F; +* on sqs:*");
    let traces = scene.ask(|request, policies| {
        let describe = |trace: formiga_auth::evaluate::Trace<'_>| {
            let unmatched = trace.unmatched.map(|element| match element {
                Element::Condition(key) => format!("condition {key}"),
                element => format!("{element:?}"),
            });
            (trace.place.kind, trace.place.policy.map(str::to_owned), trace.place.index, unmatched)
        };
        explain(request, policies).into_iter().map(describe).collect::<Vec<_>>()
    });
    let trace = |kind, index, unmatched: Option<&str>| {
        let name = (kind == PolicyKind::Identity).then(|| "p".to_owned());
        (kind, name, index, unmatched.map(str::to_owned))
    };
    assert_eq!(
        traces,
        [
            trace(PolicyKind::Identity, 0, None),
            trace(PolicyKind::Identity, 1, Some("Action")),
            trace(PolicyKind::Identity, 2, Some("Resource")),
            trace(PolicyKind::Identity, 3, Some("condition test:condition")),
            trace(PolicyKind::Queue, 0, Some("Principal")),
            trace(PolicyKind::Queue, 1, Some("condition test:condition")),
            trace(PolicyKind::Queue, 2, None),
        ]
    );
    let place = scene.ask(|request, policies| {
        let place = formiga_auth::evaluate::evaluate(request, policies).place.unwrap();
        (place.kind, place.index)
    });
    assert_eq!(place, (PolicyKind::Queue, 2), "what decided is told");
    assert_eq!(caller("alice").account(), Some(A));
}

#[test]
fn a_decision_tells_its_rule_and_the_statements_that_made_it() {
    let place = |place: Option<Place<'_>>| place.map(|place| (place.kind, place.index));
    let (identity, queue) = (PolicyKind::Identity, PolicyKind::Queue);
    for (caller, own, session, of_queue, rule, decided, own_decided) in [
        ("alice", "+S; !S", "-", "-", Rule::ExplicitDeny, Some((identity, 1)), None),
        ("alice", "+S", "-", "+A; !*", Rule::ExplicitDeny, Some((queue, 1)), None),
        ("alice", "+R; +S", "-", "-", Rule::SameAccount, Some((identity, 1)), None),
        ("alice", "-", "-", "+bob; +alice", Rule::SameAccount, Some((queue, 1)), None),
        ("alice", "+R", "-", "+A", Rule::SameAccount, None, None),
        ("r/s", "+S", "+R", "-", Rule::SameAccount, None, None),
        ("root", "-", "-", "-", Rule::Root, None, None),
        ("rootB", "-", "-", "+bob; +B", Rule::Root, Some((queue, 1)), None),
        (
            "bob",
            "+R; +S",
            "-",
            "!alice; +B",
            Rule::OtherAccount,
            Some((queue, 1)),
            Some((identity, 1)),
        ),
        ("bob", "+S", "-", "-", Rule::OtherAccount, None, None),
        ("anon", "-", "-", "+*", Rule::ResourcePolicyAlone, Some((queue, 0)), None),
    ] {
        let scene = Scene::of(caller).identity(own).session(session).queue(of_queue);
        let found = scene.ask(|request, policies| {
            let decision = evaluate(request, policies);
            (decision.rule, place(decision.place), place(decision.own_place))
        });
        assert_eq!(found, (rule, decided, own_decided), "{caller}: {own}, {session}, {of_queue}");
    }
}

#[test]
fn who_calls_and_who_owns_cannot_be_claimed_by_a_context() {
    for key in ["aws:SourceIp", "aws:ResourceTag/team", "aws:CurrentTime", "sts:ExternalId"] {
        assert!(Context::is_settable(key), "{key}");
    }
    for key in ["aws:PrincipalArn", "AWS:USERID", "aws:SourceArn", "aws:ResourceAccount"] {
        assert!(!Context::is_settable(key), "{key}");
        let mut scene = Scene::of("alice").identity("+S");
        let decided = scene.decide();
        scene.context.set(key, "somebody else");
        assert_eq!(scene.decide(), decided);
    }
}
