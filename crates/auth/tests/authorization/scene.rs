//! Two accounts, a queue, and a short notation for policies.
//!
//! `+S on q2 if F` is a statement that allows SendMessage on another queue under a condition that is
//! false; `!` denies. In a queue's policy the word behind the sign is a principal: `+bob`, `!*`,
//! `!NotPrincipal alice,A`, `+B on sqs:*`. Statements are separated by semicolons.

use formiga_auth::caller::{Caller, Service, Session, User};
use formiga_auth::evaluate::{
    Context, Decision, NamedPolicy, Policies, Request, Verdict, evaluate,
};
use formiga_auth::policy::{Policy, PolicyKind};

pub(crate) const A: &str = "111111111111";
pub(crate) const B: &str = "222222222222";
pub(crate) const QUEUE: &str = "arn:aws:sqs:us-east-1:111111111111:q";

pub(crate) const CALLERS: [&str; 8] =
    ["root", "alice", "r/s", "rootB", "bob", "rb/s", "anon", "sns"];

/// Who is called that in the tables.
pub(crate) fn caller(name: &str) -> Caller {
    let user = |account: &str, name: &str| {
        Caller::User(User {
            account: account.to_owned(),
            path: "/".to_owned(),
            name: name.to_owned(),
            unique_id: format!("AIDA{}EXAMPLE234567", name.to_uppercase()),
        })
    };
    let session = |account: &str, role: &str| {
        Caller::Session(Session {
            account: account.to_owned(),
            role_path: "/team/".to_owned(),
            role_name: role.to_owned(),
            role_id: format!("AROA{}EXAMPLE2345678", role.to_uppercase()),
            name: "s".to_owned(),
        })
    };
    match name {
        "root" => Caller::Root { account: A.to_owned() },
        "rootB" => Caller::Root { account: B.to_owned() },
        "alice" => user(A, name),
        "bob" => user(B, name),
        "r/s" => session(A, "r"),
        "rb/s" => session(B, "rb"),
        "anon" => Caller::Anonymous,
        "sns" => Caller::Service(Service {
            name: "sns.amazonaws.com".to_owned(),
            source_arn: Some(format!("arn:aws:sns:us-east-1:{A}:t")),
            source_account: Some(A.to_owned()),
        }),
        _ => panic!("nobody is called {name}"),
    }
}

/// How a policy names a principal of the tables.
pub(crate) fn principal(name: &str) -> String {
    let aws = |value: String| format!("{{\"AWS\":\"{value}\"}}");
    match name {
        "*" => "\"*\"".to_owned(),
        "sns" | "s3" => format!("{{\"Service\":\"{name}.amazonaws.com\"}}"),
        name => aws(principal_arn(name)),
    }
}

fn principal_arn(name: &str) -> String {
    match name {
        "A" => A.to_owned(),
        "B" => format!("arn:aws:iam::{B}:root"),
        "alice" => format!("arn:aws:iam::{A}:user/alice"),
        "bob" => format!("arn:aws:iam::{B}:user/bob"),
        "r" => format!("arn:aws:iam::{A}:role/team/r"),
        "rb" => format!("arn:aws:iam::{B}:role/team/rb"),
        "r/s" => format!("arn:aws:sts::{A}:assumed-role/r/s"),
        "rb/s" => format!("arn:aws:sts::{B}:assumed-role/rb/s"),
        "*" => "*".to_owned(),
        _ => panic!("no principal is called {name}"),
    }
}

/// `body` without `word` and what stands behind it, and that.
fn cut<'a>(body: &'a str, word: &str) -> (&'a str, Option<&'a str>) {
    body.split_once(word).map_or((body, None), |(body, behind)| (body, Some(behind)))
}

fn statement(notation: &str, is_queues: bool) -> String {
    let (sign, body) = notation.split_at(1);
    let effect = if sign == "+" { "Allow" } else { "Deny" };
    let (body, condition) = cut(body, " if ");
    let (body, on) = cut(body, " on ");
    let value = condition.map_or(String::new(), |condition| {
        let version = if condition == "T" { "yes" } else { "no" };
        format!(r#","Condition":{{"StringEquals":{{"test:condition":"{version}"}}}}"#)
    });
    let resource = on.filter(|on| *on == "q2").map_or(QUEUE.to_owned(), |_| format!("{QUEUE}2"));
    if is_queues {
        let (name, who) = match body.strip_prefix("NotPrincipal ") {
            None => ("Principal", principal(body)),
            Some(list) => {
                let arns: Vec<_> =
                    list.split(',').map(|name| format!("\"{}\"", principal_arn(name))).collect();
                ("NotPrincipal", format!("{{\"AWS\":[{}]}}", arns.join(",")))
            }
        };
        let action = on.filter(|on| on.starts_with("sqs:")).unwrap_or("SQS:SendMessage");
        return format!(
            r#"{{"Effect":"{effect}","{name}":{who},"Action":"{action}","Resource":"{resource}"{value}}}"#
        );
    }
    let (name, action) = match body {
        "S" => ("Action", "sqs:SendMessage"),
        "R" => ("Action", "sqs:ReceiveMessage"),
        "*" => ("Action", "sqs:*"),
        "NotAction S" => ("NotAction", "sqs:SendMessage"),
        "NotAction R" => ("NotAction", "sqs:ReceiveMessage"),
        _ => panic!("no action is called {body}"),
    };
    let resource = if body == "*" { "*" } else { &resource };
    format!(r#"{{"Effect":"{effect}","{name}":"{action}","Resource":"{resource}"{value}}}"#)
}

/// The policy of this kind that the notation stands for; `-` is none.
pub(crate) fn policy(kind: PolicyKind, notation: &str) -> Option<Policy> {
    if notation == "-" {
        return None;
    }
    let is_queues = kind == PolicyKind::Queue;
    let statements: Vec<_> =
        notation.split("; ").map(|notation| statement(notation, is_queues)).collect();
    let json = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    Some(if is_queues { queue_policy(&json) } else { iam_policy(kind, &json) })
}

#[track_caller]
pub(crate) fn queue_policy(json: &str) -> Policy {
    Policy::parse_queue(json, A).unwrap_or_else(|error| panic!("{error}: {json}"))
}

#[track_caller]
pub(crate) fn iam_policy(kind: PolicyKind, json: &str) -> Policy {
    Policy::parse_iam(kind, json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// A request and the policies that bear on it, to be changed at will.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) caller: Caller,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) context: Context,
    pub(crate) identity: Vec<NamedPolicy>,
    pub(crate) session: Option<Policy>,
    pub(crate) queue: Option<Policy>,
}

impl Scene {
    /// A caller who wants to send a message, and no policies.
    pub(crate) fn of(name: &str) -> Scene {
        let mut context = Context::new();
        context.set("test:condition", "yes");
        Scene {
            caller: caller(name),
            action: "sqs:SendMessage".to_owned(),
            resource: QUEUE.to_owned(),
            context,
            identity: Vec::new(),
            session: None,
            queue: None,
        }
    }

    pub(crate) fn identity(mut self, notation: &str) -> Scene {
        let policy = policy(PolicyKind::Identity, notation);
        self.identity = policy.map(named).into_iter().collect();
        self
    }

    pub(crate) fn session(mut self, notation: &str) -> Scene {
        self.session = policy(PolicyKind::Session, notation);
        self
    }

    pub(crate) fn queue(mut self, notation: &str) -> Scene {
        self.queue = policy(PolicyKind::Queue, notation);
        self
    }

    pub(crate) fn action(mut self, action: &str) -> Scene {
        self.action = action.to_owned();
        self
    }

    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Request<'_>, &Policies<'_>) -> T) -> T {
        let request = Request {
            caller: &self.caller,
            action: &self.action,
            resource: &self.resource,
            resource_account: A,
            context: &self.context,
        };
        let policies = Policies {
            identity: &self.identity,
            session: self.session.as_ref(),
            resource: self.queue.as_ref(),
        };
        ask(&request, &policies)
    }

    /// The decision as the tables write it.
    pub(crate) fn decide(&self) -> &'static str {
        self.ask(|request, policies| word(&evaluate(request, policies)))
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.decide() == "allow"
    }
}

pub(crate) fn named(policy: Policy) -> NamedPolicy {
    NamedPolicy { name: "p".to_owned(), policy }
}

pub(crate) fn word(decision: &Decision<'_>) -> &'static str {
    match decision.verdict {
        Verdict::Allowed => "allow",
        Verdict::Denied(PolicyKind::Identity) => "DENY-id",
        Verdict::Denied(PolicyKind::Session) => "DENY-ses",
        Verdict::Denied(PolicyKind::Queue) => "DENY-res",
        Verdict::Denied(PolicyKind::Trust) => "DENY-trust",
        Verdict::NotAllowed(PolicyKind::Identity) => "no-id",
        Verdict::NotAllowed(PolicyKind::Session) => "no-ses",
        Verdict::NotAllowed(PolicyKind::Queue) => "no-res",
        Verdict::NotAllowed(PolicyKind::Trust) => "no-trust",
    }
}
