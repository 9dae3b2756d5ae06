//! [`Client`]: sends, receives, deletes and the rest, as chance has it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use hyper::Request;
use serde_json::{Value, json};

use crate::checker::{Got, Held, Letter, Moment, Told};
use crate::mutation::Mutation;
use crate::setting::{LINE, LINE_DEAD, NAMES, SCRATCH, WORK, WORK_DEAD, is_fifo};
use crate::world::World;

/// One client of a life.
pub(crate) struct Client {
    world: Arc<World>,
    name: String,
    chance: Rng,
    /// Which of the nodes it talks to.
    node: usize,
    letters: u64,
    is_patient: bool,
}

/// An answer, and when it was asked for and came.
pub(crate) struct Answer {
    pub(crate) told: Told,
    pub(crate) body: Value,
    pub(crate) begun: Moment,
    pub(crate) ended: Moment,
    /// Whether the node that answered had been deposed when it was asked.
    is_deposed: bool,
}

/// A queue's URL.
pub(crate) fn url(queue: usize) -> String {
    format!("http://sim/000000000000/{}", NAMES[queue])
}

fn arn(queue: usize) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{}", NAMES[queue])
}

impl Client {
    pub(crate) fn new(world: Arc<World>, name: String, seed: u64) -> Client {
        Client { world, name, chance: Rng::with_seed(seed), node: 0, letters: 0, is_patient: false }
    }

    /// A client that never hangs up.
    pub(crate) fn patient(self) -> Client {
        Client { is_patient: true, ..self }
    }

    /// Goes on until the world ends.
    pub(crate) async fn run(mut self) {
        loop {
            let think = self.world.setting.think.as_millis() as u64;
            let think = self.chance.u64(0..=think);
            tokio::time::sleep(Duration::from_millis(think)).await;
            match self.chance.u8(0..100) {
                0..25 => self.send().await,
                25..35 => self.send_batch().await,
                35..65 => self.receive().await,
                65..82 => self.delete().await,
                82..88 => self.change_visibility().await,
                88..92 => self.move_dead_letters().await,
                92 => self.cancel_move().await,
                93..95 => self.sweep().await,
                95..97 => self.change_attributes().await,
                _ => self.count().await,
            }
        }
    }

    /// Asks, and may hang up before the answer comes. The outcome of what was not answered with
    /// success is unknown unless the answer says that nothing happened.
    pub(crate) async fn ask(&mut self, action: &str, input: &Value) -> Answer {
        let newest = self.world.nodes() - 1;
        if self.node != newest && self.chance.u8(0..4) == 0 {
            self.node = newest;
        }
        let node = self.world.node(self.node);
        let is_deposed = self.world.is_deposed(self.node);
        let begun = self.world.moment();
        let body = Bytes::from(input.to_string());
        let request = Request::post("/")
            .header("host", "sim")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(body);
        let request = request.expect("a request can be made");
        let answered = node.answer(request);
        let answer = if !self.is_patient && self.chance.f64() < self.world.hang_ups() {
            let patience = Duration::from_millis(self.chance.u64(0..100));
            tokio::time::timeout(patience, answered).await.ok()
        } else {
            Some(answered.await)
        };
        let ended = self.world.moment();
        let (told, body) = match answer {
            None => (Told::Unknown, json!("hung up")),
            Some(answer) => {
                // The server says "Nothing was changed" with a 503.
                let told = match answer.status().as_u16() {
                    200 => Told::Done,
                    400..500 | 503 => Told::Refused,
                    _ => Told::Unknown,
                };
                (told, serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
            }
        };
        let mut checker = self.world.checker();
        match told {
            Told::Unknown => checker.figures.unanswered += 1,
            _ => checker.figures.answered += 1,
        }
        let line = format!("{} {action} {input} -> {told:?} {body}", self.name);
        drop(checker);
        self.world.note(&line);
        Answer { told, body, begun, ended, is_deposed }
    }

    fn letter(&mut self) -> Letter {
        self.letters += 1;
        let token = format!("{}-{}", self.name, self.letters);
        let queue = match self.chance.u8(0..20) {
            0..8 => WORK,
            8..16 => LINE,
            16 => WORK_DEAD,
            17 => LINE_DEAD,
            _ => SCRATCH,
        };
        let group = is_fifo(queue).then(|| self.chance.u32(0..self.world.setting.groups));
        let delays = !is_fifo(queue) && self.chance.u8(0..5) == 0;
        let delay_seconds = if delays { self.chance.u64(1..10) } else { 0 };
        let padding = "x".repeat(self.chance.usize(0..200));
        let body = format!("{token}|{padding}");
        let group = group.map(|group| format!("group-{group}"));
        Letter { token, queue, group, delay_seconds, body }
    }

    fn entry(letter: &Letter) -> Value {
        let mut entry = json!({ "MessageBody": letter.body });
        if let Some(group) = &letter.group {
            entry["MessageGroupId"] = json!(group);
            entry["MessageDeduplicationId"] = json!(letter.token);
        } else {
            entry["DelaySeconds"] = json!(letter.delay_seconds);
        }
        entry
    }

    /// In a FIFO queue, a send of unknown outcome is tried again with its deduplication id.
    async fn send(&mut self) {
        let letter = self.letter();
        let mut input = Client::entry(&letter);
        input["QueueUrl"] = json!(url(letter.queue));
        let begun = self.world.moment();
        self.world.checker().begin_send(&letter, begun);
        let mut answer = self.ask("SendMessage", &input).await;
        let mut unknown = answer.told == Told::Unknown;
        for _ in 0..2 {
            if answer.told != Told::Unknown || !is_fifo(letter.queue) {
                break;
            }
            answer = self.ask("SendMessage", &input).await;
            unknown |= answer.told == Told::Unknown;
        }
        // The refusal of a repetition says nothing of the first.
        let told = match answer.told {
            Told::Refused if unknown => Told::Unknown,
            told => told,
        };
        self.deposed(&answer, told == Told::Done, "a send");
        self.world.checker().end_send(&letter.token, told, answer.ended);
        if told == Told::Done && is_fifo(letter.queue) && self.chance.u8(0..5) == 0 {
            self.repeat_send(&input, &answer).await;
        }
    }

    /// Within five minutes a send with the same deduplication id is answered like the first and stores
    /// nothing.
    async fn repeat_send(&mut self, input: &Value, first: &Answer) {
        tokio::time::sleep(Duration::from_secs(self.chance.u64(0..60))).await;
        let again = self.ask("SendMessage", input).await;
        if again.told == Told::Done && again.body["MessageId"] != first.body["MessageId"] {
            let broken = format!("a repeated send stores nothing: {input} was given another id");
            self.world.checker().violation(broken);
        }
    }

    async fn send_batch(&mut self) {
        let mut letters = vec![self.letter()];
        for _ in 0..self.chance.usize(0..6) {
            let letter = self.letter();
            letters.extend((letter.queue == letters[0].queue).then_some(letter));
        }
        let mut entries = Vec::new();
        for (index, letter) in letters.iter().enumerate() {
            let begun = self.world.moment();
            self.world.checker().begin_send(letter, begun);
            let mut entry = Client::entry(letter);
            entry["Id"] = json!(index.to_string());
            entries.push(entry);
        }
        let input = json!({ "QueueUrl": url(letters[0].queue), "Entries": entries });
        let answer = self.ask("SendMessageBatch", &input).await;
        for (index, letter) in letters.iter().enumerate() {
            let told = told_of_entry(&answer, index);
            self.deposed(&answer, told == Told::Done, "a send");
            self.world.checker().end_send(&letter.token, told, answer.ended);
        }
    }

    async fn receive(&mut self) {
        let queue = self.chance.usize(0..NAMES.len());
        let hidden = self.chance.u64(0..30);
        let wait = if self.chance.bool() { self.chance.u64(1..=20) } else { 0 };
        let most = self.chance.usize(1..=10);
        let mut got = self.receive_from(queue, most, hidden, wait).await;
        // Some is worked off at once; the rest may be, by whoever.
        while let Some(held) = got.pop() {
            if self.chance.u8(0..3) == 0 {
                self.delete_held(held).await;
            } else {
                self.world.checker().hold(vec![held]);
            }
        }
    }

    /// Receives, and has the answer checked.
    pub(crate) async fn receive_from(
        &mut self,
        queue: usize,
        most: usize,
        hidden_seconds: u64,
        wait_seconds: u64,
    ) -> Vec<Held> {
        let input = json!({
            "QueueUrl": url(queue),
            "MaxNumberOfMessages": most,
            "VisibilityTimeout": hidden_seconds,
            "WaitTimeSeconds": wait_seconds,
            "MessageSystemAttributeNames": ["All"],
        });
        let mut answer = self.ask("ReceiveMessage", &input).await;
        if answer.told != Told::Done {
            return Vec::new();
        }
        if self.world.mutation == Some(Mutation::WaiterServedTwice) && wait_seconds > 0 {
            answer.body = self.world.share_with_another_waiter(queue, answer.body);
        }
        let messages = answer.body["Messages"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let got: Vec<Got> = messages
            .iter()
            .map(|message| Got {
                body: text(&message["Body"]).unwrap_or_default(),
                handle: text(&message["ReceiptHandle"]).unwrap_or_default(),
                count: text(&message["Attributes"]["ApproximateReceiveCount"])
                    .and_then(|count| count.parse().ok())
                    .unwrap_or_default(),
                group: text(&message["Attributes"]["MessageGroupId"]),
                sequence: text(&message["Attributes"]["SequenceNumber"]),
            })
            .collect();
        self.deposed(&answer, !got.is_empty(), "a receive");
        let hidden = hidden_seconds * 1000;
        let mut checker = self.world.checker();
        checker.end_receive(queue, answer.begun, answer.ended, hidden, &got)
    }

    async fn delete(&mut self) {
        let held = self.world.checker().pick(|held| self.chance.usize(0..held));
        if let Some(held) = held {
            self.delete_held(held).await;
        }
    }

    /// Deletes, and tells whether that was acknowledged.
    pub(crate) async fn delete_held(&mut self, held: Held) -> bool {
        // Who counts what is left deletes nothing else.
        let is_batch = !self.is_patient && self.chance.u8(0..3) == 0;
        let mut of_batch = vec![held];
        if is_batch {
            let queue = of_batch[0].queue;
            for _ in 0..3 {
                let picked = self.world.checker().pick(|held| self.chance.usize(0..held));
                match picked {
                    Some(held) if held.queue == queue => of_batch.push(held),
                    other => self.world.checker().hold(other.into_iter().collect()),
                }
            }
        }
        of_batch.iter().for_each(|held| self.world.checker().begin_delete(held));
        let queue = of_batch[0].queue;
        if !is_batch {
            let input = json!({ "QueueUrl": url(queue), "ReceiptHandle": of_batch[0].handle });
            let answer = self.ask("DeleteMessage", &input).await;
            self.world.checker().end_delete(&of_batch[0], answer.told, answer.ended);
            return answer.told == Told::Done;
        }
        let entries = of_batch.iter().enumerate();
        let entries: Vec<Value> = entries
            .map(|(index, held)| json!({ "Id": index.to_string(), "ReceiptHandle": held.handle }))
            .collect();
        let input = json!({ "QueueUrl": url(queue), "Entries": entries });
        let answer = self.ask("DeleteMessageBatch", &input).await;
        for (index, held) in of_batch.iter().enumerate() {
            let told = told_of_entry(&answer, index);
            self.world.checker().end_delete(held, told, answer.ended);
        }
        told_of_entry(&answer, 0) == Told::Done
    }

    async fn change_visibility(&mut self) {
        let Some(held) = self.world.checker().pick(|held| self.chance.usize(0..held)) else {
            return;
        };
        let begun = self.world.moment();
        self.world.checker().begin_change(&held, begun);
        let input = json!({
            "QueueUrl": url(held.queue),
            "ReceiptHandle": held.handle,
            "VisibilityTimeout": self.chance.u64(0..30),
        });
        self.ask("ChangeMessageVisibility", &input).await;
        self.world.checker().hold(vec![held]);
    }

    async fn move_dead_letters(&mut self) {
        let source = if self.chance.bool() { WORK_DEAD } else { LINE_DEAD };
        let mut input = json!({ "SourceArn": arn(source) });
        if self.chance.bool() {
            input["DestinationArn"] = json!(arn(source - 1));
        }
        if self.chance.bool() {
            input["MaxNumberOfMessagesPerSecond"] = json!(self.chance.u64(1..20));
        }
        self.ask("StartMessageMoveTask", &input).await;
    }

    async fn cancel_move(&mut self) {
        let source = if self.chance.bool() { WORK_DEAD } else { LINE_DEAD };
        let input = json!({ "SourceArn": arn(source) });
        let answer = self.ask("ListMessageMoveTasks", &input).await;
        if let Some(handle) = answer.body["Results"][0]["TaskHandle"].as_str() {
            self.ask("CancelMessageMoveTask", &json!({ "TaskHandle": handle })).await;
        }
    }

    /// Purges the scratch queue, or deletes it and makes it anew.
    async fn sweep(&mut self) {
        let action = if self.chance.bool() { "PurgeQueue" } else { "DeleteQueue" };
        let begun = self.world.moment();
        let number = self.world.checker().begin_sweep(begun);
        let answer = self.ask(action, &json!({ "QueueUrl": url(SCRATCH) })).await;
        match answer.told {
            Told::Done => self.world.checker().end_sweep(number, answer.ended),
            Told::Refused => self.world.checker().cancel_sweep(number),
            Told::Unknown => {}
        }
        if action == "DeleteQueue" {
            self.create(SCRATCH).await;
        }
    }

    /// Creates a queue and tells whether it is there.
    pub(crate) async fn create(&mut self, queue: usize) -> bool {
        let attributes = self.world.setting.attributes(queue);
        let input = json!({ "QueueName": NAMES[queue], "Attributes": attributes });
        self.ask("CreateQueue", &input).await.told == Told::Done
    }

    async fn change_attributes(&mut self) {
        let queue = self.chance.usize(0..NAMES.len());
        let input = json!({
            "QueueUrl": url(queue),
            "Attributes": { "ReceiveMessageWaitTimeSeconds": self.chance.u64(0..5).to_string() },
        });
        self.ask("SetQueueAttributes", &input).await;
    }

    async fn count(&mut self) {
        let queue = self.chance.usize(0..NAMES.len());
        self.counters(queue).await;
    }

    /// How many messages there are: available, in flight and delayed.
    pub(crate) async fn counters(&mut self, queue: usize) -> Option<[u64; 3]> {
        let input = json!({ "QueueUrl": url(queue), "AttributeNames": ["All"] });
        let answer = self.ask("GetQueueAttributes", &input).await;
        let count = |name: &str| {
            let name = format!("ApproximateNumberOfMessages{name}");
            answer.body["Attributes"][name].as_str()?.parse().ok()
        };
        Some([count("")?, count("NotVisible")?, count("Delayed")?])
    }

    /// How many message move tasks run.
    pub(crate) async fn moves(&mut self, source: usize) -> Option<usize> {
        let input = json!({ "SourceArn": arn(source), "MaxResults": 10 });
        let answer = self.ask("ListMessageMoveTasks", &input).await;
        let tasks = answer.body["Results"].as_array().cloned().unwrap_or_default();
        let running = tasks.iter().filter(|task| task["Status"] == "RUNNING").count();
        (answer.told == Told::Done).then_some(running)
    }

    /// Who was deposed acknowledges nothing.
    fn deposed(&self, answer: &Answer, has_effect: bool, what: &str) {
        if answer.is_deposed && has_effect {
            let client = &self.name;
            let broken = format!("a fenced owner acknowledged {what} of {client}");
            self.world.checker().violation(broken);
        }
    }
}

/// What became of an entry of a batch.
fn told_of_entry(answer: &Answer, index: usize) -> Told {
    if answer.told != Told::Done {
        return answer.told;
    }
    let id = index.to_string();
    let find = |list: &str| {
        let entries = answer.body[list].as_array()?;
        entries.iter().find(|entry| entry["Id"] == id.as_str())
    };
    match (find("Successful"), find("Failed")) {
        (Some(_), None) => Told::Done,
        (None, Some(failed)) if failed["SenderFault"] == true => Told::Refused,
        (None, Some(failed)) if failed["Code"] == "ServiceUnavailable" => Told::Refused,
        _ => Told::Unknown,
    }
}
