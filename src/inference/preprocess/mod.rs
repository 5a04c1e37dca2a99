//! From aligned canvases to a network's input: cut out the part that is used, bring it to the
//! network's size, divide by 255, normalise.
//!
//! Everything before the division works on bytes, on the CPU, so every device starts from the same
//! picture. The resize is Pillow's to the last bit ([`resample`]), because the networks were
//! trained on pictures resized that way; libtorch's byte kernel differs from it by up to 2 of 255.

mod picture;
mod resample;
#[cfg(test)]
mod tests;

use tch::{Device, Kind, Tensor};

use super::manifest::{Fit, Preprocess};
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};
use picture::Picture;
use resample::Resampler;

/// What the manifest says, ready to run.
pub(super) struct Preparation {
    used_px: usize,
    size_px: usize,
    /// `None` where the manifest wants no resize.
    resampler: Option<Resampler>,
    /// `[1, 3, 1, 1]` on the device.
    mean: Tensor,
    std: Tensor,
    device: Device,
}

impl Preparation {
    pub(super) fn new(preprocess: &Preprocess, device: Device) -> Self {
        let per_channel = |v: &[f32; 3]| Tensor::from_slice(v).view([1, 3, 1, 1]).to_device(device);
        let (used_px, size_px) = (preprocess.used_px(), preprocess.size_px as usize);
        Self {
            used_px,
            size_px,
            resampler: match preprocess.fit {
                Fit::Squash | Fit::ShorterSide => {
                    Some(Resampler::new(preprocess.resize, used_px, size_px))
                }
                Fit::CentreCrop => None,
            },
            mean: per_channel(&preprocess.mean),
            std: per_channel(&preprocess.std),
            device,
        }
    }

    /// The share of the canvas's side that the input shows, about its centre; above 1 where a border
    /// is added.
    pub(super) fn covers_ratio(&self) -> f32 {
        let shown_px = match self.resampler {
            Some(_) => self.used_px,
            None => self.size_px,
        };
        shown_px as f32 / CROP_CANVAS_PX as f32
    }

    /// `[n, 3, size, size]` of floats on the device. Every crop must be a square of
    /// [`CROP_CANVAS_PX`]; [`super::Scorer`] checks before queueing.
    pub(super) fn run(&self, crops: &[&Rgb8Image]) -> Tensor {
        let bytes: Vec<u8> = crops.iter().flat_map(|c| self.picture(c).bytes).collect();
        let side = self.size_px as i64;
        let shape = [crops.len() as i64, side, side, 3];
        let pixels = Tensor::from_data_size(&bytes, &shape, Kind::Uint8);
        let pixels = pixels.permute([0, 3, 1, 2]).to_device(self.device);
        (pixels.to_kind(Kind::Float) / 255.0 - &self.mean) / &self.std
    }

    /// A crop at the network's size.
    fn picture(&self, crop: &Rgb8Image) -> Picture {
        let used = Picture::of(crop).centred(self.used_px);
        match &self.resampler {
            Some(resampler) => resampler.run(&used),
            None => used.centred(self.size_px),
        }
    }
}
