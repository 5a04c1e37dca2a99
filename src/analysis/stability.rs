//! The stability check: the same faces compressed again, rescaled and cut closer, scored once more.
//!
//! The aligned crops are changed, as in [`super::varied`]: faces are found once. A verdict that one of
//! the changes turns into its opposite becomes INCONCLUSIVE; one that a change only weakens stays,
//! and the scores say so.

use super::Varied;
use super::decide::Decision;
use crate::domain::{Change, ChangedScore, Reason, Stability, Thresholds, VerdictLabel};

/// The changes that are tried.
pub(super) const CHANGES: [Change; 3] = [Change::Recompressed, Change::Rescaled, Change::Cropped];

/// What the scores after the changes are between the thresholds; `None` where there are none, because
/// nothing could be scored or no check was asked for.
pub(super) fn of(changed: &[Varied<Change>], thresholds: Thresholds) -> Option<Stability> {
    let scores = changed.iter().map(|changed| ChangedScore {
        change: changed.variation,
        probability_fake: changed.probability_fake,
        label: thresholds.decide(changed.probability_fake).0,
    });
    (!changed.is_empty()).then(|| Stability {
        scores: scores.collect(),
    })
}

/// The decision, with no answer where a change makes it the opposite.
pub(super) fn weigh(mut decision: Decision, stability: Option<&Stability>) -> Decision {
    let verdict = &mut decision.verdict;
    let contradiction = stability.and_then(|all| all.contradiction_of(verdict.label));
    if let Some(&ChangedScore {
        change,
        probability_fake,
        label: changed,
    }) = contradiction
    {
        let unstable = Reason::Unstable {
            label: verdict.label,
            change,
            changed,
            probability_fake,
        };
        verdict.label = VerdictLabel::Inconclusive;
        // It takes the place of the threshold that was met.
        verdict.reasons[0] = unstable;
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Probability, Verdict};

    fn p(value: f32) -> Probability {
        Probability::new(value).unwrap()
    }

    fn thresholds() -> Thresholds {
        Thresholds::new(p(0.3), p(0.7)).unwrap()
    }

    fn decided(probability: f32) -> Decision {
        let (label, reason) = thresholds().decide(p(probability));
        Decision {
            verdict: Verdict {
                label,
                probability_fake: Some(p(probability)),
                reasons: vec![reason, Reason::BrokenTail],
            },
            deciding: Some(0),
        }
    }

    fn checked(probability: f32) -> Option<Stability> {
        let changed = CHANGES.map(|variation| Varied {
            variation,
            probability_fake: p(probability),
        });
        of(&changed, thresholds())
    }

    #[test]
    fn a_verdict_that_a_change_turns_round_is_none() {
        let weighed = weigh(decided(0.9), checked(0.1).as_ref());
        let Verdict {
            label,
            probability_fake,
            reasons,
        } = weighed.verdict;
        assert_eq!(label, VerdictLabel::Inconclusive);
        assert_eq!(probability_fake, Some(p(0.9)));
        assert_eq!(reasons[0].code(), "unstable");
        assert_eq!(
            reasons[1..],
            [Reason::BrokenTail],
            "what else is to say stays"
        );
        let sentence = reasons[0].to_string();
        for part in ["FAKE", "REAL", "10 %"] {
            assert!(sentence.contains(part), "{sentence}");
        }
    }

    #[test]
    fn a_verdict_that_a_change_only_weakens_stays_and_so_does_one_that_was_not_checked() {
        for check in [checked(0.5), checked(0.95), None] {
            assert_eq!(weigh(decided(0.9), check.as_ref()), decided(0.9));
        }
        assert_eq!(weigh(decided(0.5), checked(0.1).as_ref()), decided(0.5));
        assert_eq!(of(&[], thresholds()), None);
    }
}
