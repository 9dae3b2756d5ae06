//! Any text as a policy, of a queue and of IAM; what is accepted decides about a request.

#![no_main]

use formiga_auth::caller::{Caller, User};
use formiga_auth::evaluate::{Context, NamedPolicy, Policies, Request, evaluate, explain};
use formiga_auth::policy::{Policy, PolicyKind};
use formiga_auth::time::Timestamp;
use formiga_fuzz::fuzz_target;

fuzz_target!(|json: &str| {
    let user = User {
        account: "111111111111".to_owned(),
        path: "/".to_owned(),
        name: "alice".to_owned(),
        unique_id: "AIDAEXAMPLE2345672345Q".to_owned(),
    };
    let caller = Caller::User(user);
    let mut context = Context::new();
    context.set_time(Timestamp::from_millis(1_440_938_160_000));
    context.set("aws:SourceIp", "192.0.2.7");
    context.set("aws:SecureTransport", "false");
    let request = Request {
        caller: &caller,
        action: "sqs:SendMessage",
        resource: "arn:aws:sqs:us-east-1:111111111111:orders",
        resource_account: "111111111111",
        context: &context,
    };
    let _ = Policy::counted_size(json);
    let queue = Policy::parse_queue(json, "111111111111").ok();
    let trust = Policy::parse_iam(PolicyKind::Trust, json).ok();
    let identity = Policy::parse_iam(PolicyKind::Identity, json).ok();
    let named = identity.map(|policy| NamedPolicy { name: "p".to_owned(), policy });
    let identity: Vec<_> = named.into_iter().collect();
    for resource in [queue.as_ref(), trust.as_ref(), None] {
        let policies = Policies { identity: &identity, session: None, resource };
        let decision = evaluate(&request, &policies);
        let again = evaluate(&request, &policies);
        assert_eq!(decision.is_allowed(), again.is_allowed());
        let _ = explain(&request, &policies);
    }
});
