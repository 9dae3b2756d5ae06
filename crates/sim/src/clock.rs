//! [`SimClock`]: time that passes when everyone waits.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use formiga_engine::time::Timestamp;
use formiga_server::clock::Clock;
use tokio::time::Instant;

/// The time of a runtime whose clock is paused, which it moves on when nothing else is left to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SimClock {
    began: Instant,
    began_at: Timestamp,
}

impl SimClock {
    /// A clock that shows `now` now.
    pub(crate) fn starting_at(now: Timestamp) -> SimClock {
        SimClock { began: Instant::now(), began_at: now }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        self.began_at + self.began.elapsed()
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let wait = moment.since(self.now());
        // Timers have a precision of a millisecond, and this one must not ring early.
        Box::pin(tokio::time::sleep(wait))
    }

    fn ahead(&self) -> Duration {
        Duration::ZERO
    }

    fn advance(&self, _: Duration) {
        unreachable!("no client of a simulation moves the clock");
    }

    fn reclaim_from(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}
