//! The forms in which moments are written.

use super::Timestamp;

pub(super) fn basic(text: &str) -> Option<Timestamp> {
    let mut rest = Rest(text.as_bytes());
    let date = (rest.number(4)?, rest.number(2)?, rest.number(2)?);
    rest.expect(b"T")?;
    let time = (rest.number(2)?, rest.number(2)?, rest.number(2)?);
    rest.expect(b"Z")?;
    rest.end()?;
    Timestamp::from_fields(date, time)
}

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let (weekday, date) = text.split_once(", ")?;
    if weekday.len() != 3 || !weekday.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let mut rest = Rest(date.as_bytes());
    let day = rest.number(2)?;
    rest.expect(b" ")?;
    let name = rest.take(3)?;
    let month = (1..).zip(MONTHS).find(|(_, month)| *month == name)?.0;
    rest.expect(b" ")?;
    let year = rest.number(4)?;
    rest.expect(b" ")?;
    let time = rest.time()?;
    rest.expect(b" GMT")?;
    rest.end()?;
    Timestamp::from_fields((year, month, day), time)
}

pub(super) fn policy(text: &str) -> Option<Timestamp> {
    let is_epoch = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_epoch && text.len() != 4 {
        return Some(Timestamp::from_millis(text.parse::<u64>().ok()?.saturating_mul(1000)));
    }
    let mut rest = Rest(text.as_bytes());
    let date = rest.date()?;
    if rest.0.is_empty() {
        return Timestamp::from_fields(date, (0, 0, 0));
    }
    rest.expect(b"T")?;
    let hour = rest.number(2)?;
    rest.expect(b":")?;
    let minute = rest.number(2)?;
    let second = if rest.expect(b":").is_some() { rest.number(2)? } else { 0 };
    let millis = if rest.expect(b".").is_some() { rest.fraction()? } else { 0 };
    let offset = rest.offset()?;
    rest.end()?;
    let moment = Timestamp::from_fields(date, (hour, minute, second))?;
    Some(Timestamp(moment.plus_secs(-offset).0.saturating_add(millis).min(Timestamp::LAST)))
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn expect(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// A number of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let add = |number: i64, digit: &u8| {
            digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
        };
        self.take(digits)?.iter().try_fold(0, add)
    }

    /// `2026-01-15`
    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.number(4)?;
        self.expect(b"-")?;
        let month = self.number(2)?;
        self.expect(b"-")?;
        Some((year, month, self.number(2)?))
    }

    /// `12:00:00`
    fn time(&mut self) -> Option<(i64, i64, i64)> {
        let hour = self.number(2)?;
        self.expect(b":")?;
        let minute = self.number(2)?;
        self.expect(b":")?;
        Some((hour, minute, self.number(2)?))
    }

    /// The digits after a point, in milliseconds; what is finer is cut off.
    fn fraction(&mut self) -> Option<i64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let taken = self.take(digits)?;
        let millis = taken.iter().chain(b"000").take(3);
        (digits > 0).then(|| millis.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    /// `Z` or how far ahead of it the clock is, in seconds.
    fn offset(&mut self) -> Option<i64> {
        if self.expect(b"Z").is_some() {
            return Some(0);
        }
        let sign = match self.take(1)? {
            b"+" => 1,
            b"-" => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        let _: Option<()> = self.expect(b":");
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_768_478_400_000);

    #[test]
    fn a_basic_date_has_one_form() {
        assert_eq!(basic("20260115T120000Z"), Some(NOON));
        for text in [
            "",
            "20260115",
            "20260115T120000",
            "20260115T120000z",
            "20260115T120000ZZ",
            "20260115 120000Z",
            "20261315T120000Z",
            "20260132T120000Z",
            "20260229T120000Z",
            "20260115T240000Z",
            "20260115T126000Z",
            "20260115T120060Z",
            "+0260115T120000Z",
            "２０２６0115T120000Z",
        ] {
            assert_eq!(basic(text), None, "{text}");
        }
        assert!(basic("20240229T235959Z").is_some());
    }

    #[test]
    fn an_http_date_is_a_date() {
        assert_eq!(http_date("Thu, 15 Jan 2026 12:00:00 GMT"), Some(NOON));
        for text in [
            "",
            "Thu",
            "15 Jan 2026 12:00:00 GMT",
            "Thu, 15 jan 2026 12:00:00 GMT",
            "Thu, 15 Jan 2026 12:00:00 CET",
            "Thursday, 15-Jan-26 12:00:00 GMT",
            "Thu, 31 Feb 2026 12:00:00 GMT",
            "Thu, 15 Jan 2026 12:00:00 GMT ",
        ] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn a_policy_writes_dates_in_many_forms() {
        for text in [
            "2026-01-15T12:00Z",
            "2026-01-15T12:00:00Z",
            "2026-01-15T12:00:00.000Z",
            "2026-01-15T14:00:00+02:00",
            "2026-01-15T06:30:00.0-0530",
            "1768478400",
        ] {
            assert_eq!(policy(text), Some(NOON), "{text}");
        }
        assert_eq!(policy("2026-01-15"), Some(NOON.plus_secs(-12 * 3600)));
        assert_eq!(
            policy("2026-01-15T12:00:00.25Z"),
            Some(Timestamp::from_millis(NOON.as_millis() as u64 + 250))
        );
        for text in [
            "",
            "now",
            "2026",
            "2026-1-15",
            "2026-01-15T12Z",
            "2026-01-15T12:00",
            "2026-01-15T12:00:00.Z",
            "2026-01-15T12:00:00Zx",
            "2026-01-15T12:00:00+25:00",
            "9999999999999",
            "-1",
        ] {
            assert_eq!(policy(text), None, "{text}");
        }
    }
}
