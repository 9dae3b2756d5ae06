use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::args::Scenario;
use crate::compare::Comparison;

/// What a run measured.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What each connection did.
    pub scenario: Scenario,
    /// How many connections did it at the same time.
    pub connections: u32,
    /// Bytes in each message's body.
    pub message_size: usize,
    /// How long was measured.
    pub seconds: f64,
    /// Operations completed: a send, a batch, or a whole lifecycle.
    pub operations: u64,
    /// Operations that were due and could not begin before the end, since all connections were busy.
    pub missed: u64,
    /// Messages those operations moved.
    pub messages: u64,
    /// Operations a second.
    pub operations_per_second: f64,
    /// Messages a second.
    pub messages_per_second: f64,
    /// Operations given up: lifecycles whose every receive was empty.
    pub errors: u64,
    /// Receives that returned no message and were repeated.
    pub empty_receives: u64,
    /// How long whole operations took.
    pub latency: Latency,
    /// How long each action of a lifecycle took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<ActionLatencies>,
    /// What the server used, if its process was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerUsage>,
    /// CPU seconds this tool used; near `seconds` times its threads, the tool was
    /// the bottleneck. Absent where there is no `/proc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_cpu_seconds: Option<f64>,
}

/// Percentiles of a latency, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// Half took at most this long.
    pub p50: u64,
    /// 90 % took at most this long.
    pub p90: u64,
    /// 99 % took at most this long.
    pub p99: u64,
    /// 99.9 % took at most this long.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

/// The latencies of a lifecycle's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ActionLatencies {
    /// SendMessage or SendMessageBatch, if it is a part of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<Latency>,
    /// The ReceiveMessage that returned a message.
    pub receive: Latency,
    /// DeleteMessage or DeleteMessageBatch.
    pub delete: Latency,
}

/// What the server used while it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ServerUsage {
    /// CPU seconds, over all threads.
    pub cpu_seconds: f64,
    /// CPU microseconds for each operation.
    pub cpu_microseconds_per_operation: f64,
    /// Resident memory when measuring ended.
    pub resident_bytes: u64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Latency {
        Latency {
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

/// Latencies while they are counted: microseconds, to three digits, up to an hour.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are valid")
}

/// Counts one latency.
pub(crate) fn record(histogram: &mut Histogram<u64>, latency: Duration) {
    histogram.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
}

/// What a run, or a comparison of two endpoints, found.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Findings {
    /// Of one endpoint.
    Report(Report),
    /// Of two.
    Comparison(Comparison),
}

/// Prints findings on stdout, as JSON or as text.
pub fn print(findings: &Findings, json: bool) {
    if json {
        println!("{}", serde_json::to_string(findings).expect("findings are valid JSON"));
        return;
    }
    match findings {
        Findings::Report(report) => print!("{}", to_text(report)),
        Findings::Comparison(comparison) => print!("{}", comparison.to_text()),
    }
}

fn to_text(report: &Report) -> String {
    let name = clap::ValueEnum::to_possible_value(&report.scenario).expect("no scenario is hidden");
    let mut lines = vec![
        format!(
            "{} over {} connections, {} byte messages, {:.2} s",
            name.get_name(),
            report.connections,
            report.message_size,
            report.seconds
        ),
        format!(
            "operations    {:>10}  {:>12.1} /s",
            report.operations, report.operations_per_second
        ),
        format!("messages      {:>10}  {:>12.1} /s", report.messages, report.messages_per_second),
        format!("errors        {:>10}", report.errors),
    ];
    if report.missed > 0 {
        lines.push(format!("missed        {:>10}  too late for their rate", report.missed));
    }
    if let Some(actions) = &report.actions {
        lines.push(format!("empty receives{:>10}", report.empty_receives));
        lines.push(latency_heading());
        lines.push(latency_line("  lifecycle", &report.latency));
        lines.extend(actions.send.as_ref().map(|send| latency_line("  send", send)));
        lines.push(latency_line("  receive", &actions.receive));
        lines.push(latency_line("  delete", &actions.delete));
    } else {
        lines.push(latency_heading());
        lines.push(latency_line("  operation", &report.latency));
    }
    if let Some(server) = &report.server {
        lines.push(format!(
            "server        {:.2} CPU s, {:.1} CPU us per operation, {:.1} MiB resident",
            server.cpu_seconds,
            server.cpu_microseconds_per_operation,
            server.resident_bytes as f64 / 1_048_576.0
        ));
    }
    if let Some(tool) = report.tool_cpu_seconds {
        lines.push(format!("this tool     {tool:.2} CPU s"));
    }
    lines.join("\n") + "\n"
}

fn latency_heading() -> String {
    format!(
        "{:<14}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "latency in us", "p50", "p90", "p99", "p99.9", "max"
    )
}

fn latency_line(name: &str, latency: &Latency) -> String {
    let Latency { p50, p90, p99, p999, max } = latency;
    format!("{name:<14}{p50:>10}{p90:>10}{p99:>10}{p999:>10}{max:>10}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn thousand_latencies() -> Latency {
        let mut histogram = histogram();
        for microseconds in 1..=1000 {
            record(&mut histogram, Duration::from_micros(microseconds));
        }
        Latency::of(&histogram)
    }

    pub(crate) fn report() -> Report {
        let latency = thousand_latencies();
        Report {
            scenario: Scenario::SendBatch,
            connections: 64,
            message_size: 1024,
            seconds: 5.0,
            operations: 1000,
            missed: 0,
            messages: 10_000,
            operations_per_second: 200.0,
            messages_per_second: 2000.0,
            errors: 0,
            empty_receives: 0,
            latency,
            actions: Some(ActionLatencies {
                send: Some(latency),
                receive: latency,
                delete: latency,
            }),
            server: Some(ServerUsage {
                cpu_seconds: 2.0,
                cpu_microseconds_per_operation: 2000.0,
                resident_bytes: 1_048_576,
            }),
            tool_cpu_seconds: None,
        }
    }

    #[test]
    fn percentiles_are_microseconds() {
        assert_eq!(
            thousand_latencies(),
            Latency { p50: 500, p90: 900, p99: 990, p999: 999, max: 1000 }
        );
    }

    #[test]
    fn nothing_measured_is_zero_and_the_endless_is_an_hour() {
        let mut counted = histogram();
        assert_eq!(Latency::of(&counted), Latency { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
        record(&mut counted, Duration::MAX);
        assert!(Latency::of(&counted).max >= 3_600_000_000);
    }

    #[test]
    fn a_report_reads_as_text_and_as_json() {
        let report = report();
        let text = to_text(&report);
        assert!(
            text.starts_with("send-batch over 64 connections, 1024 byte messages, 5.00 s\n"),
            "{text}"
        );
        assert!(
            text.contains("2.00 CPU s, 2000.0 CPU us per operation, 1.0 MiB resident"),
            "{text}"
        );

        let json = serde_json::to_value(&report).expect("valid JSON");
        assert_eq!(json["scenario"], "send-batch");
        assert_eq!(json["latency"]["p999"], 999);
        assert_eq!(json["server"]["resident_bytes"], 1_048_576);
        assert!(json.get("tool_cpu_seconds").is_none());
    }
}
