//! Moments as SQS gives them, for people.

use aws_sdk_sqs::primitives::{DateTime, DateTimeFormat};

/// A count of seconds since 1970 as `2026-01-31T12:00:00Z`. Some servers tell fractions.
pub(crate) fn of_seconds(text: &str) -> Option<String> {
    let whole = text.split('.').next()?;
    DateTime::from_secs(whole.parse().ok()?).fmt(DateTimeFormat::DateTime).ok()
}

/// A count of milliseconds since 1970, to the second.
pub(crate) fn of_milliseconds(text: &str) -> Option<String> {
    let seconds = text.parse::<i64>().ok()?.div_euclid(1000);
    DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_in_utc() {
        assert_eq!(of_seconds("1700000000").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(of_milliseconds("1700000000999").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(of_seconds("1700000000.9").as_deref(), Some("2023-11-14T22:13:20Z"));
        assert_eq!(of_seconds("soon"), None);
    }
}
