//! Which faces in successive frames are one person, from boxes alone.
//!
//! Sampled frames may lie a third of a second or more apart, so boxes of one person need not
//! overlap. Frame by frame, open tracks are paired with the faces found so that the total cost
//! is least:
//!
//! - each track states where its face should be by now (constant velocity over its last few
//!   faces), so people who cross keep their direction and do not swap;
//! - a pair costs the distance from that place and, less, from the last place, in face sizes, plus
//!   the change of size and what the boxes do not share;
//! - a pair too far apart or too different in size is no pair (the gate widens with every
//!   frame missed);
//! - a track that found nothing stays open for a few frames; a face without a track opens one.

use super::assignment::assign;
use crate::domain::{Face, FaceBox, Track, TrackedFace};

/// Frames a person may be missed and still be the same track.
const LONGEST_GAP: usize = 5;
/// How far a face moves between two sampled frames at most, in face sizes.
const REACH_SIZES: f32 = 1.0;
/// How much further for each frame missed.
const REACH_PER_MISS_SIZES: f32 = 0.25;
/// Largest ratio of sizes between two faces of one person.
const LARGEST_SIZE_RATIO: f32 = 2.0;
/// Faces at the end of a track that tell its velocity.
const VELOCITY_FACES: usize = 3;
/// Weight of the predicted against the last place, of size, and of overlap.
const PREDICTED_WEIGHT: f32 = 0.7;
const SIZE_WEIGHT: f32 = 0.5;
const OVERLAP_WEIGHT: f32 = 0.3;

/// Links `detections[sample_index]` into tracks. Every face is in exactly one track, a track has
/// at most one face a frame, and tracks are numbered in order of first appearance.
pub fn track(detections: &[Vec<Face>]) -> Vec<Track> {
    let mut tracks: Vec<Track> = Vec::new();
    for (sample_index, faces) in detections.iter().enumerate() {
        let open: Vec<usize> = (0..tracks.len())
            .filter(|&t| sample_index - last(&tracks[t]).sample_index <= LONGEST_GAP + 1)
            .collect();
        let cost = |t: &usize| {
            let costs = faces
                .iter()
                .map(|f| pair_cost(&tracks[*t], f, sample_index));
            costs.map(|c| c.map_or(f64::INFINITY, f64::from)).collect()
        };
        let costs: Vec<Vec<f64>> = open.iter().map(cost).collect();
        let mut taken = vec![false; faces.len()];
        for (track, face) in open.iter().zip(assign(&costs)) {
            if let Some(index) = face {
                taken[index] = true;
                let face = faces[index];
                tracks[*track]
                    .faces
                    .push(TrackedFace { sample_index, face });
            }
        }
        for (&face, _) in faces.iter().zip(taken).filter(|(_, taken)| !taken) {
            tracks.push(Track {
                id: tracks.len() as u32,
                faces: vec![TrackedFace { sample_index, face }],
            });
        }
    }
    tracks
}

/// The tracks of which at least one face reaches `confirm_score`. A person turned away or blurred
/// is found weakly in some frames and well in others; a shadow is found weakly in all of them.
pub fn confirmed(mut tracks: Vec<Track>, confirm_score: f32) -> Vec<Track> {
    let is_sure = |f: &TrackedFace| f.face.detection_score >= confirm_score;
    tracks.retain(|track| track.faces.iter().any(is_sure));
    tracks
}

fn last(track: &Track) -> &TrackedFace {
    let last = track.faces.last();
    last.expect("a track is opened with a face and only grows")
}

/// What it costs to say that `face` is the next of `track`; `None` when it cannot be.
fn pair_cost(track: &Track, face: &Face, sample_index: usize) -> Option<f32> {
    let before = last(track);
    let steps = (sample_index - before.sample_index) as f32;
    let (old, new) = (size(&before.face.bounds), size(&face.bounds));
    let unit = (old + new) / 2.0;

    let moved = shifted(&before.face.bounds, velocity(track), steps);
    let from_predicted = distance(&moved, &face.bounds) / unit;
    let from_last = distance(&before.face.bounds, &face.bounds) / unit;
    let size_change = (new / old).ln().abs();

    let reach = REACH_SIZES + REACH_PER_MISS_SIZES * (steps - 1.0);
    // Comparisons that NaN fails: a box that is not a number pairs with nothing.
    let near = from_predicted.min(from_last) <= reach;
    let alike = size_change <= LARGEST_SIZE_RATIO.ln();
    let apart = 1.0 - moved.overlap_ratio(&face.bounds);
    (near && alike).then_some(
        PREDICTED_WEIGHT * from_predicted
            + (1.0 - PREDICTED_WEIGHT) * from_last
            + SIZE_WEIGHT * size_change
            + OVERLAP_WEIGHT * apart,
    )
}

/// Pixels per sampled frame, from the last few faces; zero for a track of one.
fn velocity(track: &Track) -> (f32, f32) {
    let recent = &track.faces[track.faces.len().saturating_sub(VELOCITY_FACES)..];
    let (first, last) = (&recent[0], last(track));
    let steps = (last.sample_index - first.sample_index).max(1) as f32;
    let (from, to) = (first.face.bounds.centre(), last.face.bounds.centre());
    ((to.0 - from.0) / steps, (to.1 - from.1) / steps)
}

fn shifted(bounds: &FaceBox, velocity: (f32, f32), steps: f32) -> FaceBox {
    FaceBox {
        x: bounds.x + velocity.0 * steps,
        y: bounds.y + velocity.1 * steps,
        ..*bounds
    }
}

fn distance(a: &FaceBox, b: &FaceBox) -> f32 {
    let (a, b) = (a.centre(), b.centre());
    (a.0 - b.0).hypot(a.1 - b.1)
}

fn size(bounds: &FaceBox) -> f32 {
    bounds.area().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Landmarks;
    use proptest::prelude::*;

    /// A face of side `side` centred at `x`, `y`; the score tells people apart in tests only.
    fn face(x: f32, y: f32, side: f32, who: u8) -> Face {
        Face {
            bounds: FaceBox {
                x: x - side / 2.0,
                y: y - side / 2.0,
                width: side,
                height: side,
            },
            landmarks: Landmarks([[0.0; 2]; 5]),
            detection_score: f32::from(who) / 10.0,
        }
    }

    /// For each track, the people in it.
    fn people(tracks: &[Track]) -> Vec<Vec<u8>> {
        let who = |f: &TrackedFace| (f.face.detection_score * 10.0).round() as u8;
        let of = |t: &Track| t.faces.iter().map(who).collect();
        tracks.iter().map(of).collect()
    }

    #[test]
    fn two_people_side_by_side_stay_apart_whatever_the_order_of_detection() {
        let frames: Vec<Vec<Face>> = (0..6)
            .map(|i| {
                let jitter = if i % 2 == 0 { 6.0 } else { -6.0 };
                let mut faces = vec![
                    face(100.0 + jitter, 100.0, 80.0, 1),
                    face(220.0 - jitter, 104.0, 90.0, 2),
                ];
                if i % 2 == 1 {
                    faces.reverse();
                }
                faces
            })
            .collect();
        assert_eq!(people(&track(&frames)), [vec![1; 6], vec![2; 6]]);
    }

    #[test]
    fn people_who_cross_keep_their_direction() {
        let frames: Vec<Vec<Face>> = (0..9)
            .map(|i| {
                let step = 40.0 * i as f32;
                vec![
                    face(100.0 + step, 200.0, 100.0, 1),
                    face(420.0 - step, 210.0, 100.0, 2),
                ]
            })
            .collect();
        assert_eq!(people(&track(&frames)), [vec![1; 9], vec![2; 9]]);
    }

    #[test]
    fn one_hidden_while_crossing_is_found_again_on_the_other_side() {
        let frames: Vec<Vec<Face>> = (0..9)
            .map(|i| {
                let step = 40.0 * i as f32;
                let mut faces = vec![face(100.0 + step, 200.0, 100.0, 1)];
                if !(3..=5).contains(&i) {
                    faces.push(face(420.0 - step, 210.0, 100.0, 2));
                }
                faces
            })
            .collect();
        assert_eq!(people(&track(&frames)), [vec![1; 9], vec![2; 6]]);
    }

    #[test]
    fn a_short_gap_is_bridged_and_a_long_one_is_not() {
        let with_gap = |gap: usize| {
            let mut frames = vec![vec![face(50.0, 50.0, 40.0, 1)]];
            frames.extend(vec![vec![]; gap]);
            frames.push(vec![face(55.0, 52.0, 41.0, 1)]);
            track(&frames).len()
        };
        assert_eq!(with_gap(LONGEST_GAP), 1);
        assert_eq!(with_gap(LONGEST_GAP + 1), 2);
    }

    #[test]
    fn a_face_that_jumps_across_the_picture_or_doubles_is_another_person() {
        let jump = [
            vec![face(50.0, 50.0, 40.0, 1)],
            vec![face(300.0, 50.0, 40.0, 2)],
        ];
        assert_eq!(track(&jump).len(), 2);
        let growth = [
            vec![face(50.0, 50.0, 40.0, 1)],
            vec![face(50.0, 50.0, 90.0, 2)],
        ];
        assert_eq!(track(&growth).len(), 2);
    }

    #[test]
    fn a_fast_face_that_never_overlaps_itself_is_one_track() {
        let frames: Vec<Vec<Face>> = (0..5)
            .map(|i| vec![face(50.0 + 38.0 * i as f32, 50.0, 40.0, 1)])
            .collect();
        assert_eq!(track(&frames).len(), 1);
    }

    #[test]
    fn a_track_is_a_person_once_a_face_of_it_is_sure() {
        let weak_then_sure = vec![face(50.0, 50.0, 40.0, 4), face(300.0, 50.0, 40.0, 5)];
        let frames = [weak_then_sure, vec![face(52.0, 50.0, 40.0, 8)]];
        let people = confirmed(track(&frames), 0.7);
        assert_eq!(people.len(), 1);
        assert_eq!(people[0].faces.len(), 2);
    }

    fn any_face() -> impl Strategy<Value = Face> {
        (0f32..600.0, 0f32..400.0, 1f32..200.0, 0u8..10)
            .prop_map(|(x, y, side, who)| face(x, y, side, who))
    }

    proptest! {
        #[test]
        fn every_face_is_in_one_track_and_no_track_has_two_in_a_frame(
            frames in proptest::collection::vec(proptest::collection::vec(any_face(), 0..6), 0..12)
        ) {
            let tracks = track(&frames);
            let mut linked: Vec<Vec<Face>> = vec![Vec::new(); frames.len()];
            for (number, track) in tracks.iter().enumerate() {
                prop_assert_eq!(track.id as usize, number);
                prop_assert!(!track.faces.is_empty());
                prop_assert!(track.faces.windows(2).all(|w| w[0].sample_index < w[1].sample_index));
                for tracked in &track.faces {
                    linked[tracked.sample_index].push(tracked.face);
                }
            }
            let first = |t: &Track| t.faces[0].sample_index;
            prop_assert!(tracks.windows(2).all(|w| first(&w[0]) <= first(&w[1])));
            for (found, given) in linked.iter_mut().zip(&frames) {
                let mut given = given.clone();
                let key = |f: &Face| (f.bounds.x.to_bits(), f.bounds.y.to_bits(), f.detection_score.to_bits());
                found.sort_by_key(key);
                given.sort_by_key(key);
                prop_assert_eq!(&*found, &given);
            }
        }
    }
}
