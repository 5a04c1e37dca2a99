//! The layers the networks are made of. Each takes its tensors from a [`Scope`] under PyTorch's
//! names and runs in evaluation mode only.
//!
//! A layer computes in the kind of its weights and casts its input to it; [`Product::computing_by`]
//! and the like turn the weights, once, into those of another precision.

use tch::{Device, Kind, Tensor};

use super::super::precision::{Multiplication, multiplies_tiles};
use super::super::weights::Scope;
use super::eight_bits::{ByteMultiplier, EightBitProduct};
use super::tiles::{TileMultiplier, TiledProduct};

/// PyTorch's default in batch and layer normalisation, and CLIP's.
pub(super) const NORM_EPS: f64 = 1e-5;

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

    /// With each output multiplied by its number in `scale`, `[outputs]`.
    pub(super) fn scaled_by(self, scale: &Tensor) -> Self {
        Self {
            weight: self.weight * scale.unsqueeze(1),
            bias: self.bias * scale,
        }
    }

    /// With every output multiplied by `factor`.
    pub(super) fn with_outputs_times(self, factor: f64) -> Self {
        Self {
            weight: self.weight * factor,
            bias: self.bias * factor,
        }
    }

    /// As if every input were multiplied by `factor`.
    pub(super) fn with_inputs_times(self, factor: f64) -> Self {
        Self {
            weight: self.weight * factor,
            bias: self.bias,
        }
    }

    /// `[…, inputs]` → `[…, outputs]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let x = x.to_kind(self.weight.kind());
        x.linear(&self.weight, Some(&self.bias))
    }
}

/// A [`Linear`] as a trunk computes it.
pub(super) enum Product {
    Floats(Linear),
    Tiles(TiledProduct),
    EightBits(EightBitProduct),
}

/// What multiplies, one of a kind for all products of a network.
#[derive(Default)]
pub(super) struct Multipliers {
    tiles: TileMultiplier,
    bytes: ByteMultiplier,
}

impl Product {
    pub(super) fn computing_by(self, how: Multiplication, multipliers: &Multipliers) -> Self {
        let Self::Floats(Linear { weight, bias }) = self else {
            return self;
        };
        let floats = |kind| {
            let [weight, bias] = [&weight, &bias].map(|tensor| tensor.to_kind(kind));
            Linear { weight, bias }
        };
        match how {
            Multiplication::Floats(kind) => Self::Floats(floats(kind)),
            Multiplication::Tiles => {
                let Linear { weight, bias } = floats(Kind::BFloat16);
                match TiledProduct::of(&weight, &bias, &multipliers.tiles) {
                    Some(tiled) => Self::Tiles(tiled),
                    None => Self::Floats(Linear { weight, bias }),
                }
            }
            Multiplication::Bytes => {
                Self::EightBits(EightBitProduct::of(&weight, &bias, &multipliers.bytes))
            }
        }
    }

    /// `[…, inputs]` → `[…, outputs]`.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        match self {
            Self::Floats(linear) => linear.run(x),
            Self::Tiles(product) => product.run(x),
            Self::EightBits(product) => product.run(x),
        }
    }

    /// Whether what comes in is rounded in a range of its own, so that pictures must come one by one.
    pub(super) fn rounds_its_input(&self) -> bool {
        matches!(self, Self::EightBits(_))
    }
}

impl From<Linear> for Product {
    fn from(linear: Linear) -> Self {
        Self::Floats(linear)
    }
}

/// Normalisation over the last axis, in 32 bits whatever comes in.
pub(super) struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    width: i64,
    epsilon: f64,
}

impl LayerNorm {
    pub(super) fn take(mut scope: Scope<'_>, width: i64) -> Self {
        Self {
            weight: scope.tensor("weight", &[width]),
            bias: scope.tensor("bias", &[width]),
            width,
            epsilon: NORM_EPS,
        }
    }

    /// Adds `epsilon` to the variance instead of PyTorch's default.
    pub(super) fn with_epsilon(self, epsilon: f64) -> Self {
        Self { epsilon, ..self }
    }

    /// `[…, width]` → the same shape.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let (weight, bias) = (Some(&self.weight), Some(&self.bias));
        let x = x.to_kind(Kind::Float);
        x.layer_norm([self.width], weight, bias, self.epsilon, true)
    }
}

/// Self-attention as `torch.nn.MultiheadAttention` computes it.
pub(super) struct SelfAttention {
    /// Queries, keys and values from one product.
    joint: Product,
    out: Product,
    heads: i64,
    /// What scores and sums are computed in.
    kind: Kind,
    /// Whether products of their own take less time on a processor than libtorch's one kernel.
    in_products: bool,
}

impl SelfAttention {
    /// With the tensors of `torch.nn.MultiheadAttention`.
    pub(super) fn take(mut scope: Scope<'_>, width: i64, heads: i64) -> Self {
        Self {
            joint: Product::Floats(Linear {
                weight: scope.tensor("in_proj_weight", &[3 * width, width]),
                bias: scope.tensor("in_proj_bias", &[3 * width]),
            }),
            out: Linear::take(scope.at("out_proj"), width, width).into(),
            heads,
            kind: Kind::Float,
            in_products: false,
        }
    }

    /// Of projections that lie apart: query, key and value, and the one behind.
    pub(super) fn joining(apart: &[Linear; 3], out: Linear, heads: i64) -> Self {
        let joint = |part: fn(&Linear) -> &Tensor| Tensor::cat(&apart.each_ref().map(part), 0);
        Self {
            joint: Product::Floats(Linear {
                weight: joint(|linear| &linear.weight),
                bias: joint(|linear| &linear.bias),
            }),
            out: out.into(),
            heads,
            kind: Kind::Float,
            in_products: false,
        }
    }

    pub(super) fn computing_by(self, how: Multiplication, multipliers: &Multipliers) -> Self {
        let kind = how.attention_kind();
        Self {
            joint: self.joint.computing_by(how, multipliers),
            out: self.out.computing_by(how, multipliers),
            heads: self.heads,
            kind,
            in_products: kind == Kind::BFloat16 && !multiplies_tiles(),
        }
    }

    /// `[batch, tokens, width]` → the same shape.
    pub(super) fn run(&self, x: &Tensor) -> Tensor {
        let (batch, tokens, width) = x.size3().expect("callers pass [batch, tokens, width]");
        // [batch, tokens, (q, k, v), heads, width per head] → three of [batch, heads, tokens, …]
        let joint = self.joint.run(x).to_kind(self.kind);
        let split = joint.view([batch, tokens, 3, self.heads, width / self.heads]);
        let [q, k, v] = [0, 1, 2].map(|part| split.select(2, part).transpose(1, 2));
        let mixed = if self.in_products && x.device() == Device::Cpu {
            mixed_by_products(&q, &k, &v)
        } else {
            mixed_in_one(&q, &k, &v)
        };
        self.out
            .run(&mixed.transpose(1, 2).reshape([batch, tokens, width]))
    }
}

/// softmax(q·kᵀ/√width)·v, for `[batch, heads, tokens, width]` each. libtorch's kernels keep scores and softmax of
/// half-precision values in 32 bits.
fn mixed_in_one(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    Tensor::scaled_dot_product_attention(q, k, v, None::<&Tensor>, 0.0, false, None, false)
}

/// The same as matrix products, picture by picture so that the scores stay in the cache. In bfloat16 on a
/// processor it took two thirds of the time of the one kernel in PyTorch 2.11, with AMX twice its time
/// (`benchmarks/README.md`). The scores are rounded to bfloat16 before their softmax.
fn mixed_by_products(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    let (batch, _, _, width) = q
        .size4()
        .expect("callers pass [batch, heads, tokens, width]");
    let scale = (width as f64).sqrt().recip();
    let pictures: Vec<Tensor> = (0..batch)
        .map(|picture| {
            let [q, k, v] = [q, k, v].map(|part| part.get(picture));
            let scores = (q * scale).bmm(&k.transpose(1, 2));
            scores.softmax(-1, None::<Kind>).bmm(&v)
        })
        .collect();
    Tensor::stack(&pictures, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Queries, keys and values of three pictures.
    fn parts(kind: Kind) -> [Tensor; 3] {
        tch::manual_seed(7);
        [(); 3].map(|()| Tensor::randn([3, 2, 37, 64], (kind, Device::Cpu)))
    }

    fn largest_difference(one: &Tensor, other: &Tensor) -> f64 {
        let apart = one.to_kind(Kind::Float) - other.to_kind(Kind::Float);
        f64::try_from(apart.abs().max()).unwrap()
    }

    #[test]
    fn attention_as_products_is_attention_in_one() {
        let [q, k, v] = parts(Kind::Float);
        let exact = mixed_in_one(&q, &k, &v);
        assert!(largest_difference(&mixed_by_products(&q, &k, &v), &exact) < 1e-5);
        let [q, k, v] = [q, k, v].map(|part| part.to_kind(Kind::BFloat16));
        let rounded = largest_difference(&mixed_by_products(&q, &k, &v), &exact);
        // Of values about as large as 1, of which bfloat16 keeps eight bits.
        assert!(rounded < 0.02, "{rounded}");
    }
}
