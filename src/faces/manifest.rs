//! `manifest.toml` of a detector: what it is, which file holds it, how its maps are read.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::FacesError;

/// The schema this program reads.
const SCHEMA: u32 = 1;
/// Frames are padded to a multiple of this, so that every stride divides them.
pub(super) const SIZE_MULTIPLE_PX: u32 = 32;
/// Longest input side a manifest may ask for; a forward pass there takes seconds.
const LONGEST_INPUT_PX: u32 = 4096;

/// A valid manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    schema: u32,
    pub(super) name: String,
    pub(super) version: String,
    #[serde(rename = "kind")]
    _kind: Kind,
    #[serde(rename = "licence")]
    _licence: String,
    #[serde(rename = "card")]
    _card: String,
    pub(super) weights: Weights,
    pub(super) architecture: Architecture,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Detector,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Weights {
    file: String,
    pub(super) sha256: String,
}

/// How frames go in and maps come out.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Architecture {
    #[serde(rename = "family")]
    _family: Family,
    /// Pixels per cell of each level.
    pub(super) strides: Vec<u32>,
    /// Longer side of a frame after scaling down.
    pub(super) input_px: u32,
    /// Least confidence kept, 0 to 1.
    pub(super) score_threshold: f32,
    /// Confidence that a track must reach at least once to be a person; `score_threshold` where
    /// the manifest does not say.
    pub(super) confirm_score: Option<f32>,
    /// Overlap (intersection over union) above which the weaker of two faces is dropped.
    pub(super) nms_iou: f32,
}

#[derive(Debug, Clone, Deserialize)]
enum Family {
    #[serde(rename = "anchor-free-5pt")]
    AnchorFree5Pt,
}

impl Architecture {
    pub(super) fn confirmed_at(&self) -> f32 {
        self.confirm_score.unwrap_or(self.score_threshold)
    }
}

impl Manifest {
    /// Reads and checks `manifest.toml` in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, FacesError> {
        let path = folder.join("manifest.toml");
        let text = fs::read_to_string(&path).map_err(|source| FacesError::Unreadable {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text).map_err(|problem| FacesError::Manifest { path, problem })
    }

    /// Reads and checks the text of a manifest; the error says what is wrong.
    fn parse(text: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        let problems = manifest.problems();
        if problems.is_empty() {
            Ok(manifest)
        } else {
            Err(problems.join("; "))
        }
    }

    fn problems(&self) -> Vec<String> {
        let shape = &self.architecture;
        let unit = 0.0..=1.0;
        let stride_fits = |s: &u32| *s > 0 && SIZE_MULTIPLE_PX.is_multiple_of(*s);
        let checks = [
            (self.schema == SCHEMA, "schema must be 1"),
            (
                Path::new(&self.weights.file).file_name() == Some(self.weights.file.as_ref()),
                "weights.file must be a plain file name",
            ),
            (
                is_sha256(&self.weights.sha256),
                "weights.sha256 must be 64 lower-case hex digits",
            ),
            (
                !shape.strides.is_empty() && shape.strides.iter().all(stride_fits),
                "architecture.strides must be one or more divisors of 32",
            ),
            (
                (SIZE_MULTIPLE_PX..=LONGEST_INPUT_PX).contains(&shape.input_px)
                    && shape.input_px.is_multiple_of(SIZE_MULTIPLE_PX),
                "architecture.input_px must be a multiple of 32 from 32 to 4096",
            ),
            (
                unit.contains(&shape.score_threshold) && unit.contains(&shape.nms_iou),
                "architecture.score_threshold and nms_iou must lie between 0 and 1",
            ),
            (
                (shape.score_threshold..=1.0).contains(&shape.confirmed_at()),
                "architecture.confirm_score must lie between score_threshold and 1",
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        failed.map(|(_, problem)| problem.to_owned()).collect()
    }

    /// The weights file beside the manifest.
    pub(super) fn weights_path(&self, folder: &Path) -> PathBuf {
        folder.join(&self.weights.file)
    }

    /// The bytes of the weights file, after their digest was found to be the stated one: nothing
    /// is parsed before.
    pub(super) fn read_weights(&self, folder: &Path) -> Result<Vec<u8>, FacesError> {
        let path = self.weights_path(folder);
        let bytes = fs::read(&path).map_err(|source| FacesError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let actual = hex::encode(Sha256::digest(&bytes));
        if actual == self.weights.sha256 {
            Ok(bytes)
        } else {
            Err(FacesError::Digest {
                path,
                expected: self.weights.sha256.clone(),
                actual,
            })
        }
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::faces) fn manifest_text(sha256: &str) -> String {
        format!(
            r#"
schema = 1
name = "face-detector-t"
version = "1"
kind = "detector"
licence = "Apache-2.0 OR MIT"
card = "README.md"
[weights]
file = "detector.onnx"
sha256 = "{sha256}"
[architecture]
family = "anchor-free-5pt"
strides = [8, 16, 32]
input_px = 640
score_threshold = 0.6
nms_iou = 0.3
"#
        )
    }

    #[test]
    fn a_complete_manifest_is_read() {
        let manifest = Manifest::parse(&manifest_text(&"0".repeat(64))).unwrap();
        assert_eq!(manifest.architecture.strides, [8, 16, 32]);
    }

    #[test]
    fn every_wrong_value_is_named_at_once() {
        let text = manifest_text("XYZ")
            .replace("[8, 16, 32]", "[7]")
            .replace("detector.onnx", "../detector.onnx")
            .replace("0.6", "1.6\nconfirm_score = 0.2");
        let problem = Manifest::parse(&text).unwrap_err();
        let wrong = [
            "sha256",
            "strides",
            "weights.file",
            "score_threshold",
            "confirm_score",
        ];
        for name in wrong {
            assert!(problem.contains(name), "{name} is missing in: {problem}");
        }
    }

    #[test]
    fn an_unknown_field_or_family_is_refused() {
        let good = manifest_text(&"0".repeat(64));
        let extra = good.replace("schema = 1", "schema = 1\nflavour = 2");
        assert!(Manifest::parse(&extra).unwrap_err().contains("flavour"));
        let family = good.replace("anchor-free-5pt", "retina");
        assert!(
            Manifest::parse(&family)
                .unwrap_err()
                .contains("anchor-free-5pt")
        );
    }
}
