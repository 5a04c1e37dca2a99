//! What a file is known to be, by whoever collected it.

use serde::{Deserialize, Serialize};

const MANIPULATED: &[&str] = &[
    "fake",
    "deepfake",
    "manipulated",
    "synthetic",
    "generated",
    "ai",
    "forged",
    "tampered",
    "spoof",
];
const GENUINE: &[&str] = &[
    "real",
    "genuine",
    "authentic",
    "original",
    "pristine",
    "live",
    "bonafide",
];

/// The known answer for a file, or what an output of a network speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// As the camera took it.
    Genuine,
    /// A face was changed or made.
    Manipulated,
}

impl Truth {
    /// Reads one of the usual words, in lower case:
    ///
    /// | means | words |
    /// |---|---|
    /// | manipulated | fake, deepfake, manipulated, synthetic, generated, ai, forged, tampered, spoof |
    /// | genuine | real, genuine, authentic, original, pristine, live, bonafide |
    pub fn from_word(word: &str) -> Option<Self> {
        if MANIPULATED.contains(&word) {
            Some(Self::Manipulated)
        } else if GENUINE.contains(&word) {
            Some(Self::Genuine)
        } else {
            None
        }
    }

    /// `genuine` or `manipulated`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Genuine => "genuine",
            Self::Manipulated => "manipulated",
        }
    }
}
