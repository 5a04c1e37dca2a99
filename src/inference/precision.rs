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

use tch::{Device, Kind};

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

/// Precision of the frame model, which may differ from that of the other networks: it is the larger
/// one, and where the processor knows bfloat16 it gains most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FramePrecision {
    /// As the other networks.
    #[default]
    Same,
    /// bfloat16 on a processor that computes in it, elsewhere as the other networks. A processor
    /// that only emulates it is several times slower than in 32 bits.
    Auto,
    /// This one.
    Fixed(Precision),
}

/// Text that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no precision is called {0:?}; choose fp32, bf16 or fp16")]
pub struct UnknownPrecision(String);

/// Text that names no precision of the frame model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no precision is called {0:?}; choose same, auto, fp32, bf16 or fp16")]
pub struct UnknownFramePrecision(String);

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

impl FramePrecision {
    /// What it comes to on `device`, where the other networks compute in `others`.
    pub(super) fn on(self, device: Device, others: Precision) -> Precision {
        match self {
            Self::Fixed(precision) => precision,
            Self::Auto if device == Device::Cpu && computes_in_bf16() => Precision::Bf16,
            Self::Auto | Self::Same => others,
        }
    }
}

/// Whether this processor has instructions for products of bfloat16: AVX-512 BF16, which every
/// processor with AMX has too.
fn computes_in_bf16() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has
}

impl FromStr for FramePrecision {
    type Err = UnknownFramePrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "same" => Ok(Self::Same),
            "auto" => Ok(Self::Auto),
            other => match other.parse() {
                Ok(precision) => Ok(Self::Fixed(precision)),
                Err(UnknownPrecision(text)) => Err(UnknownFramePrecision(text)),
            },
        }
    }
}

impl fmt::Display for FramePrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Auto => f.write_str("auto"),
            Self::Fixed(precision) => write!(f, "{precision}"),
        }
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

    #[test]
    fn the_frame_model_computes_as_the_others_unless_it_is_told_otherwise() {
        for text in ["same", "auto", "fp32", "bf16", "fp16"] {
            assert_eq!(text.parse::<FramePrecision>().unwrap().to_string(), text);
        }
        assert!("bf8".parse::<FramePrecision>().is_err());
        let on_cpu = |choice: FramePrecision| choice.on(Device::Cpu, Precision::Fp16);
        assert_eq!(on_cpu(FramePrecision::Same), Precision::Fp16);
        let fixed = FramePrecision::Fixed(Precision::Fp32);
        assert_eq!(on_cpu(fixed), Precision::Fp32);
        let auto = if computes_in_bf16() {
            Precision::Bf16
        } else {
            Precision::Fp16
        };
        assert_eq!(on_cpu(FramePrecision::Auto), auto);
        let on_gpu = FramePrecision::Auto.on(Device::Cuda(0), Precision::Fp32);
        assert_eq!(on_gpu, Precision::Fp32);
    }
}
