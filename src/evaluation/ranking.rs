//! How well scores put manipulated above genuine: AUC, average precision, equal error rate, and
//! their bootstrap intervals.
//!
//! Scores are sorted once. A bootstrap draw only changes how often each group counts, so every
//! statistic takes weights and runs over the sorted scores in one pass.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;

/// Bootstrap draws.
pub(super) const DRAWS: usize = 2000;
/// Fewer draws with both classes in them give no interval.
const LEAST_DRAWS: usize = 100;
/// The same scores give the same intervals.
const SEED: u64 = 0;

/// A score with what is known about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    /// Higher speaks for manipulated.
    pub(super) score: f64,
    pub(super) manipulated: bool,
    /// The unit of the bootstrap, numbered from 0.
    pub(super) group: usize,
}

/// A value and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// From all scores.
    pub value: f64,
    /// 2.5th and 97.5th percentile over resampled groups; `None` when there are too few.
    pub interval: Option<(f64, f64)>,
}

/// Threshold-free measures of one set of scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Discrimination {
    /// Area under the ROC curve: how often a manipulated one scores above a genuine one, ties half.
    pub auc: Estimate,
    /// Average precision: the sum of precision times the step of recall, ties taken together.
    pub average_precision: Estimate,
    /// Where as many genuine are called manipulated as the other way round, between the two
    /// neighbouring points of the curve.
    pub equal_error_rate: Estimate,
}

/// Scores in ascending order, and their groups.
#[derive(Debug)]
pub(super) struct Ranking {
    scores: Vec<Scored>,
    groups: usize,
}

/// A point of the ROC curve: shares of genuine and of manipulated at or above a threshold.
pub(super) type RocPoint = (f64, f64);

/// How often the groups count: [`once`] or a draw.
type Weight<'a> = &'a dyn Fn(&Scored) -> f64;

fn once(_: &Scored) -> f64 {
    1.0
}

impl Ranking {
    /// Scores must be numbers.
    pub(super) fn new(mut scores: Vec<Scored>) -> Self {
        scores.sort_by(|a, b| a.score.total_cmp(&b.score));
        let groups = scores.iter().map(|scored| scored.group + 1).max();
        Self {
            scores,
            groups: groups.unwrap_or(0),
        }
    }

    /// `None` unless both kinds are there.
    pub(super) fn discrimination(&self) -> Option<Discrimination> {
        let all = self.measures(&once)?;
        let mut draws: Vec<[f64; 3]> = Vec::with_capacity(DRAWS);
        let mut random = StdRng::seed_from_u64(SEED);
        let mut counts = vec![0.0; self.groups];
        for _ in 0..DRAWS {
            counts.fill(0.0);
            for _ in 0..self.groups {
                counts[random.gen_range(0..self.groups)] += 1.0;
            }
            draws.extend(self.measures(&|scored| counts[scored.group]));
        }
        let estimate = |which: usize| Estimate {
            value: all[which],
            interval: interval(draws.iter().map(|draw| draw[which]).collect()),
        };
        Some(Discrimination {
            auc: estimate(0),
            average_precision: estimate(1),
            equal_error_rate: estimate(2),
        })
    }

    /// From (0, 0) to (1, 1), the strictest threshold first; empty unless both kinds are there.
    pub(super) fn roc(&self) -> Vec<RocPoint> {
        let steps = self.steps(&once);
        let Some((genuine, manipulated)) = totals(&steps) else {
            return Vec::new();
        };
        let (mut above, mut points) = ((0.0, 0.0), vec![(0.0, 0.0)]);
        for step in steps.iter().rev() {
            above = (above.0 + step.0, above.1 + step.1);
            points.push((above.0 / genuine, above.1 / manipulated));
        }
        points
    }

    /// AUC, average precision and equal error rate under `weight`.
    fn measures(&self, weight: Weight<'_>) -> Option<[f64; 3]> {
        let steps = self.steps(weight);
        let totals = totals(&steps)?;
        Some([
            auc(&steps, totals),
            average_precision(&steps, totals),
            equal_error_rate(&steps, totals),
        ])
    }

    /// Genuine and manipulated at each score, ascending; equal scores are one step.
    fn steps(&self, weight: Weight<'_>) -> Vec<(f64, f64)> {
        let same = |a: &Scored, b: &Scored| a.score == b.score;
        let of_block = |block: &[Scored]| {
            block.iter().fold((0.0, 0.0), |(genuine, manipulated), s| {
                if s.manipulated {
                    (genuine, manipulated + weight(s))
                } else {
                    (genuine + weight(s), manipulated)
                }
            })
        };
        self.scores.chunk_by(same).map(of_block).collect()
    }
}

/// Genuine and manipulated in all; `None` when one is missing.
fn totals(steps: &[(f64, f64)]) -> Option<(f64, f64)> {
    let sum = steps.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    (sum.0 > 0.0 && sum.1 > 0.0).then_some(sum)
}

fn auc(steps: &[(f64, f64)], (genuine, manipulated): (f64, f64)) -> f64 {
    let (mut below, mut pairs) = (0.0, 0.0);
    for (here, forged) in steps {
        pairs += forged * (below + here / 2.0);
        below += here;
    }
    pairs / (genuine * manipulated)
}

fn average_precision(steps: &[(f64, f64)], (_, manipulated): (f64, f64)) -> f64 {
    let (mut above, mut found, mut sum) = (0.0, 0.0, 0.0);
    for (genuine, forged) in steps.iter().rev() {
        above += genuine + forged;
        found += forged;
        if above > 0.0 {
            sum += forged / manipulated * (found / above);
        }
    }
    sum
}

fn equal_error_rate(steps: &[(f64, f64)], (genuine, manipulated): (f64, f64)) -> f64 {
    let (mut before, mut above) = ((0.0, 1.0), (0.0, 0.0));
    for (here, forged) in steps.iter().rev() {
        above = (above.0 + here / genuine, above.1 + forged / manipulated);
        let now = (above.0, 1.0 - above.1);
        if now.0 >= now.1 {
            // False alarms rose past misses on the way from `before` to `now`.
            let gap = before.1 - before.0;
            let travelled = gap + now.0 - now.1;
            let share = if travelled > 0.0 {
                gap / travelled
            } else {
                0.0
            };
            return before.0 + share * (now.0 - before.0);
        }
        before = now;
    }
    before.0
}

/// The 2.5th and 97.5th percentile, linear between neighbours.
fn interval(mut draws: Vec<f64>) -> Option<(f64, f64)> {
    if draws.len() < LEAST_DRAWS {
        return None;
    }
    draws.sort_by(f64::total_cmp);
    let percentile = |share: f64| {
        let place = share * (draws.len() - 1) as f64;
        let (low, rest) = (place.floor() as usize, place.fract());
        let high = (low + 1).min(draws.len() - 1);
        draws[low] + rest * (draws[high] - draws[low])
    };
    Some((percentile(0.025), percentile(0.975)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(scores: &[(f64, bool)]) -> Ranking {
        let scored = scores
            .iter()
            .enumerate()
            .map(|(group, (score, manipulated))| Scored {
                score: *score,
                manipulated: *manipulated,
                group,
            });
        Ranking::new(scored.collect())
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    /// Expected figures from scikit-learn 1.9 (`roc_auc_score`, `average_precision_score`; the equal
    /// error rate by `brentq` on the interpolated `roc_curve`).
    #[test]
    fn the_measures_equal_those_of_scikit_learn() {
        let scores = [
            (0.1, false),
            (0.2, false),
            (0.2, true),
            (0.35, false),
            (0.4, true),
            (0.4, false),
            (0.6, true),
            (0.7, false),
            (0.8, true),
            (0.9, true),
        ];
        let [auc, ap, eer] = ranking(&scores).measures(&once).unwrap();
        near(auc, 0.76);
        near(ap, 0.794_444_444_444_444_5);
        near(eer, 0.3);
    }

    #[test]
    fn perfect_reversed_and_constant_scores_are_told_apart() {
        let perfect = [(0.1, false), (0.2, false), (0.8, true), (0.9, true)];
        let measured = ranking(&perfect).discrimination().unwrap();
        near(measured.auc.value, 1.0);
        near(measured.average_precision.value, 1.0);
        near(measured.equal_error_rate.value, 0.0);
        let reversed = perfect.map(|(score, manipulated)| (-score, manipulated));
        near(ranking(&reversed).measures(&once).unwrap()[0], 0.0);
        near(ranking(&reversed).measures(&once).unwrap()[2], 1.0);
        let constant = perfect.map(|(_, manipulated)| (0.5, manipulated));
        let [auc, ap, eer] = ranking(&constant).measures(&once).unwrap();
        near(auc, 0.5);
        near(ap, 0.5);
        near(eer, 0.5);
    }

    #[test]
    fn one_kind_alone_has_no_ranking() {
        assert_eq!(ranking(&[(0.4, true), (0.5, true)]).discrimination(), None);
        assert_eq!(ranking(&[]).discrimination(), None);
        assert!(ranking(&[(0.4, false)]).roc().is_empty());
    }

    #[test]
    fn intervals_hold_the_value_repeat_and_widen_when_videos_share_a_person() {
        // Twelve people with five videos each, which score much like each other.
        let of = |person: u32, video: u32| {
            let forged = person % 2 == 1;
            let own = f64::from(person * 7 % 12) + if forged { 4.0 } else { 0.0 };
            (own + f64::from(video) * 0.1, forged)
        };
        let videos: Vec<(f64, bool)> = (0..60).map(|n| of(n / 5, n % 5)).collect();
        let apart = ranking(&videos).discrimination().unwrap();
        assert_eq!(Some(apart), ranking(&videos).discrimination());
        let (low, high) = apart.auc.interval.unwrap();
        assert!(low < apart.auc.value && apart.auc.value < high, "{apart:?}");

        let mut scores = ranking(&videos).scores;
        scores.iter_mut().for_each(|scored| scored.group /= 5);
        let together = Ranking::new(scores).discrimination().unwrap();
        near(together.auc.value, apart.auc.value);
        let (wide_low, wide_high) = together.auc.interval.unwrap();
        assert!(wide_high - wide_low > 1.3 * (high - low), "{together:?}");
    }

    proptest! {
        #[test]
        fn the_auc_is_the_area_under_the_curve(
            scores in prop::collection::vec((0u8..6, any::<bool>()), 1..40),
        ) {
            let scores: Vec<_> = scores.iter().map(|(s, m)| (f64::from(*s), *m)).collect();
            let ranking = ranking(&scores);
            let points = ranking.roc();
            let area: f64 = points
                .windows(2)
                .map(|pair| (pair[1].0 - pair[0].0) * (pair[1].1 + pair[0].1) / 2.0)
                .sum();
            match ranking.measures(&once) {
                None => prop_assert!(points.is_empty()),
                Some([auc, ap, eer]) => {
                    prop_assert!((area - auc).abs() < 1e-9);
                    prop_assert!((0.0..=1.0 + 1e-9).contains(&ap));
                    prop_assert!((-1e-9..=1.0 + 1e-9).contains(&eer));
                    prop_assert_eq!(points[0], (0.0, 0.0));
                    prop_assert!((points[points.len() - 1].1 - 1.0).abs() < 1e-9);
                }
            }
        }
    }
}
