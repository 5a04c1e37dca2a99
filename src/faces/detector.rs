//! The face detector: from a picture to the faces on it.

use std::path::Path;

use opencv::core::{Mat, MatExprTraitConst, MatTraitConst, Size};

use super::FacesError;
use super::decode::{Level, candidates, unscale};
use super::fit::Fit;
use super::manifest::{Architecture, Manifest, SIZE_MULTIPLE_PX};
use super::network::{Map, Network};
use super::suppress::settle;
use super::window::{WINDOW_PX, Window};
use crate::domain::{Face, ModelIdentity, ModelRole, Rgb8Image};

/// The kinds of maps a level has, and their channels.
const MAPS: [(&str, i64); 3] = [("cls", 1), ("bbox", 4), ("kps", 10)];
/// Square on which a freshly loaded network proves that it gives what it should.
const PROOF_PX: u32 = 64;

/// Finds faces. `Send` but not shared: each decode thread loads its own.
pub struct Detector {
    identity: ModelIdentity,
    architecture: Architecture,
    network: Network,
    /// `cls_8, bbox_8, kps_8, cls_16, …`
    map_names: Vec<String>,
}

impl Detector {
    /// Loads the detector in `folder` (`manifest.toml` and its ONNX file) and runs it once.
    ///
    /// # Errors
    /// [`FacesError::Manifest`], [`FacesError::Unreadable`], [`FacesError::Digest`] when the file
    /// is not the stated one (checked before it is parsed), [`FacesError::Network`] when it does
    /// not give the maps of its family, [`FacesError::Runtime`] when there is nothing to run it.
    pub fn load(folder: &Path) -> Result<Self, FacesError> {
        let manifest = Manifest::read(folder)?;
        let bytes = manifest.read_weights(folder)?;
        let refused = |problem: String| FacesError::Network {
            path: manifest.weights_path(folder),
            problem,
        };
        let network = Network::parse(bytes, refused)?;
        let mut detector = Self {
            identity: ModelIdentity {
                name: manifest.name.clone(),
                version: manifest.version.clone(),
                role: ModelRole::Detector,
                sha256: manifest.weights.sha256.clone(),
                foundation: None,
            },
            map_names: map_names(&manifest.architecture.strides),
            architecture: manifest.architecture.clone(),
            network,
        };
        detector.prove().map_err(refused)?;
        Ok(detector)
    }

    /// Which detector this is.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// Confidence that a track must reach at least once to be a person: see
    /// [`super::confirmed`].
    pub fn confirm_score(&self) -> f32 {
        self.architecture.confirmed_at()
    }

    /// How many threads the network may use, the caller's among them; 1 until told otherwise. Faces do not depend on it.
    ///
    /// # Errors
    /// [`FacesError::Inference`] when they cannot be had.
    pub fn bound_threads(&mut self, threads: u32) -> Result<(), FacesError> {
        self.network.bound_threads(threads)
    }

    /// Faces of an upright picture, in its pixels, largest first. Boxes and points may reach past
    /// the edges.
    ///
    /// # Errors
    /// [`FacesError::Vision`], [`FacesError::Inference`] when OpenCV or ONNX Runtime fail.
    pub fn detect(&mut self, image: &Rgb8Image) -> Result<Vec<Face>, FacesError> {
        let fit = Fit::of(image, self.architecture.input_px);
        let padded = fit.apply(image)?;
        let maps = self.network.run(&padded, &self.map_names)?;
        let found = self.distinct_faces(&maps, fit.padded);
        let mut faces: Vec<Face> = found.into_iter().map(|f| unscale(f, fit.ratio)).collect();
        faces.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
        Ok(faces)
    }

    /// Faces seen through a window of an upright picture, in its pixels, surest first.
    ///
    /// # Errors
    /// As [`Self::detect`].
    pub(super) fn detect_through(
        &mut self,
        window: &Window,
        image: &Rgb8Image,
    ) -> Result<Vec<Face>, FacesError> {
        let square = window.apply(image)?;
        let size = square
            .size()
            .map_err(FacesError::while_doing("measure a window"))?;
        let maps = self.network.run(&square, &self.map_names)?;
        let found = self.distinct_faces(&maps, size);
        Ok(found
            .into_iter()
            .map(|face| window.to_frame(face))
            .collect())
    }

    /// Cost of [`Self::detect_through`], that of [`Self::detect`] being 1.
    pub(super) fn window_cost(&self, image: &Rgb8Image) -> f32 {
        let whole = Fit::of(image, self.architecture.input_px).padded;
        (WINDOW_PX * WINDOW_PX) as f32 / whole.area() as f32
    }

    fn distinct_faces(&self, maps: &[Map], input: Size) -> Vec<Face> {
        let levels = self
            .architecture
            .strides
            .iter()
            .zip(maps.chunks(MAPS.len()));
        let found = levels.flat_map(|(&stride, maps)| {
            let level = Level {
                stride,
                rows: input.height as usize / stride as usize,
                columns: input.width as usize / stride as usize,
                scores: &maps[0].values,
                boxes: &maps[1].values,
                points: &maps[2].values,
            };
            candidates(&level, self.architecture.score_threshold)
        });
        settle(found.collect(), self.architecture.nms_iou)
    }

    /// Runs the network once on black and checks the shape of every map, so that a wrong file is
    /// refused at start and [`Self::detect`] may rely on the shapes.
    fn prove(&mut self) -> Result<(), String> {
        let is_absent = |name: &&String| !self.network.outputs().any(|output| output == *name);
        let absent: Vec<&str> = (self.map_names.iter().filter(is_absent))
            .map(String::as_str)
            .collect();
        if !absent.is_empty() {
            return Err(format!("outputs {} are missing", absent.join(", ")));
        }
        for side in [PROOF_PX, PROOF_PX + SIZE_MULTIPLE_PX] {
            self.prove_at(i64::from(side))?;
        }
        Ok(())
    }

    fn prove_at(&mut self, side: i64) -> Result<(), String> {
        let black = Mat::zeros(side as i32, side as i32, opencv::core::CV_8UC3);
        let black = black.and_then(|m| m.to_mat()).map_err(|e| e.to_string())?;
        let maps = self.network.run(&black, &self.map_names);
        let maps = maps.map_err(|e| e.to_string())?;
        for (index, map) in maps.iter().enumerate() {
            let stride = i64::from(self.architecture.strides[index / MAPS.len()]);
            let (kind, channels) = MAPS[index % MAPS.len()];
            let expected = [1, channels, side / stride, side / stride];
            if map.shape != expected {
                return Err(format!(
                    "{kind}_{stride} has shape {:?}, expected {expected:?} of f32",
                    map.shape
                ));
            }
        }
        Ok(())
    }
}

/// Bounds the threads OpenCV uses in the whole process; 1 means none besides the caller's.
///
/// # Errors
/// [`FacesError::Vision`] when OpenCV refuses.
pub fn bound_threads(threads: u32) -> Result<(), FacesError> {
    opencv::core::set_num_threads(threads.clamp(1, 1024) as i32)
        .map_err(FacesError::while_doing("bound its threads"))
}

fn map_names(strides: &[u32]) -> Vec<String> {
    let level = |stride: &u32| MAPS.map(|(kind, _)| format!("{kind}_{stride}"));
    strides.iter().flat_map(level).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sha2::{Digest, Sha256};
    use tempfile::TempDir;

    use super::super::manifest::tests::manifest_text;
    use super::*;
    use crate::domain::FaceBox;

    /// See `tests/fixtures/detector/make.py`.
    const COLOURS: &[u8] = include_bytes!("../../tests/fixtures/detector/colours.onnx");
    const RED: [u8; 3] = [255, 0, 0];
    const BLUE: [u8; 3] = [0, 0, 255];

    fn folder(onnx: &[u8], stated_sha256: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("detector.onnx"), onnx).unwrap();
        fs::write(
            folder.path().join("manifest.toml"),
            manifest_text(stated_sha256),
        )
        .unwrap();
        folder
    }

    fn load(onnx: &[u8]) -> Result<Detector, FacesError> {
        let sha256 = hex::encode(Sha256::digest(onnx));
        Detector::load(folder(onnx, &sha256).path())
    }

    /// Black, with one square of colour.
    fn picture(size: (u32, u32), at: (u32, u32), side: u32, colour: [u8; 3]) -> Rgb8Image {
        let inside = |v: u32, from: u32| (from..from + side).contains(&v);
        let pixel = |i: u32| {
            let lit = inside(i % size.0, at.0) && inside(i / size.0, at.1);
            if lit { colour } else { [0; 3] }
        };
        let pixels = (0..size.0 * size.1).flat_map(pixel).collect();
        Rgb8Image::new(size.0, size.1, pixels).unwrap()
    }

    fn close(a: f32, b: f32) -> bool {
        (a - b).abs() < 0.05
    }

    #[test]
    fn a_face_is_found_in_pixels_of_the_frame_and_blue_is_not_red() {
        let mut detector = load(COLOURS).unwrap();
        let found = detector
            .detect(&picture((200, 120), (64, 32), 8, RED))
            .unwrap();
        assert_eq!(found.len(), 1);
        let FaceBox {
            x,
            y,
            width,
            height,
        } = found[0].bounds;
        assert!(close(x, 60.0) && close(y, 28.0) && close(width, 16.0) && close(height, 16.0));
        assert_eq!(found[0].landmarks.0[4], [68.0, 36.0]);

        let blue = detector.detect(&picture((200, 120), (64, 32), 32, BLUE));
        assert!(close(blue.unwrap()[0].bounds.width, 64.0));
    }

    #[test]
    fn a_large_frame_is_scaled_down_and_its_faces_are_scaled_back() {
        let mut detector = load(COLOURS).unwrap();
        let found = detector
            .detect(&picture((2560, 1440), (1280, 320), 32, RED))
            .unwrap();
        assert_eq!(found.len(), 1);
        assert!(close(found[0].bounds.width, 64.0) && close(found[0].bounds.x, 1280.0 - 16.0));
    }

    #[test]
    fn the_largest_face_comes_first_and_the_same_frame_gives_the_same_faces() {
        let mut detector = load(COLOURS).unwrap();
        let mut pixels = picture((256, 128), (0, 0), 8, RED).into_pixels();
        let large = picture((256, 128), (128, 64), 32, BLUE);
        pixels
            .iter_mut()
            .zip(large.pixels())
            .for_each(|(a, b)| *a |= b);
        let frame = Rgb8Image::new(256, 128, pixels).unwrap();
        let found = detector.detect(&frame).unwrap();
        let widths: Vec<f32> = found.iter().map(|f| f.bounds.width.round()).collect();
        assert_eq!(widths, [64.0, 16.0]);
        assert_eq!(detector.detect(&frame).unwrap(), found);
    }

    #[test]
    fn the_smallest_and_the_most_elongated_pictures_have_no_faces_and_no_errors() {
        let mut detector = load(COLOURS).unwrap();
        for size in [(1, 1), (1, 3000), (3000, 1), (33, 31)] {
            let found = detector.detect(&picture(size, (0, 0), 0, RED)).unwrap();
            assert!(found.is_empty(), "{size:?}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing_of_what_the_shipped_detector_sees() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut detector = Detector::load(&models.join("face-detector-s")).unwrap();
        let pixels = (0..640_u32 * 384 * 3).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8);
        let noise = Rgb8Image::new(640, 384, pixels.collect()).unwrap();
        let padded = Fit::of(&noise, 640).apply(&noise).unwrap();
        let mut seen_with = |threads| -> Vec<Vec<f32>> {
            detector.bound_threads(threads).unwrap();
            let maps = detector.network.run(&padded, &detector.map_names);
            maps.unwrap().into_iter().map(|map| map.values).collect()
        };
        let alone = seen_with(1);
        assert!(
            alone
                .iter()
                .any(|map| map.iter().any(|value| *value != 0.0))
        );
        for threads in [4, 2, 1] {
            assert_eq!(seen_with(threads), alone, "{threads}");
        }
    }

    #[test]
    fn a_file_that_is_not_the_stated_one_is_refused_before_it_is_parsed() {
        let folder = folder(b"not even a network", &"0".repeat(64));
        let error = Detector::load(folder.path()).err().unwrap();
        assert_eq!(error.code(), "detector-digest");
    }

    #[test]
    fn a_stated_file_that_is_no_network_is_refused() {
        let error = load(b"not even a network").err().unwrap();
        assert_eq!(error.code(), "detector-network");
    }

    #[test]
    fn a_network_without_the_stated_maps_is_refused_and_they_are_named() {
        let sha256 = hex::encode(Sha256::digest(COLOURS));
        let folder = folder(COLOURS, &sha256);
        let path = folder.path().join("manifest.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("[8, 16, 32]", "[8, 4]")).unwrap();
        let error = Detector::load(folder.path()).err().unwrap().to_string();
        assert!(error.contains("cls_4, bbox_4, kps_4"), "{error}");
    }

    #[test]
    fn the_shipped_detector_loads_and_asks_more_of_a_person_than_of_a_face() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let detector = Detector::load(&models.join("face-detector-s")).unwrap();
        assert_eq!(detector.identity().role, ModelRole::Detector);
        assert!(detector.confirm_score() > detector.architecture.score_threshold);
    }
}
