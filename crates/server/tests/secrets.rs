//! What nobody may read who reads logs or errors: bodies, attributes, secrets, tokens and signatures.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod signed;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

use common::http::Connection;
use common::process::Process;
use common::signed::{Signer, Unsent, escape};

const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "the-secret-of-the-root-of-A" }]

    [[user]]
    account = "111111111111"
    name = "carol"
    keys = [{ access_key_id = "AKIACAROL00000000001", secret_access_key = "the-secret-of-carol" }]
"#;

const BODY: &str = "the-body-of-a-message";
const ATTRIBUTE: &str = "the-value-of-an-attribute";

fn root() -> Signer {
    Signer::new("AKIAROOTA00000000001", "the-secret-of-the-root-of-A")
}

fn carol() -> Signer {
    Signer::new("AKIACAROL00000000001", "the-secret-of-carol")
}

/// A server that logs all it can, and all that came back from it.
struct Scene {
    server: Process,
    host: String,
    errors: Vec<String>,
    /// What nobody may read, and what it is.
    secrets: Vec<(&'static str, String)>,
}

impl Scene {
    fn start(directory: &Path) -> Scene {
        let users = directory.join("users.toml");
        fs::write(&users, USERS).expect("a file can be written");
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let arguments = [
            "--listen=127.0.0.1:0",
            "--data-dir=data",
            "--auth=required",
            "--credentials-file=users.toml",
            "--log-level=trace",
            "--audit-data-calls",
        ];
        let server = Process::start(directory, &arguments);
        let host = server.address().to_string();
        let secrets = vec![
            ("a body", BODY.to_owned()),
            ("an attribute", ATTRIBUTE.to_owned()),
            ("a secret", "the-secret-of-the-root-of-A".to_owned()),
            ("a secret", "the-secret-of-carol".to_owned()),
        ];
        Scene { server, host, errors: Vec::new(), secrets }
    }

    fn json(&self, action: &str, body: impl Into<String>) -> Unsent {
        Unsent::new("POST", "/", &self.host)
            .with("x-amz-target", &format!("AmazonSQS.{action}"))
            .with("content-type", "application/x-amz-json-1.0")
            .body(body)
    }

    fn form(&self, form: &str) -> Unsent {
        let form_type = "application/x-www-form-urlencoded; charset=utf-8";
        Unsent::new("POST", "/", &self.host).with("content-type", form_type).body(form)
    }

    /// Sends a request, and keeps its signature and its answer in mind.
    async fn send(&mut self, request: &Unsent) -> String {
        let authorization = request.headers.iter().find(|(name, _)| name == "authorization");
        let header = authorization.map_or("", |(_, value)| value.as_str());
        for text in [header, &request.target] {
            let signature = text.split_once("Signature=").map(|(_, rest)| rest);
            let signature = signature.and_then(|rest| rest.split(['&', ',', ' ']).next());
            if let Some(signature) = signature.filter(|it| it.len() == 64) {
                self.secrets.push(("a signature", signature.to_owned()));
            }
        }
        let mut connection = Connection::open(self.server.address()).await;
        connection.write(request.to_bytes()).await;
        let answer = connection.answer().await;
        let text = answer.text().to_owned();
        if answer.status != 200 {
            self.errors.push(format!("{} {text}", answer.status));
        }
        text
    }

    async fn http2(&mut self, request: &Unsent) {
        let stream = TcpStream::connect(self.server.address()).await.expect("the server listens");
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut requests, connection) = handshake.expect("the server speaks HTTP/2");
        tokio::spawn(connection);
        let mut to_send = hyper::Request::post(format!("http://{}{}", self.host, request.target));
        for (name, value) in request.headers.iter().filter(|(name, _)| name != "host") {
            to_send = to_send.header(name, value);
            if let Some((_, signature)) = value.split_once("Signature=") {
                self.secrets.push(("a signature", signature.to_owned()));
            }
        }
        let to_send =
            to_send.body(Full::new(Bytes::from(request.body.clone()))).expect("a request");
        let answer = requests.send_request(to_send).await.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        if status != 200 {
            self.errors.push(String::from_utf8_lossy(&body).into_owned());
        }
    }
}

/// The text between two tags.
fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let inner = text.split_once(&format!("<{tag}>")).map(|(_, rest)| rest);
    inner.and_then(|rest| rest.split('<').next()).unwrap_or_else(|| panic!("no {tag}: {text}"))
}

#[tokio::test]
async fn logs_and_errors_hold_no_bodies_secrets_tokens_and_signatures() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let mut scene = Scene::start(directory.path());
    let queue = root().sign(scene.json("CreateQueue", r#"{"QueueName":"q"}"#));
    scene.send(&queue).await;
    let attributes = json!({ "a": { "DataType": "String", "StringValue": ATTRIBUTE } });
    let message = json!({ "QueueUrl": "q", "MessageBody": BODY, "MessageAttributes": attributes });

    // What is done, in both protocols and over both versions of HTTP.
    let send = scene.json("SendMessage", message.to_string());
    scene.send(&root().sign(send.clone())).await;
    scene.http2(&root().sign(send.clone())).await;
    let receive = json!({ "QueueUrl": "q", "MessageAttributeNames": ["All"] }).to_string();
    let received = scene.send(&root().sign(scene.json("ReceiveMessage", receive))).await;
    assert!(received.contains(BODY) && received.contains(ATTRIBUTE), "{received}");
    let form = format!("Action=SendMessage&Version=2012-11-05&QueueUrl=q&MessageBody={BODY}");
    scene.send(&root().sign(scene.form(&form))).await;

    // Keys and sessions.
    let sts = |signer: Signer| Signer { service: "sts", ..signer };
    let iam = |signer: Signer| Signer { service: "iam", ..signer };
    let session = "Action=GetSessionToken&Version=2011-06-15";
    let session = scene.send(&sts(carol()).sign(scene.form(session))).await;
    let token = between(&session, "SessionToken").to_owned();
    let of_session = Signer {
        token: Some(token.clone()),
        ..Signer::new(between(&session, "AccessKeyId"), between(&session, "SecretAccessKey"))
    };
    scene.secrets.push(("a session's token", token.clone()));
    scene.secrets.push(("a session's token", escape(&token)));
    scene.secrets.push(("a session's secret", of_session.secret.clone()));
    let user = "Action=CreateUser&Version=2010-05-08&UserName=made";
    scene.send(&iam(root()).sign(scene.form(user))).await;
    let key = "Action=CreateAccessKey&Version=2010-05-08&UserName=made";
    let key = scene.send(&iam(root()).sign(scene.form(key))).await;
    scene.secrets.push(("a new secret", between(&key, "SecretAccessKey").to_owned()));

    // What is refused: by the policies, in a session and without, by the signature, and as nonsense.
    let stranger = Signer::new("AKIASTRANGER00000001", "the-secret-of-the-root-of-A");
    let guess = Signer { secret: "the-secret-of-carol".to_owned(), ..root() };
    let late = Signer { age: 3600, ..root() };
    for signer in [carol(), of_session.clone(), stranger, guess, late] {
        scene.send(&signer.sign(send.clone())).await;
        scene.http2(&signer.sign(send.clone())).await;
        scene.send(&signer.sign(scene.form(&form))).await;
        let get = format!("/?{form}");
        let get = Unsent::new("GET", &get, &scene.host);
        scene.send(&signer.presign(get, Duration::from_secs(300))).await;
    }
    for broken in [
        message.to_string().replace(BODY, &format!("{BODY}\\ud800")),
        message.to_string().replace('}', ""),
        message.to_string().replace("\"QueueUrl\":\"q\"", "\"QueueUrl\":1.5"),
        json!({ "QueueUrl": "q", "MessageBody": format!("{BODY}\u{1}") }).to_string(),
        json!({ "QueueUrl": "q", "MessageBody": { "a": BODY } }).to_string(),
        json!({ "QueueUrl": "q", "MessageBody": BODY, "DelaySeconds": 1_000_000 }).to_string(),
        json!({ "QueueUrl": "q", "MessageBody": BODY, "MessageAttributes": { "a": { "DataType": "Number", "StringValue": ATTRIBUTE } } }).to_string(),
        json!({ "QueueUrl": "q", "MessageBody": BODY, "MessageAttributes": { "a": { "DataType": "String", "StringValue": format!("{ATTRIBUTE}\u{1}") } } }).to_string(),
        json!({ "QueueUrl": "q", "MessageBody": BODY, "MessageAttributes": { "a": { "DataType": "Binary", "BinaryValue": ATTRIBUTE } } }).to_string(),
        json!({ "QueueUrl": "absent", "MessageBody": BODY }).to_string(),
    ] {
        scene.send(&root().sign(scene.json("SendMessage", broken))).await;
    }
    for wrong in ["Signature=", "Credential=", "SignedHeaders="] {
        let mut signed = of_session.sign(send.clone());
        for (name, value) in &mut signed.headers {
            if name == "authorization" {
                *value = value.replace(wrong, "Nothing=");
            }
        }
        scene.send(&signed).await;
        let get = Unsent::new("GET", &format!("/?{form}"), &scene.host);
        let mut presigned = of_session.presign(get, Duration::from_secs(300));
        presigned.target = presigned.target.replace(&format!("X-Amz-{wrong}"), "X-Amz-Nothing=");
        scene.send(&presigned).await;
    }
    assert!(scene.errors.len() > 25, "{:#?}", scene.errors);

    let Scene { server, errors, secrets, .. } = scene;
    server.signal("TERM");
    let end = server.wait();
    let audit = fs::read_to_string(directory.path().join("data/audit.log")).expect("it is told");
    assert!(end.log.contains("TRACE") && audit.contains("SendMessage"), "all that can be is told");
    for (where_it_is, text) in
        [("the log", end.log.as_str()), ("the audit log", &audit), ("an error", &errors.join("\n"))]
    {
        for (what, secret) in &secrets {
            let found = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(found, None, "{where_it_is} holds {what}");
        }
    }
}
