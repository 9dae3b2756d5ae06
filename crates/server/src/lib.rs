//! Formiga's server: sockets, tasks and configuration around the engine, the codecs and the store.
//!
//! [`Server::start`] wires the parts together; a [`Server`] answers until it is stopped.

mod accounts;
mod addresses;
mod answer;
mod audit;
mod authorization;
mod body;
mod browser;
pub mod clock;
pub mod config;
mod console;
mod context;
mod cors;
mod error;
mod explain;
mod failures;
mod formiga;
mod gateway;
mod heavy;
mod hex;
mod http;
mod iam;
mod identities;
mod keys;
mod kms;
mod master_key;
mod metrics;
pub mod offline;
mod peers;
mod private_file;
mod queues;
mod random;
mod rates;
mod sealer;
mod signature;
mod signing_keys;
mod sqs;
mod store_keys;
mod sts;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use formiga_engine::names::Region;
use formiga_engine::queue::{DeduplicationKey, QueueLimits};
use formiga_engine::receipt::ReceiptKey;
use formiga_engine::time::Timestamp;
use formiga_store::{
    Acquired, Append, AppendError, Change, Durability, MemoryStore, OpenError, ReadError,
    SqliteOptions, SqliteStore, Store,
};
use rustix::process::{Resource, Rlimit};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::addresses::Addresses;
use crate::answer::AnswerMemory;
use crate::body::BodyMemory;
use crate::browser::BrowserRules;
use crate::clock::{Clock, SystemClock};
use crate::config::{AuthMode, Config, ConfigError, DurabilityKind, StoreKind};
use crate::gateway::Gateway;
use crate::identities::{Identities, IdentityParts, Seal};
use crate::keys::{Declared, KeysError};
use crate::kms::{AwsKms, Kms};
use crate::master_key::MasterKeyError;
use crate::metrics::Metrics;
use crate::peers::Peers;
use crate::queues::{Directory, DirectoryParts};
use crate::random::Random;
use crate::rates::Rates;
use crate::sealer::Sealer;
use crate::signature::Verifier;
use crate::store_keys::{Owner, StoreKeysError};
use crate::tls::{Files, Tls, TlsError};

/// Why a server did not start. Each is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The default region is not one.
    #[error("{0:?} is not a region; regions look like us-east-1")]
    Region(String),
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is in the data directory cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What is in the data directory cannot be written.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The certificate that clients are to be shown cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There are no keys to check callers by.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There is no master key, or not that of the data.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The audit log cannot be written.
    #[error("the audit log cannot be written: {0}")]
    Audit(io::Error),
    /// The keys of the messages cannot be used.
    #[error(transparent)]
    StoreKeys(#[from] StoreKeysError),
    /// Callers cannot be checked by a clock that a test has moved.
    #[error(
        "the clock of this data directory was moved ahead by {0:?} for tests, so no signature would be in time; use another \
         data directory"
    )]
    ClockAhead(Duration),
    /// The wall clock is behind the data.
    #[error(
        "the clock is {behind:?} behind the time at which data was last written; set the clock, or say --accept-clock \
         if it is right"
    )]
    Clock {
        /// By how much.
        behind: Duration,
    },
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    listener: JoinHandle<()>,
    directory: Arc<Directory>,
    store: Arc<dyn Store>,
    /// Ends when everything is told, if there is an audit log.
    audit_writing: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the store and listens. Returns once requests are answered.
    pub async fn start(config: &Config) -> Result<Server, StartError> {
        Server::start_over(config, open_store).await
    }

    /// The same over another store than the settings name, which is opened when the server listens.
    pub async fn start_over(
        config: &Config,
        open_store: impl FnOnce(&Config) -> Result<Arc<dyn Store>, StartError>,
    ) -> Result<Server, StartError> {
        config.check()?;
        let default_region =
            Region::parse(&config.region).map_err(|_| StartError::Region(config.region.clone()))?;
        // Listening comes first: who cannot listen should not take over a store.
        let failed = |source| StartError::Listen { address: config.listen, source };
        let listener = http::listen(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let store = open_store(config)?;
        let tls = certificate(config, address)?.map(Arc::new);
        let random = Arc::new(Random::new());
        // Before anything is changed: who has not the key of the data should leave it alone.
        let kms: Option<Arc<dyn Kms>> = match &config.kms_endpoint {
            Some(endpoint) => Some(Arc::new(AwsKms::new(endpoint, config.kms_region()).await)),
            None => None,
        };
        let master_keys = master_key::load(config, &*store, kms.as_deref(), &random).await?;
        let master_keys = Arc::new(master_keys);
        let acquired = store.acquire().await?;
        let clock = start_clock(config, &*store, &acquired).await?;
        master_key::keep_check(&*store, acquired.epoch, clock.now(), &master_keys, &random).await?;
        let (epoch, now) = (acquired.epoch, clock.now());
        let owner = Owner { store: &*store, epoch, now, random: &random };
        let store_keys = store_keys::load(&owner, &master_keys, acquired.next_body).await?;
        store_keys::finish_rotation(&owner, &master_keys).await?;
        let verifier = match config.auth {
            AuthMode::Off => None,
            AuthMode::Required => {
                let users = config.credentials_file.as_deref();
                let admin = admin_key_file(config);
                let declared = Declared::load(&admin, users, &random, clock.now())?;
                let parts = IdentityParts {
                    seal: Seal::new(master_keys.clone()),
                    accepts_unknown_principals: config.accept_unknown_principals,
                    store: store.clone(),
                    epoch: acquired.epoch,
                    clock: clock.clone(),
                    random: random.clone(),
                };
                let identities = Arc::new(Identities::load(parts, declared).await?);
                Some(Verifier::new(identities, &random))
            }
        };
        let deduplication_key = DeduplicationKey::new(&store_keys.derive("deduplication"));
        let at_rest = config.store != StoreKind::Memory;
        let sealer = Sealer::new(store_keys, at_rest, kms, random.clone(), clock.clone());
        let sealer = Arc::new(sealer);
        let receipt_key = receipt_key(&*store, &acquired, &*clock, &random).await?;
        let (stop, stopping) = watch::channel(false);
        let directory = Directory::start(DirectoryParts {
            store: store.clone(),
            clock: clock.clone(),
            acquired,
            receipt_key,
            sealer: sealer.clone(),
            deduplication_key,
            limits: QueueLimits {
                in_flight_max: config.in_flight_max,
                window: config.window,
                page: QueueLimits::default().page.min(config.window / 2),
                ..QueueLimits::default()
            },
            content_cache_bytes: config.content_cache_mib << 20,
            recent_delete_check: config.recent_delete_check,
            stopping: stopping.clone(),
        });
        let audit = audit_target(config).map(|target| {
            audit::AuditLog::start(&target, config.audit_data_calls).map_err(StartError::Audit)
        });
        let (audit, audit_writing) = audit.transpose()?.unzip();
        tokio::spawn(store_keys::seal_plain_contents(
            store.clone(),
            epoch,
            clock.clone(),
            sealer,
            random.clone(),
            stopping.clone(),
        ));
        let gateway = Arc::new(Gateway {
            queues: directory.clone(),
            store: store.clone(),
            rates: Arc::new(Rates::new(config, clock.clone())),
            clock,
            random,
            browsers: BrowserRules {
                allowed_origins: config.allowed_origin.clone(),
                allowed_hosts: config.allowed_host.clone(),
            },
            peers: Peers::new(&config.behind_tls_proxy),
            verifier,
            queue_policies: Arc::default(),
            default_region,
            body_memory: BodyMemory::new(config.request_memory_mib << 20),
            answer_memory: AnswerMemory::new(config.request_memory_mib << 20),
            body_timeout: BODY_TIMEOUT,
            own_host: address.to_string(),
            epoch,
            clock_moves: tokio::sync::Mutex::default(),
            stopping: stopping.clone(),
            under_way: AtomicUsize::new(0),
            audit,
            metrics: Metrics::default(),
        });
        let places = connections_max(config);
        let addresses = Addresses::new(config.address_connections_max);
        if let Some(tls) = &tls {
            tokio::spawn(tls.clone().keep_fresh(stopping.clone()));
        }
        let listener =
            tokio::spawn(http::serve(listener, gateway, places, addresses, tls, stopping));
        Ok(Server { address, stop, listener, directory, store, audit_writing })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the store no longer acknowledges anything, if that is so.
    pub fn failure(&self) -> Option<String> {
        self.store.failure()
    }

    /// Takes no new work, ends long polls at once, and returns when everything acknowledged is
    /// durable and the store is closed.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.listener.await;
        self.directory.stop().await;
        let store = self.store;
        let closed = tokio::task::spawn_blocking(move || store.close()).await;
        closed.expect("closing the store does not panic");
        // A client that does not take its answer holds the log open, and stopping is not to wait.
        if let Some(writing) = self.audit_writing {
            let _ = tokio::time::timeout(AUDIT_PATIENCE, writing).await;
        }
    }
}

/// How long stopping waits for the last lines of the audit log.
const AUDIT_PATIENCE: Duration = Duration::from_secs(2);

/// Where the audit log goes, if anywhere.
fn audit_target(config: &Config) -> Option<audit::Target> {
    match config.audit_log.as_deref() {
        None if config.auth == AuthMode::Off => None,
        None => Some(audit::Target::File(config.data_dir.join("audit.log"))),
        Some(path) if path == Path::new("none") => None,
        Some(path) if path == Path::new("-") => Some(audit::Target::StandardOutput),
        Some(path) => Some(audit::Target::File(path.to_owned())),
    }
}

/// The certificate that clients are shown, if the server speaks TLS.
fn certificate(config: &Config, address: SocketAddr) -> Result<Option<Tls>, TlsError> {
    if let (Some(certificate), Some(key)) = (&config.tls_cert, &config.tls_key) {
        return Ok(Some(Tls::of_files(Files {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authorities: config.tls_client_ca.clone(),
        })?));
    }
    if !config.tls_self_signed {
        return Ok(None);
    }
    let mut names = config.tls_name.clone();
    if !address.ip().is_unspecified() {
        names.push(address.ip().to_string());
    }
    Ok(Some(Tls::self_signed(&config.data_dir, &names)?))
}

/// What clients have to trust if the certificate is self-signed.
pub fn self_signed_authority_file(config: &Config) -> Option<PathBuf> {
    config.tls_self_signed.then(|| tls::authority_file(&config.data_dir))
}

/// The name of the file with the administrator's access key, unless told.
const ADMIN_KEY: &str = "admin-key";

/// Where the administrator's access key is.
pub fn admin_key_file(config: &Config) -> PathBuf {
    config.admin_key_file.clone().unwrap_or_else(|| config.data_dir.join(ADMIN_KEY))
}

/// How many files the server may need besides connections: the database, its WAL, and some.
const FILES_RESERVED: u64 = 64;

/// As many connections as the operating system allows files, less what the store needs, unless the
/// settings name fewer.
fn connections_max(config: &Config) -> usize {
    let files = raise_file_limit().unwrap_or(u64::MAX);
    let most = files.saturating_sub(FILES_RESERVED).max(1);
    let most = usize::try_from(most).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
    match config.connections_max {
        0 => most,
        wanted if wanted > most => {
            tracing::warn!(wanted, most, "the operating system allows fewer open connections");
            most
        }
        wanted => wanted,
    }
}

/// Allows this process as many open files as it may allow itself, and tells how many; `None` is no
/// limit.
fn raise_file_limit() -> Option<u64> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// How long a client may pause in the middle of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A wall clock this far behind the data is waited for.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(10);

fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    Ok(match config.store {
        StoreKind::Memory => Arc::new(MemoryStore::new()),
        StoreKind::Sqlite => {
            let durability = match config.durability {
                DurabilityKind::Fsync => Durability::Fsync,
                DurabilityKind::Os => Durability::Os,
            };
            let disk_reserve = config.disk_reserve_mib << 20;
            let options = SqliteOptions { durability, disk_reserve, ..SqliteOptions::default() };
            Arc::new(SqliteStore::open(&config.data_dir, options)?)
        }
    })
}

/// A clock that does not run behind what is stored: message times and timeouts rest on it.
async fn start_clock(
    config: &Config,
    store: &dyn Store,
    acquired: &Acquired,
) -> Result<Arc<dyn Clock>, StartError> {
    let ahead = store.setting(formiga::CLOCK_AHEAD).await?;
    let ahead = ahead.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
    let ahead = Duration::from_millis(ahead);
    if !ahead.is_zero() && config.auth == AuthMode::Required {
        return Err(StartError::ClockAhead(ahead));
    }
    if !ahead.is_zero() {
        tracing::warn!(
            ?ahead,
            "the clock is ahead, as Formiga.AdvanceClock was told: these are a test's data"
        );
    }
    let written = Some(acquired.latest).filter(|latest| *latest > Timestamp::EPOCH);
    let clock = SystemClock::new(ahead, written);
    let behind = acquired.latest.since(clock.now());
    if behind > CLOCK_BEHIND_MAX {
        if !config.accept_clock {
            return Err(StartError::Clock { behind });
        }
        tracing::warn!(?behind, "the clock is behind the data; accepted as told");
    } else if !behind.is_zero() {
        tracing::warn!(?behind, "the clock is behind the data; waiting for it");
        clock.sleep_until(acquired.latest).await;
    }
    Ok(Arc::new(clock))
}

const RECEIPT_KEY: &str = "receipt_key";

/// The key of the data directory's receipt handles, made at the first start.
async fn receipt_key(
    store: &dyn Store,
    acquired: &Acquired,
    clock: &dyn Clock,
    random: &Random,
) -> Result<ReceiptKey, StartError> {
    let kept = store.setting(RECEIPT_KEY).await?;
    if let Some(secret) = kept {
        let secret = secret.as_slice().try_into();
        let damaged = |_| ReadError("the key of the receipt handles is damaged".to_owned());
        return Ok(ReceiptKey::new(secret.map_err(damaged)?));
    }
    let secret: [u8; 32] = random.bytes();
    let change = Change::Setting(RECEIPT_KEY, secret.to_vec());
    let at: Timestamp = clock.now();
    store.append(acquired.epoch, Append::new(at, change)).await?;
    Ok(ReceiptKey::new(&secret))
}
