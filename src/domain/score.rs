//! Scores: the logit a network gives, the probability a person reads, and how familiar what was
//! scored is.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number that is not a score.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScoreError {
    /// Outside 0..=1, or not a number.
    #[error("a probability lies between 0 and 1, got {0}")]
    OutOfRange(f32),
    /// Infinite or not a number.
    #[error("a logit is a finite number, got {0}")]
    NotFinite(f32),
    /// Cells that do not make a square.
    #[error("a map of {side} cells a side has not {cells} of them")]
    NotSquare {
        /// Cells along a side.
        side: usize,
        /// All of them.
        cells: usize,
    },
}

/// P(manipulated), 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Probability(f32);

impl Probability {
    /// # Errors
    /// [`ScoreError::OutOfRange`] outside 0..=1.
    pub fn new(value: f32) -> Result<Self, ScoreError> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(ScoreError::OutOfRange(value))
        }
    }

    /// The number, 0 to 1.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Probability {
    type Error = ScoreError;
    fn try_from(value: f32) -> Result<Self, ScoreError> {
        Self::new(value)
    }
}

impl From<Probability> for f32 {
    fn from(probability: Probability) -> f32 {
        probability.0
    }
}

/// Natural log-odds of "manipulated": above 0 speaks for FAKE, below for REAL. Always finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct Logit(f32);

impl Logit {
    /// # Errors
    /// [`ScoreError::NotFinite`] for infinities and NaN, which a broken network gives.
    pub fn new(value: f32) -> Result<Self, ScoreError> {
        if value.is_finite() {
            Ok(Self(value))
        } else {
            Err(ScoreError::NotFinite(value))
        }
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }

    /// The logistic function of the logit.
    pub fn probability(self) -> Probability {
        Probability(1.0 / (1.0 + (-self.0).exp()))
    }
}

impl TryFrom<f32> for Logit {
    type Error = ScoreError;
    fn try_from(value: f32) -> Result<Self, ScoreError> {
        Self::new(value)
    }
}

impl From<Logit> for f32 {
    fn from(logit: Logit) -> f32 {
        logit.0
    }
}

/// How far a person's face lies from what the models were trained on. What is scored beyond the
/// limit is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Familiarity {
    /// Root mean square of standardised features: about 1 for a typical training track. Finite,
    /// at least 0.
    pub distance: f32,
    /// The largest distance that counts as familiar.
    pub limit: f32,
}

impl Familiarity {
    /// Whether the face is unlike the training data.
    pub fn is_unfamiliar(self) -> bool {
        self.distance > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn even_odds_are_one_half() {
        assert_eq!(Logit::new(0.0).unwrap().probability().get(), 0.5);
    }

    #[test]
    fn nan_is_no_score() {
        assert!(Probability::new(f32::NAN).is_err());
        assert!(Logit::new(f32::NAN).is_err());
    }

    proptest! {
        #[test]
        fn every_finite_logit_gives_a_probability(value in proptest::num::f32::NORMAL) {
            let probability = Logit::new(value).unwrap().probability();
            prop_assert!(Probability::new(probability.get()).is_ok());
        }
    }
}
