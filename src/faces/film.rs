//! The detector on successive frames of one film: what [`search`](super::search) looks with.

use super::search::{Look, search, stride};
use super::window::Window;
use super::{Detector, FacesError};
use crate::domain::{Face, Rgb8Image};

/// Points of a frame that tell whether it shows another picture, across and down.
const GLIMPSE_POINTS: (u32, u32) = (32, 18);
/// Mean difference of these points' channels, of 255, from which the picture is another one. Of thirty films, frames up to eight
/// apart differ by 5 (median) and 28 (95 %); frames of two films by more than 29 (95 %). A mistake costs a whole look.
const CUT_DIFFERENCE: u32 = 30;

impl Detector {
    /// The faces of each of `frames`, which lie `spacing_s` seconds apart, in their pixels. Not every frame is looked at
    /// whole: between those that are, faces are followed through windows around them. `tell` hears in how many of them faces were looked for.
    ///
    /// # Errors
    /// [`FacesError::Vision`] when OpenCV fails.
    pub fn detect_all(
        &mut self,
        frames: &[&Rgb8Image],
        spacing_s: f64,
        tell: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<Face>>, FacesError> {
        let mut film = Film {
            glimpses: frames.iter().map(|frame| glimpse(frame)).collect(),
            detector: self,
            frames,
        };
        search(&mut film, frames.len(), stride(spacing_s), tell)
    }
}

struct Film<'a> {
    detector: &'a mut Detector,
    frames: &'a [&'a Rgb8Image],
    glimpses: Vec<Vec<u8>>,
}

impl Look for Film<'_> {
    fn at_whole(&mut self, frame: usize) -> Result<Vec<Face>, FacesError> {
        self.detector.detect(self.frames[frame])
    }

    fn through(&mut self, frame: usize, window: &Window) -> Result<Vec<Face>, FacesError> {
        self.detector.detect_through(window, self.frames[frame])
    }

    fn size(&self, frame: usize) -> (u32, u32) {
        let image = self.frames[frame];
        (image.width_px(), image.height_px())
    }

    fn window_cost(&self, frame: usize) -> f32 {
        self.detector.window_cost(self.frames[frame])
    }

    fn is_cut(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.glimpses[one], &self.glimpses[other]);
        let differences = one
            .iter()
            .zip(other)
            .map(|(a, b)| u32::from(a.abs_diff(*b)));
        differences.sum::<u32>() > CUT_DIFFERENCE * one.len() as u32
    }

    fn is_sure(&self, face: &Face) -> bool {
        face.detection_score >= self.detector.confirm_score()
    }
}

/// The colours of evenly spaced points, row by row.
fn glimpse(image: &Rgb8Image) -> Vec<u8> {
    let (width, height) = (image.width_px(), image.height_px());
    let (across, down) = GLIMPSE_POINTS;
    let middle = |point: u32, points: u32, side: u32| {
        (u64::from(side) * (2 * u64::from(point) + 1) / (2 * u64::from(points))) as usize
    };
    let mut colours = Vec::with_capacity((across * down * 3) as usize);
    for row in 0..down {
        let line = middle(row, down, height) * width as usize;
        for column in 0..across {
            let at = 3 * (line + middle(column, across, width));
            colours.extend_from_slice(&image.pixels()[at..at + 3]);
        }
    }
    colours
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn plain(width: u32, height: u32, level: u8) -> Rgb8Image {
        Rgb8Image::new(width, height, vec![level; (width * height * 3) as usize]).unwrap()
    }

    fn detector() -> Detector {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        Detector::load(&models.join("face-detector-s")).unwrap()
    }

    #[test]
    fn a_picture_of_any_size_has_a_glimpse() {
        for (width, height) in [(1, 1), (1, 500), (31, 17), (1920, 1080)] {
            assert_eq!(glimpse(&plain(width, height, 7)), vec![7; 32 * 18 * 3]);
        }
    }

    #[test]
    fn another_picture_is_a_cut_and_a_little_more_light_is_none() {
        let frames = [100, 115, 200].map(|level| plain(64, 48, level));
        let frames: Vec<&Rgb8Image> = frames.iter().collect();
        let film = Film {
            detector: &mut detector(),
            glimpses: frames.iter().map(|frame| glimpse(frame)).collect(),
            frames: &frames,
        };
        assert!(!film.is_cut(0, 1));
        assert!(film.is_cut(1, 2));
    }

    #[test]
    fn pictures_of_nothing_have_no_faces_whatever_their_sizes() {
        let frames = [(1, 1), (640, 360), (7, 900), (640, 360)].map(|(w, h)| plain(w, h, 90));
        let frames: Vec<&Rgb8Image> = frames.iter().collect();
        let found = detector().detect_all(&frames, 0.3, &mut |_| ()).unwrap();
        assert!(found.iter().all(Vec::is_empty));
        assert!(
            detector()
                .detect_all(&[], 0.3, &mut |_| ())
                .unwrap()
                .is_empty()
        );
    }
}
