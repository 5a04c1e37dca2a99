//! Faces in frames, and one person's faces through time.

use serde::{Deserialize, Serialize};

/// Side of the square aligned crop that every network starts from, in pixels.
pub const CROP_CANVAS_PX: u32 = 256;

/// How much wider the crop is than the face template, as in DeepfakeBench's preprocessing
/// (scale 1.3): 1.0 would end at brows and chin.
pub const CROP_MARGIN_RATIO: f32 = 1.3;

/// A rectangle in pixels of the upright frame; may reach past its edges.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FaceBox {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width, above zero.
    pub width: f32,
    /// Height, above zero.
    pub height: f32,
}

impl FaceBox {
    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The shorter side in pixels.
    pub fn shorter_side_px(&self) -> f32 {
        self.width.min(self.height)
    }

    /// Intersection over union, 0 (apart) to 1 (equal).
    pub fn overlap_ratio(&self, other: &Self) -> f32 {
        let left = self.x.max(other.x);
        let top = self.y.max(other.y);
        let right = (self.x + self.width).min(other.x + other.width);
        let bottom = (self.y + self.height).min(other.y + other.height);
        let shared = (right - left).max(0.0) * (bottom - top).max(0.0);
        let union = self.area() + other.area() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// Middle of the box, `(x, y)` in pixels.
    pub fn centre(&self) -> (f32, f32) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }
}

/// Five points `[x, y]` in pixels: right eye, left eye, nose tip, right and left mouth corner,
/// where right is the person's own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Landmarks(pub [[f32; 2]; 5]);

/// A detected face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Face {
    /// Where it is.
    pub bounds: FaceBox,
    /// Its five points.
    pub landmarks: Landmarks,
    /// Confidence of the detector, 0 to 1.
    pub detection_score: f32,
}

/// A face at one position of the sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrackedFace {
    /// Index into [`super::Sample::frames`].
    pub sample_index: usize,
    /// The face there.
    pub face: Face,
}

/// One person through the sampled frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Number of the track, from 0 in order of first appearance.
    pub id: u32,
    /// Faces in time order, at most one a frame; never empty.
    pub faces: Vec<TrackedFace>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f32, side: f32) -> FaceBox {
        FaceBox {
            x,
            y: 0.0,
            width: side,
            height: side,
        }
    }

    #[test]
    fn overlap_is_one_for_the_same_box_and_zero_for_boxes_apart() {
        assert_eq!(square(0.0, 10.0).overlap_ratio(&square(0.0, 10.0)), 1.0);
        assert_eq!(square(0.0, 10.0).overlap_ratio(&square(10.0, 10.0)), 0.0);
        let third = square(0.0, 10.0).overlap_ratio(&square(5.0, 10.0));
        assert!((third - 1.0 / 3.0).abs() < 1e-6);
    }
}
