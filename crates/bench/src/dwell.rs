//! How long messages of quiet tenants stay in a queue beside the backlog of a noisy one.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::args::BenchArgs;
use crate::client::{Answer, Connection};
use crate::error::BenchError;
use crate::process;
use crate::report::{Latency, Report, ServerUsage, histogram, record};

/// How long a consumer works on a message before it deletes it.
const PROCESSING: Duration = Duration::from_millis(20);

/// How often a quiet tenant sends.
const SEND_EVERY: Duration = Duration::from_millis(25);

/// The group of the backlog, which is sent before.
pub(crate) const NOISY_GROUP: &str = "noisy";

/// What the consumers and the sender share.
struct Run {
    queue_url: String,
    /// How many quiet tenants there are; without any, no message has a group.
    tenants: Option<u64>,
    warmed_up: Instant,
    stop: AtomicBool,
    /// When each message of a quiet tenant was sent, until it is received.
    waiting: Mutex<std::collections::BTreeMap<String, Instant>>,
    dwell: Mutex<Histogram<u64>>,
    processed: AtomicU64,
}

/// Each connection is a consumer, who receives, works on and deletes one message after another,
/// while quiet tenants send 40 messages a second in turn. Reports the times from send to receive
/// of these. A message still there at the end counts as an error, and with its time so far.
pub(crate) async fn measure(args: &BenchArgs, queue_url: &str) -> Result<Report, BenchError> {
    let run = Arc::new(Run {
        queue_url: queue_url.to_owned(),
        tenants: args.groups,
        warmed_up: Instant::now() + args.warm_up,
        stop: AtomicBool::new(false),
        waiting: Mutex::default(),
        dwell: Mutex::new(histogram()),
        processed: AtomicU64::new(0),
    });
    let cpu = |pid| process::cpu_time(pid).map_err(|source| BenchError::Process { pid, source });
    let before = args.server_pid.map(cpu).transpose()?;
    let mut tasks = JoinSet::new();
    for _ in 0..args.connections {
        let connection = Connection::connect(&args.endpoint).await?;
        tasks.spawn(consume(connection, Arc::clone(&run)));
    }
    tasks.spawn(send(Connection::connect(&args.endpoint).await?, Arc::clone(&run)));
    tokio::time::sleep(args.warm_up + args.duration).await;
    run.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("a task neither panics nor is cancelled")?;
    }

    let run = Arc::into_inner(run).expect("every task has ended");
    let mut dwell = run.dwell.into_inner().expect("no task panicked");
    let operations = dwell.len();
    let left = run.waiting.into_inner().expect("no task panicked");
    let left: Vec<_> = left.into_values().filter(|sent| *sent >= run.warmed_up).collect();
    left.iter().for_each(|sent| record(&mut dwell, sent.elapsed()));
    let seconds = args.duration.as_secs_f64();
    let processed = run.processed.load(Ordering::Relaxed);
    let after = args.server_pid.map(cpu).transpose()?;
    let server = args.server_pid.zip(before.zip(after)).map(|(pid, (before, after))| {
        let cpu_seconds = after.saturating_sub(before).as_secs_f64();
        let resident = process::resident_bytes(pid);
        resident.map_err(|source| BenchError::Process { pid, source }).map(|resident_bytes| {
            let cpu_microseconds_per_operation = cpu_seconds * 1e6 / processed.max(1) as f64;
            ServerUsage { cpu_seconds, cpu_microseconds_per_operation, resident_bytes }
        })
    });
    Ok(Report {
        scenario: args.scenario,
        connections: args.connections,
        message_size: args.message_size,
        seconds,
        operations,
        messages: processed,
        operations_per_second: operations as f64 / seconds,
        messages_per_second: processed as f64 / (seconds + args.warm_up.as_secs_f64()),
        errors: left.len() as u64,
        empty_receives: 0,
        latency: Latency::of(&dwell),
        actions: None,
        server: server.transpose()?,
        tool_cpu_seconds: None,
    })
}

/// Receives, works, deletes, until the run ends.
async fn consume(mut connection: Connection, run: Arc<Run>) -> Result<(), BenchError> {
    while !run.stop.load(Ordering::Relaxed) {
        let input = json!({"QueueUrl": run.queue_url, "WaitTimeSeconds": 1});
        let output = call(&mut connection, "ReceiveMessage", &input).await?;
        let message = &output["Messages"][0];
        let Some(receipt_handle) = message["ReceiptHandle"].as_str() else { continue };
        let body = message["Body"].as_str().unwrap_or_default();
        let sent = run.waiting.lock().expect("no task panicked").remove(body);
        if let Some(sent) = sent.filter(|sent| *sent >= run.warmed_up) {
            record(&mut run.dwell.lock().expect("no task panicked"), sent.elapsed());
        }
        tokio::time::sleep(PROCESSING).await;
        let input = json!({"QueueUrl": run.queue_url, "ReceiptHandle": receipt_handle});
        call(&mut connection, "DeleteMessage", &input).await?;
        run.processed.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends for one quiet tenant after another.
async fn send(mut connection: Connection, run: Arc<Run>) -> Result<(), BenchError> {
    let mut ticks = tokio::time::interval(SEND_EVERY);
    for number in 0.. {
        ticks.tick().await;
        if run.stop.load(Ordering::Relaxed) {
            break;
        }
        let body = format!("quiet message {number}");
        let mut input = json!({"QueueUrl": run.queue_url, "MessageBody": body});
        if let Some(tenants) = run.tenants {
            input["MessageGroupId"] = format!("quiet-{}", number % tenants).into();
        }
        run.waiting.lock().expect("no task panicked").insert(body, Instant::now());
        call(&mut connection, "SendMessage", &input).await?;
    }
    Ok(())
}

async fn call(
    connection: &mut Connection,
    action: &'static str,
    input: &Value,
) -> Result<Value, BenchError> {
    let (status, body) = connection.call(action, &input.to_string()).await?;
    let answer = Answer { status, body: &body };
    if status != 200 {
        return Err(BenchError::wrong_answer(action, &answer, "it is an error"));
    }
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body)
        .map_err(|_| BenchError::wrong_answer(action, &answer, "it is not JSON"))
}
