//! All callers crossed with all policies, against a second evaluator that reads the notation and
//! knows nothing of JSON, ARNs or patterns.

use crate::scene::{CALLERS, Scene};

/// What the caller is called, from the narrowest to the widest; the last is its account.
fn chain(caller: &str) -> &'static [&'static str] {
    match caller {
        "root" => &["A"],
        "rootB" => &["B"],
        "alice" => &["alice", "A"],
        "bob" => &["bob", "B"],
        "r/s" => &["r/s", "r", "A"],
        "rb/s" => &["rb/s", "rb", "B"],
        "sns" => &["sns"],
        _ => &[],
    }
}

struct Statement<'a> {
    allows: bool,
    body: &'a str,
    on: &'a str,
    is_on: bool,
}

fn statements(notation: &str) -> Vec<Statement<'_>> {
    let notations = notation.split("; ").filter(|notation| *notation != "-");
    notations
        .map(|notation| {
            let (body, condition) =
                notation[1..].split_once(" if ").unwrap_or((&notation[1..], "T"));
            let (body, on) = body.split_once(" on ").unwrap_or((body, ""));
            Statement { allows: notation.starts_with('+'), body, on, is_on: condition == "T" }
        })
        .collect()
}

/// Whether a policy of the caller's side says this about the action.
fn says(notation: &str, allows: bool, action: &str) -> bool {
    let letter = match action {
        "SendMessage" => "S",
        "ReceiveMessage" => "R",
        _ => "other",
    };
    statements(notation).iter().any(|statement| {
        let is_about = match statement.body.strip_prefix("NotAction ") {
            Some(not) => not != letter,
            None => statement.body == "*" || statement.body == letter,
        };
        statement.is_on && statement.allows == allows && is_about && statement.on != "q2"
    })
}

/// How a queue's policy allows or denies the caller: `direct`, `any`, `role` or `account`.
fn names(notation: &str, allows: bool, caller: &str, action: &str) -> Vec<&'static str> {
    let chain = chain(caller);
    let mut found = Vec::new();
    for statement in statements(notation) {
        let is_about = statement.on == "sqs:*" || action == "SendMessage";
        if !statement.is_on || statement.allows != allows || !is_about || statement.on == "q2" {
            continue;
        }
        if let Some(list) = statement.body.strip_prefix("NotPrincipal ") {
            let listed = chain.iter().filter(|name| list.split(',').any(|it| it == **name)).count();
            let is_spared = if allows { listed > 0 } else { listed > 0 && listed == chain.len() };
            if !is_spared {
                found.push("any");
            }
        } else if statement.body == "*" {
            found.push("any");
        } else if let Some(index) = chain.iter().position(|name| *name == statement.body) {
            found.push(match (index, chain.len()) {
                (0, _) => "direct",
                (1, 3) => "role",
                _ => "account",
            });
        }
    }
    found
}

fn decide(caller: &str, action: &str, identity: &str, session: &str, queue: &str) -> &'static str {
    if says(session, false, action) {
        return "DENY-ses";
    }
    if says(identity, false, action) {
        return "DENY-id";
    }
    if !names(queue, false, caller, action).is_empty() {
        return "DENY-res";
    }
    let is_in_a = chain(caller).contains(&"A");
    if action == "DeleteQueue" && !is_in_a {
        return "no-res";
    }
    let granted = names(queue, true, caller, action);
    let identity = says(identity, true, action);
    let session = session == "-" || says(session, true, action);
    let has = |strength| granted.contains(&strength);
    match chain(caller).len() {
        0 | 1 if is_in_a => "allow",
        0 | 1 if granted.is_empty() => "no-res",
        0 | 1 => "allow",
        _ if is_in_a && has("direct") => "allow",
        _ if is_in_a && (has("any") || has("role") || identity) && session => "allow",
        _ if is_in_a && (has("any") || has("role") || identity) => "no-ses",
        _ if is_in_a => "no-id",
        _ if granted.is_empty() => "no-res",
        _ if !identity => "no-id",
        _ if !session => "no-ses",
        _ => "allow",
    }
}

const IDENTITY: [&str; 10] = [
    "-",
    "+S",
    "!S",
    "+R",
    "+*",
    "+*; !S if F",
    "+NotAction R",
    "+*; !NotAction S",
    "+S on q2",
    "+S if F",
];
const SESSION: [&str; 5] = ["-", "+S", "+R", "!S", "+*; !R"];
const PRINCIPALS: [&str; 19] = [
    "*",
    "A",
    "B",
    "alice",
    "bob",
    "r",
    "rb",
    "r/s",
    "rb/s",
    "sns",
    "s3",
    "NotPrincipal alice",
    "NotPrincipal alice,A",
    "NotPrincipal r/s",
    "NotPrincipal r/s,A",
    "NotPrincipal r,A",
    "NotPrincipal r,r/s,A",
    "NotPrincipal B",
    "NotPrincipal bob,B",
];

#[test]
fn two_evaluators_agree_about_all_callers_and_policies() {
    let mut singles = vec!["-".to_owned()];
    for name in PRINCIPALS {
        for form in ["+{}", "!{}", "+{} on sqs:*", "+{} if F", "!{} on q2"] {
            singles.push(form.replace("{}", name));
        }
    }
    let pairs = singles.iter().flat_map(|one| {
        ["+*", "+A", "+B on sqs:*", "!alice", "+NotPrincipal r"]
            .map(|other| format!("{one}; {other}"))
    });
    let queues: Vec<String> =
        singles.iter().cloned().chain(pairs.filter(|it| !it.starts_with('-'))).collect();
    let identities = IDENTITY.map(|notation| (notation, Scene::of("anon").identity(notation)));
    let sessions = SESSION.map(|notation| (notation, Scene::of("anon").session(notation)));
    let mut decided = std::collections::BTreeMap::<_, u32>::new();
    for queue in &queues {
        let with_queue = Scene::of("anon").queue(queue);
        for caller in CALLERS {
            let mut scene = Scene::of(caller);
            scene.queue.clone_from(&with_queue.queue);
            // Roots and services have no policies of their own, and only roles have sessions.
            let own = if chain(caller).len() > 1 { identities.len() } else { 1 };
            let narrowed = if chain(caller).len() > 2 { sessions.len() } else { 1 };
            for (identity, with_identity) in &identities[..own] {
                scene.identity.clone_from(&with_identity.identity);
                for (session, with_session) in &sessions[..narrowed] {
                    scene.session.clone_from(&with_session.session);
                    for action in ["SendMessage", "DeleteQueue"] {
                        scene.action = format!("sqs:{action}");
                        let expected = decide(caller, action, identity, session, queue);
                        *decided.entry(expected).or_default() += 1;
                        assert_eq!(
                            scene.decide(),
                            expected,
                            "{caller} {action}, identity {identity}, session {session}, queue {queue}"
                        );
                    }
                }
            }
        }
    }
    assert!(decided.len() == 7 && decided.values().all(|count| *count > 1000), "{decided:?}");
}
