//! The networks give what PyTorch gives. The references in `tests/fixtures/parity` are written by
//! `scripts/train/parity.py`: canvases, the input Pillow makes of them, and raw logits, for the
//! shipped models and for tiny random ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tch::{Device, Tensor};

use super::Precision;
use super::bundle::ModelFolder;
use super::engine::{Running, load_network};
use super::manifest::{Architecture, FrameArchitecture, SequenceArchitecture};
use super::networks::{FrameNetwork, SequenceNetwork};
use super::preprocess::Preparation;
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};

/// Largest relative difference of a logit (absolute below 1).
const LOGIT_TOLERANCE: f64 = 1e-4;
const ON_CPU: Running = Running {
    device: Device::Cpu,
    precision: Precision::Fp32,
    pass_frames: 64,
};

struct Reference {
    name: String,
    tensors: HashMap<String, Tensor>,
}

impl Reference {
    fn read(name: &str) -> Self {
        let path = fixtures().join(format!("{name}.safetensors"));
        assert!(
            path.is_file(),
            "{} is missing; write it with scripts/train/parity.py",
            path.display()
        );
        Self {
            name: name.to_owned(),
            tensors: Tensor::read_safetensors(path)
                .unwrap()
                .into_iter()
                .collect(),
        }
    }

    fn tensor(&self, name: &str) -> &Tensor {
        let found = self.tensors.get(name);
        found.unwrap_or_else(|| panic!("{} has no {name}", self.name))
    }

    fn canvases(&self) -> Vec<Rgb8Image> {
        let pixels = self.tensor("canvas");
        let one = |i| Vec::<u8>::try_from(pixels.get(i).flatten(0, -1)).unwrap();
        (0..pixels.size()[0])
            .map(|i| Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, one(i)).unwrap())
            .collect()
    }

    fn check_logits(&self, name: &str, actual: &Tensor) {
        let expected = self.tensor(name);
        assert_eq!(actual.size(), expected.size(), "{}: {name}", self.name);
        let scale = expected.abs().clamp_min(1.0);
        let difference = f64::try_from(((actual - expected) / scale).abs().max()).unwrap();
        assert!(
            difference <= LOGIT_TOLERANCE,
            "{}: {name} differ by {difference:.2e}",
            self.name
        );
    }

    /// Largest difference of a resized byte from the reference.
    fn input_difference_levels<A: Architecture>(&self, model: &ModelFolder<A>) -> f64 {
        let preprocess = &model.manifest.preprocess;
        let canvases = self.canvases();
        let canvases: Vec<&Rgb8Image> = canvases.iter().collect();
        let actual = Preparation::new(preprocess, Device::Cpu).run(&canvases);
        let std = Tensor::from_slice(&preprocess.std).view([1, 3, 1, 1]);
        let levels = (actual - self.tensor("input")) * std * 255.0;
        f64::try_from(levels.abs().max()).unwrap().round()
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity")
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models")
}

fn open<A: Architecture>(folder: PathBuf) -> ModelFolder<A> {
    let mut problems = Vec::new();
    let model = ModelFolder::read(folder, &mut problems);
    model.unwrap_or_else(|| panic!("{problems:#?}"))
}

fn check_sequence(folder: PathBuf, name: &str) {
    let _no_grad = tch::no_grad_guard();
    let reference = Reference::read(name);
    let model: ModelFolder<SequenceArchitecture> = open(folder);
    let mut problems = Vec::new();
    let network = load_network(&model, ON_CPU, &mut problems, SequenceNetwork::take);
    let network = network.unwrap_or_else(|| panic!("{problems:#?}"));
    let input = reference.tensor("input");
    let scored = network.over_time(&network.features(input), &[input.size()[0]]);
    reference.check_logits("track_logits", &scored[0].track.unsqueeze(0));
    reference.check_logits("frame_logits", &scored[0].frames);
}

fn check_frame(folder: PathBuf, name: &str) {
    let _no_grad = tch::no_grad_guard();
    let reference = Reference::read(name);
    let model: ModelFolder<FrameArchitecture> = open(folder);
    let mut problems = Vec::new();
    let network = load_network(&model, ON_CPU, &mut problems, FrameNetwork::take);
    let network = network.unwrap_or_else(|| panic!("{problems:#?}"));
    reference.check_logits(
        "frame_logits",
        &network.run(reference.tensor("input")).squeeze_dim(1),
    );
}

#[test]
fn a_tiny_sequence_network_gives_what_pytorch_gives() {
    check_sequence(fixtures().join("tiny-sequence"), "tiny-sequence");
}

#[test]
fn a_tiny_frame_network_gives_what_pytorch_gives() {
    check_frame(fixtures().join("tiny-frame"), "tiny-frame");
}

#[test]
fn the_shipped_sequence_model_gives_what_pytorch_gives() {
    check_sequence(models().join("sequence-s"), "sequence-s");
}

#[test]
fn the_shipped_frame_model_gives_what_pytorch_gives() {
    check_frame(models().join("frame-s"), "frame-s");
}

#[test]
fn the_shipped_bilinear_resize_equals_pillows_bit_for_bit() {
    let model: ModelFolder<SequenceArchitecture> = open(models().join("sequence-s"));
    assert_eq!(
        Reference::read("sequence-s").input_difference_levels(&model),
        0.0
    );
}

#[test]
fn a_bicubic_resize_is_within_a_level_of_pillows() {
    let model: ModelFolder<FrameArchitecture> = open(fixtures().join("tiny-frame"));
    assert!(Reference::read("tiny-frame").input_difference_levels(&model) <= 1.0);
}
