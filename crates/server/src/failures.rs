//! [`Failures`]: from where requests come that are signed wrongly, over and over.
//!
//! Nobody is locked out: many clients may share an address, and one of them may be broken or
//! hostile. Whoever signs as they should is answered as always. What fails is refused as soon as its
//! head shows that it cannot be right, and the rest of it is neither read nor hashed.

use std::net::{IpAddr, Ipv6Addr};

use formiga_auth::time::Timestamp;
use formiga_engine::time::Timestamp as ServerTime;

use crate::rates::{Buckets, Rate};

/// Counts failures by the address they come from. Who has an IPv6 address usually has 64 bits of them.
pub(crate) struct Failures {
    /// None is an address that proxies did not tell.
    buckets: Buckets<Option<IpAddr>>,
}

/// How many failures of an address are looked into as carefully as any request: so many at once, and
/// then one a second. A client with a wrong secret stays below that.
const FREE_AT_ONCE: u32 = 60;
const FREE_PER_SECOND: u32 = 1;

impl Failures {
    pub(crate) fn new() -> Failures {
        let rate = Rate::new(FREE_PER_SECOND, FREE_AT_ONCE).expect("the rate is not 0");
        Failures { buckets: Buckets::new(rate) }
    }

    /// A request from there was signed wrongly.
    pub(crate) fn note(&self, address: Option<IpAddr>, now: Timestamp) {
        self.buckets.take(&address.map(network), server_time(now));
    }

    /// Whether so many failures came from there of late that further ones are refused as early as
    /// they can be.
    pub(crate) fn are_many(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        self.buckets.is_spent(&address.map(network), server_time(now))
    }
}

fn server_time(now: Timestamp) -> ServerTime {
    ServerTime::from_millis(u64::try_from(now.as_millis()).unwrap_or(0))
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_suspected_after_many_failures_until_it_rests() {
        let failures = Failures::new();
        let at = |seconds| Timestamp::from_millis(1_000_000).plus_secs(seconds);
        let (attacker, other) = (of("2001:db8::1"), of("2001:db8:0:1::1"));
        for _ in 0..FREE_AT_ONCE {
            assert!(!failures.are_many(attacker, at(0)));
            failures.note(attacker, at(0));
        }
        assert!(failures.are_many(attacker, at(0)));
        assert!(failures.are_many(of("2001:db8::ffff"), at(0)), "the same network");
        assert!(!failures.are_many(other, at(0)) && !failures.are_many(None, at(0)));
        (0..1000).for_each(|_| failures.note(attacker, at(0)));
        assert!(!failures.are_many(attacker, at(1)), "one a second is looked into");
        failures.note(attacker, at(1));
        assert!(failures.are_many(attacker, at(1)));
    }

    #[test]
    fn each_address_of_ipv4_is_one_however_it_is_written() {
        let failures = Failures::new();
        let now = Timestamp::from_millis(1_000_000);
        (0..FREE_AT_ONCE).for_each(|_| failures.note(of("::ffff:192.0.2.1"), now));
        assert!(failures.are_many(of("192.0.2.1"), now));
        assert!(!failures.are_many(of("192.0.2.2"), now));
    }
}
