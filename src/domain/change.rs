//! Small changes of a picture that a verdict should outlast.

use serde::{Deserialize, Serialize};

/// A small change that leaves what a picture shows, as a messenger or a careless hand makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Compressed once more.
    Recompressed,
    /// Made smaller and enlarged again.
    Rescaled,
    /// Cut a little closer.
    Cropped,
}

impl Change {
    /// Stable kebab-case code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Recompressed => "recompressed",
            Self::Rescaled => "rescaled",
            Self::Cropped => "cropped",
        }
    }
}
