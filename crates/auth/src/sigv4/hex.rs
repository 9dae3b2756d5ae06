//! Digests as hexadecimal digits.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower-case digits.
pub(super) fn encode(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0F)]));
    }
    text
}

/// Exactly 64 lower-case digits.
pub(super) fn decode(text: &str) -> Option<[u8; 32]> {
    let digit = |text: u8| match text {
        b'0'..=b'9' => Some(text - b'0'),
        b'a'..=b'f' => Some(text - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; 32] = pairs.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_for_bytes() {
        let bytes: [u8; 32] = std::array::from_fn(|index| index as u8 * 7);
        assert_eq!(decode(&encode(&bytes)), Some(bytes));
        for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"F".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
