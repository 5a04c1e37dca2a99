//! The header of a safetensors file: names, types, shapes and places of its tensors.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::error::{Problem, shortened};
use super::stored::{Element, StoredTensor};

/// Longest header read; that of CLIP ViT-L/14 has under 100 KiB.
const LONGEST_HEADER_BYTES: u64 = 16 << 20;

/// Locates every tensor.
pub(super) fn tensors(file: &File) -> Result<BTreeMap<String, StoredTensor>, Problem> {
    let length = file.metadata()?.len();
    let mut count = [0; 8];
    file.read_exact_at(&mut count, 0)?;
    let count = u64::from_le_bytes(count);
    if count > LONGEST_HEADER_BYTES || count + 8 > length {
        return Err(damaged(format!(
            "its header claims {count} bytes of {length}, at most {LONGEST_HEADER_BYTES} are read"
        )));
    }
    let mut header = vec![0; count as usize];
    file.read_exact_at(&mut header, 8)?;
    // Deserialising checks that the tensors follow each other without gaps or overlaps and that
    // each has the bytes its shape and type take.
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(|e| damaged(format!("its header: {e}")))?;
    let start = 8 + count;
    if start + metadata.data_len() as u64 != length {
        return Err(damaged(format!(
            "its tensors take {} bytes, it has {}",
            metadata.data_len(),
            length - start
        )));
    }
    let mut tensors = BTreeMap::new();
    for (name, info) in metadata.tensors() {
        let problem = |problem| Problem::Tensor {
            name: name.clone(),
            problem,
        };
        let element = element(info.dtype)
            .ok_or_else(|| problem(format!("has type {:?}, which is not read", info.dtype)))?;
        let shape: Vec<i64> = info.shape.iter().map(|n| *n as i64).collect();
        let (from, to) = info.data_offsets;
        let bytes = start + from as u64..start + to as u64;
        let stored = StoredTensor::dense(element, shape, bytes).map_err(problem)?;
        tensors.insert(name, stored);
    }
    Ok(tensors)
}

fn element(dtype: Dtype) -> Option<Element> {
    let known = [
        (Dtype::F64, Element::F64),
        (Dtype::F32, Element::F32),
        (Dtype::F16, Element::F16),
        (Dtype::BF16, Element::BF16),
        (Dtype::I64, Element::I64),
        (Dtype::I32, Element::I32),
        (Dtype::I16, Element::I16),
        (Dtype::I8, Element::I8),
        (Dtype::U8, Element::U8),
        (Dtype::BOOL, Element::Bool),
    ];
    let found = known.into_iter().find(|(d, _)| *d == dtype);
    found.map(|(_, element)| element)
}

fn damaged(problem: impl AsRef<str>) -> Problem {
    Problem::Safetensors(shortened(problem.as_ref()))
}
