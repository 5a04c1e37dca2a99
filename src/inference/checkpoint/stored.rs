//! Where a tensor lies in its file, checked before anything is read or allocated.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use tch::{Kind, Tensor};

/// Most dimensions of a tensor; a convolution's weight has four.
pub(super) const MOST_DIMENSIONS: usize = 16;

/// What one number is stored as, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inference) enum Element {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Element {
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    pub(in crate::inference) fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    pub(in crate::inference) fn is_integer(self) -> bool {
        matches!(
            self,
            Self::I64 | Self::I32 | Self::I16 | Self::I8 | Self::U8
        )
    }

    fn kind(self) -> Kind {
        match self {
            Self::F64 => Kind::Double,
            Self::F32 => Kind::Float,
            Self::F16 => Kind::Half,
            Self::BF16 => Kind::BFloat16,
            Self::I64 => Kind::Int64,
            Self::I32 => Kind::Int,
            Self::I16 => Kind::Int16,
            Self::I8 => Kind::Int8,
            Self::U8 => Kind::Uint8,
            Self::Bool => Kind::Bool,
        }
    }
}

/// A tensor that can be read at any time: its numbers lie within its storage, its storage within
/// the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::inference) struct StoredTensor {
    element: Element,
    shape: Vec<i64>,
    /// In elements.
    strides: Vec<i64>,
    /// The bytes from its first to its last element.
    bytes: Range<u64>,
}

impl StoredTensor {
    /// A row-major tensor that fills `bytes`.
    pub(super) fn dense(
        element: Element,
        shape: Vec<i64>,
        bytes: Range<u64>,
    ) -> Result<Self, String> {
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            let wider: Option<i64> = shape[axis].max(1).checked_mul(strides[axis]);
            strides[axis - 1] = wider.ok_or("its size overflows")?;
        }
        Self::new(element, bytes, 0, [shape, strides])
    }

    /// A view that begins `offset` elements into the storage `bytes`.
    pub(super) fn new(
        element: Element,
        storage: Range<u64>,
        offset: i64,
        [shape, strides]: [Vec<i64>; 2],
    ) -> Result<Self, String> {
        if shape.len() != strides.len() || shape.len() > MOST_DIMENSIONS {
            return Err(format!(
                "shape {shape:?} does not go with strides {strides:?}"
            ));
        }
        if offset < 0 || shape.iter().chain(&strides).any(|n| *n < 0) {
            return Err(format!(
                "shape {shape:?}, strides {strides:?} and offset {offset} may not be negative"
            ));
        }
        let held = (storage.end - storage.start) / element.bytes();
        let reach = extent(&shape, &strides).and_then(|e| Some((e, e.checked_add(offset as u64)?)));
        let count = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d as u64));
        let (Some((extent, end)), Some(count)) = (reach, count) else {
            return Err(format!("the size of shape {shape:?} overflows"));
        };
        // More numbers than the storage holds would be repetition: a small file with a huge tensor.
        if end > held || count > held {
            return Err(format!(
                "shape {shape:?}, strides {strides:?} and offset {offset} reach past the {held} \
                 elements stored"
            ));
        }
        let start = storage.start + offset as u64 * element.bytes();
        Ok(Self {
            element,
            shape,
            strides,
            bytes: start..start + extent * element.bytes(),
        })
    }

    pub(in crate::inference) fn element(&self) -> Element {
        self.element
    }

    pub(in crate::inference) fn shape(&self) -> &[i64] {
        &self.shape
    }

    /// Reads it, row-major; floats of every width become 32-bit, integers 64-bit.
    pub(super) fn read(&self, file: &File) -> Result<Tensor, String> {
        let kind = if self.element.is_float() {
            Kind::Float
        } else {
            Kind::Int64
        };
        let mut bytes = vec![0; (self.bytes.end - self.bytes.start) as usize];
        file.read_exact_at(&mut bytes, self.bytes.start)
            .map_err(|e| format!("cannot be read: {e}"))?;
        let extent = bytes.len() as i64 / self.element.bytes() as i64;
        let flat = Tensor::f_from_data_size(&bytes, &[extent], self.element.kind());
        drop(bytes);
        let shaped = flat.and_then(|t| match extent {
            0 => t.f_reshape(&self.shape),
            _ => t
                .f_as_strided(&self.shape, &self.strides, None)?
                .f_contiguous(),
        });
        let tensor = shaped.and_then(|t| t.f_to_kind(kind));
        tensor.map_err(|e| format!("cannot be read: {e}"))
    }
}

/// Elements from the first to the last of a view; `None` when that overflows.
fn extent(shape: &[i64], strides: &[i64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    let steps = shape.iter().zip(strides);
    steps.into_iter().try_fold(1u64, |extent, (n, stride)| {
        let step = (*n as u64 - 1).checked_mul(*stride as u64)?;
        extent.checked_add(step)
    })
}
