//! [`Addresses`]: how many connections each address has open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by the address they come from. Addresses without any take no room.
#[derive(Clone)]
pub(crate) struct Addresses {
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// None is no limit.
    max: Option<usize>,
}

/// A connection of an address, for as long as it is open.
pub(crate) struct OfAddress {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    /// So many connections for each address; 0 is no limit.
    pub(crate) fn new(max: usize) -> Addresses {
        Addresses { open: Arc::default(), max: Some(max).filter(|max| *max > 0) }
    }

    /// Counts one more connection of `address`, unless it has as many as it may.
    pub(crate) fn open(&self, address: IpAddr) -> Option<OfAddress> {
        let address = address.to_canonical();
        let mut open = self.lock();
        let count = open.get(&address).copied().unwrap_or(0);
        if self.max.is_some_and(|max| count >= max) {
            return None;
        }
        open.insert(address, count + 1);
        drop(open);
        Some(OfAddress { addresses: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut open = self.addresses.lock();
        match open.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_gets_one_back_when_one_ends() {
        let addresses = Addresses::new(2);
        let first = addresses.open(ip("10.0.0.1"));
        let second = addresses.open(ip("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(addresses.open(ip("10.0.0.1")).is_none(), "however the address is written");
        assert!(addresses.open(ip("10.0.0.2")).is_some(), "another one");
        drop(first);
        let third = addresses.open(ip("10.0.0.1"));
        assert!(third.is_some() && addresses.open(ip("10.0.0.1")).is_none());
        drop((second, third));
        assert!(addresses.lock().is_empty(), "who has gone takes no room");
    }

    #[test]
    fn without_a_limit_every_connection_is_let_in() {
        let addresses = Addresses::new(0);
        let open: Vec<_> = (0..1000).map(|_| addresses.open(ip("10.0.0.1"))).collect();
        assert!(open.iter().all(Option::is_some));
    }
}
