//! Durations as people write them, in whole seconds as SQS takes them.

/// Seconds. Whether SQS takes that many is for the server to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) i32);

const EXPECTED: &str = "is no duration, such as 30s, 5m, 12h, 4d or 1h30m";

impl Seconds {
    /// Parses whole numbers with their units, the larger units first; a number alone is seconds.
    pub(crate) fn parse(text: &str) -> Result<Seconds, String> {
        let wrong = || format!("{text:?} {EXPECTED}");
        if let Ok(seconds) = text.parse::<u32>().map(i32::try_from) {
            return seconds.map(Seconds).map_err(|_| wrong());
        }
        let (mut rest, mut total, mut above) = (text, 0_i32, i32::MAX);
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (digits, tail) = rest.split_at(end);
            let unit = tail.chars().next().and_then(seconds_of).ok_or_else(wrong)?;
            let part = digits.parse::<i32>().ok().and_then(|count| count.checked_mul(unit));
            let sum = part.and_then(|part| total.checked_add(part));
            total = sum.filter(|_| unit < above).ok_or_else(wrong)?;
            above = unit;
            rest = &tail[1..];
        }
        if text.is_empty() { Err(wrong()) } else { Ok(Seconds(total)) }
    }
}

fn seconds_of(unit: char) -> Option<i32> {
    match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_whole_numbers_with_units_or_seconds() {
        for (text, seconds) in [
            ("0", 0),
            ("45", 45),
            ("30s", 30),
            ("5m", 300),
            ("12h", 43_200),
            ("4d", 345_600),
            ("1h30m", 5400),
            ("1d1h1m1s", 90_061),
        ] {
            assert_eq!(Seconds::parse(text), Ok(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_examples() {
        for wrong in ["", "s", "5w", "500ms", "-5", "+5s", "1.5h", "5 s", "1m1h", "1m1m", "1h30"] {
            let sentence = Seconds::parse(wrong).unwrap_err();
            assert!(sentence.contains("such as 30s"), "{sentence}");
        }
        assert!(Seconds::parse("99999999999").is_err());
        assert!(Seconds::parse("99999d").is_err());
    }
}
