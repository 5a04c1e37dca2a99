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

use std::thread;

use tch::{Device, Kind, Tensor};

use super::manifest::{Fit, Preprocess};
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};
use picture::Picture;
use resample::Resampler;

/// What the manifest says, ready to run.
pub(super) struct Preparation {
    framing: Framing,
    /// Of each number in a row of pixels, `[size · 3]` on the device.
    mean: Tensor,
    std: Tensor,
    device: Device,
}

impl Preparation {
    pub(super) fn new(preprocess: &Preprocess, device: Device) -> Self {
        let along_a_row = |v: &[f32; 3]| {
            let channels = Tensor::from_slice(v).to_device(device);
            channels.repeat([preprocess.size_px])
        };
        let (used_px, size_px) = (preprocess.used_px(), preprocess.size_px as usize);
        let resampler = match preprocess.fit {
            Fit::Squash | Fit::ShorterSide => {
                Some(Resampler::new(preprocess.resize, used_px, size_px))
            }
            Fit::CentreCrop => None,
        };
        Self {
            framing: Framing {
                used_px,
                size_px,
                resampler,
            },
            mean: along_a_row(&preprocess.mean),
            std: along_a_row(&preprocess.std),
            device,
        }
    }

    /// The share of the canvas's side that the input shows, about its centre; above 1 where a border
    /// is added.
    pub(super) fn covers_ratio(&self) -> f32 {
        let shown_px = match self.framing.resampler {
            Some(_) => self.framing.used_px,
            None => self.framing.size_px,
        };
        shown_px as f32 / CROP_CANVAS_PX as f32
    }

    /// `[n, 3, size, size]` of floats on the device. Every crop must be a square of
    /// [`CROP_CANVAS_PX`]; [`super::Scorer`] checks before queueing.
    pub(super) fn run(&self, crops: &[&Rgb8Image]) -> Tensor {
        let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
        let bytes = self.framing.pictures(crops, threads);
        let side = self.framing.size_px as i64;
        let count = crops.len() as i64;
        // As rows: libtorch would otherwise go through the three channels of each pixel by themselves.
        let rows = Tensor::from_data_size(&bytes, &[count * side, side * 3], Kind::Uint8);
        let rows = upload(&rows, self.device).to_kind(Kind::Float);
        let normalised = (rows / 255.0 - &self.mean) / &self.std;
        let pixels = normalised.view([count, side, side, 3]);
        pixels.permute([0, 3, 1, 2])
    }
}

/// Bytes on the device. They go to a GPU from page-locked memory, which nobody waits for: the copy stands in the GPU's queue
/// behind the passes before it while the next pictures are prepared here, and libtorch keeps the memory until it is done.
/// Where no memory can be locked the copy is waited for instead.
fn upload(bytes: &Tensor, device: Device) -> Tensor {
    let locked = if device.is_cuda() {
        bytes.f_pin_memory(device).ok()
    } else {
        None
    };
    match locked {
        Some(locked) => locked.to_device_(device, Kind::Uint8, true, false),
        None => bytes.to_device(device),
    }
}

/// From a canvas to a picture of the network's size.
struct Framing {
    used_px: usize,
    size_px: usize,
    /// `None` where the manifest wants no resize.
    resampler: Option<Resampler>,
}

impl Framing {
    /// The bytes of all crops, one after another; each of `threads` makes its share.
    fn pictures(&self, crops: &[&Rgb8Image], threads: usize) -> Vec<u8> {
        let picture_bytes = self.size_px * self.size_px * 3;
        let mut bytes = vec![0; crops.len() * picture_bytes];
        let share = crops.len().div_ceil(threads.max(1)).max(1);
        let shares = crops.chunks(share);
        thread::scope(|scope| {
            for (crops, bytes) in shares.zip(bytes.chunks_mut(share * picture_bytes)) {
                scope.spawn(move || {
                    for (crop, place) in crops.iter().zip(bytes.chunks_exact_mut(picture_bytes)) {
                        place.copy_from_slice(&self.picture(crop).bytes);
                    }
                });
            }
        });
        bytes
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
