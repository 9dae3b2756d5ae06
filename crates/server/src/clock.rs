//! [`Clock`]: the system clock behind a trait.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use formiga_engine::time::Timestamp;
use tokio::sync::watch;

/// Tells the time and waits for it. Time never runs backwards within a run.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Completes at `moment`.
    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Moves the time ahead for everyone, and tells by how much in all.
    fn advance(&self, by: Duration) -> Duration;
}

/// The operating system's clock, plus what it was moved ahead by.
pub struct SystemClock {
    ahead: watch::Sender<Duration>,
    latest: AtomicU64,
}

impl SystemClock {
    /// A clock that is `ahead` of the operating system's.
    pub fn new(ahead: Duration) -> SystemClock {
        SystemClock { ahead: watch::Sender::new(ahead), latest: AtomicU64::new(0) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = wall_clock() + *self.ahead.borrow();
        let before = self.latest.fetch_max(now.as_millis(), Ordering::Relaxed);
        now.max(Timestamp::from_millis(before))
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut ahead = self.ahead.subscribe();
        Box::pin(async move {
            loop {
                let now = wall_clock() + *ahead.borrow_and_update();
                let left = moment.since(now);
                if left.is_zero() {
                    return;
                }
                // Wakes at least once a minute, so that a step of the wall clock is noticed.
                let nap = tokio::time::sleep(left.min(Duration::from_secs(60)));
                tokio::select! {
                    () = nap => {}
                    Ok(()) = ahead.changed() => {}
                }
            }
        })
    }

    fn advance(&self, by: Duration) -> Duration {
        let mut total = Duration::ZERO;
        self.ahead.send_modify(|ahead| {
            *ahead = ahead.saturating_add(by);
            total = *ahead;
        });
        total
    }
}

/// The operating system's time.
#[expect(clippy::disallowed_methods, reason = "this is the one clock the server reads")]
pub fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::EPOCH + since_epoch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn advancing_the_clock_wakes_those_who_sleep() {
        let clock = SystemClock::new(Duration::ZERO);
        let hour = Duration::from_secs(3600);
        let sleeper = tokio::spawn(clock.sleep_until(clock.now() + hour));
        assert_eq!(clock.advance(hour), hour);
        sleeper.await.unwrap();
    }
}
