//! ResNeXt over every frame, then one of several networks over time.

use std::collections::BTreeMap;

use tch::Tensor;

use super::super::Precision;
use super::super::manifest::SequenceArchitecture;
use super::super::weights::Tensors;
use super::recurrent::Recurrent;
use super::relevance::{TowardsFake, followed_back, of_pooled};
use super::resnext::{ResNeXt, TrunkFeatures, pooled};
use super::temporal::{Temporal, TemporalLogits};

/// Raw logits of one clip, `[outputs]` and `[frames, outputs]`, in the order of the manifest.
pub(in crate::inference) struct ClipLogits {
    pub(in crate::inference) track: Tensor,
    pub(in crate::inference) frames: Tensor,
}

/// Clips to logits.
pub(in crate::inference) struct SequenceNetwork {
    trunk: ResNeXt,
    time: Time,
}

/// What looks at the frames' features in order.
enum Time {
    Attentive(Temporal),
    Recurrent(Recurrent),
}

impl SequenceNetwork {
    /// Keys of the trunk `feature_extractor.*` in the family `resnext-bilstm`, `model.*` in the
    /// others; those over time as [`Temporal`] and [`Recurrent`] say.
    pub(in crate::inference) fn take(
        tensors: &mut Tensors,
        architecture: &SequenceArchitecture,
        precision: Precision,
    ) -> Self {
        let mut root = tensors.root();
        let (trunk, time) = match architecture {
            SequenceArchitecture::ResnextBilstm(shape) => (
                "feature_extractor",
                Time::Attentive(Temporal::take(&mut root, shape)),
            ),
            SequenceArchitecture::ResnextBilstmMean(shape) => (
                "model",
                Time::Recurrent(Recurrent::take_bidirectional(&mut root, shape)),
            ),
            SequenceArchitecture::ResnextLstm(shape) => (
                "model",
                Time::Recurrent(Recurrent::take_forward(&mut root, shape)),
            ),
        };
        Self {
            trunk: ResNeXt::take(root.at(trunk), architecture.trunk(), precision.kind()),
            time,
        }
    }

    /// `[n, 3, side, side]` → features of each frame, and of `stage` (counted from 1) where one is named;
    /// frames do not see each other here.
    pub(in crate::inference) fn features(
        &self,
        pictures: &Tensor,
        stage: Option<usize>,
    ) -> TrunkFeatures {
        self.trunk.run(pictures, stage)
    }

    /// How much each cell of a clip's `maps`, `[frames, features, side, side]`, speaks for FAKE in the
    /// logit of the track, `[frames, side, side]`.
    pub(in crate::inference) fn contributions(
        &self,
        maps: &Tensor,
        towards: TowardsFake<'_>,
    ) -> Tensor {
        let (_, gradient) = followed_back(&pooled(maps), |features| {
            let logits = self.time.run(&features.unsqueeze(0));
            let logit = towards(&logits.track);
            (logits.track, logit)
        });
        of_pooled(maps, &gradient)
    }

    /// The trunk's pooled features after `stage` alone.
    pub(in crate::inference) fn stage_features(&self, pictures: &Tensor, stage: usize) -> Tensor {
        self.trunk.run_to_stage(pictures, stage)
    }

    /// Features of clips one after another, `[Σ lengths, features]`, to the logits of each.
    /// Clips of equal length run together: padding would reach the backward LSTM, the attention
    /// and the mean.
    pub(in crate::inference) fn over_time(
        &self,
        features: &Tensor,
        lengths: &[i64],
    ) -> Vec<ClipLogits> {
        let clips = features.split_with_sizes(lengths, 0);
        let mut by_length: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (clip, &length) in lengths.iter().enumerate() {
            by_length.entry(length).or_default().push(clip);
        }
        let mut logits: Vec<(usize, ClipLogits)> = Vec::with_capacity(lengths.len());
        for alike in by_length.into_values() {
            let together: Vec<&Tensor> = alike.iter().map(|&clip| &clips[clip]).collect();
            let scored = self.time.run(&Tensor::stack(&together, 0));
            logits.extend(alike.into_iter().enumerate().map(|(row, clip)| {
                let track = scored.track.get(row as i64);
                let frames = scored.frames.get(row as i64);
                (clip, ClipLogits { track, frames })
            }));
        }
        logits.sort_by_key(|(clip, _)| *clip);
        logits.into_iter().map(|(_, scored)| scored).collect()
    }
}

impl Time {
    /// `[clips, frames, features]`.
    fn run(&self, features: &Tensor) -> TemporalLogits {
        match self {
            Self::Attentive(network) => network.run(features),
            Self::Recurrent(network) => network.run(features),
        }
    }
}
