//! The three answers as a word.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::VerdictLabel;

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::http) enum VerdictWord {
    /// Signs of manipulation.
    Fake,
    /// No signs of manipulation.
    Real,
    /// Not enough to say either.
    Inconclusive,
}

impl From<VerdictWord> for VerdictLabel {
    fn from(word: VerdictWord) -> Self {
        match word {
            VerdictWord::Fake => Self::Fake,
            VerdictWord::Real => Self::Real,
            VerdictWord::Inconclusive => Self::Inconclusive,
        }
    }
}

impl From<VerdictLabel> for VerdictWord {
    fn from(label: VerdictLabel) -> Self {
        match label {
            VerdictLabel::Fake => Self::Fake,
            VerdictLabel::Real => Self::Real,
            VerdictLabel::Inconclusive => Self::Inconclusive,
        }
    }
}
