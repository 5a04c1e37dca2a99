//! How the answer of an analysis becomes one score a video and one a frame.

use serde::{Deserialize, Serialize};

use crate::domain::{Analysis, FaceObservation, ModelRole, Probability, Thresholds, VerdictLabel};

/// Frames that DeepfakeBench takes of a video.
pub const DEEPFAKEBENCH_FRAMES: u32 = 32;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The service as it answers: the verdict and its probability, with the settings in force.
    #[default]
    Service,
    /// DeepfakeBench (Yan et al., NeurIPS 2023): 32 frames a video, the largest face of each, frames
    /// without a score dropped, the mean of the frames' P(fake) as the score of the video. The
    /// frames are the middles of 32 equal stretches of time, where DeepfakeBench spaces frame numbers
    /// from the first to the last.
    DeepfakeBench,
}

impl Protocol {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::DeepfakeBench => "deepfakebench",
        }
    }
}

/// P(fake) by each model and by all together; `None` where there was nothing to score or no such
/// model.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// All together.
    pub fused: Option<Probability>,
    /// The sequence model.
    pub sequence: Option<Probability>,
    /// The frame model.
    pub frame: Option<Probability>,
}

/// The largest face of a sampled frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FrameScore {
    /// Position in the stream.
    pub frame_index: u64,
    /// Seconds, where known.
    pub time_s: Option<f64>,
    /// Its scores.
    pub scores: Scores,
}

/// What an analysis says under a protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoScore {
    /// The answer.
    pub verdict: VerdictLabel,
    /// Of the video.
    pub scores: Scores,
    /// Codes of the reasons given.
    pub reasons: Vec<String>,
    /// Of each frame in which a face was scored.
    pub frames: Vec<FrameScore>,
}

impl VideoScore {
    /// Reads `analysis` under `protocol`; `thresholds` part the answers where the protocol makes a
    /// score of its own.
    pub fn of(analysis: &Analysis, protocol: Protocol, thresholds: Thresholds) -> Self {
        let frames: Vec<FrameScore> = (analysis.frames.iter())
            .filter_map(|frame| {
                let scores = scores_of(frame.faces.first()?);
                scores.fused.map(|_| FrameScore {
                    frame_index: frame.frame_index,
                    time_s: frame.time_s,
                    scores,
                })
            })
            .collect();
        let (verdict, scores) = match protocol {
            Protocol::Service => (analysis.verdict.label, as_served(analysis)),
            Protocol::DeepfakeBench => {
                let scores = mean_over(&frames);
                let verdict = scores.fused.map(|p| thresholds.decide(p).0);
                (verdict.unwrap_or(VerdictLabel::Inconclusive), scores)
            }
        };
        let reasons = analysis.verdict.reasons.iter();
        Self {
            verdict,
            scores,
            reasons: reasons.map(|reason| reason.code().to_owned()).collect(),
            frames,
        }
    }
}

fn scores_of(face: &FaceObservation) -> Scores {
    Scores {
        fused: face.probability_fake,
        sequence: face.sequence_probability,
        frame: face.frame_probability,
    }
}

fn as_served(analysis: &Analysis) -> Scores {
    let by = |role: ModelRole| {
        let model = analysis.models.iter().find(|model| model.role == role);
        model.and_then(|model| model.probability_fake)
    };
    Scores {
        fused: analysis.verdict.probability_fake,
        sequence: by(ModelRole::Sequence),
        frame: by(ModelRole::Frame),
    }
}

fn mean_over(frames: &[FrameScore]) -> Scores {
    let mean = |of: fn(&Scores) -> Option<Probability>| {
        let values: Vec<f64> = (frames.iter())
            .filter_map(|frame| of(&frame.scores).map(|p| f64::from(p.get())))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        // The mean of nothing is no number, and so no probability.
        Probability::new(mean as f32).ok()
    };
    Scores {
        fused: mean(|scores| scores.fused),
        sequence: mean(|scores| scores.sequence),
        frame: mean(|scores| scores.frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(value: f32) -> Probability {
        Probability::new(value).unwrap()
    }

    fn frame(fused: f32, sequence: Option<f32>) -> FrameScore {
        FrameScore {
            frame_index: 0,
            time_s: None,
            scores: Scores {
                fused: Some(p(fused)),
                sequence: sequence.map(p),
                frame: None,
            },
        }
    }

    #[test]
    fn the_score_of_a_video_is_the_mean_of_the_frames_that_have_one() {
        let scores = mean_over(&[frame(0.25, Some(0.5)), frame(0.75, None)]);
        assert_eq!(scores.fused, Some(p(0.5)));
        assert_eq!(scores.sequence, Some(p(0.5)));
        assert_eq!(scores.frame, None);
        assert_eq!(mean_over(&[]), Scores::default());
    }
}
