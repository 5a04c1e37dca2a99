//! Names of artifacts, safe by construction.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::reader::KeyId;

/// Longest stem in bytes; far under the 255 a file system allows.
const MAX_STEM_BYTES: usize = 64;
const EXTENSION: &str = ".jpg";
const VIDEO_EXTENSION: &str = ".video";

/// A text that is no artifact name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "an artifact is named by 1 to {MAX_STEM_BYTES} characters of a-z, 0-9 and '-', then \
     `{EXTENSION}` or `{VIDEO_EXTENSION}`"
)]
pub struct ArtifactNameError;

/// File name of one artifact: `frame-000.jpg`, `crop-000-0.jpg`, `upload.video`.
///
/// Matches `[a-z0-9-]{1,64}\.(jpg|video)` and nothing else, so that a name holds no separator, no dot-dot,
/// no second extension and no upper case that some file systems would fold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactName(String);

impl ArtifactName {
    /// Reads a whole file name, extension included.
    ///
    /// # Errors
    /// [`ArtifactNameError`] for anything but the form above.
    pub fn parse(text: &str) -> Result<Self, ArtifactNameError> {
        let stem = text.strip_suffix(EXTENSION);
        let stem = stem.or_else(|| text.strip_suffix(VIDEO_EXTENSION));
        let stem = stem.ok_or(ArtifactNameError)?;
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if (1..=MAX_STEM_BYTES).contains(&stem.len()) && stem.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ArtifactNameError)
        }
    }

    /// Name of the sampled frame at `sample_index`.
    pub fn frame(sample_index: usize) -> Self {
        Self(format!("frame-{sample_index:03}{EXTENSION}"))
    }

    /// Name of the aligned crop of track `track_id` in the frame at `sample_index`.
    pub fn crop(sample_index: usize, track_id: u32) -> Self {
        Self(format!("crop-{sample_index:03}-{track_id}{EXTENSION}"))
    }

    /// Name of the video that the holder of a key, or anybody without one, had kept. Who asks for
    /// another's finds no such name.
    pub fn kept_video(owner: Option<KeyId>) -> Self {
        Self(match owner {
            Some(key) => format!("upload-{}{VIDEO_EXTENSION}", key.get()),
            None => format!("upload{VIDEO_EXTENSION}"),
        })
    }

    /// Whether it names a picture.
    pub fn is_picture(&self) -> bool {
        self.0.ends_with(EXTENSION)
    }

    /// The file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ArtifactName {
    type Error = ArtifactNameError;
    fn try_from(text: String) -> Result<Self, ArtifactNameError> {
        Self::parse(&text)
    }
}

impl From<ArtifactName> for String {
    fn from(name: ArtifactName) -> Self {
        name.0
    }
}

impl FromStr for ArtifactName {
    type Err = ArtifactNameError;
    fn from_str(text: &str) -> Result<Self, ArtifactNameError> {
        Self::parse(text)
    }
}

impl std::fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_names_the_analysis_makes_are_names() {
        for name in [
            ArtifactName::frame(0),
            ArtifactName::frame(usize::MAX),
            ArtifactName::crop(29, u32::MAX),
            ArtifactName::kept_video(None),
            ArtifactName::kept_video(Some(KeyId::new(7))),
        ] {
            assert_eq!(ArtifactName::parse(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn names_that_could_leave_the_folder_or_confuse_it_are_refused() {
        for text in [
            "",
            ".jpg",
            "..jpg",
            "../a.jpg",
            "a/b.jpg",
            "a\\b.jpg",
            "a.b.jpg",
            "A.jpg",
            "a.JPG",
            "a.jpg ",
            "a.jpg\0",
            "a\0.jpg",
            "a.png",
            "é.jpg",
            "%2e%2e.jpg",
            "a.jpg/",
            "~.jpg",
        ] {
            assert_eq!(
                ArtifactName::parse(text),
                Err(ArtifactNameError),
                "{text:?}"
            );
        }
        assert!(ArtifactName::parse(&format!("{}.jpg", "a".repeat(64))).is_ok());
        assert!(ArtifactName::parse(&format!("{}.jpg", "a".repeat(65))).is_err());
    }

    proptest! {
        #[test]
        fn whatever_parses_is_one_plain_path_component(
            text in prop_oneof![any::<String>(), "[a-z0-9./\\\\~%\0-]{0,12}(\\.jpg)?"]
        ) {
            if let Ok(name) = ArtifactName::parse(&text) {
                let parts: Vec<_> = Path::new(name.as_str()).components().collect();
                prop_assert_eq!(parts, vec![Component::Normal(text.as_ref())]);
                prop_assert!(!text.starts_with('.'));
                let joined = Path::new("/root/of/all").join(name.as_str());
                prop_assert_eq!(joined.parent(), Some(Path::new("/root/of/all")));
            }
        }

        #[test]
        fn every_name_of_the_stated_form_parses(text in "[a-z0-9-]{1,64}\\.(jpg|video)") {
            prop_assert!(ArtifactName::parse(&text).is_ok());
        }
    }
}
