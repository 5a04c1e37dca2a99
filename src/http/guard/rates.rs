//! How often somebody may ask: so many requests a minute for an address and for a key.
//!
//! The generic cell rate algorithm: a minute's worth may come at once, and each request's place is
//! free again a minute's fraction later. Counted in this process; several replicas allow several
//! times as much.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::http::allowance::Allowance;
use crate::http::caller::household;
use crate::store::KeyId;

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// The limits in force.
#[derive(Debug)]
pub(super) struct Rates {
    addresses: Option<Limiter<IpAddr>>,
    keys: Option<Limiter<KeyId>>,
}

impl Rates {
    /// Requests a minute for an address and for a key; 0: no limit.
    pub(super) fn new(per_address: u32, per_key: u32) -> Self {
        Self {
            addresses: limiter(per_address),
            keys: limiter(per_key),
        }
    }

    /// Counts a request of an address; `Err` when it is one too many.
    pub(super) fn take_address(&self, address: IpAddr) -> Result<Option<Allowance>, Allowance> {
        take(self.addresses.as_ref(), &household(address))
    }

    /// Counts a request with a key; `Err` when it is one too many.
    pub(super) fn take_key(&self, key: KeyId) -> Result<Option<Allowance>, Allowance> {
        take(self.keys.as_ref(), &key)
    }

    /// Forgets those who have not asked for a while, or a scanner would make the memory grow.
    pub(super) fn forget_the_idle(&self) {
        if let Some(limiter) = &self.addresses {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
        if let Some(limiter) = &self.keys {
            limiter.retain_recent();
        }
    }
}

fn limiter<K: Hash + Eq + Clone>(per_minute: u32) -> Option<Limiter<K>> {
    let quota = Quota::per_minute(NonZeroU32::new(per_minute)?);
    let limiter = RateLimiter::dashmap(quota);
    Some(limiter.with_middleware::<StateInformationMiddleware>())
}

fn take<K: Hash + Eq + Clone>(
    limiter: Option<&Limiter<K>>,
    who: &K,
) -> Result<Option<Allowance>, Allowance> {
    let Some(limiter) = limiter else {
        return Ok(None);
    };
    match limiter.check_key(who) {
        Ok(state) => {
            let (limit, remaining) = (
                state.quota().burst_size().get(),
                state.remaining_burst_capacity(),
            );
            let used = limit.saturating_sub(remaining);
            Ok(Some(Allowance {
                limit,
                remaining,
                reset: state.quota().replenish_interval() * used,
            }))
        }
        Err(refused) => Err(Allowance {
            limit: refused.quota().burst_size().get(),
            remaining: 0,
            reset: refused.wait_time_from(limiter.clock().now()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::allowance::whole_seconds;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_request_after_the_last_allowed_one_is_told_when_to_come_back() {
        let rates = Rates::new(3, 0);
        let (first, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for remaining in [2, 1, 0] {
            let allowance = rates.take_address(first).unwrap().unwrap();
            assert_eq!((allowance.limit, allowance.remaining), (3, remaining));
        }
        let refused = rates.take_address(first).unwrap_err();
        assert_eq!((refused.limit, refused.remaining), (3, 0));
        let wait_s = whole_seconds(refused.reset);
        assert!((1..=20).contains(&wait_s), "{wait_s}");
        assert!(rates.take_address(other).is_ok());
        assert_eq!(rates.take_key(KeyId::new(1)), Ok(None));
    }

    #[test]
    fn all_addresses_of_one_household_are_one() {
        let rates = Rates::new(1, 0);
        assert!(rates.take_address(address("2001:db8::1")).is_ok());
        assert!(rates.take_address(address("2001:db8::2")).is_err());
        assert!(rates.take_address(address("2001:db8:0:1::1")).is_ok());
        assert!(rates.take_address(address("::ffff:192.0.2.1")).is_ok());
        assert!(rates.take_address(address("192.0.2.1")).is_err());
    }
}
