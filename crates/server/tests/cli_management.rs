//! The commands of `formiga queue` that manage existing queues: purge, set attributes, tags.

mod common {
    pub(crate) mod cli;
    pub(crate) mod process;
}

use common::cli::{Cli, documents};
use serde_json::json;

#[test]
fn a_purge_deletes_messages_and_keeps_the_queue() {
    let cli = Cli::start();
    cli.ok(&["create", "a"]);
    cli.ok(&["create", "b"]);
    cli.ok(&["send", "a", "x"]);
    assert_eq!(cli.document(&["purge", "a", "--yes"]), json!({ "purged": ["a"] }));
    assert_eq!(cli.document(&["ls", "a"])["visible"], 0);
    assert_eq!(cli.ok(&["purge", "b", "--yes"]), "Purged b.\n");

    let again = cli.queue(&["purge", "a", "--yes", "--json"]).error(1);
    assert_eq!(documents(&again)[0]["error"]["code"], "PurgeQueueInProgress");
}

#[test]
fn attributes_are_set_by_flag_or_by_name() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let set = ["attributes", "q", "--visibility-timeout", "5m", "--set", "DelaySeconds=7"];
    assert_eq!(cli.ok(&set), "Set DelaySeconds, VisibilityTimeout.\n");
    let attributes = &cli.document(&["attributes", "q"])["Attributes"];
    assert_eq!([&attributes["VisibilityTimeout"], &attributes["DelaySeconds"]], ["300", "7"]);

    let told = cli.document(&["attributes", "q", "--retention", "1h"]);
    assert_eq!(told, json!({ "set": { "MessageRetentionPeriod": "3600" } }));
    let error = cli.queue(&["attributes", "q", "--set", "Colour=blue"]).error(1);
    assert!(error.starts_with("formiga: InvalidAttributeName: "), "{error}");
}

#[test]
fn tags_are_set_removed_and_shown() {
    let cli = Cli::start();
    cli.ok(&["create", "q", "--tag", "team=orders"]);
    assert_eq!(cli.document(&["tags", "q"]), json!({ "Tags": { "team": "orders" } }));
    let changed = cli.ok(&["tags", "q", "--set", "stage=test", "--remove", "team"]);
    assert_eq!(changed, "Removed team.\nSet stage.\n");
    assert_eq!(cli.ok(&["tags", "q"]), "stage  test\n");
    let removed = cli.document(&["tags", "q", "--remove", "stage"]);
    assert_eq!(removed, json!({ "set": {}, "removed": ["stage"] }));
    assert_eq!(cli.document(&["tags", "q"]), json!({ "Tags": {} }));
}

#[test]
fn what_was_done_is_told_even_if_the_rest_is_refused() {
    let cli = Cli::start();
    cli.ok(&["create", "q", "--tag", "stage=test"]);
    let done = cli.queue(&["tags", "q", "--remove", "stage", "--set", "aws:x=1"]);
    assert_eq!((done.code, &*done.out), (1, "Removed stage.\n"));
    assert_eq!(cli.document(&["tags", "q"]), json!({ "Tags": {} }));
}

#[test]
fn messages_that_come_back_before_the_end_are_no_success() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    cli.ok(&["send", "q", "x"]);
    let all = ["receive", "q", "--all", "--body", "--wait", "10s", "--visibility-timeout", "1s"];
    let error = cli.queue(&all).error(1);
    assert!(error.contains("use a longer --visibility-timeout"), "{error}");
}
