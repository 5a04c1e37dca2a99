//! Matrix products in bfloat16 on processors that multiply tiles (AMX).
//!
//! Of weights as PyTorch keeps them libtorch makes, at every call, what oneDNN's kernels for tiles read, and
//! beside products this fast that takes long: eight pictures went through a block of ViT-S/14 at 336 px in 57 to
//! 72 ms, with weights laid out once in 42 to 44 (`benchmarks/README.md`). libtorch has such products for its
//! compiler (`mkldnn::_linear_pointwise`), and [`script`] reaches them. Nothing here has a gradient.

use std::sync::{Arc, OnceLock};

use tch::{CModule, Device, Tensor};

use super::script;

/// What multiplies, one for all products of a network and made for the first of them.
#[derive(Default)]
pub(super) struct TileMultiplier(OnceLock<Option<Arc<CModule>>>);

impl TileMultiplier {
    /// None where libtorch was built without oneDNN.
    fn module(&self) -> Option<Arc<CModule>> {
        let made = || script::module("Tiles", CODE).ok().map(Arc::new);
        self.0.get_or_init(made).clone()
    }
}

/// `y = x·Wᵀ + b` over the last axis, in the kind of its weights.
pub(super) struct TiledProduct {
    multiplier: Arc<CModule>,
    /// `[outputs, inputs]`, in an order that only oneDNN knows.
    weight: Tensor,
    bias: Tensor,
}

impl TiledProduct {
    /// Of weights `[outputs, inputs]` and a bias `[outputs]` of one kind. None where libtorch has no such
    /// products: on a GPU, and built without oneDNN.
    pub(super) fn of(weight: &Tensor, bias: &Tensor, multiplier: &TileMultiplier) -> Option<Self> {
        if weight.device() != Device::Cpu {
            return None;
        }
        let multiplier = multiplier.module()?;
        let laid_out = multiplier.method_ts("laid_out", &[weight.detach()]).ok()?;
        Some(Self {
            multiplier,
            weight: laid_out,
            bias: bias.detach(),
        })
    }

    /// `[…, inputs]` → `[…, outputs]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.bias.kind());
        let product = (self.multiplier).method_ts("product", &[&x, &self.weight, &self.bias]);
        product.expect("weights that were laid out take every tensor of their width")
    }
}

/// What the module does, in TorchScript's own notation.
const CODE: &str = r#"
class Tiles(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def product(self: __torch__.Tiles,
    x: Tensor,
    weight: Tensor,
    bias: Tensor) -> Tensor:
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._linear_pointwise(x, weight, bias, "none", nothing, None)
  def laid_out(self: __torch__.Tiles,
    weight: Tensor) -> Tensor:
    return ops.mkldnn._reorder_linear_weight(weight, None)
"#;

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::super::super::precision::multiplies_tiles;
    use super::*;

    /// 32 bits, which oneDNN multiplies on every processor, and what the tiles are for where there are any.
    fn kinds() -> Vec<Kind> {
        let coarse = multiplies_tiles().then_some(Kind::BFloat16);
        coarse.into_iter().chain([Kind::Float]).collect()
    }

    fn random(shape: &[i64], kind: Kind) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu)).to_kind(kind)
    }

    fn laid_out(weight: &Tensor, bias: &Tensor) -> TiledProduct {
        TiledProduct::of(weight, bias, &TileMultiplier::default()).expect("libtorch has oneDNN")
    }

    #[test]
    fn a_product_with_weights_laid_out_is_the_product() {
        tch::manual_seed(7);
        for kind in kinds() {
            // Sums are about 8 and at most 64, of which bfloat16 keeps eight bits.
            let tolerance = if kind == Kind::Float { 1e-4 } else { 0.25 };
            let (weight, bias) = (random(&[48, 64], kind), random(&[48], kind));
            let product = laid_out(&weight, &bias);
            for shape in [&[1, 64][..], &[2, 37, 64], &[5, 1, 64]] {
                let x = random(shape, kind);
                let (found, wanted) = (product.run(&x), x.linear(&weight, Some(&bias)));
                assert_eq!((found.size(), found.kind()), (wanted.size(), kind));
                let apart = (found - wanted).abs().max().to_kind(Kind::Float);
                let apart = f64::try_from(apart).unwrap();
                assert!(apart < tolerance, "{kind:?} {shape:?}: {apart}");
            }
        }
    }

    #[test]
    fn a_picture_gets_the_same_bits_alone_and_in_company() {
        tch::manual_seed(7);
        for kind in kinds() {
            let product = laid_out(&random(&[96, 64], kind), &random(&[96], kind));
            let pictures = random(&[8, 577, 64], kind);
            let together = product.run(&pictures);
            for picture in 0..8 {
                let alone = product.run(&pictures.narrow(0, picture, 1));
                let among = together.narrow(0, picture, 1);
                assert_eq!(alone, among, "{kind:?} {picture}");
            }
        }
    }
}
