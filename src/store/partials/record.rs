//! What is kept of a resumable upload beside its bytes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::super::submission::Submission;

/// What a client said when it began an upload, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartialRecord {
    /// Bytes that the whole file has, at least 1.
    pub length_bytes: u64,
    /// The client's name for the file, safe to show.
    pub filename: String,
    /// What the client said of the file, in its own words; it is given back as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// Number of the moving picture stream to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
    /// Whether the verdict must hold after small changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_stability: bool,
    /// What is kept beside the analysis; its owner is the upload's.
    pub submission: Submission,
    /// With whose uploads it is counted.
    pub sender: String,
    /// From when on it may be removed, to the second.
    #[serde(with = "time::serde::timestamp")]
    pub expires_at: OffsetDateTime,
}

impl PartialRecord {
    /// Whether it has come too late for more bytes.
    pub fn is_expired(&self, now: OffsetDateTime) -> bool {
        self.expires_at <= now
    }
}
