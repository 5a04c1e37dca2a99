//! Convolutions that take along what follows them, on processors.
//!
//! Behind a convolution the sum with a shortcut and the cut at zero read and write every number once
//! more. oneDNN does both while a result is still in the registers, with weights laid out beforehand as its
//! kernels read them; libtorch has that for its compiler (`mkldnn::_convolution_pointwise`), and
//! [`script`] reaches it. Nothing here has a gradient.
//!
//! Which layout is best depends on how large the input is, and a wrong one is rearranged at every call:
//! one picture of 180 px takes ResNeXt-50 four times as long with weights that were laid out for thirty, or for
//! inputs of unknown size (`benchmarks/README.md`). So there are two, made when they are first asked for:
//! for a single picture and for many. A few use the weights as they are.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use tch::{CModule, Device, Kind, Tensor};

use super::super::precision::computes_in_bf16;
use super::script;

/// What is the same for every input of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Geometry {
    pub(super) stride: i64,
    pub(super) padding: i64,
    pub(super) groups: i64,
}

/// The modules of a trunk, one for all its convolutions of a geometry: libtorch looks at each for some
/// hundredths of a second before it runs as fast as it will.
#[derive(Default)]
pub(super) struct Kernels(HashMap<Geometry, Arc<CModule>>);

impl Kernels {
    /// None where libtorch was built without oneDNN.
    fn of(&mut self, geometry: Geometry) -> Option<Arc<CModule>> {
        if let Some(module) = self.0.get(&geometry) {
            return Some(Arc::clone(module));
        }
        let module = Arc::new(script::module("Convolution", &code(geometry)).ok()?);
        self.0.insert(geometry, Arc::clone(&module));
        Some(module)
    }
}

/// A convolution with its bias, and what may follow it.
pub(super) struct FusedConvolution {
    module: Arc<CModule>,
    weight: Tensor,
    bias: Tensor,
    for_one: OnceCell<Tensor>,
    for_many: OnceCell<Tensor>,
}

/// Pictures from which on the layout for many is the better one.
const MANY: i64 = 8;

impl FusedConvolution {
    /// Of weights `[outputs, inputs / groups, kernel, kernel]` and a bias `[outputs]`. None where libtorch
    /// has no such kernels: on a GPU, in half precision, in bfloat16 on a processor that only emulates it, and built
    /// without oneDNN.
    pub(super) fn of(
        weight: &Tensor,
        bias: &Tensor,
        geometry: Geometry,
        kernels: &mut Kernels,
    ) -> Option<Self> {
        let kind = weight.kind();
        let is_served = kind == Kind::Float || (kind == Kind::BFloat16 && computes_in_bf16());
        if weight.device() != Device::Cpu || !is_served {
            return None;
        }
        Some(Self {
            module: kernels.of(geometry)?,
            weight: weight.shallow_clone(),
            bias: bias.shallow_clone(),
            for_one: OnceCell::new(),
            for_many: OnceCell::new(),
        })
    }

    /// `[n, inputs, h, w]` → `[n, outputs, h/stride, w/stride]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        self.call("forward", &[&x, self.laid_out_for(&x), &self.bias])
    }

    /// The same, cut off below zero.
    pub(super) fn rectified(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        self.call("rectified", &[&x, self.laid_out_for(&x), &self.bias])
    }

    /// The sum of the result and `shortcut`, which is of its shape, cut off below zero. It is written over
    /// the shortcut: with memory of its own it took two to three times as long.
    pub(super) fn joined(&self, x: &Tensor, shortcut: Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        let weight = self.laid_out_for(&x);
        self.call("joined", &[&x, weight, &self.bias, &shortcut])
    }

    /// The weights for as many pictures as these are.
    fn laid_out_for(&self, x: &Tensor) -> &Tensor {
        let layout = match x.size()[0] {
            1 => &self.for_one,
            MANY.. => &self.for_many,
            _ => return &self.weight,
        };
        layout.get_or_init(|| self.call("laid_out", &[x, &self.weight]))
    }

    fn call(&self, method: &str, tensors: &[&Tensor]) -> Tensor {
        let result = self.module.method_ts(method, tensors);
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
  def forward(self: __torch__.Convolution,
    x: Tensor,
    weight: Tensor,
    bias: Tensor) -> Tensor:
    x0 = torch.contiguous(x, memory_format=2)
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._convolution_pointwise(x0, weight, bias, GEOMETRY, "none", nothing, None)
  def rectified(self: __torch__.Convolution,
    x: Tensor,
    weight: Tensor,
    bias: Tensor) -> Tensor:
    x0 = torch.contiguous(x, memory_format=2)
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._convolution_pointwise(x0, weight, bias, GEOMETRY, "relu", nothing, None)
  def joined(self: __torch__.Convolution,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    shortcut: Tensor) -> Tensor:
    x0 = torch.contiguous(x, memory_format=2)
    shortcut0 = torch.contiguous(shortcut, memory_format=2)
    nothing = annotate(List[Optional[number]], [])
    return ops.mkldnn._convolution_pointwise_(shortcut0, x0, weight, bias, GEOMETRY, "add", None, "relu", nothing, None)
  def laid_out(self: __torch__.Convolution,
    x: Tensor,
    weight: Tensor) -> Tensor:
    return ops.mkldnn._reorder_convolution_weight(weight, GEOMETRY, torch.size(x))
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn random(shape: &[i64]) -> Tensor {
        Tensor::randn(shape, (Kind::Float, Device::Cpu))
    }

    fn plain(x: &Tensor, weight: &Tensor, bias: &Tensor, geometry: Geometry) -> Tensor {
        let Geometry {
            stride,
            padding,
            groups,
        } = geometry;
        let (stride, padding) = ([stride; 2], [padding; 2]);
        x.conv2d(weight, Some(bias), stride, padding, [1, 1], groups)
    }

    /// In 32 bits, and in bfloat16 where that is computed: how far results may lie apart.
    fn kinds() -> Vec<(Kind, f64)> {
        let mut kinds = vec![(Kind::Float, 1e-4)];
        if computes_in_bf16() {
            kinds.push((Kind::BFloat16, 0.02));
        }
        kinds
    }

    #[test]
    fn what_follows_a_convolution_is_the_same_taken_along_for_one_picture_a_few_and_many() {
        let _no_grad = tch::no_grad_guard();
        tch::manual_seed(7);
        for (kind, tolerance) in kinds() {
            let mut kernels = Kernels::default();
            for (kernel, stride, groups) in [(1, 1, 1), (3, 1, 4), (3, 2, 1), (7, 2, 1)] {
                let (weight, bias) = (random(&[16, 8 / groups, kernel, kernel]), random(&[16]));
                let (weight, bias) = (weight.to_kind(kind), bias.to_kind(kind));
                let geometry = Geometry {
                    stride,
                    padding: kernel / 2,
                    groups,
                };
                let fused = FusedConvolution::of(&weight, &bias, geometry, &mut kernels)
                    .expect("libtorch has oneDNN");
                // Both layouts are used again, for other numbers of pictures and for larger ones.
                for (pictures, side) in [
                    (1, 12),
                    (3, 12),
                    (MANY, 12),
                    (MANY + 3, 12),
                    (1, 15),
                    (MANY, 9),
                ] {
                    let x = random(&[pictures, 8, side, side]).to_kind(kind);
                    let apart = furthest_apart(&fused, &x, &plain(&x, &weight, &bias, geometry));
                    assert!(
                        apart < tolerance,
                        "{kind:?} {kernel} {stride} {groups} {pictures}: {apart}"
                    );
                }
            }
        }
    }

    /// How far a convolution and what it takes along lie from `wanted` and the same done behind it, as a
    /// share of the largest number.
    fn furthest_apart(fused: &FusedConvolution, x: &Tensor, wanted: &Tensor) -> f64 {
        let shortcut = random(&wanted.size()).to_kind(wanted.kind());
        let pairs = [
            (fused.run(x), wanted.shallow_clone()),
            (fused.rectified(x), wanted.relu()),
            (
                fused.joined(x, shortcut.copy()),
                (wanted + &shortcut).relu(),
            ),
        ];
        let apart = pairs.map(|(found, wanted)| {
            assert_eq!(found.kind(), wanted.kind());
            let (found, wanted) = (found.to_kind(Kind::Float), wanted.to_kind(Kind::Float));
            let apart = (found - &wanted).abs().max() / wanted.abs().max().clamp_min(1.0);
            f64::try_from(apart).unwrap()
        });
        apart.into_iter().fold(0.0, f64::max)
    }

    #[test]
    fn a_picture_gets_the_same_bits_whatever_the_weights_were_first_laid_out_for() {
        let _no_grad = tch::no_grad_guard();
        tch::manual_seed(7);
        let geometry = Geometry {
            stride: 1,
            padding: 1,
            groups: 4,
        };
        for (kind, _) in kinds() {
            let mut kernels = Kernels::default();
            let (weight, bias) = (random(&[32, 4, 3, 3]), random(&[32]));
            let (weight, bias) = (weight.to_kind(kind), bias.to_kind(kind));
            let x = random(&[30, 16, 14, 14]).to_kind(kind);
            let mut after = |first: i64| {
                let fused = FusedConvolution::of(&weight, &bias, geometry, &mut kernels)
                    .expect("libtorch has oneDNN");
                let _first = fused.run(&x.narrow(0, 0, first));
                fused.rectified(&x)
            };
            let wanted = after(30);
            for first in [1, MANY, 17] {
                assert_eq!(after(first), wanted, "{kind:?}, first for {first}");
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
        assert!(FusedConvolution::of(&weight, &bias, geometry, &mut Kernels::default()).is_none());
    }
}
