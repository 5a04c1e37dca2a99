//! CLIP's vision transformer (Radford et al., 2021) in OpenAI's layout, without the projection.

use super::super::Precision;
use super::super::manifest::ViTShape;
use super::super::weights::Scope;
use super::layers::{LayerNorm, Linear, SelfAttention};
use super::vit::{Block, PatchProjection, Ramp, VisionTransformer, blocks};

/// Slope of CLIP's ramp, x·σ(1.702x). As `silu(1.702x) / 1.702` it is one operation instead of three, with
/// both factors in the weights around it.
const SLOPE: f64 = 1.702;

/// Keys `conv1.weight`, `class_embedding` and so on, up to `ln_post`.
pub(super) fn take(
    scope: &mut Scope<'_>,
    shape: &ViTShape,
    precision: Precision,
) -> VisionTransformer {
    let (width, patch) = (shape.width, shape.patch_px);
    let patches = scope
        .at("conv1")
        .tensor("weight", &[width, 3, patch, patch]);
    VisionTransformer {
        patches: PatchProjection::new(&patches, None, precision.kind()),
        class: scope.tensor("class_embedding", &[width]),
        positions: scope.tensor("positional_embedding", &[shape.patches() + 1, width]),
        before: Some(LayerNorm::take(scope.at("ln_pre"), width)),
        blocks: {
            let mut layers = scope.at("transformer.resblocks");
            // What patches contribute is followed back through the last block.
            let of_block = |n| match n + 1 == shape.layers {
                true => precision.with_gradients(),
                false => precision.multiplication(),
            };
            let take = |n| block(layers.at(n), width, shape.heads);
            blocks(shape.layers, take, of_block)
        },
        after: LayerNorm::take(scope.at("ln_post"), width),
    }
}

fn block(mut scope: Scope<'_>, width: i64, heads: i64) -> Block {
    let widen = Linear::take(scope.at("mlp.c_fc"), width, 4 * width);
    let narrow = Linear::take(scope.at("mlp.c_proj"), 4 * width, width);
    Block {
        norm1: LayerNorm::take(scope.at("ln_1"), width),
        attention: SelfAttention::take(scope.at("attn"), width, heads),
        norm2: LayerNorm::take(scope.at("ln_2"), width),
        widen: widen.with_outputs_times(SLOPE).into(),
        ramp: Ramp::Silu,
        narrow: narrow.with_inputs_times(SLOPE.recip()).into(),
    }
}
