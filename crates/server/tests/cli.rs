//! `formiga queue` against a running server: every command, as people and as programs see it.

mod common {
    pub(crate) mod cli;
    pub(crate) mod process;
}

use common::cli::{Cli, documents, run};
use serde_json::{Value, json};

#[test]
fn a_new_queue_is_created_listed_and_deleted() {
    let cli = Cli::start();
    assert_eq!(cli.ok(&["create", "orders"]), format!("{}\n", cli.url("orders")));
    assert_eq!(cli.document(&["create", "mail"]), json!({ "QueueUrl": cli.url("mail") }));
    assert_eq!(cli.ok(&["ls", "--names"]), "mail\norders\n");
    assert_eq!(cli.ok(&["ls", "--names", "ord"]), "orders\n");

    assert_eq!(cli.ok(&["rm", "orders", "--yes"]), "Deleted orders.\n");
    assert_eq!(cli.document(&["rm", "mail", "--yes"]), json!({ "deleted": ["mail"] }));
    let empty = cli.queue(&["ls"]);
    assert_eq!((empty.code, empty.out.as_str()), (0, ""));
    assert!(empty.err.contains(&cli.endpoint()), "{empty:?}");
}

#[test]
fn settings_are_given_in_human_units() {
    let cli = Cli::start();
    let settings = ["--visibility-timeout=1m", "--retention", "4d", "--wait-time", "20s"];
    let further = ["--delay=90", "--attribute", "MaximumMessageSize=2048"];
    cli.ok(&[&["create", "q"], &settings[..], &further].concat());
    let attributes = &cli.document(&["attributes", "q"])["Attributes"];
    for (name, value) in [
        ("VisibilityTimeout", "60"),
        ("MessageRetentionPeriod", "345600"),
        ("ReceiveMessageWaitTimeSeconds", "20"),
        ("DelaySeconds", "90"),
        ("MaximumMessageSize", "2048"),
    ] {
        assert_eq!(attributes[name], value, "{name}");
    }
    let shown = cli.ok(&["attributes", "q"]);
    assert!(shown.lines().any(|line| line.starts_with("VisibilityTimeout ")), "{shown}");
}

#[test]
fn a_name_that_ends_in_fifo_makes_a_fifo_queue() {
    let cli = Cli::start();
    let create = ["create", "orders.fifo", "--attribute", "ContentBasedDeduplication=true"];
    assert_eq!(cli.ok(&create), format!("{}\n", cli.url("orders.fifo")));
    let attributes = &cli.document(&["attributes", "orders.fifo"])["Attributes"];
    assert_eq!(attributes["FifoQueue"], "true");
    assert_eq!(attributes["ContentBasedDeduplication"], "true");
}

#[test]
fn limits_are_left_to_the_server() {
    let cli = Cli::start();
    let error = cli.queue(&["create", "q", "--visibility-timeout", "13h"]).error(1);
    assert!(error.starts_with("formiga: InvalidAttributeValue: "), "{error}");
}

#[test]
fn the_list_counts_messages_by_their_state() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    for arguments in
        [&["send", "q", "a"][..], &["send", "q", "b"], &["send", "q", "c", "--delay=5m"]]
    {
        cli.ok(arguments);
    }
    cli.ok(&["receive", "q"]);
    let row = cli.document(&["ls"]);
    assert_eq!((&row["name"], &row["url"]), (&json!("q"), &json!(cli.url("q"))));
    assert_eq!([&row["visible"], &row["in_flight"], &row["delayed"]], [1, 1, 1]);
    assert!(row["created"].as_str().is_some_and(|text| text.ends_with('Z')), "{row}");
    let table = cli.ok(&["ls"]);
    let cells: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(cells[0], ["NAME", "VISIBLE", "IN", "FLIGHT", "DELAYED", "CREATED"]);
    assert_eq!(cells[1][..4], ["q", "1", "1", "1"]);
}

#[test]
fn a_message_keeps_its_body_and_attributes() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let attributes = ["--attribute", "color=blue", "--attribute", "size:Number=5"];
    let sent = cli.document(&[&["send", "q", "-x é"], &attributes[..]].concat());
    let received = cli.document(&["receive", "q", "--visibility-timeout", "0"]);
    assert_eq!(received["Body"], "-x é");
    assert_eq!(received["MessageId"], sent["MessageId"]);
    assert_eq!(received["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(
        received["MessageAttributes"],
        json!({
            "color": { "DataType": "String", "StringValue": "blue" },
            "size": { "DataType": "Number", "StringValue": "5" },
        })
    );
    assert_eq!(received["Attributes"]["ApproximateReceiveCount"], "1");
    let text = cli.ok(&["receive", "q"]);
    assert!(text.contains("\ncolor:String=blue\nsize:Number=5\n\n-x é\n"), "{text}");
}

#[test]
fn a_body_comes_from_standard_input_byte_for_byte() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    cli.queue_with_input(&["send", "q"], b"one\ntwo\n").ok();
    assert_eq!(cli.ok(&["receive", "q", "--body"]), "one\ntwo\n\n");
    assert!(cli.queue_with_input(&["send", "q"], b"\xff").error(2).contains("UTF-8"));
}

#[test]
fn received_messages_stay_in_flight_unless_they_are_deleted_or_peeked_at() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    cli.ok(&["send", "q", "a"]);
    for _ in 0..2 {
        let peeked = cli.queue(&["receive", "q", "--body", "--visibility-timeout", "0"]);
        assert_eq!((peeked.code, peeked.out.as_str()), (0, "a\n"), "{peeked:?}");
        assert!(peeked.err.contains("still visible"), "{peeked:?}");
    }
    let received = cli.queue(&["receive", "q", "--body"]);
    assert!(received.err.contains("in flight"), "{received:?}");
    let none = cli.queue(&["receive", "q"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("No message is visible"), "{none:?}");
}

#[test]
fn lines_are_sent_in_batches_and_drained_in_order() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let lines: String = (1..=57).map(|n| format!("line {n}\n")).collect();
    let sent = cli.queue_with_input(&["send", "q", "--lines"], lines.as_bytes());
    assert!(sent.ok().starts_with("sent 57 messages, "));
    let all = cli.queue(&["receive", "q", "--all", "--delete", "--body"]);
    assert_eq!(all.out, lines, "{}", all.err);
    assert!(all.err.contains("Received and deleted 57 messages."), "{}", all.err);
    let row = cli.document(&["ls"]);
    assert_eq!([&row["visible"], &row["in_flight"]], [0, 0]);
}

#[test]
fn more_than_ten_messages_take_several_receives() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let lines: String = (1..=30).map(|n| format!("{n}\n")).collect();
    cli.queue_with_input(&["send", "q", "--lines"], lines.as_bytes()).ok();
    assert_eq!(cli.json(&["receive", "q", "--max", "23"]).len(), 23);
    assert_eq!(cli.json(&["receive", "q", "--max", "23"]).len(), 7);
    let refused = cli.queue(&["receive", "q", "--max", "0"]).error(1);
    assert!(refused.starts_with("formiga: InvalidParameterValue: "), "{refused}");
}

#[test]
fn a_peek_at_everything_ends_when_nothing_new_comes() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    cli.queue_with_input(&["send", "q", "--lines"], b"a\nb\nc\n").ok();
    let peek = ["receive", "q", "--all", "--body", "--visibility-timeout", "0"];
    assert_eq!(cli.ok(&peek), "a\nb\nc\n");
}

#[test]
fn lines_that_fail_are_told_and_the_others_are_sent() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let input = b"good\nnull \x00 byte\n\nnot \xff text\nfine\r\n";
    let sent = cli.queue_with_input(&["send", "q", "--lines", "--json"], input);
    assert_eq!(sent.code, 1, "{sent:?}");
    let told = documents(&sent.out).remove(0);
    assert_eq!([&told["sent"], &told["failed"], &told["empty"]], [2, 2, 1]);
    let mut failures: Vec<Value> = told["failures"].as_array().expect("a list").clone();
    failures.sort_by_key(|failure| failure["line"].as_u64());
    assert_eq!([&failures[0]["line"], &failures[1]["line"]], [2, 4]);
    for failure in &failures {
        assert_eq!(failure["Code"], "InvalidMessageContents");
        assert_eq!(failure["SenderFault"], true);
    }
    assert_eq!(documents(&sent.err)[0]["error"]["code"], "Incomplete");
    assert_eq!(cli.ok(&["receive", "q", "--all", "--delete", "--body"]), "good\nfine\n");

    let text = cli.queue_with_input(&["send", "q", "--lines"], input);
    assert!(text.out.contains("2 messages failed; 1 message empty and left out"), "{text:?}");
    assert!(text.err.contains("line 2: InvalidMessageContents: "), "{text:?}");
}

#[test]
fn a_queue_is_named_by_name_url_or_arn() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let arn = cli.document(&["attributes", "q"])["Attributes"]["QueueArn"].clone();
    for name in ["q", &cli.url("q"), arn.as_str().expect("queues have an ARN")] {
        cli.ok(&["send", name, "hello"]);
    }
    assert_eq!(cli.document(&["ls"])["visible"], 3);

    let elsewhere = "arn:aws:sqs:eu-west-1:000000000000:q";
    assert!(cli.queue(&["send", elsewhere, "x"]).error(1).contains("QueueDoesNotExist"));
    cli.queue(&["rm", "--yes", elsewhere, "arn:aws:sqs:us-east-1:000000000000:q"]).error(2);
}

#[test]
fn the_host_of_a_queue_url_is_the_endpoint_when_none_is_configured() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    let home = tempfile::tempdir().expect("a directory can be made");
    run(home.path(), &[], &["queue", "send", &cli.url("q"), "hello"], b"").ok();
    assert_eq!(cli.ok(&["receive", "q", "--body"]), "hello\n");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_profile() {
    let cli = Cli::start();
    let home = tempfile::tempdir().expect("a directory can be made");
    std::fs::create_dir(home.path().join(".aws")).expect("a directory can be made");
    let config = format!(
        "[default]\nregion = eu-west-1\nendpoint_url = {}\n[profile gone]\nendpoint_url = http://127.0.0.1:1\n",
        cli.endpoint()
    );
    std::fs::write(home.path().join(".aws/config"), config).expect("a file can be written");
    let create = |environment: &[(&str, String)], arguments: &[&str]| {
        run(home.path(), environment, &[&["queue"], arguments].concat(), b"")
    };
    create(&[], &["create", "ours"]).ok();
    assert_eq!(cli.ok(&["ls", "--names", "--region", "eu-west-1"]), "ours\n");
    assert_eq!(cli.ok(&["ls", "--names"]), "", "us-east-1 is another region");

    let nowhere = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned())];
    create(&nowhere, &["ls"]).error(1);
    create(&[], &["ls", "--profile", "gone"]).error(1);
    let endpoint = cli.endpoint();
    assert_eq!(create(&nowhere, &["ls", "--names", "--endpoint-url", &endpoint]).ok(), "ours\n");
}

#[test]
fn credentials_that_are_configured_are_used() {
    let cli = Cli::start();
    let account = [
        ("AWS_ENDPOINT_URL", cli.endpoint()),
        ("AWS_ACCESS_KEY_ID", "123456789012".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
    ];
    let home = tempfile::tempdir().expect("a directory can be made");
    let url = run(home.path(), &account, &["queue", "create", "q"], b"").ok();
    assert_eq!(url, format!("{}/123456789012/q\n", cli.endpoint()));
}

#[test]
fn no_other_machine_is_called_with_stand_in_credentials() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let offline = [("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
    for endpoint in ["https://sqs.us-east-1.amazonaws.com", "http://sqs.example"] {
        let arguments = ["queue", "ls", "--json", "--endpoint-url", endpoint];
        let error = run(home.path(), &offline, &arguments, b"").error(1);
        assert_eq!(documents(&error)[0]["error"]["code"], "CredentialsMissing", "{error}");
    }
    let aws = ["queue", "ls", "--json", "--aws"];
    let error = run(home.path(), &offline, &aws, b"").error(1);
    assert_eq!(documents(&error)[0]["error"]["code"], "RegionMissing", "{error}");
}

#[test]
fn a_server_that_is_not_there_is_told_with_a_hint() {
    let home = tempfile::tempdir().expect("a directory can be made");
    let nobody = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1".to_owned())];
    let error = run(home.path(), &nobody, &["queue", "ls"], b"").error(1);
    assert!(error.contains("cannot reach http://127.0.0.1:1: "), "{error}");
    assert!(error.contains("hint: is the server running? Start it with `formiga`"), "{error}");
}

#[test]
fn an_error_is_a_sentence_with_its_code_or_json() {
    let cli = Cli::start();
    let error = cli.queue(&["send", "missing", "x"]).error(1);
    let sentence = "formiga: QueueDoesNotExist: The specified queue does not exist.\nhint: ";
    assert!(error.starts_with(sentence), "{error}");
    let error = cli.queue(&["receive", "missing", "--json"]).error(1);
    let error = &documents(&error)[0]["error"];
    assert_eq!(error["code"], "QueueDoesNotExist");
    assert_eq!(error["message"], "The specified queue does not exist.");
    assert!(error["hint"].is_string(), "{error}");
}

#[test]
fn one_missing_queue_does_not_keep_the_others() {
    let cli = Cli::start();
    cli.ok(&["create", "a"]);
    cli.ok(&["create", "b"]);
    let ran = cli.queue(&["rm", "a", "missing", "b", "--yes", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert_eq!(documents(&ran.out), [json!({ "deleted": ["a", "b"] })]);
    let errors = documents(&ran.err);
    assert_eq!(errors[0]["error"]["queue"], "missing");
    assert_eq!(errors[1]["error"]["code"], "Incomplete");
}

#[test]
fn without_a_terminal_nothing_is_deleted_unless_yes_is_said() {
    let cli = Cli::start();
    cli.ok(&["create", "q"]);
    for command in ["rm", "purge"] {
        assert!(cli.queue_with_input(&[command, "q"], b"y\n").error(2).contains("--yes"));
    }
    assert_eq!(cli.ok(&["ls", "--names"]), "q\n");
}

#[test]
fn wrong_usage_exits_with_2() {
    let cli = Cli::start();
    for wrong in [
        &["send"][..],
        &["nonsense"],
        &["send", "q", "body", "--lines"],
        &["send", "q", "x", "--delay", "soon"],
        &["send", "q", "x", "--attribute", "novalue"],
        &["receive", "q", "--json", "--body"],
        &["receive", "a/b"],
        &["ls", "--aws", "--endpoint-url", "http://127.0.0.1:1"],
        &["ls", "--endpoint-url", "127.0.0.1:9324"],
    ] {
        let ran = cli.queue(wrong);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong:?}: {ran:?}");
    }
}

#[test]
fn shells_complete_the_commands() {
    let home = tempfile::tempdir().expect("a directory can be made");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(home.path(), &[], &["completions", shell], b"").ok();
        for word in ["queue", "receive", "visibility-timeout"] {
            assert!(script.contains(word), "{shell} completes {word}");
        }
    }
    run(home.path(), &[], &["completions", "cobol"], b"").error(2);
}
