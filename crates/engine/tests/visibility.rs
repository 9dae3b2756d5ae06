//! "Amazon SQS visibility timeout": messages in flight, and when they return.

mod scene;

use formiga_engine::queue::{Command, Reply};
use formiga_engine::queue::{QueueLimits, VisibilityRefusal};
use scene::{Scene, millis, secs};

#[test]
fn a_message_left_undeleted_returns_when_its_visibility_timeout_ends() {
    let mut scene = Scene::queue();
    scene.send("hello");

    assert_eq!(scene.receive(), ["hello"]);
    assert_eq!(scene.receive(), [""; 0]);

    scene.advance(secs(30) - millis(1));
    assert_eq!(scene.receive(), [""; 0]);
    scene.advance(millis(1));
    assert_eq!(scene.receive(), ["hello"]);
}

#[test]
fn a_deleted_message_is_never_received_again() {
    let mut scene = Scene::queue();
    scene.send("hello");
    assert_eq!(scene.receive(), ["hello"]);
    scene.delete("hello");
    scene.delete("hello");
    scene.advance(secs(3600));
    assert_eq!(scene.receive(), [""; 0]);
    assert_eq!(scene.counters(), (0, 0, 0));
}

#[test]
fn a_receive_with_visibility_timeout_0_leaves_the_message_receivable_edge_125() {
    let mut scene = Scene::queue();
    scene.send("hello");
    assert_eq!(scene.receive_with(1, Some(secs(0))), ["hello"]);
    assert_eq!(scene.counters(), (1, 0, 0), "received with timeout 0 counts as visible");
    assert_eq!(scene.receive(), ["hello"]);
    assert_eq!(scene.receive(), [""; 0]);
}

#[test]
fn every_receive_counts_and_the_first_receive_time_stays_edge_132() {
    let mut scene = Scene::queue();
    scene.send("hello");
    let (_, first) = scene.receive_messages(1, Some(secs(0))).remove(0);
    scene.advance(secs(5));
    let (_, second) = scene.receive_messages(1, Some(secs(0))).remove(0);
    assert_eq!((first.receives.count, second.receives.count), (1, 2));
    assert_eq!(first.receives.first_at, second.receives.first_at);
    assert_eq!(second.receives.last_at, scene.now);
}

#[test]
fn a_returned_message_keeps_its_place_edge_128() {
    let mut scene = Scene::queue();
    scene.send("test1");
    assert_eq!(scene.receive_with(1, Some(secs(3))), ["test1"]);
    scene.send("test2");
    scene.advance(secs(3));
    assert_eq!(scene.receive(), ["test1", "test2"]);
}

#[test]
fn a_change_counts_from_now_and_does_not_add_up_edge_153() {
    let mut scene = Scene::queue();
    scene.send("hello");
    assert_eq!(scene.receive_with(1, Some(secs(2))), ["hello"]);
    for _ in 0..4 {
        scene.advance(secs(1));
        assert_eq!(scene.change_visibility("hello", secs(2)), Ok(()));
        assert_eq!(scene.receive(), [""; 0]);
    }
    scene.advance(secs(2));
    assert_eq!(scene.receive(), ["hello"]);
}

#[test]
fn a_change_to_0_makes_the_message_visible_at_once_edges_151_152() {
    let mut scene = Scene::queue();
    scene.send("hello");
    scene.receive();
    assert_eq!(scene.change_visibility("hello", secs(0)), Ok(()));
    assert_eq!(scene.receive(), ["hello"]);
    assert_eq!(scene.receive(), [""; 0], "the next receive uses the queue's timeout");
}

#[test]
fn a_visible_message_is_hidden_again_by_a_change() {
    let mut scene = Scene::queue();
    scene.send("hello");
    scene.receive();
    scene.advance(secs(31));
    assert_eq!(scene.change_visibility("hello", secs(10)), Ok(()));
    assert_eq!(scene.receive(), [""; 0]);
    scene.advance(secs(10));
    assert_eq!(scene.receive(), ["hello"]);
}

#[test]
fn a_message_stays_in_flight_12_hours_at_most_edges_156_157() {
    let mut scene = Scene::queue();
    scene.send("hello");
    scene.receive_with(1, Some(secs(43_200)));
    scene.advance(secs(1));
    let refused = scene.change_visibility("hello", secs(43_200));
    assert_eq!(refused, Err(VisibilityRefusal::BeyondTotalMax));
    assert_eq!(scene.change_visibility("hello", secs(43_195)), Ok(()));
}

#[test]
fn a_change_for_a_deleted_or_expired_message_is_refused_edge_148() {
    let mut scene = Scene::queue();
    scene.send("deleted");
    scene.send("expired");
    assert_eq!(scene.receive(), ["deleted", "expired"]);
    scene.delete("deleted");
    let gone = Err(VisibilityRefusal::MessageDoesNotExist);
    assert_eq!(scene.change_visibility("deleted", secs(1)), gone);
    scene.advance(secs(345_600));
    assert_eq!(scene.change_visibility("expired", secs(1)), gone);
}

#[test]
fn an_expired_handle_still_deletes_edges_141_142() {
    let mut scene = Scene::queue();
    scene.send("hello");
    scene.receive();
    scene.advance(secs(31));
    scene.delete("hello");
    assert_eq!(scene.counters(), (0, 0, 0));
}

#[test]
fn no_more_messages_go_in_flight_than_the_limit_allows() {
    let limits = QueueLimits { in_flight_max: 3, ..QueueLimits::default() };
    let mut scene = Scene::with(Default::default(), limits);
    for n in 0..5 {
        scene.send(&n.to_string());
    }
    assert_eq!(scene.receive(), ["0", "1", "2"], "as many as still may");
    let receive = Command::Receive { max: 1, visibility_timeout: None, attempt: None };
    assert_eq!(scene.apply(&receive).0, Reply::OverInFlightLimit);
    scene.delete("1");
    assert_eq!(scene.receive(), ["3"]);
}

#[test]
fn one_deletion_of_a_message_named_twice_counts_once() {
    let mut scene = Scene::queue();
    scene.send("a");
    scene.send("b");
    scene.receive();
    let handle = scene.handle("a");
    scene.apply(&Command::Delete(vec![handle, handle]));
    assert_eq!(scene.counters(), (0, 1, 0));
}
