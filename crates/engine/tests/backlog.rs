//! Promise 4: cost does not grow with the backlog.

mod scene;

use formiga_engine::attributes::QueueAttributes;
use formiga_engine::names::QueueId;
use formiga_engine::queue::{Command, QueueLimits};
use formiga_engine::redrive::RedrivePolicy;
use scene::{Scene, secs};

#[test]
fn a_backlog_larger_than_the_window_is_received_in_order_and_exactly_once() {
    let mut scene = Scene::with_window(32);
    let bodies: Vec<_> = (0..1000).map(|n| format!("{n:03}")).collect();
    for body in &bodies {
        scene.send(body);
    }
    let mut received = Vec::new();
    loop {
        let batch = scene.receive_with(7, Some(secs(43_200)));
        if batch.is_empty() {
            break;
        }
        received.extend(batch);
    }
    assert_eq!(received, bodies);
}

#[test]
fn sending_behind_a_full_window_reads_nothing_and_a_page_serves_many_receives() {
    let mut scene = Scene::with_window(400);
    for n in 0..10_000 {
        scene.send(&n.to_string());
    }
    assert_eq!(scene.reads, 0);
    let mut received = 0;
    while received < 10_000 {
        received += scene.receive().len();
    }
    assert!(scene.reads <= 10_000 / 200 + 1, "{} reads", scene.reads);
}

#[test]
fn more_messages_in_flight_than_the_window_holds_all_return() {
    let mut scene = Scene::with_window(32);
    let bodies: Vec<_> = (0..500).map(|n| format!("{n:03}")).collect();
    for body in &bodies {
        scene.send(body);
    }
    while !scene.receive().is_empty() {}
    assert_eq!(scene.counters(), (0, 500, 0));
    scene.advance(secs(30));
    assert_eq!(scene.counters(), (500, 0, 0));
    let mut returned = Vec::new();
    loop {
        let messages = scene.receive_messages(10, None);
        if messages.is_empty() {
            break;
        }
        assert!(messages.iter().all(|(_, received)| received.receives.count == 2));
        returned.extend(messages.into_iter().map(|(body, _)| body));
    }
    assert_eq!(returned, bodies);
}

#[test]
fn a_handle_of_a_message_that_left_memory_still_deletes_it() {
    let mut scene = Scene::with_window(32);
    for n in 0..500 {
        scene.send(&n.to_string());
    }
    while !scene.receive().is_empty() {}
    scene.advance(secs(30));
    let receive = Command::Receive { max: 1, visibility_timeout: Some(secs(0)), attempt: None };
    scene.apply(&receive);
    for body in ["499", "250", "31", "0"] {
        scene.delete(body);
        scene.delete(body);
    }
    assert_eq!(scene.counters(), (496, 0, 0));
}

#[test]
fn a_restart_reads_one_page_and_what_is_in_flight() {
    let mut scene = Scene::with_window(32);
    for n in 0..1000 {
        scene.send(&format!("{n:03}"));
    }
    assert_eq!(scene.receive_with(2, Some(secs(60))), ["000", "001"]);
    assert_eq!(scene.receive_with(1, Some(secs(0))), ["002"]);
    scene.restart();
    assert_eq!(scene.counters(), (998, 2, 0));
    assert_eq!(scene.receive_with(2, None), ["002", "003"]);
    scene.advance(secs(60));
    assert_eq!(scene.receive_with(3, None), ["000", "001", "002"]);
    scene.delete("001");
    assert_eq!(scene.counters(), (997, 2, 0));
}

/// Dead letters that cannot leave fill the window, and nothing behind them is asked for in vain.
#[test]
fn dead_letters_that_must_wait_do_not_keep_a_queue_busy() {
    let target = scene::key("failed");
    let redrive_policy = Some(RedrivePolicy {
        dead_letter_target_arn: target.arn().to_string(),
        target: target.clone(),
        max_receive_count: 1,
    });
    let attributes = QueueAttributes { redrive_policy, ..QueueAttributes::default() };
    let limits = QueueLimits { window: 16, page: 8, outbox_max: 4, ..QueueLimits::default() };
    let mut scene = Scene::with(attributes, limits);
    scene.store.queues.insert(target, QueueId(2));
    for n in 0..40 {
        scene.send(&n.to_string());
    }
    while !scene.receive_with(10, Some(secs(300))).is_empty() {}
    scene.advance(secs(301));
    scene.reads = 0;
    assert_eq!(scene.receive(), Vec::<String>::new());
    assert_eq!(scene.store.outbox.len(), 4);
    assert!(scene.reads < 20, "{} reads", scene.reads);
}
