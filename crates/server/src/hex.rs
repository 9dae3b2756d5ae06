//! Digests as lower-case hexadecimal text.

/// The 32 digits of an MD5 digest.
pub(crate) fn hex(digest: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_digest_is_32_lower_case_digits() {
        let digest = formiga_engine::message::md5(b"message");
        assert_eq!(super::hex(digest), "78e731027d8fd50ed642340b7c9a63b3");
    }
}
