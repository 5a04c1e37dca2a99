//! From a frame of any size to the detector's input.

use opencv::core::{Mat, Size};

use super::manifest::SIZE_MULTIPLE_PX;
use super::{FacesError, picture};
use crate::domain::Rgb8Image;

/// How a frame is fitted to the network: scaled down, never up, then padded with black.
pub(super) struct Fit {
    scaled: Size,
    pub(super) padded: Size,
    /// Scaled over original, across and down; they differ by the rounding of the size.
    pub(super) ratio: (f32, f32),
}

impl Fit {
    pub(super) fn of(image: &Rgb8Image, input_px: u32) -> Self {
        let (width, height) = (image.width_px(), image.height_px());
        let scale = (f64::from(input_px) / f64::from(width.max(height))).min(1.0);
        let scaled = |px: u32| ((f64::from(px) * scale).round_ties_even() as u32).max(1);
        let (w, h) = (scaled(width), scaled(height));
        let padded = |px: u32| px.next_multiple_of(SIZE_MULTIPLE_PX) as i32;
        Self {
            scaled: Size::new(w as i32, h as i32),
            padded: Size::new(padded(w), padded(h)),
            ratio: (w as f32 / width as f32, h as f32 / height as f32),
        }
    }

    pub(super) fn apply(&self, image: &Rgb8Image) -> Result<Mat, FacesError> {
        let frame = picture::view(image)?;
        if self.ratio == (1.0, 1.0) {
            picture::place(&frame, self.padded, (0, 0))
        } else {
            picture::place(&picture::shrink(&frame, self.scaled)?, self.padded, (0, 0))
        }
    }
}
