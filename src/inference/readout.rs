//! From the raw numbers of a head to calibrated logits of P(fake).

use tch::{Device, Kind, Tensor};

use super::manifest::{Calibration, Label, Manifest};
use crate::domain::Logit;

/// How a model's raw outputs are read.
pub(super) struct Readout {
    reading: Reading,
    calibration: Calibration,
}

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
            calibration: manifest.calibration,
        }
    }

    /// `[…, outputs]` → a calibrated logit for each row, checked to be a number.
    pub(super) fn logits(&self, outputs: &Tensor) -> Result<Vec<Logit>, String> {
        let fake = match self.reading {
            Reading::Single { sign } => outputs.select(-1, 0) * sign,
            Reading::Pair { fake } => outputs.select(-1, fake) - outputs.select(-1, 1 - fake),
        };
        let fake = fake.to_device(Device::Cpu).to_kind(Kind::Float).reshape(-1);
        let raw = Vec::<f32>::try_from(fake).map_err(|e| e.to_string())?;
        let Calibration { scale, bias } = self.calibration;
        raw.into_iter()
            .map(|raw| Logit::new(scale * raw + bias).map_err(|e| e.to_string()))
            .collect()
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
}
