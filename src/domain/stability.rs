//! Whether a verdict holds when the same faces come a little differently.

use serde::{Deserialize, Serialize};

use super::{Change, Probability, VerdictLabel};

/// What the models say after a change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangedScore {
    /// The change.
    pub change: Change,
    /// P(fake) of the most suspect person.
    pub probability_fake: Probability,
    /// What that is between the thresholds.
    pub label: VerdictLabel,
}

/// The scores after every change that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// One for each; never empty.
    pub scores: Vec<ChangedScore>,
}

impl Stability {
    /// The score that says the opposite of `label`, the surest of several. INCONCLUSIVE has no
    /// opposite, and is the opposite of nothing: who doubts after a change does not contradict.
    pub fn contradiction_of(&self, label: VerdictLabel) -> Option<&ChangedScore> {
        let opposite = match label {
            VerdictLabel::Fake => VerdictLabel::Real,
            VerdictLabel::Real => VerdictLabel::Fake,
            VerdictLabel::Inconclusive => return None,
        };
        let sureness = |score: &ChangedScore| (score.probability_fake.get() - 0.5).abs();
        (self.scores.iter())
            .filter(|score| score.label == opposite)
            .max_by(|a, b| sureness(a).total_cmp(&sureness(b)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(change: Change, probability: f32, label: VerdictLabel) -> ChangedScore {
        ChangedScore {
            change,
            probability_fake: Probability::new(probability).unwrap(),
            label,
        }
    }

    #[test]
    fn only_the_opposite_contradicts_and_the_surest_is_named() {
        let stability = Stability {
            scores: vec![
                score(Change::Recompressed, 0.25, VerdictLabel::Real),
                score(Change::Rescaled, 0.1, VerdictLabel::Real),
                score(Change::Cropped, 0.5, VerdictLabel::Inconclusive),
            ],
        };
        let named = |label| stability.contradiction_of(label).map(|score| score.change);
        assert_eq!(named(VerdictLabel::Fake), Some(Change::Rescaled));
        assert_eq!(named(VerdictLabel::Real), None);
        assert_eq!(named(VerdictLabel::Inconclusive), None);
    }
}
