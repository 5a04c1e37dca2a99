//! How often models were right on files whose truth is known.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What measuring all models of a bundle together found on one set of files. Numbers as they were
/// measured; nothing is derived that they do not hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// The files: whose, what is in them, how they relate to what was trained on.
    pub data: String,
    /// How they were scored.
    pub protocol: String,
    /// Area under the ROC curve.
    pub auc: Estimate,
    /// The same of each model alone.
    #[serde(default)]
    pub models: Vec<MeasuredModel>,
    /// What was answered of the genuine files.
    pub genuine: Answers,
    /// What was answered of the forged files.
    pub forged: Answers,
}

/// One model alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredModel {
    /// Name from its manifest.
    pub name: String,
    /// Area under the ROC curve.
    pub auc: Estimate,
}

/// Numbers that are no estimate.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{low} ≤ {value} ≤ {high} does not hold, or they do not lie between 0 and 1")]
pub struct EstimateError {
    low: f64,
    value: f64,
    high: f64,
}

/// A number between 0 and 1 and its 95 % interval, `[value, low, high]` in a file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 3]", into = "[f64; 3]")]
pub struct Estimate {
    value: f64,
    low: f64,
    high: f64,
}

impl Estimate {
    /// The number.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// Lower and upper end of its 95 % interval.
    pub fn interval(&self) -> (f64, f64) {
        (self.low, self.high)
    }
}

impl TryFrom<[f64; 3]> for Estimate {
    type Error = EstimateError;

    fn try_from([value, low, high]: [f64; 3]) -> Result<Self, EstimateError> {
        if 0.0 <= low && low <= value && value <= high && high <= 1.0 {
            return Ok(Self { value, low, high });
        }
        Err(EstimateError { low, value, high })
    }
}

impl From<Estimate> for [f64; 3] {
    fn from(estimate: Estimate) -> Self {
        [estimate.value, estimate.low, estimate.high]
    }
}

/// How many files got which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// Called FAKE.
    pub fake: u32,
    /// Called INCONCLUSIVE.
    pub inconclusive: u32,
    /// Called REAL.
    pub real: u32,
}

impl Answers {
    /// All of them.
    pub fn files(&self) -> u32 {
        self.fake + self.inconclusive + self.real
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_lies_in_its_interval() {
        let estimate: Estimate = serde_json::from_str("[0.865, 0.839, 0.893]").unwrap();
        assert_eq!(estimate.value(), 0.865);
        assert_eq!(estimate.interval(), (0.839, 0.893));
        for odd in ["[0.9, 0.95, 1.0]", "[0.5, 0.1, 1.1]", "[0.5, 0.1]"] {
            assert!(serde_json::from_str::<Estimate>(odd).is_err(), "{odd}");
        }
    }
}
