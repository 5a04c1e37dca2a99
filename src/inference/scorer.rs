//! The handle through which the rest of the program has clips scored.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use tch::Device;
use tokio::sync::oneshot;

use super::clip::{Clip, ClipScores};
use super::queue::Entry;
use super::worker_state::WorkerState;
use super::{Bundle, Fusion, InferenceError, InferenceSettings, Precision, device};
use crate::domain::{Analysis, Conditions, Measured, ModelIdentity, Thresholds};

/// Sends clips to the model thread. Cheap to clone; does not keep the thread alive.
#[derive(Clone)]
pub struct Scorer {
    shared: Arc<WorkerState>,
    about: Arc<Facts>,
}

/// What is known about models that are or were loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// Number of the loading in this process. Models of the same names and weights may have been loaded
    /// with another calibration, fusion or thresholds.
    pub loading: u64,
    /// The models that score: a sequence model, a frame model, or both.
    pub models: Vec<ModelIdentity>,
    /// What each of them is, in the same order: such as `resnext-transformer`.
    pub architectures: Vec<&'static str>,
    /// How their scores are joined.
    pub fusion: Fusion,
    /// Where the verdicts part.
    pub thresholds: Thresholds,
    /// What measuring the models together found; empty where nobody did.
    pub measured: Vec<Measured>,
    /// Folder of the bundle's face detector.
    pub detector_folder: PathBuf,
    /// Name and version of the bundle.
    pub bundle: String,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// What the sequence model computes in.
    pub precision: Precision,
    /// What the frame model computes in.
    pub frame_precision: Precision,
    /// Frames of a clip that the frame model looks at, at most; 0: all.
    pub frame_model_frames: usize,
    /// Longest clip, in frames.
    pub max_frames: usize,
    /// Whether there is a model for still images.
    pub judges_stills: bool,
}

impl Facts {
    pub(super) fn new(bundle: &Bundle, settings: &InferenceSettings, device: Device) -> Self {
        let precision = settings.precision.on(device);
        static LOADINGS: AtomicU64 = AtomicU64::new(0);
        Self {
            loading: LOADINGS.fetch_add(1, Ordering::Relaxed),
            models: bundle.models(),
            architectures: bundle.architectures(),
            fusion: bundle.fusion(),
            thresholds: bundle.thresholds(),
            measured: bundle.measured().to_vec(),
            detector_folder: bundle.detector_folder(),
            bundle: format!("{} {}", bundle.name(), bundle.version()),
            device: device::name(device),
            precision,
            frame_precision: settings.frame_model_precision.on(device, precision),
            frame_model_frames: settings.frame_model_frames,
            max_frames: bundle.max_frames(),
            judges_stills: bundle.judges_stills(),
        }
    }
}

impl Facts {
    /// What measuring found of the models and thresholds that `analysis` was made with; empty where
    /// those were others than these, or nobody measured.
    pub fn measured_for(&self, analysis: &Analysis) -> &[Measured] {
        let is_of_these = |conditions: &Conditions| {
            conditions.bundle == self.bundle
                && conditions.fake_at_or_above == self.thresholds.fake_at_or_above()
                && conditions.real_at_or_below == self.thresholds.real_at_or_below()
        };
        let took_part =
            |model: &ModelIdentity| analysis.models.iter().any(|m| m.sha256 == model.sha256);
        let same = analysis.conditions.as_ref().is_some_and(is_of_these)
            && self.models.iter().all(took_part);
        if same { &self.measured } else { &[] }
    }
}

impl Scorer {
    pub(super) fn new(shared: Arc<WorkerState>, about: Facts) -> Self {
        Self {
            shared,
            about: Arc::new(about),
        }
    }

    /// Scores one clip, waiting for its turn until `deadline`.
    ///
    /// # Errors
    /// At once: [`InferenceError::EmptyClip`], [`InferenceError::ClipTooLong`],
    /// [`InferenceError::CropSize`], [`InferenceError::Overloaded`] when the queue is full.
    /// Later: [`InferenceError::Expired`], [`InferenceError::ModelFailed`],
    /// [`InferenceError::Closed`] when the worker stops.
    ///
    /// # Cancel safety
    /// Dropping the future takes the clip out of the queue; a batch that already runs is finished
    /// without it being answered.
    pub async fn score(&self, clip: Clip, deadline: Instant) -> Result<ClipScores, InferenceError> {
        clip.check(self.longest_clip_frames())?;
        let queued_at = Instant::now();
        if deadline <= queued_at {
            return Err(InferenceError::Expired);
        }
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Entry {
            clip,
            queued_at,
            deadline,
            reply,
        })?;
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Err(_) => Err(InferenceError::Expired),
            Ok(Err(_)) => Err(InferenceError::Closed),
            Ok(Ok(scores)) => scores,
        }
    }

    /// Everything that is known about the models.
    pub fn facts(&self) -> Arc<Facts> {
        Arc::clone(&self.about)
    }

    /// The models that score: a sequence model, a frame model, or both.
    pub fn models(&self) -> &[ModelIdentity] {
        &self.about.models
    }

    /// How their scores are joined.
    pub fn fusion(&self) -> Fusion {
        self.about.fusion
    }

    /// Where the verdicts part.
    pub fn thresholds(&self) -> Thresholds {
        self.about.thresholds
    }

    /// Folder of the bundle's face detector.
    pub fn detector_folder(&self) -> &Path {
        &self.about.detector_folder
    }

    /// Name and version of the bundle.
    pub fn bundle(&self) -> &str {
        &self.about.bundle
    }

    /// `cpu` or `cuda:N`.
    pub fn device_name(&self) -> &str {
        &self.about.device
    }

    /// Whether a model judges still images; without one they cannot be scored.
    pub fn judges_stills(&self) -> bool {
        self.about.judges_stills
    }

    /// Most crops a clip may have.
    pub fn longest_clip_frames(&self) -> usize {
        self.about.max_frames.min(self.shared.queue.limit_frames())
    }

    /// Whether the model thread lives, gets on, and its last forward passes did not all fail.
    pub fn is_ready(&self) -> bool {
        self.shared.is_ready()
    }

    /// Frames waiting to be scored.
    pub fn waiting_frames(&self) -> usize {
        self.shared.queue.waiting_frames()
    }
}
