//! [`World`]: the lives of a server, one after the other, until everything comes to rest.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, Once};
use std::time::Duration;

use fastrand::Rng;
use formiga_engine::time::Timestamp;
use formiga_server::clock::Clock;
use formiga_server::config::{Config, MasterKeyTexts};
use formiga_server::random::Random;
use formiga_server::{Node, Surroundings};
use formiga_store::Store;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::checker::{Checker, Moment, Outcome};
use crate::clock::SimClock;
use crate::faults::{Disk, FaultyStore};
use crate::mutation::Mutation;
use crate::setting::{LINE, LINE_DEAD, NAMES, SCRATCH, Setting, WORK, WORK_DEAD, Weather};
use crate::workload::Client;

/// What clients and nodes of one life share.
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) mutation: Option<Mutation>,
    weather: Weather,
    clock: SimClock,
    /// When the history began.
    beginning: Timestamp,
    checker: Arc<Mutex<Checker>>,
    /// Every owner of this life, the latest last.
    nodes: Mutex<Vec<Arc<Node>>>,
    /// What a waiter got that another will get, too.
    shared: Mutex<Option<(usize, Value)>>,
}

/// When histories begin.
const BEGINNING: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// Runs the history of `seed`, with a bug if one is named. A panic breaks a promise, too.
pub fn run(seed: u64, mutation: Option<Mutation>, traces: bool) -> Outcome {
    note_panics();
    let mut chance = Rng::with_seed(seed);
    let setting = Setting::draw(&mut chance);
    let checker = Arc::new(Mutex::new(Checker::new(setting.clone(), traces)));
    let lives = AssertUnwindSafe(|| live_all(&setting, &checker, mutation, &mut chance));
    let went_through = panic::catch_unwind(lives).is_ok();
    let mut checker = match Arc::into_inner(checker).map(Mutex::into_inner) {
        Some(Ok(checker)) => checker,
        Some(Err(poisoned)) => poisoned.into_inner(),
        None => unreachable!("everyone else is gone with the runtimes"),
    };
    let panics = PANICS.take();
    assert!(went_through || !panics.is_empty(), "a panic was noted");
    for panic in panics {
        checker.violation(format!("nothing panics: {panic}"));
    }
    checker.outcome()
}

fn live_all(
    setting: &Setting,
    checker: &Arc<Mutex<Checker>>,
    mutation: Option<Mutation>,
    chance: &mut Rng,
) {
    let disk = Disk::new(mutation);
    let mut now = BEGINNING;
    for life in 0..=setting.lives {
        let is_last = life == setting.lives;
        let runtime = runtime(chance.u64(..));
        let history = History {
            disk: disk.clone(),
            checker: checker.clone(),
            setting: setting.clone(),
            mutation,
            life,
        };
        now = runtime.block_on(async {
            let clock = SimClock::starting_at(now);
            if is_last {
                history.come_to_rest(clock, chance).await;
            } else {
                history.live(clock, chance).await;
            }
            clock.now()
        });
        drop(runtime); // And with it everything that ran.
        disk.crash(chance);
        now = now + Duration::from_millis(chance.u64(0..20_000));
    }
}

thread_local! {
    /// What panicked in this thread, which runs one history at a time.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What panics is told among the broken promises, and not besides.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        panic::set_hook(Box::new(|info| {
            PANICS.with_borrow_mut(|panics| panics.push(info.to_string().replace('\n', " ")));
        }));
    });
}

fn runtime(seed: u64) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    #[cfg(tokio_unstable)]
    builder.rng_seed(tokio::runtime::RngSeed::from_bytes(&seed.to_be_bytes()));
    #[cfg(not(tokio_unstable))]
    let _ = seed;
    builder.build().expect("a runtime can be made")
}

/// What goes on from life to life.
struct History {
    disk: Arc<Disk>,
    checker: Arc<Mutex<Checker>>,
    setting: Setting,
    mutation: Option<Mutation>,
    life: usize,
}

impl History {
    fn world(&self, clock: SimClock, weather: Weather) -> Arc<World> {
        Arc::new(World {
            setting: self.setting.clone(),
            mutation: self.mutation,
            weather,
            clock,
            beginning: BEGINNING,
            checker: self.checker.clone(),
            nodes: Mutex::default(),
            shared: Mutex::default(),
        })
    }

    /// A life under load, which ends in a crash or, now and then, as it should.
    async fn live(&self, clock: SimClock, chance: &mut Rng) {
        let world = self.world(clock, self.setting.weather);
        let mut store = self.start(&world, chance).await;
        self.create_queues(&world, chance).await;
        store.set_weather(self.setting.weather);
        let mut clients = JoinSet::new();
        for number in 0..self.setting.clients {
            let name = format!("l{}c{number}", self.life);
            clients.spawn(Client::new(world.clone(), name, chance.u64(..)).run());
        }
        let ends = clock.now() + Duration::from_millis(chance.u64(1000..60_000));
        let takes_over = chance.f64() < self.setting.weather.takeover;
        let takeover = takes_over.then(|| {
            let left = ends.since(clock.now()).as_millis() as u64;
            clock.now() + Duration::from_millis(chance.u64(0..left))
        });
        let mut takeover = takeover;
        while clock.now() < ends {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if takeover.is_some_and(|at| at <= clock.now()) {
                takeover = None;
                store = self.start(&world, chance).await;
                store.set_weather(self.setting.weather);
                world.checker().figures.takeovers += 1;
                world.note("taken over");
            }
            if store.failure().is_some() {
                // The operator, or a supervisor, has it started again.
                tokio::time::sleep(Duration::from_millis(chance.u64(0..2000))).await;
                break;
            }
        }
        let is_graceful = chance.u8(0..4) == 0;
        if is_graceful && store.failure().is_none() {
            store.set_weather(Weather::default());
            clients.shutdown().await;
            world.note("stop");
            let nodes = std::mem::take(&mut *world.locked_nodes());
            for node in nodes {
                let node = Arc::into_inner(node).expect("its clients are gone");
                let stopped = tokio::time::timeout(Duration::from_secs(60), node.stop()).await;
                if stopped.is_err() {
                    world.checker().violation("a server that is told to stop stops".to_owned());
                }
            }
            return;
        }
        world.checker().figures.crashes += 1;
        world.note("crash");
    }

    /// The last life: nobody disturbs. What is left is counted, received and deleted.
    async fn come_to_rest(&self, clock: SimClock, chance: &mut Rng) {
        let world = self.world(clock, Weather::default());
        self.start(&world, chance).await;
        self.create_queues(&world, chance).await;
        let mut client = Client::new(world.clone(), "last".to_owned(), chance.u64(..)).patient();
        // What is kept for a short time only is gone before anything is counted.
        tokio::time::sleep(Duration::from_secs(150)).await;
        let Some(before) = rest(&world, &mut client).await else {
            world.checker().violation("everything comes to rest: it does not".to_owned());
            return;
        };
        let mut found = [0; NAMES.len()];
        for queue in [WORK, LINE, SCRATCH, WORK_DEAD, LINE_DEAD] {
            found[queue] = drain(&world, &mut client, queue).await;
        }
        // What was received too often moves to its dead-letter queue when it is received again.
        for queues in [[WORK, WORK_DEAD].as_slice(), &[LINE, LINE_DEAD], &[SCRATCH]] {
            let sum = |counts: &[u64; NAMES.len()]| -> u64 {
                queues.iter().map(|queue| counts[*queue]).sum()
            };
            let (counted, found) = (sum(&before), sum(&found));
            if counted != found {
                let names: Vec<_> = queues.iter().map(|queue| NAMES[*queue]).collect();
                world.checker().violation(format!(
                    "counters are right when it is quiet: {names:?} counted {counted} messages and had {found}"
                ));
            }
        }
        let after = rest(&world, &mut client).await;
        if after != Some([0; NAMES.len()]) {
            let broken = format!("counters are right when it is quiet: of nothing, {after:?}");
            world.checker().violation(broken);
        }
        world.checker().check_end();
    }

    /// Starts an owner over the disk, which deposes the one before. The weather is fair.
    async fn start(&self, world: &Arc<World>, chance: &mut Rng) -> Arc<FaultyStore> {
        let store = FaultyStore::open(&self.disk, chance.u64(..));
        let mut bytes = Rng::with_seed(chance.u64(..));
        let clock = world.clock;
        let surroundings = Surroundings {
            store: store.clone(),
            random: Arc::new(Random::of(move |buffer| bytes.fill(buffer))),
            clock: Box::new(move |_, _| Arc::new(clock)),
            own_host: "sim".to_owned(),
        };
        let node = Node::start(&config(), surroundings).await.expect("in fair weather it starts");
        world.locked_nodes().push(Arc::new(node));
        store
    }

    async fn create_queues(&self, world: &Arc<World>, chance: &mut Rng) {
        let name = format!("l{}", self.life);
        let mut client = Client::new(world.clone(), name, chance.u64(..)).patient();
        // A source is created when its dead-letter queue is there.
        for queue in [WORK_DEAD, WORK, LINE_DEAD, LINE, SCRATCH] {
            if !client.create(queue).await {
                let name = NAMES[queue];
                world.checker().violation(format!("{name} could not be created in fair weather"));
            }
        }
    }
}

/// Waits until nothing moves and nothing is in flight, and counts.
async fn rest(world: &World, client: &mut Client) -> Option<[u64; NAMES.len()]> {
    let mut before = None;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(40)).await;
        let mut counts = [0; NAMES.len()];
        let mut is_quiet = true;
        for (queue, count) in counts.iter_mut().enumerate() {
            let Some([available, in_flight, delayed]) = client.counters(queue).await else {
                let name = NAMES[queue];
                world.checker().violation(format!("{name} cannot be counted in fair weather"));
                return None;
            };
            *count = available;
            is_quiet &= in_flight == 0 && delayed == 0;
        }
        for source in [WORK_DEAD, LINE_DEAD] {
            is_quiet &= client.moves(source).await == Some(0);
        }
        if is_quiet && before == Some(counts) {
            return before;
        }
        before = Some(counts);
    }
    None
}

/// Receives and deletes everything, and tells how much that was.
async fn drain(world: &World, client: &mut Client, queue: usize) -> u64 {
    let (mut found, mut empty) = (0, 0);
    while empty < 4 {
        let got = client.receive_from(queue, 10, 600, 1).await;
        empty = if got.is_empty() { empty + 1 } else { 0 };
        for held in got {
            found += 1;
            world.checker().find(&held);
            if !client.delete_held(held).await {
                world.checker().violation("a delete failed in fair weather".to_owned());
            }
        }
    }
    found
}

impl World {
    pub(crate) fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().expect("no one panics with the lock")
    }

    fn locked_nodes(&self) -> MutexGuard<'_, Vec<Arc<Node>>> {
        self.nodes.lock().expect("no one panics with the lock")
    }

    /// How many nodes were started in this life.
    pub(crate) fn nodes(&self) -> usize {
        self.locked_nodes().len()
    }

    pub(crate) fn node(&self, number: usize) -> Arc<Node> {
        self.locked_nodes()[number].clone()
    }

    /// Whether another node has taken over from this one.
    pub(crate) fn is_deposed(&self, number: usize) -> bool {
        number + 1 < self.nodes()
    }

    /// How often clients hang up.
    pub(crate) fn hang_ups(&self) -> f64 {
        self.weather.hang_up
    }

    fn at(&self) -> u64 {
        self.clock.now().since(self.beginning).as_millis() as u64
    }

    pub(crate) fn moment(&self) -> Moment {
        self.checker().moment(self.at())
    }

    pub(crate) fn note(&self, what: &str) {
        self.checker().note(self.at(), what);
    }

    /// The bug of a waiter that is served twice: who waits and gets nothing gets what another got.
    pub(crate) fn share_with_another_waiter(&self, queue: usize, body: Value) -> Value {
        let mut shared = self.shared.lock().expect("no one panics with the lock");
        if body["Messages"].is_array() {
            *shared = Some((queue, body.clone()));
            return body;
        }
        match shared.take() {
            Some((of, messages)) if of == queue => messages,
            other => {
                *shared = other;
                body
            }
        }
    }
}

fn config() -> Config {
    let mut config = Config::defaults();
    config.recent_delete_check = false;
    let key = "c2ltdWxhdGlvbnMgaGF2ZSBubyBzZWNyZXRzISEhISE=".to_owned();
    config.master_keys = MasterKeyTexts { current: Some(key.into()), older: None };
    config
}
