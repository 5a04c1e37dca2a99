//! `bundle.toml`: which models serve together, how their scores are joined, where the verdicts
//! part. It names a detector and a sequence model, a frame model, or both; a model that is not
//! named has no weight in the fusion.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::manifest::{
    Architecture, Foundation, FrameArchitecture, Kind, Label, Manifest, SequenceArchitecture,
};
use super::weight_files::is_plain_name;
use super::{Fusion, InferenceError, labels};
use crate::domain::{Measured, ModelIdentity, ModelRole, Probability, Thresholds};

/// The file that makes a folder of models a bundle.
const FILE: &str = "bundle.toml";
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
    measured: Vec<Measured>,
    pub(super) models: Models,
}

/// The networks of a bundle; at least one.
#[derive(Debug, Clone)]
pub(super) struct Models {
    pub(super) sequence: Option<ModelFolder<SequenceArchitecture>>,
    pub(super) frame: Option<ModelFolder<FrameArchitecture>>,
    /// Whether the sequence model is asked about still images too.
    pub(super) sequence_sees_stills: bool,
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
    sequence: Option<String>,
    frame: Option<String>,
    fusion: Fusion,
    thresholds: ThresholdsFile,
    /// None where nobody measured these models together.
    #[serde(default)]
    measured: Vec<Measured>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ThresholdsFile {
    fake_at_or_above: Probability,
    real_at_or_below: Probability,
}

impl Bundle {
    /// Reads `bundle.toml` in `folder` and the manifests of the networks it names.
    ///
    /// # Errors
    /// [`InferenceError::Bundle`] with every problem of all these files.
    pub fn read(folder: &Path) -> Result<Self, InferenceError> {
        let text = fs::read_to_string(folder.join(FILE));
        Self::assemble(folder, text.map_err(|e| format!("cannot be read: {e}")))
    }

    /// Reads `text` as the `bundle.toml` of `folder`, before it is written there.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(folder: &Path, text: &str) -> Result<Self, InferenceError> {
        Self::assemble(folder, Ok(text.to_owned()))
    }

    fn assemble(folder: &Path, text: Result<String, String>) -> Result<Self, InferenceError> {
        let mut problems = Vec::new();
        let found = Self::gather(folder, text, &mut problems);
        match found {
            Some(bundle) if problems.is_empty() => Ok(bundle),
            Some(_) | None => Err(InferenceError::Bundle {
                folder: folder.to_owned(),
                problems,
            }),
        }
    }

    /// The folder that holds `bundle.toml` and the models.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn gather(
        folder: &Path,
        text: Result<String, String>,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let path = folder.join(FILE);
        let file: BundleFile = parse(&path, text, problems)?;
        let mut wrong = |problem: String| problems.push(format!("{}: {problem}", path.display()));
        if file.schema != SCHEMA {
            wrong("schema must be 1".into());
        }
        let names = [
            Some(&file.detector),
            file.sequence.as_ref(),
            file.frame.as_ref(),
        ];
        for name in names.into_iter().flatten() {
            if !is_plain_name(name) {
                wrong(format!(
                    "{name:?} must be the name of a folder beside this file"
                ));
                return None;
            }
        }
        let (has_sequence, has_frame) = (file.sequence.is_some(), file.frame.is_some());
        if !has_sequence && !has_frame {
            wrong("names neither a sequence nor a frame model".into());
        }
        let weights = file.fusion.problems(has_sequence, has_frame);
        weights.into_iter().for_each(&mut wrong);
        let ThresholdsFile {
            fake_at_or_above,
            real_at_or_below,
        } = file.thresholds;
        let thresholds = Thresholds::new(real_at_or_below, fake_at_or_above)
            .map_err(|e| wrong(format!("thresholds: {e}")))
            .ok();
        let sequence = (file.sequence).map(|name| ModelFolder::read(folder.join(name), problems));
        let frame = (file.frame).map(|name| ModelFolder::read(folder.join(name), problems));
        Some(Self {
            folder: folder.to_owned(),
            name: file.name,
            version: file.version,
            detector: file.detector,
            fusion: file.fusion,
            thresholds: thresholds?,
            measured: file.measured,
            models: Models {
                sequence: all_or_nothing(sequence)?,
                frame: all_or_nothing(frame)?,
                sequence_sees_stills: file.fusion.stills.is_some(),
            },
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

    /// What measuring them found; empty where nobody did.
    pub fn measured(&self) -> &[Measured] {
        &self.measured
    }

    /// The models that score: the sequence model, the frame model, or both in this order.
    pub fn models(&self) -> Vec<ModelIdentity> {
        let Models {
            sequence, frame, ..
        } = &self.models;
        let sequence = sequence.as_ref().map(ModelFolder::identity);
        let frame = frame.as_ref().map(ModelFolder::identity);
        sequence.into_iter().chain(frame).collect()
    }

    /// What the models are, in the order of [`Self::models`].
    pub fn architectures(&self) -> Vec<&'static str> {
        let Models {
            sequence, frame, ..
        } = &self.models;
        let sequence = (sequence.as_ref()).map(|m| m.manifest.architecture.name());
        let frame = frame.as_ref().map(|m| m.manifest.architecture.name());
        sequence.into_iter().chain(frame).collect()
    }

    /// Whether there is a model that judges single pictures.
    pub fn judges_stills(&self) -> bool {
        let Models {
            sequence,
            frame,
            sequence_sees_stills,
        } = &self.models;
        frame.is_some() || (sequence.is_some() && *sequence_sees_stills)
    }

    /// Longest clip the sequence model takes, in frames; without such a model, any.
    pub fn max_frames(&self) -> usize {
        let sequence = self.models.sequence.as_ref();
        sequence.map_or(usize::MAX, |model| {
            model.manifest.architecture.max_frames() as usize
        })
    }
}

impl<A: Architecture> ModelFolder<A> {
    pub(super) fn read(folder: PathBuf, problems: &mut Vec<String>) -> Option<Self> {
        let path = folder.join("manifest.toml");
        let text = fs::read_to_string(&path).map_err(|e| format!("cannot be read: {e}"));
        let mut manifest: Manifest<A> = parse(&path, text, problems)?;
        if let Some(name) = manifest.output.labels_file.clone() {
            manifest.output.labels = read_labels(&folder, &name, &manifest.output.labels)
                .map_err(|problem| problems.push(problem))
                .ok()?;
        }
        let found = manifest.problems();
        problems.extend(found.iter().map(|p| format!("{}: {p}", path.display())));
        found.is_empty().then_some(Self { folder, manifest })
    }

    fn identity(&self) -> ModelIdentity {
        let Manifest {
            name,
            version,
            weights,
            foundation,
            ..
        } = &self.manifest;
        ModelIdentity {
            name: name.clone(),
            version: version.clone(),
            role: match A::KIND {
                Kind::Sequence => ModelRole::Sequence,
                Kind::Frame => ModelRole::Frame,
            },
            sha256: weights.identity(),
            foundation: foundation.as_ref().map(Foundation::identity),
        }
    }
}

/// The labels in the file `name` of `folder`; `given` are those that the manifest has itself.
fn read_labels(folder: &Path, name: &str, given: &[Label]) -> Result<Vec<Label>, String> {
    let path = folder.join(name);
    let problem = if !is_plain_name(name) {
        "output.labels_file must be a plain file name".to_owned()
    } else if !given.is_empty() {
        "output has labels and labels_file; one of them is enough".to_owned()
    } else {
        match labels::read(&path) {
            Ok(labels) => return Ok(labels),
            Err(problem) => problem,
        }
    };
    Err(format!("{}: {problem}", path.display()))
}

/// A model that the bundle does not name is no problem; one that it names must have been read.
fn all_or_nothing<T>(named: Option<Option<T>>) -> Option<Option<T>> {
    match named {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    text: Result<String, String>,
    problems: &mut Vec<String>,
) -> Option<T> {
    text.and_then(|text| toml::from_str(&text).map_err(|e| e.to_string()))
        .map_err(|problem| problems.push(format!("{}: {problem}", path.display())))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shipped_bundle_says_was_measured_is_what_its_page_says() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let bundle = Bundle::read(&models).unwrap();
        let page = fs::read_to_string(models.join("README.md")).unwrap();
        let [ours, clips, crops] = bundle.measured() else {
            panic!("{:?}", bundle.measured());
        };
        let (value, (low, high)) = (ours.auc.value(), ours.auc.interval());
        assert!(page.contains(&format!("{value:.3} ({low:.3}-{high:.3}) |")));
        for (files, measured) in [(46 + 414, ours), (4 + 11, clips), (47 + 44, crops)] {
            assert_eq!(measured.genuine.files() + measured.forged.files(), files);
        }
        for measured in [clips, crops] {
            for (kind, counts) in [("genuine", measured.genuine), ("forged", measured.forged)] {
                let row = format!(
                    "| {kind} | {} FAKE, {} INCONCLUSIVE, {} REAL |",
                    counts.fake, counts.inconclusive, counts.real
                );
                assert!(page.contains(&row), "{row}");
            }
        }
        assert!(page.contains("| genuine (46) | 1 (2 %) | 9 (20 %) | 36 (78 %) |"));
    }
}
