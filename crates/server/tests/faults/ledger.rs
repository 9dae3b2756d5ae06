//! What the server acknowledged, and whether what it holds keeps these promises.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::sync::{Mutex, MutexGuard};

/// When something happened. Moments are taken before a request and after its answer, and
/// never go back.
pub(crate) type Moment = u64;

/// Every message of a test, by its body, and the moments of its life.
pub(crate) struct Ledger {
    clock: Box<dyn Fn() -> Moment + Send + Sync>,
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Default)]
struct Entry {
    send_requested: Moment,
    send_acknowledged: Option<Moment>,
    delete_requested: Option<Moment>,
    delete_acknowledged: Option<Moment>,
    returned: bool,
}

/// What was acknowledged until a moment, and how it was broken.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) sends: usize,
    pub(crate) deletes: usize,
    /// Acknowledged sends, never to be deleted, that are gone.
    pub(crate) lost: Vec<String>,
    /// Everything else that must not be.
    pub(crate) broken: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_kept(&self) -> bool {
        self.lost.is_empty() && self.broken.is_empty()
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let first = |all: &[String]| all.iter().take(5).cloned().collect::<Vec<_>>();
        let Verdict { sends, deletes, lost, broken } = self;
        write!(
            f,
            "of {sends} acknowledged sends, {deletes} of them deleted, {} are lost ",
            lost.len()
        )?;
        write!(f, "{:?}; {} other breaches {:?}", first(lost), broken.len(), first(broken))
    }
}

impl Ledger {
    pub(crate) fn new(clock: impl Fn() -> Moment + Send + Sync + 'static) -> Ledger {
        Ledger { clock: Box::new(clock), entries: Mutex::default() }
    }

    pub(crate) fn now(&self) -> Moment {
        (self.clock)()
    }

    pub(crate) fn send_requested(&self, body: &str) {
        let entry = Entry { send_requested: self.now(), ..Entry::default() };
        let before = self.entries().insert(body.to_owned(), entry);
        assert!(before.is_none(), "every body is sent once");
    }

    pub(crate) fn send_acknowledged(&self, body: &str) {
        let now = self.now();
        self.change(body, |entry| entry.send_acknowledged = Some(now));
    }

    /// Only the first request counts: from then on the message may be gone.
    pub(crate) fn delete_requested(&self, body: &str) {
        let now = self.now();
        self.change(body, |entry| entry.delete_requested = entry.delete_requested.or(Some(now)));
    }

    pub(crate) fn delete_acknowledged(&self, body: &str) {
        let now = self.now();
        self.change(body, |entry| {
            entry.delete_acknowledged = entry.delete_acknowledged.or(Some(now));
        });
    }

    /// Notes a message that was received by a request made at `requested`.
    pub(crate) fn received(&self, body: &str, requested: Moment) {
        let mut entries = self.entries();
        let entry = entries.get_mut(body).expect("what is received was sent");
        entry.returned |= entry.delete_acknowledged.is_some_and(|deleted| deleted < requested);
    }

    /// Judges what was received after everything up to `end` happened and nothing later.
    pub(crate) fn judge(&self, end: Moment, received: &[String]) -> Verdict {
        let mut verdict = Verdict::default();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        received.iter().for_each(|body| *counts.entry(body).or_default() += 1);
        let happened = |moment: Option<Moment>| moment.is_some_and(|moment| moment <= end);
        let entries = self.entries();
        for (body, entry) in entries.iter() {
            let count = counts.remove(body.as_str()).unwrap_or(0);
            let sent = happened(entry.send_acknowledged);
            let deleted = happened(entry.delete_acknowledged);
            verdict.sends += usize::from(sent);
            verdict.deletes += usize::from(deleted);
            if sent && !happened(entry.delete_requested) && count == 0 {
                verdict.lost.push(name(body));
            }
            if deleted && count > 0 || entry.returned {
                verdict.broken.push(format!("{} came back after its delete", name(body)));
            }
            if count > 1 {
                verdict.broken.push(format!("{} came {count} times", name(body)));
            }
            if count > 0 && entry.send_requested > end {
                verdict.broken.push(format!("{} was not sent yet", name(body)));
            }
        }
        let unsent = counts.keys().map(|body| format!("{} was never sent so", name(body)));
        verdict.broken.extend(unsent);
        verdict
    }

    fn change(&self, body: &str, change: impl FnOnce(&mut Entry)) {
        change(self.entries().get_mut(body).expect("the message was sent before"));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.entries.lock().expect("no holder of the ledger panicked")
    }
}

/// Enough of a body to find it again.
fn name(body: &str) -> String {
    body.split(' ').next().unwrap_or_default().chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A ledger whose every event is one moment later: `a` is sent at 1 and acknowledged at 2,
    /// its delete is requested at 3 and acknowledged at 4.
    fn ledger() -> Ledger {
        let clock = Arc::new(AtomicU64::new(1));
        let ledger = Ledger::new(move || clock.fetch_add(1, Ordering::SeqCst));
        ledger.send_requested("a");
        ledger.send_acknowledged("a");
        ledger.delete_requested("a");
        ledger.delete_acknowledged("a");
        ledger
    }

    fn breaches(end: Moment, received: &[&str]) -> (usize, usize) {
        let received: Vec<String> = received.iter().map(|&body| body.to_owned()).collect();
        let verdict = ledger().judge(end, &received);
        (verdict.lost.len(), verdict.broken.len())
    }

    #[test]
    fn a_promise_holds_from_its_acknowledgement_on() {
        for (end, received, expected) in [
            (0, &["a"][..], (0, 1)),
            (1, &[], (0, 0)),
            (1, &["a"], (0, 0)),
            (2, &["a"], (0, 0)),
            (2, &[], (1, 0)),
            (3, &[], (0, 0)),
            (3, &["a"], (0, 0)),
            (4, &[], (0, 0)),
            (4, &["a"], (0, 1)),
            (2, &["a", "a"], (0, 1)),
            (2, &["a", "b"], (0, 1)),
        ] {
            assert_eq!(breaches(end, received), expected, "{end} {received:?}");
        }
    }

    #[test]
    fn a_message_received_after_its_delete_came_back() {
        let ledger = ledger();
        ledger.received("a", 4);
        assert!(ledger.judge(9, &[]).broken.is_empty(), "the receive may have been first");
        ledger.received("a", 5);
        assert_eq!(ledger.judge(9, &[]).broken.len(), 1);
    }
}
