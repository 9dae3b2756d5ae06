//! [`Contents`]: recent messages' contents, so that receiving what was just sent reads nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use formiga_engine::message::MessageContent;
use formiga_engine::queue::BodyId;

/// How many bytes of contents all queues together keep in memory.
pub(crate) struct ContentBudget {
    used: AtomicUsize,
    max: usize,
}

impl ContentBudget {
    pub(crate) fn new(max: usize) -> ContentBudget {
        ContentBudget { used: AtomicUsize::new(0), max }
    }

    fn is_exceeded(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.max
    }
}

/// The contents that one queue keeps. Those of appends that are not durable yet stay whatever the
/// budget says, since they cannot be read from the store; of the others the oldest go first.
pub(super) struct Contents {
    budget: Arc<ContentBudget>,
    recent: HashMap<BodyId, Arc<MessageContent>>,
    /// In the order of their appends, each with its append's number. May name some that are gone.
    order: VecDeque<(BodyId, u64)>,
}

/// What a content takes besides its body and attributes, roughly.
const OVERHEAD_BYTES: usize = 256;

impl Contents {
    pub(super) fn new(budget: Arc<ContentBudget>) -> Contents {
        Contents { budget, recent: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn has(&self, body: BodyId) -> bool {
        self.recent.contains_key(&body)
    }

    pub(super) fn get(&self, body: BodyId) -> Option<Arc<MessageContent>> {
        self.recent.get(&body).cloned()
    }

    /// Keeps the content of a message that append `number` makes durable.
    pub(super) fn insert(&mut self, body: BodyId, content: Arc<MessageContent>, number: u64) {
        self.budget.used.fetch_add(cost(&content), Ordering::Relaxed);
        self.recent.insert(body, content);
        self.order.push_back((body, number));
    }

    /// Forgets the content of a message that is gone.
    pub(super) fn remove(&mut self, body: BodyId) {
        if let Some(content) = self.recent.remove(&body) {
            self.budget.used.fetch_sub(cost(&content), Ordering::Relaxed);
        }
        if self.order.len() > 2 * self.recent.len() + 1024 {
            self.order.retain(|(body, _)| self.recent.contains_key(body));
        }
    }

    /// Lets go of the oldest contents while the budget is exceeded, as far as appends are durable:
    /// those numbered up to `durable`.
    pub(super) fn trim(&mut self, durable: u64) {
        while self.budget.is_exceeded() {
            match self.order.front() {
                Some((body, number)) if *number <= durable => {
                    let body = *body;
                    self.order.pop_front();
                    self.remove(body);
                }
                _ => return,
            }
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        for (_, content) in self.recent.drain() {
            self.budget.used.fetch_sub(cost(&content), Ordering::Relaxed);
        }
        self.order.clear();
    }
}

/// However a task ends, the budget is everybody's.
impl Drop for Contents {
    fn drop(&mut self) {
        self.clear();
    }
}

fn cost(content: &MessageContent) -> usize {
    let trace_header = content.trace_header.as_ref().map_or(0, String::len);
    OVERHEAD_BYTES + trace_header + usize::try_from(content.size()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use formiga_engine::message::MessageAttributes;

    use super::*;

    fn content() -> Arc<MessageContent> {
        Arc::new(MessageContent {
            message_id: [0; 16],
            body: "x".repeat(1000),
            body_md5: [0; 16],
            attributes: MessageAttributes::default(),
            trace_header: None,
            group_id: None,
            deduplication_id: None,
            sender_id: String::new(),
        })
    }

    #[test]
    fn the_oldest_durable_contents_go_first_and_undurable_ones_never() {
        let budget = Arc::new(ContentBudget::new(3 * cost(&content())));
        let mut contents = Contents::new(budget.clone());
        for number in 1..=5 {
            contents.insert(BodyId(number), content(), number);
            contents.trim(0);
        }
        assert!((1..=5).all(|body| contents.get(BodyId(body)).is_some()), "nothing is durable");
        contents.trim(1);
        assert!(contents.get(BodyId(1)).is_none());
        assert!(contents.get(BodyId(2)).is_some(), "over the budget, but not durable");
        contents.trim(5);
        assert!(contents.get(BodyId(2)).is_none());
        assert!((3..=5).all(|body| contents.get(BodyId(body)).is_some()));
    }

    #[test]
    fn what_is_removed_frees_the_budget() {
        let budget = Arc::new(ContentBudget::new(0));
        let mut contents = Contents::new(budget.clone());
        contents.insert(BodyId(1), content(), 1);
        contents.insert(BodyId(2), content(), 1);
        contents.remove(BodyId(1));
        contents.remove(BodyId(1));
        drop(contents);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
