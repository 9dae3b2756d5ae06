//! [`Sources`]: who dead-letters to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::RwLock;

use formiga_engine::catalog::CatalogEntry;
use formiga_engine::names::QueueKey;

/// The source queues of each dead-letter queue. A redrive policy may outlive the queue that it
/// names, so a dead-letter queue that is created again has its sources at once.
#[derive(Default)]
pub(super) struct Sources(RwLock<BTreeMap<QueueKey, BTreeSet<QueueKey>>>);

impl Sources {
    /// Takes notice of a queue that was created, changed, or deleted.
    pub(super) fn change(&self, before: Option<&CatalogEntry>, after: Option<&CatalogEntry>) {
        let (before, after) = (before.and_then(pair), after.and_then(pair));
        if before == after {
            return;
        }
        let mut sources = self.0.write().expect("no one panics with the lock");
        if let Some((target, source)) = before
            && let Some(of_target) = sources.get_mut(target)
        {
            of_target.remove(source);
            if of_target.is_empty() {
                sources.remove(target);
            }
        }
        if let Some((target, source)) = after {
            sources.entry(target.clone()).or_default().insert(source.clone());
        }
    }

    /// The source queues of `target` in their order, after the queue `after`, at most `limit`.
    pub(super) fn list(
        &self,
        target: &QueueKey,
        after: Option<&QueueKey>,
        limit: usize,
    ) -> Vec<QueueKey> {
        let sources = self.0.read().expect("no one panics with the lock");
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let of_target = sources.get(target).into_iter();
        let listed = of_target.flat_map(|sources| sources.range((start, Bound::Unbounded)));
        listed.take(limit).cloned().collect()
    }
}

/// The queue's dead-letter queue, if it has one, and the queue.
fn pair(entry: &CatalogEntry) -> Option<(&QueueKey, &QueueKey)> {
    let policy = entry.attributes.redrive_policy.as_ref()?;
    Some((&policy.target, &entry.key))
}
