//! IAM and STS as they come over the wire: which service answers, and to whom.

mod common {
    pub(crate) mod http;
    pub(crate) mod signed;
}

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use formiga_server::Server;
use formiga_server::config::{AuthMode, Config, StoreKind};
use tempfile::TempDir;

use common::http::{Answer, Connection};
use common::signed::{Signer, Unsent};

const USERS: &str = r#"
    [[user]]
    account = "111111111111"
    keys = [{ access_key_id = "AKIAROOTA00000000001", secret_access_key = "secret of A" }]

    [[user]]
    account = "111111111111"
    name = "alice"
    keys = [{ access_key_id = "AKIAALICE00000000001", secret_access_key = "secret of alice" }]
"#;

fn root(service: &'static str) -> Signer {
    Signer { service, ..Signer::new("AKIAROOTA00000000001", "secret of A") }
}

fn alice(service: &'static str) -> Signer {
    Signer { service, ..Signer::new("AKIAALICE00000000001", "secret of alice") }
}

struct Scene {
    server: Server,
    _directory: TempDir,
}

const LIST_USERS: &str = "Action=ListUsers&Version=2010-05-08";
const CREATE_USER: &str = "Action=CreateUser&Version=2010-05-08&UserName=bob";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";

impl Scene {
    async fn start() -> Scene {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let users = directory.path().join("users.toml");
        fs::write(&users, USERS).expect("a file can be written");
        fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("the file is ours");
        let mut config = Config::defaults();
        config.listen = "127.0.0.1:0".parse().expect("an address");
        config.data_dir = directory.path().join("data");
        config.store = StoreKind::Memory;
        config.auth = AuthMode::Required;
        config.credentials_file = Some(users);
        let server = Server::start(&config).await.expect("the server starts");
        Scene { server, _directory: directory }
    }

    fn form(&self, form: &str) -> Unsent {
        let host = self.server.address().to_string();
        let form_type = "application/x-www-form-urlencoded; charset=utf-8";
        Unsent::new("POST", "/", &host).with("content-type", form_type).body(form)
    }

    fn get(&self, query: &str) -> Unsent {
        Unsent::new("GET", &format!("/?{query}"), &self.server.address().to_string())
    }

    async fn send(&self, request: &Unsent) -> Answer {
        let mut connection = Connection::open(self.server.address()).await;
        connection.write(request.to_bytes()).await;
        connection.answer().await
    }

    async fn users(&self) -> String {
        self.send(&root("iam").sign(self.form(LIST_USERS))).await.text().to_owned()
    }
}

/// What is between two tags.
fn within<'a>(xml: &'a str, tag: &str) -> &'a str {
    let rest = xml.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("{tag}: {xml}")).1;
    rest.split_once(&format!("</{tag}>")).expect("it ends").0
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, within(answer.text(), "Code").to_owned())
}

#[tokio::test]
async fn the_service_is_the_one_that_a_request_is_signed_for() {
    let scene = Scene::start().await;
    for (service, form, expected) in [
        ("iam", LIST_USERS, None),
        ("sts", WHO, None),
        ("iam", WHO, Some((400, "InvalidAction"))),
        ("sts", LIST_USERS, Some((400, "InvalidAction"))),
        ("sqs", CREATE_USER, Some((400, "InvalidAction"))),
        ("sts", "Action=ListQueues&Version=2012-11-05", Some((400, "InvalidAction"))),
        (
            "iam",
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15",
            Some((400, "InvalidAction")),
        ),
        ("sns", LIST_USERS, Some((403, "SignatureDoesNotMatch"))),
    ] {
        let answer = scene.send(&root(service).sign(scene.form(form))).await;
        match expected {
            None => assert_eq!(answer.status, 200, "{service} {form}: {}", answer.text()),
            Some((status, expected)) => {
                assert_eq!(code(&answer), (status, expected.to_owned()), "{service} {form}");
            }
        }
        // Presigned alike.
        let get = root(service).presign(scene.get(form), Duration::from_secs(60));
        assert_eq!(scene.send(&get).await.status, answer.status, "{service} {form} by URL");
    }
    assert!(!scene.users().await.contains("bob"));
}

#[tokio::test]
async fn neither_service_speaks_json() {
    let scene = Scene::start().await;
    for target in ["AWSIdentityManagement.ListUsers", "AWSSecurityTokenService.GetCallerIdentity"] {
        let request = |service| {
            let request = scene.form("{}").with("x-amz-target", target);
            root(service).sign(request)
        };
        let answer = scene.send(&request("sqs")).await;
        assert!(answer.text().contains("UnknownOperationException"), "{}", answer.text());
        // What is signed for one service does nothing of another.
        for service in ["iam", "sts"] {
            let answer = scene.send(&request(service)).await;
            assert_eq!(answer.status, 403, "{}", answer.text());
            assert!(answer.text().contains("correct service: 'sqs'"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn who_is_unknown_learns_and_changes_nothing() {
    let scene = Scene::start().await;
    let before = scene.users().await;
    let (signed, refused) =
        (|signer: &Signer| signer.sign(scene.form(CREATE_USER)), |it| (403, it));
    let unknown = Signer::new("AKIANOBODY0000000001", "s");
    let old = Signer { age: 901, ..root("iam") };
    let wrong = Signer { secret: "wrong".to_owned(), ..root("iam") };
    let token = Signer { token: Some("token".to_owned()), ..root("iam") };
    for (request, expected) in [
        (scene.form(CREATE_USER), refused("MissingAuthenticationToken")),
        (signed(&Signer { service: "iam", ..unknown }), refused("InvalidClientTokenId")),
        (signed(&old), refused("SignatureDoesNotMatch")),
        (signed(&wrong), refused("SignatureDoesNotMatch")),
        (signed(&token), refused("InvalidClientTokenId")),
        (signed(&alice("iam")), refused("AccessDenied")),
        (
            signed(&root("iam")).body(CREATE_USER.replace("bob", "eve")),
            refused("SignatureDoesNotMatch"),
        ),
    ] {
        let answer = scene.send(&request).await;
        let (status, expected) = expected;
        assert_eq!(code(&answer), (status, expected.to_owned()), "{}", answer.text());
        assert!(answer.text().contains("https://iam.amazonaws.com/doc/2010-05-08/"));
    }
    let ids = |xml: &str| xml.split("<ResponseMetadata>").next().unwrap_or_default().to_owned();
    assert_eq!(ids(&scene.users().await), ids(&before));
}

#[tokio::test]
async fn an_answer_may_be_asked_for_in_json() {
    let scene = Scene::start().await;
    let request = scene.form(LIST_USERS).with("accept", "application/json");
    let answer = scene.send(&root("iam").sign(request)).await;
    let document: serde_json::Value = serde_json::from_str(answer.text()).expect("it is JSON");
    let result = &document["ListUsersResponse"]["ListUsersResult"];
    assert_eq!(result["Users"][0]["UserName"], "alice");
    assert_eq!(result["IsTruncated"], false);
}

#[tokio::test]
async fn many_changes_at_once_happen_one_after_the_other() {
    let scene = Scene::start().await;
    let create = |name: String| {
        let form = format!("Action=CreateUser&Version=2010-05-08&UserName={name}");
        root("iam").sign(scene.form(&form))
    };
    // The same name from many connections: one of them makes the user.
    let same: Vec<_> = (0..10).map(|_| create("bob".to_owned())).collect();
    let answers = futures(same.iter().map(|request| scene.send(request))).await;
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    let ids: std::collections::BTreeSet<_> =
        (scene.users().await).split("<UserId>").skip(1).map(str::to_owned).collect();
    assert_eq!(ids.len(), 2);
}

/// Runs them all at once.
async fn futures<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(Box::pin).map(Some).collect();
    let mut done: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in pending.iter_mut().zip(&mut done) {
            if let Some(running) = future
                && let std::task::Poll::Ready(output) = running.as_mut().poll(cx)
            {
                *done = Some(output);
                *future = None;
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
