use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::client::Endpoint;
use crate::dwell::NOISY_GROUP;
use crate::error::BenchError;
use crate::request::Grouping;

/// The largest message, and the largest sum over a batch, that SQS takes.
const MESSAGE_BYTES_MAX: usize = 1_048_576;

/// The most entries that one batch takes.
pub(crate) const BATCH_ENTRIES_MAX: usize = 10;

/// What `formiga bench` is asked to do.
#[derive(clap::Args, Debug, Clone)]
pub struct BenchArgs {
    /// The server to measure. For https, AWS_CA_BUNDLE names the authorities to trust in place of the
    /// system's.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9324", value_parser = Endpoint::parse)]
    pub endpoint: Endpoint,

    /// Measure this endpoint as well, in turns with --endpoint, and print the ratios.
    #[arg(long, value_name = "URL", value_parser = Endpoint::parse)]
    pub compare: Option<Endpoint>,

    /// How often each endpoint is measured with --compare; medians are compared.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// Sign every request with the credentials of the environment or the profile, as every SDK does.
    /// Without it requests bear a signature that is well-formed and never valid.
    #[arg(long)]
    pub sign: bool,

    /// The region to sign for.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1")]
    pub region: String,

    /// What each connection does over and over.
    #[arg(long, value_enum, default_value_t = Scenario::Send)]
    pub scenario: Scenario,

    /// How many connections send at the same time, each one request after another.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub connections: u32,

    /// How long to measure, such as 500ms, 5s or 2m.
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub duration: Duration,

    /// How long to send before measuring.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    pub warm_up: Duration,

    /// Begin so many operations a second, whether or not those before have ended (an open loop); one
    /// that is due while all connections are busy counts from when it was due. Without it, each
    /// connection begins an operation when its last has ended (a closed loop).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,

    /// Stop measuring after this many operations, if that is sooner than --duration.
    #[arg(long, value_name = "N")]
    pub operations: Option<u64>,

    /// Bytes in the body of each message.
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    pub message_size: usize,

    /// The queue to use, created if missing and left in place.
    /// Without a name a fresh queue is made and deleted afterwards.
    #[arg(long, value_name = "NAME")]
    pub queue: Option<String>,

    /// Spread the connections over so many queues [default: 1, with --scenario queues 64].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub queues: Option<u32>,

    /// An attribute of the queues that are made, such as SqsManagedSseEnabled=false. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_attribute)]
    pub attribute: Vec<(String, String)>,

    /// Send this many messages to each queue before measuring, so that the load meets a backlog
    /// [default: 0, with --scenario receive-delete 100000, with --scenario backlog 1000000].
    #[arg(long, value_name = "N")]
    pub depth: Option<u64>,

    /// Use a FIFO queue (except for --scenario dwell), and send to so many message groups in turn
    /// [default with --scenario fifo: 100].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub groups: Option<u64>,

    /// The server's process, on this machine: its CPU time and memory join the report.
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,

    /// Threads that drive the connections.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: u32,

    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What each connection does over and over.
#[derive(clap::ValueEnum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// SendMessage.
    Send,
    /// SendMessageBatch with ten entries.
    SendBatch,
    /// ReceiveMessage of one message and DeleteMessage, of messages that were sent before (--depth),
    /// until none is left.
    ReceiveDelete,
    /// SendMessage, ReceiveMessage of one message, DeleteMessage.
    Lifecycle,
    /// The same in batches of ten.
    LifecycleBatch,
    /// The lifecycle of messages of a FIFO queue.
    Fifo,
    /// The lifecycle beside a backlog (--depth).
    Backlog,
    /// The lifecycle, spread over many --queues.
    Queues,
    /// Every connection waits for messages with long polls, of which 100 a second, or --rate, are sent;
    /// reported are the times from a send to the end of the poll that receives it.
    LongPoll,
    /// ReceiveMessage of one message, 20 ms of work, DeleteMessage. The --depth messages before
    /// are a noisy tenant's, and so many --groups of quiet tenants send 40 messages a second, whose
    /// times from send to receive are reported. Without --groups no message has a group.
    Dwell,
}

impl Scenario {
    /// Whether it has a load of its own, whose messages differ from each other.
    pub(crate) fn dwells(self) -> bool {
        matches!(self, Scenario::Dwell | Scenario::LongPoll)
    }

    fn is_batch(self) -> bool {
        matches!(self, Scenario::SendBatch | Scenario::LifecycleBatch)
    }
}

impl BenchArgs {
    /// Refuses what no server could be asked, before anything is sent.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        let size = self.message_size;
        if size == 0 || size > MESSAGE_BYTES_MAX {
            return Err(BenchError::Setting(format!(
                "--message-size is {size}, and SQS takes 1 to {MESSAGE_BYTES_MAX} bytes"
            )));
        }
        if self.scenario.is_batch() && size * BATCH_ENTRIES_MAX > MESSAGE_BYTES_MAX {
            return Err(BenchError::Setting(format!(
                "a batch of {BATCH_ENTRIES_MAX} messages of {size} bytes exceeds the {MESSAGE_BYTES_MAX} bytes that SQS takes"
            )));
        }
        let fifo = self.queue.as_ref().map(|name| name.ends_with(".fifo"));
        if fifo.is_some_and(|fifo| fifo != self.is_fifo()) {
            return Err(BenchError::Setting(
                "--groups and --scenario fifo go with a --queue whose name ends in .fifo, and only with such a queue"
                    .to_owned(),
            ));
        }
        let refused = |sentence: &str| Err(BenchError::Setting(sentence.to_owned()));
        if self.scenario == Scenario::LongPoll && self.groups.is_some() {
            return refused(
                "--scenario long-poll sends to a standard queue, which --groups is not about",
            );
        }
        if self.scenario.dwells() && self.queues() > 1 {
            return refused(
                "--scenario dwell and long-poll are about one queue, and --queues names more",
            );
        }
        if self.scenario == Scenario::Dwell && self.rate.is_some() {
            return refused("--scenario dwell has a pace of its own, so --rate means nothing");
        }
        if self.compare.is_some() && self.server_pid.is_some() {
            return refused(
                "--server-pid is one server's process, and --compare measures two servers",
            );
        }
        Ok(())
    }

    fn is_fifo(&self) -> bool {
        self.groups().is_some() && !self.scenario.dwells()
    }

    /// How many messages are sent to each queue before.
    pub(crate) fn depth(&self) -> u64 {
        self.depth.unwrap_or(match self.scenario {
            Scenario::ReceiveDelete => 100_000,
            Scenario::Backlog => 1_000_000,
            _ => 0,
        })
    }

    /// Over how many queues the connections are spread.
    pub(crate) fn queues(&self) -> u32 {
        self.queues.unwrap_or(if self.scenario == Scenario::Queues { 64 } else { 1 })
    }

    /// How many message groups there are.
    pub(crate) fn groups(&self) -> Option<u64> {
        self.groups.or((self.scenario == Scenario::Fifo).then_some(100))
    }

    /// How messages sent by the load are grouped.
    pub(crate) fn grouping(&self) -> Option<Grouping> {
        let tenants = self.scenario == Scenario::Dwell;
        self.groups().map(|groups| {
            if tenants { Grouping::Tenant(NOISY_GROUP) } else { Grouping::Fifo(groups) }
        })
    }

    /// The queues' names: after the given one, or such as no earlier run used.
    pub(crate) fn queue_names(&self) -> Vec<String> {
        let suffix = if self.is_fifo() { ".fifo" } else { "" };
        let name = self.queue.clone().unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            format!("bench-{}-{}{suffix}", now.as_nanos(), std::process::id())
        });
        if self.queues() == 1 {
            return vec![name];
        }
        let stem = name.strip_suffix(suffix).unwrap_or(&name);
        (0..self.queues()).map(|number| format!("{stem}-{number}{suffix}")).collect()
    }

    /// How many entries of the message size fit one batch.
    pub(crate) fn batch_entries(&self) -> usize {
        (MESSAGE_BYTES_MAX / self.message_size).clamp(1, BATCH_ENTRIES_MAX)
    }
}

/// Parses an attribute and its value.
fn parse_attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a whole number with its unit: `500ms`, `5s` or `2m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let count: u64 = digits.parse().map_err(|_| {
        format!("{text:?} is not a whole number with a unit, such as 500ms, 5s or 2m")
    })?;
    match unit {
        "ms" => Ok(Duration::from_millis(count)),
        "s" => Ok(Duration::from_secs(count)),
        "m" if count <= u64::MAX / 60 => Ok(Duration::from_secs(count * 60)),
        _ => Err(format!("{text:?} needs one of the units ms, s and m")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn args(line: &[&str]) -> Result<BenchArgs, clap::Error> {
        Line::try_parse_from([&["bench"], line].concat()).map(|line| line.args)
    }

    #[test]
    fn a_duration_is_a_whole_number_with_a_unit() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("0s"), Ok(Duration::ZERO));
        for wrong in [
            "",
            "5",
            "s",
            "5h",
            "-5s",
            "1.5s",
            "5 s",
            "99999999999999999999s",
            "18446744073709551615m",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_reference_page() {
        let args = args(&[]).expect("no argument is required");
        assert_eq!(args.endpoint.to_string(), "http://127.0.0.1:9324");
        assert_eq!(args.scenario, Scenario::Send);
        assert_eq!((args.connections, args.threads), (64, 1));
        assert_eq!((args.duration, args.warm_up), (Duration::from_secs(5), Duration::from_secs(1)));
        assert_eq!((args.message_size, args.depth(), args.queues()), (1024, 0, 1));
        assert!(args.check().is_ok());
    }

    #[test]
    fn what_cannot_be_sent_is_refused_before_the_run() {
        assert!(args(&["--endpoint", "ftp://127.0.0.1"]).is_err());
        assert!(args(&["--rate", "0"]).is_err());
        assert!(args(&["--attribute", "VisibilityTimeout"]).is_err());
        assert!(args(&["--connections", "0"]).is_err());
        let refused = |line: &[&str]| args(line).expect("it parses").check().is_err();
        assert!(refused(&["--message-size", "0"]));
        assert!(refused(&["--message-size", "1048577"]));
        assert!(refused(&["--message-size", "200000", "--scenario", "send-batch"]));
        assert!(refused(&["--queue", "orders.fifo"]));
        assert!(refused(&["--queue", "orders", "--groups", "3"]));
        assert!(refused(&["--queue", "orders", "--scenario", "fifo"]));
        assert!(refused(&["--scenario", "long-poll", "--queues", "2"]));
        assert!(refused(&["--scenario", "long-poll", "--groups", "2"]));
        assert!(refused(&["--scenario", "dwell", "--rate", "10"]));
        assert!(refused(&["--compare", "http://127.0.0.1:1", "--server-pid", "1"]));
        assert!(!refused(&["--queue", "orders", "--groups", "3", "--scenario", "dwell"]));
    }

    #[test]
    fn scenarios_have_defaults_of_their_own() {
        let of = |scenario: &str| args(&["--scenario", scenario]).expect("it parses");
        assert_eq!((of("fifo").groups(), of("lifecycle").groups()), (Some(100), None));
        assert_eq!((of("backlog").depth(), of("receive-delete").depth()), (1_000_000, 100_000));
        assert_eq!(of("queues").queues(), 64);
        let names = of("fifo").queue_names();
        assert!(names.len() == 1 && names[0].ends_with(".fifo"), "{names:?}");
        let two = ["--scenario", "fifo", "--queues", "2", "--queue", "a.fifo"];
        assert_eq!(args(&two).expect("it parses").queue_names(), ["a-0.fifo", "a-1.fifo"]);
    }

    #[test]
    fn batches_of_large_messages_stay_within_the_batch_limit() {
        let entries =
            |size: &str| args(&["--message-size", size]).expect("it parses").batch_entries();
        assert_eq!(entries("1024"), 10);
        assert_eq!(entries("104857"), 10);
        assert_eq!(entries("200000"), 5);
        assert_eq!(entries("1048576"), 1);
    }
}
