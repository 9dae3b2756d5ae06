//! [`Counts`]: what happened in a queue since the server started.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what was acknowledged, with the meanings that Amazon CloudWatch gives them for SQS.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Messages accepted; repeated sends of a FIFO queue are none.
    pub(crate) sent: AtomicU64,
    /// The sizes of those, as they count for the limit.
    pub(crate) sent_bytes: AtomicU64,
    /// Sends that a FIFO queue had accepted before.
    pub(crate) deduplicated: AtomicU64,
    /// Messages returned; each return counts.
    pub(crate) received: AtomicU64,
    /// Receives that returned none.
    pub(crate) empty_receives: AtomicU64,
    /// Deletes with a valid handle; repeated ones count.
    pub(crate) deleted: AtomicU64,
}

impl Counts {
    pub(super) fn add_sent(&self, is_new: bool, bytes: u64) {
        if is_new {
            add(&self.sent, 1);
            add(&self.sent_bytes, bytes);
        } else {
            add(&self.deduplicated, 1);
        }
    }

    pub(super) fn add_received(&self, messages: usize) {
        match messages {
            0 => add(&self.empty_receives, 1),
            _ => add(&self.received, messages as u64),
        }
    }

    pub(super) fn add_deleted(&self, messages: usize) {
        add(&self.deleted, messages as u64);
    }
}

/// Nothing else rests on the order of these.
fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
