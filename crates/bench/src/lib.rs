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
mod compare;
mod dwell;
mod error;
mod fill;
mod load;
mod message;
mod process;
mod queue;
mod report;
mod request;
mod target;
mod tls;

pub use args::{BenchArgs, Scenario};
pub use compare::{Comparison, Ratios};
pub use error::BenchError;
pub use report::{ActionLatencies, Findings, Latency, Report, ServerUsage, print};

use message::Message;
use target::Target;

/// Runs the load that `args` describes and reports what was measured; with `--compare`, of two
/// endpoints in turns.
///
/// Blocks until the run is over, on threads and runtimes of its own. A queue made
/// for this run is deleted afterwards, also when the run failed.
pub fn run(args: &BenchArgs) -> Result<Findings, BenchError> {
    args.check()?;
    let Some(other) = &args.compare else { return measure(args).map(Findings::Report) };
    let other = BenchArgs { endpoint: other.clone(), ..args.clone() };
    let mut rounds = Vec::new();
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}", args.rounds);
        rounds.push([measure(args)?, measure(&other)?]);
    }
    let endpoints = [args, &other].map(|args| args.endpoint.to_string());
    Ok(Findings::Comparison(Comparison::new(endpoints, rounds)))
}

fn measure(args: &BenchArgs) -> Result<Report, BenchError> {
    let message = Message::of_size(args.message_size);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Runtime)?;

    let endpoint = args.endpoint.clone();
    let target = match args.sign {
        true => runtime.block_on(Target::signed(endpoint, &args.region))?,
        false => Target::unsigned(endpoint),
    };
    let mut urls = Vec::new();
    let made = runtime.block_on(async {
        for name in args.queue_names() {
            urls.push(queue::create(&target, &name, &args.attribute).await?);
            fill::fill(args, &target, &urls[urls.len() - 1], &message).await?;
        }
        Ok(())
    });
    let measured = made.and_then(|()| match args.scenario.dwells() {
        true => runtime.block_on(dwell::measure(args, &target, &urls[0])),
        false => load::measure(args, &target, &urls, message),
    });
    if args.queue.is_some() {
        return measured;
    }
    let deleted = runtime.block_on(async {
        for url in &urls {
            queue::delete(&target, url).await?;
        }
        Ok(())
    });
    measured.and_then(|report| deleted.map(|()| report))
}
