//! The layers both networks are made of. Each takes its tensors from a [`Scope`] under PyTorch's
//! names and runs in evaluation mode only.

use tch::Tensor;

use super::super::weights::Scope;

/// PyTorch's default in batch and layer normalisation, and CLIP's.
const NORM_EPS: f64 = 1e-5;

/// `y = x·Wᵀ + b` over the last axis.
pub(super) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(super) fn take(mut scope: Scope<'_>, inputs: i64, outputs: i64) -> Self {
        Self {
            weight: scope.tensor("weight", &[outputs, inputs]),
            bias: scope.tensor("bias", &[outputs]),
        }
    }

    /// `[…, inputs]` → `[…, outputs]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// Normalisation over the last axis.
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    width: i64,
}

impl LayerNorm {
    pub(super) fn take(mut scope: Scope<'_>, width: i64) -> Self {
        Self {
            weight: scope.tensor("weight", &[width]),
            bias: scope.tensor("bias", &[width]),
            width,
        }
    }

    /// `[…, width]` → the same shape.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        x.layer_norm([self.width], weight, bias, NORM_EPS, true)
    }
}

/// Self-attention with `torch.nn.MultiheadAttention`'s tensors.
pub(super) struct SelfAttention {
    joint_weight: Tensor,
    joint_bias: Tensor,
    out: Linear,
    heads: i64,
}

impl SelfAttention {
    pub(super) fn take(mut scope: Scope<'_>, width: i64, heads: i64) -> Self {
        Self {
            joint_weight: scope.tensor("in_proj_weight", &[3 * width, width]),
            joint_bias: scope.tensor("in_proj_bias", &[3 * width]),
            out: Linear::take(scope.at("out_proj"), width, width),
            heads,
        }
    }

    /// `[batch, tokens, width]` → the same shape.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let (batch, tokens, width) = x.size3().expect("callers pass [batch, tokens, width]");
        let joint = x.linear(&self.joint_weight, Some(&self.joint_bias));
        // [batch, tokens, (q, k, v), heads, width per head] → three of [batch, heads, tokens, …]
        let split = joint.view([batch, tokens, 3, self.heads, width / self.heads]);
        let [q, k, v] = [0, 1, 2].map(|part| split.select(2, part).transpose(1, 2));
        let mixed = Tensor::scaled_dot_product_attention(
            &q,
            &k,
            &v,
            None::<&Tensor>,
            0.0,
            false,
            None,
            false,
        );
        self.out
            .run(&mixed.transpose(1, 2).reshape([batch, tokens, width]))
    }
}

/// Convolution and batch normalisation as one: with frozen statistics the second is an affine map
/// per channel and folds into the first, `W' = W·γ/√(σ²+ε)`, `b' = β − μ·γ/√(σ²+ε)`.
pub(super) struct ConvNorm {
    weight: Tensor,
    bias: Tensor,
    stride: i64,
    padding: i64,
    groups: i64,
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
        let mut channel = |name| norm.tensor(name, &[outputs]).to_kind(tch::Kind::Double);
        let (gain, shift) = (channel("weight"), channel("bias"));
        let (mean, variance) = (channel("running_mean"), channel("running_var"));
        norm.counter("num_batches_tracked");
        let factor = gain / (variance + NORM_EPS).sqrt();
        Self {
            weight: (weight * factor.view([-1, 1, 1, 1])).to_kind(tch::Kind::Float),
            bias: (shift - mean * factor).to_kind(tch::Kind::Float),
            stride,
            padding: kernel / 2,
            groups,
        }
    }

    /// `[n, inputs, h, w]` → `[n, outputs, h/stride, w/stride]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let (stride, padding) = ([self.stride; 2], [self.padding; 2]);
        x.conv2d(
            &self.weight,
            Some(&self.bias),
            stride,
            padding,
            [1, 1],
            self.groups,
        )
    }
}
