//! From aligned canvases to a network's input.
//!
//! The resize works on bytes and rounds after each pass, as Pillow and torchvision's byte tensors
//! do, because the networks were trained on pictures resized that way: libtorch's antialiased
//! byte kernel equals Pillow bit for bit when halving bilinearly and differs by at most 2 of 255
//! elsewhere. It always runs on the CPU, so every device starts from the same bytes.

use tch::{Device, Kind, Tensor};

use super::manifest::{Preprocess, Resize};
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};

/// Canvases `[n, 3, canvas, canvas]` of bytes, R, G, B.
pub(super) struct Canvases(Tensor);

impl Canvases {
    /// Every crop must be a square of [`CROP_CANVAS_PX`]; [`super::Scorer`] checks before queueing.
    pub(super) fn stack<'a>(crops: impl Iterator<Item = &'a Rgb8Image>) -> Self {
        let rows: Vec<&[u8]> = crops.map(Rgb8Image::pixels).collect();
        let side = i64::from(CROP_CANVAS_PX);
        let shape = [rows.len() as i64, side, side, 3];
        let pixels = Tensor::from_data_size(&rows.concat(), &shape, Kind::Uint8);
        Self(pixels.permute([0, 3, 1, 2]))
    }
}

/// What the manifest says, ready to run.
pub(super) struct Preparation {
    size_px: i64,
    resize: Resize,
    /// `[1, 3, 1, 1]` on the device.
    mean: Tensor,
    std: Tensor,
    device: Device,
}

impl Preparation {
    pub(super) fn new(preprocess: &Preprocess, device: Device) -> Self {
        let per_channel = |v: &[f32; 3]| Tensor::from_slice(v).view([1, 3, 1, 1]).to_device(device);
        Self {
            size_px: preprocess.size_px,
            resize: preprocess.resize,
            mean: per_channel(&preprocess.mean),
            std: per_channel(&preprocess.std),
            device,
        }
    }

    /// `[n, 3, size, size]` of floats on the device: resized, over 255, normalised.
    pub(super) fn run(&self, canvases: &Canvases) -> Tensor {
        let small = self.resized(canvases).to_device(self.device);
        (small.to_kind(Kind::Float) / 255.0 - &self.mean) / &self.std
    }

    /// `[n, 3, size, size]` of bytes on the CPU.
    fn resized(&self, Canvases(pixels): &Canvases) -> Tensor {
        let size = [self.size_px; 2];
        match self.resize {
            Resize::Bilinear => pixels.internal_upsample_bilinear2d_aa(size, false, None, None),
            Resize::Bicubic => pixels.internal_upsample_bicubic2d_aa(size, false, None, None),
        }
    }
}
