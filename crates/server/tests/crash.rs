//! `kill -9` at random moments of a mixed load, again and again on one data directory: what was
//! acknowledged stays so.
//!
//! `FORMIGA_TEST_SEED` repeats a run's choices, `FORMIGA_CRASH_KILLS` sets the number of kills and
//! `FORMIGA_PAUSE_SECONDS` how long a server is stopped.

mod faults {
    pub(crate) mod client;
    pub(crate) mod ledger;
    pub(crate) mod rng;
    pub(crate) mod server;
    pub(crate) mod worker;
}

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use formiga_store::{MasterKey, MasterKeys};
use zeroize::Zeroizing;

use faults::client::{Client, Kind};
use faults::ledger::{Ledger, Moment};
use faults::rng::{Rng, seed, setting};
use faults::server::Server;
use faults::worker::{Worker, drain, load_and_kill, load_and_kill_after};

const CONNECTIONS: usize = 8;
const LONG_PERCENT: usize = 5;

/// A kill counts if it comes after at least so many acknowledgements since the last one.
const ACKNOWLEDGED_MIN: usize = 100;

#[test]
fn what_was_acknowledged_survives_kill_9_edge_228() {
    survive(Kind::Standard);
}

/// Order and deduplication, too.
#[test]
fn what_a_fifo_queue_acknowledged_survives_kill_9() {
    survive(Kind::Fifo);
}

/// As a virtual machine is when it is moved, or a laptop when it sleeps. Meanwhile requests wait.
#[test]
#[expect(clippy::disallowed_methods, reason = "standing still for a while is the fault")]
fn a_server_that_stands_still_for_a_while_goes_on_and_loses_nothing() {
    let seconds = setting("FORMIGA_PAUSE_SECONDS").unwrap_or(1);
    let seed = seed();
    println!("FORMIGA_TEST_SEED={seed}");
    for kind in [Kind::Standard, Kind::Fifo] {
        let mut rng = Rng::seeded(seed);
        let dir = tempfile::tempdir().expect("a directory can be made");
        let ledger = Ledger::new(counter());
        let worker = |n| Worker::new(format!("w{n}"), kind, rng.number(), LONG_PERCENT, &ledger);
        let mut workers: Vec<Worker<'_>> = (0..CONNECTIONS).map(worker).collect();
        let server = start(dir.path());
        let mut client = Client::connect(server.address(), kind).expect("the server listens");
        client.create_queues().expect("the queues are created");
        let mut again = Duration::ZERO;
        let killed = load_and_kill_after(&mut workers, server, 2000, |server| {
            server.signal("STOP");
            thread::sleep(Duration::from_secs(seconds));
            server.signal("CONT");
            let resumed = Instant::now();
            client.count().expect("the server goes on");
            again = resumed.elapsed();
        });
        let server = start(dir.path());
        let mut client = Client::connect(server.address(), kind).expect("the server listens");
        let drained = drain(&mut client, kind).expect("the queues are drained");
        let mut verdict = ledger.judge(Moment::MAX, &drained.bodies);
        verdict.broken.extend(drained.disordered);
        assert!(verdict.is_kept(), "{kind:?}: {verdict}");
        println!(
            "{kind:?}: stopped for {seconds} s, answering {} ms after; {} acknowledged requests; of {} \
             acknowledged sends {} are lost",
            again.as_millis(),
            killed.acknowledged,
            verdict.sends,
            verdict.lost.len()
        );
    }
}

/// Dead letters move to and fro meanwhile. What every kill leaves behind is sound.
fn survive(kind: Kind) {
    let seed = seed();
    println!("FORMIGA_TEST_SEED={seed}");
    let kills = setting("FORMIGA_CRASH_KILLS").unwrap_or(20) as usize;
    let dir = tempfile::tempdir().expect("a directory can be made");
    let ledger = Ledger::new(counter());
    let totals = crash(dir.path(), kind, &ledger, &mut Rng::seeded(seed), kills);

    let server = start(dir.path());
    let mut client = Client::connect(server.address(), kind).expect("the server listens");
    let drained = drain(&mut client, kind).expect("the queues are drained");
    let left = drained.bodies;
    let mut verdict = ledger.judge(Moment::MAX, &left);
    verdict.broken.extend(drained.disordered);
    println!(
        "{} kills, {} acknowledged requests, {} requests in flight at a kill; {} acknowledged \
         sends, {} acknowledged deletes, {} lost, {} messages left, {} of them dead letters; \
         answering at most {} ms after a kill",
        totals.kills,
        totals.acknowledged,
        totals.in_flight,
        verdict.sends,
        verdict.deletes,
        verdict.lost.len(),
        left.len(),
        drained.dead_letters,
        totals.start_max.as_millis(),
    );
    if !verdict.is_kept() {
        panic!("{verdict}; kept for a look: {}", dir.keep().display());
    }
    assert!(totals.kills >= kills, "too few kills came in the midst of requests");
    assert!(verdict.sends > 0 && verdict.deletes > 0 && !left.is_empty(), "nothing was tried");
}

#[derive(Default)]
struct Totals {
    /// Kills that counted.
    kills: usize,
    acknowledged: usize,
    in_flight: usize,
    /// From the start of the process until it answered about a queue.
    start_max: Duration,
}

/// Kills the server `kills` times. One that came between two requests is repeated, but not
/// without end.
fn crash(dir: &Path, kind: Kind, ledger: &Ledger, rng: &mut Rng, kills: usize) -> Totals {
    let mut totals = Totals::default();
    let worker = |n| Worker::new(format!("w{n}"), kind, rng.number(), LONG_PERCENT, ledger);
    let mut workers: Vec<Worker<'_>> = (0..CONNECTIONS).map(worker).collect();
    for attempt in 0..2 * kills {
        if totals.kills == kills {
            break;
        }
        let starting = Instant::now();
        let server = start(dir);
        let mut client = Client::connect(server.address(), kind).expect("the server listens");
        if attempt == 0 {
            client.create_queues().expect("the queues are created");
        }
        client.find_queue().expect("the queue is there");
        totals.start_max = totals.start_max.max(starting.elapsed());
        let killed = load_and_kill(&mut workers, server, ACKNOWLEDGED_MIN + rng.below(300));
        let master = master_keys(&dir.join("data"));
        let found = formiga_store::check(&dir.join("data"), Some(&master), |_| ());
        let found = found.expect("it can be checked");
        assert_eq!((found.problems, found.sealed), (Vec::new(), 0), "after attempt {attempt}");
        let counts = killed.in_flight > 0 && killed.acknowledged >= ACKNOWLEDGED_MIN;
        totals.kills += usize::from(counts);
        totals.acknowledged += killed.acknowledged;
        totals.in_flight += killed.in_flight;
    }
    totals
}

fn master_keys(data_dir: &Path) -> MasterKeys {
    let text = std::fs::read_to_string(data_dir.join("master-key")).expect("there is a key");
    let secret = STANDARD.decode(text.trim()).expect("the key is in base64");
    let secret = Zeroizing::new(secret.try_into().expect("the key has 32 bytes"));
    MasterKeys::new(MasterKey::new(secret), Vec::new())
}

fn start(dir: &Path) -> Server {
    let started = Server::start(&dir.join("data"), &dir.join("stderr"), |_| {});
    started.unwrap_or_else(|error| panic!("{error}"))
}

/// Moments that are all different.
fn counter() -> impl Fn() -> Moment {
    let next = AtomicU64::new(1);
    move || next.fetch_add(1, Ordering::SeqCst)
}
