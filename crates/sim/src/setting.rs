//! [`Setting`]: which queues there are, and how bad the weather is.

use std::time::Duration;

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// The queues of a history, by their numbers.
pub(crate) const WORK: usize = 0;
pub(crate) const WORK_DEAD: usize = 1;
pub(crate) const LINE: usize = 2;
pub(crate) const LINE_DEAD: usize = 3;
/// It is purged, deleted and made anew.
pub(crate) const SCRATCH: usize = 4;

/// Their names.
pub(crate) const NAMES: [&str; 5] = ["work", "work-dead", "line.fifo", "line-dead.fifo", "scratch"];

/// Two weeks, in seconds.
const RETENTION_MAX: u64 = 14 * 24 * 3600;

/// Whether a queue is a FIFO queue.
pub(crate) fn is_fifo(queue: usize) -> bool {
    NAMES[queue].ends_with(".fifo")
}

/// What a history is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// How many clients there are.
    pub(crate) clients: usize,
    /// How often the server starts again, the last, quiet time not counted.
    pub(crate) lives: usize,
    /// After how many receives a message is a dead letter, by source queue.
    pub(crate) max_receives: [Option<u64>; 5],
    /// For how long messages are kept, by queue. Those that may move to another queue are kept for
    /// longer than a history takes.
    pub(crate) retention_seconds: [u64; 5],
    /// How many message groups there are.
    pub(crate) groups: u32,
    /// At most how long clients think between two requests.
    pub(crate) think: Duration,
    /// What goes wrong.
    pub(crate) weather: Weather,
}

/// How often something goes wrong, as chances between 0 and 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// An append is rejected.
    pub(crate) rejected: f64,
    /// Nobody knows what became of an append.
    pub(crate) unknown: f64,
    /// A read fails.
    pub(crate) unread: f64,
    /// A commit takes seconds.
    pub(crate) stall: f64,
    /// The disk is full for a while.
    pub(crate) full: f64,
    /// A client hangs up before it is answered.
    pub(crate) hang_up: f64,
    /// A life sees a second owner take over.
    pub(crate) takeover: f64,
}

impl Setting {
    pub(crate) fn draw(chance: &mut Rng) -> Setting {
        let mut max_receives = [None; 5];
        max_receives[WORK] = Some(chance.u64(1..=3));
        max_receives[LINE] = Some(chance.u64(1..=3));
        let mut retention_seconds = [RETENTION_MAX; 5];
        retention_seconds[SCRATCH] = [60, 100, RETENTION_MAX][chance.usize(0..3)];
        let often = |chance: &mut Rng, most: f64| {
            // In a third of the histories a thing never goes wrong: what it hides is seen there.
            if chance.u8(0..3) == 0 { 0.0 } else { chance.f64() * most }
        };
        Setting {
            clients: chance.usize(2..=6),
            lives: chance.usize(1..=4),
            max_receives,
            retention_seconds,
            groups: chance.u32(1..=4),
            think: Duration::from_millis(chance.u64(1..=3000)),
            weather: Weather {
                rejected: often(chance, 0.03),
                unknown: often(chance, 0.005),
                unread: often(chance, 0.02),
                stall: often(chance, 0.03),
                full: often(chance, 0.01),
                hang_up: often(chance, 0.1),
                takeover: often(chance, 0.8),
            },
        }
    }

    /// The attributes with which a queue is created.
    pub(crate) fn attributes(&self, queue: usize) -> Value {
        let mut attributes = Map::new();
        let retention = self.retention_seconds[queue].to_string();
        attributes.insert("MessageRetentionPeriod".to_owned(), json!(retention));
        if is_fifo(queue) {
            attributes.insert("FifoQueue".to_owned(), json!("true"));
        }
        if let Some(max_receives) = self.max_receives[queue] {
            let dead = NAMES[queue + 1];
            let policy = json!({
                "deadLetterTargetArn": format!("arn:aws:sqs:us-east-1:000000000000:{dead}"),
                "maxReceiveCount": max_receives,
            });
            attributes.insert("RedrivePolicy".to_owned(), json!(policy.to_string()));
        }
        Value::Object(attributes)
    }
}
