//! What a weights file holds, told without running anything in it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tch::Tensor;

use super::InferenceError;
use super::checkpoint::{Checkpoint, StoredTensor};
use super::image_model;

/// The format of a weights file, told by its first bytes and never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// Tensors and their names.
    Safetensors,
    /// The zip archive of `torch.save` or of TorchScript.
    PyTorch,
    /// An ONNX graph.
    Onnx,
    /// None of these.
    Unknown,
}

impl FileFormat {
    /// Looks at the first bytes of a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut start = Vec::new();
        File::open(path)?.take(16).read_to_end(&mut start)?;
        Ok(Self::of_start(&start))
    }

    /// Tells it by the first 16 bytes.
    pub(super) fn of_start(start: &[u8]) -> Self {
        match start {
            [b'P', b'K', 3, 4, ..] => Self::PyTorch,
            bytes if bytes.get(8) == Some(&b'{') => Self::Safetensors,
            // Field 1 of ONNX's ModelProto, the version of the format: a small number.
            [0x08, 1..=32, ..] => Self::Onnx,
            _ => Self::Unknown,
        }
    }

    /// What its file names end in.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::PyTorch => "pt",
            Self::Onnx => "onnx",
            Self::Unknown => "bin",
        }
    }
}

impl fmt::Display for FileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::PyTorch => "PyTorch archive",
            Self::Onnx => "ONNX graph",
            Self::Unknown => "unknown format",
        })
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContents {
    /// Its format.
    pub format: FileFormat,
    /// Tensors by name; none for a graph.
    pub tensors: Vec<TensorFacts>,
    /// Inputs, outputs and operators of a graph, a line each.
    pub notes: Vec<String>,
}

/// A tensor without its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorFacts {
    /// Its name, without the wrappers that loading takes off.
    pub name: String,
    /// Its dimensions.
    pub shape: Vec<i64>,
    /// What its numbers are stored as.
    pub element: String,
}

/// The side in pixels of the square pictures that an ONNX graph says it takes; `None` when it
/// leaves it open.
///
/// # Errors
/// [`InferenceError::File`], which names the file and what is wrong with it.
pub fn onnx_side_px(path: &Path) -> Result<Option<u32>, InferenceError> {
    image_model::onnx_side_px(path).map_err(InferenceError::File)
}

/// Looks into a weights file. Nothing in it is executed.
///
/// # Errors
/// [`InferenceError::File`], which names the file and what is wrong with it.
pub fn describe_file(path: &Path) -> Result<FileContents, InferenceError> {
    let unreadable = |error| InferenceError::File(format!("{}: {error}", path.display()));
    let format = FileFormat::of(path).map_err(unreadable)?;
    if format == FileFormat::Onnx {
        let notes = image_model::describe_onnx(path).map_err(InferenceError::File)?;
        return Ok(FileContents {
            format,
            tensors: Vec::new(),
            notes,
        });
    }
    let checkpoint = Checkpoint::open(path).map_err(|e| InferenceError::File(e.to_string()))?;
    let tensors = checkpoint.tensors().iter();
    let tensors = tensors.map(|(name, stored)| TensorFacts {
        name: name.clone(),
        shape: stored.shape().to_vec(),
        element: format!("{:?}", stored.element()),
    });
    Ok(FileContents {
        format,
        tensors: tensors.collect(),
        notes: Vec::new(),
    })
}

/// Writes every tensor of a checkpoint to `destination` as safetensors, floats as 32-bit ones, and
/// gives their number. Names are those that loading uses. Nothing in the file is executed.
///
/// # Errors
/// [`InferenceError::File`], which names the file and what is wrong with it.
pub fn write_safetensors(path: &Path, destination: &Path) -> Result<usize, InferenceError> {
    let checkpoint = Checkpoint::open(path).map_err(|e| InferenceError::File(e.to_string()))?;
    let about = |place: &Path, problem: String| {
        InferenceError::File(format!("{}: {problem}", place.display()))
    };
    let read = |(name, stored): (&String, &StoredTensor)| {
        let tensor = (checkpoint.read(stored)).map_err(|e| about(path, format!("{name}: {e}")))?;
        Ok((name.clone(), tensor))
    };
    let tensors: Vec<(String, Tensor)> =
        (checkpoint.tensors().iter().map(read)).collect::<Result<_, _>>()?;
    if tensors.is_empty() {
        return Err(about(path, "holds no tensors".to_owned()));
    }
    Tensor::write_safetensors(&tensors, destination)
        .map_err(|e| about(destination, e.to_string()))?;
    Ok(tensors.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_first_bytes_whatever_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        for (bytes, expected) in [
            (&b"PK\x03\x04rest"[..], FileFormat::PyTorch),
            (b"\x10\0\0\0\0\0\0\0{\"a\":1}", FileFormat::Safetensors),
            (b"\x08\x08\x12\x07pytorch", FileFormat::Onnx),
            (b"<html>", FileFormat::Unknown),
            (b"", FileFormat::Unknown),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(FileFormat::of(&path).unwrap(), expected, "{bytes:?}");
        }
    }

    fn checkpoint(name: &str) -> std::path::PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
        folder.join(name)
    }

    #[test]
    fn a_converted_checkpoint_holds_the_same_tensors_under_the_names_of_loading() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "data-parallel.pth",
            "half.pth",
            "strided.pth",
            "clip-openai.pt",
        ] {
            let destination = folder.path().join(format!("{name}.safetensors"));
            let count = write_safetensors(&checkpoint(name), &destination).unwrap();
            let source = Checkpoint::open(&checkpoint(name)).unwrap();
            let converted = Checkpoint::open(&destination).unwrap();
            assert_eq!(converted.tensors().len(), count, "{name}");
            for (tensor, stored) in source.tensors() {
                let before = source.read(stored).unwrap();
                let after = converted.read(&converted.tensors()[tensor]).unwrap();
                assert!(before.equal(&after), "{name}: {tensor}");
            }
        }
    }

    #[test]
    fn a_file_that_does_not_open_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join("weights.safetensors");
        for name in ["legacy.pth", "nothing.pth"] {
            let error = write_safetensors(&checkpoint(name), &destination).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
            assert!(!destination.exists());
        }
    }
}
