//! DINOv2's vision transformer (Oquab et al., 2024) in the layout of Hugging Face's `Dinov2Model`,
//! with two linear heads: one on the class feature beside the mean of the patch features says
//! whether a picture was manipulated, one on every patch feature says where.
//!
//! Unlike CLIP's it has no norm before the first block, a bias on the patches, LayerScale, the
//! exact GELU and an epsilon of 1e-6. Its positions were learnt on a larger grid and are resized to
//! that of the input when they are loaded: bicubically (a = −0.75) and without antialiasing, corners
//! not aligned, as `Dinov2Model` does at every call.
//!
//! With a [`PatchField`] it looks at a rectangle of the grid alone: the pixels outside are cut away
//! before they become patches, the patches inside keep their positions, and the map says of those
//! outside that nothing was found there.

use tch::Tensor;

use super::super::Precision;
use super::super::manifest::{DinoV2Head, DinoV2Shape, PatchField};
use super::super::weights::Scope;
use super::layers::{LayerNorm, Linear, SelfAttention};
use super::picture::{PictureLogits, PictureMaps};
use super::relevance::TowardsFake;
use super::vit::{Block, PatchProjection, Ramp, VisionTransformer, blocks};

const NORM_EPSILON: f64 = 1e-6;
/// The mask head's logit of a patch that was not looked at: a probability of 1e-7.
const NOT_LOOKED_AT: f64 = -16.0;

/// Pictures to logits of P(manipulated), of the whole and of every patch.
pub(in crate::inference) struct DinoV2 {
    tower: VisionTransformer,
    head: Linear,
    mask_head: Option<Linear>,
    view: View,
}

/// The grid of patches, and what of it is looked at.
struct View {
    /// Patches along a side.
    grid: i64,
    patch_px: i64,
    field: PatchField,
}

impl DinoV2 {
    /// Keys `embeddings.*`, `encoder.layer.*`, `layernorm.*`, `head.*` and, where the manifest has
    /// it, `mask_head.*`.
    pub(super) fn take(root: &mut Scope<'_>, shape: &DinoV2Shape, precision: Precision) -> Self {
        let width = shape.tower.width;
        Self {
            tower: tower(root, shape, precision),
            head: match shape.head {
                DinoV2Head::Linear => Linear::take(root.at("head"), 2 * width, 1),
            },
            mask_head: (shape.mask_head).then(|| Linear::take(root.at("mask_head"), width, 1)),
            view: View::of(shape),
        }
    }

    /// `[n, 3, side, side]` → logits `[n, 1]` and maps `[n, grid, grid]`: the mask head's, or without
    /// one what each patch contributes.
    pub(super) fn run(&self, pictures: &Tensor, towards: TowardsFake<'_>) -> PictureLogits {
        let tokens = self.tower.embed(&self.view.pixels(pictures));
        let Some(mask_head) = &self.mask_head else {
            return (self.tower).explained(&tokens, |features| self.judge(features), towards);
        };
        let features = self.tower.all_features(&tokens);
        let patches = features.slice(1, 1, None, 1);
        let mask = self.view.placed(&mask_head.run(&patches));
        PictureLogits {
            outputs: self.judge(&features),
            maps: Some(PictureMaps::Mask(mask)),
        }
    }

    /// Features of all tokens, `[n, 1 + patches, width]`, to logits `[n, 1]`.
    fn judge(&self, features: &Tensor) -> Tensor {
        let class = features.select(1, 0);
        let patches = features.slice(1, 1, None, 1);
        let mean = patches.mean_dim([1i64].as_slice(), false, None);
        self.head.run(&Tensor::cat(&[class, mean], 1))
    }
}

impl View {
    fn of(shape: &DinoV2Shape) -> Self {
        let grid = shape.tower.grid();
        Self {
            grid,
            patch_px: shape.tower.patch_px,
            field: shape.field.unwrap_or([0, 0, grid, grid].into()),
        }
    }

    /// `[n, 3, side, side]` → the pixels of the field.
    fn pixels(&self, pictures: &Tensor) -> Tensor {
        let field = self.field;
        let of = |patches: i64| patches * self.patch_px;
        let rows = pictures.narrow(2, of(field.top), of(field.rows));
        rows.narrow(3, of(field.left), of(field.columns))
    }

    /// Positions `[1 + grid², width]` → those of the class token and of the field's patches.
    fn positions(&self, all: &Tensor) -> Tensor {
        let field = self.field;
        let width = all.size()[1];
        let patches = all.narrow(0, 1, self.grid * self.grid);
        let rows = patches.view([self.grid, self.grid, width]);
        let inside = (rows.narrow(0, field.top, field.rows)).narrow(1, field.left, field.columns);
        Tensor::cat(&[all.narrow(0, 0, 1), inside.reshape([-1, width])], 0)
    }

    /// Mask logits `[n, patches, 1]` of the field → maps `[n, grid, grid]`.
    fn placed(&self, mask: &Tensor) -> Tensor {
        let field = self.field;
        let (below, right) = (
            self.grid - field.top - field.rows,
            self.grid - field.left - field.columns,
        );
        let around = [field.left, right, field.top, below];
        mask.view([-1, field.rows, field.columns])
            .pad(around, "constant", NOT_LOOKED_AT)
    }
}

/// What the class token of each picture becomes, `[n, width]`, from tensors without heads.
#[cfg(test)]
pub(in crate::inference) fn class_features(
    root: &mut Scope<'_>,
    shape: &DinoV2Shape,
    pictures: &Tensor,
) -> Tensor {
    let tower = tower(root, shape, Precision::Fp32);
    tower.class_features(&tower.embed(pictures))
}

/// The transformer without the heads.
fn tower(root: &mut Scope<'_>, shape: &DinoV2Shape, precision: Precision) -> VisionTransformer {
    let (width, patch) = (shape.tower.width, shape.tower.patch_px);
    let mut embeddings = root.at("embeddings");
    let learnt = [1, 1 + shape.position_grid.pow(2), width];
    let positions = embeddings.tensor("position_embeddings", &learnt);
    let class = embeddings.tensor("cls_token", &[1, 1, width]);
    let mut projection = embeddings.at("patch_embeddings.projection");
    let weight = projection.tensor("weight", &[width, 3, patch, patch]);
    let bias = projection.tensor("bias", &[width]);
    VisionTransformer {
        patches: PatchProjection::new(&weight, Some(&bias), precision.kind()),
        class: class.view([width]),
        positions: View::of(shape).positions(&resized(
            &positions,
            shape.position_grid,
            shape.tower.grid(),
        )),
        before: None,
        blocks: {
            let mut layers = root.at("encoder.layer");
            // Without a mask head, what patches contribute is followed back through the last block.
            let of_block = |n| match n + 1 == shape.tower.layers && !shape.mask_head {
                true => precision.with_gradients(),
                false => precision.multiplication(),
            };
            let take = |n| block(layers.at(n), width, shape.tower.heads);
            blocks(shape.tower.layers, take, of_block)
        },
        after: norm(root.at("layernorm"), width),
    }
}

fn block(mut scope: Scope<'_>, width: i64, heads: i64) -> Block {
    let mut linear = |name, inputs, outputs| Linear::take(scope.at(name), inputs, outputs);
    let apart = [
        linear("attention.attention.query", width, width),
        linear("attention.attention.key", width, width),
        linear("attention.attention.value", width, width),
    ];
    let out = linear("attention.output.dense", width, width);
    let widen = linear("mlp.fc1", width, 4 * width);
    let narrow = linear("mlp.fc2", 4 * width, width);
    // LayerScale multiplies what attention and perceptron add, channel by channel; their last weights
    // may as well be multiplied, once.
    let mut scale = |name| scope.at(name).tensor("lambda1", &[width]);
    let (after_attention, after_perceptron) = (scale("layer_scale1"), scale("layer_scale2"));
    Block {
        norm1: norm(scope.at("norm1"), width),
        attention: SelfAttention::joining(&apart, out.scaled_by(&after_attention), heads),
        norm2: norm(scope.at("norm2"), width),
        widen: widen.into(),
        ramp: Ramp::Gelu,
        narrow: narrow.scaled_by(&after_perceptron).into(),
    }
}

fn norm(scope: Scope<'_>, width: i64) -> LayerNorm {
    LayerNorm::take(scope, width).with_epsilon(NORM_EPSILON)
}

/// Positions `[1, 1 + learnt², width]` for a grid of `wanted` patches a side, `[1 + wanted², width]`.
fn resized(positions: &Tensor, learnt: i64, wanted: i64) -> Tensor {
    let width = positions.size()[2];
    let class = positions.narrow(1, 0, 1).view([1, width]);
    let grid = positions.narrow(1, 1, learnt * learnt);
    let grid = grid.view([1, learnt, learnt, width]).permute([0, 3, 1, 2]);
    let grid = grid.upsample_bicubic2d([wanted, wanted], false, None, None);
    let grid = grid.permute([0, 2, 3, 1]).reshape([wanted * wanted, width]);
    Tensor::cat(&[class, grid], 0)
}
