//! `bundle.toml`: which models serve together, how their scores are joined, where the verdicts
//! part.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::manifest::{
    Architecture, FrameArchitecture, Kind, Manifest, SequenceArchitecture, is_plain_name,
};
use super::{Fusion, InferenceError};
use crate::domain::{ModelIdentity, ModelRole, Probability, Thresholds};

/// The schema this program reads.
const SCHEMA: u32 = 1;

/// A bundle whose manifests are valid. Weights are read later, by the model thread.
#[derive(Debug, Clone)]
pub struct Bundle {
    folder: PathBuf,
    name: String,
    version: String,
    detector: String,
    fusion: Fusion,
    thresholds: Thresholds,
    pub(super) sequence: ModelFolder<SequenceArchitecture>,
    pub(super) frame: ModelFolder<FrameArchitecture>,
}

/// A network's folder and its manifest.
#[derive(Debug, Clone)]
pub(super) struct ModelFolder<A> {
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest<A>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleFile {
    schema: u32,
    name: String,
    version: String,
    detector: String,
    sequence: String,
    frame: String,
    fusion: Fusion,
    thresholds: ThresholdsFile,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdsFile {
    fake_at_or_above: Probability,
    real_at_or_below: Probability,
}

impl Bundle {
    /// Reads `bundle.toml` in `folder` and the manifests of its two networks.
    ///
    /// # Errors
    /// [`InferenceError::Bundle`] with every problem of all three files.
    pub fn read(folder: &Path) -> Result<Self, InferenceError> {
        let mut problems = Vec::new();
        let found = Self::gather(folder, &mut problems);
        match found {
            Some(bundle) if problems.is_empty() => Ok(bundle),
            Some(_) | None => Err(InferenceError::Bundle {
                folder: folder.to_owned(),
                problems,
            }),
        }
    }

    /// The error for problems found while loading its weights.
    pub(super) fn refuse(&self, problems: Vec<String>) -> InferenceError {
        InferenceError::Bundle {
            folder: self.folder.clone(),
            problems,
        }
    }

    fn gather(folder: &Path, problems: &mut Vec<String>) -> Option<Self> {
        let path = folder.join("bundle.toml");
        let file: BundleFile = parse(&path, problems)?;
        let mut wrong = |problem: String| problems.push(format!("{}: {problem}", path.display()));
        if file.schema != SCHEMA {
            wrong("schema must be 1".into());
        }
        for name in [&file.detector, &file.sequence, &file.frame] {
            if !is_plain_name(name) {
                wrong(format!(
                    "{name:?} must be the name of a folder beside this file"
                ));
                return None;
            }
        }
        file.fusion.problems().into_iter().for_each(&mut wrong);
        let ThresholdsFile {
            fake_at_or_above,
            real_at_or_below,
        } = file.thresholds;
        let thresholds = Thresholds::new(real_at_or_below, fake_at_or_above)
            .map_err(|e| wrong(format!("thresholds: {e}")))
            .ok();
        let sequence = ModelFolder::read(folder.join(&file.sequence), problems);
        let frame = ModelFolder::read(folder.join(&file.frame), problems);
        Some(Self {
            folder: folder.to_owned(),
            name: file.name,
            version: file.version,
            detector: file.detector,
            fusion: file.fusion,
            thresholds: thresholds?,
            sequence: sequence?,
            frame: frame?,
        })
    }

    /// Name of the bundle.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version of the bundle.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Folder of the face detector that belongs to it.
    pub fn detector_folder(&self) -> PathBuf {
        self.folder.join(&self.detector)
    }

    /// How the models' scores are joined.
    pub fn fusion(&self) -> Fusion {
        self.fusion
    }

    /// Where the verdicts part.
    pub fn thresholds(&self) -> Thresholds {
        self.thresholds
    }

    /// The sequence and the frame model.
    pub fn models(&self) -> [ModelIdentity; 2] {
        [self.sequence.identity(), self.frame.identity()]
    }

    /// Longest clip the sequence model takes, in frames.
    pub fn max_frames(&self) -> usize {
        self.sequence.manifest.architecture.max_frames() as usize
    }
}

impl<A: Architecture> ModelFolder<A> {
    pub(super) fn read(folder: PathBuf, problems: &mut Vec<String>) -> Option<Self> {
        let path = folder.join("manifest.toml");
        let manifest: Manifest<A> = parse(&path, problems)?;
        let found = manifest.problems();
        problems.extend(found.iter().map(|p| format!("{}: {p}", path.display())));
        found.is_empty().then_some(Self { folder, manifest })
    }

    fn identity(&self) -> ModelIdentity {
        let Manifest {
            name,
            version,
            weights,
            ..
        } = &self.manifest;
        ModelIdentity {
            name: name.clone(),
            version: version.clone(),
            role: match A::KIND {
                Kind::Sequence => ModelRole::Sequence,
                Kind::Frame => ModelRole::Frame,
            },
            sha256: weights.sha256.clone(),
        }
    }
}

fn parse<T: DeserializeOwned>(path: &Path, problems: &mut Vec<String>) -> Option<T> {
    let text = fs::read_to_string(path).map_err(|e| format!("cannot be read: {e}"));
    text.and_then(|text| toml::from_str(&text).map_err(|e| e.to_string()))
        .map_err(|problem| problems.push(format!("{}: {problem}", path.display())))
        .ok()
}
