//! A server that checks who calls: every way to be refused, in both protocols, and what is allowed.

mod common {
    pub(crate) mod http;
    pub(crate) mod process;
    pub(crate) mod signed;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use formiga_server::Server;
use formiga_server::config::{AuthMode, Config, StoreKind};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use common::http::{Answer, Connection};
use common::process::Process;
use common::signed::{Signer, Unsent, escape};

/// Account A, whose queues these are, and its users: alice may do everything, carol nothing, dave
/// everything but to send, erin make queues and tag those of team a. Account B is another one, whose bob may do everything.
const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "secret of A" }]

    [[user]]
    account = "111111111111"
    name = "alice"
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}'
    keys = [{ access_key_id = "AKIAALICE00000000001", secret_access_key = "secret of alice" }]

    [[user]]
    account = "111111111111"
    name = "carol"
    keys = [{ access_key_id = "AKIACAROL00000000001", secret_access_key = "secret of carol" }]

    [[user]]
    account = "111111111111"
    name = "dave"
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"},{"Effect":"Deny","Action":"sqs:SendMessage","Resource":"*"}]}'
    keys = [{ access_key_id = "AKIADAVE000000000001", secret_access_key = "secret of dave" }]

    [[user]]
    account = "111111111111"
    name = "erin"
    policy = '''{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"sqs:CreateQueue","Resource":"*"},
        {"Effect":"Allow","Action":"sqs:TagQueue","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/team":"a"}}}]}'''
    keys = [{ access_key_id = "AKIAERIN000000000001", secret_access_key = "secret of erin" }]

    [[user]]
    account = "222222222222"
    keys = [{ access_key_id = "AKIAROOTB00000000001", secret_access_key = "secret of B" }]

    [[user]]
    account = "222222222222"
    name = "bob"
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    keys = [{ access_key_id = "AKIABOB0000000000001", secret_access_key = "secret of bob" }]
"#;

const QUEUE_ARN: &str = "arn:aws:sqs:us-east-1:111111111111:q";
const DEAD_ARN: &str = "arn:aws:sqs:us-east-1:111111111111:dead";
const QUEUE_PATH: &str = "/111111111111/q";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

fn root_a() -> Signer {
    Signer::new("AKIAROOTA00000000001", "secret of A")
}

fn alice() -> Signer {
    Signer::new("AKIAALICE00000000001", "secret of alice")
}

fn carol() -> Signer {
    Signer::new("AKIACAROL00000000001", "secret of carol")
}

fn dave() -> Signer {
    Signer::new("AKIADAVE000000000001", "secret of dave")
}

fn erin() -> Signer {
    Signer::new("AKIAERIN000000000001", "secret of erin")
}

fn root_b() -> Signer {
    Signer::new("AKIAROOTB00000000001", "secret of B")
}

fn bob() -> Signer {
    Signer::new("AKIABOB0000000000001", "secret of bob")
}

/// A server that checks who calls. Account A has the queue `q`, with a message, and its
/// dead-letter queue `dead`.
struct Scene {
    server: Server,
    directory: TempDir,
    config: Config,
    host: String,
    url: String,
}

fn write_users(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("users.toml");
    fs::write(&path, USERS).expect("a file can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    path
}

impl Scene {
    async fn start() -> Scene {
        Scene::configured(|_| {}).await
    }

    async fn configured(configure: impl FnOnce(&mut Config)) -> Scene {
        let scene = Scene::empty(configure).await;
        scene.call(&root_a(), "CreateQueue", json!({ "QueueName": "dead" })).await.ok();
        let redrive = json!({ "deadLetterTargetArn": DEAD_ARN, "maxReceiveCount": 5 }).to_string();
        let attributes = json!({ "RedrivePolicy": redrive });
        let input = json!({ "QueueName": "q", "Attributes": attributes, "tags": { "a": "b" } });
        scene.call(&root_a(), "CreateQueue", input).await.ok();
        scene.on_queue(&root_a(), "SendMessage", json!({ "MessageBody": "kept" })).await.ok();
        scene
    }

    async fn empty(configure: impl FnOnce(&mut Config)) -> Scene {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let mut config = Config::defaults();
        config.listen = "127.0.0.1:0".parse().expect("an address");
        config.data_dir = directory.path().join("data");
        config.store = StoreKind::Memory;
        config.auth = AuthMode::Required;
        config.credentials_file = Some(write_users(directory.path()));
        configure(&mut config);
        Scene::on(directory, config).await
    }

    async fn on(directory: TempDir, config: Config) -> Scene {
        let server = Server::start(&config).await.expect("the server starts");
        let host = server.address().to_string();
        let url = format!("http://{host}{QUEUE_PATH}");
        Scene { server, directory, config, host, url }
    }

    /// Stops the server and starts another one with other settings on the same data.
    async fn restarted(self, configure: impl FnOnce(&mut Config)) -> Scene {
        let Scene { server, directory, mut config, .. } = self;
        server.stop().await;
        configure(&mut config);
        Scene::on(directory, config).await
    }

    /// Sends a request as it is.
    async fn send(&self, request: &Unsent) -> Answer {
        let mut connection = Connection::open(self.server.address()).await;
        connection.write(request.to_bytes()).await;
        connection.answer().await
    }

    fn json(&self, target: &str, input: &Value) -> Unsent {
        let request = Unsent::new("POST", "/", &self.host).with("x-amz-target", target);
        request.with("content-type", "application/x-amz-json-1.0").body(input.to_string())
    }

    fn form(&self, path: &str, form: &str) -> Unsent {
        Unsent::new("POST", path, &self.host).with("content-type", FORM).body(form)
    }

    async fn call(&self, signer: &Signer, action: &str, input: Value) -> Answer {
        self.send(&signer.sign(self.json(&format!("AmazonSQS.{action}"), &input))).await
    }

    async fn on_queue(&self, signer: &Signer, action: &str, mut input: Value) -> Answer {
        input["QueueUrl"] = json!(self.url);
        self.call(signer, action, input).await
    }

    async fn set_policy(&self, policy: &Value) {
        let input = json!({ "Attributes": { "Policy": policy.to_string() } });
        self.on_queue(&root_a(), "SetQueueAttributes", input).await.ok();
    }

    /// All that can be changed, as the owner sees it.
    async fn dump(&self) -> String {
        let mut dump = String::new();
        for signer in [root_a(), root_b()] {
            dump += self.call(&signer, "ListQueues", json!({})).await.text();
        }
        for name in ["q", "dead"] {
            let url = format!("http://{}/111111111111/{name}", self.host);
            let input = json!({ "QueueUrl": url, "AttributeNames": ["All"] });
            dump += self.call(&root_a(), "GetQueueAttributes", input).await.text();
            let input = json!({ "QueueUrl": url });
            dump += self.call(&root_a(), "ListQueueTags", input).await.text();
        }
        let input = json!({ "SourceArn": DEAD_ARN });
        dump + self.call(&root_a(), "ListMessageMoveTasks", input).await.text()
    }
}

fn allow(principal: &Value, action: &str) -> Value {
    json!({ "Statement": [statement("Allow", principal, action)] })
}

fn statement(effect: &str, principal: &Value, action: &str) -> Value {
    json!({ "Effect": effect, "Principal": principal, "Action": action, "Resource": QUEUE_ARN })
}

/// Every action with an input that would do something, and the same as a form.
fn actions() -> Vec<(&'static str, Value, String)> {
    let label = json!({ "Label": "l", "AWSAccountIds": ["222222222222"], "Actions": ["*"] });
    let handle = "handle";
    let task = "eyJ0YXNrSWQiOiI5MzJjNTAwZS1hYjE2LTQ3N2UtYjRmNi03YjQyMTc0NzkzZDEiLCJzb3VyY2VBcm4iOiJhcm46YXdzOnNxczp1cy1lYXN0LTE6MTExMTExMTExMTExOmRlYWQifQ==";
    let entries = json!({ "Entries": [{ "Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 1, "MessageBody": "b" }] });
    let entry =
        |name: &str, rest: &str| format!("{name}RequestEntry.1.Id=a&{name}RequestEntry.1.{rest}");
    let visible = "VisibilityTimeout=1";
    vec![
        ("AddPermission", label, "Label=l&AWSAccountId.1=222222222222&ActionName.1=*".to_owned()),
        (
            "CancelMessageMoveTask",
            json!({ "TaskHandle": task }),
            format!("TaskHandle={}", escape(task)),
        ),
        (
            "ChangeMessageVisibility",
            json!({ "ReceiptHandle": handle, "VisibilityTimeout": 1 }),
            format!("ReceiptHandle={handle}&{visible}"),
        ),
        (
            "ChangeMessageVisibilityBatch",
            entries.clone(),
            entry("ChangeMessageVisibilityBatch", visible),
        ),
        ("CreateQueue", json!({ "QueueName": "new" }), "QueueName=new".to_owned()),
        ("DeleteMessage", json!({ "ReceiptHandle": handle }), format!("ReceiptHandle={handle}")),
        ("DeleteMessageBatch", entries.clone(), entry("DeleteMessageBatch", "ReceiptHandle=x")),
        ("DeleteQueue", json!({}), String::new()),
        (
            "GetQueueAttributes",
            json!({ "AttributeNames": ["All"] }),
            "AttributeName.1=All".to_owned(),
        ),
        (
            "GetQueueUrl",
            json!({ "QueueName": "q", "QueueOwnerAWSAccountId": "111111111111" }),
            "QueueName=q&QueueOwnerAWSAccountId=111111111111".to_owned(),
        ),
        ("ListDeadLetterSourceQueues", json!({}), String::new()),
        ("ListMessageMoveTasks", json!({ "SourceArn": DEAD_ARN }), format!("SourceArn={DEAD_ARN}")),
        ("ListQueues", json!({}), String::new()),
        ("ListQueueTags", json!({}), String::new()),
        ("PurgeQueue", json!({}), String::new()),
        ("ReceiveMessage", json!({}), String::new()),
        ("RemovePermission", json!({ "Label": "l" }), "Label=l".to_owned()),
        ("SendMessage", json!({ "MessageBody": "b" }), "MessageBody=b".to_owned()),
        ("SendMessageBatch", entries, entry("SendMessageBatch", "MessageBody=b")),
        (
            "SetQueueAttributes",
            json!({ "Attributes": { "DelaySeconds": "5" } }),
            "Attribute.1.Name=DelaySeconds&Attribute.1.Value=5".to_owned(),
        ),
        ("StartMessageMoveTask", json!({ "SourceArn": DEAD_ARN }), format!("SourceArn={DEAD_ARN}")),
        ("TagQueue", json!({ "Tags": { "x": "y" } }), "Tag.1.Key=x&Tag.1.Value=y".to_owned()),
        ("UntagQueue", json!({ "TagKeys": ["a"] }), "TagKey.1=a".to_owned()),
    ]
}

/// How a request is signed that is to be refused.
type Sign = fn(Unsent) -> Unsent;

/// Every way to have no valid signature, and the code and status that answer it.
const FORGERIES: [(&str, Sign, u16, &str); 8] = [
    ("unsigned", |request| request, 403, "AccessDenied"),
    (
        "a wrong secret",
        |request| Signer { secret: "wrong".to_owned(), ..alice() }.sign(request),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "an unknown key",
        |request| Signer::new("AKIANOBODY0000000001", "secret of alice").sign(request),
        403,
        "InvalidClientTokenId",
    ),
    (
        "a token that nobody issued",
        |request| Signer { token: Some("token".to_owned()), ..alice() }.sign(request),
        403,
        "InvalidClientTokenId",
    ),
    (
        "signed 16 minutes ago",
        |request| Signer { age: 16 * 60, ..alice() }.sign(request),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "signed in 16 minutes",
        |request| Signer { age: -16 * 60, ..alice() }.sign(request),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "signed for another service",
        |request| Signer { service: "sns", ..alice() }.sign(request),
        403,
        "SignatureDoesNotMatch",
    ),
    (
        "changed on the way",
        |request| {
            let mut signed = alice().sign(request);
            signed.body.push(' ');
            signed
        },
        403,
        "SignatureDoesNotMatch",
    ),
];

fn assert_refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    match answer.header("x-amzn-query-error") {
        Some(header) => assert_eq!(header, format!("{code};Sender"), "{what}"),
        None => {
            let element = format!("<Type>Sender</Type><Code>{code}</Code>");
            assert!(answer.text().contains(&element), "{what}: {}", answer.text());
        }
    }
}

// Who calls.

#[tokio::test]
async fn no_action_is_done_for_who_cannot_sign_edges_243_244_245_246() {
    let scene = Scene::start().await;
    let before = scene.dump().await;
    for (action, mut input, form) in actions() {
        if !matches!(action, "CreateQueue" | "ListQueues") {
            input["QueueUrl"] = json!(scene.url);
        }
        let url = escape(&scene.url);
        let form = format!("Action={action}&Version=2012-11-05&QueueUrl={url}&{form}");
        for (forgery, sign, status, code) in FORGERIES {
            let json = sign(scene.json(&format!("AmazonSQS.{action}"), &input));
            let answer = scene.send(&json).await;
            assert_refused(&answer, status, code, &format!("{action} {forgery} in JSON"));
            let answer = scene.send(&sign(scene.form("/", &form))).await;
            assert_refused(&answer, status, code, &format!("{action} {forgery} in Query"));
        }
    }
    assert_eq!(scene.dump().await, before, "nothing was changed");
}

#[tokio::test]
async fn a_signature_is_refused_in_the_words_of_aws_edge_247() {
    let scene = Scene::start().await;
    let list = || scene.json("AmazonSQS.ListQueues", &json!({}));
    let answer = scene.send(&list()).await;
    let resource = format!("http://{}/", scene.host);
    assert_eq!(
        answer.text(),
        format!(
            r#"{{"__type":"com.amazon.coral.service#AccessDeniedException","message":"Access to the resource {resource} is denied."}}"#
        )
    );
    let [_, wrong, unknown, _, expired, early, service, _] = FORGERIES.map(|(_, sign, ..)| sign);
    for (sign, kind, words) in [
        (wrong, "InvalidSignatureException", "The request signature we calculated does not match"),
        (
            unknown,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (expired, "InvalidSignatureException", "Signature expired: "),
        (early, "InvalidSignatureException", "Signature not yet current: "),
        (
            service,
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'sqs'.",
        ),
    ] {
        let answer = scene.send(&sign(list())).await;
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["__type"], format!("com.amazon.coral.service#{kind}"));
        assert!(body["message"].as_str().unwrap().starts_with(words), "{body}");
    }
    let unreadable = list().with("authorization", "AWS4-HMAC-SHA256 Credential=bogus");
    let answer = scene.send(&unreadable).await;
    assert_refused(&answer, 400, "IncompleteSignature", "a bogus credential");
    let text = answer.text();
    assert!(text.contains("com.amazon.coral.service#IncompleteSignatureException"), "{text}");
    assert!(text.contains("Authorization header requires 'Signature' parameter."), "{text}");
}

#[tokio::test]
async fn a_signed_request_cannot_be_turned_into_another_action() {
    let scene = Scene::start().await;
    let signed = root_a().sign(scene.form("/", "Action=ListQueues&Version=2012-11-05"));
    let turned = signed.with("x-amz-target", "AmazonSQS.DeleteQueue");
    assert_refused(&scene.send(&turned).await, 403, "SignatureDoesNotMatch", "an added target");
    let input = json!({ "QueueUrl": scene.url });
    let mut turned = root_a().sign(scene.json("AmazonSQS.GetQueueAttributes", &input));
    let target = turned.headers.iter_mut().find(|(name, _)| name == "x-amz-target");
    target.unwrap().1 = "AmazonSQS.DeleteQueue".to_owned();
    assert_refused(&scene.send(&turned).await, 403, "SignatureDoesNotMatch", "another target");
}

// What callers may do.

#[tokio::test]
async fn no_action_is_done_for_who_has_too_little_permission() {
    let scene = Scene::start().await;
    let before = scene.dump().await;
    for (action, mut input, form) in actions() {
        if !matches!(action, "CreateQueue" | "ListQueues") {
            input["QueueUrl"] = json!(scene.url);
        }
        let url = escape(&scene.url);
        let form = format!("Action={action}&Version=2012-11-05&QueueUrl={url}&{form}");
        // Another account's root may do what it likes, but with its own queues.
        let own = matches!(action, "CreateQueue" | "ListQueues");
        let hidden = action == "GetQueueUrl";
        let of_b = [root_b(), bob()].into_iter().filter(|_| !own);
        for signer in of_b.chain([carol()]) {
            let (status, code) = match hidden && signer.access_key_id != carol().access_key_id {
                true => (400, "AWS.SimpleQueueService.NonExistentQueue"),
                false => (403, "AccessDenied"),
            };
            let what = format!("{action} by {}", signer.access_key_id);
            let answer = scene.call(&signer, action, input.clone()).await;
            assert_refused(&answer, status, code, &what);
            let answer = scene.send(&signer.sign(scene.form("/", &form))).await;
            assert_refused(&answer, status, code, &what);
        }
    }
    assert_eq!(scene.dump().await, before, "nothing was changed");
}

/// The permissions that an action needs, as the SQS developer guide lists them.
fn needed(action: &'static str) -> Vec<&'static str> {
    let single = action.strip_suffix("Batch").unwrap_or(action);
    let as_receiver = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
    match single {
        "StartMessageMoveTask" => [&[single][..], &as_receiver, &["SendMessage"]].concat(),
        "CancelMessageMoveTask" | "ListMessageMoveTasks" => [&[single][..], &as_receiver].concat(),
        _ => vec![single],
    }
}

#[tokio::test]
async fn every_action_needs_its_permissions_and_no_others() {
    let carol_is = json!({ "AWS": "arn:aws:iam::111111111111:user/carol" });
    for (action, mut input, _) in actions() {
        if matches!(action, "CreateQueue" | "ListQueues") {
            continue; // No queue's policy is asked; see below.
        }
        let scene = Scene::start().await;
        input["QueueUrl"] = json!(scene.url);
        let set_both = async |statements: Value| {
            for name in ["q", "dead"] {
                let policy = json!({ "Statement": statements }).to_string();
                let url = format!("http://{}/111111111111/{name}", scene.host);
                let input = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
                scene.call(&root_a(), "SetQueueAttributes", input).await.ok();
            }
        };
        let on_any = |effect: &str, actions: &[String]| {
            let mut statement = statement(effect, &carol_is, "");
            (statement["Action"], statement["Resource"]) = (json!(actions), json!("*"));
            statement
        };
        let needed = needed(action);
        let all = ["sqs:*".to_owned()];
        for missing in &needed {
            let missing = [format!("sqs:{missing}")];
            set_both(json!([on_any("Allow", &all), on_any("Deny", &missing)])).await;
            let refusal = scene.call(&carol(), action, input.clone()).await.refusal();
            let told = format!("perform: {} on resource: ", missing[0].to_ascii_lowercase());
            assert!(refusal.contains(&told), "{action} without {missing:?}: {refusal}");
        }
        let names: Vec<String> = needed.iter().map(|name| format!("sqs:{name}")).collect();
        set_both(json!([on_any("Allow", &names)])).await;
        let answer = scene.call(&carol(), action, input).await;
        let code = answer.header("x-amzn-query-error").unwrap_or_default();
        assert!(!code.starts_with("AccessDenied"), "{action} with {names:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn creating_and_listing_queues_is_for_the_users_own_policies() {
    let scene = Scene::start().await;
    scene.set_policy(&allow(&json!("*"), "sqs:*")).await;
    for (action, input, resource) in
        [("CreateQueue", json!({ "QueueName": "q" }), "q"), ("ListQueues", json!({}), "")]
    {
        let refusal = scene.call(&carol(), action, input.clone()).await.refusal();
        let told = format!("on resource: arn:aws:sqs:us-east-1:111111111111:{resource} because");
        assert!(refusal.contains(&told), "{refusal}");
        scene.call(&alice(), action, input).await.ok();
    }
    let tagged = json!({ "QueueName": "tagged", "tags": { "team": "b" } });
    let refusal = scene.call(&erin(), "CreateQueue", tagged.clone()).await.refusal();
    assert!(refusal.contains("perform: sqs:tagqueue on resource"), "{refusal}");
    let mut allowed = tagged;
    allowed["tags"]["team"] = json!("a");
    scene.call(&erin(), "CreateQueue", allowed).await.ok();
}

#[tokio::test]
async fn a_refusal_names_the_caller_the_action_and_the_reason_edge_241() {
    let scene = Scene::start().await;
    let send = json!({ "MessageBody": "b" });
    let words = |user: &str, reason: &str| {
        format!(
            "403 AccessDenied: User: arn:aws:iam::{user} is not authorized to perform: sqs:sendmessage on resource: {QUEUE_ARN}{reason}"
        )
    };
    let none = |kind: &str| format!(" because no {kind} policy allows the sqs:sendmessage action");
    let refused = async |signer: &Signer, action: &str| {
        let entries = json!([{ "Id": "a", "MessageBody": "b" }]);
        let input =
            if action == "SendMessage" { send.clone() } else { json!({ "Entries": entries }) };
        scene.on_queue(signer, action, input).await.refusal()
    };
    let carols = words("111111111111:user/carol", &none("identity-based"));
    assert_eq!(refused(&carol(), "SendMessage").await, carols);
    assert_eq!(refused(&carol(), "SendMessageBatch").await, carols);
    let bobs = words("222222222222:user/bob", &none("resource-based"));
    assert_eq!(refused(&bob(), "SendMessage").await, bobs);
    let denied = " with an explicit deny in an identity-based policy";
    let daves = words("111111111111:user/dave", denied);
    assert_eq!(refused(&dave(), "SendMessage").await, daves);

    let everyone = json!("*");
    scene
        .set_policy(&json!({ "Statement": [statement("Deny", &everyone, "sqs:SendMessage")] }))
        .await;
    let denied = " with an explicit deny in a resource-based policy";
    let alices = words("111111111111:user/alice", denied);
    assert_eq!(refused(&alice(), "SendMessage").await, alices);
    let roots = words("111111111111:root", denied);
    assert_eq!(refused(&root_a(), "SendMessage").await, roots);
    scene.on_queue(&alice(), "ReceiveMessage", json!({})).await.ok();
}

#[tokio::test]
async fn another_account_needs_both_sides_and_batches_ask_for_the_single_action_edge_240() {
    let scene = Scene::start().await;
    scene.set_policy(&allow(&json!({ "AWS": "222222222222" }), "sqs:SendMessage")).await;
    let entries = json!({ "Entries": [{ "Id": "a", "MessageBody": "from bob" }] });
    let sent = scene.on_queue(&bob(), "SendMessageBatch", entries).await.ok();
    assert_eq!(sent["Successful"][0]["Id"], "a");
    scene.on_queue(&root_b(), "SendMessage", json!({ "MessageBody": "b" })).await.ok();
    let answer = scene.on_queue(&bob(), "ReceiveMessage", json!({})).await;
    assert_refused(&answer, 403, "AccessDenied", "bob receives");

    let receive = json!({ "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["SenderId"] });
    let received = scene.on_queue(&alice(), "ReceiveMessage", receive).await.ok();
    let senders: Vec<_> = received["Messages"].as_array().unwrap().iter().collect();
    let sender = |index: usize| senders[index]["Attributes"]["SenderId"].as_str().unwrap();
    assert_eq!(sender(0), "111111111111");
    assert!(sender(1).starts_with("AIDA"), "a user has an id: {}", sender(1));
    assert_eq!(sender(2), "222222222222");
}

#[tokio::test]
async fn some_actions_are_the_owners_whatever_the_policy_says_edge_242() {
    let scene = Scene::start().await;
    scene.set_policy(&allow(&json!({ "AWS": "222222222222" }), "sqs:*")).await;
    let attributes = json!({ "Attributes": { "DelaySeconds": "5" } });
    let answer = scene.on_queue(&bob(), "SetQueueAttributes", attributes).await;
    assert_refused(&answer, 403, "AccessDenied", "bob sets an attribute");
    assert_refused(
        &scene.on_queue(&root_b(), "DeleteQueue", json!({})).await,
        403,
        "AccessDenied",
        "the root of B deletes",
    );
    scene.on_queue(&bob(), "GetQueueAttributes", json!({})).await.ok();
    let name = json!({ "QueueName": "q", "QueueOwnerAWSAccountId": "111111111111" });
    let found = scene.call(&bob(), "GetQueueUrl", name).await.ok();
    assert_eq!(found["QueueUrl"], scene.url);
}

#[tokio::test]
async fn whether_a_queue_exists_is_not_to_be_learnt_from_a_refusal() {
    let scene = Scene::start().await;
    let attributes = async |signer: &Signer, name: &str| {
        let url = format!("http://{}/111111111111/{name}", scene.host);
        scene.call(signer, "GetQueueAttributes", json!({ "QueueUrl": url })).await.refusal()
    };
    for signer in [bob(), root_b(), carol()] {
        let of_existing = attributes(&signer, "q").await;
        assert_eq!(attributes(&signer, "none").await.replace(":none", ":q"), of_existing);
    }
    let missing =
        "400 AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist.";
    assert_eq!(attributes(&alice(), "none").await, missing);
    let url_of = async |name: &str| {
        let input = json!({ "QueueName": name, "QueueOwnerAWSAccountId": "111111111111" });
        scene.call(&bob(), "GetQueueUrl", input).await.refusal()
    };
    let hidden = "400 AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist or you do not have access to it.";
    assert_eq!((&*url_of("q").await, &*url_of("none").await), (hidden, hidden));
}

#[tokio::test]
async fn a_policy_opens_a_queue_to_everyone_and_to_nothing_else() {
    let scene = Scene::start().await;
    scene.set_policy(&allow(&json!("*"), "sqs:SendMessage")).await;
    let input = json!({ "QueueUrl": scene.url, "MessageBody": "from anybody" });
    scene.send(&scene.json("AmazonSQS.SendMessage", &input)).await.ok();
    let form = "Action=SendMessage&Version=2012-11-05&MessageBody=from+anybody";
    assert_eq!(scene.send(&scene.form(QUEUE_PATH, form)).await.status, 200);
    let answer = scene.send(&scene.json("AmazonSQS.ReceiveMessage", &input)).await;
    assert_refused(&answer, 403, "AccessDenied", "anybody receives");
}

#[tokio::test]
async fn a_condition_compares_how_the_caller_calls() {
    let scene = Scene::start().await;
    for (condition, status) in [
        (json!({ "IpAddress": { "aws:SourceIp": "127.0.0.0/8" } }), 200),
        (json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }), 403),
        (json!({ "Bool": { "aws:SecureTransport": "false" } }), 200),
        (json!({ "Bool": { "aws:SecureTransport": "true" } }), 403),
        (json!({ "DateGreaterThan": { "aws:CurrentTime": "2020-01-01T00:00:00Z" } }), 200),
        (json!({ "StringEquals": { "aws:username": "carol" } }), 200),
        (json!({ "StringEquals": { "aws:username": "alice" } }), 403),
    ] {
        let mut allowed = statement("Allow", &json!("*"), "sqs:SendMessage");
        allowed["Condition"] = condition.clone();
        scene.set_policy(&json!({ "Version": "2012-10-17", "Statement": allowed })).await;
        let answer = scene.on_queue(&carol(), "SendMessage", json!({ "MessageBody": "b" })).await;
        assert_eq!(answer.status, status, "{condition}");
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_is_not_set() {
    let scene = Scene::start().await;
    let mut unknown = statement("Allow", &json!("*"), "sqs:SendMessage");
    unknown["Condition"] = json!({ "StringIsh": { "aws:username": "a" } });
    let policy = json!({ "Statement": unknown }).to_string();
    let refusal = "400 InvalidAttributeValue: Invalid value for the parameter Policy.";
    let input = json!({ "Attributes": { "Policy": policy } });
    let answer = scene.on_queue(&root_a(), "SetQueueAttributes", input.clone()).await;
    assert_eq!(answer.refusal(), refusal);
    let create = json!({ "QueueName": "new", "Attributes": input["Attributes"] });
    assert_eq!(scene.call(&root_a(), "CreateQueue", create).await.refusal(), refusal);
}

#[tokio::test]
async fn a_move_task_needs_the_permissions_of_who_receives_deletes_and_sends() {
    let scene = Scene::start().await;
    let start = json!({ "SourceArn": DEAD_ARN });
    let refusal = scene.call(&dave(), "StartMessageMoveTask", start.clone()).await.refusal();
    let missing = format!("sqs:sendmessage on resource: {QUEUE_ARN}");
    assert!(refusal.contains(&missing), "dave may not send: {refusal}");
    let elsewhere = json!({ "SourceArn": DEAD_ARN, "DestinationArn": QUEUE_ARN });
    let refusal = scene.call(&dave(), "StartMessageMoveTask", elsewhere).await.refusal();
    assert!(refusal.contains(&missing), "nor there: {refusal}");
    let nowhere = json!({ "SourceArn": DEAD_ARN.replace("dead", "none") });
    let answer = scene.call(&carol(), "ListMessageMoveTasks", nowhere).await;
    assert_refused(&answer, 403, "AccessDenied", "existence is hidden");
    scene.call(&alice(), "StartMessageMoveTask", start).await.ok();
}

/// While nobody is checked, nobody evaluates a policy either.
fn unchecked(config: &mut Config) {
    config.auth = AuthMode::Off;
    config.credentials_file = None;
}

fn checked(config: &mut Config) {
    config.auth = AuthMode::Required;
    config.credentials_file = Some(config.data_dir.with_file_name("users.toml"));
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_denies_everybody_but_the_owners_root() {
    let scene = Scene::configured(|config| config.store = StoreKind::Sqlite).await;
    let scene = scene.restarted(unchecked).await;
    let mut strange = statement("Allow", &json!("*"), "sqs:*");
    strange["Condition"] = json!({ "StringIsh": { "aws:username": "a" } });
    scene.set_policy(&json!({ "Statement": strange })).await;
    let scene = scene.restarted(checked).await;
    for signer in [alice(), bob(), root_b()] {
        let refusal = scene.on_queue(&signer, "ReceiveMessage", json!({})).await.refusal();
        assert!(refusal.ends_with("with an explicit deny in a resource-based policy"), "{refusal}");
    }
    let removal = json!({ "Attributes": { "Policy": "" } });
    scene.on_queue(&root_a(), "SetQueueAttributes", removal).await.ok();
    scene.on_queue(&alice(), "ReceiveMessage", json!({})).await.ok();
}

#[tokio::test]
async fn the_owners_root_opens_a_queue_that_is_shut_to_everybody() {
    let scene = Scene::start().await;
    scene.set_policy(&json!({ "Statement": [statement("Deny", &json!("*"), "sqs:*")] })).await;
    let set = async |signer: &Signer, attributes: Value| {
        scene.on_queue(signer, "SetQueueAttributes", json!({ "Attributes": attributes })).await
    };
    let removal = || json!({ "Policy": "" });
    for (signer, attributes) in [
        (alice(), removal()),
        (root_b(), removal()),
        (root_a(), json!({ "DelaySeconds": "5" })),
        (root_a(), json!({ "Policy": "", "DelaySeconds": "5" })),
        (root_a(), json!({ "Policy": allow(&json!("*"), "sqs:*").to_string() })),
    ] {
        let answer = set(&signer, attributes.clone()).await;
        assert_refused(&answer, 403, "AccessDenied", &format!("{attributes}"));
    }
    set(&root_a(), removal()).await.ok();
    scene.on_queue(&alice(), "ReceiveMessage", json!({})).await.ok();
}

// Presigned URLs.

#[tokio::test]
async fn a_presigned_url_is_good_for_its_time_and_for_nothing_else_edge_262() {
    let scene = Scene::start().await;
    let target = format!("{QUEUE_PATH}?Action=SendMessage&Version=2012-11-05&MessageBody=by%20URL");
    let request = || Unsent::new("GET", &target, &scene.host);
    let day = Duration::from_secs(86_400);
    let presigned = alice().presign(request(), day);
    let answer = scene.send(&presigned).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains("<MD5OfMessageBody>"), "{}", answer.text());

    let late = Signer { age: 16 * 60, ..alice() }.presign(request(), day);
    assert_refused(&scene.send(&late).await, 403, "SignatureDoesNotMatch", "after 16 minutes");
    let minute = Duration::from_secs(60);
    let late = Signer { age: 2 * 60, ..alice() }.presign(request(), minute);
    assert_refused(&scene.send(&late).await, 403, "SignatureDoesNotMatch", "after its minute");
    let other = Unsent { target: presigned.target.replace("by%20URL", "other"), ..presigned };
    assert_refused(&scene.send(&other).await, 403, "SignatureDoesNotMatch", "another body");
    let unsigned = scene.send(&request()).await;
    assert_refused(&unsigned, 403, "AccessDenied", "without a signature");
    let resource = format!("Access to the resource http://{}{QUEUE_PATH} is denied.", scene.host);
    assert!(unsigned.text().contains(&resource), "{}", unsigned.text());
}

// The way to the server.

#[tokio::test]
async fn a_trusted_proxy_tells_how_the_client_calls() {
    let scene = Scene::configured(|config| {
        config.behind_tls_proxy = vec!["127.0.0.1".parse().unwrap()];
    });
    let scene = scene.await;
    let mut from_client = statement("Allow", &json!("*"), "sqs:GetQueueUrl");
    from_client["Condition"] = json!({
        "IpAddress": { "aws:SourceIp": "192.0.2.7" },
        "Bool": { "aws:SecureTransport": "true" },
    });
    scene.set_policy(&json!({ "Statement": from_client })).await;
    let input = json!({ "QueueName": "q" });
    let to_proxy = Unsent::new("POST", "/", "sqs.example");
    let to_proxy = to_proxy.with("x-amz-target", "AmazonSQS.GetQueueUrl");
    let to_proxy = to_proxy.with("content-type", "application/x-amz-json-1.0");
    let mut signed = carol().sign(to_proxy.body(input.to_string()));
    signed.headers[0].1 = scene.host.clone();
    let forwarded = |host: &str, client: &str| {
        let request = signed.clone().with("x-forwarded-host", host).with("x-forwarded-for", client);
        request.with("x-forwarded-proto", "https")
    };
    let answer = scene.send(&forwarded("sqs.example", "192.0.2.7")).await.ok();
    assert_eq!(answer["QueueUrl"], format!("https://sqs.example{QUEUE_PATH}"));
    let answer = scene.send(&forwarded("sqs.example", "192.0.2.7, 192.0.2.8")).await;
    assert_refused(&answer, 403, "AccessDenied", "another client");
    let answer = scene.send(&forwarded("other.example", "192.0.2.7")).await;
    assert_refused(&answer, 403, "SignatureDoesNotMatch", "another host");

    let believes_nobody = Scene::start().await;
    let request =
        Unsent { headers: forwarded("sqs.example", "192.0.2.7").headers, ..signed.clone() };
    let answer = believes_nobody.send(&request).await;
    assert_refused(&answer, 403, "SignatureDoesNotMatch", "not a proxy");
}

#[tokio::test]
async fn http2_requests_are_signed_for_their_authority() {
    let scene = Scene::start().await;
    let stream = TcpStream::connect(scene.server.address()).await.unwrap();
    let (mut requests, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let signed = alice().sign(scene.json("AmazonSQS.ListQueues", &json!({})));
    for (body, status) in [("{}", 200), ("{ }", 403)] {
        let mut request = Request::post(format!("http://{}/", scene.host));
        for (name, value) in &signed.headers[1..] {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let answer = requests.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
    }
}

// The server.

#[tokio::test]
async fn the_servers_own_actions_are_the_administrators_and_its_clock_never_moves() {
    let scene = Scene::start().await;
    let advance = || scene.json("Formiga.AdvanceClock", &json!({ "Seconds": 60 }));
    for signer in [root_a(), alice(), root_b(), bob()] {
        let answer = scene.send(&signer.sign(advance())).await;
        assert_refused(&answer, 403, "AccessDenied", &signer.access_key_id);
    }
    assert_refused(&scene.send(&advance()).await, 403, "AccessDenied", "unsigned");
    let administrator = administrator(&scene.directory.path().join("data").join("admin-key"));
    let answer = scene.send(&administrator.sign(advance())).await;
    assert_refused(&answer, 400, "AWS.SimpleQueueService.UnsupportedOperation", "administrator");
    assert_eq!(scene.send(&Unsent::new("GET", "/health", &scene.host)).await.status, 200);
}

#[tokio::test]
async fn data_whose_clock_was_moved_is_not_served_where_callers_are_checked() {
    let scene = Scene::empty(|config| {
        config.store = StoreKind::Sqlite;
        unchecked(config);
    });
    let Scene { server, directory, mut config, host, .. } = scene.await;
    let advance = Unsent::new("POST", "/", &host).with("x-amz-target", "Formiga.AdvanceClock");
    let advance = advance.with("content-type", "application/x-amz-json-1.0");
    let mut connection = Connection::open(server.address()).await;
    connection.write(advance.body("{\"Seconds\": 3600}").to_bytes()).await;
    connection.answer().await.ok();
    server.stop().await;
    checked(&mut config);
    let key = config.data_dir.join("master-key");
    fs::rename(key, config.data_dir.with_file_name("data.master-key")).unwrap();
    let refusal = Server::start(&config).await.err().expect("it does not start").to_string();
    assert!(refusal.contains("was moved ahead by 3600s"), "{refusal}");
    drop(directory);
}

fn administrator(path: &Path) -> Signer {
    let text = fs::read_to_string(path).expect("the first start makes the file");
    let setting = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim_start_matches([' ', '=']).to_owned()
    };
    Signer::new(&setting("aws_access_key_id"), &setting("aws_secret_access_key"))
}

#[tokio::test]
async fn the_administrators_key_outlives_a_restart_and_is_told_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let arguments = [
        "serve",
        "--listen=127.0.0.1:0",
        "--data-dir=data",
        "--auth=required",
        "--log-level=trace",
    ];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let process = Process::start(directory.path(), &arguments);
        let path = directory.path().join("data").join("admin-key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let administrator = administrator(&path);
        let host = process.address().to_string();
        let request = Unsent::new("POST", "/", &host).with("x-amz-target", "AmazonSQS.ListQueues");
        let request = request.with("content-type", "application/x-amz-json-1.0").body("{}");
        let mut connection = Connection::open(process.address()).await;
        connection.write(administrator.sign(request).to_bytes()).await;
        connection.answer().await.ok();
        drop(connection);
        process.signal("TERM");
        let end = process.wait();
        assert!(end.output.contains("admin-key"), "where it is: {}", end.output);
        for told in [&end.output, &end.log] {
            assert!(!told.contains(&administrator.secret), "{told}");
            assert!(!told.contains(&administrator.access_key_id), "{told}");
        }
        ids.push(administrator.access_key_id);
    }
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn what_would_leave_a_server_open_is_refused_in_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let users = write_users(directory.path());
    fs::set_permissions(&users, fs::Permissions::from_mode(0o640)).unwrap();
    for (arguments, said) in [
        (vec!["--listen=0.0.0.0:0"], "--allow-anonymous"),
        (vec!["--listen=0.0.0.0:0", "--auth=required"], "--behind-tls-proxy"),
        (vec!["--auth=required", "--credentials-file=users.toml"], "chmod 600"),
        (vec!["--auth=required", "--credentials-file=none.toml"], "there is no none.toml"),
        (vec!["--credentials-file=users.toml"], "--auth required"),
    ] {
        let defaults = ["serve", "--data-dir=data", "--store=memory"];
        // A flag counts once, so the free port is only for who does not say where to listen.
        let listens = arguments.iter().any(|argument| argument.starts_with("--listen"));
        let listen = (!listens).then_some("--listen=127.0.0.1:0");
        let all: Vec<&str> = defaults.into_iter().chain(listen).chain(arguments).collect();
        let refusal = Process::refuses(directory.path(), &all);
        assert!(refusal.stderr.contains(said), "{all:?}: {}", refusal.stderr);
        assert_eq!(refusal.stderr.lines().filter(|line| line.starts_with("formiga: ")).count(), 1);
    }
}
