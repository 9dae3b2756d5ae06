//! The power goes at random moments of a mixed load: what was acknowledged stays so.
//!
//! The real binary runs under `faults/shim.c`, which logs what it does to its files, until it is
//! killed. Any first part of that log is a moment at which the power might have gone; what of it
//! outlives the cut is decided by `faults/cut.rs`. The binary then starts on the rebuilt
//! directory, and everything in the queue is compared with what was acknowledged by then.
//!
//! `FORMIGA_TEST_SEED` repeats a run's choices, `FORMIGA_POWER_CUTS` sets the number of cuts.

#![cfg(target_os = "linux")]

mod faults {
    pub(crate) mod client;
    pub(crate) mod cut;
    pub(crate) mod ledger;
    pub(crate) mod log;
    pub(crate) mod refused;
    pub(crate) mod rng;
    pub(crate) mod server;
    pub(crate) mod shim;
    pub(crate) mod worker;
}

use std::collections::HashSet;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use faults::client::{Client, Failure, Kind};
use faults::cut::{Disk, Mode, Tally, Tree, write};
use faults::ledger::{Ledger, Moment, Verdict};
use faults::log::{Entry, Operation, parse};
use faults::refused::load_until_refused;
use faults::rng::{Rng, seed, setting};
use faults::server::Server;
use faults::shim::Shim;
use faults::worker::{Killed, Worker, drain, load_and_kill};
use serde_json::json;
use tempfile::TempDir;

const CONNECTIONS: usize = 6;
const RUNS: usize = 5;

/// Short bodies make many small commits. With long ones the power also goes during checkpoints;
/// such runs begin with a checkpoint of the whole WAL, which is then begun anew.
#[derive(Clone, Copy, PartialEq)]
enum Bodies {
    Short,
    Long,
}

/// The data directory on the disk. Neither directory exists before the first start, and the
/// name of each must outlive a power cut.
const DATA_DIR: &str = "var/formiga";

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let cuts = setting("FORMIGA_POWER_CUTS").unwrap_or(50) as usize;
    survive(Kind::Standard, RUNS, cuts.div_ceil(RUNS));
}

#[test]
fn what_a_fifo_queue_acknowledged_survives_a_power_cut() {
    let cuts = setting("FORMIGA_POWER_CUTS").unwrap_or(50) as usize;
    survive(Kind::Fifo, 2, cuts.div_ceil(RUNS));
}

/// A disk that is ten or a hundred times as slow as any should be: requests gather, and wait.
#[test]
fn a_disk_that_syncs_slowly_loses_nothing() {
    let cuts = setting("FORMIGA_POWER_CUTS").unwrap_or(50) as usize;
    let totals = cut_the_power_of(&[100_000], Kind::Standard, "fsync", 1, cuts.div_ceil(RUNS));
    totals.assert_kept();
}

fn survive(kind: Kind, runs: usize, cuts: usize) {
    let totals = cut_the_power(kind, "fsync", runs, cuts);
    totals.assert_kept();
}

impl Totals {
    fn assert_kept(self) {
        assert!(self.sends > 0 && self.deletes > 0, "nothing was acknowledged before a cut");
        assert!(self.tally.unsynced_writes > 0, "everything was synced at every cut");
        if !self.failed.is_empty() {
            let kept: Vec<PathBuf> = self.dirs.into_iter().map(TempDir::keep).collect();
            panic!("kept for a look: {kept:?}\n{}", self.failed.join("\n"));
        }
    }
}

/// The proof that the test above would see a server that acknowledges too early.
#[test]
fn without_the_fsync_a_power_cut_loses_acknowledged_sends() {
    // Four cuts may all come when nothing is unsynced; those of ten runs do not.
    let loses = |_| cut_the_power(Kind::Standard, "os", 1, 4).lost_writes > 0;
    assert!((0..10).any(loses), "no acknowledged send was lost");
}

/// A sync that fails is told once: what it should have written may be gone though the next one
/// succeeds. So nothing is acknowledged any more until the server was started again.
#[test]
fn after_a_sync_that_failed_nothing_is_acknowledged_and_nothing_was_lost() {
    let seed = seed();
    println!("FORMIGA_TEST_SEED={seed}");
    let mut rng = Rng::seeded(seed);
    let (kind, failures) = (Kind::Standard, setting("FORMIGA_FAILED_SYNCS").unwrap_or(3));
    let (mut acknowledged, mut lost) = (0, 0);
    for number in 0..failures {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let disk = dir.path().join("disk");
        fs::create_dir(&disk).expect("a directory can be made");
        let shim = Shim::compile(dir.path(), &disk);
        let (data, stderr) = (disk.join(DATA_DIR), dir.path().join("stderr"));
        let good_syncs = 60 + rng.below(400);
        let started = Server::start(&data, &stderr, |command| {
            shim.load_into(command, 0);
            shim.fail_after(command, good_syncs);
        });
        let server = started.unwrap_or_else(|error| panic!("{error}"));
        let mut client = Client::connect(server.address(), kind).expect("the server listens");
        client.create_queues().expect("the queues are created");
        let ledger = Ledger::new(counter());
        let worker = |n| Worker::new(format!("w{n}"), kind, rng.number(), 5, &ledger);
        let mut workers: Vec<Worker<'_>> = (0..CONNECTIONS).map(worker).collect();
        let (ends, server) = load_until_refused(&mut workers, server, 20_000);
        for end in ends {
            assert!(matches!(&end, Failure::Refused(why) if why.contains(" 50")), "{end}");
        }
        for n in 0..20 {
            let send = json!({ "MessageBody": format!("late-{n}") });
            let refused = client.call("AmazonSQS.SendMessage", &send);
            assert!(matches!(&refused, Err(Failure::Refused(_))), "after sync {good_syncs}");
        }
        server.kill();

        let started = Server::start(&data, &stderr, |_| {});
        let server = started.unwrap_or_else(|error| panic!("{error}"));
        let mut client = Client::connect(server.address(), kind).expect("the server listens");
        let mut drained = drain(&mut client, kind).expect("the queues are drained");
        drained.bodies.retain(|body| !body.starts_with("late-"));
        let verdict = ledger.judge(Moment::MAX, &drained.bodies);
        assert!(verdict.is_kept(), "failure {number}, after {good_syncs} syncs: {verdict}");
        assert!(verdict.sends > 0, "nothing was acknowledged before the failure");
        acknowledged += verdict.sends + verdict.deletes;
        lost += verdict.lost.len();
    }
    println!(
        "{failures} syncs failed; {acknowledged} acknowledged sends and deletes, {lost} of them lost"
    );
}

/// Also in directories that the backup had to make.
#[test]
fn a_backup_that_was_made_survives_a_power_cut() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let (disk, data) = (dir.path().join("disk"), dir.path().join("data"));
    fs::create_dir(&disk).expect("a directory can be made");
    let started = Server::start(&data, &dir.path().join("stderr"), |_| {});
    started.unwrap_or_else(|error| panic!("{error}")).kill();
    let shim = Shim::compile(dir.path(), &disk);
    let mut backup = Command::new(env!("CARGO_BIN_EXE_formiga"));
    backup.arg("backup").arg("--data-dir").arg(&data).arg("--to").arg(disk.join(DATA_DIR));
    shim.load_into(&mut backup, 0);
    let made = backup.output().expect("the binary starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let log = fs::read(shim.log()).expect("the shim wrote its log");
    let disk = Disk::replay(&parse(&log));
    let [all, kept] =
        [Mode::KeepAll, Mode::DropUnsynced].map(|mode| disk.cut(mode, &mut Rng::seeded(0)).0);
    assert_eq!(kept.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    assert!(kept == all, "what was written is kept");
}

#[derive(Default)]
struct Totals {
    acknowledged: usize,
    in_flight: usize,
    cuts: usize,
    sends: usize,
    deletes: usize,
    lost: usize,
    /// Those of the lost that went with a write, not with the name of a file.
    lost_writes: usize,
    tally: Tally,
    /// One text for each cut that broke a promise.
    failed: Vec<String>,
    /// The directory of each run.
    dirs: Vec<TempDir>,
}

fn cut_the_power(kind: Kind, durability: &str, runs: usize, cuts: usize) -> Totals {
    cut_the_power_of(&DISKS, kind, durability, runs, cuts)
}

/// How long a sync takes on the disks that are tried, in microseconds.
const DISKS: [usize; 3] = [0, 300, 3_000];

/// The same with one of these disks.
fn cut_the_power_of(
    disks: &[usize],
    kind: Kind,
    durability: &str,
    runs: usize,
    cuts: usize,
) -> Totals {
    let seed = seed();
    println!("FORMIGA_TEST_SEED={seed}");
    let (mut totals, mut rng) = (Totals::default(), Rng::seeded(seed));
    for run in 0..runs {
        let bodies = if run % 2 == 0 { Bodies::Short } else { Bodies::Long };
        let sync_micros = rng.pick(disks);
        let run = Run::record(run, kind, durability, bodies, sync_micros, &mut rng);
        let entries = parse(&run.log);
        assert_the_log_is_whole(&entries, &run.dir.path().join("disk"));
        for number in 0..cuts {
            totals.add(&run.cut(number, &entries, &mut rng));
        }
        totals.acknowledged += run.killed.acknowledged;
        totals.in_flight += run.killed.in_flight;
        totals.dirs.push(run.dir);
    }
    println!("durability {durability}: {runs} runs, {totals}");
    totals
}

impl Display for Totals {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Totals { acknowledged, in_flight, cuts, sends, deletes, lost, tally, .. } = self;
        write!(f, "{acknowledged} acknowledged requests, {in_flight} in flight at the kill; ")?;
        write!(f, "{cuts} cuts, before them {sends} acknowledged sends ({lost} lost) and ")?;
        write!(f, "{deletes} acknowledged deletes; {tally}")
    }
}

impl Totals {
    fn add(&mut self, cut: &Cut) {
        self.cuts += 1;
        self.sends += cut.verdict.sends;
        self.deletes += cut.verdict.deletes;
        self.lost += cut.verdict.lost.len();
        if cut.tally.dropped_names == 0 {
            self.lost_writes += cut.verdict.lost.len();
        }
        self.tally += cut.tally;
        if !cut.verdict.is_kept() {
            self.failed.push(format!("{}: {}", cut.name, cut.verdict));
        }
    }
}

/// One life of a server, from an empty disk to its kill.
struct Run {
    number: usize,
    kind: Kind,
    dir: TempDir,
    log: Vec<u8>,
    ledger: Ledger,
    queue_created: Moment,
    killed: Killed,
}

/// One cut, and what was found after it.
struct Cut {
    name: String,
    tally: Tally,
    verdict: Verdict,
}

impl Run {
    /// A moment is the length of the log: what happened before it is in the log by then.
    fn record(
        number: usize,
        kind: Kind,
        durability: &str,
        bodies: Bodies,
        sync_micros: usize,
        rng: &mut Rng,
    ) -> Run {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let disk = dir.path().join("disk");
        fs::create_dir(&disk).expect("a directory can be made");
        let shim = Shim::compile(dir.path(), &disk);
        let log = shim.log().to_owned();
        let ledger = Ledger::new(move || fs::metadata(&log).map_or(0, |log| log.len()));

        let server = Server::start(&disk.join(DATA_DIR), &dir.path().join("stderr"), |command| {
            command.args(["--durability", durability]);
            shim.load_into(command, sync_micros);
        });
        let server = server.unwrap_or_else(|error| panic!("{error}"));
        let mut client = Client::connect(server.address(), kind).expect("the server listens");
        client.create_queues().expect("the queues are created");
        let queue_created = ledger.now();

        if bodies == Bodies::Long {
            send_until_checkpointed(&mut client, kind, &ledger, shim.log());
        }
        let long = if bodies == Bodies::Long { 40 } else { 2 };
        let worker = |n| Worker::new(format!("r{number}w{n}"), kind, rng.number(), long, &ledger);
        let mut workers: Vec<Worker<'_>> = (0..CONNECTIONS).map(worker).collect();
        let killed = load_and_kill(&mut workers, server, 200 + rng.below(400));
        let log = fs::read(shim.log()).expect("the shim wrote its log");
        Run { number, kind, dir, log, ledger, queue_created, killed }
    }

    /// Cuts the power once and judges what the server serves afterwards.
    fn cut(&self, number: usize, entries: &[Entry<'_>], rng: &mut Rng) -> Cut {
        let (length, mode) = self.choose(number, entries, rng);
        let end = if length == entries.len() { Moment::MAX } else { end(&entries[..length]) };
        let (tree, tally) = Disk::replay(&entries[..length]).cut(mode, rng);
        let rebuilt = self.dir.path().join(format!("cut-{number}"));
        write(&tree, &rebuilt);
        let mut broken = Vec::new();
        let left = self.serve(&rebuilt, end, &mut broken).unwrap_or_else(|error| {
            broken.push(error);
            Vec::new()
        });
        let mut verdict = self.ledger.judge(end, &left);
        verdict.broken.append(&mut broken);
        let run = self.number;
        let name = format!("run {run}, cut-{number} ({mode:?} after {length} operations)");
        Cut { name, tally, verdict }
    }

    /// How many operations come before the cut. The first cuts are the same in every run: at
    /// the end, where all acknowledgements count, and during the very first start. The others
    /// are anywhere, half of them right before a sync, where the most is at stake.
    fn choose(&self, number: usize, entries: &[Entry<'_>], rng: &mut Rng) -> (usize, Mode) {
        let first_start = entries.partition_point(|entry| entry.end <= self.queue_created);
        let syncs: Vec<usize> = (0..entries.len())
            .filter(|at| matches!(entries[*at].operation, Operation::Sync { .. }))
            .collect();
        match number {
            0 => (entries.len(), Mode::DropUnsynced),
            1 => (entries.len(), Mode::Random),
            2 => (entries.len(), Mode::KeepAll),
            3 => (rng.below(first_start + 1), Mode::Random),
            _ if rng.chance(50) && !syncs.is_empty() => (rng.pick(&syncs), Mode::Random),
            _ => (rng.below(entries.len() + 1), rng.pick(&[Mode::Random, Mode::DropUnsynced])),
        }
    }

    /// Starts the server on the rebuilt disk and takes everything out of the queue.
    fn serve(
        &self,
        disk: &Path,
        end: Moment,
        broken: &mut Vec<String>,
    ) -> Result<Vec<String>, String> {
        let told = |failure: Failure| failure.to_string();
        let server = Server::start(&disk.join(DATA_DIR), &self.dir.path().join("stderr"), |_| {})?;
        let mut client = Client::connect(server.address(), self.kind).map_err(told)?;
        if let Err(failure) = client.find_queue() {
            if self.queue_created <= end {
                broken.push(format!("the queue is gone: {failure}"));
            }
            client.create_queues().map_err(told)?;
        }
        let drained = drain(&mut client, self.kind).map_err(told)?;
        broken.extend(drained.disordered);
        Ok(drained.bodies)
    }
}

/// Sends long messages one by one until a checkpoint of the whole WAL was synced. It takes one
/// that no commit disturbs, so each message waits until the server is at rest.
fn send_until_checkpointed(client: &mut Client, kind: Kind, ledger: &Ledger, log: &Path) {
    let filler = "x".repeat(900_000);
    let before = database_syncs(log);
    for number in 0..64 {
        let body = format!("filler-{number} {filler}");
        ledger.send_requested(&body);
        let mut input = json!({ "MessageBody": body });
        if kind == Kind::Fifo {
            input["MessageGroupId"] = json!("filler");
            input["MessageDeduplicationId"] = json!(number.to_string());
        }
        let sent = client.call("AmazonSQS.SendMessage", &input);
        sent.unwrap_or_else(|failure| panic!("the message is sent: {failure}"));
        ledger.send_acknowledged(&body);
        wait_until_at_rest(client, ledger);
        if database_syncs(log) > before {
            return;
        }
    }
    panic!("64 long messages brought about no checkpoint");
}

/// How often a SQLite database itself was synced, rather than its WAL or journal.
fn database_syncs(log: &Path) -> usize {
    let log = fs::read(log).expect("the shim writes its log");
    let (mut databases, mut syncs) = (HashSet::new(), 0);
    for entry in parse(&log) {
        match entry.operation {
            Operation::Create { file, path } if path.ends_with(".db") => {
                databases.insert(file);
            }
            Operation::Sync { file } if databases.contains(&file) => syncs += 1,
            _ => {}
        }
    }
    syncs
}

/// Asks for the queue, which writes nothing, until the log has not grown for a while; but not
/// for ever.
fn wait_until_at_rest(client: &mut Client, ledger: &Ledger) {
    let (mut length, mut quiet) = (ledger.now(), 0);
    for _ in 0..10_000 {
        client.find_queue().unwrap_or_else(|failure| panic!("the queue is there: {failure}"));
        quiet = if ledger.now() == length { quiet + 1 } else { 0 };
        length = ledger.now();
        if quiet == 100 {
            return;
        }
    }
}

fn end(entries: &[Entry<'_>]) -> Moment {
    entries.last().map_or(0, |entry| entry.end)
}

/// With nothing lost, the log gives what is on the real disk: no operation went past the shim.
/// The last one may have been cut short by the kill.
fn assert_the_log_is_whole(entries: &[Entry<'_>], disk: &Path) {
    let mut found = Tree::new();
    read(disk, "", &mut found);
    let (last, before) = entries.split_last().expect("the server wrote something");
    let mut lasts = vec![Some(last.operation), None];
    if let Operation::Write { file, offset, data } = last.operation {
        let pages = (1..data.len()).filter(|length| (offset + length) % 4096 == 0);
        lasts.extend(pages.map(|to| Some(Operation::Write { file, offset, data: &data[..to] })));
    }
    let is_found = lasts.into_iter().any(|last| {
        let mut disk = Disk::replay(before);
        last.into_iter().for_each(|operation| disk.perform(operation));
        disk.cut(Mode::KeepAll, &mut Rng::seeded(0)).0 == found
    });
    assert!(is_found, "the server changed a file past the shim");
}

/// The files of a directory but for SQLite's WAL index, which is not in the log either.
fn read(root: &Path, dir: &str, tree: &mut Tree) {
    for entry in fs::read_dir(root.join(dir)).expect("the directory can be read") {
        let entry = entry.expect("the directory can be read");
        let name = entry.file_name().into_string().expect("the server's paths are UTF-8");
        let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
        if entry.path().is_dir() {
            tree.insert(path.clone(), None);
            read(root, &path, tree);
        } else if !path.ends_with("-shm") {
            let content = fs::read(entry.path()).expect("the file can be read");
            tree.insert(path, Some(content));
        }
    }
}

/// Moments that are all different.
fn counter() -> impl Fn() -> Moment {
    let next = AtomicU64::new(1);
    move || next.fetch_add(1, Ordering::SeqCst)
}
