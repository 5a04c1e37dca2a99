//! Why a weights file is refused.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A weights file that cannot be used.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub(in crate::inference) struct CheckpointError {
    /// The file.
    path: PathBuf,
    /// What is wrong with it.
    #[source]
    problem: Problem,
}

impl CheckpointError {
    pub(super) fn new(path: &Path, problem: impl Into<Problem>) -> Self {
        Self {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }
}

/// What is wrong with a file; reads on after its name.
#[derive(Debug, Error)]
pub(super) enum Problem {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("SHA-256 is {actual}, the manifest says {expected}; fetch the file again")]
    Digest { actual: String, expected: String },
    #[error(
        "is {what}, not weights; expected a safetensors file, a file of torch.save or a \
         TorchScript archive"
    )]
    NotWeights { what: &'static str },
    #[error(
        "was saved by PyTorch before 1.6 or as a plain pickle, which is not read; save it again \
         with a newer PyTorch: torch.save(torch.load(FILE, map_location=\"cpu\", \
         weights_only=True), FILE)"
    )]
    OldPickle,
    #[error("was written on a big-endian machine; save it again on a little-endian one")]
    BigEndian,
    #[error("is no whole safetensors file: {0}")]
    Safetensors(String),
    #[error("is no whole archive of PyTorch: {0}")]
    Archive(String),
    #[error(
        "names {}.{}, which weights have no use for; refused, and nothing of it was run. If the \
         file comes from a source you trust, save only its weights: torch.save(model.state_dict(), \
         FILE)",
        shortened(module),
        shortened(name)
    )]
    ForbiddenGlobal { module: String, name: String },
    #[error("damaged or hostile pickle in {record}, opcode at byte {at}: {problem}")]
    Pickle {
        record: String,
        at: usize,
        problem: String,
    },
    #[error("{0}")]
    Contents(String),
    #[error("{}: {problem}", shortened(name))]
    Tensor { name: String, problem: String },
}

/// `text` printable and of a length a message can hold.
pub(super) fn shortened(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}
