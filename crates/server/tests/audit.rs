//! The audit log: who did what, and who was refused.

mod common {
    pub(crate) mod http;
    pub(crate) mod signed;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use formiga_server::Server;
use formiga_server::config::{AuthMode, Config, StoreKind};
use serde_json::{Value, json};
use tempfile::TempDir;

use common::http::{Answer, Connection};
use common::signed::{Signer, Unsent};

const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "secret-of-root" }]

    [[user]]
    account = "111111111111"
    name = "alice"
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    keys = [{ access_key_id = "AKIAALICE00000000001", secret_access_key = "secret-of-alice" }]

    [[user]]
    account = "111111111111"
    name = "carol"
    keys = [{ access_key_id = "AKIACAROL00000000001", secret_access_key = "secret-of-carol" }]
"#;

fn alice() -> Signer {
    Signer::new("AKIAALICE00000000001", "secret-of-alice")
}

fn carol() -> Signer {
    Signer::new("AKIACAROL00000000001", "secret-of-carol")
}

/// A server, and where it tells.
struct Scene {
    server: Server,
    directory: TempDir,
    host: String,
}

impl Scene {
    async fn start(configure: impl FnOnce(&mut Config, &Path)) -> Scene {
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
        configure(&mut config, directory.path());
        let server = Server::start(&config).await.expect("the server starts");
        let host = server.address().to_string();
        Scene { server, directory, host }
    }

    async fn send(&self, request: &Unsent) -> Answer {
        let mut connection = Connection::open(self.server.address()).await;
        connection.write(request.to_bytes()).await;
        connection.answer().await
    }

    fn request(&self, action: &str, input: &Value) -> Unsent {
        Unsent::new("POST", "/", &self.host)
            .with("x-amz-target", &format!("AmazonSQS.{action}"))
            .with("content-type", "application/x-amz-json-1.0")
            .with("user-agent", "a test")
            .body(input.to_string())
    }

    async fn call(&self, signer: &Signer, action: &str, input: Value) -> Answer {
        self.send(&signer.sign(self.request(action, &input))).await
    }

    async fn iam(&self, form: &str) -> Answer {
        let request = Unsent::new("POST", "/", &self.host)
            .with("content-type", "application/x-www-form-urlencoded")
            .body(format!("Version=2010-05-08&{form}"));
        self.send(&Signer { service: "iam", ..alice() }.sign(request)).await
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("data").join("audit.log")
    }

    /// Stops the server, after which everything is told.
    async fn told(self) -> (String, Vec<Value>) {
        let log = self.log();
        self.server.stop().await;
        let text = fs::read_to_string(log).expect("there is a log");
        let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON"));
        let lines = lines.collect();
        (text, lines)
    }
}

fn of<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["eventName"] == name).collect()
}

#[tokio::test]
async fn what_changes_queues_is_told_with_who_did_it_and_how() {
    let scene = Scene::start(|_, _| {}).await;
    let input =
        json!({ "QueueName": "q", "Attributes": { "DelaySeconds": "3" }, "tags": { "a": "b" } });
    let created = scene.call(&alice(), "CreateQueue", input).await;
    let request_id = created.header("x-amzn-requestid").expect("an id").to_owned();
    let url = format!("http://{}/111111111111/q", scene.host);
    scene.call(&alice(), "SendMessage", json!({ "QueueUrl": url, "MessageBody": "b" })).await.ok();
    scene.call(&alice(), "ReceiveMessage", json!({ "QueueUrl": url })).await.ok();
    scene.call(&alice(), "PurgeQueue", json!({ "QueueUrl": url })).await.ok();
    let again = scene.call(&alice(), "PurgeQueue", json!({ "QueueUrl": url })).await;
    assert_eq!(again.status, 403);
    assert_eq!(fs::metadata(scene.log()).unwrap().permissions().mode() & 0o777, 0o600);
    let (_, lines) = scene.told().await;
    let names: Vec<_> = lines.iter().map(|line| line["eventName"].as_str().unwrap()).collect();
    assert_eq!(names, ["CreateQueue", "PurgeQueue", "PurgeQueue"], "no sends, no receives");

    let line = &lines[0];
    assert_eq!(line["eventSource"], "sqs.amazonaws.com");
    assert_eq!(line["awsRegion"], "us-east-1");
    assert_eq!(line["sourceIPAddress"], "127.0.0.1");
    assert_eq!(line["userAgent"], "a test");
    assert_eq!(line["requestID"], request_id);
    let identity = &line["userIdentity"];
    assert_eq!(identity["type"], "IAMUser");
    assert_eq!(identity["arn"], "arn:aws:iam::111111111111:user/alice");
    assert_eq!(identity["accessKeyId"], "AKIAALICE00000000001");
    let asked =
        json!({ "queueName": "q", "attributes": { "DelaySeconds": "3" }, "tags": { "a": "b" } });
    assert_eq!(line["requestParameters"], asked);
    assert_eq!(line["responseElements"], json!({ "queueUrl": url }));
    assert_eq!((&line["decision"], &line["readOnly"]), (&json!("allow"), &json!(false)));

    assert_eq!(lines[1]["resources"][0]["ARN"], "arn:aws:sqs:us-east-1:111111111111:q");
    assert_eq!(lines[1]["errorCode"], Value::Null);
    let failed = &lines[2];
    assert_eq!(failed["errorCode"], "AWS.SimpleQueueService.PurgeQueueInProgress");
    assert_eq!(failed["decision"], "allow", "she was allowed to try");
}

#[tokio::test]
async fn who_is_refused_is_told_and_why() {
    let scene = Scene::start(|_, _| {}).await;
    scene.call(&alice(), "CreateQueue", json!({ "QueueName": "q" })).await.ok();
    let url = format!("http://{}/111111111111/q", scene.host);
    let input = json!({ "QueueUrl": url, "MessageBody": "b" });
    let refused = async |request: Unsent| {
        let answer = scene.send(&request).await;
        assert!(answer.status == 403 || answer.status == 400, "{}", answer.text());
    };
    let request = || scene.request("SendMessage", &input);
    refused(carol().sign(request())).await;
    refused(request()).await;
    refused(Signer { secret: "wrong".to_owned(), ..alice() }.sign(request())).await;
    refused(Signer::new("AKIANOBODY0000000001", "s").sign(request())).await;
    refused(Signer { age: 16 * 60, ..carol() }.sign(request())).await;
    refused(request().with("authorization", "AWS4-HMAC-SHA256 wJalrXUtnFEMI/K7MDENG")).await;
    let (text, lines) = scene.told().await;
    let denied: Vec<_> = lines
        .iter()
        .filter(|line| line["decision"] == "deny")
        .map(|line| (line["reason"].as_str().unwrap(), line["errorCode"].as_str().unwrap()))
        .collect();
    assert_eq!(
        denied,
        [
            ("policy", "AccessDenied"),
            ("no-credentials", "AccessDenied"),
            ("bad-signature", "SignatureDoesNotMatch"),
            ("unknown-key", "InvalidClientTokenId"),
            ("expired", "SignatureDoesNotMatch"),
            ("malformed-signature", "IncompleteSignature"),
        ]
    );
    let by_carol = of(&lines, "SendMessage")[0];
    assert_eq!(by_carol["userIdentity"]["userName"], "carol");
    assert!(by_carol["errorMessage"].as_str().unwrap().contains(":q"), "which queue is told");
    assert_eq!(by_carol["managementEvent"], false);
    assert!(!text.contains("wJalrXUtnFEMI"), "it may be a secret in the wrong place");
}

#[tokio::test]
async fn a_thousand_wrong_signatures_are_a_few_lines_that_add_up() {
    let scene = Scene::start(|_, _| {}).await;
    let wrong = Signer { secret: "wrong".to_owned(), ..alice() };
    let request = wrong.sign(scene.request("ListQueues", &json!({})));
    let mut connection = Connection::open(scene.server.address()).await;
    for _ in 0..1000 {
        connection.write(request.to_bytes()).await;
        assert_eq!(connection.answer().await.status, 403);
    }
    drop(connection);
    let (_, lines) = scene.told().await;
    let counts = lines.iter().map(|line| line["count"].as_u64().unwrap_or(1));
    assert_eq!(counts.sum::<u64>(), 1000);
    assert!(lines.len() < 500, "{} lines", lines.len());
}

#[tokio::test]
async fn no_secret_and_no_message_is_ever_told() {
    let scene = Scene::start(|config, _| config.audit_data_calls = true).await;
    scene.call(&alice(), "CreateQueue", json!({ "QueueName": "q" })).await.ok();
    let url = format!("http://{}/111111111111/q", scene.host);
    let attribute = json!({ "DataType": "String", "StringValue": "marked-attribute" });
    let input = json!({
        "QueueUrl": url, "MessageBody": "marked-body", "MessageAttributes": { "a": attribute }
    });
    scene.call(&alice(), "SendMessage", input.clone()).await.ok();
    let received = scene.call(&alice(), "ReceiveMessage", json!({ "QueueUrl": url })).await;
    let received: Value = serde_json::from_str(received.text()).unwrap();
    let handle = received["Messages"][0]["ReceiptHandle"].as_str().unwrap().to_owned();
    let delete = json!({ "QueueUrl": url, "ReceiptHandle": handle });
    scene.call(&alice(), "DeleteMessage", delete).await.ok();
    scene.call(&carol(), "SendMessage", input).await;
    assert_eq!(scene.iam("Action=CreateUser&UserName=dora").await.status, 200);
    let made = scene.iam("Action=CreateAccessKey&UserName=dora").await;
    let secret = made.text().split("<SecretAccessKey>").nth(1).expect("there is one");
    let secret = secret.split('<').next().unwrap().to_owned();
    let presigned =
        Unsent::new("GET", "/111111111111/q?Action=SendMessage&MessageBody=x", &scene.host);
    let presigned = Signer { secret: "wrong".to_owned(), ..alice() }
        .presign(presigned, Duration::from_secs(60));
    let signature = presigned.target.split("X-Amz-Signature=").nth(1).unwrap();
    let signature = signature.split('&').next().unwrap().to_owned();
    assert_eq!(scene.send(&presigned).await.status, 403);
    let (text, lines) = scene.told().await;
    for name in ["SendMessage", "ReceiveMessage", "DeleteMessage", "CreateUser", "CreateAccessKey"]
    {
        assert!(!of(&lines, name).is_empty(), "{name} is told");
    }
    let key = &of(&lines, "CreateAccessKey")[0]["responseElements"]["accessKey"];
    assert!(key["accessKeyId"].as_str().unwrap().starts_with("AKIA"));
    let secrets = [
        "marked-body",
        "marked-attribute",
        "secret-of-alice",
        "secret-of-carol",
        &handle,
        &secret,
        &signature,
    ];
    for marked in secrets {
        assert!(!text.contains(marked), "{marked}");
    }
}

#[tokio::test]
async fn nothing_is_told_where_nobody_is_checked_unless_asked_for() {
    let open = |config: &mut Config| {
        config.auth = AuthMode::Off;
        config.credentials_file = None;
    };
    let scene = Scene::start(|config, _| open(config)).await;
    scene.call(&alice(), "CreateQueue", json!({ "QueueName": "q" })).await.ok();
    let log = scene.log();
    scene.server.stop().await;
    assert!(!log.exists());

    let scene = Scene::start(|config, directory| {
        open(config);
        config.audit_log = Some(directory.join("data").join("audit.log"));
    })
    .await;
    scene.call(&alice(), "CreateQueue", json!({ "QueueName": "q" })).await.ok();
    let (_, lines) = scene.told().await;
    assert_eq!(lines[0]["userIdentity"]["type"], "Unknown");

    let scene = Scene::start(|config, _| config.audit_log = Some("none".into())).await;
    scene.call(&alice(), "CreateQueue", json!({ "QueueName": "q" })).await.ok();
    let log = scene.log();
    scene.server.stop().await;
    assert!(!log.exists());
}

#[tokio::test]
async fn a_full_disk_of_the_log_stops_nothing() {
    let scene = Scene::start(|config, _| config.audit_log = Some("/dev/full".into())).await;
    for name in ["a", "b", "c"] {
        scene.call(&alice(), "CreateQueue", json!({ "QueueName": name })).await.ok();
    }
    scene.server.stop().await;
}
