//! The vision transformer that CLIP (Radford et al., 2021) and DINOv2 (Oquab et al., 2024) have in
//! common: patches and a class token, blocks of attention and perceptron behind a norm each, a last
//! norm. What they do differently is in its parts; [`super::clip_vit`] and [`super::dinov2`] put
//! them together from their files.

use std::panic::resume_unwind;
use std::thread;

use tch::{Device, Kind, Tensor};

use super::super::precision::Multiplication;
use super::layers::{LayerNorm, Multipliers, Product, SelfAttention};
use super::picture::{PictureLogits, PictureMaps};
use super::relevance::{TowardsFake, followed_back, of_tokens};

/// A picture, or its patches in any order, to features.
pub(super) struct VisionTransformer {
    pub(super) patches: PatchProjection,
    /// `[width]`
    pub(super) class: Tensor,
    /// `[1 + patches, width]`, that of the class token first.
    pub(super) positions: Tensor,
    /// A norm before the first block, which CLIP has.
    pub(super) before: Option<LayerNorm>,
    pub(super) blocks: Vec<Block>,
    pub(super) after: LayerNorm,
}

/// Squares of pixels to tokens.
pub(super) struct PatchProjection {
    weight: Tensor,
    bias: Option<Tensor>,
    patch_px: i64,
}

impl PatchProjection {
    /// `weight` is `[width, 3, patch, patch]`, `bias` `[width]`; both compute in `kind`.
    pub(super) fn new(weight: &Tensor, bias: Option<&Tensor>, kind: Kind) -> Self {
        Self {
            patch_px: weight.size()[2],
            weight: weight.to_kind(kind),
            bias: bias.map(|bias| bias.to_kind(kind)),
        }
    }
}

impl VisionTransformer {
    /// Where its weights are.
    pub(super) fn device(&self) -> Device {
        self.class.device()
    }

    /// `[n, 3, side, side]` → patch tokens `[n, patches, width]`, row by row.
    pub(super) fn embed(&self, pictures: &Tensor) -> Tensor {
        let PatchProjection {
            weight,
            bias,
            patch_px,
        } = &self.patches;
        let pictures = pictures.to_kind(weight.kind());
        let grid = pictures.conv2d(weight, bias.as_ref(), [*patch_px; 2], [0, 0], [1, 1], 1);
        grid.flatten(2, 3).transpose(1, 2).to_kind(Kind::Float)
    }

    /// Patch tokens `[n, patches, width]` → class features `[n, width]`, both in 32 bits.
    #[cfg(test)]
    pub(super) fn class_features(&self, tokens: &Tensor) -> Tensor {
        self.after.run(&self.stream(tokens).select(1, 0))
    }

    /// What `judge` makes of the features of all tokens, `[n, 1 + patches, width]`, and what each patch
    /// of those that entered the last block contributes.
    pub(super) fn explained(
        &self,
        tokens: &Tensor,
        judge: impl Fn(&Tensor) -> Tensor,
        towards: TowardsFake<'_>,
    ) -> PictureLogits {
        let (outputs, contributions) = self.followed(tokens, judge, towards);
        PictureLogits {
            outputs,
            maps: Some(PictureMaps::Contributions(contributions)),
        }
    }

    /// The same, as outputs and contributions `[n, grid, grid]`; `judge` may join pictures.
    pub(super) fn followed(
        &self,
        tokens: &Tensor,
        judge: impl Fn(&Tensor) -> Tensor,
        towards: TowardsFake<'_>,
    ) -> (Tensor, Tensor) {
        let (last, before) = (self.blocks.split_last()).expect("a manifest has a block at least");
        let entering = self.through(tokens, before);
        let (outputs, gradient) = followed_back(&entering, |entering| {
            let features = self.after.run(&last.run(entering.shallow_clone()));
            let outputs = judge(&features);
            let logit = towards(&outputs);
            (outputs, logit)
        });
        let patches = |x: &Tensor| x.slice(1, 1, None, 1);
        (outputs, of_tokens(&patches(&entering), &patches(&gradient)))
    }

    /// Patch tokens `[n, patches, width]` → features of the class token and of every patch,
    /// `[n, 1 + patches, width]`, both in 32 bits.
    pub(super) fn all_features(&self, tokens: &Tensor) -> Tensor {
        self.after.run(&self.stream(tokens))
    }

    /// The tokens with their places, the class token first, behind the last block.
    fn stream(&self, tokens: &Tensor) -> Tensor {
        self.through(tokens, &self.blocks)
    }

    fn through(&self, tokens: &Tensor, blocks: &[Block]) -> Tensor {
        let (count, _, width) = tokens.size3().expect("embed gives [n, patches, width]");
        let class = self.class.expand([count, 1, width], false);
        let placed = Tensor::cat(&[class, tokens.shallow_clone()], 1) + &self.positions;
        let entering = match &self.before {
            Some(norm) => norm.run(&placed),
            None => placed,
        };
        let through_all = |x: Tensor| blocks.iter().fold(x, |x, block| block.run(x));
        // What a picture is rounded to must not depend on its company.
        match blocks.iter().any(|block| block.widen.rounds_its_input()) {
            true => {
                let alone = entering.split(1, 0).into_iter().map(through_all);
                Tensor::cat(&alone.collect::<Vec<_>>(), 0)
            }
            false => through_all(entering),
        }
    }
}

/// Attention and perceptron, each behind a norm and around a shortcut that stays in 32 bits.
pub(super) struct Block {
    pub(super) norm1: LayerNorm,
    pub(super) attention: SelfAttention,
    pub(super) norm2: LayerNorm,
    pub(super) widen: Product,
    pub(super) ramp: Ramp,
    pub(super) narrow: Product,
}

/// Blocks that get ready side by side at most, so that never the floats of a whole network lie beside what is made of them.
const SIDE_BY_SIDE: usize = 4;

/// The blocks 0 to `count` that `take` gives, each multiplying as `how` says of its number. As many as there are threads get ready side by
/// side: packing weights of eight bits takes one core longer than everything else about a start.
pub(super) fn blocks(
    count: i64,
    mut take: impl FnMut(i64) -> Block,
    how: impl Fn(i64) -> Multiplication,
) -> Vec<Block> {
    let multipliers = &Multipliers::default();
    let numbers: Vec<i64> = (0..count).collect();
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
    let side_by_side = |numbers: &[i64]| {
        let taken: Vec<_> = numbers.iter().map(|n| (take(*n), how(*n))).collect();
        thread::scope(|scope| {
            let ready = (taken.into_iter())
                .map(|(block, how)| scope.spawn(move || block.computing_by(how, multipliers)));
            let ready: Vec<_> = ready.collect();
            let joined = ready.into_iter().map(|block| block.join());
            joined
                .map(|block| block.unwrap_or_else(|panic| resume_unwind(panic)))
                .collect::<Vec<_>>()
        })
    };
    let together = threads.clamp(1, SIDE_BY_SIDE);
    numbers.chunks(together).flat_map(side_by_side).collect()
}

impl Block {
    fn computing_by(self, how: Multiplication, multipliers: &Multipliers) -> Self {
        Self {
            attention: self.attention.computing_by(how, multipliers),
            widen: self.widen.computing_by(how, multipliers),
            narrow: self.narrow.computing_by(how, multipliers),
            ..self
        }
    }

    fn run(&self, x: Tensor) -> Tensor {
        let x = &x + self.attention.run(&self.norm1.run(&x));
        let inner = self.ramp.run(&self.widen.run(&self.norm2.run(&x)));
        &x + self.narrow.run(&inner)
    }
}

/// Which smooth ramp a perceptron was trained with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ramp {
    /// `x·Φ(x)`, Φ the normal distribution's.
    Gelu,
    /// `x·σ(x)`.
    Silu,
}

impl Ramp {
    fn run(self, x: &Tensor) -> Tensor {
        match self {
            Self::Gelu => x.gelu("none"),
            Self::Silu => x.silu(),
        }
    }
}
