//! How far a long command is, for who watches a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const REDRAW: Duration = Duration::from_millis(100);

/// A line on standard error that is drawn over and over; nothing where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    verb: &'static str,
    started: Instant,
    drawn: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// `shown` is false for commands whose output goes to the same terminal.
    pub(crate) fn new(verb: &'static str, shown: bool) -> Progress {
        let shown = shown && io::stderr().is_terminal();
        Progress { verb, started: Instant::now(), drawn: None, shown }
    }

    pub(crate) fn show(&mut self, count: u64) {
        if self.shown && self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW) {
            self.drawn = Some(Instant::now());
            let line = line(self.verb, count, self.started.elapsed());
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
        }
    }

    /// Takes the line away and tells the time that the whole took.
    pub(crate) fn end(&mut self) -> Duration {
        if self.drawn.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        self.started.elapsed()
    }
}

/// `sent 1200 messages, 600/s`.
pub(crate) fn line(verb: &str, count: u64, elapsed: Duration) -> String {
    let rate = count as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{verb} {}, {rate:.0}/s", messages(count))
}

/// `1 message`, `2 messages`.
pub(crate) fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_tells_count_and_rate() {
        assert_eq!(line("sent", 1200, Duration::from_secs(2)), "sent 1200 messages, 600/s");
        assert_eq!(line("sent", 1, Duration::from_secs(1)), "sent 1 message, 1/s");
    }
}
