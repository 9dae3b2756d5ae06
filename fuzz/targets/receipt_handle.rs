//! Any text as a receipt handle, and any handle as text.

#![no_main]

use formiga_engine::names::QueueId;
use formiga_engine::queue::{Position, Sequence};
use formiga_engine::receipt::{ReceiptHandle, ReceiptKey};
use formiga_engine::time::Timestamp;
use formiga_fuzz::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let key = ReceiptKey::new(&[7; 32]);
    if let Ok(text) = str::from_utf8(data)
        && let Ok(handle) = key.decode(QueueId(5), text)
    {
        assert_eq!(key.encode(QueueId(5), handle), text, "a handle has one form");
    }
    let Some((numbers, _)) = data.split_first_chunk::<28>() else { return };
    let long = |at: usize| u64::from_be_bytes(numbers[at..at + 8].try_into().expect("8 bytes"));
    let position =
        Position { available_at: Timestamp::from_millis(long(0)), sequence: Sequence(long(8)) };
    let receive_count = u32::from_be_bytes(numbers[24..].try_into().expect("4 bytes"));
    let handle = ReceiptHandle { position, receive_count };
    let queue = QueueId(long(16));
    assert_eq!(key.decode(queue, &key.encode(queue, handle)), Ok(handle));
});
