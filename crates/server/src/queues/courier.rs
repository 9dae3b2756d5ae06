//! The courier: hands the messages in a queue's outbox over to the queues they are for.
//!
//! One courier at a time works for a queue, outside of every queue's task: a task never waits for
//! another. It learns what is in the outbox when that is durable, and takes an entry out of it when
//! the target has stored the message. Whatever fails is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use formiga_engine::names::QueueId;
use formiga_engine::queue::{Command, Handover, OutboxEntry, Reply};
use tokio::sync::{OwnedRwLockReadGuard, RwLock, watch};

use super::{Directory, Queue, QueueHandle, Unanswered};
use crate::clock::Clock;

/// What is known of a queue's outbox.
pub(super) struct State {
    is_served: AtomicBool,
    /// Everything with a lower number has left the outbox.
    arrived: watch::Sender<u64>,
}

impl Default for State {
    fn default() -> State {
        State { is_served: AtomicBool::new(false), arrived: watch::Sender::new(0) }
    }
}

/// Held for reading from when a message is handed over until it is out of the outbox, and for
/// writing while a queue is deleted. Otherwise a queue could be deleted together with a message
/// that arrived in it and is not known to have arrived: it would come back without its content.
pub(super) type Handovers = Arc<RwLock<()>>;

/// How long a receive waits for its dead letters to arrive.
const ARRIVAL_WAIT: Duration = Duration::from_secs(1);

/// How long the courier waits before it tries again.
const RETRY_AFTER: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];

/// Has the outbox of `queue` emptied, unless somebody is at it.
pub(super) fn call(directory: &Arc<Directory>, queue: &Arc<Queue>) {
    if !queue.outbox.is_served.swap(true, Ordering::AcqRel) {
        tokio::spawn(serve(directory.handle(queue.clone()), directory.clone(), None));
    }
}

/// The same at the start of the server, when it is not known what of the outbox has arrived: no
/// queue is deleted before all of it was handed over once.
pub(super) fn call_at_start(directory: &Arc<Directory>, queue: &Arc<Queue>) {
    queue.outbox.is_served.store(true, Ordering::Release);
    let guard = directory.handovers.clone().try_read_owned();
    let guard = guard.expect("nothing is deleted yet");
    tokio::spawn(serve(directory.handle(queue.clone()), directory.clone(), Some(guard)));
}

/// Returns when nothing of the queue's is on its way, or after a second.
pub(super) async fn settle(clock: &dyn Clock, queue: &Queue) {
    let mut arrived = queue.outbox.arrived.subscribe();
    let mut timeout = clock.sleep_until(clock.now() + ARRIVAL_WAIT);
    while queue.outbox.is_served.load(Ordering::Acquire) {
        tokio::select! {
            _ = arrived.changed() => {}
            () = &mut timeout => return,
        }
    }
}

/// Returns when the message that left with this number has arrived, or after a second: it arrives
/// in any case, but a receiver that finds nothing may want to look for it in the other queue.
pub(super) async fn wait_for_arrival(clock: &dyn Clock, queue: &Queue, number: u64) {
    let mut arrived = queue.outbox.arrived.subscribe();
    let deadline = clock.now() + ARRIVAL_WAIT;
    tokio::select! {
        _ = arrived.wait_for(|next| *next > number) => {}
        () = clock.sleep_until(deadline) => {}
    }
}

async fn serve(
    source: QueueHandle,
    directory: Arc<Directory>,
    mut guard: Option<OwnedRwLockReadGuard<()>>,
) {
    let mut retry_after = RETRY_AFTER[0];
    let mut stopping = source.shared.stopping.clone();
    while !*stopping.borrow() {
        match empty(&source, &directory, &mut guard).await {
            Ok(()) => {
                guard = None;
                source.queue.outbox.is_served.store(false, Ordering::Release);
                source.queue.outbox.arrived.send_modify(|_| {});
                // Something may have left since the last look, and found the place taken.
                let again = matches!(outbox(&source).await, Ok(entries) if !entries.is_empty());
                if !again || source.queue.outbox.is_served.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
            Err(Unanswered::QueueDeleted) => {
                source.queue.outbox.is_served.store(false, Ordering::Release);
                return;
            }
            Err(error) => {
                let queue = source.entry.key.arn();
                tracing::warn!(%queue, %error, "messages on their way to another queue must wait");
                let clock = &source.shared.clock;
                tokio::select! {
                    () = clock.sleep_until(clock.now() + retry_after) => {}
                    _ = stopping.changed() => {}
                }
                retry_after = (2 * retry_after).min(RETRY_AFTER[1]);
            }
        }
    }
}

/// Hands over until nothing is left.
///
/// The `guard` is held whenever it is not known what of the outbox has arrived: at the start of the
/// server until everything that was there then was handed over - but not for ever, a message move
/// task may go on filling the outbox - and after a failure that leaves it open.
async fn empty(
    source: &QueueHandle,
    directory: &Directory,
    guard: &mut Option<OwnedRwLockReadGuard<()>>,
) -> Result<(), Unanswered> {
    let (mut handed_over, at_start) = (0, guard.is_some());
    loop {
        let entries = outbox(source).await?;
        if entries.is_empty() {
            return Ok(());
        }
        for entries in entries.chunk_by(|one, next| one.to == next.to) {
            let (Some(first), Some(last)) = (entries.first(), entries.last()) else { continue };
            if guard.is_none() {
                *guard = Some(directory.handovers.clone().read_owned().await);
            }
            let handover = match hand_over(source, directory, first.to, entries).await {
                Err(error @ Unanswered::Unavailable(_)) => {
                    // This attempt certainly brought nothing, and who cannot be reached for long
                    // must not keep queues from being deleted.
                    *guard = None;
                    return Err(error);
                }
                handover => handover?,
            };
            let command = Command::HandedOver { to: first.to, number: last.number, handover };
            source.ask(command, None).await?;
            source.queue.outbox.arrived.send_replace(last.number + 1);
            handed_over += entries.len();
            if !at_start || handed_over >= source.shared.limits.outbox_max {
                *guard = None;
            }
        }
    }
}

async fn outbox(source: &QueueHandle) -> Result<Vec<OutboxEntry>, Unanswered> {
    match source.ask(Command::Outbox, None).await?.reply {
        Reply::Outbox(entries) => Ok(entries),
        reply => super::unexpected(&reply),
    }
}

async fn hand_over(
    source: &QueueHandle,
    directory: &Directory,
    to: QueueId,
    entries: &[OutboxEntry],
) -> Result<Handover, Unanswered> {
    let Some(target) = directory.find_by_id(to) else { return Ok(Handover::NoTarget) };
    let command = Command::TakeIn { from: source.id(), entries: entries.to_vec() };
    match target.ask(command, None).await {
        Ok(_) => Ok(Handover::Arrived),
        Err(Unanswered::QueueDeleted) => Ok(Handover::NoTarget),
        Err(error) => Err(error),
    }
}
