//! What is kept of an analysis beside the analysis itself: who sent it, with what, and the number
//! the database gave it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::domain::{Analysis, AnalysisId, Probability};

use super::artifact_name::ArtifactName;
use super::pictures::Pictures;
use super::reader::KeyId;

/// A text that names no batch.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a batch is named `batch_` and 32 hexadecimal digits")]
pub struct BatchIdError;

/// Name of a batch: `batch_` and the 32 digits of a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BatchId(Uuid);

const BATCH_PREFIX: &str = "batch_";

impl BatchId {
    /// Wraps a UUID the caller made.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl FromStr for BatchId {
    type Err = BatchIdError;
    fn from_str(text: &str) -> Result<Self, BatchIdError> {
        let digits = text.strip_prefix(BATCH_PREFIX).ok_or(BatchIdError)?;
        let uuid = Uuid::try_parse(digits).map_err(|_| BatchIdError)?;
        Some(Self(uuid))
            .filter(|id| id.to_string() == text)
            .ok_or(BatchIdError)
    }
}

impl TryFrom<String> for BatchId {
    type Error = BatchIdError;
    fn try_from(text: String) -> Result<Self, BatchIdError> {
        text.parse()
    }
}

impl From<BatchId> for String {
    fn from(id: BatchId) -> Self {
        id.to_string()
    }
}

impl std::fmt::Display for BatchId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{BATCH_PREFIX}{}", self.0.simple())
    }
}

/// How an analysis was asked for. The default is what the command line and an open service leave:
/// nobody's, and nothing said.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Submission {
    /// The key it was sent with; `None` where no key was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<KeyId>,
    /// The batch it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// P(fake) from which the client calls it fake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<Probability>,
    /// The model the client asked for, in its own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// The artifact that shows the input with the result drawn on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_image: Option<ArtifactName>,
    /// There are no pictures, because nothing was there to take them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pictures_lost: bool,
}

/// A stored analysis.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Given by the database: 1, 2, 3 … in the order of storing.
    pub number: u64,
    /// The analysis.
    pub analysis: Analysis,
    /// How it was asked for.
    pub submission: Submission,
    /// What became of its pictures, as far as it was known when it was stored.
    pub pictures: Pictures,
}

/// Several files sent at once, as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Given by the database; 0 before it is stored.
    pub number: u64,
    /// Its name, which its analyses carry.
    pub id: BatchId,
    /// The key it was sent with.
    pub owner: Option<KeyId>,
    /// Files that were sent.
    pub total: u32,
    /// Those that were analysed.
    pub successful: u32,
    /// Those that could not be.
    pub failed: u32,
}

impl Stored {
    /// Name of the analysis.
    pub fn id(&self) -> AnalysisId {
        self.analysis.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_id_reads_back_and_refuses_other_spellings() {
        let id = BatchId::new(Uuid::from_u128(0xabc));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "batch_",
            "batch_7",
            "00000000000000000000000000000abc",
            "batch_00000000000000000000000000000ABC",
            "batch_00000000-0000-0000-0000-000000000abc",
        ] {
            assert_eq!(text.parse::<BatchId>(), Err(BatchIdError), "{text:?}");
        }
    }

    #[test]
    fn an_older_submission_without_a_field_reads_as_nothing_said() {
        assert_eq!(
            serde_json::from_str::<Submission>("{}").unwrap(),
            Submission::default()
        );
    }
}
