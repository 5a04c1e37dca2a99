//! Convolutions that take along what follows them, on processors.
//!
//! Behind a convolution the sum with a shortcut and the cut at zero read and write every number once
//! more, which costs a small network a third of its time. oneDNN does both while a result is still in the
//! registers, with weights laid out beforehand as its kernels read them; libtorch has that for its
//! compiler (`mkldnn::_convolution_pointwise`), and [`script`] reaches it. Nothing here has a gradient.

use tch::{CModule, Device, Kind, Tensor};

use super::script;

/// What is the same for every input of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) stride: i64,
    pub(super) padding: i64,
    pub(super) groups: i64,
}

/// A convolution with its bias, and what may follow it.
pub(super) struct FusedConvolution(CModule);

impl FusedConvolution {
    /// Lays the weights out, `[outputs, inputs / groups, kernel, kernel]`; the bias is `[outputs]`. None
    /// where libtorch has no such kernels: on a GPU, in half precision, and built without oneDNN.
    pub(super) fn of(weight: &Tensor, bias: &Tensor, geometry: Geometry) -> Option<Self> {
        let is_served = weight.device() == Device::Cpu && weight.kind() == Kind::Float;
        if !is_served {
            return None;
        }
        let module = script::module("Convolution", &code(geometry), &["weight", "bias"]).ok()?;
        // It gives a tensor because every function of TorchScript that tch can call does.
        let _bias = module.method_ts("pack", &[weight, bias]).ok()?;
        Some(Self(module))
    }

    /// `[n, inputs, h, w]` → `[n, outputs, h/stride, w/stride]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        self.call("forward", &[&x.to_kind(Kind::Float)])
    }

    /// The same, cut off below zero.
    pub(super) fn rectified(&self, x: &Tensor) -> Tensor {
        self.call("rectified", &[&x.to_kind(Kind::Float)])
    }

    /// The sum of the result and `shortcut`, which is of its shape, cut off below zero. It is written over
    /// the shortcut: with memory of its own it took two to three times as long.
    pub(super) fn joined(&self, x: &Tensor, shortcut: Tensor) -> Tensor {
        self.call("joined", &[&x.to_kind(Kind::Float), &shortcut])
    }

    fn call(&self, method: &str, tensors: &[&Tensor]) -> Tensor {
        let result = self.0.method_ts(method, tensors);
        result.expect("a convolution takes every picture of its channels that is large enough")
    }
}

/// What the module does, in TorchScript's own notation.
fn code(geometry: Geometry) -> String {
    let Geometry {
        stride,
        padding,
        groups,
    } = geometry;
    let numbers = format!("[{padding}, {padding}], [{stride}, {stride}], [1, 1], {groups}");
    CODE.replace("GEOMETRY", &numbers)
}

/// 2 is `torch.channels_last`: results are laid out like what comes in, and from one layer to the next
/// nothing has to be rearranged.
const CODE: &str = r#"
class Convolution(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  weight : Optional[Tensor]
  bias : Optional[Tensor]
  def forward(self: __torch__.Convolution,
    x: Tensor) -> Tensor:
    x0 = torch.contiguous(x, memory_format=2)
    weight = unchecked_cast(Tensor, self.weight)
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._convolution_pointwise(x0, weight, self.bias, GEOMETRY, "none", nothing, None)
  def rectified(self: __torch__.Convolution,
    x: Tensor) -> Tensor:
    x0 = torch.contiguous(x, memory_format=2)
    weight = unchecked_cast(Tensor, self.weight)
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._convolution_pointwise(x0, weight, self.bias, GEOMETRY, "relu", nothing, None)
  def joined(self: __torch__.Convolution,
    x: Tensor,
    shortcut: Tensor) -> Tensor:
    x0 = torch.contiguous(x, memory_format=2)
    shortcut0 = torch.contiguous(shortcut, memory_format=2)
    weight = unchecked_cast(Tensor, self.weight)
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._convolution_pointwise_(shortcut0, x0, weight, self.bias, GEOMETRY, "add", None, "relu", nothing, None)
  def pack(self: __torch__.Convolution,
    weight: Tensor,
    bias: Tensor) -> Tensor:
    self.weight = ops.mkldnn._reorder_convolution_weight(weight, GEOMETRY, None)
    self.bias = bias
    return bias
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn random(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn what_follows_a_convolution_is_the_same_taken_along() {
        let _no_grad = tch::no_grad_guard();
        tch::manual_seed(7);
        for (kernel, stride, groups) in [(1, 1, 1), (3, 1, 4), (3, 2, 1), (7, 2, 1)] {
            let weight = random(&[16, 8 / groups, kernel, kernel]);
            let (bias, x) = (random(&[16]), random(&[3, 8, 12, 12]));
            let geometry = Geometry {
                stride,
                padding: kernel / 2,
                groups,
            };
            let plain = x.conv2d(
                &weight,
                Some(&bias),
                [stride; 2],
                [kernel / 2; 2],
                [1, 1],
                groups,
            );
            let shortcut = random(&plain.size());
            let fused =
                FusedConvolution::of(&weight, &bias, geometry).expect("libtorch has oneDNN");
            for (found, wanted) in [
                (fused.run(&x), plain.shallow_clone()),
                (fused.rectified(&x), plain.relu()),
                (
                    fused.joined(&x, shortcut.copy()),
                    (&plain + &shortcut).relu(),
                ),
            ] {
                let apart = f64::try_from((found - wanted).abs().max()).unwrap();
                assert!(apart < 1e-4, "{kernel} {stride} {groups}: {apart}");
            }
        }
    }

    #[test]
    fn half_precision_has_no_such_kernels() {
        let (weight, bias) = (random(&[4, 4, 3, 3]), random(&[4]));
        let (weight, bias) = (weight.to_kind(Kind::Half), bias.to_kind(Kind::Half));
        let geometry = Geometry {
            stride: 1,
            padding: 1,
            groups: 1,
        };
        assert!(FusedConvolution::of(&weight, &bias, geometry).is_none());
    }
}
