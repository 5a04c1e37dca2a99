//! Models tried out before they serve: loaded strictly and run once on a grey clip.
//!
//! The same code loads them as at start, so what passes here serves.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Deserialize;

use super::bundle::{Bundle, ModelFolder, Models};
use super::engine::Networks;
use super::manifest::Kind;
use super::model::Running;
use super::{DeviceChoice, FoundationFolders, InferenceError, Precision};

/// Pictures in one pass; one is enough to see whether a network runs.
const PASS_FRAMES: usize = 1;

/// Only what tells which kind of network a manifest describes.
#[derive(Deserialize)]
struct KindOnly {
    kind: Kind,
}

/// Where and with what models are tried out.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Where they run.
    pub device: DeviceChoice,
    /// Where the weights lie that some of them rest on.
    pub foundations: FoundationFolders,
}

impl Trial {
    /// Loads the sequence or frame model in `folder` and runs it once.
    ///
    /// # Errors
    /// [`InferenceError::Bundle`] with everything that is wrong with its manifest and weights,
    /// [`InferenceError::ModelFailed`] when it loads but does not run, [`InferenceError::Device`].
    pub fn model(&self, folder: &Path) -> Result<(), InferenceError> {
        let mut problems = Vec::new();
        let models = read(folder, &mut problems);
        match models {
            Some(models) if problems.is_empty() => self.run(folder, &models),
            Some(_) | None => Err(InferenceError::Bundle {
                folder: folder.to_owned(),
                problems,
            }),
        }
    }

    /// Loads every model of a bundle and runs them once.
    ///
    /// # Errors
    /// As [`Self::model`].
    pub fn bundle(&self, bundle: &Bundle) -> Result<(), InferenceError> {
        self.run(bundle.folder(), &bundle.models)
    }

    fn run(&self, folder: &Path, models: &Models) -> Result<(), InferenceError> {
        let _no_grad = tch::no_grad_guard();
        let running = Running {
            device: self.device.resolve()?,
            precision: Precision::Fp32,
            frame_precision: Precision::Fp32,
            frame_frames: 0,
            pass_frames: PASS_FRAMES,
            foundations: &self.foundations,
        };
        let networks = Networks::load(folder, models, running)?;
        let outcome = catch_unwind(AssertUnwindSafe(|| networks.warm_up(PASS_FRAMES)));
        let outcome =
            outcome.unwrap_or_else(|_| Err("the network panicked on a grey picture".into()));
        outcome.map_err(|reason| InferenceError::ModelFailed {
            reason: format!("{}: {reason}", folder.display()),
        })
    }
}

fn read(folder: &Path, problems: &mut Vec<String>) -> Option<Models> {
    let path = folder.join("manifest.toml");
    let mut wrong = |problem: String| problems.push(format!("{}: {problem}", path.display()));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            wrong(format!("cannot be read: {error}"));
            return None;
        }
    };
    match toml::from_str::<KindOnly>(&text) {
        Err(error) => {
            wrong(error.to_string());
            None
        }
        Ok(KindOnly {
            kind: Kind::Sequence,
        }) => Some(Models {
            sequence_sees_stills: false,
            sequence: Some(ModelFolder::read(folder.to_owned(), problems)?),
            frame: None,
        }),
        Ok(KindOnly { kind: Kind::Frame }) => Some(Models {
            sequence_sees_stills: false,
            sequence: None,
            frame: Some(ModelFolder::read(folder.to_owned(), problems)?),
        }),
    }
}
