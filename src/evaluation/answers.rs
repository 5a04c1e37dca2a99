//! What was answered: shares of FAKE, INCONCLUSIVE and REAL, and how often that was right.

use serde::Serialize;

use crate::domain::{Truth, VerdictLabel};

/// A share with its 95 % interval (Wilson 1927), which stays inside 0..1 for small numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
    /// Both ends of the interval; `None` of nothing.
    pub interval: Option<(f64, f64)>,
}

impl Share {
    pub(super) fn new(count: usize, of: usize) -> Self {
        Self {
            count,
            of,
            interval: (of > 0).then(|| wilson(count as f64, of as f64)),
        }
    }

    /// 0 to 1; `None` of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }
}

fn wilson(count: f64, of: f64) -> (f64, f64) {
    /// The 97.5th percentile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let share = count / of;
    let scale = 1.0 + Z * Z / of;
    let middle = (share + Z * Z / (2.0 * of)) / scale;
    let reach = Z / scale * (share * (1.0 - share) / of + Z * Z / (4.0 * of * of)).sqrt();
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// Answers to one kind of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Called FAKE.
    pub fake: usize,
    /// Called neither.
    pub inconclusive: usize,
    /// Called REAL.
    pub real: usize,
}

impl Counts {
    /// Files.
    pub fn total(&self) -> usize {
        self.fake + self.inconclusive + self.real
    }

    fn add(&mut self, verdict: VerdictLabel) {
        match verdict {
            VerdictLabel::Fake => self.fake += 1,
            VerdictLabel::Inconclusive => self.inconclusive += 1,
            VerdictLabel::Real => self.real += 1,
        }
    }
}

/// What the thresholds made of the scores.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answers {
    /// Genuine files.
    pub genuine: Counts,
    /// Manipulated files.
    pub manipulated: Counts,
    /// FAKE or REAL, of all.
    pub coverage: Share,
    /// Right, of those called FAKE or REAL.
    pub accuracy: Share,
    /// Genuine called FAKE, of all genuine.
    pub false_alarms: Share,
    /// Manipulated called REAL, of all manipulated.
    pub misses: Share,
    /// Manipulated called FAKE, of all manipulated.
    pub detections: Share,
}

pub(super) fn answers(verdicts: impl Iterator<Item = (Truth, VerdictLabel)>) -> Answers {
    let (mut genuine, mut manipulated) = (Counts::default(), Counts::default());
    for (truth, verdict) in verdicts {
        match truth {
            Truth::Genuine => genuine.add(verdict),
            Truth::Manipulated => manipulated.add(verdict),
        }
    }
    let right = genuine.real + manipulated.fake;
    let wrong = genuine.fake + manipulated.real;
    Answers {
        coverage: Share::new(right + wrong, genuine.total() + manipulated.total()),
        accuracy: Share::new(right, right + wrong),
        false_alarms: Share::new(genuine.fake, genuine.total()),
        misses: Share::new(manipulated.real, manipulated.total()),
        detections: Share::new(manipulated.fake, manipulated.total()),
        genuine,
        manipulated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inconclusive_costs_coverage_and_is_neither_right_nor_wrong() {
        use Truth::{Genuine, Manipulated};
        use VerdictLabel::{Fake, Inconclusive, Real};
        let given = [
            (Genuine, Real),
            (Genuine, Inconclusive),
            (Genuine, Fake),
            (Manipulated, Fake),
            (Manipulated, Fake),
            (Manipulated, Inconclusive),
            (Manipulated, Real),
        ];
        let found = answers(given.into_iter());
        assert_eq!((found.coverage.count, found.coverage.of), (5, 7));
        assert_eq!((found.accuracy.count, found.accuracy.of), (3, 5));
        assert_eq!((found.false_alarms.count, found.false_alarms.of), (1, 3));
        assert_eq!((found.misses.count, found.misses.of), (1, 4));
        assert_eq!(found.detections.value(), Some(0.5));
    }

    /// Expected ends from `scipy.stats.binomtest(…).proportion_ci(method="wilson")`.
    #[test]
    fn the_interval_of_a_share_is_wilsons() {
        let (low, high) = Share::new(2, 60).interval.unwrap();
        assert!((low - 0.009189319).abs() < 1e-6, "{low}");
        assert!((high - 0.113637743).abs() < 1e-6, "{high}");
        let (low, high) = Share::new(0, 10).interval.unwrap();
        assert_eq!(low, 0.0);
        assert!((high - 0.277532799).abs() < 1e-6, "{high}");
        assert_eq!(Share::new(0, 0).interval, None);
        assert_eq!(Share::new(0, 0).value(), None);
    }
}
