//! Every action on the port, in every form in which it can be asked for, tried by everyone who may not:
//! each hears the right error, and the tables of the database stay as they were.

mod common {
    pub(crate) mod http;
    pub(crate) mod signed;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use formiga_server::Server;
use formiga_server::config::{AuthMode, Config};
use rusqlite::Connection as Database;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use tempfile::TempDir;

use common::http::{Answer, Connection};
use common::signed::{Signer, Unsent, escape};

/// The root of account A, whose queues these are; carol, who has no policy; dave, whom all is
/// denied; and bob of account B, to whom his own account allows everything.
const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "secret of A" }]

    [[user]]
    account = "111111111111"
    name = "carol"
    keys = [{ access_key_id = "AKIACAROL00000000001", secret_access_key = "secret of carol" }]

    [[user]]
    account = "111111111111"
    name = "dave"
    policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*"}]}'
    keys = [{ access_key_id = "AKIADAVE000000000001", secret_access_key = "secret of dave" }]

    [[user]]
    account = "222222222222"
    name = "bob"
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    keys = [{ access_key_id = "AKIABOB0000000000001", secret_access_key = "secret of bob" }]
"#;

const DEAD_ARN: &str = "arn:aws:sqs:us-east-1:111111111111:dead";
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}}"#;
const TASK: &str = "eyJ0YXNrSWQiOiI5MzJjNTAwZS1hYjE2LTQ3N2UtYjRmNi03YjQyMTc0NzkzZDEiLCJzb3VyY2VBcm4iOiJhcm46YXdzOnNxczp1cy1lYXN0LTE6MTExMTExMTExMTExOmRlYWQifQ==";

/// What an action of each service is signed for, and the version of its Query protocol; one of the
/// server's own is asked for in JSON alone, and those of STS and IAM in the Query protocol alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Sqs,
    Own,
    Sts,
    Iam,
}

impl Service {
    fn scope(self) -> &'static str {
        match self {
            Service::Sqs | Service::Own => "sqs",
            Service::Sts => "sts",
            Service::Iam => "iam",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Service::Sqs | Service::Own => "2012-11-05",
            Service::Sts => "2011-06-15",
            Service::Iam => "2010-05-08",
        }
    }
}

/// How much somebody needs who may do the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// A permission on a queue of account A.
    OnQueue,
    /// A permission, for something of the caller's own account.
    Own,
    /// The same, for the user or role of that name, which only account A has.
    OwnNamed,
    /// No more than a signature.
    Signature,
}

/// An action with an input that would do something, in JSON and as the parameters of the Query protocol.
struct Row(Service, &'static str, Needs, &'static str, &'static str);

use Needs::{OnQueue, Own, OwnNamed, Signature};
use Service::{Iam, Own as Formiga, Sqs, Sts};

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row(Sqs, "AddPermission", OnQueue, r#"{"QueueUrl":"$url","Label":"l","AWSAccountIds":["222222222222"],"Actions":["*"]}"#, "QueueUrl=$url&Label=l&AWSAccountId.1=222222222222&ActionName.1=*"),
    Row(Sqs, "CancelMessageMoveTask", OnQueue, r#"{"TaskHandle":"$task"}"#, "TaskHandle=$task"),
    Row(Sqs, "ChangeMessageVisibility", OnQueue, r#"{"QueueUrl":"$url","ReceiptHandle":"$handle","VisibilityTimeout":9}"#, "QueueUrl=$url&ReceiptHandle=$handle&VisibilityTimeout=9"),
    Row(Sqs, "ChangeMessageVisibilityBatch", OnQueue, r#"{"QueueUrl":"$url","Entries":[{"Id":"a","ReceiptHandle":"$handle","VisibilityTimeout":9}]}"#, "QueueUrl=$url&ChangeMessageVisibilityBatchRequestEntry.1.Id=a&ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=$handle&ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=9"),
    Row(Sqs, "CreateQueue", Own, r#"{"QueueName":"new"}"#, "QueueName=new"),
    Row(Sqs, "DeleteMessage", OnQueue, r#"{"QueueUrl":"$url","ReceiptHandle":"$handle"}"#, "QueueUrl=$url&ReceiptHandle=$handle"),
    Row(Sqs, "DeleteMessageBatch", OnQueue, r#"{"QueueUrl":"$url","Entries":[{"Id":"a","ReceiptHandle":"$handle"}]}"#, "QueueUrl=$url&DeleteMessageBatchRequestEntry.1.Id=a&DeleteMessageBatchRequestEntry.1.ReceiptHandle=$handle"),
    Row(Sqs, "DeleteQueue", OnQueue, r#"{"QueueUrl":"$url"}"#, "QueueUrl=$url"),
    Row(Sqs, "GetQueueAttributes", OnQueue, r#"{"QueueUrl":"$url","AttributeNames":["All"]}"#, "QueueUrl=$url&AttributeName.1=All"),
    Row(Sqs, "GetQueueUrl", OnQueue, r#"{"QueueName":"q","QueueOwnerAWSAccountId":"111111111111"}"#, "QueueName=q&QueueOwnerAWSAccountId=111111111111"),
    Row(Sqs, "ListDeadLetterSourceQueues", OnQueue, r#"{"QueueUrl":"$url"}"#, "QueueUrl=$url"),
    Row(Sqs, "ListMessageMoveTasks", OnQueue, r#"{"SourceArn":"$dead"}"#, "SourceArn=$dead"),
    Row(Sqs, "ListQueueTags", OnQueue, r#"{"QueueUrl":"$url"}"#, "QueueUrl=$url"),
    Row(Sqs, "ListQueues", Own, "{}", "MaxResults=9"),
    Row(Sqs, "PurgeQueue", OnQueue, r#"{"QueueUrl":"$url"}"#, "QueueUrl=$url"),
    Row(Sqs, "ReceiveMessage", OnQueue, r#"{"QueueUrl":"$url"}"#, "QueueUrl=$url"),
    Row(Sqs, "RemovePermission", OnQueue, r#"{"QueueUrl":"$url","Label":"kept"}"#, "QueueUrl=$url&Label=kept"),
    Row(Sqs, "SendMessage", OnQueue, r#"{"QueueUrl":"$url","MessageBody":"b"}"#, "QueueUrl=$url&MessageBody=b"),
    Row(Sqs, "SendMessageBatch", OnQueue, r#"{"QueueUrl":"$url","Entries":[{"Id":"a","MessageBody":"b"}]}"#, "QueueUrl=$url&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=b"),
    Row(Sqs, "SetQueueAttributes", OnQueue, r#"{"QueueUrl":"$url","Attributes":{"DelaySeconds":"5"}}"#, "QueueUrl=$url&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5"),
    Row(Sqs, "StartMessageMoveTask", OnQueue, r#"{"SourceArn":"$dead"}"#, "SourceArn=$dead"),
    Row(Sqs, "TagQueue", OnQueue, r#"{"QueueUrl":"$url","Tags":{"x":"y"}}"#, "QueueUrl=$url&Tag.1.Key=x&Tag.1.Value=y"),
    Row(Sqs, "UntagQueue", OnQueue, r#"{"QueueUrl":"$url","TagKeys":["a"]}"#, "QueueUrl=$url&TagKey.1=a"),

    Row(Formiga, "AdvanceClock", Own, r#"{"Seconds":60}"#, ""),
    Row(Formiga, "CreateAccount", Own, r#"{"AccountId":"333333333333"}"#, ""),
    Row(Formiga, "DeleteAccount", Own, r#"{"AccountId":"111111111111"}"#, ""),
    Row(Formiga, "ExplainAccess", Own, r#"{"Principal":"arn:aws:iam::111111111111:root","Action":"sqs:SendMessage","Resource":"$url"}"#, ""),
    Row(Formiga, "ListAccounts", Own, "{}", ""),
    Row(Formiga, "PeekMessages", OnQueue, r#"{"QueueUrl":"$url"}"#, ""),
    Row(Formiga, "ResetAccountKey", Own, r#"{"AccountId":"111111111111"}"#, ""),

    Row(Sts, "AssumeRole", OnQueue, "", "RoleArn=arn:aws:iam::111111111111:role/victim&RoleSessionName=session"),
    Row(Sts, "GetCallerIdentity", Signature, "", "X=1"),
    Row(Sts, "GetSessionToken", Signature, "", "DurationSeconds=900"),

    Row(Iam, "CreateAccessKey", OwnNamed, "", "UserName=victim"),
    Row(Iam, "CreateRole", Own, "", "RoleName=new&AssumeRolePolicyDocument=$trust"),
    Row(Iam, "CreateUser", Own, "", "UserName=new"),
    Row(Iam, "DeleteAccessKey", OwnNamed, "", "UserName=victim&AccessKeyId=$key"),
    Row(Iam, "DeleteRole", OwnNamed, "", "RoleName=victim"),
    Row(Iam, "DeleteRolePolicy", OwnNamed, "", "RoleName=victim&PolicyName=p"),
    Row(Iam, "DeleteUser", OwnNamed, "", "UserName=victim"),
    Row(Iam, "DeleteUserPolicy", OwnNamed, "", "UserName=victim&PolicyName=p"),
    Row(Iam, "GetRole", OwnNamed, "", "RoleName=victim"),
    Row(Iam, "GetRolePolicy", OwnNamed, "", "RoleName=victim&PolicyName=p"),
    Row(Iam, "GetUser", OwnNamed, "", "UserName=victim"),
    Row(Iam, "GetUserPolicy", OwnNamed, "", "UserName=victim&PolicyName=p"),
    Row(Iam, "ListAccessKeys", OwnNamed, "", "UserName=victim"),
    Row(Iam, "ListAttachedRolePolicies", OwnNamed, "", "RoleName=victim"),
    Row(Iam, "ListGroupsForUser", OwnNamed, "", "UserName=victim"),
    Row(Iam, "ListInstanceProfilesForRole", OwnNamed, "", "RoleName=victim"),
    Row(Iam, "ListRolePolicies", OwnNamed, "", "RoleName=victim"),
    Row(Iam, "ListRoles", Own, "", "MaxItems=9"),
    Row(Iam, "ListUserPolicies", OwnNamed, "", "UserName=victim"),
    Row(Iam, "ListUsers", Own, "", "MaxItems=9"),
    Row(Iam, "PutRolePolicy", OwnNamed, "", "RoleName=victim&PolicyName=n&PolicyDocument=$policy"),
    Row(Iam, "PutUserPolicy", OwnNamed, "", "UserName=victim&PolicyName=n&PolicyDocument=$policy"),
    Row(Iam, "UpdateAccessKey", OwnNamed, "", "UserName=victim&AccessKeyId=$key&Status=Inactive"),
    Row(Iam, "UpdateAssumeRolePolicy", OwnNamed, "", "RoleName=victim&PolicyDocument=$trust"),
];

fn root_a() -> Signer {
    Signer::new("AKIAROOTA00000000001", "secret of A")
}

fn carol() -> Signer {
    Signer::new("AKIACAROL00000000001", "secret of carol")
}

fn dave() -> Signer {
    Signer::new("AKIADAVE000000000001", "secret of dave")
}

fn bob() -> Signer {
    Signer::new("AKIABOB0000000000001", "secret of bob")
}

/// A server on SQLite that checks who calls. Account A has the queue `q`, with a message in flight
/// and one that is visible, its dead-letter queue `dead`, and a user and a role called `victim`.
struct Scene {
    server: Server,
    _directory: TempDir,
    database: std::path::PathBuf,
    host: String,
    /// What stands for the words in the rows that begin with `$`.
    words: BTreeMap<&'static str, String>,
}

impl Scene {
    async fn start() -> Scene {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let users = directory.path().join("users.toml");
        fs::write(&users, USERS).expect("a file can be written");
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let mut config = Config::defaults();
        config.listen = "127.0.0.1:0".parse().expect("an address");
        config.data_dir = directory.path().join("data");
        config.auth = AuthMode::Required;
        config.credentials_file = Some(users);
        let server = Server::start(&config).await.expect("the server starts");
        let host = server.address().to_string();
        let database = config.data_dir.join("formiga.db");
        let words = BTreeMap::from([
            ("$url", format!("http://{host}/111111111111/q")),
            ("$dead", DEAD_ARN.to_owned()),
            ("$task", TASK.to_owned()),
            ("$policy", POLICY.to_owned()),
            ("$trust", TRUST.to_owned()),
        ]);
        let mut scene = Scene { server, _directory: directory, database, host, words };
        scene.fill().await;
        scene
    }

    async fn fill(&mut self) {
        let redrive = json!({ "deadLetterTargetArn": DEAD_ARN, "maxReceiveCount": 5 }).to_string();
        let url = self.words["$url"].clone();
        let of_others = json!({ "QueueUrl": url, "Label": "kept", "AWSAccountIds": ["333333333333"], "Actions": ["SendMessage"] });
        for (action, input) in [
            ("CreateQueue", json!({ "QueueName": "dead" })),
            (
                "CreateQueue",
                json!({ "QueueName": "q", "Attributes": { "RedrivePolicy": redrive, "VisibilityTimeout": "43200" }, "tags": { "a": "b" } }),
            ),
            ("AddPermission", of_others),
            ("SendMessage", json!({ "QueueUrl": url, "MessageBody": "in flight" })),
            ("SendMessage", json!({ "QueueUrl": url, "MessageBody": "visible" })),
        ] {
            self.json(&root_a(), &format!("AmazonSQS.{action}"), &input.to_string()).await.ok();
        }
        let received = json!({ "QueueUrl": url }).to_string();
        let received = self.json(&root_a(), "AmazonSQS.ReceiveMessage", &received).await.ok();
        let handle = received["Messages"][0]["ReceiptHandle"].as_str().expect("it is received");
        self.words.insert("$handle", handle.to_owned());
        let mut made = String::new();
        for form in [
            "Action=CreateUser&UserName=victim".to_owned(),
            "Action=CreateAccessKey&UserName=victim".to_owned(),
            format!(
                "Action=PutUserPolicy&UserName=victim&PolicyName=p&PolicyDocument={}",
                escape(POLICY)
            ),
            format!("Action=CreateRole&RoleName=victim&AssumeRolePolicyDocument={}", escape(TRUST)),
            format!(
                "Action=PutRolePolicy&RoleName=victim&PolicyName=p&PolicyDocument={}",
                escape(POLICY)
            ),
        ] {
            let signer = Signer { service: "iam", ..root_a() };
            let request = self.form(&format!("{form}&Version=2010-05-08"));
            let answer = self.send(&signer.sign(request)).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            made += answer.text();
        }
        let key = made.split_once("<AccessKeyId>").and_then(|(_, rest)| rest.split_once('<'));
        self.words.insert("$key", key.expect("a key is made").0.to_owned());
    }

    async fn send(&self, request: &Unsent) -> Answer {
        let mut connection = Connection::open(self.server.address()).await;
        connection.write(request.to_bytes()).await;
        connection.answer().await
    }

    async fn json(&self, signer: &Signer, target: &str, input: &str) -> Answer {
        self.send(&signer.sign(self.target(target, input))).await
    }

    fn target(&self, target: &str, input: &str) -> Unsent {
        let request = Unsent::new("POST", "/", &self.host).with("x-amz-target", target);
        request.with("content-type", "application/x-amz-json-1.0").body(input)
    }

    fn form(&self, form: &str) -> Unsent {
        let form_type = "application/x-www-form-urlencoded; charset=utf-8";
        Unsent::new("POST", "/", &self.host).with("content-type", form_type).body(form)
    }

    fn filled(&self, text: &str, write: impl Fn(&str) -> String) -> String {
        let fill =
            |text: String, (word, value): (&&str, &String)| text.replace(*word, &write(value));
        self.words.iter().fold(text.to_owned(), fill)
    }

    /// Every form in which a row can be asked for, unsigned.
    fn requests(&self, Row(service, action, _, input, form): &Row) -> Vec<(&'static str, Unsent)> {
        let input = self.filled(input, |value| value.replace('"', "\\\""));
        let form = self.filled(form, escape);
        let form = format!("Action={action}&Version={}&{form}", service.version());
        let get = || Unsent::new("GET", &format!("/?{form}"), &self.host);
        let target = |service: &str| self.target(&format!("{service}.{action}"), &input);
        match service {
            Sqs => vec![("JSON", target("AmazonSQS")), ("form", self.form(&form)), ("GET", get())],
            Formiga => vec![("JSON", target("Formiga"))],
            Sts | Iam => vec![("form", self.form(&form)), ("GET", get())],
        }
    }

    /// All rows of all tables, once they no longer change.
    async fn dump(&self) -> BTreeMap<String, Vec<String>> {
        let mut last = self.dump_now();
        loop {
            tokio::task::yield_now().await;
            let now = self.dump_now();
            if now == last {
                return now;
            }
            last = now;
        }
    }

    fn dump_now(&self) -> BTreeMap<String, Vec<String>> {
        let copy = tempfile::tempdir().expect("a directory can be made");
        for suffix in ["", "-wal"] {
            let name = format!("formiga.db{suffix}");
            let from = self.database.with_file_name(&name);
            if from.exists() {
                fs::copy(from, copy.path().join(name)).expect("a file can be copied");
            }
        }
        let database = Database::open(copy.path().join("formiga.db")).expect("it is a database");
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let mut tables = database.prepare(tables).expect("tables have names");
        let names = tables.query_map([], |row| row.get::<_, String>(0)).expect("they can be read");
        names
            .map(|name| name.expect("names are texts"))
            .map(|name| {
                let mut all =
                    database.prepare(&format!("SELECT * FROM \"{name}\"")).expect("a table");
                let width = all.column_count();
                let rows = all.query_map([], |row| {
                    let cells: Result<Vec<Cell>, _> = (0..width).map(|at| row.get(at)).collect();
                    Ok(format!("{:?}", cells?))
                });
                let mut rows: Vec<_> = rows.expect("rows").map(|row| row.expect("a row")).collect();
                rows.sort();
                (name, rows)
            })
            .collect()
    }
}

/// Status, code and the beginning of the text of an error, whatever the protocol.
fn refusal(answer: &Answer) -> (u16, String, String) {
    let body = answer.text();
    if let Some(code) = answer.header("x-amzn-query-error") {
        let json: Value = serde_json::from_str(body).expect("the body is JSON");
        let code = code.strip_suffix(";Sender").expect("the sender is to blame");
        return (answer.status, code.to_owned(), json["message"].as_str().unwrap().to_owned());
    }
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>")).unwrap_or_default();
        rest.split_once(&format!("</{name}>")).map(|(text, _)| text.to_owned()).unwrap_or_default()
    };
    assert!(answer.status == 200 || element("Type") == "Sender", "{body}");
    (answer.status, element("Code"), element("Message").replace("&apos;", "'"))
}

type Sign = fn(Signer, Unsent) -> Unsent;

/// Every way to have no valid signature, from the signer whose request would be good.
const FORGERIES: [(&str, Sign, &str, &str); 11] = [
    (
        "signed with a wrong secret",
        |signer, request| Signer { secret: "wrong".to_owned(), ..signer }.sign(request),
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match",
    ),
    (
        "presigned with a wrong secret",
        |signer, request| {
            Signer { secret: "wrong".to_owned(), ..signer }
                .presign(request, Duration::from_secs(60))
        },
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match",
    ),
    (
        "signed with an unknown key",
        |signer, request| {
            Signer { access_key_id: "AKIANOBODY0000000001".to_owned(), ..signer }.sign(request)
        },
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ),
    (
        "signed with a token that nobody issued",
        |signer, request| Signer { token: Some("token".to_owned()), ..signer }.sign(request),
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    ),
    (
        "signed 16 minutes ago",
        |signer, request| Signer { age: 16 * 60, ..signer }.sign(request),
        "SignatureDoesNotMatch",
        "Signature expired: ",
    ),
    (
        "signed in 16 minutes",
        |signer, request| Signer { age: -16 * 60, ..signer }.sign(request),
        "SignatureDoesNotMatch",
        "Signature not yet current: ",
    ),
    (
        "presigned until a minute ago",
        |signer, request| Signer { age: 120, ..signer }.presign(request, Duration::from_secs(60)),
        "SignatureDoesNotMatch",
        "Signature expired: ",
    ),
    (
        "signed for another service",
        |signer, request| Signer { service: "sns", ..signer }.sign(request),
        "SignatureDoesNotMatch",
        "Credential should be scoped to correct service: ",
    ),
    (
        "signed by the key of another region",
        |signer, request| with_scope(signer.sign(request), "/us-east-1/", "/eu-west-1/"),
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match",
    ),
    (
        "changed on the way",
        |signer, request| {
            let mut signed = signer.sign(request);
            match signed.method {
                "GET" => signed.target.push_str("&more=1"),
                _ => signed.body.push(' '),
            }
            signed
        },
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match",
    ),
    (
        "signed without a signature",
        |signer, request| without_signature(signer.sign(request)),
        "IncompleteSignature",
        "Authorization header requires 'Signature' parameter.",
    ),
];

fn with_scope(mut signed: Unsent, from: &str, to: &str) -> Unsent {
    let line = authorization(&mut signed);
    *line = line.replace(from, to);
    signed
}

fn without_signature(mut signed: Unsent) -> Unsent {
    let line = authorization(&mut signed);
    line.truncate(line.find(", Signature=").expect("it is signed"));
    signed
}

fn authorization(signed: &mut Unsent) -> &mut String {
    let mut lines = signed.headers.iter_mut();
    &mut lines.find(|(name, _)| name == "authorization").expect("it is signed").1
}

#[tokio::test]
async fn nobody_without_a_valid_signature_does_anything() {
    let scene = Scene::start().await;
    let before = scene.dump().await;
    for row in ROWS {
        let Row(service, action, ..) = row;
        for (form, request) in scene.requests(row) {
            let what = format!("{service:?} {action} by {form}");
            let (status, code, text) = refusal(&scene.send(&request).await);
            let (expected, words) = match service {
                Sqs | Formiga => (
                    "AccessDenied",
                    format!("Access to the resource http://{}/ is denied.", scene.host),
                ),
                Sts | Iam => (
                    "MissingAuthenticationToken",
                    "Request is missing Authentication Token".to_owned(),
                ),
            };
            assert_eq!((status, &*code, &text), (403, expected, &words), "{what} unsigned");
            for (forgery, sign, expected, words) in FORGERIES {
                let signer = Signer { service: service.scope(), ..root_a() };
                let (status, code, text) =
                    refusal(&scene.send(&sign(signer, request.clone())).await);
                let expected_status = if expected == "IncompleteSignature" { 400 } else { 403 };
                assert_eq!(
                    (status, &*code),
                    (expected_status, expected),
                    "{what} {forgery}: {text}"
                );
                assert!(text.starts_with(words), "{what} {forgery}: {text}");
            }
        }
    }
    assert_eq!(scene.dump().await, before, "nothing was changed");
}

#[tokio::test]
async fn nobody_does_what_they_have_no_permission_for() {
    let scene = Scene::start().await;
    let before = scene.dump().await;
    for row in ROWS {
        let Row(service, action, needs, ..) = row;
        for (form, request) in scene.requests(row) {
            for (who, signer) in [("carol", carol()), ("dave", dave()), ("bob", bob())] {
                let what = format!("{service:?} {action} of {who} by {form}");
                let expected = match (needs, who) {
                    (Signature, _) => continue, // See below.
                    (OnQueue, "bob") if *action == "GetQueueUrl" => {
                        (400, "AWS.SimpleQueueService.NonExistentQueue")
                    }
                    (Own, "bob") if *service != Formiga => continue, // In the account that is bob's.
                    (OwnNamed, "bob") => (404, "NoSuchEntity"),
                    _ => (403, "AccessDenied"),
                };
                let signed = Signer { service: service.scope(), ..signer }.sign(request.clone());
                let (status, code, text) = refusal(&scene.send(&signed).await);
                assert_eq!((status, &*code), expected, "{what}: {text}");
                if expected.0 == 403 {
                    let account = if who == "bob" { "222222222222" } else { "111111111111" };
                    let words = format!(
                        "User: arn:aws:iam::{account}:user/{who} is not authorized to perform: "
                    );
                    assert!(text.starts_with(&words), "{what}: {text}");
                }
            }
        }
    }
    assert_eq!(scene.dump().await, before, "nothing was changed");
}

/// Which actions there are stands in the tables that dispatch them.
#[test]
fn every_action_has_a_row() {
    let sources = [
        (Sqs, include_str!("../src/sqs/mod.rs")),
        (Formiga, include_str!("../src/formiga.rs")),
        (Sts, include_str!("../src/sts/mod.rs")),
        (Iam, include_str!("../src/iam/mod.rs")),
    ];
    for (service, source) in sources {
        let name = |line: &str| {
            let (name, _) = line.trim_start().strip_prefix('"')?.split_once("\" =>")?;
            Some(name.to_owned())
        };
        let dispatched: BTreeSet<String> = source.lines().filter_map(name).collect();
        let rows = ROWS.iter().filter(|row| row.0 == service);
        let rows: BTreeSet<String> = rows.map(|row| row.1.to_owned()).collect();
        assert_eq!(dispatched, rows, "{service:?}");
    }
    assert_eq!(ROWS.iter().filter(|row| row.0 == Sqs).count(), 23);
}

/// A test that compares two dumps has to see what each action would have done.
#[tokio::test]
async fn the_same_requests_do_something_for_who_may() {
    let scene = Scene::start().await;
    let mut last = scene.dump().await;
    for action in [
        "SendMessage",
        "SetQueueAttributes",
        "UntagQueue",
        "RemovePermission",
        "DeleteMessage",
        "ReceiveMessage",
        "PutUserPolicy",
        "UpdateAccessKey",
        "CreateRole",
        "DeleteUserPolicy",
        "CreateQueue",
        "PurgeQueue",
        "DeleteQueue",
    ] {
        let row = ROWS.iter().find(|row| row.1 == action).expect("the action has a row");
        let (_, request) = scene.requests(row).swap_remove(0);
        let signed = Signer { service: row.0.scope(), ..root_a() }.sign(request);
        let answer = scene.send(&signed).await;
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        let now = scene.dump().await;
        assert_ne!(now, last, "{action} leaves a trace");
        last = now;
    }
}

#[tokio::test]
async fn all_other_paths_tell_nothing() {
    let scene = Scene::start().await;
    let before = scene.dump().await;
    let health = scene.send(&Unsent::new("GET", "/health", &scene.host)).await;
    assert_eq!((health.status, health.text()), (200, r#"{"status":"ok"}"#));
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in ["/", "/metrics", "/111111111111/q", "/111111111111/none", "/x?QueueName=q"] {
            let request = Unsent::new(method, path, &scene.host);
            let is_scrape = (method, path) == ("GET", "/metrics");
            // Only who is on this machine reads metrics, and this one comes through a proxy.
            let request =
                if is_scrape { request.with("X-Forwarded-For", "192.0.2.1") } else { request };
            let answer = scene.send(&request).await;
            let status = if is_scrape { 403 } else { 404 };
            assert_eq!(answer.status, status, "{method} {path}");
            assert!(!answer.text().contains("111111111111"), "{method} {path}");
        }
    }
    for request in [
        scene.target("AmazonSQS.None", "{}"),
        scene.target("Formiga.None", "{}"),
        scene.target("Other.SendMessage", "{}"),
        scene.form("Action=None&Version=2012-11-05"),
    ] {
        for (signed, what) in [(request.clone(), "unsigned"), (carol().sign(request), "of carol")] {
            let (status, code, _) = refusal(&scene.send(&signed).await);
            let expected = [
                "InvalidAction",
                "AWS.SimpleQueueService.UnsupportedOperation",
                "UnknownOperation",
                "UnknownOperationException",
            ];
            assert!(status == 400 && expected.contains(&&*code), "{what}: {status} {code}");
        }
    }
    assert_eq!(scene.dump().await, before, "nothing was changed");
}
