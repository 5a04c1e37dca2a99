//! The D3 detector (Yang et al., CVPR 2025, arXiv 2404.04584): a picture and the same picture
//! with its patches shuffled go through one vision transformer; a head attends over the two
//! features, since a generated picture loses less by shuffling than a photographed one.
//!
//! Two facts of the published model are kept on purpose. Its attention normalises over the
//! *query* axis. And shuffling pixels patch by patch is the same as permuting the patch tokens
//! before positions are added, so patches are embedded once. The published model draws a new
//! permutation at every call; here it is pinned: given by the manifest, or drawn once from the
//! manifest's seed, as `torch.manual_seed(seed); torch.randperm(patches)` on the CPU.

use std::sync::Mutex;

use tch::{Device, Kind, Tensor};

use super::super::Precision;
use super::super::manifest::ClipVitD3;
use super::super::weights::Scope;
use super::clip_vit;
use super::layers::Linear;
use super::picture::{PictureLogits, PictureMaps};
use super::relevance::TowardsFake;
use super::vit::VisionTransformer;

/// Pictures to logits of P(fake).
pub(in crate::inference) struct D3 {
    visual: VisionTransformer,
    query: Linear,
    key: Linear,
    value: Linear,
    fc: Linear,
    permutation: Tensor,
}

impl D3 {
    /// Keys `visual.*` and `attention_head.*`.
    pub(super) fn take(root: &mut Scope<'_>, shape: &ClipVitD3, precision: Precision) -> Self {
        let (width, patches) = (shape.tower.width, shape.tower.patches());
        let visual = clip_vit::take(&mut root.at("visual"), &shape.tower, precision);
        let mut head = root.at("attention_head");
        let order = match &shape.permutation {
            Some(order) => Tensor::from_slice(order),
            None => permutation(shape.permutation_seed.unwrap_or_default(), patches),
        };
        Self {
            permutation: order.to_device(visual.device()),
            visual,
            query: Linear::take(head.at("query"), width, width),
            key: Linear::take(head.at("key"), width, width),
            value: Linear::take(head.at("value"), width, width),
            fc: Linear::take(head.at("fc"), 2 * width, 1),
        }
    }

    /// `[n, 3, side, side]` → `[n, 1]`; a patch contributes what it does in both views.
    pub(super) fn run(&self, pictures: &Tensor, towards: TowardsFake<'_>) -> PictureLogits {
        let tokens = self.visual.embed(pictures);
        let shuffled = tokens.index_select(1, &self.permutation);
        let both = Tensor::cat(&[shuffled, tokens], 0);
        let judge = |features: &Tensor| {
            let views = features.select(1, 0).chunk(2, 0);
            self.judge(&Tensor::stack(&views, 1))
        };
        let (outputs, contributions) = self.visual.followed(&both, judge, towards);
        let (_, side, _) = (contributions.size3()).expect("contributions are [n, side, side]");
        let views = contributions.view([2, -1, side * side]);
        let in_place = Tensor::zeros_like(&views.get(0));
        let in_place = in_place.index_copy(1, &self.permutation, &views.get(0));
        let sum = (in_place + views.get(1)).view([-1, side, side]);
        PictureLogits {
            outputs,
            maps: Some(PictureMaps::Contributions(sum)),
        }
    }

    /// Views `[n, 2, width]` in the order shuffled, original → `[n, 1]`.
    fn judge(&self, views: &Tensor) -> Tensor {
        let width = views.size()[2];
        let scores = self
            .query
            .run(views)
            .matmul(&self.key.run(views).transpose(1, 2));
        let over_queries = (scores / (width as f64).sqrt()).softmax(1, None);
        let mixed = over_queries.matmul(&self.value.run(views));
        self.fc.run(&mixed.flatten(1, 2))
    }
}

/// A permutation of `0..count`, the same for the same seed on every machine.
pub(in crate::inference) fn permutation(seed: i64, count: i64) -> Tensor {
    // libtorch has one generator for the whole process; nobody may draw between seed and draw.
    static GENERATOR: Mutex<()> = Mutex::new(());
    let _alone = GENERATOR.lock().unwrap_or_else(|e| e.into_inner());
    tch::manual_seed(seed);
    Tensor::randperm(count, (Kind::Int64, Device::Cpu))
}
