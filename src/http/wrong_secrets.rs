//! Counts wrong secrets (links, passwords, tickets): at most ten a minute from one network, a hundred an hour against one
//! room or account (S-07). Right ones do not count, so a whole class behind one address can join at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use model::limits;
use wire::code::Code;

use super::client_ip::Prefix;
use super::refused::Refused;

/// Networks or targets remembered at most; beyond it everybody new counts as one.
const REMEMBERED_MAX: usize = 20_000;

/// What the secrets were tried against: a room, an account. A hash, so that no address is kept.
pub type Target = [u8; 16];

/// Both counts.
#[derive(Debug)]
pub struct WrongSecrets {
    networks: Count<Option<Prefix>>,
    targets: Count<Option<Target>>,
    joins: Count<Option<Prefix>>,
}

impl Default for WrongSecrets {
    fn default() -> Self {
        Self {
            networks: Count::new(limits::WRONG_SECRETS_PER_MINUTE_MAX, Duration::from_secs(60)),
            targets: Count::new(limits::WRONG_SECRETS_PER_HOUR_AND_ROOM_MAX, Duration::from_secs(3600)),
            joins: Count::new(limits::JOINS_PER_MINUTE_MAX, Duration::from_secs(60)),
        }
    }
}

impl WrongSecrets {
    /// Before a secret is looked at. The answer is the same for right and wrong ones.
    ///
    /// # Errors
    /// `too_many`.
    pub fn admit(&self, network: Prefix, target: Option<Target>) -> Result<(), Refused> {
        let spent =
            self.networks.is_spent(Some(network)) || target.is_some_and(|target| self.targets.is_spent(Some(target)));
        if spent { Err(Code::TooMany.into()) } else { Ok(()) }
    }

    /// After a wrong one.
    pub fn count(&self, network: Prefix, target: Option<Target>) {
        self.networks.spend(Some(network));
        if let Some(target) = target {
            self.targets.spend(Some(target));
        }
    }

    /// Before a guest's session is made: they cost a row each.
    ///
    /// # Errors
    /// `too_many`.
    pub fn admit_join(&self, network: Prefix) -> Result<(), Refused> {
        if self.joins.is_spent(Some(network)) {
            return Err(Code::TooMany.into());
        }
        self.joins.spend(Some(network));
        Ok(())
    }

    /// Forgets whoever has been quiet for long.
    pub fn forget_quiet(&self) {
        self.networks.forget_quiet();
        self.targets.forget_quiet();
        self.joins.forget_quiet();
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

struct Count<K: Hash + Eq + Clone + Copy> {
    limiter: Limiter<K>,
    /// Who has nothing left, and until when.
    spent: Mutex<HashMap<K, Instant>>,
    refill: Duration,
}

impl<K: Hash + Eq + Clone + Copy> std::fmt::Debug for Count<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Count(…)")
    }
}

impl<T: Hash + Eq + Clone + Copy> Count<Option<T>> {
    fn new(per_window: u32, window: Duration) -> Self {
        let burst = NonZeroU32::new(per_window).unwrap_or(NonZeroU32::MIN);
        let refill = window / burst.get();
        let quota = Quota::with_period(refill).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
        let limiter = RateLimiter::keyed(quota).with_middleware::<StateInformationMiddleware>();
        Self { limiter, spent: Mutex::default(), refill }
    }

    fn is_spent(&self, key: Option<T>) -> bool {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is = |key| spent.get(key).is_some_and(|&until| until > now);
        is(&key) || (is(&None) && !spent.contains_key(&key))
    }

    fn spend(&self, key: Option<T>) {
        if self.limiter.len() >= REMEMBERED_MAX {
            self.forget_quiet();
        }
        let key = if self.limiter.len() >= REMEMBERED_MAX { None } else { key };
        let nothing_left = self.limiter.check_key(&key).map_or(true, |state| state.remaining_burst_capacity() == 0);
        if nothing_left {
            let until = Instant::now() + self.refill;
            self.spent.lock().unwrap_or_else(PoisonError::into_inner).insert(key, until);
        }
    }

    fn forget_quiet(&self) {
        self.limiter.retain_recent();
        let now = Instant::now();
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Prefix {
        Prefix::of(text.parse().expect("an address"))
    }

    #[test]
    fn ten_wrong_ones_close_the_door_for_one_network_only() {
        let counts = WrongSecrets::default();
        let (bad, good) = (network("192.0.2.1"), network("192.0.2.2"));
        for _ in 0..limits::WRONG_SECRETS_PER_MINUTE_MAX {
            assert!(counts.admit(bad, None).is_ok());
            counts.count(bad, None);
        }
        assert_eq!(counts.admit(bad, None).map_err(|refused| refused.code()), Err(Code::TooMany));
        assert!(counts.admit(good, None).is_ok());
    }

    #[test]
    fn a_target_is_protected_against_many_networks() {
        let counts = WrongSecrets::default();
        for n in 0..limits::WRONG_SECRETS_PER_HOUR_AND_ROOM_MAX {
            let from = network(&format!("10.0.{}.{}", n / 200, n % 200));
            assert!(counts.admit(from, Some([1; 16])).is_ok());
            counts.count(from, Some([1; 16]));
        }
        assert!(counts.admit(network("10.9.9.9"), Some([1; 16])).is_err());
        assert!(counts.admit(network("10.9.9.9"), Some([2; 16])).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let counts = Count::<Option<u32>>::new(10, Duration::from_secs(60));
        for n in 0..REMEMBERED_MAX as u32 + 50 {
            counts.spend(Some(n));
        }
        assert!(counts.limiter.len() <= REMEMBERED_MAX + 1);
        assert!(counts.is_spent(Some(u32::MAX)), "whoever is new beyond the limit counts together");
    }
}
