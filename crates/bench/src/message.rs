use std::fmt::Write;

use md5::{Digest, Md5};

/// The one message a run sends, and the digest every answer must carry.
///
/// The body depends on its size alone and needs no JSON escapes, so that any
/// server's answer to it can be known beforehand.
pub(crate) struct Message {
    pub(crate) body: String,
    pub(crate) md5: String,
}

impl Message {
    pub(crate) fn of_size(bytes: usize) -> Message {
        let letters = ('0'..='9').chain('a'..='z').cycle();
        let body: String = letters.take(bytes).collect();
        Message { md5: md5_hex(&body), body }
    }
}

/// The lower-case hex MD5 of a body, as `MD5OfMessageBody` has it.
fn md5_hex(body: &str) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(body.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a String takes every write");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_lower_case_hex() {
        assert_eq!(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(md5_hex("hello"), "5d41402abc4b2a76b9719d911017c592");
    }

    #[test]
    fn the_body_depends_on_its_size_alone() {
        let message = Message::of_size(40);
        assert_eq!(message.body, "0123456789abcdefghijklmnopqrstuvwxyz0123");
        assert_eq!(message.md5, Message::of_size(40).md5);
    }
}
