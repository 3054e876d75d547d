//! Counts connections that have not proved who they are, per address prefix and in all.
//!
//! `listen` admits a connection and puts its [`Unproven`] into each request's extensions; whoever checks a session,
//! ticket or token calls [`Unproven::proven`], and the connection counts no more: people of one office share an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use model::limits;

use super::client_ip::Prefix;

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_prefix: HashMap<Prefix, usize>,
}

/// All counts of one listener.
#[derive(Clone, Debug, Default)]
pub struct UnprovenCounts(Arc<Mutex<Counts>>);

impl UnprovenCounts {
    /// Counts a connection from `ip`, or says no.
    pub fn admit(&self, ip: IpAddr) -> Option<Unproven> {
        let prefix = Prefix::of(ip);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.total >= limits::CONNECTIONS_UNPROVEN_MAX {
            return None;
        }
        let same = counts.by_prefix.entry(prefix).or_default();
        if *same >= limits::CONNECTIONS_UNPROVEN_PER_PREFIX_MAX {
            return None;
        }
        *same += 1;
        counts.total += 1;
        Some(Unproven(Arc::new(Mutex::new(Some(Counted { counts: self.clone(), prefix })))))
    }
}

/// One connection's place in the counts; given back when proven or when the connection ends.
#[derive(Clone, Debug)]
pub struct Unproven(Arc<Mutex<Option<Counted>>>);

impl Unproven {
    /// The connection has shown a valid session, ticket or token.
    pub fn proven(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[derive(Debug)]
struct Counted {
    counts: UnprovenCounts,
    prefix: Prefix,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.total -= 1;
        if let Some(same) = counts.by_prefix.get_mut(&self.prefix) {
            *same -= 1;
            if *same == 0 {
                counts.by_prefix.remove(&self.prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_prefix_cannot_take_all_and_gets_its_places_back() {
        let counts = UnprovenCounts::default();
        let ip: IpAddr = "192.0.2.7".parse().expect("an address");
        let mut held: Vec<_> = std::iter::from_fn(|| counts.admit(ip)).collect();
        assert_eq!(held.len(), limits::CONNECTIONS_UNPROVEN_PER_PREFIX_MAX);
        assert!(counts.admit("192.0.2.8".parse().expect("an address")).is_some());
        held[0].proven();
        let again = counts.admit(ip).expect("a proven connection gives its place back");
        assert!(counts.admit(ip).is_none());
        drop(again);
        held.pop();
        assert!(counts.admit(ip).is_some());
        drop(held);
        assert!(counts.0.lock().expect("not poisoned").by_prefix.is_empty());
    }
}
