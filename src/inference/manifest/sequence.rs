//! Networks that judge a track: a ResNeXt on every frame, then a network over time.

use serde::Deserialize;

use super::{Architecture, Kind, out_of_range, stage_problems};

/// The families; the fields of each stand beside `family`.
#[expect(clippy::enum_variant_names, reason = "they are the families' names")]
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub(in crate::inference) enum SequenceArchitecture {
    ResnextBilstm(ResnextBilstm),
    ResnextBilstmMean(ResnextBilstmMean),
    ResnextLstm(ResnextLstm),
}

/// torchvision's ResNeXt. `resnext50_32x4d` is stem 64, layers 3-4-6-3, 32 groups of width 4.
// serde refuses what neither a family nor its trunk knows, although it does not promise to do so
// for flattened fields; `a_misspelt_size_is_refused_in_every_family` holds it to that.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::inference) struct ResNeXtShape {
    /// Channels of the stem; stage i gives `stem_width·4·2^i`.
    pub(in crate::inference) stem_width: i64,
    /// Blocks per stage.
    pub(in crate::inference) layers: Vec<i64>,
    pub(in crate::inference) groups: i64,
    /// Bottleneck of stage i: `groups·width_per_group·2^i`.
    pub(in crate::inference) width_per_group: i64,
}

/// Bidirectional LSTM, self-attention with a positional buffer, mean over the frames, classifier of
/// two layers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ResnextBilstm {
    #[serde(flatten)]
    pub(in crate::inference) trunk: ResNeXtShape,
    pub(in crate::inference) lstm_layers: i64,
    /// Per direction.
    pub(in crate::inference) lstm_hidden: i64,
    pub(in crate::inference) attention_heads: i64,
    pub(in crate::inference) activation: Activation,
    /// Longest clip: rows of the positional buffer.
    pub(in crate::inference) max_frames: i64,
}

/// Bidirectional LSTM, mean over the frames, one linear layer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ResnextBilstmMean {
    #[serde(flatten)]
    pub(in crate::inference) trunk: ResNeXtShape,
    pub(in crate::inference) lstm_layers: i64,
    /// Per direction.
    pub(in crate::inference) lstm_hidden: i64,
    /// `false`: as the published network was built, each frame is a sequence of one.
    #[serde(default)]
    pub(in crate::inference) batch_first: bool,
    /// Longest clip.
    pub(in crate::inference) max_frames: i64,
}

/// LSTM in one direction without biases, one linear layer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct ResnextLstm {
    #[serde(flatten)]
    pub(in crate::inference) trunk: ResNeXtShape,
    pub(in crate::inference) lstm_layers: i64,
    pub(in crate::inference) lstm_hidden: i64,
    pub(in crate::inference) pooling: Pooling,
    /// `false`: as the published network was built, each frame is a sequence of one.
    #[serde(default)]
    pub(in crate::inference) batch_first: bool,
    /// Longest clip.
    pub(in crate::inference) max_frames: i64,
}

/// Between the two layers of the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::inference) enum Activation {
    /// With the error function, not its tanh approximation.
    Gelu,
    Relu,
}

/// Which states of the LSTM the classifier reads for a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::inference) enum Pooling {
    /// Their mean, as in training.
    Mean,
    /// That of the last frame, as in the published prediction code.
    Last,
}

impl ResNeXtShape {
    /// Channels of the last stage, the width of a frame's feature.
    pub(in crate::inference) fn feature_width(&self) -> i64 {
        (self.stem_width * 4) << (self.layers.len() - 1)
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = out_of_range(&[
            ("stem_width", self.stem_width),
            ("groups", self.groups),
            ("width_per_group", self.width_per_group),
        ]);
        problems.extend(stage_problems(&self.layers));
        problems
    }
}

impl SequenceArchitecture {
    /// Longest clip in frames.
    pub(in crate::inference) fn max_frames(&self) -> i64 {
        match self {
            Self::ResnextBilstm(shape) => shape.max_frames,
            Self::ResnextBilstmMean(shape) => shape.max_frames,
            Self::ResnextLstm(shape) => shape.max_frames,
        }
    }

    /// The network that looks at each frame.
    pub(in crate::inference) fn trunk(&self) -> &ResNeXtShape {
        match self {
            Self::ResnextBilstm(shape) => &shape.trunk,
            Self::ResnextBilstmMean(shape) => &shape.trunk,
            Self::ResnextLstm(shape) => &shape.trunk,
        }
    }

    /// Layers and width of the LSTM.
    fn lstm(&self) -> (i64, i64) {
        match self {
            Self::ResnextBilstm(shape) => (shape.lstm_layers, shape.lstm_hidden),
            Self::ResnextBilstmMean(shape) => (shape.lstm_layers, shape.lstm_hidden),
            Self::ResnextLstm(shape) => (shape.lstm_layers, shape.lstm_hidden),
        }
    }
}

impl Architecture for SequenceArchitecture {
    const KIND: Kind = Kind::Sequence;

    fn name(&self) -> &'static str {
        match self {
            Self::ResnextBilstm(_) => "resnext-bilstm",
            Self::ResnextBilstmMean(_) => "resnext-bilstm-mean",
            Self::ResnextLstm(_) => "resnext-lstm",
        }
    }

    fn outputs(&self) -> Option<usize> {
        Some(2)
    }

    fn stage_widths(&self) -> Vec<i64> {
        let trunk = self.trunk();
        (0..trunk.layers.len())
            .map(|stage| (trunk.stem_width * 4) << stage)
            .collect()
    }

    fn problems(&self, size_px: i64) -> Vec<String> {
        let (lstm_layers, lstm_hidden) = self.lstm();
        let mut problems = self.trunk().problems();
        problems.extend(out_of_range(&[
            ("lstm_layers", lstm_layers),
            ("lstm_hidden", lstm_hidden),
            ("max_frames", self.max_frames()),
        ]));
        if let Self::ResnextBilstm(shape) = self {
            problems.extend(out_of_range(&[("attention_heads", shape.attention_heads)]));
            if problems.is_empty() && 2 * lstm_hidden % shape.attention_heads != 0 {
                problems.push("architecture.attention_heads must divide 2·lstm_hidden".into());
            }
        }
        // The stem and the later stages halve the picture; nothing would be left of a smaller one.
        if size_px < 32 {
            problems.push("preprocess.size_px must be at least 32".into());
        }
        problems
    }
}
