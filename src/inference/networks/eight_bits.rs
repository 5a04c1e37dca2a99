//! Matrix products in 8-bit integers, on processors.
//!
//! libtorch has them (`quantized::linear_dynamic`, by FBGEMM or oneDNN), and [`script`] reaches them.
//!
//! The weights that make one output share a scale and are rounded once, to whole numbers from −127 to
//! 127. What comes in is rounded at every call, to 256 steps between its smallest and its largest number.
//! Nothing here has a gradient.
//!
//! Sums are exact. Older processors (AVX2 without VNNI) add two neighbouring products in 16 bits, which
//! 255·(127 + 127) would overflow. There the scale is as much larger as keeps the weights of every two
//! neighbours that pull one way at 128 together: of the frame model's, about 102 steps are left of 127. The
//! other ways were worse: 128 steps for what comes in moved its logits twice as far
//! (`models/frame-dino-s/README.md`), and letting sums overflow is right for these weights only.

use std::sync::{Arc, OnceLock};

use tch::{CModule, IValue, Kind, Tensor};

use super::super::precision::sums_bytes_widely;
use super::script;

/// Largest number that a weight is rounded to, and the largest that two neighbours are before they are
/// rounded, by which they may become 128: 255 · 128 is less than 2^15.
const LARGEST: f64 = 127.0;
/// A scale for outputs whose weights are all zero.
const SMALLEST_SCALE: f64 = 1e-12;

/// What multiplies, one for all products of a network and made for the first of them: libtorch looks at each
/// for some hundredths of a second before it runs as fast as it will.
#[derive(Default)]
pub(super) struct ByteMultiplier(OnceLock<Arc<CModule>>);

impl ByteMultiplier {
    fn module(&self) -> Arc<CModule> {
        let made = self.0.get_or_init(|| {
            let module = script::module("Bytes", CODE);
            Arc::new(module.expect("the module is ours and the same on every machine"))
        });
        Arc::clone(made)
    }
}

/// `y = x·Wᵀ + b` over the last axis.
pub(super) struct EightBitProduct {
    multiplier: Arc<CModule>,
    packed: Packed,
}

/// Weights and bias as the processor's kernels read them.
struct Packed(IValue);

// SAFETY: this is the one pointer to numbers that no thread owns, and libtorch counts references to what lies behind it
// atomically; tch says the same of tensors and modules.
unsafe impl Send for Packed {}

impl EightBitProduct {
    /// Rounds the weights, `[outputs, inputs]`; the bias, `[outputs]`, stays as it is.
    pub(super) fn of(weight: &Tensor, bias: &Tensor, multiplier: &ByteMultiplier) -> Self {
        let weight = weight.detach().to_kind(Kind::Float).contiguous();
        let rounded = rounded(&weight, &scales(&weight, sums_bytes_widely()));
        let multiplier = multiplier.module();
        let arguments = [rounded, bias.shallow_clone()].map(IValue::Tensor);
        let packed = (multiplier.method_is("packed", &arguments))
            .expect("whoever asks for eight bits has asked the processor (Precision::check_on)");
        Self {
            multiplier,
            packed: Packed(packed),
        }
    }

    /// `[…, inputs]` → `[…, outputs]`, in 32 bits. One range holds for all of `x`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let x = IValue::Tensor(x.to_kind(Kind::Float));
        let product = self.multiplier.method_is("product", &[&x, &self.packed.0]);
        let product = product.and_then(Tensor::try_from);
        product.expect("packed weights take every tensor of their width")
    }
}

/// What one step of each output's weights is worth, `[outputs]`. Where sums are `wide`, 32 bits, only single
/// weights have to fit.
fn scales(weight: &Tensor, wide: bool) -> Tensor {
    let mut largest = weight.abs().amax([1i64].as_slice(), false);
    if !wide {
        // Of two that pull apart the sum is smaller than the larger.
        let together = pairs(weight).abs_().amax([1i64].as_slice(), false);
        largest = largest.maximum(&together);
    }
    let scales = largest.to_kind(Kind::Double) / LARGEST;
    scales.clamp_min(SMALLEST_SCALE)
}

/// The weights `[outputs, inputs]` in whole steps of their output's scale, `[outputs]`. `quantize_per_channel` gives the same
/// numbers, one after the other.
fn rounded(weight: &Tensor, scales: &Tensor) -> Tensor {
    let steps = weight * scales.to_kind(Kind::Float).reciprocal_().unsqueeze(1);
    let whole = steps
        .round()
        .clamp(-LARGEST - 1.0, LARGEST)
        .to_kind(Kind::Int8);
    let zeros = scales.zeros_like().to_kind(Kind::Int64);
    whole.internal_make_per_channel_quantized_tensor(scales, &zeros, 0)
}

/// `[outputs, inputs]` → the sums of the two weights that are multiplied and added in one go, `[outputs, ⌈inputs / 2⌉]`.
fn pairs(weight: &Tensor) -> Tensor {
    let (_, inputs) = weight.size2().expect("a matrix");
    let even = weight.constant_pad_nd([0, inputs % 2]);
    let every_other = |first: i64| even.slice(1, first, None, 2);
    every_other(0) + every_other(1)
}

/// What the module does, in TorchScript's own notation. Inputs keep all their steps.
const CODE: &str = "\
class Bytes(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def product(self: __torch__.Bytes,
    x: Tensor,
    packed: __torch__.torch.classes.quantized.LinearPackedParamsBase) -> Tensor:
    return ops.quantized.linear_dynamic(x, packed, False)
  def packed(self: __torch__.Bytes,
    rounded: Tensor,
    bias: Tensor) -> __torch__.torch.classes.quantized.LinearPackedParamsBase:
    return ops.quantized.linear_prepack(rounded, bias)
";

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    fn random(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_product_of_rounded_numbers_is_near_the_product() {
        tch::manual_seed(7);
        let (x, weight, bias) = (random(&[2, 37, 64]), random(&[48, 64]), random(&[48]));
        let exact = x.linear(&weight, Some(&bias));
        let rounded = EightBitProduct::of(&weight, &bias, &ByteMultiplier::default()).run(&x);
        assert_eq!(rounded.size(), exact.size());
        let off = f64::try_from((rounded - &exact).abs().mean(Kind::Float)).unwrap();
        let size = f64::try_from(exact.abs().mean(Kind::Float)).unwrap();
        assert!(off > 0.0 && off < 0.03 * size, "{off} of {size}");
    }

    #[test]
    fn weights_are_rounded_as_libtorch_rounds_them() {
        tch::manual_seed(7);
        let weight = random(&[48, 65]) * 0.05;
        let scales = scales(&weight, false);
        let zeros = scales.zeros_like().to_kind(Kind::Int64);
        let theirs = weight.quantize_per_channel(&scales, &zeros, 0, Kind::QInt8);
        assert_eq!(rounded(&weight, &scales).int_repr(), theirs.int_repr());
    }

    #[test]
    fn sums_are_exact_where_every_weight_and_every_input_is_the_largest() {
        // Of whole numbers 0 to 255 the range that inputs are rounded in is 1 a step.
        let x = Tensor::full([1, 64], 255.0, (Kind::Float, Device::Cpu));
        let _zero = x.get(0).get(63).fill_(0.0);
        for largest in [1.0, -1.0] {
            let weight = Tensor::full([4, 64], largest, (Kind::Float, Device::Cpu));
            let bias = Tensor::zeros([4], (Kind::Float, Device::Cpu));
            let found = EightBitProduct::of(&weight, &bias, &ByteMultiplier::default()).run(&x);
            let apart = (found - x.linear(&weight, Some(&bias))).abs().max();
            let apart = f64::try_from(apart).unwrap() / (63.0 * 255.0);
            assert!(apart < 0.01, "{largest}: {apart}");
        }
    }

    #[test]
    fn two_neighbours_that_pull_one_way_share_the_range_where_sums_are_narrow() {
        let weight = Tensor::from_slice(&[0.5f32, -0.75, 0.25, 0.5, 1.0]).view([1, 5]);
        let scale = |wide| f64::try_from(scales(&weight, wide).get(0) * LARGEST).unwrap();
        assert_eq!([scale(true), scale(false)], [1.0, 1.0]);
        let weight = Tensor::from_slice(&[-0.5f32, -0.75, 1.0, -1.0]).view([1, 4]);
        let scale = |wide| f64::try_from(scales(&weight, wide).get(0) * LARGEST).unwrap();
        assert_eq!([scale(true), scale(false)], [1.0, 1.25]);
    }

    #[test]
    fn an_output_without_weights_is_its_bias() {
        let (weight, bias) = (
            Tensor::zeros([3, 8], (Kind::Float, Device::Cpu)),
            random(&[3]),
        );
        let y =
            EightBitProduct::of(&weight, &bias, &ByteMultiplier::default()).run(&random(&[5, 8]));
        assert_eq!(y, bias.expand([5, 3], false));
    }
}
