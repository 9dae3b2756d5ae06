//! `Formiga.ExplainAccess`: what it says is what happens, and it tells nobody of others' policies.

mod common {
    pub(crate) mod http;
    pub(crate) mod signed;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;

use formiga_server::Server;
use formiga_server::config::{AuthMode, Config, StoreKind};
use serde_json::{Value, json};
use tempfile::TempDir;

use common::http::{Answer, Connection};
use common::signed::{Signer, Unsent};

/// Account A: alice may send from some address, carol nothing, dave is denied to send, erin may ask
/// for explanations and nothing else. Account B: bob may do everything, and frank nothing.
const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "secret of A" }]

    [[user]]
    account = "111111111111"
    name = "alice"
    policies = { reads = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:Get*","Resource":"*"}}', sends = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"},{"Sid":"FromHome","Effect":"Allow","Action":"sqs:SendMessage","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}]}' }
    keys = [{ access_key_id = "AKIAALICE00000000001", secret_access_key = "secret of alice" }]

    [[user]]
    account = "111111111111"
    name = "carol"
    keys = [{ access_key_id = "AKIACAROL00000000001", secret_access_key = "secret of carol" }]

    [[user]]
    account = "111111111111"
    name = "dave"
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"Never","Effect":"Deny","Action":"sqs:SendMessage","Resource":"*"}]}'
    keys = [{ access_key_id = "AKIADAVE000000000001", secret_access_key = "secret of dave" }]

    [[user]]
    account = "111111111111"
    name = "erin"
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"formiga:ExplainAccess","Resource":"*"}}'
    keys = [{ access_key_id = "AKIAERIN000000000001", secret_access_key = "secret of erin" }]

    [[role]]
    account = "111111111111"
    name = "worker"
    trust_policy = '{"Version":"2012-10-17","Statement":{"Sid":"Carol","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/carol"},"Action":"sts:AssumeRole"}}'
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:ReceiveMessage","Resource":"*"}}'

    [[user]]
    account = "222222222222"
    name = "bob"
    policy = '{"Version":"2012-10-17","Statement":{"Sid":"Everything","Effect":"Allow","Action":"*","Resource":"*"}}'
    keys = [{ access_key_id = "AKIABOB0000000000001", secret_access_key = "secret of bob" }]

    [[user]]
    account = "222222222222"
    name = "frank"
    keys = [{ access_key_id = "AKIAFRANK00000000001", secret_access_key = "secret of frank" }]
"#;

/// B's bob may send and receive, frank too, dave is denied to read attributes.
const QUEUE_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"Guests","Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":["sqs:SendMessage","sqs:ReceiveMessage"],"Resource":"*"},
    {"Sid":"Anyone","Effect":"Allow","Principal":"*","Action":"sqs:GetQueueUrl","Resource":"*"},
    {"Sid":"Topics","Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:111111111111:t"}}},
    {"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111111111111:user/dave"},"Action":"sqs:GetQueueAttributes","Resource":"*"}]}"#;

const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:111111111111:q";

fn key(name: &str) -> Signer {
    let (id, secret) = match name {
        "root" => ("AKIAROOTA00000000001", "secret of A"),
        "alice" => ("AKIAALICE00000000001", "secret of alice"),
        "carol" => ("AKIACAROL00000000001", "secret of carol"),
        "dave" => ("AKIADAVE000000000001", "secret of dave"),
        "erin" => ("AKIAERIN000000000001", "secret of erin"),
        "bob" => ("AKIABOB0000000000001", "secret of bob"),
        "frank" => ("AKIAFRANK00000000001", "secret of frank"),
        _ => panic!("nobody is called {name}"),
    };
    Signer::new(id, secret)
}

fn arn(name: &str) -> String {
    match name {
        "root" => "arn:aws:iam::111111111111:root".to_owned(),
        "bob" | "frank" => format!("arn:aws:iam::222222222222:user/{name}"),
        _ => format!("arn:aws:iam::111111111111:user/{name}"),
    }
}

struct Scene {
    server: Server,
    host: String,
    url: String,
    _directory: TempDir,
}

impl Scene {
    /// A server that checks who calls, where account A has the queue `q`.
    async fn start() -> Scene {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let users = directory.path().join("users.toml");
        fs::write(&users, USERS).expect("a file can be written");
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let mut config = Config::defaults();
        config.listen = "127.0.0.1:0".parse().expect("an address");
        config.data_dir = directory.path().join("data");
        config.store = StoreKind::Memory;
        config.auth = AuthMode::Required;
        config.credentials_file = Some(users);
        let server = Server::start(&config).await.expect("the server starts");
        let host = server.address().to_string();
        let url = format!("http://{host}/111111111111/q");
        let scene = Scene { server, host, url, _directory: directory };
        let input = json!({ "QueueName": "q", "Attributes": { "Policy": QUEUE_POLICY } });
        scene.call("root", "AmazonSQS.CreateQueue", input).await.ok();
        scene
    }

    async fn call(&self, who: &str, target: &str, input: Value) -> Answer {
        let request = Unsent::new("POST", "/", &self.host)
            .with("x-amz-target", target)
            .with("content-type", "application/x-amz-json-1.0")
            .body(input.to_string());
        let mut connection = Connection::open(self.server.address()).await;
        connection.write(key(who).sign(request).to_bytes()).await;
        connection.answer().await
    }

    async fn try_explain(&self, who: &str, input: Value) -> Answer {
        self.call(who, "Formiga.ExplainAccess", input).await
    }

    async fn explain(&self, who: &str, input: Value) -> Value {
        self.try_explain(who, input).await.ok()
    }

    async fn about(&self, principal: &str, action: &str) -> Value {
        let input = json!({ "Principal": principal, "Action": action, "Resource": QUEUE_ARN });
        self.explain("erin", input).await
    }
}

/// The statements that decided: the policy's type and name, the index and the Sid.
fn deciding(answer: &Value) -> Vec<(String, String, u64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let statements = answer["Statements"].as_array().expect("statements are listed");
    let deciding = statements.iter().filter(|it| it["IsDeciding"] == true).map(|it| {
        let index = it["Index"].as_u64().expect("an index");
        (text(&it["PolicyType"]), text(&it["PolicyName"]), index, text(&it["Sid"]))
    });
    deciding.collect()
}

fn refusal(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_slice(&answer.body).expect("an error is JSON");
    let code = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default();
    (answer.status, code.to_owned())
}

#[tokio::test]
async fn what_is_explained_is_what_happens() {
    let scene = Scene::start().await;
    let mut seen = [0, 0];
    for who in ["root", "alice", "carol", "dave", "erin", "bob", "frank"] {
        for (action, mut input) in [
            ("SendMessage", json!({ "MessageBody": "b" })),
            ("ReceiveMessage", json!({})),
            ("GetQueueAttributes", json!({})),
            ("PurgeQueue", json!({})),
            ("TagQueue", json!({ "Tags": { "a": "b" } })),
        ] {
            input["QueueUrl"] = json!(scene.url);
            let happened = scene.call(who, &format!("AmazonSQS.{action}"), input).await;
            // A queue is purged once a minute.
            let is_denied =
                happened.status != 200 && refusal(&happened).1 == "AccessDeniedException";
            let is_denied = is_denied || happened.text().contains("is not authorized to perform");
            let explained = match who {
                // What others may is for their own account to ask.
                "bob" | "frank" => {
                    let asked =
                        json!({ "Action": action, "Resource": scene.url, "Principal": arn(who) });
                    scene.explain("bob", asked).await
                }
                who => scene.about(&arn(who), action).await,
            };
            assert_eq!(explained["IsAllowed"], !is_denied, "{who} {action}: {explained:#}");
            assert_eq!(explained["Principal"], arn(who));
            assert_eq!(explained["IsOwnSideAssumed"], false);
            seen[usize::from(is_denied)] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "both happen: {seen:?}");
}

#[tokio::test]
async fn the_statement_that_decides_is_told() {
    let scene = Scene::start().await;
    let place = |kind: &str, name: &str, index, sid: &str| {
        (kind.to_owned(), name.to_owned(), index, sid.to_owned())
    };
    let root = scene.about(&arn("root"), "sqs:SendMessage").await;
    assert_eq!((&root["IsAllowed"], &root["DecidedBy"]), (&json!(true), &json!("Root")));
    assert_eq!(deciding(&root), []);

    let alice = scene.about(&arn("alice"), "SendMessage").await;
    assert_eq!(alice["DecidedBy"], "IdentityPolicy");
    assert_eq!(alice["Action"], "sqs:SendMessage");
    assert_eq!(deciding(&alice), [place("Identity", "sends", 1, "FromHome")]);

    let elsewhere = json!({ "Principal": arn("alice"), "Action": "sqs:SendMessage", "Resource": "q",
        "Context": { "aws:SourceIp": ["192.0.2.1"] } });
    let elsewhere = scene.explain("erin", elsewhere).await;
    assert_eq!(
        (&elsewhere["IsAllowed"], &elsewhere["DecidedBy"]),
        (&json!(false), &json!("Default"))
    );
    assert_eq!(elsewhere["Missing"], "Identity");
    assert_eq!(elsewhere["Context"]["aws:sourceip"], json!(["192.0.2.1"]));
    let unmet =
        elsewhere["Statements"].as_array().unwrap().iter().find(|it| it["Sid"] == "FromHome");
    assert_eq!(unmet.unwrap()["Unmatched"], "Condition");
    assert_eq!(unmet.unwrap()["ConditionKey"], "aws:sourceip");

    let dave = scene.about(&arn("dave"), "sqs:SendMessage").await;
    assert_eq!(dave["DecidedBy"], "ExplicitDeny");
    assert_eq!(deciding(&dave)[0].3, "Never");
    let dave = scene.about(&arn("dave"), "sqs:GetQueueAttributes").await;
    assert_eq!(deciding(&dave), [place("Resource", "", 3, "")]);

    let anyone = scene.about("*", "sqs:GetQueueUrl").await;
    assert_eq!(anyone["DecidedBy"], "ResourcePolicy");
    assert_eq!(deciding(&anyone), [place("Resource", "", 1, "Anyone")]);

    for (topic, is_allowed) in [("t", true), ("other", false)] {
        let source = format!("arn:aws:sns:us-east-1:111111111111:{topic}");
        let asked = json!({ "Principal": "sns.amazonaws.com", "Action": "sqs:SendMessage",
            "Resource": QUEUE_ARN, "Context": { "aws:SourceArn": [source] } });
        assert_eq!(scene.explain("erin", asked).await["IsAllowed"], is_allowed, "{topic}");
    }

    let role = "arn:aws:iam::111111111111:role/worker";
    let worker = scene.about(role, "sqs:ReceiveMessage").await;
    assert_eq!(
        (&worker["IsAllowed"], &worker["DecidedBy"]),
        (&json!(true), &json!("IdentityPolicy"))
    );
    let session = "arn:aws:sts::111111111111:assumed-role/worker/s";
    assert_eq!(scene.about(session, "sqs:SendMessage").await["IsAllowed"], false);
    for (who, is_allowed) in [("carol", true), ("dave", false)] {
        let asked = json!({ "Principal": arn(who), "Action": "sts:AssumeRole", "Resource": role });
        let assumed = scene.explain("erin", asked).await;
        assert_eq!(assumed["IsAllowed"], is_allowed, "{who}");
        let decided = if is_allowed { vec![place("Trust", "", 0, "Carol")] } else { vec![] };
        assert_eq!(deciding(&assumed), decided);
    }
    let by_default = scene.explain("erin", json!({ "Action": "ListQueues" })).await;
    assert_eq!(
        (&by_default["Principal"], &by_default["IsAllowed"]),
        (&json!(arn("erin")), &json!(false))
    );
}

#[tokio::test]
async fn an_account_is_told_nothing_of_anothers_policies() {
    let scene = Scene::start().await;
    // bob asks about himself: that he is let in is told, not by which statement of A's.
    let asked = json!({ "Action": "sqs:SendMessage", "Resource": scene.url });
    let answer = scene.explain("bob", asked.clone()).await;
    assert_eq!(
        (&answer["IsAllowed"], &answer["DecidedBy"]),
        (&json!(true), &json!("BothAccounts"))
    );
    assert_eq!(
        deciding(&answer),
        [("Identity".to_owned(), "bob".to_owned(), 0, "Everything".to_owned())]
    );
    let text = answer.to_string();
    for secret in
        ["Guests", "Topics", "Anyone", "\"Resource\":\"Resource\"", "PolicyType\":\"Resource\""]
    {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // Nor can a foreign policy be probed with other circumstances than the true ones.
    let mut probe = asked.clone();
    probe["Context"] = json!({ "aws:SourceIp": ["192.0.2.1"] });
    assert_eq!(scene.try_explain("bob", probe).await.status, 400);

    // A asks about B's people: frank, whom his own account allows nothing, looks as bob does.
    let of = |answer: Value| {
        (answer["IsAllowed"].clone(), answer["IsOwnSideAssumed"].clone(), deciding(&answer))
    };
    let guests = ("Resource".to_owned(), String::new(), 0, "Guests".to_owned());
    for who in [arn("bob"), arn("frank"), "arn:aws:iam::222222222222:user/nobody".to_owned()] {
        let answer = scene.about(&who, "sqs:SendMessage").await;
        assert!(!answer.to_string().contains("Everything"), "{who}: {answer:#}");
        assert_eq!(of(answer), (json!(true), json!(true), vec![guests.clone()]), "{who}");
    }

    // What concerns others alone is not told, whoever asks.
    for principal in [arn("carol"), "*".to_owned(), "sns.amazonaws.com".to_owned()] {
        let asked =
            json!({ "Principal": principal, "Action": "sqs:SendMessage", "Resource": scene.url });
        let answer = scene.try_explain("bob", asked).await;
        assert_eq!(answer.status, 403, "{principal}");
        assert!(answer.text().contains("perform: formiga:explainaccess"), "{}", answer.text());
    }
}

#[tokio::test]
async fn who_may_ask_is_authorized_and_what_is_asked_is_checked() {
    let scene = Scene::start().await;
    let asked = json!({ "Action": "sqs:SendMessage", "Resource": "q" });
    for who in ["alice", "carol", "frank"] {
        let answer = scene.try_explain(who, asked.clone()).await;
        assert_eq!(answer.status, 403, "{who}");
        assert!(answer.text().contains("perform: formiga:explainaccess"), "{}", answer.text());
    }
    for (input, code) in [
        (json!({ "Resource": "q" }), "MissingRequiredParameter"),
        (json!({ "Action": "sqs:SendMessage" }), "MissingRequiredParameter"),
        (json!({ "Action": "sqs:SendMessages", "Resource": "q" }), "InvalidParameterValue"),
        (json!({ "Action": "sqs:SendMessageBatch", "Resource": "q" }), "InvalidParameterValue"),
        (json!({ "Action": "sqs:*", "Resource": "q" }), "InvalidParameterValue"),
        (
            json!({ "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b" }),
            "InvalidParameterValue",
        ),
        (json!({ "Action": "sts:GetCallerIdentity", "Resource": "q" }), "InvalidParameterValue"),
        (
            json!({ "Action": "sqs:SendMessage", "Resource": "arn:aws:sns:us-east-1:111111111111:t" }),
            "InvalidParameterValue",
        ),
        (json!({ "Action": "iam:CreateUser", "Resource": "q" }), "InvalidParameterValue"),
        (
            json!({ "Action": "sqs:SendMessage", "Resource": "q", "Principal": "alice" }),
            "InvalidParameterValue",
        ),
        (
            json!({ "Action": "sqs:SendMessage", "Resource": "q", "Principal": "arn:aws:iam::111111111111:user/nobody" }),
            "NoSuchEntity",
        ),
        (
            json!({ "Action": "sqs:SendMessage", "Resource": "q", "Context": { "aws:PrincipalArn": ["x"] } }),
            "InvalidParameterValue",
        ),
        (
            json!({ "Action": "sqs:SendMessage", "Resource": "q", "Context": { "aws:SourceIp": [] } }),
            "InvalidParameterValue",
        ),
    ] {
        let answer = scene.try_explain("erin", input.clone()).await;
        let (_, told) = refusal(&answer);
        assert!(answer.status >= 400 && told.starts_with(code), "{input}: {}", answer.text());
    }
}
