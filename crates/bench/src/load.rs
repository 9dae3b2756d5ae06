use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::answer;
use crate::args::{BATCH_ENTRIES_MAX, BenchArgs, Scenario};
use crate::client::Connection;
use crate::error::BenchError;
use crate::message::Message;
use crate::process;
use crate::report::{ActionLatencies, Latency, Report, ServerUsage, histogram, record};
use crate::request::{self, DeleteBatchRequest, DeleteRequest, FixedRequest, Ready, SendRequest};
use crate::target::Target;

/// How long requests may stay unanswered after the run's end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a lifecycle asks for a message before it gives up.
const RECEIVES_MAX: u64 = 10;

/// How often the progress is told, to who looks on.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Drives the load over all connections and reports what it measured.
///
/// Every thread has a runtime of its own and its share of the connections, so
/// that threads share nothing but the plan.
pub(crate) fn measure(
    args: &BenchArgs,
    target: &Target,
    queue_urls: &[String],
    message: Message,
) -> Result<Report, BenchError> {
    thread::scope(|scope| {
        let (working, all_done) = mpsc::channel::<()>();
        let mut workers = Vec::new();
        for share in shares(args, queue_urls.len()) {
            let (connected, is_connected) = mpsc::channel();
            let (begin, plan) = mpsc::channel::<Arc<Plan>>();
            let working = working.clone();
            let worker = scope.spawn(move || {
                let runtime = runtime()?;
                let connections = runtime.block_on(connect(target, &share))?;
                // If nobody listens any more, another worker has failed.
                let _ = connected.send(());
                let Ok(plan) = plan.recv() else { return Ok(Tally::new()) };
                let worked = work(&runtime, connections, &plan);
                plan.stop.fetch_or(worked.is_err(), Ordering::Relaxed);
                drop(working);
                worked
            });
            workers.push((worker, is_connected, begin));
        }
        drop(working);
        // The clock starts when everybody is connected. Who fails says so in the end.
        let all_connected = workers.iter().all(|(_, connected, _)| connected.recv().is_ok());
        let plan = Arc::new(Plan::new(args, target, queue_urls, message));
        let mut usage = None;
        let mut ends = Vec::new();
        for (worker, _, begin) in workers {
            if all_connected {
                // Who is connected waits for this.
                let _ = begin.send(Arc::clone(&plan));
            }
            ends.push(worker);
        }
        if all_connected {
            let observed = observe(args, &plan, &all_done);
            plan.stop.fetch_or(observed.is_err(), Ordering::Relaxed);
            usage = Some(observed);
        }
        let mut total = Tally::new();
        for worker in ends {
            total.add(&worker.join().expect("a worker does not panic")?);
        }
        let usage = usage.expect("who did not connect has failed");
        Ok(to_report(args, &plan, &total, &usage?))
    })
}

/// The queue of each connection, by its place among all, in one share for each thread.
fn shares(args: &BenchArgs, queues: usize) -> Vec<Vec<usize>> {
    let threads = args.threads.min(args.connections) as usize;
    let mut shares: Vec<Vec<usize>> = (0..threads).map(|_| Vec::new()).collect();
    for index in 0..args.connections as usize {
        shares[index % threads].push(index % queues);
    }
    shares
}

/// Opens a connection for each queue of a share.
async fn connect(target: &Target, share: &[usize]) -> Result<Vec<(Connection, usize)>, BenchError> {
    let mut connections = Vec::new();
    for queue in share {
        connections.push((Connection::to(target).await?, *queue));
    }
    Ok(connections)
}

fn runtime() -> Result<tokio::runtime::Runtime, BenchError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BenchError::Runtime)
}

/// What every connection does and when; ready before the clock starts.
struct Plan {
    message: Message,
    /// For each queue.
    requests: Vec<Requests>,
    began: Instant,
    start: Instant,
    end: Instant,
    /// How long it is from one operation to the next in an open loop.
    pace: Option<Duration>,
    /// How many operations of an open loop were begun.
    paced: AtomicU64,
    operations_max: Option<u64>,
    /// How many of `operations_max` were begun.
    begun: AtomicU64,
    /// How many have ended, for who looks on.
    ended: AtomicU64,
    /// Set when the run has failed.
    stop: AtomicBool,
}

enum Requests {
    Send(SendRequest),
    SendBatch(SendRequest),
    Lifecycle(Lifecycle),
    LifecycleBatch(LifecycleBatch),
}

/// Without sends, it ends when nothing is left.
struct Lifecycle {
    send: Option<SendRequest>,
    receive: FixedRequest,
    delete: DeleteRequest,
}

struct LifecycleBatch {
    send: SendRequest,
    receive: FixedRequest,
    delete: DeleteBatchRequest,
}

impl Plan {
    fn new(args: &BenchArgs, target: &Target, queue_urls: &[String], message: Message) -> Plan {
        let of_queue = |queue_url: &String| {
            let sends =
                |entries| SendRequest::new(target, queue_url, &message, entries, args.grouping());
            let lifecycle = |send| {
                Requests::Lifecycle(Lifecycle {
                    send,
                    receive: request::receive(target, queue_url, 1),
                    delete: DeleteRequest::new(target, queue_url),
                })
            };
            match args.scenario {
                Scenario::Send => Requests::Send(sends(None)),
                Scenario::SendBatch => Requests::SendBatch(sends(Some(BATCH_ENTRIES_MAX))),
                Scenario::ReceiveDelete => lifecycle(None),
                Scenario::Lifecycle | Scenario::Fifo | Scenario::Backlog | Scenario::Queues => {
                    lifecycle(Some(sends(None)))
                }
                Scenario::LifecycleBatch => Requests::LifecycleBatch(LifecycleBatch {
                    send: sends(Some(BATCH_ENTRIES_MAX)),
                    receive: request::receive(target, queue_url, BATCH_ENTRIES_MAX),
                    delete: DeleteBatchRequest::new(target, queue_url),
                }),
                Scenario::Dwell | Scenario::LongPoll => {
                    unreachable!("they have a load of their own")
                }
            }
        };
        let requests = queue_urls.iter().map(of_queue).collect();
        let began = Instant::now();
        let start = began + args.warm_up;
        Plan {
            message,
            requests,
            began,
            start,
            end: start + args.duration,
            pace: args.rate.map(|rate| Duration::from_secs(1) / rate),
            paced: AtomicU64::new(0),
            operations_max: args.operations,
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// When a connection that is free at `now` begins its next operation: at once, or when one is
    /// due. One that was due before counts from then: what a slow server keeps waiting is waiting for
    /// it, whether or not it was sent.
    async fn next(&self, now: Instant) -> Instant {
        let Some(pace) = self.pace else { return now };
        let number = self.paced.fetch_add(1, Ordering::Relaxed);
        let due = self.began + pace.mul_f64(number as f64);
        if due <= Instant::now() || due >= self.end {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        // That this tool was woken late is not the server's doing.
        Instant::now()
    }

    /// Whether an operation is begun that is to begin at `now`.
    fn begins(&self, now: Instant) -> bool {
        let is_over = now >= self.end || (self.pace.is_some() && Instant::now() >= self.end);
        if is_over || self.stop.load(Ordering::Relaxed) {
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

    /// How many operations of an open loop were due while measuring.
    fn due(&self) -> Option<u64> {
        let pace = self.pace?;
        let until = |instant: Instant| {
            let passed = instant.saturating_duration_since(self.began);
            passed.as_nanos().div_ceil(pace.as_nanos())
        };
        u64::try_from(until(self.end) - until(self.start)).ok()
    }
}

/// What was counted over some connections.
struct Tally {
    operations: u64,
    messages: u64,
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
    messages: u64,
    empty_receives: u64,
    outcome: Outcome,
}

enum Outcome {
    Completed,
    CompletedLifecycle {
        send: Option<Duration>,
        receive: Duration,
        delete: Duration,
    },
    GivenUp,
    /// There is nothing left to receive, and nobody sends.
    NothingLeft,
}

impl Tally {
    fn new() -> Tally {
        Tally {
            operations: 0,
            messages: 0,
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
            Outcome::NothingLeft => return,
            Outcome::Completed => {}
            Outcome::CompletedLifecycle { send, receive, delete } => {
                if let Some(send) = send {
                    record(&mut self.send, send);
                }
                record(&mut self.receive, receive);
                record(&mut self.delete, delete);
            }
        }
        self.operations += 1;
        self.messages += operation.messages;
        record(&mut self.whole, operation.ended - began);
    }

    fn add(&mut self, other: &Tally) {
        self.operations += other.operations;
        self.messages += other.messages;
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
fn work(
    runtime: &tokio::runtime::Runtime,
    connections: Vec<(Connection, usize)>,
    plan: &Arc<Plan>,
) -> Result<Tally, BenchError> {
    let tally = Arc::new(Mutex::new(Tally::new()));
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (connection, queue) in connections {
            tasks.spawn(drive(connection, queue, Arc::clone(plan), Arc::clone(&tally)));
        }
        let deadline = tokio::time::Instant::from_std(plan.end + PATIENCE);
        loop {
            match tokio::time::timeout_at(deadline, tasks.join_next()).await {
                Ok(Some(driven)) => {
                    driven.expect("a connection's task neither panics nor is cancelled")?;
                }
                Ok(None) => return Ok(()),
                Err(_) => return Err(BenchError::Stalled(PATIENCE.as_secs())),
            }
        }
    })?;
    let tally = Arc::into_inner(tally).expect("every connection's task has ended");
    Ok(tally.into_inner().expect("no task panicked"))
}

/// What a connection has ready of its requests.
#[derive(Default)]
struct Readies {
    send: Ready,
    receive: Ready,
    delete: Ready,
}

/// One connection: an operation begins when the one before has ended, or when it is due.
async fn drive(
    mut connection: Connection,
    queue: usize,
    plan: Arc<Plan>,
    tally: Arc<Mutex<Tally>>,
) -> Result<(), BenchError> {
    let mut ready = Readies::default();
    let mut began = plan.next(Instant::now()).await;
    while plan.begins(began) {
        let message = &plan.message;
        let operation = match &plan.requests[queue] {
            Requests::Send(request) => {
                let request = request.next(&mut ready.send);
                answer::sent(&connection.exchange(request).await?, message)?;
                Operation::completed(1)
            }
            Requests::SendBatch(request) => {
                let answer = connection.exchange(request.next(&mut ready.send)).await?;
                answer::batch_sent(&answer, message, BATCH_ENTRIES_MAX)?;
                Operation::completed(BATCH_ENTRIES_MAX as u64)
            }
            Requests::Lifecycle(requests) => {
                requests.live(&mut connection, message, &mut ready, began).await?
            }
            Requests::LifecycleBatch(requests) => {
                requests.live(&mut connection, message, &mut ready, began).await?
            }
        };
        if plan.measures(began) {
            tally.lock().expect("no task panicked").count(began, &operation);
            plan.ended.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(operation.outcome, Outcome::NothingLeft) {
            break;
        }
        began = plan.next(operation.ended).await;
    }
    Ok(())
}

impl Lifecycle {
    /// Sends a message, receives one and deletes that. Among several connections it
    /// may be the message of another, whose receive then returns this one's.
    async fn live(
        &self,
        connection: &mut Connection,
        message: &Message,
        ready: &mut Readies,
        began: Instant,
    ) -> Result<Operation, BenchError> {
        let mut sent = began;
        if let Some(send) = &self.send {
            let send = send.next(&mut ready.send);
            answer::sent(&connection.exchange(send).await?, message)?;
            sent = Instant::now();
        }
        let mut asked = sent;
        let mut empty_receives = 0;
        let received = loop {
            let answer = connection.exchange(self.receive.next(&mut ready.receive)).await?;
            if let Some(receipt_handle) = answer::received(&answer, message)? {
                self.delete.of(&receipt_handle, &mut ready.delete);
                break Instant::now();
            }
            empty_receives += 1;
            asked = Instant::now();
            if empty_receives == RECEIVES_MAX {
                let none =
                    if self.send.is_some() { Outcome::GivenUp } else { Outcome::NothingLeft };
                return Ok(Operation { ended: asked, messages: 0, empty_receives, outcome: none });
            }
        };
        answer::done("DeleteMessage", &connection.exchange(ready.delete.request()).await?)?;
        let ended = Instant::now();
        let outcome = Outcome::CompletedLifecycle {
            send: self.send.as_ref().map(|_| sent - began),
            receive: received - asked,
            delete: ended - received,
        };
        Ok(Operation { ended, messages: 1, empty_receives, outcome })
    }
}

impl LifecycleBatch {
    /// Sends ten messages, receives as many as come at once, at most ten, and deletes those.
    async fn live(
        &self,
        connection: &mut Connection,
        message: &Message,
        ready: &mut Readies,
        began: Instant,
    ) -> Result<Operation, BenchError> {
        let answer = connection.exchange(self.send.next(&mut ready.send)).await?;
        answer::batch_sent(&answer, message, BATCH_ENTRIES_MAX)?;
        let sent = Instant::now();
        let mut asked = sent;
        let mut empty_receives = 0;
        let (received, messages) = loop {
            let answer = connection.exchange(self.receive.next(&mut ready.receive)).await?;
            let handles = answer::all_received(&answer, message, BATCH_ENTRIES_MAX)?;
            if !handles.is_empty() {
                self.delete.of(&handles, &mut ready.delete);
                break (Instant::now(), handles.len());
            }
            empty_receives += 1;
            asked = Instant::now();
            if empty_receives == RECEIVES_MAX {
                let outcome = Outcome::GivenUp;
                return Ok(Operation { ended: asked, messages: 0, empty_receives, outcome });
            }
        };
        answer::batch_deleted(&connection.exchange(ready.delete.request()).await?, messages)?;
        let ended = Instant::now();
        let outcome = Outcome::CompletedLifecycle {
            send: Some(sent - began),
            receive: received - asked,
            delete: ended - received,
        };
        Ok(Operation { ended, messages: messages as u64, empty_receives, outcome })
    }
}

impl Operation {
    fn completed(messages: u64) -> Operation {
        let outcome = Outcome::Completed;
        Operation { ended: Instant::now(), messages, empty_receives: 0, outcome }
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
    // Nothing is ever sent: a wait ends at the instant, or once every worker is done.
    let wait_until = |instant: Instant| {
        loop {
            let left = instant.saturating_duration_since(Instant::now());
            let waited = all_done.recv_timeout(left.min(PROGRESS_INTERVAL));
            if left <= PROGRESS_INTERVAL || waited != Err(RecvTimeoutError::Timeout) {
                return;
            }
            tell_progress(plan);
        }
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

/// Tells how far the run is, to people.
fn tell_progress(plan: &Plan) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let passed = plan.start.elapsed();
    let per_second = plan.ended.load(Ordering::Relaxed) as f64 / passed.as_secs_f64().max(0.001);
    let whole = plan.end - plan.start;
    if passed.is_zero() {
        eprint!("\rwarming up ...");
    } else {
        eprint!(
            "\r{:.0} s of {:.0} s: {per_second:.0} operations/s   ",
            passed.as_secs_f64(),
            whole.as_secs_f64()
        );
    }
    if whole - passed.min(whole) <= PROGRESS_INTERVAL {
        eprintln!();
    }
}

fn difference(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    before.zip(after).map(|(before, after)| after.saturating_sub(before))
}

fn to_report(args: &BenchArgs, plan: &Plan, total: &Tally, usage: &Usage) -> Report {
    let ended = total.last_ended.map_or(plan.end, |ended| ended.min(plan.end));
    let seconds = ended.saturating_duration_since(plan.start).as_secs_f64();
    // What else may end a run early is not the server's pace.
    let lasts = args.operations.is_none() && args.scenario != Scenario::ReceiveDelete;
    let due = plan.due().filter(|_| lasts);
    let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    Report {
        scenario: args.scenario,
        connections: args.connections,
        message_size: args.message_size,
        seconds,
        operations: total.operations,
        missed: due.map_or(0, |due| due.saturating_sub(total.operations + total.errors)),
        messages: total.messages,
        operations_per_second: per_second(total.operations),
        messages_per_second: per_second(total.messages),
        errors: total.errors,
        empty_receives: total.empty_receives,
        latency: Latency::of(&total.whole),
        actions: (!total.delete.is_empty()).then(|| ActionLatencies {
            send: (!total.send.is_empty()).then(|| Latency::of(&total.send)),
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
