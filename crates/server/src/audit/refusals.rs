//! [`Refusals`]: of many that are alike, one is told at once and the others are counted.

use std::collections::BTreeMap;

use super::event::Event;

/// Refusals that were told within the last second or so, and how many like them came since.
#[derive(Default)]
pub(super) struct Refusals(BTreeMap<Alike, Counted>);

/// Who was refused, from where, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Alike {
    pub(super) access_key_id: Option<String>,
    pub(super) address: Option<String>,
    pub(super) code: Option<String>,
}

#[derive(Default)]
struct Counted {
    /// The latest that was not told.
    latest: Option<Event>,
    count: u64,
}

/// How many kinds are told apart. All further ones are counted together.
const KINDS_MAX: usize = 1024;

impl Refusals {
    /// Whether there are any to tell of later.
    pub(super) fn is_counting(&self) -> bool {
        !self.0.is_empty()
    }

    /// Writes the line of `event`, unless it is like one that was just told.
    pub(super) fn pass(&mut self, event: Event, lines: &mut Vec<u8>) {
        if !event.is_refusal() {
            event.write(lines);
            return;
        }
        let mut alike = event.alike();
        if self.0.len() >= KINDS_MAX && !self.0.contains_key(&alike) {
            alike = Alike { access_key_id: None, address: None, code: None };
        }
        match self.0.get_mut(&alike) {
            Some(counted) => {
                counted.latest = Some(event);
                counted.count += 1;
            }
            None => {
                event.write(lines);
                self.0.insert(alike, Counted::default());
            }
        }
    }

    /// Writes a line for those that were counted, and counts no more.
    pub(super) fn tell_counts(&mut self, lines: &mut Vec<u8>) {
        for (_, counted) in std::mem::take(&mut self.0) {
            if let Some(mut event) = counted.latest {
                event.count = Some(counted.count);
                event.write(lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[u8]) -> Vec<(String, Option<u64>)> {
        let lines = str::from_utf8(lines).unwrap().lines();
        let read = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let told = lines.map(read).map(|line| {
            (line["errorCode"].as_str().unwrap_or_default().to_owned(), line["count"].as_u64())
        });
        told.collect()
    }

    #[test]
    fn of_many_alike_the_first_is_told_and_the_rest_counted() {
        let mut refusals = Refusals::default();
        let mut lines = Vec::new();
        for _ in 0..1000 {
            refusals.pass(Event::refused("AKIAONE", "AccessDenied"), &mut lines);
        }
        refusals.pass(Event::refused("AKIATWO", "AccessDenied"), &mut lines);
        refusals.pass(Event::refused("AKIAONE", "ExpiredToken"), &mut lines);
        let at_once = [("AccessDenied", None), ("AccessDenied", None), ("ExpiredToken", None)];
        assert_eq!(told(&lines), at_once.map(|(code, count)| (code.to_owned(), count)));
        lines.clear();
        refusals.tell_counts(&mut lines);
        assert_eq!(told(&lines), [("AccessDenied".to_owned(), Some(999))]);
        assert!(!refusals.is_counting());
        lines.clear();
        refusals.pass(Event::refused("AKIAONE", "AccessDenied"), &mut lines);
        assert_eq!(told(&lines), [("AccessDenied".to_owned(), None)], "told anew");
    }

    #[test]
    fn what_was_done_is_never_only_counted() {
        let mut refusals = Refusals::default();
        let mut lines = Vec::new();
        for _ in 0..10 {
            refusals.pass(Event::for_test(false), &mut lines);
        }
        assert_eq!(told(&lines).len(), 10);
    }

    #[test]
    fn a_thousand_callers_take_no_more_room_than_a_bound() {
        let mut refusals = Refusals::default();
        let mut lines = Vec::new();
        for caller in 0..5 * KINDS_MAX {
            refusals.pass(Event::refused(&format!("AKIA{caller}"), "AccessDenied"), &mut lines);
        }
        assert!(refusals.0.len() <= KINDS_MAX + 1);
        let at_once = told(&lines).len();
        lines.clear();
        refusals.tell_counts(&mut lines);
        let counted: u64 = told(&lines).iter().filter_map(|(_, count)| *count).sum();
        assert_eq!(at_once as u64 + counted, 5 * KINDS_MAX as u64, "none is lost");
    }
}
