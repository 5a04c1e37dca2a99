//! Which model: enough to tell later exactly which weights spoke.

use serde::{Deserialize, Serialize};

use super::ModelRole;

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
}
