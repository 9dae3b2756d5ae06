//! [`Random`]: where unpredictable bytes come from.

use std::sync::Mutex;

use uuid::{Builder, Uuid};

/// Unpredictable bytes from the operating system, fetched a few thousand at a time: a request
/// needs 32 of them, and a system call for each would be its largest single cost.
pub struct Random(Mutex<Buffer>);

struct Buffer {
    source: Source,
    bytes: [u8; 4096],
    used: usize,
}

/// Fills a buffer with unpredictable bytes.
type Source = Box<dyn FnMut(&mut [u8]) + Send>;

impl Random {
    /// The operating system's.
    #[expect(clippy::disallowed_methods, reason = "this is the one source of randomness")]
    pub fn new() -> Random {
        Random::of(|bytes| getrandom::fill(bytes).expect("the operating system has randomness"))
    }

    /// Bytes of another source: a simulator's, which wants the same ones again. Keys and ids are as
    /// secret as they are unpredictable.
    pub fn of(source: impl FnMut(&mut [u8]) + Send + 'static) -> Random {
        Random(Mutex::new(Buffer { source: Box::new(source), bytes: [0; 4096], used: 4096 }))
    }

    /// A random (version 4) UUID, as message ids and request ids are.
    pub(crate) fn uuid(&self) -> Uuid {
        Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// `N` unpredictable bytes that nobody else gets.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut buffer = self.0.lock().expect("no one panics with the lock");
        let buffer = &mut *buffer;
        if buffer.used + N > buffer.bytes.len() {
            (buffer.source)(&mut buffer.bytes);
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
