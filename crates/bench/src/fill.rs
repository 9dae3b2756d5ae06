use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::answer;
use crate::args::BenchArgs;
use crate::client::Connection;
use crate::error::BenchError;
use crate::message::Message;
use crate::request::{Ready, SendRequest};
use crate::target::Target;

const CONNECTIONS_MAX: u32 = 16;
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Sends `--depth` messages in batches, telling its progress on stderr.
pub(crate) async fn fill(
    args: &BenchArgs,
    target: &Target,
    queue_url: &str,
    message: &Message,
) -> Result<(), BenchError> {
    if args.depth() == 0 {
        return Ok(());
    }
    let backlog = Arc::new(Backlog::new(args, target, queue_url, message));
    let mut senders = JoinSet::new();
    for _ in 0..args.connections.min(CONNECTIONS_MAX) {
        let connection = Connection::to(target).await?;
        senders.spawn(send_batches(connection, Arc::clone(&backlog)));
    }
    let mut progress = tokio::time::interval(PROGRESS_EVERY);
    progress.tick().await; // the first tick is immediate
    loop {
        tokio::select! {
            joined = senders.join_next() => match joined {
                Some(ended) => ended.expect("a sender neither panics nor is cancelled")?,
                None => break,
            },
            _ = progress.tick() => backlog.tell(),
        }
    }
    backlog.tell();
    Ok(())
}

/// What is to be sent, and how much of it was.
struct Backlog {
    message: Message,
    depth: u64,
    entries: u64,
    batch: SendRequest,
    /// The batch that ends the backlog, which may be smaller.
    last_entries: u64,
    last_batch: SendRequest,
    claimed: AtomicU64,
    sent: AtomicU64,
}

impl Backlog {
    fn new(args: &BenchArgs, target: &Target, queue_url: &str, message: &Message) -> Backlog {
        let entries = args.batch_entries();
        let last_entries = match args.depth() % entries as u64 {
            0 => entries,
            rest => rest as usize,
        };
        let batches =
            |entries| SendRequest::new(target, queue_url, message, Some(entries), args.grouping());
        Backlog {
            message: Message { body: message.body.clone(), md5: message.md5.clone() },
            depth: args.depth(),
            entries: entries as u64,
            batch: batches(entries),
            last_entries: last_entries as u64,
            last_batch: batches(last_entries),
            claimed: AtomicU64::new(0),
            sent: AtomicU64::new(0),
        }
    }

    /// The next batch to send and its size, or `None` once all were claimed.
    fn claim(&self) -> Option<(&SendRequest, u64)> {
        let start = self.claimed.fetch_add(self.entries, Ordering::Relaxed);
        match self.depth.saturating_sub(start) {
            0 => None,
            left if left <= self.entries => Some((&self.last_batch, self.last_entries)),
            _ => Some((&self.batch, self.entries)),
        }
    }

    fn tell(&self) {
        eprintln!("filled {} of {} messages", self.sent.load(Ordering::Relaxed), self.depth);
    }
}

async fn send_batches(mut connection: Connection, backlog: Arc<Backlog>) -> Result<(), BenchError> {
    let (mut ready, mut last_ready) = (Ready::default(), Ready::default());
    while let Some((batch, entries)) = backlog.claim() {
        let is_last = std::ptr::eq(batch, &raw const backlog.last_batch);
        let ready = if is_last { &mut last_ready } else { &mut ready };
        let answer = connection.exchange(batch.next(ready)).await?;
        answer::batch_sent(&answer, &backlog.message, entries as usize)?;
        backlog.sent.fetch_add(entries, Ordering::Relaxed);
    }
    Ok(())
}
