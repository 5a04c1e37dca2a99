//! The story of one analysis: media → faces → scores → verdict.
//!
//! ```text
//! admit ─▶ decode worker: probe, sample, detect, track, crop ─▶ model thread: score ─▶ decide ─▶ report
//! ```
//!
//! [`Analyzer::try_admit`] hands out a place before a caller reads a body; the place travels with
//! the work, so that it is free again only when the work has ended, whoever stopped waiting.
//! Everything that touches the bytes of a file runs in a few worker processes that are shut in and
//! may be lost (`decode`); the networks run on the thread that [`crate::inference`] owns.

mod decide;
mod decode;
mod error;
mod find_faces;
mod report;
mod settings;
mod table;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[doc(hidden)]
pub use decode::DecodeCost;
pub use decode::{WORKER_ARGUMENT, describe_metrics, serve_decoding};
pub use error::AnalysisError;
pub use find_faces::FacesFound;
pub use settings::{AnalysisSettings, MAX_SAMPLED_FACES, WorkerSettings};
pub use table::{TABLE_HEADER, write_csv, write_csv_of_all};

use crate::domain::{Analysis, AnalysisId, Isolation, ModelIdentity, Reason};
use crate::inference::{Clip, ClipScores, Scorer};
use decode::{DecodePool, ObservedTrack};

/// A file to analyse. The descriptor is all that decoding sees; the name is only shown.
#[derive(Debug)]
pub struct MediaFile {
    /// Open for reading.
    pub file: std::fs::File,
    /// Name to show, already made safe.
    pub filename: String,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
}

/// A picture to keep beside the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// File name, such as `frame-000.jpg` or `crop-000-0.jpg`.
    pub name: String,
    /// JPEG bytes.
    pub bytes: Vec<u8>,
}

/// Where the time of an analysis went.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// Waiting for a decode worker.
    pub wait: Duration,
    /// Probing, decoding and encoding pictures.
    pub decode: Duration,
    /// Detecting, tracking and cropping faces.
    pub faces: Duration,
    /// Waiting for the model thread (the longest of the tracks).
    pub queue: Duration,
    /// Running the networks (the longest of the tracks).
    pub inference: Duration,
}

/// A finished analysis, not yet stored.
#[derive(Debug)]
pub struct Outcome {
    /// The record.
    pub analysis: Analysis,
    /// Its pictures.
    pub artifacts: Vec<Artifact>,
    /// Where the time went.
    pub timings: Timings,
}

/// A place among the analyses in progress; given back when dropped.
///
/// The thread that attends the decode worker holds a second handle on the same place, so that a
/// caller who leaves does not make room for another while the worker is still at work.
#[derive(Debug)]
#[must_use = "dropping an admission gives the place back"]
pub struct Admission {
    permit: Arc<OwnedSemaphorePermit>,
}

impl Admission {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        Self {
            permit: Arc::new(permit),
        }
    }

    fn share(&self) -> Self {
        Self {
            permit: Arc::clone(&self.permit),
        }
    }
}

/// Analyses files. Cheap to clone; the decode workers end with the last clone.
#[derive(Clone)]
pub struct Analyzer {
    pool: Arc<DecodePool>,
    scorer: Scorer,
    places: Arc<Semaphore>,
    settings: Arc<AnalysisSettings>,
}

impl Analyzer {
    /// Starts the decode workers, each with its own detector from `detector_dir`. The program that
    /// calls this must serve them: see [`serve_decoding`].
    ///
    /// # Errors
    /// [`AnalysisError::DecoderStart`] when the detector does not load,
    /// [`AnalysisError::Unsandboxed`] when the system cannot shut a worker in,
    /// [`AnalysisError::Worker`] and [`AnalysisError::Threads`] when it gives none.
    pub fn start(
        settings: AnalysisSettings,
        detector_dir: &Path,
        scorer: Scorer,
    ) -> Result<Self, AnalysisError> {
        let settings = Arc::new(settings);
        let pool = DecodePool::start(Arc::clone(&settings), detector_dir)?;
        Ok(Self {
            pool: Arc::new(pool),
            scorer,
            places: Arc::new(Semaphore::new(settings.places())),
            settings,
        })
    }

    /// Takes a place, or says at once that there is none.
    ///
    /// # Errors
    /// [`AnalysisError::Busy`].
    pub fn try_admit(&self) -> Result<Admission, AnalysisError> {
        let permit = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| AnalysisError::Busy)?;
        Ok(Admission::new(permit))
    }

    /// Waits for a place; for callers that have no one to turn away, such as the command line.
    ///
    /// # Errors
    /// [`AnalysisError::Closed`] when the service is ending.
    pub async fn admit(&self) -> Result<Admission, AnalysisError> {
        let permit = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| AnalysisError::Closed)?;
        Ok(Admission::new(permit))
    }

    /// Analyses in progress or waiting.
    pub fn in_progress(&self) -> usize {
        self.settings.places() - self.places.available_permits()
    }

    /// Whether the networks answer.
    pub fn is_ready(&self) -> bool {
        self.scorer.is_ready()
    }

    /// The model thread's handle, for health reports.
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// The detector's name, version and digest.
    pub fn detector(&self) -> &ModelIdentity {
        self.pool.detector()
    }

    /// What holds the processes that decode.
    pub fn isolation(&self) -> Isolation {
        self.pool.isolation()
    }

    /// The limits and minima in force.
    pub fn settings(&self) -> &AnalysisSettings {
        &self.settings
    }

    /// Analyses one file.
    ///
    /// # Errors
    /// [`AnalysisError::Media`] when the file is not usable, [`AnalysisError::Deadline`] when
    /// `settings.deadline` passes, and the rest when a part of the service failed.
    pub async fn analyze(
        &self,
        media: MediaFile,
        admission: Admission,
    ) -> Result<Outcome, AnalysisError> {
        let deadline = Instant::now() + self.settings.deadline;
        tokio::time::timeout_at(deadline.into(), self.run(media, admission, deadline))
            .await
            .unwrap_or(Err(AnalysisError::Deadline {
                deadline: self.settings.deadline,
            }))
    }

    async fn run(
        &self,
        media: MediaFile,
        admission: Admission,
        deadline: Instant,
    ) -> Result<Outcome, AnalysisError> {
        let started = Instant::now();
        let id = AnalysisId::new(uuid::Uuid::now_v7());
        let MediaFile {
            file,
            filename,
            sha256,
        } = media;

        let place = admission.share();
        let looked_at = (file, self.settings.sample);
        let mut observation = self.pool.observe(looked_at, place, deadline).await?;
        let scores = self.score(&mut observation.tracks, deadline).await?;
        let means = decide::Means {
            thresholds: self.scorer.thresholds(),
            judges_stills: self.scorer.judges_stills(),
        };
        let decision = decide::decide(&observation, &scores, means);
        let timings = observation.timings.with_scores(&scores);
        let artifacts = std::mem::take(&mut observation.artifacts);

        let file = report::FileFacts {
            id,
            filename,
            sha256,
            analyzed_at: time::OffsetDateTime::now_utc(),
            processing_time: started.elapsed(),
        };
        let analysis = report::assemble(file, observation, &scores, decision, self.models());
        Ok(Outcome {
            analysis,
            artifacts,
            timings,
        })
    }

    /// Scores every track that has enough usable faces, all at once; `None` for the others. Not
    /// every bundle can judge a still image.
    async fn score(
        &self,
        tracks: &mut [ObservedTrack],
        deadline: Instant,
    ) -> Result<Vec<Option<ClipScores>>, AnalysisError> {
        let judges_stills = self.scorer.judges_stills();
        let clips = tracks.iter_mut().map(|track| {
            if track.is_still && !judges_stills {
                track.obstacle.get_or_insert(Reason::NoFrameModel);
            }
            let clip = track
                .take_clip()
                .map(|(crops, is_still)| Clip { crops, is_still });
            async move {
                match clip {
                    Some(clip) => Ok(Some(self.scorer.score(clip, deadline).await?)),
                    None => Ok(None),
                }
            }
        });
        futures_util::future::try_join_all(clips).await
    }

    fn models(&self) -> report::ModelIdentities<'_> {
        report::ModelIdentities {
            detector: self.pool.detector(),
            scorers: self.scorer.models(),
        }
    }
}

impl Timings {
    fn with_scores(mut self, scores: &[Option<ClipScores>]) -> Self {
        for clip in scores.iter().flatten() {
            self.queue = self.queue.max(milliseconds(clip.queue_ms));
            self.inference = self.inference.max(milliseconds(clip.inference_ms));
        }
        self
    }
}

fn milliseconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value / 1000.0).unwrap_or_default()
}
