//! [`ReceiptHandle`]: names one receive of one message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::names::QueueId;
use crate::queue::{Position, Sequence};
use crate::time::Timestamp;

/// What a receipt handle says: which message, and which of its receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptHandle {
    /// The message's place in its queue, which names the message.
    pub position: Position,
    /// The receive count at that receive, so handles are unique per receive.
    pub receive_count: u32,
}

/// The text is not a handle that this server issued for this queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidReceiptHandle;

/// The secret under which receipt handles are authenticated. Whoever does not hold it cannot make
/// a handle, so garbage is told from a handle of a deleted message without a lookup.
#[derive(Clone)]
pub struct ReceiptKey(Hmac<Sha256>);

const VERSION: u8 = 1;
const NAMED: usize = 1 + 8 + 8 + 8 + 4;
const TAG: usize = 16;

impl ReceiptKey {
    /// A key from 32 secret random bytes. Handles outlive restarts as long as the key does.
    pub fn new(secret: &[u8; 32]) -> ReceiptKey {
        ReceiptKey(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The handle's text, to be handed out by queue `queue`: URL-safe base64.
    pub fn encode(&self, queue: QueueId, handle: ReceiptHandle) -> String {
        let mut bytes = [0; NAMED + TAG];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&queue.0.to_be_bytes());
        bytes[9..17].copy_from_slice(&handle.position.available_at.as_millis().to_be_bytes());
        bytes[17..25].copy_from_slice(&handle.position.sequence.0.to_be_bytes());
        bytes[25..29].copy_from_slice(&handle.receive_count.to_be_bytes());
        let tag = self.0.clone().chain_update(&bytes[..NAMED]).finalize().into_bytes();
        bytes[NAMED..].copy_from_slice(&tag[..TAG]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The handle that `text` stands for, if this key made it for `queue`. The comparison takes
    /// constant time.
    pub fn decode(
        &self,
        queue: QueueId,
        text: &str,
    ) -> Result<ReceiptHandle, InvalidReceiptHandle> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidReceiptHandle)?;
        let bytes: [u8; NAMED + TAG] = bytes.try_into().map_err(|_| InvalidReceiptHandle)?;
        let named = self.0.clone().chain_update(&bytes[..NAMED]);
        named.verify_truncated_left(&bytes[NAMED..]).map_err(|_| InvalidReceiptHandle)?;
        let long = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        if bytes[0] != VERSION || long(1) != queue.0 {
            return Err(InvalidReceiptHandle);
        }
        let position = Position {
            available_at: Timestamp::from_millis(long(9)),
            sequence: Sequence(long(17)),
        };
        let receive_count = u32::from_be_bytes(bytes[25..29].try_into().expect("4 bytes"));
        Ok(ReceiptHandle { position, receive_count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ReceiptKey {
        ReceiptKey::new(&[7; 32])
    }

    fn handle() -> ReceiptHandle {
        let position = Position {
            available_at: Timestamp::from_millis(1_700_000_000_123),
            sequence: Sequence(42),
        };
        ReceiptHandle { position, receive_count: 3 }
    }

    #[test]
    fn a_handle_names_queue_message_and_receive() {
        let text = key().encode(QueueId(5), handle());
        assert!(text.len() <= 1024);
        assert_eq!(key().decode(QueueId(5), &text), Ok(handle()));
        assert_eq!(key().decode(QueueId(6), &text), Err(InvalidReceiptHandle));
        assert_eq!(ReceiptKey::new(&[8; 32]).decode(QueueId(5), &text), Err(InvalidReceiptHandle));
    }

    #[test]
    fn a_handle_with_any_bit_flipped_is_not_a_handle() {
        let bytes = URL_SAFE_NO_PAD.decode(key().encode(QueueId(5), handle())).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(flipped);
            assert_eq!(key().decode(QueueId(5), &text), Err(InvalidReceiptHandle), "bit {bit}");
        }
    }

    #[test]
    fn garbage_is_not_a_handle() {
        for text in ["", "garbage", "INVALID", "ä", &"A".repeat(60), &"A".repeat(5000)] {
            assert_eq!(key().decode(QueueId(5), text), Err(InvalidReceiptHandle));
        }
    }
}
