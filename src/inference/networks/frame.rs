//! The networks that judge a single picture.

use tch::Tensor;

use super::super::Precision;
use super::super::image_model::ImageModel;
use super::super::manifest::FrameArchitecture;
use super::super::weights::Tensors;
use super::clip_heads::{ProjectedLinear, UnitLinear};
use super::d3::D3;
use super::dinov2::DinoV2;
use super::picture::PictureLogits;
use super::relevance::TowardsFake;
use super::resnet::ResNet;

/// Pictures to one or two raw logits, in the order of the manifest.
pub(in crate::inference) enum FrameNetwork {
    D3(D3),
    ProjectedLinear(ProjectedLinear),
    UnitLinear(UnitLinear),
    DinoV2(DinoV2),
    ResNet(ResNet),
    /// Brought whole by a user.
    Image(ImageModel),
}

impl FrameNetwork {
    /// The network of the family that `architecture` names, which must not be an image model.
    pub(in crate::inference) fn take(
        tensors: &mut Tensors,
        architecture: &FrameArchitecture,
        precision: Precision,
    ) -> Self {
        let mut root = tensors.root();
        match architecture {
            FrameArchitecture::ClipVitD3(shape) => Self::D3(D3::take(&mut root, shape, precision)),
            FrameArchitecture::ClipVitLinear(shape) => {
                Self::ProjectedLinear(ProjectedLinear::take(&mut root, shape, precision))
            }
            FrameArchitecture::ClipVitNormLinear(shape) => {
                Self::UnitLinear(UnitLinear::take(&mut root, shape, precision))
            }
            FrameArchitecture::DinoV2(shape) => {
                Self::DinoV2(DinoV2::take(&mut root, shape, precision))
            }
            FrameArchitecture::ResNet(shape) => {
                Self::ResNet(ResNet::take(&mut root, shape, precision.kind()))
            }
            FrameArchitecture::TorchScript(_) | FrameArchitecture::Onnx(_) => {
                unreachable!("the engine loads image models whole, not tensor by tensor")
            }
        }
    }

    /// Whether it says where it sees something.
    pub(in crate::inference) fn says_where(&self) -> bool {
        !matches!(self, Self::Image(_))
    }

    /// `[n, 3, side, side]` → raw logits in 32 bits; `towards` says how they speak for FAKE.
    ///
    /// # Errors
    /// A sentence when an image model fails.
    pub(in crate::inference) fn run(
        &self,
        pictures: &Tensor,
        towards: TowardsFake<'_>,
    ) -> Result<PictureLogits, String> {
        Ok(match self {
            Self::D3(network) => network.run(pictures, towards),
            Self::ProjectedLinear(network) => network.run(pictures, towards),
            Self::UnitLinear(network) => network.run(pictures, towards),
            Self::DinoV2(network) => network.run(pictures, towards),
            Self::ResNet(network) => network.run(pictures, towards),
            Self::Image(model) => PictureLogits {
                outputs: model.run(pictures)?,
                maps: None,
            },
        })
    }
}
