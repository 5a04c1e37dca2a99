use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::Landmarks;

const FRAME: (u32, u32) = (1280, 720);

/// A film whose faces are known, which counts how it is looked at.
#[derive(Default)]
struct Film {
    /// Faces by frame.
    faces: BTreeMap<usize, Vec<Face>>,
    /// Frames that begin another picture.
    cuts: Vec<usize>,
    whole: Vec<usize>,
    windows: usize,
}

impl Film {
    fn show(&mut self, frames: impl IntoIterator<Item = usize>, face: impl Fn(usize) -> Face) {
        for frame in frames {
            self.faces.entry(frame).or_default().push(face(frame));
        }
    }

    fn of(&self, frame: usize) -> Vec<Face> {
        self.faces.get(&frame).cloned().unwrap_or_default()
    }

    fn scene(&self, frame: usize) -> usize {
        self.cuts.iter().filter(|&&cut| cut <= frame).count()
    }

    fn search(&mut self, count: usize, stride: usize) -> Vec<Vec<Face>> {
        search(self, count, stride, &mut |_| ()).unwrap()
    }
}

impl Look for Film {
    fn at_whole(&mut self, frame: usize) -> Result<Vec<Face>, FacesError> {
        self.whole.push(frame);
        Ok(self.of(frame))
    }

    fn through(&mut self, frame: usize, window: &Window) -> Result<Vec<Face>, FacesError> {
        self.windows += 1;
        let seen = |face: &Face| window.shows(face.bounds.centre());
        Ok(self.of(frame).into_iter().filter(seen).collect())
    }

    fn size(&self, _: usize) -> (u32, u32) {
        FRAME
    }

    fn window_cost(&self, _: usize) -> f32 {
        0.2
    }

    fn is_cut(&self, one: usize, other: usize) -> bool {
        self.scene(one) != self.scene(other)
    }

    fn is_sure(&self, face: &Face) -> bool {
        face.detection_score >= 0.65
    }
}

fn face(x: f32, detection_score: f32) -> Face {
    Face {
        bounds: FaceBox {
            x,
            y: 200.0,
            width: 100.0,
            height: 120.0,
        },
        landmarks: Landmarks([[x, 200.0]; 5]),
        detection_score,
    }
}

#[test]
fn a_person_who_stays_is_looked_for_in_few_whole_frames_and_found_in_all() {
    let mut film = Film::default();
    film.show(0..30, |frame| face(500.0 + 4.0 * frame as f32, 0.9));
    let found = film.search(30, 8);
    assert_eq!(film.whole, [0, 8, 16, 24, 29]);
    assert!((0..30).all(|frame| found[frame] == film.of(frame)));
}

#[test]
fn who_comes_in_between_two_looks_is_found_from_the_first_frame_on() {
    let mut film = Film::default();
    film.show(0..30, |_| face(300.0, 0.9));
    film.show(11..30, |_| face(800.0, 0.9));
    let found = film.search(30, 8);
    assert!((0..30).all(|frame| found[frame] == film.of(frame)));
    assert!(film.whole.len() < 12, "{:?}", film.whole);
}

#[test]
fn where_nobody_is_seen_every_frame_is_looked_at() {
    let mut film = Film::default();
    film.show([5], |_| face(300.0, 0.9));
    let found = film.search(9, 8);
    assert_eq!(found[5].len(), 1);
    assert_eq!(film.whole.len(), 9);
}

#[test]
fn a_picture_that_is_cut_in_for_some_frames_is_looked_at_whole() {
    let mut film = Film {
        cuts: vec![3, 5],
        ..Film::default()
    };
    film.show((0..3).chain(5..9), |_| face(300.0, 0.9));
    // At the same place there is a face in it, beside another.
    film.show(3..5, |_| face(310.0, 0.9));
    film.show(3..5, |_| face(900.0, 0.9));
    let found = film.search(9, 8);
    assert_eq!(found[3].len() + found[4].len(), 4);
}

#[test]
fn a_face_that_is_not_where_it_should_be_is_looked_for_in_the_whole_frame() {
    let mut film = Film::default();
    film.show((0..9).filter(|frame| *frame != 4), |_| face(300.0, 0.9));
    film.show([4], |_| face(900.0, 0.9));
    let found = film.search(9, 8);
    assert_eq!(found[4], film.of(4));
    assert!(film.whole.contains(&4));
}

#[test]
fn a_doubtful_face_in_one_look_alone_does_not_make_every_frame_a_whole_look() {
    let mut film = Film::default();
    film.show(0..9, |_| face(300.0, 0.9));
    film.show([8], |_| face(900.0, 0.55));
    film.search(9, 8);
    assert_eq!(film.whole, [0, 8]);
}

#[test]
fn a_crowd_is_looked_at_whole() {
    let mut film = Film::default();
    for person in 0..6 {
        film.show(0..9, |_| face(150.0 * person as f32, 0.9));
    }
    film.search(9, 8);
    assert_eq!(film.whole.len(), 9);
    assert_eq!(film.windows, 0);
}

#[test]
fn one_found_for_two_is_looked_at_whole() {
    let mut film = Film::default();
    film.show((0..9).filter(|frame| *frame != 4), |_| face(300.0, 0.9));
    film.show(0..9, |_| face(360.0, 0.9));
    let found = film.search(9, 8);
    assert_eq!(found[4], film.of(4));
    assert!(film.whole.contains(&4));
}

#[test]
fn frames_far_apart_are_all_looked_at_whole_and_close_ones_seldom() {
    assert_eq!(stride(0.04), LONGEST_STRIDE);
    assert_eq!(stride(0.333), LONGEST_STRIDE);
    assert_eq!(stride(1.0), 4);
    assert_eq!(stride(20.0), 1);
    assert_eq!(stride(0.0), 1);
    assert_eq!(stride(f64::NAN), 1);
}

proptest! {
    /// People who move at a steady pace, come and go at ends of gaps, and never lie over each other.
    #[test]
    fn whoever_is_there_at_the_whole_looks_is_found_in_every_frame(
        people in prop::collection::vec((0usize..4, 1usize..4, -6f32..6.0), 1..3),
        stride in 1usize..9,
    ) {
        let count = 25;
        let mut film = Film::default();
        for (row, (from, length, speed)) in people.iter().enumerate() {
            let frames = (from * stride).min(count)..((from + length) * stride + 1).min(count);
            film.show(frames, |frame| {
                let mut face = face(500.0 + speed * frame as f32, 0.9);
                face.bounds.y = 300.0 * row as f32;
                face
            });
        }
        let found = film.search(count, stride);
        for (frame, found) in found.iter().enumerate() {
            prop_assert_eq!(found, &film.of(frame), "frame {}", frame);
        }
    }

    #[test]
    fn every_frame_is_told_of_once_and_in_order(count in 0usize..40, stride in 0usize..12) {
        let mut film = Film::default();
        film.show(0..count, |_| face(300.0, 0.9));
        let mut told = Vec::new();
        let found = search(&mut film, count, stride, &mut |looked_at| told.push(looked_at)).unwrap();
        prop_assert_eq!(found.len(), count);
        prop_assert_eq!(told, (1..=count).collect::<Vec<_>>());
    }
}
