//! How far an analysis has come, in words.

use serde::{Deserialize, Serialize};

/// Where an analysis stands, in the order in which it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The file is here and waits for its turn.
    Received,
    /// Somebody has taken it on, and it waits for a process that decodes.
    Waiting,
    /// Its frames are being decoded.
    Decoding,
    /// Faces are being looked for in them.
    Faces,
    /// The networks look at the faces.
    Scoring,
    /// The result is being stored.
    Storing,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 6] = [
        Self::Received,
        Self::Waiting,
        Self::Decoding,
        Self::Faces,
        Self::Scoring,
        Self::Storing,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Waiting => "waiting",
            Self::Decoding => "decoding",
            Self::Faces => "faces",
            Self::Scoring => "scoring",
            Self::Storing => "storing",
        }
    }

    /// The stage of a word; `None` where it is of none.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_reads_back_from_its_word_and_stands_in_its_order() {
        assert!(Stage::ALL.is_sorted());
        for stage in Stage::ALL {
            assert_eq!(Stage::of_word(stage.as_str()), Some(stage));
            let json = serde_json::to_string(&stage).unwrap();
            assert_eq!(json, format!("\"{}\"", stage.as_str()));
        }
        assert_eq!(Stage::of_word("resting"), None);
    }
}
