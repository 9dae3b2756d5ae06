//! [`Pending`]: what was applied and is not durable yet, with the replies that wait for it.

use std::collections::VecDeque;
use std::future::pending;

use formiga_engine::queue::{BodyId, Record};
use formiga_store::{AppendError, Ticket};
use tokio::sync::oneshot;

use super::catalog::unanswered;
use super::{Outcome, Unanswered};

/// Where a reply goes.
pub(super) type ReplyTo = oneshot::Sender<Result<Outcome, Unanswered>>;

/// How many appends of one queue may be under way. A local disk needs one that syncs and one that
/// gathers; what arrives meanwhile makes the next append larger, not later.
const APPENDS_MAX: usize = 2;

/// Appends under way, oldest first, and what was applied since the last of them.
///
/// A reply waits until every record applied before it is durable, whether or not it has records of
/// its own: a receive must not show what could still be lost.
#[derive(Default)]
pub(super) struct Pending {
    appends: VecDeque<(Ticket, Vec<(ReplyTo, Outcome)>)>,
    records: Vec<Record>,
    /// The contents among the records that are to be kept sealed, in their order.
    sealed: Vec<(BodyId, Vec<u8>)>,
    replies: Vec<(ReplyTo, Outcome)>,
    /// Whether the replies rest on an append even if there are no records.
    confirms: bool,
    /// How many appends were begun, and how many of them are durable.
    begun: u64,
    durable: u64,
}

impl Pending {
    pub(super) fn has_room(&self) -> bool {
        self.appends.len() < APPENDS_MAX
    }

    /// Whether everything applied is durable and answered.
    pub(super) fn is_empty(&self) -> bool {
        self.appends.is_empty() && self.records.is_empty() && self.replies.is_empty()
    }

    /// The number of the append that the next records will be part of.
    pub(super) fn next_append(&self) -> u64 {
        self.begun + 1
    }

    /// The number of the latest durable append.
    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// A reply to what was pushed before.
    pub(super) fn push_reply(&mut self, reply_to: ReplyTo, outcome: Outcome) {
        self.replies.push((reply_to, outcome));
    }

    pub(super) fn push_records(&mut self, mut records: Vec<Record>) {
        self.records.append(&mut records);
    }

    /// Has the store confirm what was applied, by an append without records if there are none: who
    /// was deposed, or whose disk has failed, does not know that nothing is left to be done.
    pub(super) fn push_confirmation(&mut self) {
        self.confirms = true;
    }

    pub(super) fn push_sealed(&mut self, mut sealed: Vec<(BodyId, Vec<u8>)>) {
        self.sealed.append(&mut sealed);
    }

    /// Hands what was applied to `append`. Replies without records that need no confirmation join the
    /// append before them, or leave at once when there is none.
    pub(super) fn append_with(
        &mut self,
        append: impl FnOnce(Vec<Record>, Vec<(BodyId, Vec<u8>)>) -> Ticket,
    ) {
        let replies = std::mem::take(&mut self.replies);
        let confirms = std::mem::take(&mut self.confirms);
        if confirms || !self.records.is_empty() {
            let sealed = std::mem::take(&mut self.sealed);
            let ticket = append(std::mem::take(&mut self.records), sealed);
            self.begun += 1;
            self.appends.push_back((ticket, replies));
        } else if let Some((_, waiting)) = self.appends.back_mut() {
            waiting.extend(replies);
        } else {
            release(replies);
        }
    }

    /// Completes when the oldest append under way does, and releases its replies. Waits for ever
    /// when there is none.
    pub(super) async fn next_durable(&mut self) -> Result<(), AppendError> {
        let Some((ticket, _)) = self.appends.front_mut() else { return pending().await };
        let outcome = ticket.await;
        let (_, replies) = self.appends.pop_front().expect("the oldest append is there");
        match outcome {
            Ok(()) => {
                self.durable += 1;
                release(replies);
                Ok(())
            }
            Err(error) => {
                self.fail(replies, &error);
                Err(error)
            }
        }
    }

    /// Whether an append is under way.
    pub(super) fn is_under_way(&self) -> bool {
        !self.appends.is_empty()
    }

    /// Tells everyone that waits. What was handed in after the failed append rests on it and
    /// shares its fate.
    fn fail(&mut self, replies: Vec<(ReplyTo, Outcome)>, error: &AppendError) {
        let why = unanswered(error);
        refuse(replies, &why);
        for (_, replies) in self.appends.drain(..) {
            refuse(replies, &why);
        }
        refuse(std::mem::take(&mut self.replies), &Unanswered::Unavailable(error.to_string()));
        self.records.clear();
        self.sealed.clear();
        self.confirms = false;
    }
}

fn release(replies: Vec<(ReplyTo, Outcome)>) {
    for (reply_to, outcome) in replies {
        let _ = reply_to.send(Ok(outcome)); // A caller who hung up misses nothing.
    }
}

fn refuse(replies: Vec<(ReplyTo, Outcome)>, why: &Unanswered) {
    for (reply_to, _) in replies {
        let _ = reply_to.send(Err(why.clone()));
    }
}
