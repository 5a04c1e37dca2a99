//! CLIP's vision transformer (Radford et al., 2021) in OpenAI's layout, up to and including
//! `ln_post` on the class token, without the projection.

use tch::{Device, Kind, Tensor};

use super::super::manifest::ViTShape;
use super::super::weights::Scope;
use super::layers::{LayerNorm, Linear, SelfAttention};

/// A picture, or its patches in any order, to one feature.
pub(super) struct VisionTransformer {
    patches: Tensor,
    class: Tensor,
    positions: Tensor,
    before: LayerNorm,
    blocks: Vec<Block>,
    after: LayerNorm,
    patch_px: i64,
}

impl VisionTransformer {
    pub(super) fn take(scope: &mut Scope<'_>, shape: &ViTShape, kind: Kind) -> Self {
        let (width, patch) = (shape.width, shape.patch_px);
        let patches = scope
            .at("conv1")
            .tensor("weight", &[width, 3, patch, patch]);
        Self {
            patches: patches.to_kind(kind),
            class: scope.tensor("class_embedding", &[width]),
            positions: scope.tensor("positional_embedding", &[shape.patches() + 1, width]),
            before: LayerNorm::take(scope.at("ln_pre"), width),
            blocks: {
                let mut blocks = scope.at("transformer.resblocks");
                (0..shape.layers)
                    .map(|n| Block::take(blocks.at(n), width, shape.heads).in_kind(kind))
                    .collect()
            },
            after: LayerNorm::take(scope.at("ln_post"), width),
            patch_px: patch,
        }
    }

    /// Where its weights are.
    pub(super) fn device(&self) -> Device {
        self.class.device()
    }

    /// `[n, 3, side, side]` → patch tokens `[n, patches, width]`, row by row.
    pub(super) fn embed(&self, pictures: &Tensor) -> Tensor {
        let stride = [self.patch_px; 2];
        let pictures = pictures.to_kind(self.patches.kind());
        let grid = pictures.conv2d(&self.patches, None::<&Tensor>, stride, [0, 0], [1, 1], 1);
        grid.flatten(2, 3).transpose(1, 2).to_kind(Kind::Float)
    }

    /// Patch tokens `[n, patches, width]` → class features `[n, width]`, both in 32 bits.
    pub(super) fn run(&self, tokens: &Tensor) -> Tensor {
        let (count, _, width) = tokens.size3().expect("embed gives [n, patches, width]");
        let class = self.class.expand([count, 1, width], false);
        let placed = Tensor::cat(&[class, tokens.shallow_clone()], 1) + &self.positions;
        let mut x = self.before.run(&placed);
        for block in &self.blocks {
            x = block.run(x);
        }
        self.after.run(&x.select(1, 0))
    }
}

/// Pre-norm attention and perceptron, each around a shortcut that stays in 32 bits.
struct Block {
    norm1: LayerNorm,
    attention: SelfAttention,
    norm2: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

impl Block {
    fn take(mut scope: Scope<'_>, width: i64, heads: i64) -> Self {
        Self {
            norm1: LayerNorm::take(scope.at("ln_1"), width),
            attention: SelfAttention::take(scope.at("attn"), width, heads),
            norm2: LayerNorm::take(scope.at("ln_2"), width),
            widen: Linear::take(scope.at("mlp.c_fc"), width, 4 * width),
            narrow: Linear::take(scope.at("mlp.c_proj"), 4 * width, width),
        }
    }

    fn in_kind(self, kind: Kind) -> Self {
        Self {
            attention: self.attention.in_kind(kind),
            widen: self.widen.in_kind(kind),
            narrow: self.narrow.in_kind(kind),
            ..self
        }
    }

    fn run(&self, x: Tensor) -> Tensor {
        let x = &x + self.attention.run(&self.norm1.run(&x));
        let inner = quick_gelu(&self.widen.run(&self.norm2.run(&x)));
        &x + self.narrow.run(&inner)
    }
}

/// `x·σ(1.702x)`, which CLIP was trained with.
fn quick_gelu(x: &Tensor) -> Tensor {
    x * (x * 1.702).sigmoid()
}
