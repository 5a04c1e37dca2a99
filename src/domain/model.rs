//! Which model: enough to tell later exactly which weights spoke.

use serde::{Deserialize, Serialize};

/// Which part a model plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelRole {
    /// Finds faces.
    Detector,
    /// Scores a track as a whole.
    Sequence,
    /// Scores each frame alone.
    Frame,
}

/// A loaded model, told apart by the digest of its weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// Name from its manifest.
    pub name: String,
    /// Version from its manifest.
    pub version: String,
    /// Its part.
    pub role: ModelRole,
    /// SHA-256 of its weights file, lower-case hex; checked against the file before it was read.
    /// Of weights in several files, the SHA-256 of their digests, one a line.
    pub sha256: String,
    /// What it was trained on top of; `None` for a model whose weights are all its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foundation: Option<FoundationIdentity>,
}

/// Pre-trained weights of others that a model rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundationIdentity {
    /// Its name, such as `dinov2-vit-s14`.
    pub name: String,
    /// SHA-256 of its file, lower-case hex; checked against the file before it was read.
    pub sha256: String,
    /// Where the file comes from, such as a package and its version.
    pub source: String,
    /// Terms it may be used under.
    pub licence: String,
}
