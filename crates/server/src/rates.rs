//! [`Rates`]: how many requests a second an account and a queue may be asked, where that is limited.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use formiga_engine::names::{AccountId, QueueKey};
use formiga_engine::time::Timestamp;
use formiga_wire::error::ErrorKind;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::ApiError;

/// The rates of all accounts and of all queues. A call counts once, however many entries its batch
/// has, as AWS counts calls.
pub(crate) struct Rates {
    clock: Arc<dyn Clock>,
    accounts: Option<Buckets<Option<AccountId>>>,
    queues: Option<Buckets<QueueKey>>,
}

impl Rates {
    pub(crate) fn new(config: &Config, clock: Arc<dyn Clock>) -> Rates {
        Rates {
            clock,
            accounts: Rate::new(config.account_rate, config.account_burst).map(Buckets::new),
            queues: Rate::new(config.queue_rate, config.queue_burst).map(Buckets::new),
        }
    }

    /// Takes one of the calls that `account` may make. Anonymous callers share those of one
    /// account: none of the real ones, whose users they could keep out.
    pub(crate) fn take_of_account(
        &self,
        account: Option<AccountId>,
        throttled: ErrorKind,
    ) -> Result<(), ApiError> {
        self.take(self.accounts.as_ref(), &account, throttled)
    }

    /// Takes one of the calls that may be made on `queue`, which exists.
    pub(crate) fn take_of_queue(&self, queue: &QueueKey) -> Result<(), ApiError> {
        self.take(self.queues.as_ref(), queue, ErrorKind::RequestThrottled)
    }

    fn take<K: Eq + Hash + Clone>(
        &self,
        buckets: Option<&Buckets<K>>,
        key: &K,
        throttled: ErrorKind,
    ) -> Result<(), ApiError> {
        match buckets {
            Some(buckets) if !buckets.take(key, self.clock.now()) => {
                let message = "The request was denied due to request throttling.";
                Err(ApiError::new(throttled, message))
            }
            _ => Ok(()),
        }
    }
}

/// So many calls a second, and so many at once after a pause.
#[derive(Clone, Copy)]
pub(crate) struct Rate {
    /// The nanoseconds between two calls.
    interval: u64,
    /// How far ahead of the clock a bucket's calls may be.
    ahead_max: u64,
}

impl Rate {
    /// None if `per_second` is 0. A burst of 0 is what a second allows.
    pub(crate) fn new(per_second: u32, burst: u32) -> Option<Rate> {
        let interval = 1_000_000_000u64.checked_div(u64::from(per_second))?.max(1);
        let burst = if burst == 0 { per_second } else { burst };
        Some(Rate { interval, ahead_max: interval * u64::from(burst - 1) })
    }
}

/// How many buckets are held at most; further keys share one.
const BUCKETS_MAX: usize = 65_536;

/// How often those that are full, and so like new ones, are looked for while there is no room.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A token bucket for each key.
pub(crate) struct Buckets<K> {
    rate: Rate,
    state: Mutex<State<K>>,
}

struct State<K> {
    /// When each key's calls so far are paid for, in nanoseconds. A bucket is full from then on.
    paid: HashMap<K, u64>,
    paid_of_others: u64,
    swept: Option<Timestamp>,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    pub(crate) fn new(rate: Rate) -> Buckets<K> {
        let state = State { paid: HashMap::new(), paid_of_others: 0, swept: None };
        Buckets { rate, state: Mutex::new(state) }
    }

    /// Whether `key` may make a call at `at`. One that is refused takes nothing.
    pub(crate) fn take(&self, key: &K, at: Timestamp) -> bool {
        let now = at.as_millis().saturating_mul(1_000_000);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.paid.contains_key(key) {
            state.make_room(at, now);
            if state.paid.len() < BUCKETS_MAX {
                state.paid.insert(key.clone(), now);
            }
        }
        let State { paid, paid_of_others, .. } = &mut *state;
        let paid = paid.get_mut(key).unwrap_or(paid_of_others);
        if paid.saturating_sub(now) > self.rate.ahead_max {
            return false;
        }
        *paid = (*paid).max(now) + self.rate.interval;
        true
    }

    /// Whether a call of `key` at `at` would be refused.
    pub(crate) fn is_spent(&self, key: &K, at: Timestamp) -> bool {
        let now = at.as_millis().saturating_mul(1_000_000);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = state.paid.get(key).copied();
        // Without a bucket of its own, it gets one, or has that of all others.
        let is_full = state.paid.len() >= BUCKETS_MAX;
        let paid = paid.unwrap_or(if is_full { state.paid_of_others } else { now });
        paid.saturating_sub(now) > self.rate.ahead_max
    }
}

impl<K> State<K> {
    fn make_room(&mut self, at: Timestamp, now: u64) {
        let rested = self.swept.is_none_or(|swept| at.since(swept) >= SWEEP_INTERVAL);
        if self.paid.len() >= BUCKETS_MAX && rested {
            self.swept = Some(at);
            self.paid.retain(|_, paid| *paid > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    fn buckets(per_second: u32, burst: u32) -> Buckets<usize> {
        Buckets::new(Rate::new(per_second, burst).unwrap())
    }

    fn taken(buckets: &Buckets<usize>, key: usize, millis: u64) -> usize {
        (0..100).filter(|_| buckets.take(&key, at(millis))).count()
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let buckets = buckets(10, 3);
        assert_eq!(taken(&buckets, 1, 0), 3);
        assert_eq!(taken(&buckets, 1, 99), 0, "what is refused takes nothing");
        assert_eq!(taken(&buckets, 1, 100), 1);
        assert_eq!(taken(&buckets, 1, 1100), 3, "a pause gives no more than the burst");
        assert_eq!(taken(&buckets, 2, 1100), 3, "another key has a bucket of its own");
    }

    #[test]
    fn without_a_burst_a_second_is_let_through_at_once() {
        assert_eq!(taken(&buckets(7, 0), 1, 0), 7);
        assert!(Rate::new(0, 5).is_none(), "0 is no limit");
    }

    #[test]
    fn the_number_of_buckets_is_bounded_and_full_ones_make_room() {
        let buckets = buckets(1, 1);
        let held = || buckets.state.lock().unwrap().paid.len();
        assert!((0..BUCKETS_MAX).all(|key| buckets.take(&key, at(0))));
        assert!(buckets.take(&BUCKETS_MAX, at(0)), "the first of those that share a bucket");
        assert!(!buckets.take(&(BUCKETS_MAX + 1), at(0)), "the next of them");
        assert!(!buckets.take(&5, at(0)), "nobody's bucket was forgotten before it was full");
        assert_eq!(held(), BUCKETS_MAX);
        assert!(buckets.take(&(BUCKETS_MAX + 2), at(1000)));
        assert_eq!(held(), 1);
    }
}
