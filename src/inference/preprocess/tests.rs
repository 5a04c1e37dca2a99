//! The input of a network is what Pillow and torchvision make of the canvas, for several sizes,
//! kernels and fits.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use super::super::manifest::Preprocess;
use super::super::parity::{canvases, path, tensors};
use super::Preparation;
use crate::domain::Rgb8Image;

/// Every which number of an input `scripts/train/parity.py` stores.
const SAMPLE_STEP: i64 = 251;

#[derive(Deserialize)]
struct Case {
    preprocess: Preprocess,
    /// Of each canvas's bytes before they are normalised.
    sha256: Vec<String>,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(path("preprocess.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_bytes_of_every_size_kernel_and_fit_are_pillows_bit_for_bit() {
    let canvases = canvases();
    let mut different = Vec::new();
    for Case { preprocess, sha256 } in cases() {
        let preparation = Preparation::new(&preprocess, Device::Cpu);
        for (canvas, expected) in canvases.iter().zip(sha256) {
            let bytes = preparation.framing.picture(canvas).bytes;
            if hex::encode(Sha256::digest(bytes)) != expected {
                different.push(format!("{preprocess:?}"));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
fn the_normalised_numbers_are_torchvisions() {
    let canvases = canvases();
    let canvases: Vec<&Rgb8Image> = canvases.iter().collect();
    let samples = tensors("preprocess.safetensors");
    for (number, Case { preprocess, .. }) in cases().into_iter().enumerate() {
        let input = Preparation::new(&preprocess, Device::Cpu).run(&canvases);
        let sample = input.flatten(0, -1).slice(0, None, None, SAMPLE_STEP);
        let expected: &Tensor = &samples[&number.to_string()];
        assert_eq!(sample.size(), expected.size());
        let difference = f64::try_from((sample - expected).abs().max()).unwrap();
        // A level of 255 is 0.017 of these numbers.
        assert!(difference < 1e-5, "{preprocess:?}: {difference}");
    }
}
