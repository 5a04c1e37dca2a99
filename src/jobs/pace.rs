//! How long to wait: for the next job, and before the next try at one.

use std::time::Duration;

use rand::Rng;

/// The shortest wait between two looks at the queue.
const SHORTEST: Duration = Duration::from_millis(250);
/// The longest: a job that another process was sent, or gave back, waits no longer to be seen.
const LONGEST: Duration = Duration::from_secs(2);

/// The wait before the second try at a job.
const FIRST_BACKOFF: Duration = Duration::from_secs(2);
/// The longest wait before a try.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);

/// The pace of one process. Every wait is drawn from a range, so that many processes do not ask at
/// the same moments.
#[derive(Debug)]
pub(super) struct Pace<R> {
    random: R,
    quiet: Duration,
}

impl<R: Rng> Pace<R> {
    pub(super) fn new(random: R) -> Self {
        Self {
            random,
            quiet: SHORTEST,
        }
    }

    /// There was a job: the next may come soon.
    pub(super) fn busy(&mut self) {
        self.quiet = SHORTEST;
    }

    /// There was none: the wait until the next look, longer each time.
    pub(super) fn idle(&mut self) -> Duration {
        self.quiet = (self.quiet * 2).min(LONGEST);
        self.random.gen_range(SHORTEST..=self.quiet)
    }
}

/// The wait before the next try of a job that was tried `tries` times.
pub(super) fn backoff(tries: u32, random: &mut impl Rng) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    let whole = (FIRST_BACKOFF * 2_u32.pow(doublings)).min(LONGEST_BACKOFF);
    random.gen_range(whole / 2..=whole)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn looks_become_rarer_in_the_quiet_and_frequent_again_with_a_job() {
        let mut pace = Pace::new(StdRng::seed_from_u64(7));
        let waits: Vec<Duration> = (0..200).map(|_| pace.idle()).collect();
        assert!(waits.iter().all(|wait| (SHORTEST..=LONGEST).contains(wait)));
        assert!(waits.iter().any(|wait| *wait > LONGEST / 2));
        pace.busy();
        assert!(pace.idle() <= 2 * SHORTEST);
    }

    #[test]
    fn tries_stand_further_apart_each_time_and_never_too_far() {
        let mut random = StdRng::seed_from_u64(7);
        for (tries, whole_s) in [(1, 2), (2, 4), (3, 8), (9, 300), (u32::MAX, 300)] {
            let whole = Duration::from_secs(whole_s);
            let wait = backoff(tries, &mut random);
            assert!((whole / 2..=whole).contains(&wait), "{tries}: {wait:?}");
        }
    }
}
