//! How finely the networks compute.
//!
//! The trunks (ResNeXt, ResNet, vision transformer) do nearly all the work, so they alone run in
//! the chosen precision: their weights are stored in it and their convolutions and matrix products
//! compute in it. What decides stays in 32 bits: layer normalisation, the residual stream of the
//! transformer, pooling, the part over time and every head with its softmax. Logits are always
//! 32-bit.
//!
//! On the parity fixtures no raw logit moves by more than 5 % (`bf16`) or 0.5 % (`fp16`) of the
//! network's largest logit, or that part of 1 if it is smaller; the test in `parity` holds every
//! architecture to that.

use std::fmt;
use std::str::FromStr;

use tch::Kind;

/// Precision of the networks' trunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32-bit floats, as the networks were trained.
    #[default]
    Fp32,
    /// bfloat16: the range of 32-bit floats with 8 bits of mantissa. Half the memory.
    Bf16,
    /// IEEE half precision, 11 bits of mantissa. Half the memory.
    Fp16,
}

/// Text that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no precision is called {0:?}; choose fp32, bf16 or fp16")]
pub struct UnknownPrecision(String);

impl Precision {
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        }
    }
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fp32" => Ok(Self::Fp32),
            "bf16" => Ok(Self::Bf16),
            "fp16" => Ok(Self::Fp16),
            other => Err(UnknownPrecision(other.to_owned())),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precisions_are_named_as_they_are_shown_and_others_are_refused() {
        for text in ["fp32", "bf16", "fp16"] {
            assert_eq!(text.parse::<Precision>().unwrap().to_string(), text);
        }
        let error = "fp8".parse::<Precision>().unwrap_err().to_string();
        assert!(error.contains("fp8") && error.contains("bf16"), "{error}");
    }
}
