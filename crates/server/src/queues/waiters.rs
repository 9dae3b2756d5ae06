//! [`Waiters`]: long-polling receivers, in arrival order.

use std::collections::{BTreeMap, BTreeSet};

use formiga_engine::time::Timestamp;

use super::task::Request;

/// Receives that found nothing and wait. The first to come is the first to be served.
#[derive(Default)]
pub(super) struct Waiters {
    requests: BTreeMap<u64, (Timestamp, Request)>,
    deadlines: BTreeSet<(Timestamp, u64)>,
    next: u64,
}

impl Waiters {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a request that waits until `deadline`.
    pub(super) fn push(&mut self, deadline: Timestamp, request: Request) {
        self.requests.insert(self.next, (deadline, request));
        self.deadlines.insert((deadline, self.next));
        self.next += 1;
    }

    /// The request that has waited longest, among those whose caller still listens.
    pub(super) fn first(&mut self) -> Option<&Request> {
        while self.requests.first_key_value()?.1.1.reply_to.is_closed() {
            self.pop_first();
        }
        self.requests.first_key_value().map(|(_, (_, request))| request)
    }

    pub(super) fn pop_first(&mut self) -> Option<Request> {
        let (number, (deadline, request)) = self.requests.pop_first()?;
        self.deadlines.remove(&(deadline, number));
        Some(request)
    }

    /// When the next wait is over.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A request whose wait is over at `now`.
    pub(super) fn pop_overdue(&mut self, now: Timestamp) -> Option<Request> {
        let (deadline, number) = self.deadlines.first().copied()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop_first();
        self.requests.remove(&number).map(|(_, request)| request)
    }
}
