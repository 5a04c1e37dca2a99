//! A tiny bundle on disk with invented weights, for tests of loading and running.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

use super::bundle::Bundle;
use super::networks::{FrameNetwork, SequenceNetwork};
use super::parity::hashed;
use super::weights::Tensors;
use super::{Clip, DeviceChoice, FramePrecision, InferenceSettings, Precision, PrecisionChoice};
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};

const BUNDLE: &str = r#"
schema = 1
name = "tiny"
version = "1"
detector = "detector"
sequence = "sequence"
frame = "frame"
[fusion]
bias = 0.0
sequence_weight = 0.5
frame_weight = 0.5
[thresholds]
fake_at_or_above = 0.65
real_at_or_below = 0.35
"#;

const SEQUENCE: &str = r#"
family = "resnext-bilstm"
stem_width = 8
layers = [1, 1]
groups = 2
width_per_group = 2
lstm_layers = 2
lstm_hidden = 6
attention_heads = 3
activation = "gelu"
max_frames = 12
"#;

const FRAME: &str = r#"
family = "clip-vit-d3"
image_px = 64
patch_px = 16
width = 24
layers = 2
heads = 3
permutation_seed = 418
"#;

const DINOV2: &str = r#"
family = "dinov2-vit"
image_px = 64
patch_px = 16
width = 24
layers = 2
heads = 3
head = "linear"
position_grid = 5
"#;

/// Named tensors of a weights file.
pub(super) type Named = Vec<(String, Tensor)>;

/// A models directory that is removed with the value.
pub(super) struct TinyBundle(TempDir);

impl TinyBundle {
    pub(super) fn new() -> Self {
        Self::with_frame(FRAME)
    }

    /// With a frame model of DINOv2's architecture, of which each patch has a logit too.
    pub(super) fn with_dinov2() -> Self {
        Self::with_frame(DINOV2)
    }

    fn with_frame(architecture: &str) -> Self {
        let bundle = Self(tempfile::tempdir().unwrap());
        fs::write(bundle.path().join("bundle.toml"), BUNDLE).unwrap();
        bundle.write_manifest("sequence", SEQUENCE, r#""FAKE", "REAL""#);
        bundle.write_manifest("frame", architecture, r#""FAKE""#);
        let manifests = Bundle::read(bundle.path()).unwrap();
        let models = &manifests.models;
        let sequence = &models.sequence.as_ref().unwrap().manifest;
        let frame = &models.frame.as_ref().unwrap().manifest;
        let wanted = |build: &dyn Fn(&mut Tensors)| {
            let mut tensors = Tensors::none(Device::Cpu);
            build(&mut tensors);
            tensors.wanted
        };
        let precision = Precision::Fp32;
        let sequence = wanted(&|tensors| {
            drop(SequenceNetwork::take(
                tensors,
                &sequence.architecture,
                precision,
            ))
        });
        let frame =
            wanted(&|tensors| drop(FrameNetwork::take(tensors, &frame.architecture, precision)));
        bundle.write_weights("sequence", invented(sequence));
        bundle.write_weights("frame", invented(frame));
        bundle
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn settings(&self) -> InferenceSettings {
        InferenceSettings {
            models_dir: self.path().to_owned(),
            device: DeviceChoice::Cpu,
            foundations_dir: self.path().join("shared"),
            max_batch_frames: 16,
            queue_frames: 64,
            threads: 1,
            // Not what this processor does best: a test holds on every machine.
            precision: PrecisionChoice::Fixed(Precision::Fp32),
            frame_model_precision: FramePrecision::Same,
            ..InferenceSettings::default()
        }
    }

    /// Replaces text in a file of the bundle.
    pub(super) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Gives the sequence model a region of training data around 0 after the first stage, whose
    /// features have 32 channels.
    pub(super) fn add_familiarity(&self, limit: f32) {
        let folder = self.path().join("sequence");
        let path = folder.join("region.safetensors");
        let ones = |shape: &[i64]| Tensor::ones(shape, (Kind::Float, Device::Cpu));
        let region = [
            ("mean", ones(&[32]) * 0.0),
            (
                "basis",
                Tensor::eye(32, (Kind::Float, Device::Cpu)).narrow(0, 0, 4),
            ),
            ("deviations", ones(&[4])),
            ("residual_deviation", ones(&[1])),
        ];
        Tensor::write_safetensors(&region, &path).unwrap();
        let sha256 = hex::encode(Sha256::digest(fs::read(&path).unwrap()));
        let manifest = folder.join("manifest.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let table = format!(
            "[familiarity]\nfile = \"region.safetensors\"\nsha256 = \"{sha256}\"\nlimit = {limit:?}\nstage = 1\n"
        );
        fs::write(manifest, text + &table).unwrap();
    }

    /// Changes a weights file, and the digest in its manifest with it.
    pub(super) fn change_weights(&self, model: &str, change: impl FnOnce(&mut Named)) {
        let path = self.path().join(model).join("weights.safetensors");
        let mut tensors = Tensor::read_safetensors(path).unwrap();
        change(&mut tensors);
        self.write_weights(model, tensors);
    }

    /// Moves the tensors of the frame model for which `moves` into a foundation beside the models.
    pub(super) fn found_frame_on(&self, moves: impl Fn(&str) -> bool) -> PathBuf {
        let mut moved = Named::new();
        self.change_weights("frame", |tensors| {
            let all = std::mem::take(tensors);
            (moved, *tensors) = all.into_iter().partition(|(name, _)| moves(name));
        });
        let folder = self.path().join("foundations");
        fs::create_dir(&folder).unwrap();
        let path = folder.join("base.safetensors");
        Tensor::write_safetensors(&moved, &path).unwrap();
        let sha256 = hex::encode(Sha256::digest(fs::read(&path).unwrap()));
        let manifest = self.path().join("frame/manifest.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let table = format!(
            "[foundation]\nname = \"tiny-base\"\nfile = \"base.safetensors\"\nsha256 = \"{sha256}\"\nsource = \"a package\"\nlicence = \"MIT\"\n"
        );
        fs::write(&manifest, text + &table).unwrap();
        path
    }

    fn write_weights(&self, model: &str, tensors: Named) {
        let folder = self.path().join(model);
        let path = folder.join("weights.safetensors");
        let old = fs::read(&path).map_or("UNKNOWN".into(), |b| hex::encode(Sha256::digest(b)));
        Tensor::write_safetensors(&tensors, &path).unwrap();
        let new = hex::encode(Sha256::digest(fs::read(&path).unwrap()));
        let manifest = folder.join("manifest.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let placeholder = "0".repeat(64);
        let text = text.replace(&placeholder, &new).replace(&old, &new);
        fs::write(manifest, text).unwrap();
    }

    fn write_manifest(&self, model: &str, architecture: &str, labels: &str) {
        let folder = self.path().join(model);
        fs::create_dir(&folder).unwrap();
        let text = format!(
            r#"
schema = 1
name = "tiny-{model}"
version = "1"
kind = "{model}"
licence = "Apache-2.0 OR MIT"
card = "README.md"
[weights]
file = "weights.safetensors"
sha256 = "{}"
[architecture]
{architecture}
[preprocess]
canvas_px = 256
size_px = 64
resize = "bilinear"
mean = [0.5, 0.5, 0.5]
std = [0.25, 0.25, 0.25]
[output]
labels = [{labels}]
[calibration]
scale = 1.0
bias = 0.0
"#,
            "0".repeat(64)
        );
        fs::write(folder.join("manifest.toml"), text).unwrap();
    }
}

/// The same tensors for the same names.
fn invented(wanted: Vec<(String, Vec<i64>, Kind)>) -> Named {
    let named = wanted.into_iter();
    named
        .map(|(name, shape, kind)| {
            let tensor = hashed::tensor(&name, &shape, kind);
            (name, tensor)
        })
        .collect()
}

/// A moving clip of noise; the same for the same seed.
pub(super) fn noise_clip(seed: u32, frames: u32) -> Clip {
    Clip {
        crops: (0..frames)
            .map(|n| noise(seed.wrapping_mul(31) + n))
            .collect(),
        is_still: false,
    }
}

fn noise(seed: u32) -> Rgb8Image {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    let pixels = (0..CROP_CANVAS_PX * CROP_CANVAS_PX * 3)
        .map(|_| byte())
        .collect();
    Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, pixels).unwrap()
}
