//! Matrix products in 8-bit integers, on processors.
//!
//! libtorch has them (`quantized::linear_dynamic`, by FBGEMM or oneDNN), but its C interface and so tch
//! do not. TorchScript reaches every operator there is, so that a product is a module of a few lines,
//! kept here as text and put together as `torch.jit.save` would have written it.
//!
//! The weights that make one output share a scale and are rounded once, to whole numbers from −127 to
//! 127. What comes in is rounded at every call, between its smallest and its largest number: to 256
//! steps, and to 128 on a processor whose older instructions would otherwise overflow. Sums are exact.
//! Nothing here has a gradient.

use std::io::{Cursor, Write};

use tch::{CModule, Kind, Tensor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::super::precision::multiplies_bytes;

/// Largest number that a weight is rounded to.
const LARGEST: f64 = 127.0;
/// A scale for outputs whose weights are all zero.
const SMALLEST_SCALE: f64 = 1e-12;

/// `y = x·Wᵀ + b` over the last axis.
pub(super) struct EightBitProduct(CModule);

impl EightBitProduct {
    /// Rounds the weights, `[outputs, inputs]`; the bias, `[outputs]`, stays as it is.
    pub(super) fn of(weight: &Tensor, bias: &Tensor) -> Self {
        let weight = weight.detach().to_kind(Kind::Float).contiguous();
        let scales = weight.abs().amax([1i64].as_slice(), false) / LARGEST;
        let scales = scales.clamp_min(SMALLEST_SCALE).to_kind(Kind::Double);
        let zeros = scales.zeros_like().to_kind(Kind::Int64);
        let module = CModule::load_data(&mut archive().as_slice())
            .expect("the module is ours and the same on every machine");
        // It gives a tensor because every function of TorchScript that tch can call does.
        let _bias = module
            .method_ts("pack", &[&weight, &scales, &zeros, bias])
            .expect("whoever asks for eight bits has asked the processor (Precision::check_on)");
        Self(module)
    }

    /// `[…, inputs]` → `[…, outputs]`, in 32 bits. One range holds for all of `x`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let product = self.0.forward_ts(&[x.to_kind(Kind::Float)]);
        product.expect("a packed product takes every tensor of its width")
    }
}

/// The module, before it has weights.
fn archive() -> Vec<u8> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("data.pkl", state()),
        ("code/__torch__.py", code().into_bytes()),
        ("constants.pkl", NOTHING.to_vec()),
        ("version", b"3\n".to_vec()),
        ("byteorder", b"little".to_vec()),
    ] {
        archive
            .start_file(format!("product/{name}"), stored)
            .and_then(|()| Ok(archive.write_all(&bytes)?))
            .expect("memory takes a few hundred bytes");
    }
    let written = archive.finish().expect("memory takes a few hundred bytes");
    written.into_inner()
}

/// What the module does, in TorchScript's own notation. 12 is `torch.qint8`.
fn code() -> String {
    let half_range = match multiplies_bytes() {
        true => "False",
        false => "True",
    };
    format!(
        "\
class Product(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  packed : Optional[__torch__.torch.classes.quantized.LinearPackedParamsBase]
  def forward(self: __torch__.Product,
    x: Tensor) -> Tensor:
    packed = unchecked_cast(__torch__.torch.classes.quantized.LinearPackedParamsBase, self.packed)
    return ops.quantized.linear_dynamic(x, packed, {half_range})
  def pack(self: __torch__.Product,
    weight: Tensor,
    scales: Tensor,
    zeros: Tensor,
    bias: Tensor) -> Tensor:
    rounded = torch.quantize_per_channel(weight, scales, zeros, 0, 12)
    self.packed = ops.quantized.linear_prepack(rounded, bias)
    return bias
"
    )
}

/// An empty tuple, pickled.
const NOTHING: &[u8] = b"\x80\x02).";

/// A `Product` whose `training` is false and whose `packed` is none, pickled.
fn state() -> Vec<u8> {
    let mut pickle = b"\x80\x02c__torch__\nProduct\n)\x81}(".to_vec();
    for (name, value) in [("training", b'\x89'), ("packed", b'N')] {
        pickle.push(b'X');
        pickle.extend((name.len() as u32).to_le_bytes());
        pickle.extend(name.as_bytes());
        pickle.push(value);
    }
    pickle.extend(b"ub.");
    pickle
}

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
        let rounded = EightBitProduct::of(&weight, &bias).run(&x);
        assert_eq!(rounded.size(), exact.size());
        let off = f64::try_from((rounded - &exact).abs().mean(Kind::Float)).unwrap();
        let size = f64::try_from(exact.abs().mean(Kind::Float)).unwrap();
        assert!(off > 0.0 && off < 0.03 * size, "{off} of {size}");
    }

    #[test]
    fn an_output_without_weights_is_its_bias() {
        let (weight, bias) = (
            Tensor::zeros([3, 8], (Kind::Float, Device::Cpu)),
            random(&[3]),
        );
        let y = EightBitProduct::of(&weight, &bias).run(&random(&[5, 8]));
        assert_eq!(y, bias.expand([5, 3], false));
    }
}
