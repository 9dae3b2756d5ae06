//! [`AuditLog`]: who did what, and who was refused, one JSON line each, in the names of CloudTrail.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

mod event;
mod file;
mod refusals;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use crate::error::ApiError;

use event::Event;
pub(crate) use event::{Request, Trail};
use file::AuditFile;
use refusals::Refusals;

/// Takes events without ever waiting; a task writes them. What comes faster than it can be written
/// is left out, and a line says how many were.
pub(crate) struct AuditLog {
    events: Sender<Event>,
    left_out: Arc<AtomicU64>,
    /// Whether calls that only read or write messages are told as well.
    data_events: bool,
}

/// Where the lines go.
#[derive(Debug)]
pub(crate) enum Target {
    StandardOutput,
    File(PathBuf),
}

/// How many events may wait to be written. Refusals, which anyone can cause, take at most half.
const WAITING_MAX: usize = 1024;

/// How large the file may get, and how many older ones are kept.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;
const FILES_KEPT: u32 = 9;

/// How long refusals that are like an earlier one are counted before their number is written.
const COUNTED_FOR: Duration = Duration::from_secs(1);

impl AuditLog {
    /// Opens the log. It is written until the log is dropped; the task ends then, with everything
    /// written.
    pub(crate) fn start(
        target: &Target,
        data_events: bool,
    ) -> io::Result<(AuditLog, JoinHandle<()>)> {
        let sink = match target {
            Target::StandardOutput => Sink::StandardOutput,
            Target::File(path) => {
                if let Some(directory) = path.parent() {
                    std::fs::create_dir_all(directory)?;
                }
                Sink::File(AuditFile::open(path, FILE_BYTES_MAX, FILES_KEPT)?)
            }
        };
        let (events, waiting) = channel(WAITING_MAX);
        let left_out = Arc::new(AtomicU64::new(0));
        let writing = tokio::spawn(write(sink, waiting, left_out.clone()));
        Ok((AuditLog { events, left_out, data_events }, writing))
    }

    /// Tells of a call that was answered with `outcome`, if it is one to tell of: one that manages,
    /// one that was refused, or any if data events are wanted.
    pub(crate) fn tell(&self, trail: Trail, outcome: Result<(), &ApiError>, request: &Request<'_>) {
        let Some(event) = Event::of(trail, outcome, self.data_events, request) else { return };
        let room = self.events.capacity();
        let is_crowded = event.is_refusal() && room < WAITING_MAX / 2;
        if is_crowded || self.events.try_send(event).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }
}

enum Sink {
    StandardOutput,
    File(AuditFile),
}

impl Sink {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Sink::StandardOutput => {
                let mut out = io::stdout().lock();
                out.write_all(lines)?;
                out.flush()
            }
            Sink::File(file) => file.append(lines),
        }
    }
}

/// Writes what comes, until nobody can tell anything any more.
async fn write(mut sink: Sink, mut waiting: Receiver<Event>, left_out: Arc<AtomicU64>) {
    let mut refusals = Refusals::default();
    let mut batch = Vec::new();
    let mut failing = false;
    loop {
        let count = tokio::select! {
            count = waiting.recv_many(&mut batch, WAITING_MAX) => Some(count),
            () = tokio::time::sleep(COUNTED_FOR), if refusals.is_counting() => None,
        };
        let mut lines = Vec::new();
        for event in batch.drain(..) {
            refusals.pass(event, &mut lines);
        }
        // Time has passed, or there is none left.
        if matches!(count, None | Some(0)) {
            refusals.tell_counts(&mut lines);
        }
        let missing = left_out.swap(0, Ordering::Relaxed);
        if missing > 0 {
            event::left_out_line(missing, &mut lines);
        }
        if !lines.is_empty() {
            let written;
            (sink, written) = tokio::task::spawn_blocking(move || {
                let written = sink.append(&lines);
                (sink, written)
            })
            .await
            .expect("writing does not panic");
            match written {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    failing = true;
                    tracing::error!(%error, "the audit log cannot be written; what happens meanwhile is not in it");
                }
                Err(_) => {}
            }
        }
        if count == Some(0) {
            return;
        }
    }
}
