//! The load tool behind `formiga bench`.
//!
//! It promises that the server is what is measured: requests are built before the
//! clock starts, each connection sends its next request as soon as the last answer
//! is read, and every answer is verified. One wrong answer fails the run, so a
//! figure always belongs to a server that did the work.
//!
//! [`run`] measures, [`print()`] tells, [`client`] is the small SQS client beneath,
//! and [`bare`] is the ceiling that figures are told against.

mod answer;
mod args;
pub mod bare;
pub mod client;
mod dwell;
mod error;
mod fill;
mod load;
mod message;
mod process;
mod queue;
mod report;
mod request;

pub use args::{BenchArgs, Scenario};
pub use error::BenchError;
pub use report::{ActionLatencies, Latency, Report, ServerUsage, print};

use message::Message;

/// Runs the load that `args` describes and reports what was measured.
///
/// Blocks until the run is over, on threads and runtimes of its own. A queue made
/// for this run is deleted afterwards, also when the run failed.
pub fn run(args: &BenchArgs) -> Result<Report, BenchError> {
    args.check()?;
    let message = Message::of_size(args.message_size);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Runtime)?;

    let queue_url = runtime.block_on(queue::create(&args.endpoint, &args.queue_name()))?;
    let filled = runtime.block_on(fill::fill(args, &queue_url, &message));
    let measured = filled.and_then(|()| match args.scenario {
        Scenario::Dwell => runtime.block_on(dwell::measure(args, &queue_url)),
        _ => load::measure(args, &queue_url, message),
    });
    if args.queue.is_some() {
        return measured;
    }
    let deleted = runtime.block_on(queue::delete(&args.endpoint, &queue_url));
    measured.and_then(|report| deleted.map(|()| report))
}
