//! Puts the record of an analysis together from what was seen, scored and decided.

use std::time::Duration;

use time::OffsetDateTime;

use super::decide::{Decision, frame_model_probability};
use super::decode::{Observation, ObservedFace, ObservedTrack};
use crate::domain::{
    Analysis, AnalysisId, Conditions, FaceObservation, FrameResult, Logit, ManipulationMap,
    ModelIdentity, ModelRole, ModelScore, Probability, TrackResult,
};
use crate::faces;
use crate::inference::{ClipScores, FrameScore};

/// What is known of a file beside its pictures.
pub(super) struct FileFacts {
    pub(super) id: AnalysisId,
    pub(super) filename: String,
    pub(super) sha256: String,
    pub(super) analyzed_at: OffsetDateTime,
    pub(super) processing_time: Duration,
    pub(super) conditions: Conditions,
}

/// The models that took part.
pub(super) struct ModelIdentities<'a> {
    pub(super) detector: &'a ModelIdentity,
    pub(super) scorers: &'a [ModelIdentity],
}

/// Assembles the record. `scores` runs beside `observation.tracks`.
pub(super) fn assemble(
    file: FileFacts,
    observation: Observation,
    scores: &[Option<ClipScores>],
    decision: Decision,
    models: ModelIdentities<'_>,
) -> Analysis {
    let deciding = decision.deciding.and_then(|index| scores[index].as_ref());
    let models = model_scores(models, deciding);
    let tracks = track_results(&observation, scores, decision.deciding);
    let frames = frame_results(&observation, scores);
    Analysis {
        id: file.id,
        filename: file.filename,
        sha256: file.sha256,
        analyzed_at: file.analyzed_at,
        processing_time_s: file.processing_time.as_secs_f64(),
        media: observation.info,
        verdict: decision.verdict,
        models,
        tracks,
        frames,
        notes: observation.notes,
        stability: None,
        isolation: Some(observation.isolation),
        conditions: Some(file.conditions),
        content_credentials: observation.credentials,
    }
}

fn model_scores(models: ModelIdentities<'_>, deciding: Option<&ClipScores>) -> Vec<ModelScore> {
    let detector = ModelScore {
        name: models.detector.name.clone(),
        version: models.detector.version.clone(),
        role: ModelRole::Detector,
        sha256: models.detector.sha256.clone(),
        foundation: models.detector.foundation.clone(),
        probability_fake: None,
    };
    let scorers = models.scorers.iter().map(|model| ModelScore {
        name: model.name.clone(),
        version: model.version.clone(),
        role: model.role,
        sha256: model.sha256.clone(),
        foundation: model.foundation.clone(),
        probability_fake: deciding.and_then(|clip| match model.role {
            ModelRole::Sequence => clip.sequence_track.map(Logit::probability),
            ModelRole::Frame => frame_model_probability(clip),
            ModelRole::Detector => None,
        }),
    });
    std::iter::once(detector).chain(scorers).collect()
}

fn track_results(
    observation: &Observation,
    scores: &[Option<ClipScores>],
    deciding: Option<usize>,
) -> Vec<TrackResult> {
    let mut order: Vec<usize> = (0..observation.tracks.len()).collect();
    order.sort_by_key(|index| Some(*index) != deciding);
    (order.into_iter())
        .map(|index| {
            let track = &observation.tracks[index];
            let clip = scores[index].as_ref();
            let time_of = |face: Option<&ObservedFace>| {
                face.and_then(|face| observation.frames[face.sample_index].time_s)
            };
            TrackResult {
                id: track.id,
                frames: track.faces.len() as u32,
                scored_frames: clip.map_or(0, |clip| clip.fused_frames.len() as u32),
                first_time_s: time_of(track.faces.first()),
                last_time_s: time_of(track.faces.last()),
                sequence_probability: clip
                    .and_then(|clip| clip.sequence_track.map(Logit::probability)),
                frame_probability: clip.and_then(frame_model_probability),
                probability_fake: clip.map(|clip| clip.fused_track.probability()),
                familiarity: clip.and_then(|clip| clip.familiarity),
            }
        })
        .collect()
}

/// The sampled frames with the faces in them. `scores` runs beside `observation.tracks`.
pub(super) fn frame_results(
    observation: &Observation,
    scores: &[Option<ClipScores>],
) -> Vec<FrameResult> {
    let mut frames: Vec<FrameResult> = (observation.frames.iter())
        .map(|frame| FrameResult {
            frame_index: frame.frame_index,
            time_s: frame.time_s,
            frame_artifact: frame.artifact.clone(),
            faces: Vec::new(),
        })
        .collect();
    for (track, clip) in observation.tracks.iter().zip(scores) {
        for (sample_index, face) in face_observations(track, clip.as_ref()) {
            frames[sample_index].faces.push(face);
        }
    }
    for frame in &mut frames {
        (frame.faces).sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
    }
    frames
}

/// The faces of one person, each with its position in the sample. The scores of a clip run beside
/// the usable faces of its track.
fn face_observations(
    track: &ObservedTrack,
    clip: Option<&ClipScores>,
) -> Vec<(usize, FaceObservation)> {
    let mut usable_before = 0;
    (track.faces.iter())
        .map(|face| {
            let scored = clip.filter(|_| face.usable);
            let position = usable_before;
            usable_before += usize::from(face.usable);
            let observation = FaceObservation {
                track_id: track.id,
                bounds: face.face.bounds,
                detection_score: face.face.detection_score,
                sharpness: face.sharpness,
                sequence_probability: scored.and_then(|c| at(&c.sequence_frames, position)),
                frame_probability: (scored.and_then(|c| frame_score(c, position)))
                    .map(|score| score.logit.probability()),
                probability_fake: scored.and_then(|c| at(&c.fused_frames, position)),
                crop_artifact: face.crop_artifact.clone(),
                manipulation_map: scored.and_then(|c| map(c, position)),
                crop_corners: (faces::crop_corners(&face.face.landmarks).ok())
                    .map(|corners| corners.map(|corner| corner.map(|px| px as f32))),
            };
            (face.sample_index, observation)
        })
        .collect()
}

/// What the frame model says; `None` where it did not look.
fn frame_score(clip: &ClipScores, position: usize) -> Option<&FrameScore> {
    clip.frame_frames.get(position)?.as_ref()
}

/// The frame model's map or, where it says nowhere anything, the sequence model's.
fn map(clip: &ClipScores, position: usize) -> Option<ManipulationMap> {
    let of_frame = frame_score(clip, position).and_then(|score| score.map.as_ref());
    of_frame
        .or_else(|| clip.sequence_maps.get(position))
        .cloned()
}

fn at(logits: &[Logit], position: usize) -> Option<Probability> {
    logits.get(position).map(|logit| logit.probability())
}
