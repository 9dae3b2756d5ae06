//! Any names and values as attributes of a queue. What is accepted is shown again and accepted again.

#![no_main]

use formiga_engine::attributes::{AttributeName, QueueAttributes};
use formiga_fuzz::{fuzz_target, lines};

// The first byte chooses the type; then lines of `Name=value`.
fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let start = if kind % 2 == 0 { QueueAttributes::default() } else { QueueAttributes::fifo() };
    let mut changes = Vec::new();
    for line in lines(rest) {
        let Ok(line) = str::from_utf8(line) else { return };
        let Some((name, value)) = line.split_once('=') else { return };
        let Ok(name) = AttributeName::parse(name) else { return };
        changes.push((name, value.to_owned()));
    }
    let Ok(changed) = start.with(&changes) else { return };
    for (name, _) in changes {
        let Some(shown) = changed.get(name) else { continue };
        let again = changed.with(&[(name, shown.clone())]).expect("what is shown can be set");
        assert_eq!(again.get(name), Some(shown));
    }
});
