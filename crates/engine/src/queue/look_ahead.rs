//! Fair queues: messages of quiet tenants are looked for behind the backlog of noisy ones.

use super::{Need, Queue};
use crate::time::Timestamp;

impl Queue {
    /// Whether [`Command::LookAhead`](super::Command::LookAhead) has something to do, as far as can
    /// be told now. A receive does not look further than it must to be given messages: a backlog
    /// of millions is looked through a page at a time, between other commands.
    pub fn looks_ahead(&self) -> bool {
        let available_until = self.available_until(self.latest);
        let may_have_room = self.window.has_room() || self.window.has_too_much_noisy();
        self.window.look_ahead_at(available_until, may_have_room).is_some()
    }

    /// One page.
    pub(super) fn needs_to_look_ahead(&mut self, now: Timestamp) -> Option<Need> {
        self.window.skip_noisy();
        if self.supplied.pages > 0 {
            return None;
        }
        let has_room = self.window.has_room();
        let (from, limit) = self.window.look_ahead_at(self.available_until(now), has_room)?;
        let from_frontier = self.window.frontier() == Some(from);
        let from = if from_frontier { from.max(self.first_unexpired(now)) } else { from };
        Some(Need::Page { from, limit: limit.min(self.limits.page) })
    }
}
