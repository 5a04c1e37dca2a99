//! Clocks that jump: how long a stream is to see, whatever its times say.
//!
//! In an MPEG stream the clock may start anywhere, leap where recordings were cut together, and wrap.
//! A step far out of the ordinary is then no time that anybody watched; it counts as one frame.

/// Steps of more than this many seconds, either way, are leaps. Broadcasts show a picture at least
/// every 0.7 s (ETSI TS 101 154), slide shows are slower.
const LEAP_S: f64 = 5.0;

/// Adds up what is seen between packets, in decoding order.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenTime {
    leap: i64,
    last: Option<i64>,
    seen: i64,
    has_leapt: bool,
}

impl SeenTime {
    /// For a clock of so many seconds a unit.
    pub(super) fn new(unit_s: f64) -> Self {
        Self {
            leap: leap_units(unit_s),
            last: None,
            seen: 0,
            has_leapt: false,
        }
    }

    /// The clock at the next packet.
    pub(super) fn advance(&mut self, time: i64) {
        if let Some(last) = self.last {
            let step = time.saturating_sub(last);
            if step.saturating_abs() > self.leap {
                self.has_leapt = true;
            } else {
                self.seen = self.seen.saturating_add(step);
            }
        }
        self.last = Some(time);
    }

    /// Units seen from the first packet to the last.
    pub(super) fn seen(self) -> i64 {
        self.seen
    }

    /// Whether the clock jumped.
    pub(super) fn has_leapt(self) -> bool {
        self.has_leapt
    }
}

/// Times in the order of showing without their leaps: each leap, and each step back, becomes an
/// ordinary step. The first time stays.
pub(super) fn without_leaps(times: &[i64], unit_s: f64) -> Vec<i64> {
    let leap = leap_units(unit_s);
    let is_ordinary = |step: &i64| (1..=leap).contains(step);
    let steps = || times.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let mut ordinary: Vec<i64> = steps().filter(is_ordinary).collect();
    ordinary.sort_unstable();
    let usual = ordinary.get(ordinary.len() / 2).copied().unwrap_or(1);
    let mut now = times.first().copied();
    let mut closed: Vec<i64> = now.into_iter().collect();
    for step in steps() {
        let step = if is_ordinary(&step) { step } else { usual };
        now = now.map(|time| time.saturating_add(step));
        closed.extend(now);
    }
    closed
}

fn leap_units(unit_s: f64) -> i64 {
    // `as` saturates; a unit of zero makes everything ordinary.
    (LEAP_S / unit_s) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT_S: f64 = 1.0 / 90_000.0;

    #[test]
    fn a_leap_forward_or_a_wrap_counts_as_one_frame() {
        let times = [0, 3600, 7200, 3_600_000_000, 3_600_003_600, 100, 3700];
        let closed = without_leaps(&times, UNIT_S);
        assert_eq!(closed, [0, 3600, 7200, 10_800, 14_400, 18_000, 21_600]);
        let mut seen = SeenTime::new(UNIT_S);
        times.iter().for_each(|time| seen.advance(*time));
        assert!(seen.has_leapt());
        assert_eq!(seen.seen(), 4 * 3600);
    }

    #[test]
    fn an_ordinary_clock_is_left_as_it_is() {
        let times = [90_000, 93_600, 97_200, 450_000];
        assert_eq!(without_leaps(&times, UNIT_S), times);
        assert!(without_leaps(&[], UNIT_S).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn any_times_become_ascending_ones(times in proptest::collection::vec(proptest::num::i64::ANY, 1..50)) {
            let start = times[0] / 2;
            let times: Vec<i64> = std::iter::once(start).chain(times).collect();
            let closed = without_leaps(&times, UNIT_S);
            proptest::prop_assert_eq!(closed.len(), times.len());
            proptest::prop_assert!(closed.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
