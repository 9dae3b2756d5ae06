use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::answer;
use crate::args::{BATCH_ENTRIES_MAX, BenchArgs, Scenario};
use crate::client::{Connection, Detached};
use crate::error::BenchError;
use crate::message::Message;
use crate::process;
use crate::report::{ActionLatencies, Latency, Report, ServerUsage, histogram, record};
use crate::request::{self, DeleteRequest, SendRequest};

/// How long requests may stay unanswered after the run's end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a lifecycle asks for a message before it gives up.
const RECEIVES_MAX: u64 = 10;

/// Drives the load over all connections and reports what it measured.
///
/// Every thread has a runtime of its own and its share of the connections, so
/// that threads share nothing but the plan.
pub(crate) fn measure(
    args: &BenchArgs,
    queue_url: &str,
    message: Message,
) -> Result<Report, BenchError> {
    let shares = connect(args)?;
    let plan = Arc::new(Plan::new(args, queue_url, message));
    thread::scope(|scope| {
        let (working, all_done) = mpsc::channel::<()>();
        let workers: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let (plan, working) = (Arc::clone(&plan), working.clone());
                scope.spawn(move || {
                    let worked = work(share, &plan);
                    plan.stop.fetch_or(worked.is_err(), Ordering::Relaxed);
                    drop(working);
                    worked
                })
            })
            .collect();
        drop(working);
        let usage = observe(args, &plan, &all_done);
        plan.stop.fetch_or(usage.is_err(), Ordering::Relaxed);

        let mut total = Tally::new();
        for worker in workers {
            total.add(&worker.join().expect("a worker does not panic")?);
        }
        Ok(to_report(args, &plan, &total, &usage?))
    })
}

/// Opens all connections, in one share for each thread.
fn connect(args: &BenchArgs) -> Result<Vec<Vec<Detached>>, BenchError> {
    let threads = args.threads.min(args.connections) as usize;
    let mut shares: Vec<Vec<Detached>> = (0..threads).map(|_| Vec::new()).collect();
    runtime()?.block_on(async {
        for index in 0..args.connections as usize {
            let connection = Connection::connect(&args.endpoint).await?;
            shares[index % threads].push(connection.detach().map_err(BenchError::Runtime)?);
        }
        Ok(shares)
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BenchError::Runtime)
}

/// What every connection does and when; ready before the clock starts.
struct Plan {
    message: Message,
    requests: Requests,
    start: Instant,
    end: Instant,
    operations_max: Option<u64>,
    /// How many of `operations_max` were begun.
    begun: AtomicU64,
    /// Set when the run has failed.
    stop: AtomicBool,
}

enum Requests {
    Send(SendRequest),
    SendBatch(SendRequest),
    Lifecycle(Lifecycle),
}

struct Lifecycle {
    send: SendRequest,
    receive: Vec<u8>,
    delete: DeleteRequest,
}

impl Plan {
    fn new(args: &BenchArgs, queue_url: &str, message: Message) -> Plan {
        let authority = args.endpoint.authority();
        let sends =
            |entries| SendRequest::new(authority, queue_url, &message, entries, args.grouping());
        let requests = match args.scenario {
            Scenario::Send => Requests::Send(sends(None)),
            Scenario::SendBatch => Requests::SendBatch(sends(Some(BATCH_ENTRIES_MAX))),
            Scenario::Dwell => unreachable!("it has a load of its own"),
            Scenario::Lifecycle => Requests::Lifecycle(Lifecycle {
                send: sends(None),
                receive: request::receive(authority, queue_url),
                delete: DeleteRequest::new(authority, queue_url),
            }),
        };
        let start = Instant::now() + args.warm_up;
        Plan {
            message,
            requests,
            start,
            end: start + args.duration,
            operations_max: args.operations,
            begun: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// Whether a connection begins another operation at `now`.
    fn begins(&self, now: Instant) -> bool {
        if now >= self.end || self.stop.load(Ordering::Relaxed) {
            return false;
        }
        match self.operations_max {
            Some(max) if self.measures(now) => self.begun.fetch_add(1, Ordering::Relaxed) < max,
            _ => true,
        }
    }

    /// Whether an operation begun at `began` counts. It counts however long it
    /// takes: leaving out those that outlast the run would hide the slowest.
    fn measures(&self, began: Instant) -> bool {
        began >= self.start
    }
}

/// What was counted over some connections.
struct Tally {
    operations: u64,
    errors: u64,
    empty_receives: u64,
    last_ended: Option<Instant>,
    whole: Histogram<u64>,
    send: Histogram<u64>,
    receive: Histogram<u64>,
    delete: Histogram<u64>,
}

/// One operation that came to its end.
struct Operation {
    ended: Instant,
    empty_receives: u64,
    outcome: Outcome,
}

enum Outcome {
    Completed,
    CompletedLifecycle { send: Duration, receive: Duration, delete: Duration },
    GivenUp,
}

impl Tally {
    fn new() -> Tally {
        Tally {
            operations: 0,
            errors: 0,
            empty_receives: 0,
            last_ended: None,
            whole: histogram(),
            send: histogram(),
            receive: histogram(),
            delete: histogram(),
        }
    }

    fn count(&mut self, began: Instant, operation: &Operation) {
        self.empty_receives += operation.empty_receives;
        self.last_ended = self.last_ended.max(Some(operation.ended));
        match operation.outcome {
            Outcome::GivenUp => {
                self.errors += 1;
                return;
            }
            Outcome::Completed => {}
            Outcome::CompletedLifecycle { send, receive, delete } => {
                record(&mut self.send, send);
                record(&mut self.receive, receive);
                record(&mut self.delete, delete);
            }
        }
        self.operations += 1;
        record(&mut self.whole, operation.ended - began);
    }

    fn add(&mut self, other: &Tally) {
        self.operations += other.operations;
        self.errors += other.errors;
        self.empty_receives += other.empty_receives;
        self.last_ended = self.last_ended.max(other.last_ended);
        self.whole += &other.whole;
        self.send += &other.send;
        self.receive += &other.receive;
        self.delete += &other.delete;
    }
}

/// Drives one thread's connections until the plan ends them all, or one fails.
fn work(share: Vec<Detached>, plan: &Arc<Plan>) -> Result<Tally, BenchError> {
    let tally = Arc::new(Mutex::new(Tally::new()));
    let runtime = runtime()?;
    runtime.block_on(async {
        let mut connections = JoinSet::new();
        for detached in share {
            let connection = Connection::attach(detached).map_err(BenchError::Runtime)?;
            connections.spawn(drive(connection, Arc::clone(plan), Arc::clone(&tally)));
        }
        let deadline = tokio::time::Instant::from_std(plan.end + PATIENCE);
        loop {
            match tokio::time::timeout_at(deadline, connections.join_next()).await {
                Ok(Some(driven)) => {
                    driven.expect("a connection's task neither panics nor is cancelled")?;
                }
                Ok(None) => return Ok(()),
                Err(_) => return Err(BenchError::Stalled(PATIENCE.as_secs())),
            }
        }
    })?;
    drop(runtime);
    let tally = Arc::into_inner(tally).expect("every connection's task has ended");
    Ok(tally.into_inner().expect("no task panicked"))
}

/// One connection: an operation begins when the one before has ended.
async fn drive(
    mut connection: Connection,
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
) -> Result<(), BenchError> {
    let mut deletion = Deletion::default();
    let mut scratch = Vec::new();
    let mut began = Instant::now();
    while plan.begins(began) {
        let message = &plan.message;
        let operation = match &plan.requests {
            Requests::Send(request) => {
                let request = request.next(&mut scratch);
                answer::sent(&connection.exchange(request).await?, message)?;
                Operation::completed()
            }
            Requests::SendBatch(request) => {
                let answer = connection.exchange(request.next(&mut scratch)).await?;
                answer::batch_sent(&answer, message, BATCH_ENTRIES_MAX)?;
                Operation::completed()
            }
            Requests::Lifecycle(requests) => {
                requests.live(&mut connection, message, &mut deletion, began).await?
            }
        };
        if plan.measures(began) {
            tally.lock().expect("no task panicked").count(began, &operation);
        }
        began = operation.ended;
    }
    Ok(())
}

/// The buffers a connection builds its `DeleteMessage` requests in.
#[derive(Default)]
struct Deletion {
    scratch: Vec<u8>,
    request: Vec<u8>,
}

impl Lifecycle {
    /// Sends a message, receives one and deletes that. Among several connections it
    /// may be the message of another, whose receive then returns this one's.
    async fn live(
        &self,
        connection: &mut Connection,
        message: &Message,
        deletion: &mut Deletion,
        began: Instant,
    ) -> Result<Operation, BenchError> {
        let send = self.send.next(&mut deletion.scratch);
        answer::sent(&connection.exchange(send).await?, message)?;
        let sent = Instant::now();

        let mut asked = sent;
        let mut empty_receives = 0;
        let received = loop {
            let answer = connection.exchange(&self.receive).await?;
            if let Some(receipt_handle) = answer::received(&answer, message)? {
                self.delete.write(&receipt_handle, &mut deletion.scratch, &mut deletion.request);
                break Instant::now();
            }
            empty_receives += 1;
            asked = Instant::now();
            if empty_receives == RECEIVES_MAX {
                return Ok(Operation { ended: asked, empty_receives, outcome: Outcome::GivenUp });
            }
        };

        answer::done("DeleteMessage", &connection.exchange(&deletion.request).await?)?;
        let ended = Instant::now();
        let outcome = Outcome::CompletedLifecycle {
            send: sent - began,
            receive: received - asked,
            delete: ended - received,
        };
        Ok(Operation { ended, empty_receives, outcome })
    }
}

impl Operation {
    fn completed() -> Operation {
        Operation { ended: Instant::now(), empty_receives: 0, outcome: Outcome::Completed }
    }
}

/// What the server and this tool used while measuring.
struct Usage {
    server: Option<(Duration, u64)>,
    tool: Option<Duration>,
}

/// Waits for the measured time to begin and to end, or for all workers to be done,
/// and tells what was used between.
fn observe(args: &BenchArgs, plan: &Plan, all_done: &Receiver<()>) -> Result<Usage, BenchError> {
    let wait_until = |instant: Instant| {
        // Nothing is ever sent: this returns at the instant, or once every worker is done.
        let _ = all_done.recv_timeout(instant.saturating_duration_since(Instant::now()));
    };
    let server_cpu =
        |pid: u32| process::cpu_time(pid).map_err(|source| BenchError::Process { pid, source });

    wait_until(plan.start);
    let server_before = args.server_pid.map(server_cpu).transpose()?;
    let tool_before = process::cpu_time(std::process::id()).ok();
    wait_until(plan.end);
    let server_after = args.server_pid.map(server_cpu).transpose()?;
    let tool_after = process::cpu_time(std::process::id()).ok();

    let resident = args
        .server_pid
        .map(|pid| {
            process::resident_bytes(pid).map_err(|source| BenchError::Process { pid, source })
        })
        .transpose()?;
    Ok(Usage {
        server: difference(server_before, server_after).zip(resident),
        tool: difference(tool_before, tool_after),
    })
}

fn difference(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    before.zip(after).map(|(before, after)| after.saturating_sub(before))
}

fn to_report(args: &BenchArgs, plan: &Plan, total: &Tally, usage: &Usage) -> Report {
    let ended = total.last_ended.map_or(plan.end, |ended| ended.min(plan.end));
    let seconds = ended.saturating_duration_since(plan.start).as_secs_f64();
    let messages = total.operations * args.scenario.messages_per_operation();
    let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    Report {
        scenario: args.scenario,
        connections: args.connections,
        message_size: args.message_size,
        seconds,
        operations: total.operations,
        messages,
        operations_per_second: per_second(total.operations),
        messages_per_second: per_second(messages),
        errors: total.errors,
        empty_receives: total.empty_receives,
        latency: Latency::of(&total.whole),
        actions: (args.scenario == Scenario::Lifecycle).then(|| ActionLatencies {
            send: Latency::of(&total.send),
            receive: Latency::of(&total.receive),
            delete: Latency::of(&total.delete),
        }),
        server: usage.server.map(|(cpu, resident_bytes)| ServerUsage {
            cpu_seconds: cpu.as_secs_f64(),
            cpu_microseconds_per_operation: cpu.as_secs_f64() * 1e6
                / total.operations.max(1) as f64,
            resident_bytes,
        }),
        tool_cpu_seconds: usage.tool.map(|cpu| cpu.as_secs_f64()),
    }
}
