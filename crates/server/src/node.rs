//! [`Node`]: everything between a request and its answer, without a socket.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use formiga_engine::names::Region;
use formiga_engine::queue::{DeduplicationKey, QueueLimits};
use formiga_engine::receipt::ReceiptKey;
use formiga_engine::time::Timestamp;
use formiga_store::{Acquired, Append, Change, ReadError, Store};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::AnswerMemory;
use crate::body::BodyMemory;
use crate::browser::BrowserRules;
use crate::clock::{Clock, SystemClock};
use crate::config::{AuthMode, Config, StoreKind};
use crate::gateway::Gateway;
use crate::identities::{Identities, IdentityParts, Seal};
use crate::keys::Declared;
use crate::kms::{AwsKms, Kms};
use crate::metrics::Metrics;
use crate::peers::{Peer, Peers};
use crate::queues::{Directory, DirectoryParts};
use crate::random::Random;
use crate::rates::Rates;
use crate::sealer::Sealer;
use crate::signature::Verifier;
use crate::store_keys::Owner;
use crate::{StartError, admin_key_file, audit, formiga, master_key, store_keys};

/// The owner of a store, who answers requests from it.
///
/// A [`Server`](crate::Server) puts one behind a socket. A simulator has many of them, one after
/// the other, and asks them by [`Node::answer`]. Everything that a node does runs in the tasks of
/// the runtime in which it was started: when that is dropped, so is the node, as in a crash.
pub struct Node {
    gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    /// Ends when everything is told, if there is an audit log.
    audit_writing: Option<JoinHandle<()>>,
}

/// What a node cannot make up by itself: where it keeps things, what time it is, and chance.
pub struct Surroundings {
    /// Keeps what the node acknowledges.
    pub store: Arc<dyn Store>,
    /// Unpredictable bytes for ids, keys and nonces.
    pub random: Arc<Random>,
    /// Makes the clock, which is that far ahead of the world's; and when the data was last written.
    pub clock: MakeClock,
    /// The host that callers who name none are taken to have named, as in `127.0.0.1:9324`.
    pub own_host: String,
}

/// Makes a [`Clock`] that is ahead by the given time, over data that was last written at the given
/// moment, if it ever was.
pub type MakeClock = Box<dyn FnOnce(Duration, Option<Timestamp>) -> Arc<dyn Clock> + Send>;

impl Surroundings {
    /// The operating system's clock and randomness.
    pub(crate) fn real(store: Arc<dyn Store>, own_host: String) -> Surroundings {
        let clock: MakeClock =
            Box::new(|ahead, written| Arc::new(SystemClock::new(ahead, written)));
        Surroundings { store, random: Arc::new(Random::new()), clock, own_host }
    }
}

impl Node {
    /// Takes the store over, which fences whoever owned it, and answers requests from then on.
    pub async fn start(config: &Config, surroundings: Surroundings) -> Result<Node, StartError> {
        let Surroundings { store, random, clock, own_host } = surroundings;
        let default_region =
            Region::parse(&config.region).map_err(|_| StartError::Region(config.region.clone()))?;
        // Before anything is changed: who has not the key of the data should leave it alone.
        let kms: Option<Arc<dyn Kms>> = match &config.kms_endpoint {
            Some(endpoint) => Some(Arc::new(AwsKms::new(endpoint, config.kms_region()).await)),
            None => None,
        };
        let master_keys = master_key::load(config, &*store, kms.as_deref(), &random).await?;
        let master_keys = Arc::new(master_keys);
        let acquired = store.acquire().await?;
        let clock = start_clock(config, &*store, &acquired, clock).await?;
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
            own_host,
            epoch,
            clock_moves: tokio::sync::Mutex::default(),
            stopping: stopping.clone(),
            under_way: AtomicUsize::new(0),
            audit,
            metrics: Metrics::default(),
        });
        Ok(Node { gateway, stop, audit_writing })
    }

    /// Answers a request that came from this machine.
    pub async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let peer = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), tls: None };
        let answer = self.gateway.answer(request.map(Full::new), peer).await;
        let (head, body) = answer.into_parts();
        let Ok(body) = body.collect().await;
        Response::from_parts(head, body.to_bytes())
    }

    /// Why the store no longer acknowledges anything, if that is so.
    pub fn failure(&self) -> Option<String> {
        self.gateway.store.failure()
    }

    /// What answers requests.
    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// Turns true when the node stops.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Takes no new work, and ends long polls at once.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// Takes no new work, ends long polls at once, and returns when everything acknowledged is
    /// durable and the store is closed.
    pub async fn stop(self) {
        self.begin_stop();
        self.gateway.queues.stop().await;
        let store = self.gateway.store.clone();
        drop(self.gateway);
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

/// How long a client may pause in the middle of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A wall clock this far behind the data is waited for.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(10);

/// A clock that does not run behind what is stored: message times and timeouts rest on it.
async fn start_clock(
    config: &Config,
    store: &dyn Store,
    acquired: &Acquired,
    make: MakeClock,
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
    let clock = make(ahead, written);
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
    Ok(clock)
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
