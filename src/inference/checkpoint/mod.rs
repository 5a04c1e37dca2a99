//! Weights files of the field, read without running anything in them.
//!
//! 1. [`Checkpoint::open`] tells the format by the first bytes, never by the name: safetensors, the
//!    zip archive of `torch.save` (since 1.6), or a TorchScript archive such as OpenAI's
//!    `ViT-L-14.pt`, of which only the tensors are read.
//! 2. It locates every tensor: name, type, shape, place. Wrappers that training programs put
//!    around a state dict are taken off ([`contents`]), as is a prefix that *every* name has
//!    because of how the model was wrapped (`module.`, `_orig_mod.`).
//! 3. [`Checkpoint::read`] reads one tensor, by position from the file that was opened (and, with
//!    [`Checkpoint::open_verified`], whose digest was compared first). Never more than one tensor's
//!    bytes are held besides the tensors themselves, and what nobody asks for is not read.

mod archive;
mod contents;
mod dinov2_names;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
#[cfg(test)]
mod hostile_tests;
mod naming;
mod pickle;
#[cfg(test)]
mod planted;
mod recipe;
mod safetensors;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tch::Tensor;

use archive::Archive;
use error::Problem;

pub(super) use error::CheckpointError;
pub(super) use naming::Naming;
pub(super) use recipe::Recipe;
pub(super) use stored::{Element, StoredTensor};

/// Prefixes that wrappers of a model give to every tensor: `DataParallel`, `torch.compile`.
const WRAPPED_MODEL: [&str; 2] = ["module.", "_orig_mod."];

/// An open weights file and where its tensors lie.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    file: File,
    tensors: BTreeMap<String, StoredTensor>,
}

impl Checkpoint {
    /// Opens a file after its digest was found to be `sha256`, in lower-case hex.
    ///
    /// # Errors
    /// As [`Self::open`], and when the digest differs; then nothing was parsed.
    pub(super) fn open_verified(path: &Path, sha256: &str) -> Result<Self, CheckpointError> {
        let file = verified(path, sha256)?;
        Self::of_file(path, file)
    }

    /// Opens a file of unknown digest.
    ///
    /// # Errors
    /// [`CheckpointError`], which names the file and what is wrong with it.
    pub(super) fn open(path: &Path) -> Result<Self, CheckpointError> {
        let file = File::open(path).map_err(|e| CheckpointError::new(path, e))?;
        Self::of_file(path, file)
    }

    /// Whether the PyTorch archive at `path` holds code beside its tensors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn is_script(path: &Path) -> Result<bool, CheckpointError> {
        let file = File::open(path).map_err(|e| CheckpointError::new(path, e))?;
        let archive =
            Archive::open(&file).map_err(|problem| CheckpointError::new(path, problem))?;
        Ok(archive.holds_code())
    }

    /// Looks into `file`, which was opened at `path`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn of_file(path: &Path, file: File) -> Result<Self, CheckpointError> {
        let tensors = locate(&file).and_then(printable);
        let tensors = tensors.map_err(|problem| CheckpointError::new(path, problem))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            tensors: without_wrapper(tensors),
        })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Every tensor, by name.
    pub(super) fn tensors(&self) -> &BTreeMap<String, StoredTensor> {
        &self.tensors
    }

    /// Reads a tensor of this file: floats of every width as 32-bit, integers as 64-bit.
    ///
    /// # Errors
    /// A sentence without the tensor's name, when the file was shortened since it was opened.
    pub(super) fn read(&self, stored: &StoredTensor) -> Result<Tensor, String> {
        stored.read(&self.file)
    }
}

/// Opens a file whose digest is `sha256`, in lower-case hex; read from its beginning.
///
/// # Errors
/// When it cannot be read or has another digest.
pub(super) fn verified(path: &Path, sha256: &str) -> Result<File, CheckpointError> {
    let wrong = |problem: Problem| CheckpointError::new(path, problem);
    let mut file = File::open(path).map_err(|e| wrong(e.into()))?;
    let actual = digest(&mut file).map_err(|e| wrong(e.into()))?;
    if actual == sha256 {
        return Ok(file);
    }
    Err(wrong(Problem::Digest {
        actual,
        expected: sha256.to_owned(),
    }))
}

/// SHA-256 of the whole file, which is then at its beginning again.
fn digest(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hasher.update(&piece[..count]);
    }
    file.rewind()?;
    Ok(hex::encode(hasher.finalize()))
}

fn locate(file: &File) -> Result<contents::Found, Problem> {
    let mut start = [0; 512];
    let length = file.read_at(&mut start, 0)?;
    let start = &start[..length];
    if start.starts_with(b"PK") {
        let archive = Archive::open(file)?;
        let bytes = archive.pickle(file, pickle::LONGEST_BYTES)?;
        let (graph, root) = pickle::read(&bytes, "data.pkl", archive.dialect())?;
        return contents::tensors(&graph, root, &archive);
    }
    if start.get(8) == Some(&b'{') {
        return safetensors::tensors(file);
    }
    Err(foreign(start))
}

/// Names end up in messages and on terminals; no network has such names.
fn printable(tensors: contents::Found) -> Result<contents::Found, Problem> {
    let odd = tensors
        .keys()
        .find(|name| name.len() > contents::LONGEST_NAME_BYTES || name.contains(char::is_control));
    match odd {
        None => Ok(tensors),
        Some(name) => Err(Problem::Tensor {
            name: name.clone(),
            problem: "is too long for a name or not printable".into(),
        }),
    }
}

/// What a file of another format is, as far as its first bytes tell.
fn foreign(start: &[u8]) -> Problem {
    let text = start.trim_ascii_start();
    let what = match start {
        [0x80, 2..=5, ..] => return Problem::OldPickle,
        _ if start.get(257..262) == Some(b"ustar") => return Problem::OldPickle,
        [] => "empty",
        [0x89, b'H', b'D', b'F', ..] => "an HDF5 file",
        [0x1f, 0x8b, ..] => "compressed by gzip",
        _ if start.starts_with(b"version https://git-lfs") => {
            "a Git LFS pointer (fetch the file it stands for)"
        }
        _ if text.starts_with(b"<") => "a web page (the download went wrong)",
        _ => "of an unknown format",
    };
    Problem::NotWeights { what }
}

fn without_wrapper(mut tensors: contents::Found) -> contents::Found {
    while let Some(prefix) = WRAPPED_MODEL
        .iter()
        .find(|prefix| tensors.keys().all(|name| name.starts_with(*prefix)))
        .filter(|_| !tensors.is_empty())
    {
        let stripped = tensors.into_iter();
        tensors = stripped
            .map(|(name, stored)| (name[prefix.len()..].to_owned(), stored))
            .collect();
    }
    tensors
}
