//! What the earlier services say of a picture: one of two labels, and how sure.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::HttpError;
use super::super::answer::{VerdictWord, rounded};
use crate::domain::{Analysis, Probability, Reason};

/// P(fake) from which a picture is called fake, unless the client names another.
pub(in crate::http) const DEFAULT_THRESHOLD: f64 = 0.5;

/// The two answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::http) enum BinaryLabel {
    /// P(fake) is at or above the threshold.
    Fake,
    /// P(fake) is under the threshold.
    Real,
}

/// A picture judged by its probability against a threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::http) struct Judgement {
    /// P(fake), 0 to 1.
    pub(in crate::http) probability_fake: f64,
    /// The answer.
    pub(in crate::http) label: BinaryLabel,
    /// This service's own verdict.
    pub(in crate::http) verdict: VerdictWord,
}

/// The probability of an analysis whose answer cannot do without one.
///
/// # Errors
/// [`HttpError::Unscorable`] with the most important reason why there is none.
pub(in crate::http) fn expect_score(analysis: &Analysis) -> Result<Probability, HttpError> {
    let verdict = &analysis.verdict;
    verdict.probability_fake.ok_or_else(|| {
        let reason = verdict.reasons.first().cloned();
        HttpError::Unscorable(reason.unwrap_or(Reason::NoFace))
    })
}

impl Judgement {
    /// Judges an analysis.
    ///
    /// # Errors
    /// [`HttpError::Unscorable`] when it has no probability.
    pub(in crate::http) fn of(analysis: &Analysis, threshold: f64) -> Result<Self, HttpError> {
        let probability_fake = rounded(f64::from(expect_score(analysis)?.get()), 6);
        let label = if probability_fake >= threshold {
            BinaryLabel::Fake
        } else {
            BinaryLabel::Real
        };
        Ok(Self {
            probability_fake,
            label,
            verdict: analysis.verdict.label.into(),
        })
    }

    /// P(real), 0 to 1.
    pub(in crate::http) fn probability_real(&self) -> f64 {
        rounded(1.0 - self.probability_fake, 6)
    }

    /// Whether the label is FAKE.
    pub(in crate::http) fn is_fake(&self) -> bool {
        self.label == BinaryLabel::Fake
    }

    /// Probability of the stated label, 0 to 1.
    pub(in crate::http) fn confidence(&self) -> f64 {
        match self.label {
            BinaryLabel::Fake => self.probability_fake,
            BinaryLabel::Real => self.probability_real(),
        }
    }
}
