//! Half of the story: media → faces. Nothing is scored and there is no verdict.

use std::time::{Duration, Instant};

use super::{Admission, AnalysisError, Analyzer, Artifact, MediaFile, ProgressWatch, report};
use crate::domain::{AnalysisId, FrameResult, MediaInfo};
use crate::media::SampleOptions;

/// The faces in the sampled frames of a file, not stored.
#[derive(Debug)]
pub struct FacesFound {
    /// Name for its pictures.
    pub id: AnalysisId,
    /// Name to show.
    pub filename: String,
    /// What the file says about itself.
    pub media: MediaInfo,
    /// Sampled frames in time order, with faces that have no scores.
    pub frames: Vec<FrameResult>,
    /// The frames and the aligned crops.
    pub artifacts: Vec<Artifact>,
    /// From the first byte looked at to the last crop.
    pub took: Duration,
}

impl Analyzer {
    /// Finds the faces in `sample.frames` frames of a file.
    ///
    /// # Errors
    /// As [`Analyzer::analyze`].
    pub async fn find_faces(
        &self,
        media: MediaFile,
        sample: SampleOptions,
        admission: Admission,
    ) -> Result<FacesFound, AnalysisError> {
        let (started, limit) = (Instant::now(), self.settings.deadline);
        let deadline = started + limit;
        let looked_at = (media.file, sample, ProgressWatch::default());
        let looking = self.pool.observe(looked_at, admission, deadline);
        let observation = tokio::time::timeout_at(deadline.into(), looking)
            .await
            .unwrap_or(Err(AnalysisError::Deadline { deadline: limit }))?;
        let no_scores: Vec<_> = observation.tracks.iter().map(|_| None).collect();
        let frames = report::frame_results(&observation, &no_scores);
        Ok(FacesFound {
            id: AnalysisId::new(uuid::Uuid::now_v7()),
            filename: media.filename,
            media: observation.info,
            frames,
            artifacts: observation.artifacts,
            took: started.elapsed(),
        })
    }
}
