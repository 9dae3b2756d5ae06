//! [`Metrics`]: what `/metrics` tells a Prometheus server, in OpenMetrics text.
//!
//! Requests are counted by action and status, queues by what was acknowledged. Labels come from closed
//! sets and from names that the catalog accepted; nothing that a caller writes becomes one unchecked.

use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};

use formiga_engine::queue::Counters;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::queues::{Counts, Directory, QueueHandle};

/// The content type of the text.
pub(crate) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Of so many queues each is told by itself, the first by account, region and name.
const QUEUES_MAX: usize = 1000;

/// What is counted of requests.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    api: &'static str,
    action: String,
    status: u16,
}

impl Metrics {
    /// Counts a request. `action` is one that exists, or none.
    pub(crate) fn count_request(&self, api: &'static str, action: Option<&str>, status: u16) {
        let action = action.unwrap_or("other").to_owned();
        self.requests.get_or_create(&RequestLabels { api, action, status }).inc();
    }

    /// Everything, as text.
    pub(crate) async fn text(&self, queues: &Directory, under_way: usize) -> String {
        let (shown, omitted) = queues.first(QUEUES_MAX);
        let mut told = Vec::with_capacity(shown.len());
        for handle in shown {
            // A queue that cannot be asked now is told without its messages.
            let messages = handle.count().await.ok();
            told.push(Told { handle, messages });
        }
        let mut registry = Registry::with_prefix("formiga");
        let requests = "Requests that were answered";
        registry.register("http_requests", requests, self.requests.clone());
        registry.register_collector(Box::new(Scrape { queues: told, omitted, under_way }));
        let mut text = String::new();
        let encoded = prometheus_client::encoding::text::encode(&mut text, &registry);
        encoded.expect("text can be written to memory");
        text
    }
}

/// A queue as it is at the moment of a scrape.
struct Told {
    handle: QueueHandle,
    messages: Option<Counters>,
}

struct Scrape {
    queues: Vec<Told>,
    omitted: usize,
    under_way: usize,
}

impl Debug for Scrape {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrape").field("queues", &self.queues.len()).finish_non_exhaustive()
    }
}

/// The counter families of queues: name, help, and which count it is.
type CounterFamily = (&'static str, &'static str, fn(&Counts) -> &AtomicU64);

const COUNTERS: [CounterFamily; 6] = [
    ("queue_messages_sent", "Messages accepted", |counts| &counts.sent),
    ("queue_sent_bytes", "Sizes of the messages accepted", |counts| &counts.sent_bytes),
    ("queue_messages_deduplicated", "Sends that were repeated", |counts| &counts.deduplicated),
    ("queue_messages_received", "Messages returned by receives", |counts| &counts.received),
    ("queue_empty_receives", "Receives that returned nothing", |counts| &counts.empty_receives),
    ("queue_messages_deleted", "Deletes with a valid handle", |counts| &counts.deleted),
];

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        gauge(&mut encoder, "http_requests_in_flight", "Requests under way", self.under_way)?;
        let omitted = "Queues that are not told one by one, of which there are too many";
        gauge(&mut encoder, "metrics_queues_omitted", omitted, self.omitted)?;
        let queues = "Queues told one by one or omitted";
        gauge(&mut encoder, "queues", queues, self.queues.len() + self.omitted)?;
        if self.queues.is_empty() {
            return Ok(());
        }
        for (name, help, count) in COUNTERS {
            let zero = ConstCounter::new(0_u64);
            let mut family = encoder.encode_descriptor(name, help, None, zero.metric_type())?;
            for queue in &self.queues {
                let count = count(queue.handle.counts()).load(Ordering::Relaxed);
                let labels = queue.labels(None);
                let series = family.encode_family(&labels)?;
                ConstCounter::new(count).encode(series)?;
            }
        }
        let help = "Messages that are visible, in flight and delayed";
        let zero = ConstGauge::new(0_i64);
        let mut family =
            encoder.encode_descriptor("queue_messages", help, None, zero.metric_type())?;
        for queue in &self.queues {
            let Some(Counters { visible, in_flight, delayed }) = queue.messages else { continue };
            for (state, count) in
                [("visible", visible), ("in_flight", in_flight), ("delayed", delayed)]
            {
                let labels = queue.labels(Some(state));
                let series = family.encode_family(&labels)?;
                ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX)).encode(series)?;
            }
        }
        Ok(())
    }
}

impl Told {
    fn labels(&self, state: Option<&'static str>) -> Vec<(&'static str, String)> {
        let key = &self.handle.entry().key;
        let mut labels = vec![
            ("account", key.account.to_string()),
            ("region", key.region.to_string()),
            ("queue", key.name.as_str().to_owned()),
        ];
        labels.extend(state.map(|state| ("state", state.to_owned())));
        labels
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> fmt::Result {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    let series = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
    gauge.encode(series)
}
