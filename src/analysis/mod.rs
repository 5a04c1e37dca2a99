//! The story of one analysis: media → faces → scores → verdict.
//!
//! ```text
//! admit ─▶ decode worker: probe, sample, detect, track, crop ─▶ model thread: score ─▶ decide ─▶ report
//! ```
//!
//! [`Analyzer::has_room`] tells before a body is read whether there would be a place, and
//! [`Analyzer::try_admit`] hands one out once the file is there, so that a sender who takes his
//! time holds nobody up. The place travels with the work: it is free again only when the work has
//! ended, whoever stopped waiting.
//! Whoever wants to hear how an analysis gets on gives it a [`ProgressWatch`].
//! Everything that touches the bytes of a file runs in a few worker processes that are shut in and
//! may be lost (`decode`); the networks run on the thread that [`crate::inference`] owns.

mod admission;
mod annotated_film;
mod conditions;
mod decide;
mod decode;
mod error;
mod find_faces;
mod outcome;
mod progress;
mod report;
mod result_picture;
mod settings;
mod stability;
mod table;
mod varied;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;

#[cfg(any(test, fuzzing))]
pub(crate) use decode::fuzzing;

pub use admission::Admission;
pub use annotated_film::{annotated_film, film_pictures};
#[doc(hidden)]
pub use decode::DecodeCost;
pub use decode::{WORKER_ARGUMENT, describe_metrics, serve_decoding};
pub use error::AnalysisError;
pub use find_faces::FacesFound;
pub use outcome::{Artifact, Outcome, Timings};
pub use progress::{PersonScores, Progress, ProgressWatch, ScoredFrame};
pub use result_picture::RESULT_PICTURE;
pub use settings::{AnalysisSettings, MAX_ASKED_FRAMES, WorkerSettings};
pub use table::{TABLE_HEADER, write_csv, write_csv_of_all};
pub use varied::Varied;

use crate::domain::{
    Analysis, AnalysisId, Change, Conditions, Isolation, MediaKind, ModelIdentity, Reason, Stage,
};
use crate::inference::{Clip, ClipScores, ModelSlot, Scorer};
use crate::media::{self, SampleOptions, Steps, Variation};
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
    /// Frames to see beside the usual sample.
    pub steps: Option<Steps>,
    /// Number of the moving picture stream to look at, from 0; `None`: the first that shows a face.
    pub stream: Option<u32>,
    /// Whether the verdict must hold after small changes; the settings may ask that of every file.
    pub check_stability: bool,
}

/// Analyses files. Cheap to clone; the decode workers end with the last clone.
#[derive(Clone)]
pub struct Analyzer {
    pool: Arc<DecodePool>,
    models: ModelSlot,
    places: Arc<Semaphore>,
    settings: Arc<AnalysisSettings>,
}

impl Analyzer {
    /// Starts the decode workers, each with the detector in `detector_folder`, which is the one that the models
    /// name, and has `load` load these meanwhile. The program that calls this must serve the workers: see
    /// [`serve_decoding`].
    ///
    /// # Errors
    /// That of `load`; else [`AnalysisError::DecoderStart`] when the detector does not load,
    /// [`AnalysisError::Unsandboxed`] when the system cannot shut a worker in,
    /// [`AnalysisError::Worker`] and [`AnalysisError::Threads`] when it gives none.
    pub fn start<E: From<AnalysisError>>(
        settings: AnalysisSettings,
        detector_folder: &Path,
        load: impl FnOnce() -> Result<ModelSlot, E>,
    ) -> Result<Self, E> {
        let settings = Arc::new(settings);
        let pool = DecodePool::start(&settings, detector_folder)?;
        let models = load()?;
        Ok(Self {
            pool: Arc::new(pool.ready()?),
            models,
            places: Arc::new(Semaphore::new(settings.places())),
            settings,
        })
    }

    /// Whether [`Self::try_admit`] would hand out a place now.
    ///
    /// # Errors
    /// As [`Self::try_admit`].
    pub fn has_room(&self) -> Result<(), AnalysisError> {
        drop(self.models.lease()?);
        match self.places.available_permits() {
            0 => Err(AnalysisError::Busy),
            _ => Ok(()),
        }
    }

    /// Takes a place, or says at once that there is none.
    ///
    /// # Errors
    /// [`AnalysisError::Busy`]; [`AnalysisError::Inference`] when no models are loaded.
    pub fn try_admit(&self) -> Result<Admission, AnalysisError> {
        let models = self.models.lease()?;
        let permit = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| AnalysisError::Busy)?;
        Ok(Admission::new(permit, models))
    }

    /// Waits for a place; for callers that have no one to turn away, such as the command line.
    ///
    /// # Errors
    /// [`AnalysisError::Closed`] when the service is ending; [`AnalysisError::Inference`] when no
    /// models are loaded.
    pub async fn admit(&self) -> Result<Admission, AnalysisError> {
        let permit = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| AnalysisError::Closed)?;
        Ok(Admission::new(permit, self.models.lease()?))
    }

    /// Analyses in progress or waiting.
    pub fn in_progress(&self) -> usize {
        self.settings.places() - self.places.available_permits()
    }

    /// Whether files can be decoded, and the networks are loaded and answer.
    pub fn is_ready(&self) -> bool {
        self.models.is_ready() && self.can_decode()
    }

    /// Whether the processes that decode could be started lately.
    pub fn can_decode(&self) -> bool {
        self.pool.is_ready()
    }

    /// The models, loaded or not.
    pub fn models(&self) -> &ModelSlot {
        &self.models
    }

    /// The detector's name, version and digest.
    pub fn detector(&self) -> &ModelIdentity {
        self.pool.detector()
    }

    /// Under which settings an analysis would be made now; `None` when no models are loaded.
    pub fn conditions(&self, stream: Option<u32>, check_stability: bool) -> Option<Conditions> {
        let models = self.models.lease().ok()?;
        let sample = SampleOptions {
            stream,
            ..self.settings.sample
        };
        Some(conditions::of(
            &self.settings,
            &sample,
            check_stability,
            &models.facts(),
        ))
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
        let nobody = ProgressWatch::default();
        self.analyze_watched(media, admission, &nobody).await
    }

    /// Analyses one file and tells `watch` how it gets on.
    ///
    /// # Errors
    /// As [`Self::analyze`].
    pub async fn analyze_watched(
        &self,
        media: MediaFile,
        admission: Admission,
        watch: &ProgressWatch,
    ) -> Result<Outcome, AnalysisError> {
        let deadline = Instant::now() + self.settings.deadline;
        let course = Course {
            deadline,
            variations: &[],
            watch,
        };
        let run = self.run(media, admission, course);
        let (outcome, _) = self.within(deadline, run).await?;
        Ok(outcome)
    }

    /// Analyses one file and scores variations of its faces beside, all through the networks
    /// together. There is none of a file in which nothing can be scored.
    ///
    /// # Errors
    /// As [`Self::analyze`].
    pub async fn analyze_varied(
        &self,
        media: MediaFile,
        admission: Admission,
        variations: &[Variation],
    ) -> Result<(Outcome, Vec<Varied>), AnalysisError> {
        let deadline = Instant::now() + self.settings.deadline;
        let course = Course {
            deadline,
            variations,
            watch: &ProgressWatch::default(),
        };
        let run = self.run(media, admission, course);
        self.within(deadline, run).await
    }

    async fn within<T>(
        &self,
        deadline: Instant,
        work: impl Future<Output = Result<T, AnalysisError>>,
    ) -> Result<T, AnalysisError> {
        let done = tokio::time::timeout_at(deadline.into(), work).await;
        done.unwrap_or(Err(AnalysisError::Deadline {
            deadline: self.settings.deadline,
        }))
    }

    async fn run(
        &self,
        media: MediaFile,
        admission: Admission,
        course: Course<'_>,
    ) -> Result<(Outcome, Vec<Varied>), AnalysisError> {
        let started = Instant::now();
        let Course {
            deadline,
            variations,
            watch,
        } = course;
        let id = AnalysisId::new(uuid::Uuid::now_v7());
        let MediaFile {
            file,
            filename,
            sha256,
            steps,
            stream,
            check_stability,
        } = media;

        let (place, models) = (admission.share(), &admission.models);
        let usual = self.settings.sample;
        let sample = SampleOptions {
            steps,
            stream,
            ..usual
        };
        let looked_at = (file, sample, watch.clone());
        let mut observation = self.pool.observe(looked_at, place, deadline).await?;
        let clips = clips(models, &mut observation.tracks);
        let varied = varied::score(models, &clips, variations, Variation::of, deadline)?;
        let changes: &[Change] = match check_stability || self.settings.check_stability {
            true => &stability::CHANGES,
            false => &[],
        };
        let changed = varied::score(models, &clips, changes, media::changed, deadline)?;
        watch.stage(Stage::Scoring, 0.0);
        let tell = |track: usize, scores: &ClipScores| {
            watch.scores(&observation, &observation.tracks[track], scores);
        };
        let scoring = score(models, clips, deadline, &tell);
        let (scores, varied, changed) = tokio::try_join!(scoring, varied, changed)?;
        watch.stage(Stage::Storing, 0.0);
        let mix = match observation.info.kind {
            MediaKind::Image => models.fusion().of_stills(),
            MediaKind::Video => models.fusion().of_tracks(),
        };
        let means = decide::Means {
            thresholds: models.thresholds(),
            judges_stills: models.judges_stills(),
            has_two_voices: mix.has_two_voices(),
        };
        let stability = stability::of(&changed, means.thresholds);
        let decision = decide::decide(&observation, &scores, means);
        let decision = stability::weigh(decision, stability.as_ref());
        let timings = observation.timings.with_scores(&scores);
        let artifacts = std::mem::take(&mut observation.artifacts);

        let file = report::FileFacts {
            id,
            filename,
            sha256,
            analyzed_at: time::OffsetDateTime::now_utc(),
            processing_time: started.elapsed(),
            conditions: conditions::of(&self.settings, &sample, check_stability, &models.facts()),
        };
        let identities = report::ModelIdentities {
            detector: self.pool.detector(),
            scorers: models.models(),
        };
        let analysis = Analysis {
            stability,
            ..report::assemble(file, observation, &scores, decision, identities)
        };
        let outcome = Outcome {
            analysis,
            artifacts,
            timings,
            thresholds: means.thresholds,
        };
        Ok((outcome, varied))
    }
}

/// The clip of every track that has enough usable faces; `None` for the others. Not every bundle
/// can judge a still image.
fn clips(scorer: &Scorer, tracks: &mut [ObservedTrack]) -> Vec<Option<Clip>> {
    let judges_stills = scorer.judges_stills();
    let clips = tracks.iter_mut().map(|track| {
        if track.is_still && !judges_stills {
            track.obstacle.get_or_insert(Reason::NoFrameModel);
        }
        let clip = track.take_clip();
        clip.map(|(crops, is_still)| Clip { crops, is_still })
    });
    clips.collect()
}

/// How a run is to go.
struct Course<'a> {
    deadline: Instant,
    /// What is scored beside the faces as they are.
    variations: &'a [Variation],
    watch: &'a ProgressWatch,
}

/// Scores clips, all at once, and tells the scores of each, by its position, as soon as they are there.
async fn score(
    scorer: &Scorer,
    clips: Vec<Option<Clip>>,
    deadline: Instant,
    tell: &impl Fn(usize, &ClipScores),
) -> Result<Vec<Option<ClipScores>>, AnalysisError> {
    let scores = clips
        .into_iter()
        .enumerate()
        .map(|(position, clip)| async move {
            let Some(clip) = clip else { return Ok(None) };
            let scores = scorer.score(clip, deadline).await?;
            tell(position, &scores);
            Ok(Some(scores))
        });
    futures_util::future::try_join_all(scores).await
}
