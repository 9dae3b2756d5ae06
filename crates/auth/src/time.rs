//! [`Timestamp`]: a moment, as signatures and policies write it.

mod parse;

use std::fmt;

const SECONDS_PER_DAY: i64 = 86_400;

/// A moment of the years 0 to 9999, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    const FIRST: i64 = -62_167_219_200_000;
    const LAST: i64 = 253_402_300_799_999;

    /// The moment `millis` milliseconds after the epoch, at most the last one of the year 9999.
    pub const fn from_millis(millis: u64) -> Timestamp {
        if millis > Self::LAST as u64 {
            return Timestamp(Self::LAST);
        }
        Timestamp(millis as i64)
    }

    /// Milliseconds since the epoch; negative before it.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `seconds` later, or earlier if negative; at most the end of the calendar.
    pub const fn plus_secs(self, seconds: i64) -> Timestamp {
        let millis = self.0.saturating_add(seconds.saturating_mul(1000));
        if millis < Self::FIRST {
            Timestamp(Self::FIRST)
        } else if millis > Self::LAST {
            Timestamp(Self::LAST)
        } else {
            Timestamp(millis)
        }
    }

    /// Parses the form of `X-Amz-Date`: `20260115T120000Z`.
    pub fn parse_basic(text: &str) -> Option<Timestamp> {
        parse::basic(text)
    }

    /// Parses the form of the `Date` header: `Thu, 15 Jan 2026 12:00:00 GMT`. The name of the day is
    /// not compared with the date.
    pub fn parse_http_date(text: &str) -> Option<Timestamp> {
        parse::http_date(text)
    }

    /// Parses what a policy may compare dates with: `2026-01-15`, `2026-01-15T12:00Z` with or
    /// without seconds and a fraction, an offset such as `+02:00`, or seconds since the epoch.
    pub fn parse_policy(text: &str) -> Option<Timestamp> {
        parse::policy(text)
    }

    /// The moment as signatures write it, in whole seconds: `20260115T120000Z`.
    pub fn to_basic(self) -> String {
        let ((year, month, day), (hour, minute, second)) = self.fields();
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// Year, month and day; hour, minute and second.
    fn fields(self) -> ((i64, i64, i64), (i64, i64, i64)) {
        let seconds = self.as_secs();
        let rest = seconds.rem_euclid(SECONDS_PER_DAY);
        (date_of(seconds.div_euclid(SECONDS_PER_DAY)), (rest / 3600, rest / 60 % 60, rest % 60))
    }

    /// The moment these fields name, unless one of them is out of its range.
    fn from_fields(date: (i64, i64, i64), time: (i64, i64, i64)) -> Option<Timestamp> {
        let ((year, month, day), (hour, minute, second)) = (date, time);
        let in_range = (0..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second);
        let seconds = hour * 3600 + minute * 60 + second;
        in_range.then(|| Timestamp((days_until(date) * SECONDS_PER_DAY + seconds) * 1000))
    }
}

/// As policies and `aws:CurrentTime` write it: `2026-01-15T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = self.fields();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Years are counted from March, so that a leap day is the last day of its year; 306 days lie
/// between the first of March and the end of December.
const DAYS_BEFORE_EPOCH: i64 = 719_468;

/// Days from the epoch to a date of the Gregorian calendar.
fn days_until((year, month, day): (i64, i64, i64)) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let months = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * months + 2) / 5 + day - 1 - DAYS_BEFORE_EPOCH
}

/// The date so many days after the epoch.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_BEFORE_EPOCH;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months = (5 * in_year + 2) / 153;
    let day = in_year - (153 * months + 2) / 5 + 1;
    let month = if months < 10 { months + 3 } else { months - 9 };
    (era * 400 + year_of_era + i64::from(month < 3), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_has_one_date() {
        let first = Timestamp(Timestamp::FIRST).as_secs() / SECONDS_PER_DAY;
        let last = Timestamp(Timestamp::LAST).as_secs() / SECONDS_PER_DAY;
        assert_eq!((date_of(first), date_of(last)), ((0, 1, 1), (9999, 12, 31)));
        let mut before = date_of(first - 1);
        for days in first..=last {
            let date = date_of(days);
            assert!(date > before && date.2 <= days_in(date.0, date.1), "{date:?}");
            assert_eq!(days_until(date), days);
            before = date;
        }
    }

    #[test]
    fn a_moment_is_written_in_two_forms() {
        let moment = Timestamp::from_millis(1_768_478_400_999);
        assert_eq!(moment.to_basic(), "20260115T120000Z");
        assert_eq!(moment.to_string(), "2026-01-15T12:00:00Z");
    }

    #[test]
    fn no_moment_lies_outside_of_the_calendar() {
        let last = Timestamp::from_millis(u64::MAX);
        assert_eq!(last.plus_secs(i64::MAX).to_basic(), "99991231T235959Z");
        assert_eq!(last.plus_secs(i64::MIN).to_basic(), "00000101T000000Z");
    }
}
