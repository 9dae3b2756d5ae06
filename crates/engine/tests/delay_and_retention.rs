//! "Amazon SQS delay queues", "message timers" and the retention period.

mod scene;

use std::time::Duration;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::queue::QueueLimits;
use formiga_engine::queue::VisibilityRefusal;
use formiga_engine::time::Timestamp;
use scene::{Scene, millis, secs};

fn expiry_is_due(scene: &Scene, now: Timestamp) -> bool {
    scene.queue.expiry_due().is_some_and(|due| due <= now)
}

fn queue(delay: Duration, message_retention_period: Duration) -> Scene {
    let attributes =
        QueueAttributes { delay, message_retention_period, ..QueueAttributes::default() };
    Scene::with(attributes, QueueLimits { window: 16, page: 8, ..QueueLimits::default() })
}

#[test]
fn a_delayed_message_appears_when_its_delay_ends_edge_93() {
    let mut scene = Scene::queue();
    scene.send_delayed("later", Some(secs(1)));
    scene.send("now");
    assert_eq!(scene.receive(), ["now"]);
    scene.advance(secs(1) - millis(1));
    assert_eq!(scene.receive(), [""; 0]);
    assert_eq!(scene.queue.next_visible(), Some(scene.now + millis(1)));
    scene.advance(millis(1));
    assert_eq!(scene.receive(), ["later"]);
}

#[test]
fn a_messages_own_delay_replaces_the_queues_even_0_edge_92() {
    let mut scene = queue(secs(10), secs(345_600));
    scene.send_delayed("at once", Some(secs(0)));
    scene.send("the queue's");
    assert_eq!(scene.receive(), ["at once"]);
    scene.advance(secs(10));
    assert_eq!(scene.receive(), ["the queue's"]);
}

#[test]
fn delayed_messages_are_counted_to_the_millisecond() {
    let mut scene = Scene::queue();
    for delay in [0, 1, 1, 2, 900] {
        scene.send_delayed("m", Some(secs(delay)));
    }
    assert_eq!(scene.counters(), (1, 0, 4));
    scene.advance(secs(1) - millis(1));
    assert_eq!(scene.counters(), (1, 0, 4));
    scene.advance(millis(1));
    assert_eq!(scene.counters(), (3, 0, 2));
    scene.receive_with(2, None);
    assert_eq!(scene.counters(), (1, 2, 2));
    scene.advance(secs(899));
    assert_eq!(scene.counters(), (5, 0, 0));
}

#[test]
fn delayed_messages_beyond_the_window_are_counted_and_delivered_too() {
    let mut scene = queue(secs(0), secs(345_600));
    for n in 0..100 {
        scene.send_delayed(&format!("{n:02}"), Some(secs(1)));
        scene.advance(millis(5));
    }
    assert_eq!(scene.counters(), (0, 0, 100));
    scene.advance(secs(1) - millis(250));
    let (visible, _, delayed) = scene.counters();
    assert_eq!((visible, delayed), (51, 49));
    scene.advance(secs(1));
    let mut bodies = Vec::new();
    for _ in 0..10 {
        bodies.extend(scene.receive());
    }
    assert_eq!(bodies, (0..100).map(|n| format!("{n:02}")).collect::<Vec<_>>());
}

#[test]
fn a_message_is_gone_when_its_retention_period_ends_in_any_state_edge_165() {
    let mut scene = queue(secs(0), secs(60));
    scene.send("in flight");
    assert_eq!(scene.receive_with(1, Some(secs(43_200))), ["in flight"]);
    scene.send("visible");
    scene.send_delayed("delayed", Some(secs(900)));
    scene.advance(secs(60) - millis(1));
    assert_eq!(scene.receive_with(10, Some(secs(0))), ["visible"]);
    scene.advance(millis(1));
    assert_eq!(scene.receive(), [""; 0]);
    scene.delete("in flight");
    scene.advance(secs(43_200));
    assert_eq!(scene.receive(), [""; 0]);
    scene.remove_expired();
    assert_eq!(scene.counters(), (0, 0, 0));
    assert!(scene.store.messages.is_empty() && scene.store.contents.is_empty());
}

#[test]
fn an_expired_head_of_any_length_is_skipped_by_one_read() {
    let mut scene = queue(secs(0), secs(60));
    for _ in 0..1000 {
        scene.send("old");
    }
    scene.advance(secs(60));
    scene.send("new");
    scene.reads = 0;
    assert_eq!(scene.receive(), ["new"]);
    assert!(scene.reads <= 1, "{} reads", scene.reads);
}

#[test]
fn expired_messages_are_removed_page_by_page() {
    let mut scene = queue(secs(0), secs(60));
    for _ in 0..100 {
        scene.send("old");
    }
    assert!(!expiry_is_due(&scene, scene.now));
    scene.advance(secs(60));
    assert!(expiry_is_due(&scene, scene.now));
    scene.send("new");
    assert_eq!(scene.remove_expired(), 100);
    assert_eq!(scene.counters(), (1, 0, 0));
    assert!(!expiry_is_due(&scene, scene.now + secs(59)));
    assert!(expiry_is_due(&scene, scene.now + secs(60)));
}

#[test]
fn a_shorter_retention_period_removes_older_messages_at_once_edge_170() {
    let mut scene = queue(secs(0), secs(600));
    scene.send("old");
    scene.advance(secs(100));
    scene.send("new");
    scene.set_retention_period(secs(60));
    assert_eq!(scene.receive(), ["new"]);
    assert!(expiry_is_due(&scene, scene.now));
    assert_eq!(scene.remove_expired(), 1);
    assert_eq!(scene.counters(), (0, 1, 0));
}

#[test]
fn a_longer_retention_period_brings_nothing_back() {
    let mut scene = queue(secs(0), secs(60));
    scene.send("gone");
    scene.advance(secs(1));
    scene.send("kept");
    scene.advance(secs(59));
    scene.set_retention_period(secs(600));
    assert_eq!(scene.receive_with(10, Some(secs(0))), ["kept"]);
    assert_eq!(scene.remove_expired(), 1);
    scene.advance(secs(541) - millis(1));
    assert_eq!(scene.receive_with(10, Some(secs(0))), ["kept"]);
    scene.advance(millis(1));
    assert_eq!(scene.receive(), [""; 0]);
}

#[test]
fn a_purge_leaves_nothing_in_any_state_and_sequences_go_on_edges_166_167() {
    let mut scene = queue(secs(0), secs(600));
    scene.send("in flight");
    assert_eq!(scene.receive(), ["in flight"]);
    scene.send("visible");
    scene.send_delayed("delayed", Some(secs(900)));
    scene.purge();
    assert_eq!(scene.counters(), (0, 0, 0));
    scene.send("new");
    scene.delete("in flight");
    let refusal = scene.change_visibility("in flight", secs(1));
    assert_eq!(refusal, Err(VisibilityRefusal::MessageDoesNotExist));
    assert_eq!(scene.receive(), ["new"]);
    assert_eq!(scene.handle("new").position.sequence.0, 3);
}
