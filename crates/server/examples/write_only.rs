//! What a store costs at the least: the server over one that keeps everything in memory, and writes
//! as many bytes to a file as it is given and syncs them before it acknowledges them. Nothing can
//! be read back from there: it is what `cargo xtask bench` tells the real store against.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use clap::Parser;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{BodyId, Page, Position, Snapshot, StoredMessage};
use formiga_engine::time::Timestamp;
use formiga_server::Server;
use formiga_server::config::Config;
use formiga_store::{
    Acquired, Append, AppendError, Epoch, Identity, MemoryStore, PlainContents, Reading, Store,
    StoredContent, Ticket,
};
use tokio::sync::oneshot;

/// Serves until it is terminated.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    config: Config,
}

fn main() -> ExitCode {
    let Args { config } = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let served = runtime.expect("a runtime can be made").block_on(async {
        let open = |config: &Config| -> Result<Arc<dyn Store>, _> {
            Ok(Arc::new(WriteOnly::create(config).expect("the file can be made")))
        };
        let server = Server::start_over(&config, open).await?;
        println!("write only, at http://{}", server.address());
        std::future::pending::<Result<(), formiga_server::StartError>>().await
    });
    eprintln!("{}", served.expect_err("it serves until it is terminated"));
    ExitCode::FAILURE
}

struct WriteOnly {
    memory: MemoryStore,
    commits: Sender<Commit>,
}

struct Commit {
    bytes: usize,
    outcome: Ticket,
    told: oneshot::Sender<Result<(), AppendError>>,
}

/// What a row of the database has besides the message: its keys, times and page's share.
const OVERHEAD: usize = 128;

impl WriteOnly {
    fn create(config: &Config) -> io::Result<WriteOnly> {
        std::fs::create_dir_all(&config.data_dir)?;
        let file = File::create(config.data_dir.join("written"))?;
        let (commits, waiting) = channel();
        let runtime = tokio::runtime::Handle::current();
        #[expect(clippy::disallowed_methods, reason = "syncing blocks, all the time")]
        thread::spawn(move || commit(file, &waiting, &runtime));
        Ok(WriteOnly { memory: MemoryStore::new(), commits })
    }
}

/// Writes what has arrived together, syncs it once, and tells everybody.
fn commit(mut file: File, waiting: &Receiver<Commit>, runtime: &tokio::runtime::Handle) {
    let zeros = vec![0; 1 << 20];
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter());
        let mut left: usize = group.iter().map(|commit| commit.bytes).sum();
        while left > 0 {
            let piece = left.min(zeros.len());
            file.write_all(&zeros[..piece]).expect("there is room");
            left -= piece;
        }
        file.sync_data().expect("the disk works");
        for Commit { outcome, told, .. } in group {
            // Memory has decided when it was asked.
            let _ = told.send(runtime.block_on(outcome));
        }
    }
}

impl Store for WriteOnly {
    fn acquire(&self) -> Reading<Acquired> {
        self.memory.acquire()
    }

    fn append(&self, epoch: Epoch, append: Append) -> Ticket {
        let bytes = append.weight() + OVERHEAD;
        let (told, outcome) = oneshot::channel();
        let commit = Commit { bytes, outcome: self.memory.append(epoch, append), told };
        self.commits.send(commit).expect("the committer runs");
        Ticket::pending(outcome)
    }

    fn restore(&self, queue: QueueId, now: Timestamp, limit: usize) -> Reading<Snapshot> {
        self.memory.restore(queue, now, limit)
    }

    fn page(&self, queue: QueueId, from: Position, limit: usize) -> Reading<Page> {
        self.memory.page(queue, from, limit)
    }

    fn message(&self, queue: QueueId, position: Position) -> Reading<Option<StoredMessage>> {
        self.memory.message(queue, position)
    }

    fn available_between(
        &self,
        queue: QueueId,
        after: Timestamp,
        until: Timestamp,
    ) -> Reading<u64> {
        self.memory.available_between(queue, after, until)
    }

    fn contents(&self, bodies: Vec<BodyId>) -> Reading<Vec<Option<StoredContent>>> {
        self.memory.contents(bodies)
    }

    fn plain_contents(&self, from: BodyId, until: BodyId) -> Reading<PlainContents> {
        self.memory.plain_contents(from, until)
    }

    fn setting(&self, name: &'static str) -> Reading<Option<Vec<u8>>> {
        self.memory.setting(name)
    }

    fn identities(&self) -> Reading<Vec<Identity>> {
        self.memory.identities()
    }

    fn full(&self) -> Option<String> {
        None
    }

    fn failure(&self) -> Option<String> {
        None
    }

    fn close(&self) {
        self.memory.close();
    }
}
