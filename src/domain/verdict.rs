//! The answer, and the reasons a person is given for it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Change, DeclaredGenerated, Probability};

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum VerdictLabel {
    /// Signs of manipulation.
    Fake,
    /// No signs of manipulation.
    Real,
    /// Not enough to say either.
    Inconclusive,
}

impl VerdictLabel {
    /// `FAKE`, `REAL` or `INCONCLUSIVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fake => "FAKE",
            Self::Real => "REAL",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }
}

/// Why a verdict is what it is, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Reason {
    /// No face in any sampled frame.
    NoFace,
    /// Every face is smaller than the minimum.
    FaceTooSmall {
        /// Shorter side of the largest face seen, in pixels.
        largest_px: u32,
        /// The least that is scored.
        minimum_px: u32,
    },
    /// Every face of sufficient size is too blurred.
    FaceTooBlurred {
        /// Highest sharpness seen (variance of the Laplacian).
        sharpest: f32,
        /// The least that is scored.
        minimum: f32,
    },
    /// Fewer usable frames of a face than a verdict needs.
    TooFewFrames {
        /// Usable frames.
        usable: u32,
        /// The least that is needed.
        minimum: u32,
    },
    /// The face of the person who decides is unlike everything the models learned from; their
    /// scores mean nothing there.
    UnlikeTrainingData {
        /// Distance of the features from the training data.
        distance: f32,
        /// The largest that is believed.
        limit: f32,
    },
    /// The two models point in opposite directions.
    ModelsDisagree {
        /// P(fake) of the sequence model.
        sequence: Probability,
        /// P(fake) of the frame model.
        frame: Probability,
    },
    /// A small change of the picture turns the answer into its opposite.
    Unstable {
        /// The answer without the change.
        label: VerdictLabel,
        /// The change.
        change: Change,
        /// The answer with it.
        changed: VerdictLabel,
        /// P(fake) with it.
        probability_fake: Probability,
    },
    /// The probability lies between the thresholds.
    BetweenThresholds {
        /// REAL at or below.
        real_at_or_below: Probability,
        /// FAKE at or above.
        fake_at_or_above: Probability,
    },
    /// The probability is at or above the FAKE threshold.
    AboveFakeThreshold {
        /// The threshold.
        fake_at_or_above: Probability,
    },
    /// The probability is at or below the REAL threshold.
    BelowRealThreshold {
        /// The threshold.
        real_at_or_below: Probability,
    },
    /// Other people in the video could not be scored; the verdict does not speak for them.
    PeopleNotScored {
        /// How many.
        count: u32,
    },
    /// Other people in the video are unlike the training data; the verdict does not speak for them.
    PeopleUnlikeTrainingData {
        /// How many.
        count: u32,
    },
    /// A still image has no motion to judge.
    StillImage,
    /// A still image, and no frame model that could judge it.
    NoFrameModel,
    /// The end of the file did not decode; the verdict rests on what came before.
    BrokenTail,
    /// Part of the file did not decode.
    DamagedPackets {
        /// Packets passed over.
        count: u64,
    },
    /// The file holds other moving pictures; the verdict does not speak for them.
    OtherVideoStreams {
        /// Number of the analysed one among them, from 0.
        analysed: u32,
        /// How many there are.
        streams: u32,
    },
    /// The file itself states that it was generated. No finding of the models.
    DeclaredGenerated(DeclaredGenerated),
}

impl Reason {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFace => "no-face",
            Self::FaceTooSmall { .. } => "face-too-small",
            Self::FaceTooBlurred { .. } => "face-too-blurred",
            Self::TooFewFrames { .. } => "too-few-frames",
            Self::UnlikeTrainingData { .. } => "unlike-training-data",
            Self::ModelsDisagree { .. } => "models-disagree",
            Self::Unstable { .. } => "unstable",
            Self::BetweenThresholds { .. } => "between-thresholds",
            Self::AboveFakeThreshold { .. } => "above-fake-threshold",
            Self::BelowRealThreshold { .. } => "below-real-threshold",
            Self::PeopleNotScored { .. } => "people-not-scored",
            Self::PeopleUnlikeTrainingData { .. } => "people-unlike-training-data",
            Self::StillImage => "still-image",
            Self::NoFrameModel => "no-frame-model",
            Self::BrokenTail => "broken-tail",
            Self::DamagedPackets { .. } => "damaged-packets",
            Self::OtherVideoStreams { .. } => "other-video-streams",
            Self::DeclaredGenerated(_) => "declared-generated",
        }
    }
}

impl std::fmt::Display for Reason {
    /// One sentence for a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = |p: &Probability| p.get() * 100.0;
        match self {
            Self::NoFace => write!(f, "No face was found in any sampled frame."),
            Self::FaceTooSmall {
                largest_px,
                minimum_px,
            } => write!(
                f,
                "The largest face is {largest_px} px; at least {minimum_px} px are needed."
            ),
            Self::FaceTooBlurred { sharpest, minimum } => write!(
                f,
                "The sharpest face measures {sharpest:.1}; at least {minimum:.1} is needed."
            ),
            Self::TooFewFrames { usable, minimum } => write!(
                f,
                "Only {usable} frames show a usable face; at least {minimum} are needed."
            ),
            Self::UnlikeTrainingData { distance, limit } => write!(
                f,
                "The face is unlike what the models learned from (distance {distance:.2}, at most {limit:.2} is believed); their scores mean little here."
            ),
            Self::ModelsDisagree { sequence, frame } => write!(
                f,
                "The models disagree: sequence {:.0} % fake, frame {:.0} % fake.",
                percent(sequence),
                percent(frame)
            ),
            Self::Unstable {
                label,
                change,
                changed,
                probability_fake,
            } => write!(
                f,
                "The answer does not hold: {} as it is, but {} ({:.0} % fake) with the faces {}.",
                label.as_str(),
                changed.as_str(),
                percent(probability_fake),
                match change {
                    Change::Recompressed => "compressed once more",
                    Change::Rescaled => "made smaller and enlarged again",
                    Change::Cropped => "cut a little closer",
                }
            ),
            Self::BetweenThresholds {
                real_at_or_below,
                fake_at_or_above,
            } => write!(
                f,
                "The probability lies between {:.0} % and {:.0} %, where neither answer is safe.",
                percent(real_at_or_below),
                percent(fake_at_or_above)
            ),
            Self::AboveFakeThreshold { fake_at_or_above } => write!(
                f,
                "The probability of manipulation is at or above {:.0} %.",
                percent(fake_at_or_above)
            ),
            Self::BelowRealThreshold { real_at_or_below } => write!(
                f,
                "The probability of manipulation is at or below {:.0} %.",
                percent(real_at_or_below)
            ),
            Self::PeopleNotScored { count } => write!(
                f,
                "Not scored, because too small, blurred or brief: {count} more in the picture. The verdict does not speak for them."
            ),
            Self::PeopleUnlikeTrainingData { count } => write!(
                f,
                "Unlike what the models learned from: {count} more in the picture. The verdict does not speak for them."
            ),
            Self::StillImage => write!(f, "A still image: there was no motion to judge."),
            Self::NoFrameModel => write!(
                f,
                "A still image, and the models in use judge motion only; a frame model is needed."
            ),
            Self::BrokenTail => write!(
                f,
                "The end of the file does not decode; the verdict rests on what came before."
            ),
            Self::DamagedPackets { count } => {
                write!(f, "{count} damaged packets were passed over.")
            }
            Self::OtherVideoStreams { analysed, streams } => write!(
                f,
                "The file holds {streams} moving pictures; number {analysed}, counted from 0, was analysed, and the verdict does not speak for the others. Name another with `stream=`."
            ),
            Self::DeclaredGenerated(declared) => declared.fmt(f),
        }
    }
}

/// Thresholds that do not part the answers.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("real_at_or_below ({real}) must lie under fake_at_or_above ({fake})")]
pub struct ThresholdsError {
    real: f32,
    fake: f32,
}

/// Where REAL ends and FAKE begins; between them is INCONCLUSIVE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    real_at_or_below: Probability,
    fake_at_or_above: Probability,
}

impl Thresholds {
    /// # Errors
    /// [`ThresholdsError`] unless `real_at_or_below < fake_at_or_above`.
    pub fn new(
        real_at_or_below: Probability,
        fake_at_or_above: Probability,
    ) -> Result<Self, ThresholdsError> {
        if real_at_or_below < fake_at_or_above {
            Ok(Self {
                real_at_or_below,
                fake_at_or_above,
            })
        } else {
            Err(ThresholdsError {
                real: real_at_or_below.get(),
                fake: fake_at_or_above.get(),
            })
        }
    }

    /// FAKE from this probability on.
    pub fn fake_at_or_above(&self) -> Probability {
        self.fake_at_or_above
    }

    /// REAL up to this probability.
    pub fn real_at_or_below(&self) -> Probability {
        self.real_at_or_below
    }

    /// The answer for a probability, with the reason that names the threshold it met.
    pub fn decide(&self, probability: Probability) -> (VerdictLabel, Reason) {
        let (real_at_or_below, fake_at_or_above) = (self.real_at_or_below, self.fake_at_or_above);
        if probability >= fake_at_or_above {
            (
                VerdictLabel::Fake,
                Reason::AboveFakeThreshold { fake_at_or_above },
            )
        } else if probability <= real_at_or_below {
            (
                VerdictLabel::Real,
                Reason::BelowRealThreshold { real_at_or_below },
            )
        } else {
            (
                VerdictLabel::Inconclusive,
                Reason::BetweenThresholds {
                    real_at_or_below,
                    fake_at_or_above,
                },
            )
        }
    }
}

/// The answer, the number behind it, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// FAKE, REAL or INCONCLUSIVE.
    pub label: VerdictLabel,
    /// Calibrated P(manipulated); `None` when no face could be scored.
    pub probability_fake: Option<Probability>,
    /// The reasons, most important first; never empty.
    pub reasons: Vec<Reason>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(value: f32) -> Probability {
        Probability::new(value).unwrap()
    }

    #[test]
    fn thresholds_part_the_three_answers_and_belong_to_their_own_side() {
        let thresholds = Thresholds::new(p(0.3), p(0.7)).unwrap();
        assert_eq!(thresholds.decide(p(0.7)).0, VerdictLabel::Fake);
        assert_eq!(thresholds.decide(p(0.3)).0, VerdictLabel::Real);
        assert_eq!(thresholds.decide(p(0.5)).0, VerdictLabel::Inconclusive);
    }

    #[test]
    fn thresholds_that_cross_are_refused() {
        assert!(Thresholds::new(p(0.7), p(0.3)).is_err());
        assert!(Thresholds::new(p(0.5), p(0.5)).is_err());
    }

    #[test]
    fn how_far_a_face_lies_from_the_training_data_is_said_with_the_limit() {
        let reason = Reason::UnlikeTrainingData {
            distance: 2.345,
            limit: 1.5,
        };
        let json = serde_json::to_value(&reason).unwrap();
        assert_eq!(json["code"], "unlike-training-data");
        assert_eq!(json["limit"], 1.5);
        let sentence = reason.to_string();
        assert!(
            sentence.contains("2.35") || sentence.contains("2.34"),
            "{sentence}"
        );
        assert!(sentence.contains("1.50"), "{sentence}");
    }

    #[test]
    fn a_reason_is_stored_under_the_code_it_states() {
        let reason = Reason::FaceTooSmall {
            largest_px: 20,
            minimum_px: 40,
        };
        let json = serde_json::to_value(&reason).unwrap();
        assert_eq!(json["code"], reason.code());
        assert_eq!(
            reason.to_string(),
            "The largest face is 20 px; at least 40 px are needed."
        );
    }
}
