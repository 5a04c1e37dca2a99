//! Aligned crops: every face at the same place, size and angle, as the networks were trained.
//!
//! 1. The least-squares similarity from the five landmarks to a template is fitted.
//! 2. A face larger than the canvas is first shrunk by area averaging: warping samples single
//!    points and would alias. Only what of the frame the canvas shows is shrunk.
//! 3. The frame is warped onto the canvas, bilinearly; past the frame's edge it is mirrored.
//!
//! `scripts/train/faces.py` makes training crops by the same steps. OpenCV 4.6 warps by 1/32 of a
//! pixel, later versions exactly: measured on 36 portraits, a tenth of the bytes differ, by at
//! most 4 of 255, and a sequence logit by 0.008 on average (its spread is 0.9).

use opencv::core::{BORDER_REFLECT_101, Mat, MatTraitConst, Rect, Scalar, Size, ToInputArray};
use opencv::imgproc;

use super::similarity::Similarity;
use super::{FacesError, picture};
use crate::domain::{CROP_CANVAS_PX, CROP_MARGIN_RATIO, Landmarks, Rgb8Image};

/// Where the landmarks lie on a canvas of side 1 without margin: eyes, nose, mouth corners.
const TEMPLATE: [[f64; 2]; 5] = [
    [0.34, 0.46],
    [0.66, 0.46],
    [0.50, 0.64],
    [0.37, 0.82],
    [0.63, 0.82],
];

/// Around what the canvas shows: bilinear warping reads a pixel on, and shrinking rounds.
const MARGIN_CANVAS_PX: f64 = 4.0;
/// How far a place on the grid of the shrunk frame is looked for.
const GRID_SEARCH_PX: u32 = 32;

/// The face as a square of [`CROP_CANVAS_PX`].
///
/// # Errors
/// [`FacesError::DegenerateLandmarks`], [`FacesError::Vision`] when OpenCV fails.
pub fn aligned_crop(image: &Rgb8Image, landmarks: &Landmarks) -> Result<Rgb8Image, FacesError> {
    let to_canvas = Similarity::fit(&landmarks.0.map(|p| p.map(f64::from)), &canvas_landmarks())
        .ok_or(FacesError::DegenerateLandmarks(landmarks.0))?;
    let canvas = if to_canvas.scale() < 1.0 {
        let (small, matrix) = shrink_first(image, &to_canvas)?;
        warp(&small, &matrix)?
    } else {
        warp(&picture::view(image)?, &to_canvas.rows())?
    };
    picture::to_image(&canvas)
}

/// The corners of what [`aligned_crop`] shows, `[x, y]` in pixels of the frame; they may lie
/// outside it.
///
/// # Errors
/// [`FacesError::DegenerateLandmarks`].
pub fn crop_corners(landmarks: &Landmarks) -> Result<[[f64; 2]; 4], FacesError> {
    let to_frame = Similarity::fit(&canvas_landmarks(), &landmarks.0.map(|p| p.map(f64::from)))
        .ok_or(FacesError::DegenerateLandmarks(landmarks.0))?;
    Ok(canvas_corners(&to_frame))
}

fn canvas_corners(to_frame: &Similarity) -> [[f64; 2]; 4] {
    let side = f64::from(CROP_CANVAS_PX);
    [[0.0, 0.0], [side, 0.0], [0.0, side], [side, side]].map(|corner| to_frame.apply(corner))
}

/// The template in canvas pixels, enlarged about the centre by the margin. Rounded to f32, as the
/// training code's is.
fn canvas_landmarks() -> [[f64; 2]; 5] {
    // 1.3 itself, not the nearest f32, as in the training code.
    let margin = (f64::from(CROP_MARGIN_RATIO) * 100.0).round() / 100.0;
    let place = |v: f64| (0.5 + (v - 0.5) / margin) * f64::from(CROP_CANVAS_PX);
    TEMPLATE.map(|p| p.map(|v| f64::from(place(v) as f32)))
}

/// The frame at the size the face has on the canvas, and the matrix from there on.
/// What of the frame the canvas shows, as small as the canvas needs it, and the way from there to the canvas.
fn shrink_first(
    image: &Rgb8Image,
    to_canvas: &Similarity,
) -> Result<(Mat, [[f64; 3]; 2]), FacesError> {
    let corners = canvas_corners(&to_canvas.inverse());
    let extent = |axis: usize, frame_px: u32| {
        let along = corners.map(|corner| corner[axis]);
        Extent::shown(along, to_canvas.scale(), frame_px)
    };
    let (across, down) = (extent(0, image.width_px()), extent(1, image.height_px()));
    let seen = [across.start, down.start, across.length, down.length].map(|px| px as i32);
    let frame = picture::view(image)?;
    let seen = Mat::roi(&frame, Rect::new(seen[0], seen[1], seen[2], seen[3]))
        .map_err(FacesError::while_doing("cut a face out of a frame"))?;
    let size = Size::new(across.shrunk as i32, down.shrunk as i32);
    let small = picture::shrink(&seen, size)?;
    let rows = to_canvas.rows().map(|[x, y, t]| {
        [
            x * across.ratio(),
            y * down.ratio(),
            t + x * across.start + y * down.start,
        ]
    });
    Ok((small, rows))
}

/// Whole pixels of the frame along one axis, and those that they become.
#[derive(Debug, Clone, Copy)]
struct Extent {
    start: f64,
    length: f64,
    shrunk: f64,
}

impl Extent {
    /// What a canvas shows whose corners lie at `corners`, with what is mirrored at the frame's edges. Both
    /// ends lie, nearly, on the grid of the frame shrunk as a whole, so that the part is shrunk alike.
    fn shown(corners: [f64; 4], scale: f64, frame_px: u32) -> Self {
        let frame = f64::from(frame_px);
        let step = frame / (frame * scale).round_ties_even().max(1.0);
        let margin = MARGIN_CANVAS_PX / scale;
        let lowest = corners.into_iter().fold(f64::INFINITY, f64::min) - margin;
        let highest = corners.into_iter().fold(f64::NEG_INFINITY, f64::max) + margin;
        let start = lowest.min(2.0 * frame - highest).floor();
        let start = start.clamp(0.0, frame - 1.0);
        let end = highest.max(-lowest).ceil().clamp(start + 1.0, frame);
        let outwards = |from: f64, direction: f64| {
            let places = (0..GRID_SEARCH_PX).map(move |px| from + direction * f64::from(px));
            places.filter(move |place| (0.0..=frame).contains(place))
        };
        let start = on_grid(outwards(start, -1.0), step).unwrap_or(start);
        let end = on_grid(outwards(end, 1.0), step).unwrap_or(end);
        let length = end - start;
        Self {
            start,
            length,
            shrunk: (length / step).round_ties_even().max(1.0),
        }
    }

    /// Pixels of the frame that become one.
    fn ratio(&self) -> f64 {
        self.length / self.shrunk
    }
}

/// The first of the places that are nearest to a multiple of `step`.
fn on_grid(places: impl Iterator<Item = f64>, step: f64) -> Option<f64> {
    let off = |place: &f64| (place / step - (place / step).round()).abs();
    places.min_by(|one, other| off(one).total_cmp(&off(other)))
}

fn warp(
    frame: &(impl ToInputArray + MatTraitConst),
    rows: &[[f64; 3]; 2],
) -> Result<Mat, FacesError> {
    let side = CROP_CANVAS_PX as i32;
    let mut canvas = Mat::default();
    Mat::from_slice_2d(rows)
        .and_then(|matrix| {
            imgproc::warp_affine(
                frame,
                &mut canvas,
                &matrix,
                Size::new(side, side),
                imgproc::INTER_LINEAR,
                BORDER_REFLECT_101,
                Scalar::default(),
            )
        })
        .map_err(FacesError::while_doing("align a face"))?;
    Ok(canvas)
}

/// Variance of the Laplacian (3×3, second differences) of the crop's luma: low when blurred. A
/// flat picture gives 0, a sharp face some hundreds.
///
/// # Errors
/// [`FacesError::Vision`] when OpenCV fails.
pub fn sharpness(crop: &Rgb8Image) -> Result<f32, FacesError> {
    let (mut luma, mut edges) = (Mat::default(), Mat::default());
    let (mut mean, mut deviation) = (Scalar::default(), Scalar::default());
    let picture = picture::view(crop)?;
    imgproc::cvt_color_def(&picture, &mut luma, imgproc::COLOR_RGB2GRAY)
        .and_then(|()| imgproc::laplacian_def(&luma, &mut edges, opencv::core::CV_64F))
        .and_then(|()| opencv::core::mean_std_dev_def(&edges, &mut mean, &mut deviation))
        .map_err(FacesError::while_doing("measure sharpness"))?;
    Ok((deviation[0] * deviation[0]) as f32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A smooth picture whose every pixel tells where it is.
    fn gradient(width: u32, height: u32) -> Rgb8Image {
        let pixel = |i: u32| {
            let (x, y) = (i % width, i / width);
            [
                (x * 255 / width) as u8,
                (y * 255 / height) as u8,
                ((x + y) * 255 / (width + height)) as u8,
            ]
        };
        let pixels = (0..width * height).flat_map(pixel).collect();
        Rgb8Image::new(width, height, pixels).unwrap()
    }

    /// The template, `scale` times as large as on the canvas, moved by `by`.
    fn landmarks(scale: f64, by: [f64; 2]) -> Landmarks {
        let place = |p: [f64; 2]| [0, 1].map(|axis| (p[axis] * scale + by[axis]) as f32);
        Landmarks(canvas_landmarks().map(place))
    }

    fn pixel(image: &Rgb8Image, x: u32, y: u32) -> [u8; 3] {
        let at = (y * image.width_px() + x) as usize * 3;
        [0, 1, 2].map(|c| image.pixels()[at + c])
    }

    fn near(a: [u8; 3], b: [u8; 3]) -> bool {
        a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 2)
    }

    #[test]
    fn landmarks_on_the_template_cut_the_frame_where_they_lie() {
        let frame = gradient(400, 300);
        let crop = aligned_crop(&frame, &landmarks(1.0, [50.0, 20.0])).unwrap();
        assert_eq!((crop.width_px(), crop.height_px()), (256, 256));
        assert!(near(pixel(&crop, 0, 0), pixel(&frame, 50, 20)));
        assert!(near(pixel(&crop, 255, 255), pixel(&frame, 305, 275)));
    }

    #[test]
    fn the_corners_of_a_crop_lie_where_the_frame_is_cut() {
        let corners = crop_corners(&landmarks(2.0, [50.0, 20.0])).unwrap();
        let wanted = [[50.0, 20.0], [562.0, 20.0], [50.0, 532.0], [562.0, 532.0]];
        let pairs = corners.as_flattened().iter().zip(wanted.as_flattened());
        assert!(pairs.map(|(a, b)| (a - b).abs()).all(|error| error < 0.01));
    }

    #[test]
    fn a_face_larger_than_the_canvas_is_shrunk_onto_it() {
        let frame = gradient(1200, 1000);
        let crop = aligned_crop(&frame, &landmarks(3.0, [100.0, 60.0])).unwrap();
        assert!(near(pixel(&crop, 128, 128), pixel(&frame, 484, 444)));
    }

    /// The canvas of a frame that is shrunk as a whole.
    fn crop_of_the_whole(image: &Rgb8Image, landmarks: &Landmarks) -> Rgb8Image {
        let points = landmarks.0.map(|p| p.map(f64::from));
        let to_canvas = Similarity::fit(&points, &canvas_landmarks()).unwrap();
        let scaled = |px: u32| (f64::from(px) * to_canvas.scale()).round();
        let (width, height) = (scaled(image.width_px()), scaled(image.height_px()));
        let size = Size::new(width as i32, height as i32);
        let small = picture::shrink(&picture::view(image).unwrap(), size).unwrap();
        let across = f64::from(image.width_px()) / width;
        let down = f64::from(image.height_px()) / height;
        let rows = to_canvas.rows().map(|[x, y, t]| [x * across, y * down, t]);
        picture::to_image(&warp(&small, &rows).unwrap()).unwrap()
    }

    #[test]
    fn a_large_face_is_cut_alike_whether_all_of_the_frame_is_shrunk_or_what_is_shown() {
        let frame = gradient(1200, 1000);
        for (scale, by) in [
            (1.7, [300.0, 200.0]),
            (2.3, [420.3, 310.7]),
            // Past an edge, past a corner, and more of it outside than inside.
            (2.0, [-150.0, 200.0]),
            (1.9, [900.0, 700.0]),
            (2.0, [-340.0, 100.0]),
            (2.0, [1030.0, -350.0]),
        ] {
            let face = landmarks(scale, by);
            let (part, whole) = (
                aligned_crop(&frame, &face),
                crop_of_the_whole(&frame, &face),
            );
            let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > 2;
            let part = part.unwrap();
            let differing = part
                .pixels()
                .iter()
                .zip(whole.pixels())
                .filter(|pair| differs(*pair));
            assert_eq!(differing.count(), 0, "{scale} {by:?}");
        }
    }

    proptest! {
        #[test]
        fn what_a_canvas_shows_lies_within_the_frame(
            corners in prop::array::uniform4(-1e4..1e4_f64), scale in 1e-3..1.0_f64, frame_px in 1..9000_u32,
        ) {
            let Extent { start, length, shrunk } = Extent::shown(corners, scale, frame_px);
            let frame = f64::from(frame_px);
            prop_assert!(start >= 0.0 && length >= 1.0 && start + length <= frame);
            prop_assert!(shrunk >= 1.0 && shrunk <= length);
            for corner in corners.into_iter().filter(|corner| (0.0..frame).contains(corner)) {
                prop_assert!((start..=start + length).contains(&corner));
            }
        }
    }

    #[test]
    fn a_crop_that_reaches_past_the_frame_is_mirrored() {
        let frame = gradient(300, 300);
        let crop = aligned_crop(&frame, &landmarks(1.0, [-100.0, 0.0])).unwrap();
        assert!(near(pixel(&crop, 60, 100), pixel(&frame, 40, 100)));
    }

    #[test]
    fn landmarks_in_one_point_are_refused() {
        let error = aligned_crop(&gradient(50, 50), &Landmarks([[9.0; 2]; 5])).unwrap_err();
        assert_eq!(error.code(), "degenerate-landmarks");
    }

    #[test]
    fn blur_lowers_the_sharpness_and_a_flat_picture_has_none() {
        let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8;
        let sharp: Vec<u8> = (0..64 * 64 * 3).map(noise).collect();
        let blurred: Vec<u8> = (0..64 * 64 * 3)
            .map(|i| ((0..9).map(|k| u32::from(noise(i + 3 * k))).sum::<u32>() / 9) as u8)
            .collect();
        let measure =
            |pixels: Vec<u8>| sharpness(&Rgb8Image::new(64, 64, pixels).unwrap()).unwrap();
        assert_eq!(measure(vec![90; 64 * 64 * 3]), 0.0);
        assert!(measure(sharp) > 2.0 * measure(blurred));
    }
}
