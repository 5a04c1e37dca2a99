//! From the raw numbers of a head to calibrated logits of P(fake).

use tch::{Device, Kind, Tensor};

use super::manifest::{Calibration, Label, Manifest, OutputActivation};
use crate::domain::Logit;

/// How a model's raw outputs are read.
pub(super) struct Readout {
    reading: Reading,
    activation: OutputActivation,
    calibration: Calibration,
}

/// Probabilities nearer to 0 or 1 than this say no more than this.
const SUREST: f64 = 1e-6;
/// How far two probabilities may be from adding up to 1.
const SUM_TOLERANCE: f64 = 1e-3;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    /// One number, the logit of its label: kept for FAKE, turned around for REAL.
    Single { sign: f64 },
    /// Two, of which the logit is the difference; the index of FAKE.
    Pair { fake: i64 },
}

impl Readout {
    /// `manifest` must have been found without problems.
    pub(super) fn new<A>(manifest: &Manifest<A>) -> Self {
        let reading = match manifest.output.labels.as_slice() {
            [Label::Fake] => Reading::Single { sign: 1.0 },
            [Label::Real] => Reading::Single { sign: -1.0 },
            [Label::Fake, ..] => Reading::Pair { fake: 0 },
            _ => Reading::Pair { fake: 1 },
        };
        Self {
            reading,
            activation: manifest.output.activation,
            calibration: manifest.calibration,
        }
    }

    /// `[…, outputs]` → a calibrated logit for each row, checked to be a number.
    ///
    /// # Errors
    /// When a number is none, or the outputs are not what the manifest says they are.
    pub(super) fn logits(&self, outputs: &Tensor) -> Result<Vec<Logit>, String> {
        let outputs = &match self.activation {
            OutputActivation::Logits => outputs.shallow_clone(),
            OutputActivation::Probabilities => self.before_activation(outputs)?,
        };
        let fake = self.towards_fake(outputs);
        let fake = fake.to_device(Device::Cpu).to_kind(Kind::Float).reshape(-1);
        let raw = Vec::<f32>::try_from(fake).map_err(|e| e.to_string())?;
        let Calibration { scale, bias } = self.calibration;
        raw.into_iter()
            .map(|raw| Logit::new(scale * raw + bias).map_err(|e| e.to_string()))
            .collect()
    }
}

impl Readout {
    /// How much raw logits `[…, outputs]` speak for FAKE, before calibration: `[…]`.
    pub(super) fn towards_fake(&self, outputs: &Tensor) -> Tensor {
        match self.reading {
            Reading::Single { sign } => outputs.select(-1, 0) * sign,
            Reading::Pair { fake } => outputs.select(-1, fake) - outputs.select(-1, 1 - fake),
        }
    }

    /// Probabilities back to numbers whose difference, or which alone, are the logit.
    fn before_activation(&self, outputs: &Tensor) -> Result<Tensor, String> {
        let outputs = outputs.to_kind(Kind::Double);
        let bounds = [outputs.min(), outputs.max()].map(|t| f64::try_from(t).unwrap_or(f64::NAN));
        let sums = match self.reading {
            Reading::Single { .. } => outputs.ones_like(),
            Reading::Pair { .. } => outputs.sum_dim_intlist(-1, false, None),
        };
        let off = f64::try_from((sums - 1.0).abs().max()).unwrap_or(f64::NAN);
        if !(bounds[0] >= 0.0 && bounds[1] <= 1.0 && off <= SUM_TOLERANCE) {
            return Err(format!(
                "the outputs are no probabilities (from {} to {}, sums off 1 by {off}); is output.activation = \"logits\" meant?",
                bounds[0], bounds[1]
            ));
        }
        let sure = outputs.clamp(SUREST, 1.0 - SUREST);
        Ok(match self.reading {
            Reading::Single { .. } => (&sure / (sure.ones_like() - &sure)).log(),
            Reading::Pair { .. } => sure.log(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reading: Reading, outputs: &Tensor) -> Vec<f32> {
        let calibration = Calibration {
            scale: 2.0,
            bias: 1.0,
        };
        let readout = Readout {
            reading,
            activation: OutputActivation::Logits,
            calibration,
        };
        let logits = readout.logits(outputs).unwrap();
        logits.into_iter().map(Logit::get).collect()
    }

    #[test]
    fn a_single_number_counts_for_fake_or_against_it_by_its_label() {
        let outputs = Tensor::from_slice(&[0.5f32, -3.0]).view([2, 1]);
        assert_eq!(read(Reading::Single { sign: 1.0 }, &outputs), [2.0, -5.0]);
        assert_eq!(read(Reading::Single { sign: -1.0 }, &outputs), [0.0, 7.0]);
    }

    #[test]
    fn of_two_numbers_the_difference_counts_whichever_comes_first() {
        let outputs = Tensor::from_slice(&[0.5f32, -3.0]).view([1, 2]);
        assert_eq!(read(Reading::Pair { fake: 0 }, &outputs), [8.0]);
        assert_eq!(read(Reading::Pair { fake: 1 }, &outputs), [-6.0]);
    }

    #[test]
    fn a_number_that_is_none_is_an_error() {
        let readout = Readout {
            reading: Reading::Single { sign: 1.0 },
            activation: OutputActivation::Logits,
            calibration: Calibration {
                scale: 1.0,
                bias: 0.0,
            },
        };
        assert!(
            readout
                .logits(&Tensor::from_slice(&[f32::NAN]).view([1, 1]))
                .is_err()
        );
    }

    fn of_probabilities(reading: Reading, outputs: &Tensor) -> Result<Vec<Logit>, String> {
        let readout = Readout {
            reading,
            activation: OutputActivation::Probabilities,
            calibration: Calibration {
                scale: 1.0,
                bias: 0.0,
            },
        };
        readout.logits(outputs)
    }

    #[test]
    fn probabilities_give_the_logits_they_were_made_of() {
        let logits = Tensor::from_slice(&[0.5f32, -1.5, 3.0, 2.0]).view([2, 2]);
        let pair = of_probabilities(Reading::Pair { fake: 0 }, &logits.softmax(-1, None)).unwrap();
        for (logit, expected) in pair.iter().zip([2.0, 1.0]) {
            assert!((logit.get() - expected).abs() < 1e-4, "{logit:?}");
        }
        let single = Tensor::from_slice(&[0.5f32]).view([1, 1]).sigmoid();
        let single = of_probabilities(Reading::Single { sign: -1.0 }, &single).unwrap();
        assert!((single[0].get() + 0.5).abs() < 1e-4);
    }

    #[test]
    fn a_certain_probability_is_still_a_number_and_logits_are_not_taken_for_probabilities() {
        let certain = Tensor::from_slice(&[1.0f32, 0.0]).view([1, 2]);
        let logit = of_probabilities(Reading::Pair { fake: 0 }, &certain).unwrap();
        assert!(logit[0].get() > 13.0);
        let logits = Tensor::from_slice(&[2.0f32, -1.0]).view([1, 2]);
        let error = of_probabilities(Reading::Pair { fake: 0 }, &logits).unwrap_err();
        assert!(error.contains("no probabilities"), "{error}");
        let sigmoids = Tensor::from_slice(&[0.9f32, 0.9]).view([1, 2]);
        assert!(of_probabilities(Reading::Pair { fake: 0 }, &sigmoids).is_err());
    }
}
