//! What fuzzing reaches of the layouts of stored records.

use formiga_engine::queue::{Position, Sequence};
use formiga_engine::time::Timestamp;

use crate::{StoredContent, identity, records};

/// Reads `bytes` as the value of the layout that `kind` chooses, and if that succeeds, writes it and
/// reads it again.
///
/// # Panics
/// If what was written is read as something else, or not at all.
pub fn read_stored(kind: u8, bytes: &[u8]) {
    let position = Position { available_at: Timestamp::from_millis(7), sequence: Sequence(9) };
    match kind % 9 {
        0 => again(
            bytes,
            |bytes| records::decode_message(position, bytes, None),
            records::encode_message,
        ),
        1 => again(
            bytes,
            |bytes| records::decode_outbox_entry(3, bytes),
            records::encode_outbox_entry,
        ),
        2 => again(bytes, records::decode_move_task, records::encode_move_task),
        3 => again(
            bytes,
            |bytes| records::decode_remembered_send(Timestamp::from_millis(7), 5, bytes),
            records::encode_remembered_send,
        ),
        4 => again(bytes, records::decode_receives, records::encode_receives),
        5 => again(bytes, records::decode_row, records::encode_row),
        6 => content(bytes),
        7 => again(bytes, records::decode_entry, records::encode_entry),
        _ => again(bytes, identity::decode_identity, identity::encode),
    }
}

/// What is sealed stays closed here; opening it is for who has the key.
fn content(bytes: &[u8]) {
    let Ok(StoredContent::Plain(content)) = records::decode_stored_content(bytes) else { return };
    let read = records::decode_stored_content(&records::encode_content(&content));
    assert_eq!(read, Ok(StoredContent::Plain(content)));
}

fn again<T: std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, records::DecodeError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    let Ok(value) = decode(bytes) else { return };
    let read = decode(&encode(&value)).expect("what was written can be read");
    assert_eq!(format!("{read:?}"), format!("{value:?}"));
}
