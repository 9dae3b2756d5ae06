//! [`Test`]: one value of a policy, ready to be compared.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Family, Relation};
use crate::policy::arn;
use crate::policy::glob;
use crate::policy::template::{Lookup, Template};
use crate::time::Timestamp;

/// One value of a condition, read as what its operator compares.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Equals(Template),
    EqualsIgnoreCase(Template),
    Like(Template),
    ArnLike(Template),
    Number(Relation, f64),
    Date(Relation, Timestamp),
    Bool(bool),
    Binary(Vec<u8>),
    Network(Network),
    Null(bool),
    /// Not what the operator compares.
    Unreadable,
}

impl Test {
    pub(super) fn read(family: Family, text: &str, has_variables: bool) -> Test {
        let template = || Template::read(text, has_variables);
        let read = match family {
            Family::StringEquals => Some(Test::Equals(template())),
            Family::StringEqualsIgnoreCase => Some(Test::EqualsIgnoreCase(template())),
            Family::StringLike => Some(Test::Like(template())),
            Family::Arn => Some(Test::ArnLike(template())),
            Family::Numeric(relation) => number(text).map(|number| Test::Number(relation, number)),
            Family::Date(relation) => {
                Timestamp::parse_policy(text).map(|date| Test::Date(relation, date))
            }
            Family::Bool => boolean(text).map(Test::Bool),
            Family::Binary => STANDARD.decode(text).ok().map(Test::Binary),
            Family::IpAddress => Network::parse(text).map(Test::Network),
            Family::Null => boolean(text).map(Test::Null),
        };
        read.unwrap_or(Test::Unreadable)
    }

    /// Whether the request's `value` is what the policy says. One that cannot be read is not.
    pub(super) fn matches(&self, value: &str, lookup: Lookup<'_>) -> bool {
        match self {
            Test::Equals(template) => template.text(lookup).is_some_and(|text| text == value),
            Test::EqualsIgnoreCase(template) => {
                template.text(lookup).is_some_and(|text| fold(&text).eq(fold(value)))
            }
            Test::Like(template) => {
                let pattern = template.pattern(lookup, value.len());
                pattern.is_some_and(|pattern| glob::matches(&pattern, value))
            }
            Test::ArnLike(template) => {
                let pattern = template.pattern(lookup, value.len());
                pattern.is_some_and(|pattern| arn::matches(&pattern, value))
            }
            Test::Number(relation, number) => {
                self::number(value).is_some_and(|value| relation.holds(&value, number))
            }
            Test::Date(relation, date) => {
                Timestamp::parse_policy(value).is_some_and(|value| relation.holds(&value, date))
            }
            Test::Bool(expected) => boolean(value) == Some(*expected),
            Test::Binary(bytes) => STANDARD.decode(value).is_ok_and(|value| value == *bytes),
            Test::Network(network) => {
                value.parse().is_ok_and(|address: IpAddr| network.contains(address))
            }
            Test::Null(_) | Test::Unreadable => false,
        }
    }

    pub(super) fn is_null(&self, is_absent: bool) -> bool {
        matches!(self, Test::Null(expected) if *expected == is_absent)
    }
}

impl Relation {
    fn holds<T: PartialOrd>(self, value: &T, limit: &T) -> bool {
        match self {
            Relation::Equals => value == limit,
            Relation::LessThan => value < limit,
            Relation::LessThanEquals => value <= limit,
            Relation::GreaterThan => value > limit,
            Relation::GreaterThanEquals => value >= limit,
        }
    }
}

/// An integer or a decimal.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits(whole) && are_digits(fraction) { text.parse().ok() } else { None }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Unicode's simple case folding, as far as upper and lower case tell it.
fn fold(text: &str) -> impl Iterator<Item = char> {
    let single = |mut chars: Box<dyn Iterator<Item = char>>, c| match (chars.next(), chars.next()) {
        (Some(mapped), None) => mapped,
        _ => c,
    };
    text.chars().map(move |c| {
        let upper = single(Box::new(c.to_uppercase()), c);
        single(Box::new(upper.to_lowercase()), upper)
    })
}

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// `10.0.0.0/8`, `2001:db8::/32` or one address.
    fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(text) if text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|prefix| *prefix <= bits)?
            }
            Some(_) => return None,
        };
        // `::ffff:10.0.0.0/104` are IPv4 addresses.
        let canonical = address.to_canonical();
        if canonical.is_ipv4() && bits == 128 {
            return (prefix >= 96).then(|| Network { address: canonical, prefix: prefix - 96 });
        }
        Some(Network { address, prefix })
    }

    /// Host bits of the network do not count.
    fn contains(&self, address: IpAddr) -> bool {
        let equal = |one: u128, other: u128, bits: u32| {
            (one ^ other).checked_shr(bits - self.prefix).unwrap_or(0) == 0
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                equal(network.to_bits().into(), address.to_bits().into(), 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                equal(network.to_bits(), address.to_bits(), 128)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_addresses_of_its_family() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::1", false),
            ("10.0.0.0/8", "::ffff:10.9.9.9", true),
            ("10.0.0.1/8", "10.9.9.9", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.2", "10.0.0.3", false),
            ("10.0.0.2/31", "10.0.0.3", true),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("::/0", "1.2.3.4", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::ffff:10.0.0.0/104", "10.255.0.1", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
        ] {
            let network = Network::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network:?} {address}"
            );
        }
        for text in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "x",
            "::ffff:1.2.3.4/95",
        ] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn case_is_folded_character_by_character() {
        for (one, other, expected) in [
            ("Alice", "aLICE", true),
            ("ÉCOLE", "école", true),
            ("ΣΑΣ", "σας", true),
            ("K", "\u{212A}", true),
            ("ß", "ss", false),
            ("a", "b", false),
            ("a", "ab", false),
        ] {
            assert_eq!(fold(one).eq(fold(other)), expected, "{one} {other}");
        }
    }

    #[test]
    fn numbers_are_integers_or_decimals() {
        for (text, value) in [("0", 0.0), ("-1", -1.0), ("1.50", 1.5), ("007", 7.0)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "-", "1.", ".5", "+1", "1e3", "inf", "NaN", " 1", "1.2.3"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
