//! [`Processing`]: how much of the processing time of the last minute each message group took.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::tenants::Ranking;
use crate::message::Group;
use crate::time::Timestamp;

/// The times from the receive to the deletion of the messages that were deleted within the last
/// minute, in sums. Memory is bounded: of very many groups only those with large sums are known.
#[derive(Default)]
pub(super) struct Processing {
    /// The last minute, oldest part first.
    slices: VecDeque<Slice>,
    /// In milliseconds, over all slices.
    by_group: Ranking,
    /// In milliseconds, messages without a group included.
    total: u64,
}

/// What was deleted within some seconds.
struct Slice {
    number: u64,
    by_group: BTreeMap<Group, u64>,
    total: u64,
}

const SLICE: Duration = Duration::from_secs(5);
const SLICES: u64 = 12;

/// When more groups than this are known of one slice, the half with the smaller sums is forgotten.
const SLICE_GROUPS_MAX: usize = 1024;

impl Processing {
    /// A message was deleted that was in work for `took`.
    pub(super) fn add(&mut self, now: Timestamp, group: Option<Group>, took: Duration) {
        self.advance(now);
        let number = slice_of(now);
        if self.slices.back().is_none_or(|slice| slice.number < number) {
            self.slices.push_back(Slice { number, by_group: BTreeMap::new(), total: 0 });
        }
        let slice = self.slices.back_mut().expect("it was added");
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).min(MILLIS_MAX);
        slice.total += millis;
        self.total += millis;
        if let Some(group) = group.filter(|_| millis > 0) {
            *slice.by_group.entry(group).or_default() += millis;
            self.by_group.add(group, millis);
            if slice.by_group.len() > SLICE_GROUPS_MAX {
                forget_small(slice, &mut self.by_group);
            }
        }
    }

    /// Forgets what is more than a minute ago.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let first = (slice_of(now) + 1).saturating_sub(SLICES);
        while self.slices.front().is_some_and(|slice| slice.number < first) {
            let slice = self.slices.pop_front().expect("there is a first one");
            self.total -= slice.total;
            for (group, millis) in slice.by_group {
                self.by_group.subtract(group, millis);
            }
        }
    }

    /// How many milliseconds a group took.
    pub(super) fn of(&self, group: Group) -> u64 {
        self.by_group.of(group)
    }

    /// The groups that took more than a tenth of the time.
    pub(super) fn noisy(&self) -> impl Iterator<Item = Group> + '_ {
        let much = |(millis, _): &(u64, Group)| *millis * 10 > self.total;
        self.by_group.highest().take_while(much).map(|(_, group)| group)
    }
}

/// No message is in flight for longer.
const MILLIS_MAX: u64 = 1000 * crate::limits::VISIBILITY_TIMEOUT_TOTAL_MAX.as_secs();

fn slice_of(now: Timestamp) -> u64 {
    now.as_secs() / SLICE.as_secs()
}

fn forget_small(slice: &mut Slice, all: &mut Ranking) {
    let mut sums: Vec<(u64, Group)> = slice.by_group.iter().map(|(g, sum)| (*sum, *g)).collect();
    sums.sort_unstable();
    for (sum, group) in &sums[..sums.len() / 2] {
        slice.by_group.remove(group);
        all.subtract(*group, *sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn noisy(processing: &Processing) -> Vec<Group> {
        processing.noisy().collect()
    }

    #[test]
    fn more_than_a_tenth_of_the_last_minute_is_noisy() {
        let mut processing = Processing::default();
        processing.add(START, Some(Group(1)), Duration::from_secs(10));
        processing.add(START, None, Duration::from_secs(90));
        assert_eq!(noisy(&processing), [], "a tenth is not more than a tenth");
        processing.add(START, Some(Group(1)), Duration::from_secs(1));
        assert_eq!(noisy(&processing), [Group(1)]);
        processing.advance(START + Duration::from_secs(50));
        assert_eq!(noisy(&processing), [Group(1)]);
        processing.advance(START + Duration::from_secs(60));
        assert_eq!(noisy(&processing), []);
    }

    #[test]
    fn very_many_groups_take_bounded_memory_and_hide_no_noisy_one() {
        let mut processing = Processing::default();
        for n in 0..100_000 {
            processing.add(START, Some(Group(n + 2)), Duration::from_millis(10));
            if n % 8 == 0 {
                processing.add(START, Some(Group(1)), Duration::from_millis(20));
            }
        }
        assert!(processing.slices[0].by_group.len() <= SLICE_GROUPS_MAX);
        assert!(processing.by_group.highest().count() <= SLICE_GROUPS_MAX);
        assert_eq!(noisy(&processing), [Group(1)]);
    }
}
