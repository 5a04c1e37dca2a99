//! Variations of the faces in a picture, scored beside the faces themselves.
//!
//! The aligned crops are varied, not the picture: a face is found and turned upright once, so that
//! what differs is what the networks see and nothing else.

use std::time::Instant;

use super::AnalysisError;
use crate::domain::{Probability, Rgb8Image};
use crate::inference::{Clip, Scorer};
use crate::media::{MediaError, Variation};

/// What the networks say of a variation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Varied<V = Variation> {
    /// How the faces were changed.
    pub variation: V,
    /// P(fake) of the most suspect person.
    pub probability_fake: Probability,
}

/// Varies `clips` now, as `made` says, and scores them, all at once, when the future runs; nothing for a variation
/// of no clip.
///
/// # Errors
/// [`AnalysisError::Media`] when a crop cannot be varied; the future as [`Scorer::score`].
pub(super) fn score<'a, V, M>(
    scorer: &'a Scorer,
    clips: &[Option<Clip>],
    variations: &[V],
    made: M,
    deadline: Instant,
) -> Result<
    impl Future<Output = Result<Vec<Varied<V>>, AnalysisError>> + use<'a, V, M>,
    AnalysisError,
>
where
    V: Copy + PartialEq,
    M: Fn(V, &Rgb8Image) -> Result<Rgb8Image, MediaError>,
{
    let mut varied = Vec::new();
    for &variation in variations {
        for clip in clips.iter().flatten() {
            let crops = clip.crops.iter().map(|crop| made(variation, crop));
            let crops = crops.collect::<Result<_, _>>()?;
            let is_still = clip.is_still;
            varied.push((variation, Clip { crops, is_still }));
        }
    }
    let scores = varied.into_iter().map(move |(variation, clip)| async move {
        let scores = scorer.score(clip, deadline).await?;
        Ok::<_, AnalysisError>(Varied {
            variation,
            probability_fake: scores.fused_track.probability(),
        })
    });
    let scores = futures_util::future::try_join_all(scores);
    Ok(async move { Ok(most_suspect(scores.await?)) })
}

/// One for each variation: the person it makes look worst. Those of one variation are in a row.
fn most_suspect<V: PartialEq>(scores: Vec<Varied<V>>) -> Vec<Varied<V>> {
    let mut worst: Vec<Varied<V>> = Vec::new();
    for next in scores {
        match worst.last_mut() {
            Some(last) if last.variation == next.variation => {
                if next.probability_fake.get() > last.probability_fake.get() {
                    *last = next;
                }
            }
            _ => worst.push(next),
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_who_looks_worst_speaks_for_a_variation() {
        let varied = |variation, probability| Varied {
            variation,
            probability_fake: Probability::new(probability).unwrap(),
        };
        let (grey, flipped) = (Variation::Grayscale, Variation::FlipHorizontal);
        let people = vec![
            varied(grey, 0.2),
            varied(grey, 0.7),
            varied(flipped, 0.6),
            varied(flipped, 0.1),
        ];
        let worst = most_suspect(people);
        assert_eq!(worst, [varied(grey, 0.7), varied(flipped, 0.6)]);
    }
}
