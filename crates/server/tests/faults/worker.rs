//! A client that sends, receives and deletes, and writes down what was acknowledged.

use std::iter;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde_json::{Value, json};

use super::client::{Client, Failure, messages};
use super::ledger::Ledger;
use super::rng::Rng;
use super::server::Server;

/// What a worker tells the killer of its server.
enum Event {
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
struct Load<'a> {
    killing: &'a AtomicBool,
    events: Sender<Event>,
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
    ledger: &'a Ledger,
    sent: usize,
    /// Receipt handle and body of messages received and not yet deleted. They stay good when
    /// the server starts again.
    held: Vec<(String, String)>,
}

/// The longest visibility timeout that a worker asks for, in seconds; the queue's own is shorter.
const VISIBILITY_TIMEOUT_MAX: usize = 60;

impl<'a> Worker<'a> {
    pub(crate) fn new(name: String, seed: u64, long_percent: usize, ledger: &'a Ledger) -> Self {
        Worker { name, rng: Rng::seeded(seed), long_percent, ledger, sent: 0, held: Vec::new() }
    }

    /// Makes requests until one fails: with the server's death, or with an error of its own.
    fn run(&mut self, address: SocketAddr, load: &Load<'_>) -> Failure {
        let failure = match Client::connect(address) {
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
                0..10 if held => self.delete(),
                10..20 if held => self.delete_batch(),
                20..25 if held => self.change_visibility(),
                25..50 => self.receive(),
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
        self.call("SendMessage", &json!({ "MessageBody": body }))?;
        self.worker.ledger.send_acknowledged(&body);
        Ok(())
    }

    fn send_batch(&mut self) -> Result<(), Failure> {
        let count = 1 + self.worker.rng.below(10);
        let bodies: Vec<String> = (0..count).map(|_| self.worker.body()).collect();
        bodies.iter().for_each(|body| self.worker.ledger.send_requested(body));
        let entry =
            |(id, body): (usize, &String)| json!({ "Id": id.to_string(), "MessageBody": body });
        let entries: Vec<Value> = bodies.iter().enumerate().map(entry).collect();
        let output = self.call("SendMessageBatch", &json!({ "Entries": entries }))?;
        all_succeeded(&output, count)?;
        bodies.iter().for_each(|body| self.worker.ledger.send_acknowledged(body));
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let requested = self.worker.ledger.now();
        let count = 1 + self.worker.rng.below(10);
        let output = self.call("ReceiveMessage", &json!({ "MaxNumberOfMessages": count }))?;
        for (handle, body) in messages(&output) {
            self.worker.ledger.received(&body, requested);
            self.worker.held.push((handle, body));
        }
        Ok(())
    }

    fn delete(&mut self) -> Result<(), Failure> {
        let (handle, body) = self.take();
        self.worker.ledger.delete_requested(&body);
        self.call("DeleteMessage", &json!({ "ReceiptHandle": handle }))?;
        self.worker.ledger.delete_acknowledged(&body);
        Ok(())
    }

    fn delete_batch(&mut self) -> Result<(), Failure> {
        let count = 1 + self.worker.rng.below(self.worker.held.len().min(10));
        let taken: Vec<(String, String)> = (0..count).map(|_| self.take()).collect();
        taken.iter().for_each(|(_, body)| self.worker.ledger.delete_requested(body));
        let output = self.call("DeleteMessageBatch", &delete_entries(&taken))?;
        all_succeeded(&output, count)?;
        taken.iter().for_each(|(_, body)| self.worker.ledger.delete_acknowledged(body));
        Ok(())
    }

    /// Holds a message for longer or gives it back. Somebody else may have received and deleted
    /// it when this worker was slow; then there is nothing to change.
    fn change_visibility(&mut self) -> Result<(), Failure> {
        let (handle, body) = self.take();
        let timeout = self.worker.rng.pick(&[0, 30, VISIBILITY_TIMEOUT_MAX]);
        let input = json!({ "ReceiptHandle": handle, "VisibilityTimeout": timeout });
        match self.call("ChangeMessageVisibility", &input) {
            Err(Failure::Refused(_)) if self.worker.ledger.is_delete_requested(&body) => {}
            Err(failure) => return Err(failure),
            Ok(_) if timeout == 0 => {}
            Ok(_) => self.worker.held.push((handle, body)),
        }
        Ok(())
    }

    fn take(&mut self) -> (String, String) {
        let held = &mut self.worker.held;
        held.swap_remove(self.worker.rng.below(held.len()))
    }
}

/// Receives and deletes everything there is, passing every visibility timeout, until nothing
/// comes any more. A message that comes back after its delete is in the list twice.
pub(crate) fn drain(client: &mut Client) -> Result<Vec<String>, Failure> {
    let mut bodies = Vec::new();
    loop {
        let before = bodies.len();
        client.call("Formiga.AdvanceClock", &json!({ "Seconds": VISIBILITY_TIMEOUT_MAX + 1 }))?;
        loop {
            let output =
                client.call("AmazonSQS.ReceiveMessage", &json!({ "MaxNumberOfMessages": 10 }))?;
            let received = messages(&output);
            if received.is_empty() {
                break;
            }
            let output = client.call("AmazonSQS.DeleteMessageBatch", &delete_entries(&received))?;
            all_succeeded(&output, received.len())?;
            bodies.extend(received.into_iter().map(|(_, body)| body));
        }
        if bodies.len() == before {
            return Ok(bodies);
        }
    }
}

fn delete_entries(messages: &[(String, String)]) -> Value {
    let entry = |(id, (handle, _)): (usize, &(String, String))| json!({ "Id": id.to_string(), "ReceiptHandle": handle });
    json!({ "Entries": messages.iter().enumerate().map(entry).collect::<Vec<Value>>() })
}

fn all_succeeded(output: &Value, count: usize) -> Result<(), Failure> {
    match output["Successful"].as_array() {
        Some(successful) if successful.len() == count => Ok(()),
        _ => Err(Failure::Refused(format!("not every entry succeeded: {output}"))),
    }
}
