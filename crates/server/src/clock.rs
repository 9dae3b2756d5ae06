//! [`Clock`]: the system clock behind a trait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use formiga_engine::time::Timestamp;
use tokio::sync::watch;

/// Tells the time and waits for it. Time never runs backwards within a run.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Completes at `moment`.
    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// How far it was moved ahead in all.
    fn ahead(&self) -> Duration;

    /// Moves the time ahead for everyone.
    fn advance(&self, by: Duration);

    /// Expired messages are hidden at once, but not removed before this moment: a clock that
    /// jumped far ahead may be wrong.
    fn reclaim_from(&self) -> Timestamp;
}

/// The operating system's clock, plus what it was moved ahead by.
///
/// It advances with the monotonic clock, so a wall clock that is set back stalls nobody, and
/// follows a wall clock that is set ahead.
#[derive(Clone)]
pub struct SystemClock(Arc<State>);

struct State {
    sources: Sources,
    ahead: watch::Sender<Duration>,
    /// What the time was when the monotonic clock began, in milliseconds.
    began: AtomicU64,
    latest: AtomicU64,
    reclaim_from: AtomicU64,
}

type Sources = Box<dyn Fn() -> Reading + Send + Sync>;

/// Two clocks, read at the same moment.
#[derive(Clone, Copy)]
struct Reading {
    wall: Timestamp,
    /// Since some moment before.
    monotonic: Duration,
}

/// The wall clock is followed when it is this far ahead. Less may be the time between reading the
/// two clocks.
const STEP_MIN: Duration = Duration::from_secs(1);

/// When the wall clock jumps further ahead than this, what has expired by it is kept for an hour:
/// time to notice.
const JUMP_MAX: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_secs(3600);

/// The same for the time since the data was last written, at a start.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 3600);

impl SystemClock {
    /// A clock that is `ahead` of the operating system's. `written` is when the data was last
    /// written, if it ever was.
    pub fn new(ahead: Duration, written: Option<Timestamp>) -> SystemClock {
        let begin = Instant::now();
        let read = move || Reading { monotonic: begin.elapsed(), wall: wall_clock() };
        SystemClock::with_sources(ahead, written, Box::new(read))
    }

    fn with_sources(ahead: Duration, written: Option<Timestamp>, sources: Sources) -> SystemClock {
        let Reading { wall, monotonic } = sources();
        let clock = SystemClock(Arc::new(State {
            sources,
            ahead: watch::Sender::new(ahead),
            began: AtomicU64::new((wall - monotonic).as_millis()),
            latest: AtomicU64::new(0),
            reclaim_from: AtomicU64::new(0),
        }));
        let now = clock.now();
        let paused = written.map(|written| now.since(written)).unwrap_or_default();
        if paused > PAUSE_MAX {
            tracing::warn!(
                ?paused,
                "the data was last written long ago; expired messages are kept for another hour, in case the clock is wrong"
            );
            clock.0.reclaim_from.store((now + GRACE).as_millis(), Ordering::Relaxed);
        }
        clock
    }
}

impl State {
    fn now(&self) -> Timestamp {
        let Reading { wall, monotonic } = (self.sources)();
        let began = Timestamp::from_millis(self.began.load(Ordering::Relaxed));
        let mut now = began + monotonic;
        let step = wall.since(now);
        if step > STEP_MIN {
            self.began.fetch_max((wall - monotonic).as_millis(), Ordering::Relaxed);
            now = wall;
        }
        let now = now + *self.ahead.borrow();
        if step > JUMP_MAX {
            tracing::warn!(
                ?step,
                "the wall clock jumped ahead; expired messages are kept for another hour, in case it is wrong"
            );
            self.reclaim_from.fetch_max((now + GRACE).as_millis(), Ordering::Relaxed);
        }
        let before = self.latest.fetch_max(now.as_millis(), Ordering::Relaxed);
        now.max(Timestamp::from_millis(before))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn sleep_until(&self, moment: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let state = self.0.clone();
        Box::pin(async move {
            let mut ahead = state.ahead.subscribe();
            loop {
                ahead.mark_unchanged();
                let left = moment.since(state.now());
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

    fn ahead(&self) -> Duration {
        *self.0.ahead.borrow()
    }

    fn advance(&self, by: Duration) {
        self.0.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    fn reclaim_from(&self) -> Timestamp {
        Timestamp::from_millis(self.0.reclaim_from.load(Ordering::Relaxed))
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
    use std::sync::Mutex;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);
    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    /// Clocks that are set by hand.
    #[derive(Clone)]
    struct Hands(Arc<Mutex<Reading>>);

    impl Hands {
        fn new() -> Hands {
            Hands(Arc::new(Mutex::new(Reading { wall: START, monotonic: HOUR })))
        }

        fn clock(&self, written: Option<Timestamp>) -> SystemClock {
            let hands = self.clone();
            let read = move || *hands.0.lock().unwrap();
            SystemClock::with_sources(Duration::ZERO, written, Box::new(read))
        }

        fn pass(&self, time: Duration) {
            let mut reading = self.0.lock().unwrap();
            reading.wall = reading.wall + time;
            reading.monotonic += time;
        }

        fn set_wall(&self, wall: Timestamp) {
            self.0.lock().unwrap().wall = wall;
        }
    }

    #[tokio::test]
    async fn advancing_the_clock_wakes_those_who_sleep() {
        let clock = SystemClock::new(Duration::ZERO, None);
        let sleeper = tokio::spawn(clock.sleep_until(clock.now() + HOUR));
        clock.advance(HOUR);
        assert_eq!(clock.ahead(), HOUR);
        sleeper.await.unwrap();
    }

    #[test]
    fn a_wall_clock_that_is_set_back_stalls_nobody() {
        let hands = Hands::new();
        let clock = hands.clock(None);
        hands.set_wall(START - HOUR);
        assert_eq!(clock.now(), START);
        hands.pass(SECOND);
        assert_eq!(clock.now(), START + SECOND);
        assert_eq!(clock.reclaim_from(), Timestamp::EPOCH);
    }

    #[test]
    fn a_wall_clock_that_is_set_ahead_is_followed() {
        let hands = Hands::new();
        let clock = hands.clock(None);
        hands.set_wall(START + HOUR);
        assert_eq!(clock.now(), START + HOUR);
        assert_eq!(clock.reclaim_from(), Timestamp::EPOCH, "an hour may be a sleep of the machine");
        hands.set_wall(START + HOUR + SECOND / 2);
        assert_eq!(clock.now(), START + HOUR, "less than a second is no step");
    }

    #[test]
    fn after_a_jump_of_more_than_an_hour_nothing_is_removed_for_an_hour() {
        let hands = Hands::new();
        let clock = hands.clock(None);
        let landed = START + 10 * HOUR;
        hands.set_wall(landed);
        assert_eq!(clock.now(), landed);
        assert_eq!(clock.reclaim_from(), landed + HOUR);
    }

    #[test]
    fn a_start_long_after_the_last_write_removes_nothing_for_an_hour() {
        let hands = Hands::new();
        let day = 24 * HOUR;
        assert_eq!(hands.clock(Some(START - day)).reclaim_from(), Timestamp::EPOCH);
        let clock = hands.clock(Some(START - day - SECOND));
        assert_eq!(clock.reclaim_from(), START + HOUR);
        assert_eq!(hands.clock(None).reclaim_from(), Timestamp::EPOCH, "nothing was ever written");
    }

    #[test]
    fn time_goes_on_from_where_a_step_left_it() {
        let hands = Hands::new();
        let clock = hands.clock(None);
        hands.set_wall(START + HOUR);
        clock.now();
        hands.set_wall(START);
        hands.pass(SECOND);
        assert_eq!(clock.now(), START + HOUR + SECOND);
    }
}
