//! [`Random`]: where unpredictable bytes come from.

use std::sync::Mutex;

use uuid::{Builder, Uuid};

/// Unpredictable bytes from the operating system, fetched a few thousand at a time: a request
/// needs 32 of them, and a system call for each would be its largest single cost.
pub(crate) struct Random(Mutex<Buffer>);

struct Buffer {
    bytes: [u8; 4096],
    used: usize,
}

impl Random {
    /// Fetches the first bytes.
    pub(crate) fn new() -> Random {
        Random(Mutex::new(Buffer { bytes: [0; 4096], used: 4096 }))
    }

    /// A random (version 4) UUID, as message ids and request ids are.
    pub(crate) fn uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `N` unpredictable bytes that nobody else gets.
    #[expect(clippy::disallowed_methods, reason = "this is the one source of randomness")]
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buffer = self.0.lock().expect("no one panics with the lock");
        if buffer.used + N > buffer.bytes.len() {
            getrandom::fill(&mut buffer.bytes).expect("the operating system has randomness");
            buffer.used = 0;
        }
        let (start, end) = (buffer.used, buffer.used + N);
        buffer.used = end;
        let bytes = buffer.bytes[start..end].try_into().expect("N bytes");
        buffer.bytes[start..end].fill(0); // A secret is not left lying about.
        bytes
    }
}

impl Default for Random {
    fn default() -> Random {
        Random::new()
    }
}
