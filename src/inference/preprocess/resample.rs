//! Antialiased resize of bytes with Pillow's result, bit for bit.
//!
//! Each output pixel is a weighted mean of the input pixels its filter covers; when shrinking the
//! filter is widened by the factor. Rows are resized first and rounded to bytes, then columns.
//! Weights are fixed-point integers of [`WEIGHT_BITS`] fractional bits, as in Pillow, so that sums
//! are exact and the same on every machine.

use super::super::manifest::Resize;
use super::picture::Picture;

/// Fractional bits of a weight: a product with a byte and a sum of them fit 32 bits.
const WEIGHT_BITS: u32 = 22;
const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// The weights of a resize between two sizes, for both directions of a square.
pub(super) struct Resampler {
    from: usize,
    to: usize,
    /// One for each output position.
    taps: Vec<Taps>,
}

/// The input positions from `first` on that make one output position.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

impl Resampler {
    /// From squares of `from` pixels to squares of `to`, both at least 1.
    pub(super) fn new(kernel: Resize, from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        // Only a smaller picture needs a wider filter.
        let stretch = scale.max(1.0);
        let reach = radius(kernel) * stretch;
        let taps = (0..to).map(|position| {
            let centre = (position as f64 + 0.5) * scale;
            let first = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let weight = |at: usize| height(kernel, (at as f64 - centre + 0.5) / stretch);
            let weights: Vec<f64> = (first..end).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |w: &f64| (w / sum * f64::from(1 << WEIGHT_BITS)).round() as i32;
            Taps {
                first,
                weights: weights.iter().map(fixed).collect(),
            }
        });
        Self {
            from,
            to,
            taps: taps.collect(),
        }
    }

    /// `picture` must have the side this was made for.
    ///
    /// Whole rows are summed, many bytes at a time, so the picture is laid on its side for its width.
    pub(super) fn run(&self, picture: &Picture) -> Picture {
        let on_its_side = self.resize_rows(&turned(&picture.bytes, self.from), self.from);
        let narrow = turned(&on_its_side, self.from);
        Picture {
            side: self.to,
            bytes: self.resize_rows(&narrow, self.to),
        }
    }

    /// `from` rows of `width` pixels to `to` rows.
    fn resize_rows(&self, picture: &[u8], width: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.to * width * 3);
        let mut sums = vec![0; width * 3];
        for taps in &self.taps {
            taps.add_rows(picture, &mut sums);
            bytes.extend(sums.iter().copied().map(to_byte));
        }
        bytes
    }
}

/// Rows of `width` pixels as columns.
fn turned(picture: &[u8], width: usize) -> Vec<u8> {
    let (pixels, _) = picture.as_chunks::<3>();
    let columns = (0..width).flat_map(|x| pixels.iter().skip(x).step_by(width));
    let mut bytes = Vec::with_capacity(picture.len());
    columns.for_each(|pixel| bytes.extend_from_slice(pixel));
    bytes
}

impl Taps {
    /// The sums of one row from the rows of a picture, each as long as `sums`.
    fn add_rows(&self, picture: &[u8], sums: &mut [i32]) {
        sums.fill(HALF);
        let rows = picture[self.first * sums.len()..].chunks_exact(sums.len());
        for (row, weight) in rows.zip(&self.weights) {
            for (sum, &byte) in sums.iter_mut().zip(row) {
                *sum += i32::from(byte) * weight;
            }
        }
    }
}

/// A rounded sum as a byte: bicubic weights below 0 can lead outside.
fn to_byte(sum: i32) -> u8 {
    (sum >> WEIGHT_BITS).clamp(0, 255) as u8
}

/// How far a filter reaches, in input pixels.
fn radius(kernel: Resize) -> f64 {
    match kernel {
        Resize::Bilinear => 1.0,
        Resize::Bicubic => 2.0,
    }
}

/// A filter's height at `x` pixels from its centre: the triangle, and Keys' cubic with a = -1/2.
fn height(kernel: Resize, x: f64) -> f64 {
    let x = x.abs();
    match kernel {
        Resize::Bilinear if x < 1.0 => 1.0 - x,
        Resize::Bicubic if x < 1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        Resize::Bicubic if x < 2.0 => -0.5 * (((x - 5.0) * x + 8.0) * x - 4.0),
        Resize::Bilinear | Resize::Bicubic => 0.0,
    }
}
