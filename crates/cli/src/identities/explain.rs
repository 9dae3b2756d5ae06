use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use super::call::Caller;
use crate::connect::ConnectionArgs;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::pair::Pair;

/// What `formiga explain` is asked.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    /// A permission, such as sqs:SendMessage; `sqs:` may be left out.
    action: String,

    /// A queue's name, URL or ARN; for other permissions, an ARN.
    resource: Option<String>,

    /// Who: the ARN of a user, a role, a session or a root, 12 digits, a service, or * for anyone
    /// [default: the caller].
    #[arg(long, short, value_name = "ARN")]
    principal: Option<String>,

    /// What a condition compares, such as aws:SourceIp=192.0.2.1; may be given several times.
    #[arg(long, short, value_name = "KEY=VALUE", value_parser = Pair::parse)]
    context: Vec<Pair>,
}

const AFTER_HELP: &str = "\
  formiga explain SendMessage orders
  formiga explain sqs:ReceiveMessage orders --principal arn:aws:iam::000000000000:user/alice
  formiga explain sts:AssumeRole arn:aws:iam::000000000000:role/worker -c sts:ExternalId=x

What conditions compare is as in this very request, unless --context says otherwise. The caller needs
the permission formiga:ExplainAccess, and is told of the policies of its own account only.";

pub(super) async fn run(
    caller: &Caller,
    args: &ExplainArgs,
    output: Output,
) -> Result<(), CliError> {
    let mut context: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Pair { key, value } in &args.context {
        context.entry(key).or_default().push(value);
    }
    let mut input = json!({ "Action": args.action, "Context": context });
    for (name, value) in [("Principal", &args.principal), ("Resource", &args.resource)] {
        if let Some(value) = value {
            input[name] = json!(value);
        }
    }
    let answer = caller.own("ExplainAccess", input).await?;
    output.result(&answer, &in_words(&answer))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn in_words(answer: &Value) -> String {
    let is_allowed = answer["IsAllowed"] == true;
    let (verdict, may) = if is_allowed { ("ALLOWED", "may") } else { ("DENIED", "may not") };
    let who = match text(answer, "Principal") {
        "*" => "anyone",
        name => name,
    };
    let first = format!(
        "{verdict}: {who} {may} {} on {}",
        text(answer, "Action"),
        text(answer, "Resource")
    );
    let none = Vec::new();
    let statements = answer["Statements"].as_array().unwrap_or(&none);
    let decided = statements.iter().filter(|it| it["IsDeciding"] == true).map(|statement| {
        format!("Decided by statement {} of {}.", name_of(statement), policy_of(statement))
    });
    let mut lines = vec![first, text(answer, "Reason").to_owned()];
    lines.extend(decided);
    if !statements.is_empty() {
        lines.push(String::new());
        lines.push(rows(statements));
    }
    lines.join("\n")
}

/// Statements are counted from 0, as in the API.
fn name_of(statement: &Value) -> String {
    match text(statement, "Sid") {
        "" => statement["Index"].to_string(),
        sid => format!("{} ({sid})", statement["Index"]),
    }
}

fn policy_of(statement: &Value) -> String {
    match (text(statement, "PolicyType"), text(statement, "PolicyName")) {
        ("Resource", _) => "the resource's policy".to_owned(),
        ("Session", _) => "the session's policy".to_owned(),
        ("Trust", _) => "the role's trust policy".to_owned(),
        (_, name) => format!("the policy {name}"),
    }
}

fn rows(statements: &[Value]) -> String {
    let titles = ["POLICY", "STATEMENT", "EFFECT", "APPLIES"].map(str::to_owned).to_vec();
    let row = |statement: &Value| {
        let policy = match text(statement, "PolicyName") {
            "" => text(statement, "PolicyType").to_lowercase(),
            name => format!("{} {name}", text(statement, "PolicyType").to_lowercase()),
        };
        let applies = match (text(statement, "Unmatched"), text(statement, "ConditionKey")) {
            ("", _) => "yes".to_owned(),
            ("Condition", key) => format!("no: the condition on {key} is not met"),
            (element, _) => format!("no: {element} does not match"),
        };
        vec![policy, name_of(statement), text(statement, "Effect").to_owned(), applies]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(titles).chain(statements.iter().map(row)).collect();
    table(&rows, &[false; 4])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_in_words() {
        let answer = json!({
            "IsAllowed": false,
            "Reason": "A statement of an identity policy denies it.",
            "Principal": "arn:aws:iam::111111111111:user/dave",
            "Action": "sqs:SendMessage",
            "Resource": "arn:aws:sqs:us-east-1:111111111111:q",
            "Statements": [
                { "PolicyType": "Identity", "PolicyName": "inline", "Index": 0, "Sid": "No", "Effect": "Deny",
                  "Applies": true, "IsDeciding": true },
                { "PolicyType": "Resource", "Index": 1, "Effect": "Allow", "Applies": false,
                  "Unmatched": "Condition", "ConditionKey": "aws:sourceip", "IsDeciding": false },
            ],
        });
        let told = "DENIED: arn:aws:iam::111111111111:user/dave may not sqs:SendMessage on arn:aws:sqs:us-east-1:111111111111:q
A statement of an identity policy denies it.
Decided by statement 0 (No) of the policy inline.

POLICY           STATEMENT  EFFECT  APPLIES
identity inline  0 (No)     Deny    yes
resource         1          Allow   no: the condition on aws:sourceip is not met";
        assert_eq!(in_words(&answer), told);
    }
}
