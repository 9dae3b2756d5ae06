//! Fair queues: messages of quiet tenants come before those of noisy ones, and nothing is lost.
//!
//! Random histories run against a queue that is restored at random moments, beside a model that
//! knows every message and who is noisy. How often each branch occurred is counted and printed;
//! none may be missing.

mod scene;

use std::collections::{BTreeMap, BTreeSet};

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::message::Group;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{Command, NewMessage, Position, QueueLimits, Reply};
use formiga_engine::receipt::ReceiptHandle;
use formiga_engine::redrive::RedrivePolicy;
use formiga_engine::time::Timestamp;
use proptest::prelude::*;
use scene::{Scene, Tally, millis, secs};

/// Lets the queue look through the backlog until it has nothing more to look for. Tells how many
/// pages it took.
fn look_ahead(scene: &mut Scene) -> usize {
    let reads = scene.reads;
    scene.queue.advance(scene.now);
    while scene.queue.looks_ahead() {
        let before = scene.reads;
        assert_eq!(scene.apply(&Command::LookAhead).0, Reply::LookedAhead);
        assert!(scene.reads - before <= 1, "a page at a time");
        assert!(scene.reads - reads < 100_000, "it comes to an end");
    }
    scene.reads - reads
}

fn send_many(scene: &mut Scene, group: &str, count: usize) {
    for n in 0..count {
        let message = new_message(scene, &format!("{group}{n}"), Some(group));
        scene.apply(&Command::Send(vec![message]));
    }
}

fn new_message(scene: &mut Scene, body: &str, group: Option<&str>) -> NewMessage {
    let new = scene.new_message(body, None);
    let mut content = (*new.content).clone();
    content.group_id = group.map(str::to_owned);
    NewMessage { content: content.into(), ..new }
}

fn with_window(window: usize) -> Scene {
    let limits = QueueLimits { window, page: window / 4, ..QueueLimits::default() };
    Scene::with(QueueAttributes::default(), limits)
}

/// 30 messages of a noisy tenant in flight, and very many behind them.
fn noisy_backlog(scene: &mut Scene, count: usize) {
    send_many(scene, "noisy", count);
    for _ in 0..3 {
        assert_eq!(scene.receive().len(), 10);
    }
}

#[test]
fn a_quiet_message_comes_first_however_many_noisy_ones_wait() {
    for restarted in [false, true] {
        let mut scene = with_window(256);
        noisy_backlog(&mut scene, 10_000);
        send_many(&mut scene, "quiet", 3);
        if restarted {
            scene.restart();
        }
        look_ahead(&mut scene);
        let received = scene.receive();
        assert_eq!(received[..3], ["quiet0", "quiet1", "quiet2"], "restarted: {restarted}");
        let noisy: Vec<_> = (30..37).map(|n| format!("noisy{n}")).collect();
        assert_eq!(received[3..], noisy, "the rest of the batch is of the noisy tenant, in order");
    }
}

#[test]
fn what_is_upcoming_is_told_in_the_order_of_delivery() {
    let mut scene = with_window(256);
    noisy_backlog(&mut scene, 100);
    send_many(&mut scene, "quiet", 3);
    let delayed = scene.new_message("delayed", Some(secs(1)));
    scene.apply(&Command::Send(vec![delayed]));
    let upcoming: Vec<_> = scene.queue.upcoming().map(|message| message.position).collect();
    let received = (0..10).flat_map(|_| scene.receive_messages(10, None));
    let received: Vec<_> = received.map(|(_, received)| received.message.position).collect();
    assert_eq!(upcoming, received);
}

#[test]
fn once_looked_through_a_backlog_is_not_read_for_a_quiet_message() {
    let mut scene = with_window(256);
    noisy_backlog(&mut scene, 10_000);
    let pages = look_ahead(&mut scene);
    assert!((100..=10_000 / 64 + 12).contains(&pages), "each page is read once: {pages}");
    for n in 0..100 {
        let message = new_message(&mut scene, &format!("quiet{n}"), None);
        scene.apply(&Command::Send(vec![message]));
        let before = scene.reads;
        assert_eq!(scene.receive_with(1, None), [format!("quiet{n}")]);
        assert_eq!(scene.reads, before);
    }
}

#[test]
fn a_window_full_of_what_was_not_yet_noisy_makes_room() {
    let mut scene = with_window(256);
    send_many(&mut scene, "noisy", 250);
    assert_eq!(scene.receive_with(1, None), ["noisy0"]);
    send_many(&mut scene, "quiet", 10);
    scene.advance(secs(1));
    scene.delete("noisy0");
    look_ahead(&mut scene);
    assert_eq!(scene.receive_with(1, None), ["quiet0"]);
}

#[test]
fn a_receive_does_not_wait_for_the_backlog_to_be_looked_through() {
    let mut scene = with_window(256);
    noisy_backlog(&mut scene, 10_000);
    send_many(&mut scene, "quiet", 1);
    let before = scene.reads;
    assert_eq!(scene.receive().len(), 10);
    assert!(scene.reads - before <= 1);
}

#[test]
fn thirty_in_flight_and_more_than_a_tenth_are_noisy() {
    for (noisy, others, first) in
        [(29, 0, "noisy29"), (30, 0, "quiet0"), (30, 270, "noisy30"), (31, 270, "quiet0")]
    {
        let mut scene = with_window(4096);
        send_many(&mut scene, "noisy", noisy);
        for n in 0..others {
            send_many(&mut scene, &format!("other{n}"), 1);
        }
        for _ in 0..noisy + others {
            scene.receive_with(1, Some(secs(600)));
        }
        for n in noisy..noisy + 5 {
            let message = new_message(&mut scene, &format!("noisy{n}"), Some("noisy"));
            scene.apply(&Command::Send(vec![message]));
        }
        send_many(&mut scene, "quiet", 1);
        assert_eq!(scene.receive_with(1, None), [first], "{noisy} of {}", noisy + others);
    }
}

#[test]
fn a_tenant_that_took_much_processing_time_is_noisy_for_a_minute() {
    for (group, after, first) in [
        ("slow", 1, "quiet0"),
        ("slow", 50, "quiet0"),
        ("slow", 61, "slow0"),
        ("quick", 1, "quick0"),
    ] {
        let mut scene = with_window(4096);
        send_many(&mut scene, "slow", 1);
        send_many(&mut scene, "quick", 1);
        scene.receive();
        scene.advance(millis(100));
        scene.delete("quick0");
        scene.advance(secs(20));
        scene.delete("slow0");
        scene.advance(secs(after));
        send_many(&mut scene, group, 1);
        send_many(&mut scene, "quiet", 1);
        assert_eq!(scene.receive()[0], first, "{group}, {after} s later");
    }
}

#[test]
fn of_several_noisy_tenants_the_one_with_the_fewest_in_flight_comes_first() {
    let mut scene = with_window(4096);
    send_many(&mut scene, "a", 100);
    send_many(&mut scene, "b", 40);
    for _ in 0..14 {
        scene.receive();
    }
    send_many(&mut scene, "a", 1);
    send_many(&mut scene, "b", 1);
    send_many(&mut scene, "quiet", 1);
    assert_eq!(scene.receive(), ["quiet0", "b0", "a0"]);
}

#[test]
fn noisy_tenants_with_equally_many_in_flight_share_the_consumers() {
    let mut scene = with_window(4096);
    let tenants = ["a", "b", "c"];
    for _ in 0..300 {
        tenants.iter().for_each(|tenant| send_many(&mut scene, tenant, 1));
    }
    let mut received = BTreeMap::<_, usize>::new();
    for _ in 0..300 {
        let messages = scene.receive_messages(1, None);
        let (tenant, message) = &messages[0];
        *received.entry(tenant.clone()).or_default() += 1;
        scene.advance(secs(1));
        let handle = ReceiptHandle { position: message.message.position, receive_count: 1 };
        scene.apply(&Command::Delete(vec![handle]));
    }
    assert!(received.values().all(|count| (90..=110).contains(count)), "{received:?}");
}

#[test]
fn a_quiet_tenant_again_is_served_in_its_turn() {
    let mut scene = with_window(256);
    noisy_backlog(&mut scene, 1_000);
    look_ahead(&mut scene);
    scene.advance(secs(31));
    send_many(&mut scene, "quiet", 1);
    look_ahead(&mut scene);
    assert_eq!(scene.receive_with(1, None), ["noisy0"], "nobody has anything in flight");
}

#[test]
fn a_quiet_tenant_again_is_not_overtaken_for_ever_while_the_window_is_full() {
    let mut scene = with_window(256);
    noisy_backlog(&mut scene, 1_000);
    look_ahead(&mut scene);
    (0..30).for_each(|n| scene.delete(&format!("noisy{n}")));
    (0..200).for_each(|n| scene.send(&format!("other{n}")));
    for n in 30..1_000 {
        scene.send(&format!("later{n}"));
        look_ahead(&mut scene);
        assert_eq!(scene.receive_with(1, None), [format!("noisy{n}")]);
        scene.delete(&format!("noisy{n}"));
    }
}

#[test]
fn everything_skipped_is_received_in_the_end() {
    let mut scene = with_window(64);
    for n in 0..3_000 {
        send_many(&mut scene, ["a", "b", "c", "d"][n % 7 % 4], 1);
    }
    let mut received = 0;
    while let messages @ 1.. = scene.receive_with(10, Some(secs(43_200))).len() {
        received += messages;
        if received % 3 == 0 {
            look_ahead(&mut scene);
        }
    }
    assert_eq!(received, 3_000);
}

#[test]
fn a_page_is_read_for_all_noisy_tenants_together() {
    let mut scene = Scene::queue();
    let tenants = 9;
    for n in 0..20_000 {
        send_many(&mut scene, &format!("tenant {}", n % tenants), 1);
    }
    for _ in 0..40 {
        assert_eq!(scene.receive_with(10, Some(secs(43_200))).len(), 10);
    }
    look_ahead(&mut scene);
    scene.reads = 0;
    for _ in 0..1_000 {
        assert_eq!(scene.receive_with(10, Some(secs(43_200))).len(), 10);
        look_ahead(&mut scene);
    }
    assert!(scene.reads < 10_000 / 40, "{} reads", scene.reads);
}

#[test]
fn one_receive_does_not_read_a_backlog_that_is_skipped_as_a_whole() {
    let target = scene::key("failed");
    let redrive_policy = Some(RedrivePolicy {
        dead_letter_target_arn: target.arn().to_string(),
        target: target.clone(),
        max_receive_count: 1,
    });
    let attributes = QueueAttributes { redrive_policy, ..QueueAttributes::default() };
    let limits = QueueLimits { window: 256, page: 64, outbox_max: 4, ..QueueLimits::default() };
    let mut scene = Scene::with(attributes, limits);
    scene.store.queues.insert(target, QueueId(2));
    send_many(&mut scene, "noisy", 10_000);
    // 60 that will be dead letters, of which only four can be on their way, and 40 in flight.
    for _ in 0..6 {
        scene.receive_with(10, Some(secs(10)));
    }
    for _ in 0..4 {
        scene.receive_with(10, Some(secs(3600)));
    }
    scene.advance(secs(11));
    scene.queue.advance(scene.now);
    assert!(scene.queue.looks_ahead());
    scene.apply(&Command::LookAhead);
    scene.reads = 0;
    scene.receive();
    assert!(scene.reads <= 20, "{} reads in one receive", scene.reads);
    // A quiet tenant's message behind all that is found all the same, between commands.
    send_many(&mut scene, "quiet", 1);
    look_ahead(&mut scene);
    assert_eq!(scene.receive(), ["quiet0"]);
}

#[test]
fn old_handles_put_no_more_in_flight_than_is_allowed() {
    let limits = QueueLimits { in_flight_max: 40, window: 256, page: 64, ..QueueLimits::default() };
    let mut scene = Scene::with(QueueAttributes::default(), limits);
    noisy_backlog(&mut scene, 40);
    (0..40).for_each(|n| scene.send(&format!("quiet{n}")));
    scene.receive();
    // The 30 of the noisy tenant are visible again, and the tenant took all processing time.
    scene.advance(secs(31));
    scene.receive_with(1, None);
    scene.advance(secs(1));
    scene.delete("noisy0");
    for _ in 0..4 {
        scene.receive_with(10, Some(secs(600)));
    }
    assert_eq!(scene.counters().1, 40);
    let refused = Err(formiga_engine::queue::VisibilityRefusal::OverInFlightLimit);
    assert_eq!(scene.change_visibility("noisy5", secs(10)), refused);
    assert_eq!(scene.counters().1, 40);
    assert_eq!(scene.change_visibility("noisy5", secs(0)), Ok(()), "it is visible as before");

    scene.delete("quiet0");
    assert_eq!(scene.counters().1, 39);
    let changes = [5, 6, 5].map(|n| (scene.handle(&format!("noisy{n}")), secs(10)));
    let (reply, _) = scene.apply(&Command::ChangeVisibility(changes.into()));
    assert_eq!(reply, Reply::VisibilityChanged(vec![Ok(()), refused, Ok(())]));
    assert_eq!(scene.counters().1, 40);
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Send { tenant: Option<u8>, count: usize, delay: Option<u64> },
    Receive { max: usize, timeout: u64, prepared: bool },
    Delete(Vec<usize>),
    ChangeVisibility(usize, u64),
    RemoveExpired,
    Advance(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = prop_oneof![4 => Just(Some(0)), 2 => Just(Some(1)), 3 => (2..12u8).prop_map(Some),
        1 => Just(None)];
    let delay = prop_oneof![6 => Just(None), 1 => (1..=5u64).prop_map(Some)];
    let pause = prop_oneof![6 => 1..=2_000u64, 2 => 2_000..=20_000u64, 1 => 20_000..=70_000u64];
    prop_oneof![
        5 => (tenant, 1..=10usize, delay)
            .prop_map(|(tenant, count, delay)| Step::Send { tenant, count, delay }),
        6 => (1..=10usize, prop_oneof![1 => Just(0u64), 5 => 1..=60u64], any::<bool>())
            .prop_map(|(max, timeout, prepared)| Step::Receive { max, timeout, prepared }),
        3 => prop::collection::vec(any::<usize>(), 1..=6).prop_map(Step::Delete),
        1 => (any::<usize>(), 0..=30u64).prop_map(|(n, timeout)| Step::ChangeVisibility(n, timeout)),
        1 => Just(Step::RemoveExpired),
        4 => pause.prop_map(Step::Advance),
        1 => Just(Step::Restart),
    ]
}

#[derive(Clone, Debug)]
struct Settings {
    window: usize,
    retention: u64,
    filled: usize,
}

fn settings() -> impl Strategy<Value = Settings> {
    (prop_oneof![Just(192usize), Just(256)], prop_oneof![Just(120u64), Just(345_600)], 0..400usize)
        .prop_map(|(window, retention, filled)| Settings { window, retention, filled })
}

const BRANCHES: [&str; 13] = [
    "sent with a delay",
    "received something",
    "received nothing",
    "quiet before noisy",
    "only quiet",
    "only noisy, since nothing else was visible",
    "noisy by processing time",
    "looked ahead",
    "deleted",
    "visibility changed",
    "expired",
    "restarted",
    "noisy although a quiet message lay far behind",
];

/// What is stored of one message.
struct Known {
    group: Option<Group>,
    sent_at: Timestamp,
    visible_at: Timestamp,
    received: Option<Timestamp>,
    count: u32,
}

struct Run<'a> {
    scene: Scene,
    settings: Settings,
    known: BTreeMap<Position, Known>,
    /// Deletion, tenant and time from the latest receive on.
    processed: Vec<(Timestamp, Option<Group>, u64)>,
    tally: &'a Tally,
}

impl Run<'_> {
    fn new(settings: Settings, tally: &Tally) -> Run<'_> {
        let attributes = QueueAttributes {
            message_retention_period: secs(settings.retention),
            ..QueueAttributes::default()
        };
        let limits = QueueLimits {
            window: settings.window,
            page: settings.window / 4,
            ..QueueLimits::default()
        };
        let scene = Scene::with(attributes, limits);
        let (known, processed) = (BTreeMap::new(), Vec::new());
        let mut run = Run { scene, settings, known, processed, tally };
        for _ in 0..run.settings.filled / 10 {
            run.send(Some(0), 10, None);
        }
        run
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Send { tenant, count, delay } => self.send(tenant, count, delay),
            Step::Receive { max, timeout, prepared } => self.receive(max, timeout, prepared),
            Step::Delete(choices) => choices.into_iter().for_each(|choice| self.delete(choice)),
            Step::ChangeVisibility(choice, timeout) => self.change_visibility(choice, timeout),
            Step::RemoveExpired => {
                if self.scene.remove_expired() > 0 {
                    self.tally.count("expired");
                }
                let kept = &self.scene.store.messages;
                self.known.retain(|position, _| kept.contains_key(position));
            }
            Step::Advance(by) => self.scene.advance(millis(by)),
            Step::Restart => {
                self.tally.count("restarted");
                self.scene.restart();
                self.processed.clear();
            }
        }
    }

    fn send(&mut self, tenant: Option<u8>, count: usize, delay: Option<u64>) {
        let group = tenant.map(|tenant| format!("tenant {tenant}"));
        let mut new = Vec::new();
        for _ in 0..count {
            let mut message = new_message(&mut self.scene, "body", group.as_deref());
            message.delay = delay.map(secs);
            new.push(message);
        }
        let next = self.scene.store.row.next_sequence.0;
        self.scene.apply(&Command::Send(new));
        let available_at = self.scene.now + secs(delay.unwrap_or(0));
        if delay.is_some() {
            self.tally.count("sent with a delay");
        }
        for sequence in next..next + count as u64 {
            let sequence = formiga_engine::queue::Sequence(sequence);
            let known = Known {
                group: group.as_deref().map(Group::of),
                sent_at: self.scene.now,
                visible_at: available_at,
                received: None,
                count: 0,
            };
            self.known.insert(Position { available_at, sequence }, known);
        }
    }

    fn noisy(&self) -> BTreeSet<Group> {
        let now = self.scene.now;
        let in_flight = self.known.values().filter(|k| k.received.is_some() && k.visible_at > now);
        let (mut total, mut counts) = (0, BTreeMap::<_, usize>::new());
        for known in in_flight {
            total += 1;
            *counts.entry(known.group).or_default() += 1;
        }
        let many = |(group, count): (Option<Group>, usize)| {
            group.filter(|_| count >= 30 && count * 10 > total)
        };
        let mut noisy: BTreeSet<Group> = counts.into_iter().filter_map(many).collect();
        let slice = |at: Timestamp| at.as_secs() / 5;
        let recent = || self.processed.iter().filter(|(at, ..)| slice(*at) + 12 > slice(now));
        let total: u64 = recent().map(|(_, _, took)| took).sum();
        for group in recent().filter_map(|(_, group, _)| *group).collect::<BTreeSet<_>>() {
            let its = recent().filter(|(_, other, _)| *other == Some(group));
            if its.map(|(_, _, took)| took).sum::<u64>() * 10 > total && noisy.insert(group) {
                self.tally.count("noisy by processing time");
            }
        }
        noisy
    }

    fn receive(&mut self, max: usize, timeout: u64, prepared: bool) {
        let now = self.scene.now;
        if prepared && look_ahead(&mut self.scene) > 0 {
            self.tally.count("looked ahead");
        }
        let noisy = self.noisy();
        let is_noisy = |group: Option<Group>| group.is_some_and(|group| noisy.contains(&group));
        let retention = secs(self.settings.retention);
        let visible = |k: &&Known| k.visible_at <= now && now < k.sent_at + retention;
        let visible_count = self.known.values().filter(visible).count();
        let quiet_count =
            self.known.values().filter(visible).filter(|known| !is_noisy(known.group)).count();

        let received = self.scene.receive_messages(max, Some(secs(timeout)));
        assert_eq!(received.len(), max.min(visible_count), "as many as there are");
        let mut noisy_before = false;
        let mut quiet_received = 0;
        for (_, received) in &received {
            let known = self.known.get_mut(&received.message.position).expect("it is stored");
            assert!(visible(&&*known), "it is visible");
            assert_eq!(received.receives.count, known.count + 1);
            (known.count, known.received) = (known.count + 1, Some(now));
            known.visible_at = now + secs(timeout);
            if is_noisy(known.group) {
                noisy_before = true;
            } else {
                assert!(!noisy_before, "quiet ones come first");
                quiet_received += 1;
            }
        }
        if prepared && quiet_count > 0 && !received.is_empty() {
            assert!(quiet_received > 0, "a quiet message is visible");
        }
        self.tally.count(match (received.len(), quiet_received) {
            (0, _) => "received nothing",
            _ => "received something",
        });
        match (received.len() - quiet_received, quiet_received) {
            (0, 1..) if quiet_count < visible_count => self.tally.count("only quiet"),
            (1.., 1..) => self.tally.count("quiet before noisy"),
            (1.., 0) if quiet_count == 0 => {
                self.tally.count("only noisy, since nothing else was visible");
            }
            (1.., 0) => self.tally.count("noisy although a quiet message lay far behind"),
            _ => {}
        }
    }

    /// One of the messages that were received.
    fn choose(&self, choice: usize) -> Option<ReceiptHandle> {
        let mut received: Vec<_> =
            self.known.iter().filter(|(_, k)| k.received.is_some()).collect();
        received.sort_by_key(|(_, known)| known.received);
        let recent = received.len().saturating_sub(60);
        let received = &received[recent..];
        let (position, known) = received.get(choice % received.len().max(1))?;
        Some(ReceiptHandle { position: **position, receive_count: known.count })
    }

    fn delete(&mut self, choice: usize) {
        let Some(handle) = self.choose(choice) else { return };
        self.scene.apply(&Command::Delete(vec![handle]));
        if self.scene.store.messages.contains_key(&handle.position) {
            return; // Past its retention period.
        }
        self.tally.count("deleted");
        let known = self.known.remove(&handle.position).expect("it was known");
        let took = self.scene.now.since(known.received.expect("it was received"));
        let took = u64::try_from(took.as_millis()).unwrap();
        self.processed.push((self.scene.now, known.group, took));
    }

    fn change_visibility(&mut self, choice: usize, timeout: u64) {
        let Some(handle) = self.choose(choice) else { return };
        let changes = vec![(handle, secs(timeout))];
        let (reply, _) = self.scene.apply(&Command::ChangeVisibility(changes));
        if reply == Reply::VisibilityChanged(vec![Ok(())]) {
            self.tally.count("visibility changed");
            let known = self.known.get_mut(&handle.position).expect("it is stored");
            known.visible_at = self.scene.now + secs(timeout);
        }
    }

    /// Everything stored can still be received.
    fn drain(&mut self) {
        self.scene.advance(secs(100));
        let expired = |k: &Known| k.sent_at + secs(self.settings.retention) <= self.scene.now;
        let mut left: BTreeSet<Position> =
            self.known.iter().filter(|(_, k)| !expired(k)).map(|(at, _)| *at).collect();
        while !left.is_empty() {
            let received = self.scene.receive_messages(10, Some(secs(43_200)));
            assert!(!received.is_empty(), "{} messages are lost", left.len());
            for (_, received) in received {
                assert!(left.remove(&received.message.position), "it is received once");
            }
        }
        assert!(self.scene.receive().is_empty());
    }
}

#[test]
fn quiet_tenants_come_first_and_nothing_is_lost_in_random_histories() {
    scene::try_histories(settings(), step(), &BRANCHES, |settings, history, tally| {
        let mut run = Run::new(settings, tally);
        history.into_iter().for_each(|step| run.step(step));
        run.drain();
    });
}
