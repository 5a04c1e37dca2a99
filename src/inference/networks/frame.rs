//! The networks that judge a single picture.

use tch::Tensor;

use super::super::Precision;
use super::super::manifest::FrameArchitecture;
use super::super::weights::Tensors;
use super::clip_heads::{ProjectedLinear, UnitLinear};
use super::d3::D3;
use super::resnet::ResNet;

/// Pictures to one or two raw logits, in the order of the manifest.
pub(in crate::inference) enum FrameNetwork {
    D3(D3),
    ProjectedLinear(ProjectedLinear),
    UnitLinear(UnitLinear),
    ResNet(ResNet),
}

impl FrameNetwork {
    /// The network of the family that `architecture` names.
    pub(in crate::inference) fn take(
        tensors: &mut Tensors,
        architecture: &FrameArchitecture,
        precision: Precision,
    ) -> Self {
        let (mut root, kind) = (tensors.root(), precision.kind());
        match architecture {
            FrameArchitecture::ClipVitD3(shape) => Self::D3(D3::take(&mut root, shape, kind)),
            FrameArchitecture::ClipVitLinear(shape) => {
                Self::ProjectedLinear(ProjectedLinear::take(&mut root, shape, kind))
            }
            FrameArchitecture::ClipVitNormLinear(shape) => {
                Self::UnitLinear(UnitLinear::take(&mut root, shape, kind))
            }
            FrameArchitecture::ResNet(shape) => Self::ResNet(ResNet::take(&mut root, shape, kind)),
        }
    }

    /// `[n, 3, side, side]` → `[n, outputs]` in 32 bits.
    pub(in crate::inference) fn run(&self, pictures: &Tensor) -> Tensor {
        match self {
            Self::D3(network) => network.run(pictures),
            Self::ProjectedLinear(network) => network.run(pictures),
            Self::UnitLinear(network) => network.run(pictures),
            Self::ResNet(network) => network.run(pictures),
        }
    }
}
