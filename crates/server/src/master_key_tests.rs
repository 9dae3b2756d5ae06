use std::fs;
use std::os::unix::fs::PermissionsExt;

use formiga_store::MemoryStore;
use tempfile::TempDir;

use super::*;
use crate::config::MasterKeyTexts;
use crate::sealer::tests::FakeKms;

struct Scene {
    parent: TempDir,
    config: Config,
    store: MemoryStore,
    epoch: Epoch,
    kms: Option<FakeKms>,
}

impl Scene {
    async fn new(auth: AuthMode) -> Scene {
        let parent = tempfile::tempdir().unwrap();
        let data_dir = parent.path().join("data");
        fs::create_dir(&data_dir).unwrap();
        let store = MemoryStore::new();
        let epoch = store.acquire().await.unwrap().epoch;
        Scene {
            parent,
            config: Config { data_dir, auth, ..Config::defaults() },
            store,
            epoch,
            kms: None,
        }
    }

    async fn start(&self) -> Result<MasterKeys, String> {
        let random = Random::new();
        let kms: Option<&dyn Kms> = self.kms.as_ref().map(|kms| kms as _);
        let keys = load(&self.config, &self.store, kms, &random).await;
        let keys = keys.map_err(|error| error.to_string())?;
        keep_check(&self.store, self.epoch, Timestamp::EPOCH, &keys, &random).await.unwrap();
        Ok(keys)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.parent.path().join(name)
    }

    fn write(&self, name: &str, key: u8) -> PathBuf {
        let path = self.path(name);
        write_private(&path, &STANDARD.encode([key; 32])).unwrap();
        path
    }
}

fn texts(current: &str) -> MasterKeyTexts {
    MasterKeyTexts { current: Some(Zeroizing::new(current.to_owned())), older: None }
}

#[tokio::test]
async fn the_first_start_makes_a_key_that_only_its_owner_may_read() {
    for (auth, place) in
        [(AuthMode::Off, "data/master-key"), (AuthMode::Required, "data.master-key")]
    {
        let scene = Scene::new(auth).await;
        let first = scene.start().await.unwrap();
        let mode = fs::metadata(scene.path(place)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = scene.start().await.unwrap();
        assert_eq!(first.current().id(), again.current().id());
    }
}

#[tokio::test]
async fn a_key_that_others_may_read_is_refused() {
    let scene = Scene::new(AuthMode::Off).await;
    scene.start().await.unwrap();
    let path = scene.path("data/master-key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let sentence = scene.start().await.unwrap_err();
    assert!(sentence.contains("chmod 600"), "{sentence}");
}

#[tokio::test]
async fn another_key_is_refused_with_the_names_of_both() {
    let mut scene = Scene::new(AuthMode::Off).await;
    let right = scene.start().await.unwrap().current().id().to_string();
    scene.config.master_key_file = Some(scene.write("other", 7));
    let sentence = scene.start().await.unwrap_err();
    let wrong = MasterKey::new(Zeroizing::new([7; 32])).id().to_string();
    assert!(sentence.contains(&right) && sentence.contains(&wrong), "{sentence}");
    scene.config.master_key_file = None;
    assert!(scene.start().await.is_ok(), "no harm was done");
}

#[tokio::test]
async fn a_missing_key_is_not_replaced_by_a_new_one() {
    let scene = Scene::new(AuthMode::Off).await;
    let id = scene.start().await.unwrap().current().id().to_string();
    let path = scene.path("data/master-key");
    fs::rename(&path, scene.path("away")).unwrap();
    let sentence = scene.start().await.unwrap_err();
    assert!(sentence.contains(&id) && sentence.contains("--master-key-file"), "{sentence}");
    assert!(!path.exists());
    fs::rename(scene.path("away"), &path).unwrap();
    assert!(scene.start().await.is_ok());
}

#[tokio::test]
async fn where_callers_are_checked_the_key_lies_outside_the_data_directory() {
    let mut scene = Scene::new(AuthMode::Off).await;
    scene.start().await.unwrap();
    scene.config.auth = AuthMode::Required;
    let sentence = scene.start().await.unwrap_err();
    assert!(sentence.contains("data.master-key"), "where to: {sentence}");
    let link = scene.path("link");
    std::os::unix::fs::symlink(&scene.config.data_dir, &link).unwrap();
    for path in [scene.path("data/master-key"), link.join("deep").join("key")] {
        scene.config.master_key_file = Some(path);
        let sentence = scene.start().await.unwrap_err();
        assert!(sentence.contains("data directory"), "{sentence}");
    }
    scene.config.master_key_file = None;
    fs::rename(scene.path("data/master-key"), scene.path("data.master-key")).unwrap();
    assert!(scene.start().await.is_ok());
    scene.config.auth = AuthMode::Off;
    assert!(scene.start().await.is_ok(), "it is found beside the data, too");
}

#[tokio::test]
async fn the_environment_gives_a_key_in_place_of_a_file() {
    let mut scene = Scene::new(AuthMode::Required).await;
    scene.config.master_keys = texts(&STANDARD.encode([3; 32]));
    assert!(scene.start().await.is_ok());
    assert!(!scene.path("data.master-key").exists());
    for wrong in ["", "c2hvcnQ=", "no base64", &STANDARD.encode([3; 33])] {
        scene.config.master_keys = texts(wrong);
        let sentence = scene.start().await.unwrap_err();
        assert!(sentence.contains("FORMIGA_MASTER_KEY has to hold"), "{sentence}");
    }
}

#[tokio::test]
async fn the_next_key_takes_over_while_the_older_one_is_named() {
    let mut scene = Scene::new(AuthMode::Off).await;
    let (old, new) = (scene.write("old", 1), scene.write("new", 2));
    scene.config.master_key_file = Some(old.clone());
    scene.start().await.unwrap();
    scene.config.master_key_file = Some(new);
    assert!(scene.start().await.is_err());
    scene.config.older_master_key_file = vec![old];
    let keys = scene.start().await.unwrap();
    let random = Random::new();
    let replaced = replace_check(&scene.store, scene.epoch, Timestamp::EPOCH, &keys, &random);
    replaced.await.unwrap();
    scene.config.older_master_key_file.clear();
    assert!(scene.start().await.is_ok(), "the older key is not needed any more");
}

#[tokio::test]
async fn a_store_in_memory_leaves_no_key_behind() {
    let mut scene = Scene::new(AuthMode::Required).await;
    scene.config.store = StoreKind::Memory;
    assert!(scene.start().await.is_ok());
    assert!(!scene.path("data.master-key").exists());
    assert!(!scene.path("data/master-key").exists());
}

impl Scene {
    fn use_kms(&mut self) -> PathBuf {
        self.kms = Some(FakeKms::default());
        self.config.master_key_kms = Some("alias/master".to_owned());
        self.config.data_dir.join(KMS_FILE)
    }
}

#[tokio::test]
async fn a_key_of_a_kms_is_kept_as_it_encrypted_it_and_needs_it_at_every_start() {
    let mut scene = Scene::new(AuthMode::Required).await;
    let path = scene.use_kms();
    let id = scene.start().await.unwrap().current().id();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(scene.start().await.unwrap().current().id(), id);
    let kms = scene.kms.as_ref().unwrap();
    kms.refuses.store(true, std::sync::atomic::Ordering::Relaxed);
    let sentence = scene.start().await.map(drop).unwrap_err();
    assert_eq!(sentence, "the master key cannot be decrypted by the KMS: it is disabled");
    kms.refuses.store(false, std::sync::atomic::Ordering::Relaxed);
    fs::remove_file(&path).unwrap();
    let sentence = scene.start().await.map(drop).unwrap_err();
    assert!(sentence.contains("master-key.kms") && !path.exists(), "{sentence}");
}

#[tokio::test]
async fn a_key_of_a_kms_takes_the_place_of_one_in_a_file() {
    let mut scene = Scene::new(AuthMode::Required).await;
    let old = scene.write("old", 1);
    scene.config.master_key_file = Some(old.clone());
    let first = scene.start().await.unwrap().current().id();
    scene.config.master_key_file = None;
    let path = scene.use_kms();
    assert!(scene.start().await.is_err() && !path.exists(), "what is sealed could not be read");
    scene.config.older_master_key_file = vec![old];
    let keys = scene.start().await.unwrap();
    assert_ne!(keys.current().id(), first);
    replace_check(&scene.store, scene.epoch, Timestamp::EPOCH, &keys, &Random::new())
        .await
        .unwrap();
    scene.config.older_master_key_file = Vec::new();
    assert_eq!(scene.start().await.unwrap().current().id(), keys.current().id());
}
