//! `manifest.toml` of a network: what it is and how its input and output are read.
//!
//! The two kinds share everything but `[architecture]`. Unknown fields are refused, so that a
//! misspelt one is not silently ignored; [`Manifest::problems`] names every wrong value at once.

use serde::Deserialize;

use crate::domain::CROP_CANVAS_PX;

/// The schema this program reads.
const SCHEMA: u32 = 1;
/// No width, length or count of a network reaches this; keeps arithmetic on sizes exact.
const LARGEST_SIZE: i64 = 65_536;

/// A manifest with the architecture of its kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest<A> {
    schema: u32,
    pub(super) name: String,
    pub(super) version: String,
    kind: Kind,
    #[serde(rename = "licence")]
    _licence: String,
    #[serde(rename = "card")]
    _card: String,
    pub(super) weights: Weights,
    pub(super) architecture: A,
    pub(super) preprocess: Preprocess,
    pub(super) output: Output,
    pub(super) calibration: Calibration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Sequence,
    Frame,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Weights {
    pub(super) file: String,
    pub(super) sha256: String,
}

/// From the aligned canvas to the network's input.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Preprocess {
    canvas_px: u32,
    pub(super) size_px: i64,
    pub(super) resize: Resize,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

/// Kernel of the antialiased resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Resize {
    Bilinear,
    Bicubic,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    pub(super) labels: Vec<Label>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Label {
    Fake,
    Real,
}

/// `calibrated = scale · raw + bias`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calibration {
    pub(super) scale: f32,
    pub(super) bias: f32,
}

/// What a kind of network says about itself.
pub(super) trait Architecture {
    /// The kind its manifest must state.
    const KIND: Kind;
    /// Label orders its head can have.
    const LABELS: &'static [&'static [Label]];
    /// Sizes that do not fit together; `size_px` is that of its input.
    fn problems(&self, size_px: i64) -> Vec<String>;
}

/// ResNeXt per frame, BiLSTM and self-attention over the frames.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SequenceArchitecture {
    #[serde(rename = "family")]
    _family: SequenceFamily,
    /// Channels of the stem; stage i gives `stem_width·4·2^i`.
    pub(super) stem_width: i64,
    /// Blocks per stage.
    pub(super) layers: Vec<i64>,
    pub(super) groups: i64,
    /// Bottleneck of stage i: `groups·width_per_group·2^i`.
    pub(super) width_per_group: i64,
    pub(super) lstm_layers: i64,
    /// Per direction.
    pub(super) lstm_hidden: i64,
    pub(super) attention_heads: i64,
    pub(super) activation: Activation,
    /// Longest clip: rows of the positional buffer.
    pub(super) max_frames: i64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SequenceFamily {
    ResnextBilstm,
}

/// Between the two layers of the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Activation {
    /// With the error function, not its tanh approximation.
    Gelu,
    Relu,
}

impl SequenceArchitecture {
    /// Channels of the last stage, the width of a frame's feature.
    pub(super) fn feature_width(&self) -> i64 {
        (self.stem_width * 4) << (self.layers.len() - 1)
    }
}

impl Architecture for SequenceArchitecture {
    const KIND: Kind = Kind::Sequence;
    const LABELS: &'static [&'static [Label]] =
        &[&[Label::Fake, Label::Real], &[Label::Real, Label::Fake]];

    fn problems(&self, size_px: i64) -> Vec<String> {
        let sizes = [
            ("stem_width", self.stem_width),
            ("groups", self.groups),
            ("width_per_group", self.width_per_group),
            ("lstm_layers", self.lstm_layers),
            ("lstm_hidden", self.lstm_hidden),
            ("attention_heads", self.attention_heads),
            ("max_frames", self.max_frames),
        ];
        let mut problems = out_of_range(&sizes);
        if !(1..=6).contains(&self.layers.len())
            || !self.layers.iter().all(|n| (1..=100).contains(n))
        {
            problems.push("architecture.layers must be 1 to 6 stages of 1 to 100 blocks".into());
        }
        if problems.is_empty() && 2 * self.lstm_hidden % self.attention_heads != 0 {
            problems.push("architecture.attention_heads must divide 2·lstm_hidden".into());
        }
        // The stem and the later stages halve the picture; nothing would be left of a smaller one.
        if size_px < 32 {
            problems.push("preprocess.size_px must be at least 32".into());
        }
        problems
    }
}

/// CLIP's vision transformer with the D3 head.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrameArchitecture {
    #[serde(rename = "family")]
    _family: FrameFamily,
    /// Side of the input.
    image_px: i64,
    /// Side of a patch.
    pub(super) patch_px: i64,
    pub(super) width: i64,
    pub(super) layers: i64,
    pub(super) heads: i64,
    /// Seed of the patch permutation.
    pub(super) permutation_seed: i64,
}

#[derive(Debug, Clone, Deserialize)]
enum FrameFamily {
    #[serde(rename = "clip-vit-d3")]
    ClipVitD3,
}

impl FrameArchitecture {
    /// Patches in a picture.
    pub(super) fn patches(&self) -> i64 {
        (self.image_px / self.patch_px).pow(2)
    }
}

impl Architecture for FrameArchitecture {
    const KIND: Kind = Kind::Frame;
    const LABELS: &'static [&'static [Label]] = &[&[Label::Fake]];

    fn problems(&self, size_px: i64) -> Vec<String> {
        let sizes = [
            ("image_px", self.image_px),
            ("patch_px", self.patch_px),
            ("width", self.width),
            ("layers", self.layers),
            ("heads", self.heads),
        ];
        let mut problems = out_of_range(&sizes);
        if !problems.is_empty() {
            return problems;
        }
        if self.image_px % self.patch_px != 0 {
            problems.push("architecture.patch_px must divide image_px".into());
        }
        if self.width % self.heads != 0 {
            problems.push("architecture.heads must divide width".into());
        }
        if self.image_px != size_px {
            problems.push("architecture.image_px must equal preprocess.size_px".into());
        }
        problems
    }
}

fn out_of_range(sizes: &[(&str, i64)]) -> Vec<String> {
    let bad = sizes
        .iter()
        .filter(|(_, size)| !(1..LARGEST_SIZE).contains(size));
    bad.map(|(name, size)| format!("architecture.{name} must lie between 1 and 65535, got {size}"))
        .collect()
}

impl<A: Architecture> Manifest<A> {
    /// Everything that is wrong, a sentence each; empty when the manifest can be used.
    pub(super) fn problems(&self) -> Vec<String> {
        let (prep, calibration) = (&self.preprocess, &self.calibration);
        let checks = [
            (self.schema == SCHEMA, "schema must be 1".to_owned()),
            (
                self.kind == A::KIND,
                format!("kind must be {:?}", A::KIND).to_lowercase(),
            ),
            (
                is_plain_name(&self.weights.file),
                "weights.file must be a plain file name".into(),
            ),
            (
                is_sha256(&self.weights.sha256),
                "weights.sha256 must be 64 lower-case hex digits".into(),
            ),
            (
                prep.canvas_px == CROP_CANVAS_PX,
                format!(
                    "preprocess.canvas_px must be {CROP_CANVAS_PX}, the canvas faces are aligned on"
                ),
            ),
            (
                (1..=1024).contains(&prep.size_px),
                "preprocess.size_px must lie between 1 and 1024".into(),
            ),
            (
                prep.mean.iter().all(|m| m.is_finite())
                    && prep.std.iter().all(|s| s.is_finite() && *s > 0.0),
                "preprocess.mean must be finite and preprocess.std above 0".into(),
            ),
            (
                A::LABELS.contains(&self.output.labels.as_slice()),
                format!(
                    "output.labels must be one of {}",
                    format!("{:?}", A::LABELS).to_uppercase()
                ),
            ),
            (
                calibration.scale.is_finite()
                    && calibration.scale > 0.0
                    && calibration.bias.is_finite(),
                "calibration.scale must be above 0 and bias finite".into(),
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        let mut problems: Vec<String> = failed.map(|(_, problem)| problem).collect();
        problems.extend(self.architecture.problems(prep.size_px));
        problems
    }
}

/// Whether `name` names something directly in its folder.
pub(super) fn is_plain_name(name: &str) -> bool {
    std::path::Path::new(name).file_name() == Some(name.as_ref())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
