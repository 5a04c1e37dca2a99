//! How long it is waited before a delivery is tried again.

use std::time::Duration;

/// Tries before a delivery is given up.
pub const MOST_TRIES: u32 = 7;

/// How much longer each pause is than the one before.
const GROWTH: u32 = 6;

/// The pause after try number `tries` (1 is the first); `None` after the last. With a first pause of 5 s
/// the last try is made 13 hours after the first.
pub(super) fn pause(first: Duration, tries: u32) -> Option<Duration> {
    (tries < MOST_TRIES).then(|| first.saturating_mul(GROWTH.saturating_pow(tries.max(1) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_seconds_to_hours_and_come_to_an_end() {
        let first = Duration::from_secs(5);
        let pauses: Vec<_> = (1..)
            .map_while(|tries| pause(first, tries))
            .map(|pause| pause.as_secs())
            .collect();
        assert_eq!(pauses, [5, 30, 180, 1080, 6480, 38_880]);
        assert_eq!(pauses.len(), MOST_TRIES as usize - 1);
    }
}
