//! How finely the networks compute.
//!
//! The trunks (ResNeXt, ResNet, vision transformer) do nearly all the work, so they alone run in
//! the chosen precision: their weights are stored in it and their convolutions and matrix products
//! compute in it. What decides stays in 32 bits: layer normalisation, the residual stream of the
//! transformer, pooling, the part over time and every head with its softmax. Logits are always
//! 32-bit.
//!
//! In 8-bit integers only the matrix products of transformers are computed, which are most of them;
//! what lies between them and all convolutions stay as they are in 32 bits.
//!
//! On the parity fixtures no raw logit moves by more than 5 % (`bf16`), 0.5 % (`fp16`) or 10 % (`int8`) of the
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
    /// The matrix products of transformers in 8-bit integers, on a processor. A quarter of their memory.
    Int8,
}

/// Precision of the networks but the frame model, as it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrecisionChoice {
    /// bfloat16 on a processor that computes in it, else 32 bits.
    #[default]
    Auto,
    /// This one.
    Fixed(Precision),
}

/// Precision of the frame model, which may differ from that of the other networks: it is the larger
/// one, and where the processor knows bfloat16 it gains most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FramePrecision {
    /// As the other networks.
    #[default]
    Same,
    /// bfloat16 on a processor that computes in it; else 8-bit integers on one that has kernels for them;
    /// elsewhere as the other networks. A processor that only emulates bfloat16 is several times slower
    /// than in 32 bits.
    Auto,
    /// This one.
    Fixed(Precision),
}

/// Text that names no precision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no precision is called {0:?}; choose fp32, bf16, fp16 or int8")]
pub struct UnknownPrecision(String);

/// Text that names no precision and no way to choose one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no precision is called {0:?}; choose auto, fp32, bf16, fp16 or int8")]
pub struct UnknownPrecisionChoice(String);

/// Text that names no precision of the frame model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no precision is called {0:?}; choose same, auto, fp32, bf16, fp16 or int8")]
pub struct UnknownFramePrecision(String);

impl Precision {
    /// What floats are stored and computed in.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Fp32 | Self::Int8 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::Fp16 => Kind::Half,
        }
    }

    /// How a block of a transformer multiplies.
    pub(super) fn multiplication(self) -> Multiplication {
        match self {
            Self::Int8 => Multiplication::Bytes,
            Self::Bf16 if multiplies_tiles() => Multiplication::Tiles,
            Self::Fp32 | Self::Bf16 | Self::Fp16 => self.with_gradients(),
        }
    }

    /// How a block multiplies that gradients go through.
    pub(super) fn with_gradients(self) -> Multiplication {
        Multiplication::Floats(self.kind())
    }

    /// Refuses 8-bit integers where nothing multiplies them.
    ///
    /// # Errors
    /// A sentence that says where that is.
    pub(super) fn check_on(self, device: Device) -> Result<(), String> {
        match (self, device) {
            (Self::Int8, Device::Cpu) if !has_byte_kernels() => {
                Err("int8 needs a processor of x86-64 with AVX2; choose fp32".into())
            }
            (Self::Int8, Device::Cuda(_)) => {
                Err("int8 is for processors; choose bf16 or fp16 on a GPU".into())
            }
            _ => Ok(()),
        }
    }
}

/// How a block of a transformer computes its matrix products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Multiplication {
    /// By libtorch's products of floats, the only ones that gradients go through.
    Floats(Kind),
    /// In bfloat16, with weights laid out for the processor's tiles.
    Tiles,
    /// In 8-bit integers.
    Bytes,
}

impl Multiplication {
    /// What the scores and sums of attention are computed in.
    pub(super) fn attention_kind(self) -> Kind {
        match self {
            Self::Floats(kind) => kind,
            Self::Tiles => Kind::BFloat16,
            Self::Bytes if computes_in_bf16() => Kind::BFloat16,
            Self::Bytes => Kind::Float,
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
            "int8" => Ok(Self::Int8),
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
            Self::Int8 => "int8",
        })
    }
}

impl PrecisionChoice {
    /// What it comes to on `device`.
    pub(super) fn on(self, device: Device) -> Precision {
        match self {
            Self::Fixed(precision) => precision,
            Self::Auto if device == Device::Cpu && computes_in_bf16() => Precision::Bf16,
            Self::Auto => Precision::Fp32,
        }
    }
}

impl FramePrecision {
    /// What it comes to on `device`, where the other networks compute in `others`.
    pub(super) fn on(self, device: Device, others: Precision) -> Precision {
        match self {
            Self::Fixed(precision) => precision,
            Self::Auto if device == Device::Cpu && computes_in_bf16() => Precision::Bf16,
            Self::Auto if device == Device::Cpu && has_byte_kernels() => Precision::Int8,
            Self::Auto | Self::Same => others,
        }
    }
}

/// Whether this processor has one of these instruction sets of x86-64.
macro_rules! processor_has {
    ($($set:tt)|+) => {{
        #[cfg(target_arch = "x86_64")]
        let has = $(std::arch::is_x86_feature_detected!($set))||+;
        #[cfg(not(target_arch = "x86_64"))]
        let has = false;
        has
    }};
}

/// Whether this processor has instructions for products of bfloat16: AVX-512 BF16, which every
/// processor with AMX has too.
pub(super) fn computes_in_bf16() -> bool {
    processor_has!("avx512bf16")
}

/// Whether this processor multiplies tiles of bfloat16 (AMX), for which libtorch's kernels are made differently.
pub(super) fn multiplies_tiles() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = raw_cpuid::CpuId::new()
        .get_extended_feature_info()
        .is_some_and(|features| features.has_amx_bf16());
    #[cfg(not(target_arch = "x86_64"))]
    let has = false;
    has
}

/// Whether this processor has instructions for products of bytes that are summed in 32 bits: the VNNI of
/// AVX-512 or of AVX. Without, two are added in 16 bits.
pub(super) fn sums_bytes_widely() -> bool {
    processor_has!("avx512vnni" | "avxvnni")
}

/// Whether libtorch's kernels for bytes run at all.
fn has_byte_kernels() -> bool {
    processor_has!("avx2")
}

impl FromStr for PrecisionChoice {
    type Err = UnknownPrecisionChoice;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(precision)) => Ok(Self::Fixed(precision)),
            (_, Err(UnknownPrecision(text))) => Err(UnknownPrecisionChoice(text)),
        }
    }
}

impl fmt::Display for PrecisionChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(precision) => write!(f, "{precision}"),
        }
    }
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
        for text in ["fp32", "bf16", "fp16", "int8"] {
            assert_eq!(text.parse::<Precision>().unwrap().to_string(), text);
        }
        let error = "fp8".parse::<Precision>().unwrap_err().to_string();
        assert!(error.contains("fp8") && error.contains("bf16"), "{error}");
    }

    #[test]
    fn networks_compute_in_bfloat16_by_themselves_only_where_the_processor_does() {
        for text in ["auto", "fp32", "bf16", "fp16", "int8"] {
            assert_eq!(text.parse::<PrecisionChoice>().unwrap().to_string(), text);
        }
        let error = "same".parse::<PrecisionChoice>().unwrap_err().to_string();
        assert!(error.contains("same") && error.contains("auto"), "{error}");
        let on_cpu = PrecisionChoice::default().on(Device::Cpu);
        assert_eq!(on_cpu == Precision::Bf16, computes_in_bf16(), "{on_cpu}");
        let on_gpu = PrecisionChoice::Auto.on(Device::Cuda(0));
        assert_eq!(on_gpu, Precision::Fp32);
        let fixed = PrecisionChoice::Fixed(Precision::Fp16);
        assert_eq!(fixed.on(Device::Cpu), Precision::Fp16);
    }

    #[test]
    fn the_frame_model_computes_as_the_others_unless_it_is_told_otherwise() {
        for text in ["same", "auto", "fp32", "bf16", "fp16", "int8"] {
            assert_eq!(text.parse::<FramePrecision>().unwrap().to_string(), text);
        }
        assert!("bf8".parse::<FramePrecision>().is_err());
        let on_cpu = |choice: FramePrecision| choice.on(Device::Cpu, Precision::Fp16);
        assert_eq!(on_cpu(FramePrecision::Same), Precision::Fp16);
        let fixed = FramePrecision::Fixed(Precision::Fp32);
        assert_eq!(on_cpu(fixed), Precision::Fp32);
        let auto = match (computes_in_bf16(), has_byte_kernels()) {
            (true, _) => Precision::Bf16,
            (false, true) => Precision::Int8,
            (false, false) => Precision::Fp16,
        };
        assert_eq!(on_cpu(FramePrecision::Auto), auto);
        let on_gpu = FramePrecision::Auto.on(Device::Cuda(0), Precision::Fp32);
        assert_eq!(on_gpu, Precision::Fp32);
    }

    #[test]
    fn eight_bits_are_refused_where_nothing_multiplies_them() {
        assert_eq!(Precision::Bf16.check_on(Device::Cuda(0)), Ok(()));
        let refusal = Precision::Int8.check_on(Device::Cuda(0)).unwrap_err();
        assert!(
            refusal.contains("int8") && refusal.contains("bf16"),
            "{refusal}"
        );
        let on_cpu = Precision::Int8.check_on(Device::Cpu);
        assert_eq!(on_cpu.is_ok(), has_byte_kernels(), "{on_cpu:?}");
    }
}
