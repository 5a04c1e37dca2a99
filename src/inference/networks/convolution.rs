//! Convolutions as trunks compute them: with the normalisation behind each folded in, and where it can be with
//! what follows taken along ([`fused`](super::fused)).

use tch::{Kind, Tensor};

use super::super::weights::Scope;
use super::fused::{FusedConvolution, Geometry, Kernels};
use super::layers::NORM_EPS;

/// Convolution and batch normalisation as one: with frozen statistics the second is an affine map
/// per channel and folds into the first, `W' = W·γ/√(σ²+ε)`, `b' = β − μ·γ/√(σ²+ε)`.
pub(super) struct ConvNorm {
    weight: Tensor,
    bias: Tensor,
    geometry: Geometry,
}

/// Shape of a convolution without bias.
pub(super) struct ConvShape {
    pub(super) inputs: i64,
    pub(super) outputs: i64,
    pub(super) kernel: i64,
    pub(super) stride: i64,
    pub(super) groups: i64,
}

impl ConvNorm {
    /// Takes `<conv>.weight` and the five tensors of `<norm>`.
    pub(super) fn take(scope: &mut Scope<'_>, conv: &str, norm: &str, shape: &ConvShape) -> Self {
        let ConvShape {
            inputs,
            outputs,
            kernel,
            stride,
            groups,
        } = *shape;
        let dims = [outputs, inputs / groups, kernel, kernel];
        let weight = scope.at(conv).tensor("weight", &dims);
        let mut norm = scope.at(norm);
        let mut channel = |name| norm.tensor(name, &[outputs]).to_kind(Kind::Double);
        let (gain, shift) = (channel("weight"), channel("bias"));
        let (mean, variance) = (channel("running_mean"), channel("running_var"));
        norm.counter("num_batches_tracked");
        let factor = gain / (variance + NORM_EPS).sqrt();
        Self {
            weight: laid_out((weight * factor.view([-1, 1, 1, 1])).to_kind(Kind::Float)),
            bias: (shift - mean * factor).to_kind(Kind::Float),
            geometry: Geometry {
                stride,
                padding: kernel / 2,
                groups,
            },
        }
    }

    /// As a trunk computes it, with what follows taken along where that can be.
    pub(super) fn in_kind(self, kind: Kind, kernels: &mut Kernels) -> Convolution {
        let (weight, bias) = (self.weight.to_kind(kind), self.bias.to_kind(kind));
        match FusedConvolution::of(&weight, &bias, self.geometry, kernels) {
            Some(fused) => Convolution::Fused(fused),
            None => Convolution::Plain(Self {
                weight,
                bias,
                ..self
            }),
        }
    }

    /// `[n, inputs, h, w]` → `[n, outputs, h/stride, w/stride]`, laid out as the weights are.
    fn run(&self, x: &Tensor) -> Tensor {
        let Geometry {
            stride,
            padding,
            groups,
        } = self.geometry;
        let (stride, padding) = ([stride; 2], [padding; 2]);
        let x = x.to_kind(self.weight.kind());
        x.conv2d(
            &self.weight,
            Some(&self.bias),
            stride,
            padding,
            [1, 1],
            groups,
        )
    }
}

/// A [`ConvNorm`] as a trunk computes it.
pub(super) enum Convolution {
    Plain(ConvNorm),
    Fused(FusedConvolution),
}

impl Convolution {
    /// `[n, inputs, h, w]` → `[n, outputs, h/stride, w/stride]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Plain(plain) => plain.run(x),
            Self::Fused(fused) => fused.run(x),
        }
    }

    /// The same, cut off below zero.
    pub(super) fn rectified(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Plain(plain) => plain.run(x).relu_(),
            Self::Fused(fused) => fused.rectified(x),
        }
    }

    /// The sum of the result and `shortcut`, which is of its shape and may be written over, cut off below
    /// zero.
    pub(super) fn joined(&self, x: &Tensor, shortcut: Tensor) -> Tensor {
        match self {
            Self::Plain(plain) => (plain.run(x) + shortcut).relu_(),
            Self::Fused(fused) => fused.joined(x, shortcut),
        }
    }
}

/// The same weights with the channels of a cell side by side in memory, on a processor: what comes out is
/// laid out like them, and from one layer to the next nothing has to be rearranged. cuDNN chooses for itself.
fn laid_out(weight: Tensor) -> Tensor {
    if weight.device().is_cuda() {
        return weight;
    }
    let channels_last = weight.permute([0, 2, 3, 1]).contiguous();
    channels_last.permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn a_convolution_gives_the_same_however_its_weights_are_laid_out() {
        tch::manual_seed(7);
        let x = Tensor::randn([2, 8, 9, 9], (Kind::Float, Device::Cpu));
        let weight = Tensor::randn([16, 4, 3, 3], (Kind::Float, Device::Cpu));
        let convolved =
            |weight: &Tensor| x.conv2d(weight, None::<&Tensor>, [2, 2], [1, 1], [1, 1], 2);
        let laid_out = laid_out(weight.shallow_clone());
        assert_eq!(laid_out.size(), weight.size());
        assert_ne!(laid_out.stride(), weight.stride());
        let apart = (convolved(&laid_out) - convolved(&weight)).abs().max();
        assert!(f64::try_from(apart).unwrap() < 1e-5);
    }
}
