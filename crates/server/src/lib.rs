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
mod node;
pub mod offline;
mod peek;
mod peers;
mod private_file;
mod queues;
pub mod random;
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
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use formiga_store::{AppendError, Durability, OpenError, ReadError, SqliteOptions};
use formiga_store::{MemoryStore, SqliteStore, Store};
use rustix::process::{Resource, Rlimit};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::addresses::Addresses;
use crate::config::{Config, ConfigError, DurabilityKind, StoreKind};
use crate::keys::KeysError;
use crate::master_key::MasterKeyError;
pub use crate::node::{MakeClock, Node, Surroundings};
use crate::store_keys::StoreKeysError;
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
    listener: JoinHandle<()>,
    node: Node,
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
        // Listening comes first: who cannot listen should not take over a store.
        let failed = |source| StartError::Listen { address: config.listen, source };
        let listener = http::listen(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;

        let store = open_store(config)?;
        let tls = certificate(config, address)?.map(Arc::new);
        let surroundings = Surroundings::real(store, address.to_string());
        let node = Node::start(config, surroundings).await?;
        let (gateway, stopping) = (node.gateway().clone(), node.stopping());
        let places = connections_max(config);
        let addresses = Addresses::new(config.address_connections_max);
        if let Some(tls) = &tls {
            tokio::spawn(tls.clone().keep_fresh(stopping.clone()));
        }
        let listener =
            tokio::spawn(http::serve(listener, gateway, places, addresses, tls, stopping));
        Ok(Server { address, listener, node })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the store no longer acknowledges anything, if that is so.
    pub fn failure(&self) -> Option<String> {
        self.node.failure()
    }

    /// Takes no new work, ends long polls at once, and returns when everything acknowledged is
    /// durable and the store is closed.
    pub async fn stop(self) {
        self.node.begin_stop();
        let _ = self.listener.await;
        self.node.stop().await;
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
