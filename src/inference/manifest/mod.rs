//! `manifest.toml` of a network: what it is and how its input and output are read.
//!
//! The kinds share everything but `[architecture]`, where `family` names one of several networks
//! and the other fields its sizes. Unknown fields are refused, so that a misspelt one is not
//! silently ignored; [`Manifest::problems`] names every wrong value at once.

mod familiarity;
mod frame;
mod output;
mod preprocess;
mod sequence;
#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::checkpoint::Naming;
pub(super) use super::foundation::Foundation;
pub(super) use super::weight_files::Weights;
pub(super) use familiarity::FamiliarityTable;
pub(super) use frame::{
    ClipVitD3, ClipVitLinear, ClipVitNormLinear, DinoV2Head, DinoV2Shape, FrameArchitecture,
    PatchField, ResNetHead, ResNetShape, ViTShape,
};
pub(super) use output::{Activation as OutputActivation, Calibration, Label, Output};
pub(super) use preprocess::{Fit, Preprocess, Resize};
pub(super) use sequence::{
    Activation, Pooling, ResNeXtShape, ResnextBilstm, ResnextBilstmMean, ResnextLstm,
    SequenceArchitecture,
};

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
    /// What `weights` were trained on top of; without it they are all there is.
    pub(super) foundation: Option<Foundation>,
    pub(super) architecture: A,
    pub(super) preprocess: Preprocess,
    pub(super) output: Output,
    pub(super) calibration: Calibration,
    /// Where the training data lies, for networks with a trunk of stages.
    pub(super) familiarity: Option<FamiliarityTable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Sequence,
    Frame,
}

/// What a kind of network says about itself.
pub(super) trait Architecture: DeserializeOwned {
    /// The kind its manifest must state.
    const KIND: Kind;
    /// Name of its family.
    fn name(&self) -> &'static str;
    /// Whose names its weights may have.
    fn naming(&self) -> Naming {
        Naming::Own
    }
    /// Numbers its head gives for a picture or a track, one or two; `None` for an image model,
    /// which gives as many as the manifest has labels.
    fn outputs(&self) -> Option<usize>;
    /// Channels after each stage of its trunk, where distances can be measured.
    fn stage_widths(&self) -> Vec<i64> {
        Vec::new()
    }
    /// Sizes that do not fit together; `size_px` is that of its input.
    fn problems(&self, size_px: i64) -> Vec<String>;
}

/// A sentence for every size that no network has.
fn out_of_range(sizes: &[(&str, i64)]) -> Vec<String> {
    let bad = sizes
        .iter()
        .filter(|(_, size)| !(1..LARGEST_SIZE).contains(size));
    bad.map(|(name, size)| format!("architecture.{name} must lie between 1 and 65535, got {size}"))
        .collect()
}

/// What is wrong with `layers`, the blocks of each stage of a convolutional network.
fn stage_problems(layers: &[i64]) -> Option<String> {
    let usable =
        (1..=6).contains(&layers.len()) && layers.iter().all(|blocks| (1..=100).contains(blocks));
    (!usable).then(|| "architecture.layers must be 1 to 6 stages of 1 to 100 blocks".into())
}

impl<A: Architecture> Manifest<A> {
    /// Everything that is wrong, a sentence each; empty when the manifest can be used.
    pub(super) fn problems(&self) -> Vec<String> {
        let checks = [
            (self.schema == SCHEMA, "schema must be 1".to_owned()),
            (
                self.kind == A::KIND,
                format!("kind must be {:?}", A::KIND).to_lowercase(),
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        let mut problems: Vec<String> = failed.map(|(_, problem)| problem).collect();
        problems.extend(self.weights.problems());
        if let Some(foundation) = &self.foundation {
            problems.extend(foundation.problems());
            if self.architecture.outputs().is_none() {
                problems.push("foundation: the file of an image model holds all of it".into());
            }
        }
        problems.extend(self.preprocess.problems());
        problems.extend(self.output.problems(self.architecture.outputs()));
        problems.extend(self.calibration.problems());
        problems.extend(self.architecture.problems(self.preprocess.size_px));
        if let Some(table) = &self.familiarity {
            problems.extend(table.problems(self.architecture.stage_widths().len()));
        }
        problems
    }
}
