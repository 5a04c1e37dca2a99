//! The models' logits to one.

use serde::Deserialize;

use crate::domain::{Logit, ScoreError};

/// Least share of the weights with which a model's dissent counts.
const LEAST_SHARE_OF_A_VOICE: f32 = 0.25;

/// How the scores of a track are joined and, where the sequence model can judge a single picture,
/// those of a still image.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fusion {
    /// Added to the weighted sum.
    pub bias: f32,
    /// Weight of the sequence model, at least 0.
    pub sequence_weight: f32,
    /// Weight of the frame model, at least 0.
    pub frame_weight: f32,
    /// For still images, which the sequence model sees as a track of one frame. Without it the
    /// frame model judges them alone.
    #[serde(default)]
    pub stills: Option<Mix>,
}

/// `logit = bias + sequence_weight·Ls + frame_weight·Lf`, fitted on validation data: Ls is the
/// sequence model's calibrated logit, Lf the frame model's (of a track, the mean over its frames).
/// A model that the bundle does not have has weight 0.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Added to the weighted sum.
    pub bias: f32,
    /// Weight of the sequence model, at least 0.
    pub sequence_weight: f32,
    /// Weight of the frame model, at least 0.
    pub frame_weight: f32,
}

impl Fusion {
    /// For the track of a video.
    pub fn of_tracks(&self) -> Mix {
        Mix {
            bias: self.bias,
            sequence_weight: self.sequence_weight,
            frame_weight: self.frame_weight,
        }
    }

    /// For a still image.
    pub fn of_stills(&self) -> Mix {
        self.stills.unwrap_or_else(|| self.of_tracks())
    }

    /// What is wrong with the weights for a bundle that has these models; empty when they can be
    /// used.
    pub(super) fn problems(&self, has_sequence: bool, has_frame: bool) -> Vec<String> {
        let stills = self.stills.map(|mix| ("fusion.stills", mix));
        let mixes = [("fusion", self.of_tracks())].into_iter().chain(stills);
        mixes
            .flat_map(|(table, mix)| mix.problems(table, has_sequence, has_frame))
            .collect()
    }
}

impl Mix {
    /// The fused logit. Where only one model has a score (the frame model on a still image, or the
    /// bundle's only model), it speaks with both weights.
    ///
    /// # Errors
    /// [`ScoreError::NotFinite`] when the sum overflows, or when neither model has a score.
    pub fn fuse(&self, sequence: Option<Logit>, frame: Option<Logit>) -> Result<Logit, ScoreError> {
        let either = sequence.or(frame).map_or(f32::NAN, Logit::get);
        let frame = frame.map_or(either, Logit::get);
        let sequence = sequence.map_or(frame, Logit::get);
        Logit::new(self.bias + self.sequence_weight * sequence + self.frame_weight * frame)
    }

    /// Whether either model weighs enough that their dissent means something. A bundle that gives one
    /// of them little weight says with it that this one is often wrong.
    pub fn has_two_voices(&self) -> bool {
        let lesser = self.sequence_weight.min(self.frame_weight);
        lesser >= LEAST_SHARE_OF_A_VOICE * (self.sequence_weight + self.frame_weight)
    }

    fn problems(&self, table: &str, has_sequence: bool, has_frame: bool) -> Vec<String> {
        let weights = [self.sequence_weight, self.frame_weight];
        let usable = self.bias.is_finite()
            && weights.iter().all(|w| w.is_finite() && *w >= 0.0)
            && weights.iter().sum::<f32>() > 0.0;
        let absent = |has: bool, weight: f32, name: &str| {
            (!has && weight != 0.0)
                .then(|| format!("{table}.{name} must be 0: the bundle has no such model"))
        };
        let unusable =
            format!("{table}: bias must be finite, the weights at least 0 and not both 0");
        let problems = [
            (!usable).then_some(unusable),
            absent(has_sequence, self.sequence_weight, "sequence_weight"),
            absent(has_frame, self.frame_weight, "frame_weight"),
        ];
        problems.into_iter().flatten().collect()
    }
}

/// Arithmetic mean.
///
/// # Errors
/// [`ScoreError::NotFinite`] for an empty slice or an overflow.
pub(super) fn mean(logits: &[Logit]) -> Result<Logit, ScoreError> {
    let sum: f64 = logits.iter().map(|l| f64::from(l.get())).sum();
    Logit::new((sum / logits.len() as f64) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIX: Mix = Mix {
        bias: 0.25,
        sequence_weight: 0.5,
        frame_weight: 2.0,
    };

    fn wrong_with(mix: Mix, has_sequence: bool, has_frame: bool) -> Vec<String> {
        mix.problems("fusion", has_sequence, has_frame)
    }

    fn logit(value: f32) -> Logit {
        Logit::new(value).unwrap()
    }

    #[test]
    fn logits_are_weighed_and_a_still_image_gives_both_weights_to_the_frame_model() {
        assert_eq!(
            MIX.fuse(Some(logit(2.0)), Some(logit(-1.0))).unwrap().get(),
            -0.75
        );
        assert_eq!(MIX.fuse(None, Some(logit(-1.0))).unwrap().get(), -2.25);
    }

    #[test]
    fn the_only_model_of_a_bundle_speaks_alone_and_no_model_says_nothing() {
        let frame_only = Mix {
            sequence_weight: 0.0,
            ..MIX
        };
        assert_eq!(frame_only.fuse(None, Some(logit(1.0))).unwrap().get(), 2.25);
        let sequence_only = Mix {
            frame_weight: 0.0,
            ..MIX
        };
        let fused = sequence_only.fuse(Some(logit(1.0)), None).unwrap();
        assert_eq!(fused.get(), 0.75);
        assert!(MIX.fuse(None, None).is_err());
    }

    #[test]
    fn a_model_that_is_not_there_may_not_weigh_anything() {
        let problems = wrong_with(MIX, true, false);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("frame_weight"), "{problems:?}");
        assert!(wrong_with(MIX, false, true)[0].contains("sequence_weight"));
    }

    #[test]
    fn still_images_have_weights_of_their_own_where_the_bundle_states_them() {
        let text = "bias = 0.0\nsequence_weight = 1.0\nframe_weight = 0.0\n";
        let without: Fusion = toml::from_str(text).unwrap();
        assert_eq!(without.of_stills(), without.of_tracks());
        let stills = "[stills]\nbias = 0.5\nsequence_weight = 0.25\nframe_weight = 0.75\n";
        let with: Fusion = toml::from_str(&format!("{text}{stills}")).unwrap();
        assert_eq!(with.of_tracks(), without.of_tracks());
        assert_eq!(with.of_stills().frame_weight, 0.75);
        let problems = with.problems(true, false);
        assert!(
            problems[0].contains("fusion.stills.frame_weight"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_model_has_a_voice_from_a_quarter_of_the_weights_on() {
        for (sequence_weight, has_voice) in [(0.6, false), (0.7, true), (2.0, true), (0.0, false)] {
            let mix = Mix {
                sequence_weight,
                ..MIX
            };
            assert_eq!(mix.has_two_voices(), has_voice, "{sequence_weight}");
        }
    }

    #[test]
    fn no_logits_have_no_mean() {
        assert!(mean(&[]).is_err());
        assert_eq!(mean(&[logit(1.0), logit(4.0)]).unwrap().get(), 2.5);
    }

    #[test]
    fn weights_below_zero_or_both_zero_are_refused() {
        assert!(wrong_with(MIX, true, true).is_empty());
        assert!(
            !wrong_with(
                Mix {
                    frame_weight: -0.1,
                    ..MIX
                },
                true,
                true
            )
            .is_empty()
        );
        assert!(
            !wrong_with(
                Mix {
                    sequence_weight: 0.0,
                    frame_weight: 0.0,
                    ..MIX
                },
                true,
                true
            )
            .is_empty()
        );
    }
}
