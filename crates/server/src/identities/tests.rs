use std::collections::BTreeMap;

use formiga_engine::names::AccountId;
use formiga_engine::time::Timestamp as EngineTime;
use formiga_store::{
    AccessKeyRecord, EntityRecord, Identity, IdentityKey, MasterKey, MasterKeys, MemoryStore,
    RoleRecord, SqliteOptions, SqliteStore, UserRecord,
};

use super::*;
use crate::clock::SystemClock;

pub(super) fn seal(byte: u8) -> Seal {
    Seal::new(Arc::new(MasterKeys::new(MasterKey::new([byte; 32].into()), Vec::new())))
}

fn entity(id: &str, name: &str) -> EntityRecord {
    EntityRecord {
        account: AccountId::DEFAULT,
        unique_id: id.to_owned(),
        path: "/team/".to_owned(),
        name: name.to_owned(),
        created_at: EngineTime::EPOCH,
        tags: BTreeMap::from([("team".to_owned(), "ants".to_owned())]),
        policies: BTreeMap::new(),
    }
}

fn user(id: &str, name: &str) -> Identity {
    Identity::User(UserRecord(entity(id, name)))
}

fn role(id: &str, name: &str) -> Identity {
    Identity::Role(RoleRecord {
        entity: entity(id, name),
        description: None,
        max_session_seconds: 3600,
        trust_policy:
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#
                .to_owned(),
        trusted_ids: BTreeMap::new(),
    })
}

fn key(id: &str, user: Option<&str>, is_active: bool) -> Identity {
    let secret = SecretKey::new(format!("secret of {id}"));
    Identity::AccessKey(AccessKeyRecord {
        id: id.to_owned(),
        account: AccountId::DEFAULT,
        user: user.map(str::to_owned),
        is_active,
        created_at: EngineTime::EPOCH,
        sealed_secret: seal(1).seal(id, &secret, &Random::new()),
    })
}

const USER: &str = "AIDAALICE2345672345AB";
const ROLE: &str = "AROAROLE22345672345AB";
const KEY: &str = "AKIAALICE00000000001";
const ROOT_KEY: &str = "AKIAROOT000000000001";

async fn identities(stored: Vec<Identity>) -> (Arc<Identities>, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let epoch = store.acquire().await.unwrap().epoch;
    let puts = stored.into_iter().map(IdentityChange::Put).collect();
    let append = Append::new(EngineTime::EPOCH, Change::Identities(puts));
    store.append(epoch, append).await.unwrap();
    (load(&store, epoch, seal(1)).await.unwrap(), store)
}

async fn load<S: Store>(
    store: &Arc<S>,
    epoch: Epoch,
    seal: Seal,
) -> Result<Arc<Identities>, KeysError> {
    let parts = IdentityParts {
        seal,
        accepts_unknown_principals: false,
        store: store.clone(),
        epoch,
        clock: Arc::new(SystemClock::new(std::time::Duration::ZERO, None)),
        random: Arc::new(Random::new()),
    };
    Identities::load(parts, Declared::default()).await.map(Arc::new)
}

async fn everybody() -> (Arc<Identities>, Arc<MemoryStore>) {
    let all = [
        user(USER, "alice"),
        role(ROLE, "r"),
        key(KEY, Some(USER), true),
        key(ROOT_KEY, None, true),
    ];
    identities(all.to_vec()).await
}

async fn change(identities: &Arc<Identities>, changes: Vec<IdentityChange>) {
    identities.change(Uuid::nil(), |_| Ok((changes, ()))).await.unwrap();
}

fn arn(identities: &Identities, id: &str, token: Option<&str>) -> Option<String> {
    let signer = identities.signer(id, token)?;
    let principal = identities.principal(signer, Timestamp::from_millis(0)).ok()?;
    principal.caller.arn()
}

#[tokio::test]
async fn a_key_is_good_while_it_is_active_and_its_user_is_there() {
    let (identities, _) = everybody().await;
    let is = |id| arn(&identities, id, None);
    assert_eq!(is(KEY).as_deref(), Some("arn:aws:iam::000000000000:user/team/alice"));
    assert_eq!(is(ROOT_KEY).as_deref(), Some("arn:aws:iam::000000000000:root"));
    assert_eq!(is("AKIANOBODY0000000001"), None);
    assert_eq!(arn(&identities, KEY, Some("token")), None, "a key of a user has no token");
    change(&identities, vec![IdentityChange::Put(key(KEY, Some(USER), false))]).await;
    assert_eq!(arn(&identities, KEY, None), None);
    change(&identities, vec![IdentityChange::Put(key(KEY, Some(USER), true))]).await;
    assert!(arn(&identities, KEY, None).is_some());
    change(&identities, vec![IdentityChange::Remove(IdentityKey::AccessKey(KEY.to_owned()))]).await;
    assert_eq!(arn(&identities, KEY, None), None);
}

/// Sessions of all three kinds.
fn sessions(identities: &Identities) -> [(String, String); 3] {
    let parent = |id: &str| id.to_owned();
    [
        formiga_auth::session_token::SessionOf::Root { parent_access_key_id: parent(ROOT_KEY) },
        formiga_auth::session_token::SessionOf::User {
            unique_id: USER.to_owned(),
            parent_access_key_id: parent(KEY),
        },
        formiga_auth::session_token::SessionOf::Role {
            unique_id: ROLE.to_owned(),
            session_name: "s".to_owned(),
        },
    ]
    .map(|of| {
        let grant = SessionGrant {
            access_key_id: "ASIAEXAMPLE234567ABC".to_owned(),
            account: AccountId::DEFAULT.to_string(),
            of,
            issued_at: 0,
            expires_at: 900,
            policy: None,
            tags: BTreeMap::new(),
        };
        let (token, _) = identities.issue(&grant).unwrap();
        (grant.access_key_id, token)
    })
}

#[tokio::test]
async fn a_session_ends_with_what_it_is_of() {
    let (identities, _) = everybody().await;
    let [root, alice, role] = sessions(&identities);
    let is =
        |identities: &Identities, (id, token): &(String, String)| arn(identities, id, Some(token));
    let user = "arn:aws:iam::000000000000:user/team/alice";
    assert_eq!(is(&identities, &alice).as_deref(), Some(user));
    assert_eq!(is(&identities, &root).as_deref(), Some("arn:aws:iam::000000000000:root"));
    let session = "arn:aws:sts::000000000000:assumed-role/r/s";
    assert_eq!(is(&identities, &role).as_deref(), Some(session));
    assert_eq!(arn(&identities, &alice.0, None), None, "it is nothing without its token");
    // With its key, whether that is turned off or deleted.
    change(&identities, vec![IdentityChange::Put(key(KEY, Some(USER), false))]).await;
    assert_eq!(is(&identities, &alice), None);
    change(&identities, vec![IdentityChange::Put(key(KEY, Some(USER), true))]).await;
    assert!(is(&identities, &alice).is_some());
    let gone = [
        IdentityKey::User(USER.to_owned()),
        IdentityKey::Role(ROLE.to_owned()),
        IdentityKey::AccessKey(ROOT_KEY.to_owned()),
    ];
    change(&identities, gone.map(IdentityChange::Remove).to_vec()).await;
    for session in [&root, &alice, &role] {
        assert_eq!(is(&identities, session), None);
    }
    // Others of the same names are others.
    let others =
        [self::user("AIDAOTHER2345672345AB", "alice"), self::role("AROAOTHER2345672345AB", "r")];
    change(&identities, others.map(IdentityChange::Put).to_vec()).await;
    for session in [&alice, &role] {
        assert_eq!(is(&identities, session), None);
    }
}

#[tokio::test]
async fn a_session_expires() {
    let (identities, _) = everybody().await;
    for (id, token) in sessions(&identities) {
        let principal = |seconds: u64| {
            let signer = identities.signer(&id, Some(&token)).unwrap();
            identities.principal(signer, Timestamp::from_millis(seconds * 1000)).map(|_| ())
        };
        assert_eq!(principal(899), Ok(()));
        assert_eq!(principal(900), Err(SignatureError::ExpiredToken));
    }
}

#[tokio::test]
async fn a_change_that_is_not_durable_is_not_seen() {
    let (identities, store) = everybody().await;
    store.acquire().await.unwrap(); // Another owner takes over.
    let gone = vec![IdentityChange::Remove(IdentityKey::AccessKey(KEY.to_owned()))];
    let outcome = identities.change(Uuid::nil(), |_| Ok((gone, ()))).await;
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::ServiceUnavailable);
    assert!(arn(&identities, KEY, None).is_some());
}

/// On a disk, where a change takes its time.
#[tokio::test]
async fn a_change_is_stored_and_seen_whether_or_not_anybody_waits_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let store = Arc::new(store);
    let epoch = store.acquire().await.unwrap().epoch;
    let identities = load(&store, epoch, seal(1)).await.unwrap();
    let made = [user(USER, "alice"), key(KEY, Some(USER), true)];
    {
        let made = made.map(IdentityChange::Put).to_vec();
        let mut change = std::pin::pin!(identities.change(Uuid::nil(), |_| Ok((made, ()))));
        // It is polled once, and then its caller hangs up.
        std::future::poll_fn(|cx| {
            assert!(change.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
    // The next change waits for it.
    identities.change(Uuid::nil(), |_| Ok((Vec::new(), ()))).await.unwrap();
    assert!(arn(&identities, KEY, None).is_some());
    assert_eq!(store.identities().await.unwrap().len(), 2);
}

#[tokio::test]
async fn secrets_under_another_master_key_are_refused_at_the_start() {
    let (_, store) = everybody().await;
    let epoch = store.acquire().await.unwrap().epoch;
    let refusal = load(&store, epoch, seal(2)).await.err().unwrap().to_string();
    assert!(refusal.contains("cannot be unsealed"), "{refusal}");
    assert!(load(&store, epoch, seal(1)).await.is_ok());
}

#[tokio::test]
async fn what_an_older_master_key_sealed_is_sealed_anew() {
    let (before, store) = everybody().await;
    let sessions = sessions(&before);
    let epoch = store.acquire().await.unwrap().epoch;
    let master = |byte| MasterKey::new([byte; 32].into());
    let both = Seal::new(Arc::new(MasterKeys::new(master(2), vec![master(1)])));
    let rotated = load(&store, epoch, both).await.unwrap();
    // Sessions go on while the older key is given.
    let (id, token) = &sessions[1];
    assert!(arn(&rotated, id, Some(token)).is_some());
    let alone = load(&store, epoch, seal(2)).await.unwrap();
    assert!(arn(&alone, KEY, None).is_some());
    assert_eq!(arn(&alone, id, Some(token)), None);
}

#[tokio::test]
async fn names_have_no_case_and_arns_have() {
    let (identities, _) = everybody().await;
    let state = identities.read();
    let find = |kind, name: &str| state.entity(kind, AccountId::DEFAULT, name).is_some();
    assert!(find(Kind::User, "Alice") && find(Kind::Role, "R"));
    assert!(!find(Kind::Role, "alice") && !find(Kind::User, "r"));
    let id = |arn: &str| state.id_of(arn).map(str::to_owned);
    assert_eq!(id("arn:aws:iam::000000000000:user/team/alice").as_deref(), Some(USER));
    assert_eq!(id("arn:aws:iam::000000000000:role/team/r").as_deref(), Some(ROLE));
    for other in [
        "arn:aws:iam::000000000000:user/team/Alice",
        "arn:aws:iam::000000000000:user/alice",
        "arn:aws:iam::000000000000:role/team/alice",
        "arn:aws:iam::111111111111:user/team/alice",
        "arn:aws-cn:iam::000000000000:user/team/alice",
        "alice",
    ] {
        assert_eq!(id(other), None, "{other}");
    }
}
