//! The two linear heads on CLIP's picture feature.
//!
//! UniversalFakeDetect (Ojha et al., CVPR 2023) reads the projected feature as it is; GenD
//! (Yermakov et al., WACV 2026) reads the class feature before the projection, at unit length.

use tch::Tensor;

use super::super::Precision;
use super::super::manifest::{ClipVitLinear, ClipVitNormLinear};
use super::super::weights::Scope;
use super::clip_vit;
use super::layers::Linear;
use super::picture::PictureLogits;
use super::relevance::TowardsFake;
use super::vit::VisionTransformer;

/// `torch.nn.functional.normalize`'s guard against a feature of length zero.
const SHORTEST: f64 = 1e-12;

/// UniversalFakeDetect: pictures to logits of P(fake).
pub(in crate::inference) struct ProjectedLinear {
    visual: VisionTransformer,
    projection: Tensor,
    fc: Linear,
}

impl ProjectedLinear {
    /// Keys `visual.*` with `visual.proj`, `fc.*`.
    pub(super) fn take(root: &mut Scope<'_>, shape: &ClipVitLinear, precision: Precision) -> Self {
        let (width, embed_width) = (shape.tower.width, shape.embed_width);
        let mut visual = root.at("visual");
        Self {
            visual: clip_vit::take(&mut visual, &shape.tower, precision),
            projection: visual.tensor("proj", &[width, embed_width]),
            fc: Linear::take(root.at("fc"), embed_width, 1),
        }
    }

    /// `[n, 3, side, side]` → `[n, 1]`.
    pub(super) fn run(&self, pictures: &Tensor, towards: TowardsFake<'_>) -> PictureLogits {
        let judge = |features: &Tensor| {
            let class = features.select(1, 0);
            self.fc.run(&class.matmul(&self.projection))
        };
        (self.visual).explained(&self.visual.embed(pictures), judge, towards)
    }
}

/// GenD: pictures to logits of two classes.
pub(in crate::inference) struct UnitLinear {
    visual: VisionTransformer,
    linear: Linear,
}

impl UnitLinear {
    /// Keys `visual.*`, `model.linear.*`.
    pub(super) fn take(
        root: &mut Scope<'_>,
        shape: &ClipVitNormLinear,
        precision: Precision,
    ) -> Self {
        Self {
            visual: clip_vit::take(&mut root.at("visual"), &shape.tower, precision),
            linear: Linear::take(root.at("model.linear"), shape.tower.width, 2),
        }
    }

    /// `[n, 3, side, side]` → `[n, 2]`.
    pub(super) fn run(&self, pictures: &Tensor, towards: TowardsFake<'_>) -> PictureLogits {
        let judge = |features: &Tensor| {
            let class = features.select(1, 0);
            let length = class.norm_scalaropt_dim(2, [1i64].as_slice(), true);
            self.linear.run(&(class / length.clamp_min(SHORTEST)))
        };
        (self.visual).explained(&self.visual.embed(pictures), judge, towards)
    }
}
