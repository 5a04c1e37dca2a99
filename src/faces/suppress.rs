//! From many answers about each face to one: suppression, then a vote of those who agree.
//!
//! Neighbouring cells, and cells of two strides, answer for the same face, each with an error partly
//! its own. The strongest decides that there is a face; box and landmarks are the mean over all
//! candidates that overlap it by more than [`VOTE_IOU`], weighted by the square of their scores. The
//! score stays the strongest one's. `scripts/train/detector/decode.py` does the same;
//! `tests/fixtures/detector/votes.json` holds both to it.

use std::cmp::Ordering;

use crate::domain::{Face, FaceBox, Landmarks};

/// Overlap from which a candidate has a say. On validation people the landmark error is the same for
/// anything from 0.4 to 0.7.
const VOTE_IOU: f32 = 0.6;
/// Candidates that go into suppression, strongest first. A crowd has tens of faces; a hostile
/// picture could light every one of 8400 cells and suppression is quadratic.
const MAX_CANDIDATES: usize = 2000;
/// Numbers of a face that are averaged: box and five points.
const NUMBERS: usize = 14;

/// One face per person among `candidates`: greedy non-maximum suppression, in which the strongest
/// drops what overlaps it by more than `iou`, then the vote. Strongest first; the order of the
/// candidates does not matter.
pub(super) fn settle(candidates: Vec<Face>, iou: f32) -> Vec<Face> {
    let ranked = rank(candidates);
    let kept = suppress(&ranked, iou);
    kept.iter().map(|face| vote(face, &ranked)).collect()
}

/// Strongest first, equals by their place, at most [`MAX_CANDIDATES`].
fn rank(mut faces: Vec<Face>) -> Vec<Face> {
    faces.sort_by(|a, b| {
        let by_score = b.detection_score.total_cmp(&a.detection_score);
        by_score.then_with(|| compare_places(a, b))
    });
    faces.truncate(MAX_CANDIDATES);
    faces
}

fn compare_places(a: &Face, b: &Face) -> Ordering {
    let pairs = numbers(a).into_iter().zip(numbers(b));
    pairs
        .map(|(a, b)| a.total_cmp(&b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn suppress(ranked: &[Face], iou: f32) -> Vec<Face> {
    let mut kept: Vec<Face> = Vec::new();
    for face in ranked {
        let overlaps = |k: &Face| k.bounds.overlap_ratio(&face.bounds) > iou;
        if !kept.iter().any(overlaps) {
            kept.push(*face);
        }
    }
    kept
}

/// The mean of the candidates that agree with `face`, itself among them.
fn vote(face: &Face, candidates: &[Face]) -> Face {
    let (mut sum, mut weights) = ([0f64; NUMBERS], 0f64);
    let agrees = |c: &&Face| c.bounds.overlap_ratio(&face.bounds) > VOTE_IOU;
    for voter in candidates.iter().filter(agrees) {
        let weight = f64::from(voter.detection_score).powi(2);
        for (total, value) in sum.iter_mut().zip(numbers(voter)) {
            *total += weight * f64::from(value);
        }
        weights += weight;
    }
    if weights > 0.0 {
        from_numbers(
            sum.map(|total| (total / weights) as f32),
            face.detection_score,
        )
    } else {
        *face // scores of zero
    }
}

fn numbers(face: &Face) -> [f32; NUMBERS] {
    let FaceBox {
        x,
        y,
        width,
        height,
    } = face.bounds;
    let points = face.landmarks.0;
    std::array::from_fn(|n| match n {
        0 => x,
        1 => y,
        2 => width,
        3 => height,
        _ => points[(n - 4) / 2][n % 2],
    })
}

fn from_numbers(n: [f32; NUMBERS], detection_score: f32) -> Face {
    Face {
        bounds: FaceBox {
            x: n[0],
            y: n[1],
            width: n[2],
            height: n[3],
        },
        landmarks: Landmarks(std::array::from_fn(|p| [n[4 + 2 * p], n[5 + 2 * p]])),
        detection_score,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn face(x: f32, detection_score: f32) -> Face {
        Face {
            bounds: FaceBox {
                x,
                y: 0.0,
                width: 10.0,
                height: 10.0,
            },
            landmarks: Landmarks(std::array::from_fn(|n| [x + n as f32, n as f32])),
            detection_score,
        }
    }

    #[test]
    fn the_stronger_of_two_overlapping_faces_stays() {
        let ranked = rank(vec![face(0.0, 0.7), face(1.0, 0.9), face(30.0, 0.6)]);
        assert_eq!(suppress(&ranked, 0.3), [face(1.0, 0.9), face(30.0, 0.6)]);
    }

    #[test]
    fn those_who_agree_are_averaged_by_the_square_of_their_scores() {
        let settled = settle(vec![face(0.0, 0.4), face(1.0, 0.8)], 0.3);
        assert_eq!(settled, [face(0.8, 0.8)]);
    }

    #[test]
    fn what_overlaps_too_little_to_agree_is_dropped_without_a_say() {
        let settled = settle(vec![face(0.0, 0.9), face(4.0, 0.8)], 0.3); // overlap 6 / 14
        assert_eq!(settled, [face(0.0, 0.9)]);
    }

    /// The cases that `decode.py` was given, and what it answered.
    #[test]
    fn the_training_scripts_settle_the_same_candidates_to_the_same_faces() {
        #[derive(serde::Deserialize)]
        struct Case {
            nms_iou: f32,
            candidates: Vec<[f32; 15]>,
            settled: Vec<[f32; 15]>,
        }
        let read = |row: &[f32; 15]| from_numbers(std::array::from_fn(|n| row[n]), row[14]);
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/fixtures/detector/votes.json")).unwrap();
        assert!(cases.len() >= 3);
        for case in cases {
            let found = settle(case.candidates.iter().map(read).collect(), case.nms_iou);
            assert_eq!(found.len(), case.settled.len());
            for (face, expected) in found.iter().zip(&case.settled) {
                assert_eq!(face.detection_score, expected[14]);
                let apart = numbers(face)
                    .into_iter()
                    .zip(expected)
                    .map(|(a, b)| (a - b).abs());
                assert!(
                    apart.fold(0.0, f32::max) < 1e-3,
                    "{face:?} is not {expected:?}"
                );
            }
        }
    }

    fn any_face() -> impl Strategy<Value = Face> {
        let place = (0f32..60.0, 0f32..60.0, 5f32..40.0, 5f32..40.0);
        let points = proptest::array::uniform5(proptest::array::uniform2(-20f32..120.0));
        (place, points, 0.01f32..1.0).prop_map(|((x, y, width, height), points, score)| Face {
            bounds: FaceBox {
                x,
                y,
                width,
                height,
            },
            landmarks: Landmarks(points),
            detection_score: score,
        })
    }

    fn candidates() -> impl Strategy<Value = Vec<Face>> {
        proptest::collection::vec(any_face(), 0..40)
    }

    proptest! {
        #[test]
        fn survivors_never_overlap_by_more_than_the_limit(faces in candidates(), iou in 0f32..1.0) {
            let kept = suppress(&rank(faces.clone()), iou);
            prop_assert_eq!(kept.is_empty(), faces.is_empty());
            for (i, a) in kept.iter().enumerate() {
                for b in &kept[i + 1..] {
                    prop_assert!(a.bounds.overlap_ratio(&b.bounds) <= iou);
                }
            }
        }

        #[test]
        fn one_lonely_face_stays_as_it_is(face in any_face()) {
            prop_assert_eq!(settle(vec![face], 0.3), [face]);
        }

        #[test]
        fn a_settled_face_lies_within_the_hull_of_those_who_agree(faces in candidates()) {
            let ranked = rank(faces);
            for strongest in suppress(&ranked, 0.3) {
                let agrees = |c: &&Face| c.bounds.overlap_ratio(&strongest.bounds) > VOTE_IOU;
                let voters: Vec<_> = ranked.iter().filter(agrees).map(numbers).collect();
                for (n, value) in numbers(&vote(&strongest, &ranked)).into_iter().enumerate() {
                    let low = voters.iter().map(|v| v[n]).fold(f32::INFINITY, f32::min);
                    let high = voters.iter().map(|v| v[n]).fold(f32::NEG_INFINITY, f32::max);
                    prop_assert!((low..=high).contains(&value), "{value} in {low} to {high}");
                }
            }
        }

        #[test]
        fn the_order_of_the_candidates_does_not_matter(
            (faces, shuffled) in candidates()
                .prop_flat_map(|faces| (Just(faces.clone()), Just(faces).prop_shuffle()))
        ) {
            prop_assert_eq!(settle(faces, 0.3), settle(shuffled, 0.3));
        }
    }
}
