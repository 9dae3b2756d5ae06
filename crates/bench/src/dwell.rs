//! How long messages stay in a queue: those of quiet tenants beside the backlog of a noisy one, and
//! those that somebody waits for.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::args::{BenchArgs, Scenario};
use crate::client::{Answer, Connection};
use crate::error::BenchError;
use crate::process;
use crate::report::{Latency, Report, ServerUsage, histogram, record};
use crate::target::Target;

/// How long a consumer works on a message before it deletes it.
const PROCESSING: Duration = Duration::from_millis(20);

/// How many messages quiet tenants send in a second, and how many are sent to those who wait.
const QUIET_RATE: u32 = 40;
const LONG_POLL_RATE: u32 = 100;

/// How long a receive waits: the shortest, so that the run ends soon, or the longest.
const WAIT_SECONDS: u32 = 1;
const LONG_POLL_SECONDS: u32 = 20;

/// How long the last messages may take to be received and deleted.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// The group of the backlog, which is sent before.
pub(crate) const NOISY_GROUP: &str = "noisy";

/// What the consumers and the sender share.
struct Run {
    queue_url: String,
    /// Whether consumers do nothing but wait.
    only_waits: bool,
    send_every: Duration,
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
/// while quiet tenants send 40 messages a second in turn; or who waits for messages and deletes
/// them. Reports the times from send to receive. A message still there at the end counts as an
/// error, and with its time so far.
pub(crate) async fn measure(
    args: &BenchArgs,
    target: &Target,
    queue_url: &str,
) -> Result<Report, BenchError> {
    let only_waits = args.scenario == Scenario::LongPoll;
    let usual = if only_waits { LONG_POLL_RATE } else { QUIET_RATE };
    let run = Arc::new(Run {
        queue_url: queue_url.to_owned(),
        only_waits,
        send_every: Duration::from_secs(1) / args.rate.unwrap_or(usual),
        tenants: args.groups,
        warmed_up: Instant::now() + args.warm_up,
        stop: AtomicBool::new(false),
        waiting: Mutex::default(),
        dwell: Mutex::new(histogram()),
        processed: AtomicU64::new(0),
    });
    let cpu = |pid| process::cpu_time(pid).map_err(|source| BenchError::Process { pid, source });
    let before = args.server_pid.map(cpu).transpose()?;
    let mut consumers = JoinSet::new();
    for _ in 0..args.connections {
        let connection = Connection::to(target).await?;
        consumers.spawn(consume(connection, Arc::clone(&run)));
    }
    let sender = tokio::spawn(send(Connection::to(target).await?, Arc::clone(&run)));
    let end = tokio::time::sleep(args.warm_up + args.duration);
    tokio::select! {
        () = end => {}
        // None ends before it is told to, unless it failed.
        Some(ended) = consumers.join_next() => ended.expect("a consumer does not panic")?,
    }
    run.stop.store(true, Ordering::Relaxed);
    sender.await.expect("the sender does not panic")?;
    let ending = async {
        while let Some(ended) = consumers.join_next().await {
            ended.expect("a consumer does not panic")?;
        }
        Ok::<_, BenchError>(())
    };
    // Who waits for a message that will not come is not waited for.
    match tokio::time::timeout(LAST_ANSWERS, ending).await {
        Ok(ended) => ended?,
        Err(_) => consumers.shutdown().await,
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
        missed: 0,
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
    let wait = if run.only_waits { LONG_POLL_SECONDS } else { WAIT_SECONDS };
    while !run.stop.load(Ordering::Relaxed) {
        let input = json!({"QueueUrl": run.queue_url, "WaitTimeSeconds": wait});
        let output = call(&mut connection, "ReceiveMessage", &input).await?;
        let message = &output["Messages"][0];
        let Some(receipt_handle) = message["ReceiptHandle"].as_str() else { continue };
        let body = message["Body"].as_str().unwrap_or_default();
        let sent = run.waiting.lock().expect("no task panicked").remove(body);
        if let Some(sent) = sent.filter(|sent| *sent >= run.warmed_up) {
            record(&mut run.dwell.lock().expect("no task panicked"), sent.elapsed());
        }
        if !run.only_waits {
            tokio::time::sleep(PROCESSING).await;
        }
        let input = json!({"QueueUrl": run.queue_url, "ReceiptHandle": receipt_handle});
        call(&mut connection, "DeleteMessage", &input).await?;
        run.processed.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Sends at its pace, for one quiet tenant after another if there are any.
async fn send(mut connection: Connection, run: Arc<Run>) -> Result<(), BenchError> {
    let mut ticks = tokio::time::interval(run.send_every);
    for number in 0.. {
        ticks.tick().await;
        if run.stop.load(Ordering::Relaxed) {
            break;
        }
        let body = format!("message {number}");
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
