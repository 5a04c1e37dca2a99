//! The record of one analysis: what is stored, answered and signed.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    Conditions, ContentCredentials, FaceBox, Familiarity, FoundationIdentity, Isolation,
    ManipulationMap, MediaInfo, ModelIdentity, ModelRole, Probability, SampleNote, Stability,
    Verdict,
};

/// Name of an analysis: a UUID version 7, so that names sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnalysisId(Uuid);

impl AnalysisId {
    /// Wraps a UUID the caller made.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads the usual hyphenated form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }
}

impl std::fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A model that took part, told apart by the digest of its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelScore {
    /// Name from its manifest.
    pub name: String,
    /// Version from its manifest.
    pub version: String,
    /// Its part.
    pub role: ModelRole,
    /// SHA-256 of its weights file, lower-case hex.
    pub sha256: String,
    /// The pre-trained weights it rests on, which are a file of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foundation: Option<FoundationIdentity>,
    /// P(fake) of the deciding track by this model alone; `None` for the detector and when
    /// nothing could be scored.
    pub probability_fake: Option<Probability>,
}

impl ModelScore {
    /// The model, whatever it said.
    pub fn identity(&self) -> ModelIdentity {
        ModelIdentity {
            name: self.name.clone(),
            version: self.version.clone(),
            role: self.role,
            sha256: self.sha256.clone(),
            foundation: self.foundation.clone(),
        }
    }
}

/// A face in one sampled frame, with its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceObservation {
    /// The track it belongs to.
    pub track_id: u32,
    /// Where it is, in pixels of the upright frame.
    pub bounds: FaceBox,
    /// Confidence of the detector, 0 to 1.
    pub detection_score: f32,
    /// Variance of the Laplacian of the aligned crop.
    pub sharpness: f32,
    /// P(fake) by the sequence model; `None` when the face was not scored.
    pub sequence_probability: Option<Probability>,
    /// P(fake) by the frame model; `None` when the face was not scored, or not by this model.
    pub frame_probability: Option<Probability>,
    /// P(fake) by all models together; `None` when the face was not scored.
    pub probability_fake: Option<Probability>,
    /// File name of the aligned crop among the artifacts.
    pub crop_artifact: String,
    /// Where the frame model sees traces, or what speaks for the score; `None` where no model says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manipulation_map: Option<ManipulationMap>,
    /// Where the corners of the aligned crop lie, `[x, y]` in pixels of the upright frame and maybe
    /// outside it: upper left, upper right, lower left, lower right. `None` in records from before
    /// it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop_corners: Option<[[f32; 2]; 4]>,
}

/// A sampled frame and the faces in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameResult {
    /// Position in the stream, from 0.
    pub frame_index: u64,
    /// Presentation time in seconds, where known.
    pub time_s: Option<f64>,
    /// File name of the frame among the artifacts.
    pub frame_artifact: String,
    /// Faces, largest first; empty when none was found.
    pub faces: Vec<FaceObservation>,
}

/// One person through the video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackResult {
    /// Number of the track.
    pub id: u32,
    /// Frames in which the person was found.
    pub frames: u32,
    /// Frames that were sharp and large enough to score.
    pub scored_frames: u32,
    /// First appearance in seconds, where known.
    pub first_time_s: Option<f64>,
    /// Last appearance in seconds, where known.
    pub last_time_s: Option<f64>,
    /// P(fake) by the sequence model.
    pub sequence_probability: Option<Probability>,
    /// P(fake) by the frame model, from its mean logit.
    pub frame_probability: Option<Probability>,
    /// P(fake) by all models together; `None` when nothing could be scored.
    pub probability_fake: Option<Probability>,
    /// Distance from the training data; `None` when nothing could be scored or the sequence model
    /// states no distances.
    pub familiarity: Option<Familiarity>,
}

/// One analysis from beginning to end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Its name.
    pub id: AnalysisId,
    /// Name of the file as the client gave it, made safe to show.
    pub filename: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    pub sha256: String,
    /// When the analysis ended, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub analyzed_at: OffsetDateTime,
    /// Seconds from the first byte analysed to the verdict.
    pub processing_time_s: f64,
    /// What the file says about itself.
    pub media: MediaInfo,
    /// The answer.
    pub verdict: Verdict,
    /// Models that took part.
    pub models: Vec<ModelScore>,
    /// People, the deciding one first.
    pub tracks: Vec<TrackResult>,
    /// Sampled frames in time order.
    pub frames: Vec<FrameResult>,
    /// What was noticed while sampling.
    pub notes: Vec<SampleNote>,
    /// Whether the verdict holds after small changes; `None` where that was not tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stability: Option<Stability>,
    /// What held the process that decoded; `None` in records from before it was one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// Under which settings it was made; `None` in records from before they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// What the file's content credentials say; `None` in records from before they were read, and where
    /// the program was built without reading them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_credentials: Option<ContentCredentials>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_refuses_paths() {
        let id = AnalysisId::new(Uuid::from_u128(7));
        assert_eq!(AnalysisId::parse(&id.to_string()), Some(id));
        assert_eq!(AnalysisId::parse("../../etc/passwd"), None);
        assert_eq!(AnalysisId::parse(""), None);
    }
}
