//! `formiga user`, `key`, `role` and `account` as an operator sees them.

mod common {
    pub(crate) mod cli;
    pub(crate) mod process;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::cli::{Ran, documents, run};
use common::process::Process;
use serde_json::Value;
use tempfile::TempDir;

/// A server that checks who calls, and its operator, who has the administrator's key.
struct Operator {
    server: Option<Process>,
    home: TempDir,
}

const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}}"#;

impl Operator {
    fn start() -> Operator {
        let mut operator =
            Operator { server: None, home: tempfile::tempdir().expect("a directory can be made") };
        operator.start_server();
        operator
    }

    fn start_server(&mut self) {
        self.server = None; // It is killed.
        let arguments = ["--listen=127.0.0.1:0", "--data-dir=data", "--auth=required"];
        self.server = Some(Process::start(self.home.path(), &arguments));
    }

    fn admin_key(&self) -> PathBuf {
        self.home.path().join("data").join("admin-key")
    }

    /// Runs `formiga` with the administrator's key.
    fn run(&self, arguments: &[&str]) -> Ran {
        let key = self.admin_key().display().to_string();
        self.run_as(&[("AWS_SHARED_CREDENTIALS_FILE", key)], arguments)
    }

    fn run_as(&self, credentials: &[(&str, String)], arguments: &[&str]) -> Ran {
        let mut environment = credentials.to_vec();
        if let Some(server) = &self.server {
            environment.push(("AWS_ENDPOINT_URL", format!("http://{}", server.address())));
        }
        run(self.home.path(), &environment, arguments, b"")
    }

    fn ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).ok()
    }

    fn document(&self, arguments: &[&str]) -> Value {
        let mut documents = documents(&self.ok(&[arguments, &["--json"]].concat()));
        assert_eq!(documents.len(), 1, "one document");
        documents.remove(0)
    }

    /// The credentials that a command printed.
    fn keys(printed: &Value) -> [(&'static str, String); 2] {
        let text = |name: &str| printed[name].as_str().expect("a key is printed").to_owned();
        [
            ("AWS_ACCESS_KEY_ID", text("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey")),
        ]
    }
}

#[test]
fn a_user_is_made_given_a_policy_and_a_key_and_deleted() {
    let operator = Operator::start();
    fs::write(operator.home.path().join("all.json"), ALL).unwrap();
    let made = operator.document(&["user", "create", "alice", "--policy", "all.json", "--key"]);
    let alice = Operator::keys(&made);
    operator.run_as(&alice, &["queue", "create", "q"]).ok();
    let users = operator.document(&["user", "ls"]);
    assert_eq!(users["Users"][0]["Arn"], "arn:aws:iam::000000000000:user/alice");
    assert!(operator.ok(&["user", "ls"]).starts_with("NAME   CREATED"));

    let second = operator.document(&["key", "create", "alice"]);
    let quota = operator.run(&["key", "create", "alice"]).error(1);
    assert!(quota.contains("LimitExceeded: Cannot exceed quota"), "{quota}");
    let id = alice[0].1.as_str();
    assert_eq!(operator.ok(&["key", "disable", "alice", id]), format!("{id} is disabled.\n"));
    let refused = operator.run_as(&alice, &["queue", "ls"]).error(1);
    assert!(refused.contains("The security token included in the request is invalid"), "{refused}");
    operator.ok(&["key", "enable", "alice", id]);
    operator.run_as(&alice, &["queue", "ls"]).ok();
    operator.ok(&["key", "rm", "alice", id]);
    let keys = operator.document(&["key", "ls", "alice"]);
    assert_eq!(keys["Keys"].as_array().unwrap().len(), 1);
    assert_eq!(keys["Keys"][0]["AccessKeyId"], second["AccessKeyId"]);

    operator.ok(&[
        "user",
        "policy",
        "alice",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
        "--policy-name",
        "none",
    ]);
    let denied = operator.run_as(&Operator::keys(&second), &["queue", "ls"]).error(1);
    assert!(denied.contains("explicit deny"), "{denied}");
    let unasked = operator.run(&["user", "rm", "alice"]).error(2);
    assert!(unasked.contains("--yes"), "{unasked}");
    assert_eq!(operator.ok(&["user", "rm", "alice", "--yes"]), "Deleted alice.\n");
    let gone = operator.run(&["user", "rm", "alice", "--yes", "--json"]).error(1);
    assert_eq!(documents(&gone)[0]["error"]["code"], "NoSuchEntity");
}

#[test]
fn a_role_is_made_changed_and_deleted() {
    let operator = Operator::start();
    let made = operator.ok(&["role", "create", "r", "--trust", TRUST, "--policy", ALL]);
    assert_eq!(made, "Made arn:aws:iam::000000000000:role/r.\n");
    operator.ok(&["role", "policy", "r", ALL, "--policy-name", "more"]);
    operator.ok(&["role", "trust", "r", TRUST]);
    let wrong = operator.run(&["role", "trust", "r", ALL]).error(1);
    assert!(wrong.contains("MalformedPolicyDocument: "), "{wrong}");
    assert_eq!(operator.document(&["role", "ls"])["Roles"][0]["RoleName"], "r");
    operator.ok(&["role", "rm", "r", "--yes"]);
    assert_eq!(operator.document(&["role", "ls"])["Roles"].as_array().unwrap().len(), 0);
}

#[test]
fn an_account_is_made_with_a_key_for_its_root() {
    let operator = Operator::start();
    let first = Operator::keys(&operator.document(&["account", "create", "111111111111"]));
    operator.run_as(&first, &["queue", "create", "q"]).ok();
    let second = operator.document(&["account", "reset", "111111111111", "--yes"]);
    operator.run_as(&first, &["queue", "ls"]).error(1);
    let second = Operator::keys(&second);
    let refused = operator.run_as(&second, &["account", "ls"]).error(1);
    assert!(refused.contains("AccessDenied: "), "{refused}");
    let conflict = operator.run(&["account", "rm", "111111111111", "--yes"]).error(1);
    assert!(conflict.contains("DeleteConflict: "), "{conflict}");
    operator.run_as(&second, &["queue", "rm", "q", "--yes"]).ok();
    operator.ok(&["account", "rm", "111111111111", "--yes"]);
    let accounts = operator.document(&["account", "ls"]);
    assert_eq!(accounts["Accounts"].as_array().unwrap().len(), 1);
}

#[test]
fn the_administrators_lost_key_is_replaced_while_no_server_runs() {
    let mut operator = Operator::start();
    let old = fs::read_to_string(operator.admin_key()).unwrap();
    let running = operator.run(&["user", "reset", "--data-dir", "data"]).error(1);
    assert!(running.contains("is in use by another Formiga server"), "{running}");
    assert_eq!(fs::read_to_string(operator.admin_key()).unwrap(), old);
    operator.server = None;
    let told = operator.ok(&["user", "reset", "--data-dir", "data"]);
    let new = fs::read_to_string(operator.admin_key()).unwrap();
    assert_ne!(new, old);
    let secret = |text: &str| text.lines().last().unwrap().split(" = ").nth(1).unwrap().to_owned();
    assert!(!told.contains(&secret(&new)), "the key is told to nobody");
    let mode = fs::metadata(operator.admin_key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    operator.start_server();
    operator.ok(&["user", "ls"]);
    let lost = operator.home.path().join("lost");
    fs::write(&lost, old).unwrap();
    let lost = [("AWS_SHARED_CREDENTIALS_FILE", lost.display().to_string())];
    let refused = operator.run_as(&lost, &["user", "ls"]).error(1);
    assert!(refused.contains("InvalidClientTokenId"), "{refused}");
    let elsewhere = operator.run(&["user", "reset", "--data-dir", "nothing"]).error(1);
    assert!(elsewhere.contains("nothing"), "{elsewhere}");
}

#[test]
fn users_of_aws_are_not_managed_here() {
    let home = tempfile::tempdir().unwrap();
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE234567ABC".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
    ];
    let refused = run(home.path(), &keys, &["user", "ls", "--aws", "--region=eu-west-1"], b"");
    assert!(refused.error(2).contains("aws iam"));
}

#[test]
fn an_operator_is_told_which_statement_decides() {
    const LIMITED: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"},{"Sid":"Home","Effect":"Deny","Action":"sqs:SendMessage","Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"127.0.0.1"}}}]}"#;
    let operator = Operator::start();
    operator.ok(&["user", "create", "alice", "--policy", LIMITED]);
    operator.ok(&["queue", "create", "orders"]);
    let alice = "arn:aws:iam::000000000000:user/alice";
    let asked = ["explain", "SendMessage", "orders", "--principal", alice];
    let told = operator.ok(&asked);
    assert!(
        told.starts_with(&format!("ALLOWED: {alice} may sqs:SendMessage on arn:aws:sqs:")),
        "{told}"
    );
    assert!(told.contains("Decided by statement 0 of the policy"), "{told}");
    assert!(told.contains("no: the condition on aws:sourceip is not met"), "{told}");
    let elsewhere = [&asked[..], &["--context", "aws:SourceIp=192.0.2.1"]].concat();
    let told = operator.ok(&elsewhere);
    assert!(told.starts_with("DENIED: "), "{told}");
    assert!(told.contains("Decided by statement 1 (Home) of the policy"), "{told}");
    let document = operator.document(&elsewhere);
    assert_eq!(
        (&document["IsAllowed"], &document["DecidedBy"]),
        (&Value::from(false), &Value::from("ExplicitDeny"))
    );
    let wrong = operator.run(&["explain", "SendMessages", "orders"]).error(1);
    assert!(wrong.contains("SQS has no such permission"), "{wrong}");
}
