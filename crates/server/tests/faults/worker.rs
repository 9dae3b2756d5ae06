//! A client that sends, receives and deletes, and writes down what was acknowledged.

use std::collections::HashMap;
use std::iter;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde_json::{Value, json};

use super::client::{Client, Failure, Kind, VISIBILITY_TIMEOUT, messages};
use super::ledger::Ledger;
use super::rng::Rng;
use super::server::Server;

/// What a worker tells the killer of its server.
pub(crate) enum Event {
    Acknowledged,
    /// A request was under way when the server was killed, and was never answered.
    InFlight,
    Ended,
}

/// What the server was busy with when it was killed.
#[derive(Default)]
pub(crate) struct Killed {
    pub(crate) acknowledged: usize,
    pub(crate) in_flight: usize,
}

/// Lets the workers make requests, each on a connection of its own, until `acknowledged` of
/// them were answered; then kills the server in the midst of the next ones.
pub(crate) fn load_and_kill(
    workers: &mut [Worker<'_>],
    server: Server,
    acknowledged: usize,
) -> Killed {
    load_and_kill_after(workers, server, acknowledged, |_| ())
}

/// The same; when half of the requests were answered, `halfway` does something to the server.
pub(crate) fn load_and_kill_after(
    workers: &mut [Worker<'_>],
    server: Server,
    acknowledged: usize,
    halfway: impl FnOnce(&Server),
) -> Killed {
    let mut halfway = Some(halfway);
    let (events, happened) = channel();
    let (killing, address) = (AtomicBool::new(false), server.address());
    let load = Load { killing: &killing, events };
    let loads = iter::repeat_n(load, workers.len());
    let mut killed = Killed::default();
    thread::scope(|scope| {
        let mut running = Vec::new();
        for (worker, load) in workers.iter_mut().zip(loads) {
            running.push(scope.spawn(move || worker.run(address, &load)));
        }
        let last = happened.iter().find(|event| {
            killed.count(event);
            if killed.acknowledged >= acknowledged / 2 {
                halfway.take().into_iter().for_each(|act| act(&server));
            }
            matches!(event, Event::Ended) || killed.acknowledged == acknowledged
        });
        killing.store(true, Ordering::SeqCst);
        server.kill();
        for worker in running {
            match worker.join().expect("a worker ends with a failure") {
                Failure::Unanswered(_) if matches!(last, Some(Event::Acknowledged)) => {}
                failure => panic!("a request failed before the server was killed: {failure}"),
            }
        }
    });
    happened.iter().for_each(|event| killed.count(&event));
    killed
}

impl Killed {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Acknowledged => self.acknowledged += 1,
            Event::InFlight => self.in_flight += 1,
            Event::Ended => {}
        }
    }
}

/// What a worker knows of the others: whether the server is about to be killed, and whom to tell.
#[derive(Clone)]
pub(crate) struct Load<'a> {
    pub(crate) killing: &'a AtomicBool,
    pub(crate) events: Sender<Event>,
}

impl Load<'_> {
    fn tell(&self, event: Event) {
        self.events.send(event).expect("the killer listens until every worker ended");
    }
}

pub(crate) struct Worker<'a> {
    name: String,
    rng: Rng,
    /// Of 100 bodies, so many may be long.
    long_percent: usize,
    kind: Kind,
    ledger: &'a Ledger,
    sent: usize,
    /// Messages received and not yet deleted. Their handles stay good when the server starts
    /// again.
    held: Vec<Held>,
    /// The input of a send to a FIFO queue that was not answered: it is repeated.
    unanswered: Option<(Value, String)>,
}

struct Held {
    queue: &'static str,
    handle: String,
    body: String,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        name: String,
        kind: Kind,
        seed: u64,
        long_percent: usize,
        ledger: &'a Ledger,
    ) -> Self {
        let (sent, held, unanswered) = (0, Vec::new(), None);
        let rng = Rng::seeded(seed);
        Worker { name, rng, long_percent, kind, ledger, sent, held, unanswered }
    }

    /// Makes requests until one fails: with the server's death, or with an error of its own.
    pub(crate) fn run(&mut self, address: SocketAddr, load: &Load<'_>) -> Failure {
        let failure = match Client::connect(address, self.kind) {
            Ok(client) => Requests { worker: self, client, load }.run(),
            Err(failure) => failure,
        };
        load.tell(Event::Ended);
        failure
    }

    /// A body of its own: the worker's name, a number, and text of any length.
    fn body(&mut self) -> String {
        const CHARS: [char; 8] = ['a', 'Z', '0', ' ', '"', '\n', 'é', '蟻'];
        self.sent += 1;
        // Ten long ones still fit into a batch.
        let length_max = if self.rng.chance(self.long_percent) { 60_000 } else { 800 };
        let length = self.rng.below(length_max);
        let text: String = (0..length).map(|_| self.rng.pick(&CHARS)).collect();
        format!("{}-{} {text}", self.name, self.sent)
    }
}

struct Requests<'w, 'a> {
    worker: &'w mut Worker<'a>,
    client: Client,
    load: &'w Load<'w>,
}

impl Requests<'_, '_> {
    fn run(&mut self) -> Failure {
        loop {
            let held = !self.worker.held.is_empty();
            let result = match self.worker.rng.below(100) {
                _ if self.worker.unanswered.is_some() => self.send_again(),
                0..8 if held => self.delete(),
                8..15 if held => self.delete_batch(),
                15..23 if held => self.change_visibility(),
                23..26 => self.move_messages(),
                26..50 => self.receive(),
                50..60 => self.send_batch(),
                _ => self.send(),
            };
            if let Err(failure) = result {
                return failure;
            }
        }
    }

    fn call(&mut self, action: &str, input: &Value) -> Result<Value, Failure> {
        self.client.request(&format!("AmazonSQS.{action}"), input)?;
        let under_way = !self.load.killing.load(Ordering::SeqCst);
        let answer = self.client.answer();
        match &answer {
            Ok(_) => self.load.tell(Event::Acknowledged),
            Err(Failure::Unanswered(_)) if under_way => self.load.tell(Event::InFlight),
            Err(_) => {}
        }
        answer
    }

    fn send(&mut self) -> Result<(), Failure> {
        let body = self.worker.body();
        self.worker.ledger.send_requested(&body);
        let input = self.message(&body);
        if self.worker.kind == Kind::Fifo {
            self.worker.unanswered = Some((input, body));
            return self.send_again();
        }
        self.call("SendMessage", &input)?;
        self.worker.ledger.send_acknowledged(&body);
        Ok(())
    }

    /// A send to a FIFO queue may be repeated without harm.
    fn send_again(&mut self) -> Result<(), Failure> {
        let Some((input, body)) = self.worker.unanswered.clone() else { return Ok(()) };
        self.call("SendMessage", &input)?;
        self.worker.ledger.send_acknowledged(&body);
        self.worker.unanswered = None;
        Ok(())
    }

    /// What sends a body. In a FIFO queue the worker has some groups of its own.
    fn message(&mut self, body: &str) -> Value {
        let mut message = json!({ "MessageBody": body });
        if self.worker.kind == Kind::Fifo {
            let group = self.worker.rng.below(3);
            message["MessageGroupId"] = json!(format!("{}-g{group}", self.worker.name));
            let name = body.split(' ').next().unwrap_or_default();
            message["MessageDeduplicationId"] = json!(name);
        }
        message
    }

    fn send_batch(&mut self) -> Result<(), Failure> {
        let count = 1 + self.worker.rng.below(10);
        let bodies: Vec<String> = (0..count).map(|_| self.worker.body()).collect();
        bodies.iter().for_each(|body| self.worker.ledger.send_requested(body));
        let mut entries: Vec<Value> = bodies.iter().map(|body| self.message(body)).collect();
        for (id, entry) in entries.iter_mut().enumerate() {
            entry["Id"] = json!(id.to_string());
        }
        let output = self.call("SendMessageBatch", &json!({ "Entries": entries }))?;
        all_succeeded(&output, count)?;
        bodies.iter().for_each(|body| self.worker.ledger.send_acknowledged(body));
        Ok(())
    }

    /// Receives from one of the queues. With a visibility timeout of 0 the messages come again at
    /// once, until they are dead letters.
    fn receive(&mut self) -> Result<(), Failure> {
        let requested = self.worker.ledger.now();
        let count = 1 + self.worker.rng.below(10);
        let kind = self.worker.kind;
        let dead = self.worker.rng.chance(20);
        let queue = if dead { kind.dead_letter_queue() } else { kind.queue() };
        let holds = self.worker.rng.chance(70);
        let timeout = if holds { VISIBILITY_TIMEOUT } else { 0 };
        let input = json!({
            "QueueUrl": queue,
            "MaxNumberOfMessages": count,
            "VisibilityTimeout": timeout,
        });
        let output = self.call("ReceiveMessage", &input)?;
        for (handle, body) in messages(&output) {
            self.worker.ledger.received(&body, requested);
            if holds {
                self.worker.held.push(Held { queue, handle, body });
            }
        }
        Ok(())
    }

    /// Brings dead letters back. A task may be running already.
    fn move_messages(&mut self) -> Result<(), Failure> {
        let input = json!({ "SourceArn": self.worker.kind.dead_letter_queue_arn() });
        match self.call("StartMessageMoveTask", &input) {
            Err(Failure::Refused(why)) if why.contains("already a task running") => Ok(()),
            started => started.map(drop),
        }
    }

    fn delete(&mut self) -> Result<(), Failure> {
        let Held { queue, handle, body } = self.take();
        self.worker.ledger.delete_requested(&body);
        self.call("DeleteMessage", &json!({ "QueueUrl": queue, "ReceiptHandle": handle }))?;
        self.worker.ledger.delete_acknowledged(&body);
        Ok(())
    }

    fn delete_batch(&mut self) -> Result<(), Failure> {
        let count = 1 + self.worker.rng.below(self.worker.held.len().min(10));
        let taken: Vec<Held> = (0..count).map(|_| self.take()).collect();
        let queue = taken[0].queue;
        let (taken, others): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|held| held.queue == queue);
        self.worker.held.extend(others);
        let bodies: Vec<&String> = taken.iter().map(|held| &held.body).collect();
        bodies.iter().for_each(|body| self.worker.ledger.delete_requested(body));
        let handles = taken.iter().map(|held| held.handle.as_str());
        let output = self.call("DeleteMessageBatch", &delete_entries(queue, handles))?;
        all_succeeded(&output, taken.len())?;
        bodies.iter().for_each(|body| self.worker.ledger.delete_acknowledged(body));
        Ok(())
    }

    /// Holds a message for longer or gives it back.
    fn change_visibility(&mut self) -> Result<(), Failure> {
        let held = self.take();
        let timeout = self.worker.rng.pick(&[0, VISIBILITY_TIMEOUT]);
        let input = json!({
            "QueueUrl": held.queue,
            "ReceiptHandle": held.handle,
            "VisibilityTimeout": timeout,
        });
        self.call("ChangeMessageVisibility", &input)?;
        if timeout > 0 {
            self.worker.held.push(held);
        }
        Ok(())
    }

    fn take(&mut self) -> Held {
        let held = &mut self.worker.held;
        held.swap_remove(self.worker.rng.below(held.len()))
    }
}

/// Everything that was in the queues.
#[derive(Default)]
pub(crate) struct Drained {
    /// A message that comes back after its delete is in the list twice.
    pub(crate) bodies: Vec<String>,
    /// How many of them were dead letters.
    pub(crate) dead_letters: usize,
    /// Messages of a FIFO queue that came in another order than they were sent.
    pub(crate) disordered: Vec<String>,
}

/// Receives and deletes everything there is, passing every visibility timeout, until nothing is
/// left, on the way between the queues neither.
pub(crate) fn drain(client: &mut Client, kind: Kind) -> Result<Drained, Failure> {
    let mut drained = Drained::default();
    let mut latest: HashMap<String, usize> = HashMap::new();
    while client.count()? > 0 {
        let seconds = VISIBILITY_TIMEOUT + 1;
        client.call("Formiga.AdvanceClock", &json!({ "Seconds": seconds }))?;
        for queue in [kind.queue(), kind.dead_letter_queue()] {
            loop {
                let input = json!({
                    "QueueUrl": queue,
                    "MaxNumberOfMessages": 10,
                    "AttributeNames": ["All"],
                });
                let output = client.call("AmazonSQS.ReceiveMessage", &input)?;
                let received = messages(&output);
                if received.is_empty() {
                    break;
                }
                if queue == kind.queue() {
                    check_order(&output, &mut latest, &mut drained.disordered);
                } else {
                    drained.dead_letters += received.len();
                }
                let handles = received.iter().map(|(handle, _)| handle.as_str());
                let input = delete_entries(queue, handles);
                let output = client.call("AmazonSQS.DeleteMessageBatch", &input)?;
                all_succeeded(&output, received.len())?;
                drained.bodies.extend(received.into_iter().map(|(_, body)| body));
            }
        }
    }
    Ok(drained)
}

/// Within a group the numbers of a worker's messages rise. What was moved, and so has its message
/// id for a deduplication id, comes behind.
fn check_order(output: &Value, latest: &mut HashMap<String, usize>, disordered: &mut Vec<String>) {
    for message in output["Messages"].as_array().into_iter().flatten() {
        let attribute = |name: &str| message["Attributes"][name].as_str().map(str::to_owned);
        let (Some(group), Some(id)) =
            (attribute("MessageGroupId"), attribute("MessageDeduplicationId"))
        else {
            continue;
        };
        let Some((worker, number)) = id.split_once('-') else { continue };
        if !group.starts_with(&format!("{worker}-g")) {
            continue; // A message id.
        }
        let number: usize = number.parse().expect("bodies are numbered");
        let before = latest.insert(group, number);
        if before.is_some_and(|before| before > number) {
            disordered.push(id);
        }
    }
}

fn delete_entries<'a>(queue: &str, handles: impl Iterator<Item = &'a str>) -> Value {
    let entry =
        |(id, handle): (usize, &str)| json!({ "Id": id.to_string(), "ReceiptHandle": handle });
    let entries: Vec<Value> = handles.enumerate().map(entry).collect();
    json!({ "QueueUrl": queue, "Entries": entries })
}

fn all_succeeded(output: &Value, count: usize) -> Result<(), Failure> {
    match output["Successful"].as_array() {
        Some(successful) if successful.len() == count => Ok(()),
        _ => Err(Failure::Refused(format!("not every entry succeeded: {output}"))),
    }
}
