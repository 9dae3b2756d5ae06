//! Who may assume a role.

use formiga_auth::evaluate::{Policies, Request, evaluate_assume_role};
use formiga_auth::policy::PolicyKind;

use crate::scene::{A, Scene, iam_policy, named, principal, word};

/// The decision about assuming a role of account A whose trust policy has this effect on `trusted`.
fn assume(name: &str, identity: &str, session: &str, effect: &str, trusted: &str) -> &'static str {
    let scene = Scene::of(name);
    let policy = |kind: PolicyKind, notation: &str| {
        let effect = match notation {
            "+" => "Allow",
            "!" => "Deny",
            _ => return None,
        };
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"sts:AssumeRole","Resource":"*"}}}}"#
        );
        Some(iam_policy(kind, &json))
    };
    let identity: Vec<_> = policy(PolicyKind::Identity, identity).map(named).into_iter().collect();
    let session = policy(PolicyKind::Session, session);
    let trusted = principal(trusted);
    let trust = iam_policy(
        PolicyKind::Trust,
        &format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":"sts:AssumeRole","Condition":{{"Bool":{{"test:deny":"true"}}}}}},{{"Effect":"{effect}","Principal":{trusted},"Action":"sts:AssumeRole"}}]}}"#
        ),
    );
    let mut context = scene.context.clone();
    context.set("test:deny", if effect == "Deny" { "true" } else { "false" });
    let request = Request {
        caller: &scene.caller,
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::111111111111:role/target",
        resource_account: A,
        context: &context,
    };
    let policies =
        Policies { identity: &identity, session: session.as_ref(), resource: Some(&trust) };
    let decision = evaluate_assume_role(&request, &policies);
    if !decision.is_allowed() && scene.caller.arn().is_some() {
        let caller = scene.caller.arn().unwrap();
        let text = format!(
            "User: {caller} is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/target"
        );
        let reason = decision.refusal(&request, "");
        assert!(reason.unwrap().starts_with(&text));
    }
    word(&decision)
}

#[test]
fn a_role_is_assumed_by_whom_it_trusts() {
    for (caller, identity, session, trusted, expected) in [
        ("alice", "-", "-", "alice", "allow"),
        ("alice", "-", "-", "*", "allow"),
        ("alice", "-", "-", "A", "no-id"),
        ("alice", "+", "-", "A", "allow"),
        ("alice", "+", "-", "bob", "no-trust"),
        ("alice", "!", "-", "alice", "DENY-id"),
        ("r/s", "-", "-", "r", "allow"),
        ("r/s", "-", "!", "r", "DENY-ses"),
        ("r/s", "+", "+", "A", "allow"),
        ("bob", "-", "-", "bob", "no-id"),
        ("bob", "+", "-", "bob", "allow"),
        ("bob", "+", "-", "B", "allow"),
        ("bob", "+", "-", "A", "no-trust"),
        ("rb/s", "+", "+", "rb", "allow"),
        ("root", "-", "-", "A", "no-trust"),
        ("root", "-", "-", "*", "no-trust"),
        ("anon", "-", "-", "*", "no-trust"),
        ("sns", "-", "-", "sns", "allow"),
        ("sns", "-", "-", "A", "no-trust"),
    ] {
        let decision = assume(caller, identity, session, "Allow", trusted);
        assert_eq!(decision, expected, "{caller} {identity} {session} {trusted}");
    }
    assert_eq!(assume("alice", "+", "-", "Deny", "alice"), "DENY-trust");
    assert_eq!(assume("alice", "+", "-", "Deny", "bob"), "allow");
}

#[test]
fn a_sessions_policy_narrows_down_what_its_role_may_assume() {
    let scene = Scene::of("r/s").session("+S");
    for (trusted, expected) in [("r", "no-ses"), ("*", "no-ses"), ("r/s", "allow")] {
        let trusted = principal(trusted);
        let trust = iam_policy(
            PolicyKind::Trust,
            &format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{trusted},"Action":"sts:AssumeRole"}}}}"#
            ),
        );
        let decision = scene.ask(|request, policies| {
            let request = Request { action: "sts:AssumeRole", ..*request };
            let policies = Policies { resource: Some(&trust), ..*policies };
            word(&evaluate_assume_role(&request, &policies))
        });
        assert_eq!(decision, expected, "{trusted}");
    }
}
