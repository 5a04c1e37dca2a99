//! From the aligned canvas to a network's input, as the manifest says it.

use serde::Deserialize;

use crate::domain::CROP_CANVAS_PX;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::inference) struct Preprocess {
    canvas_px: u32,
    /// Part of the canvas that is used, from its centre, in (0, 1]: the canvas shows 1.3 times the
    /// face template, so 0.77 gives the template alone.
    #[serde(default = "whole")]
    pub(in crate::inference) centre_ratio: f64,
    #[serde(default)]
    pub(in crate::inference) fit: Fit,
    /// Side of the input.
    pub(in crate::inference) size_px: i64,
    pub(in crate::inference) resize: Resize,
    pub(in crate::inference) mean: [f32; 3],
    pub(in crate::inference) std: [f32; 3],
}

/// How the used part becomes a square of `size_px`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::inference) enum Fit {
    /// Both sides are resized to `size_px`.
    #[default]
    Squash,
    /// The shorter side is resized to `size_px`, then the centre is cut out. The canvas is square,
    /// so the outcome is that of [`Fit::Squash`].
    ShorterSide,
    /// The centre is cut out without a resize; where the picture is smaller, black is added around.
    CentreCrop,
}

/// Kernel of the antialiased resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::inference) enum Resize {
    Bilinear,
    Bicubic,
}

fn whole() -> f64 {
    1.0
}

impl Preprocess {
    /// Side of the part of the canvas that is used, in pixels.
    pub(in crate::inference) fn used_px(&self) -> usize {
        (f64::from(CROP_CANVAS_PX) * self.centre_ratio).round() as usize
    }

    pub(super) fn problems(&self) -> Vec<String> {
        let checks = [
            (
                self.canvas_px == CROP_CANVAS_PX,
                format!(
                    "preprocess.canvas_px must be {CROP_CANVAS_PX}, the canvas faces are aligned on"
                ),
            ),
            (
                self.centre_ratio > 0.0 && self.centre_ratio <= 1.0 && self.used_px() >= 1,
                "preprocess.centre_ratio must lie above 0 and at most 1".into(),
            ),
            (
                (1..=1024).contains(&self.size_px),
                "preprocess.size_px must lie between 1 and 1024".into(),
            ),
            (
                self.mean.iter().all(|m| m.is_finite())
                    && self.std.iter().all(|s| s.is_finite() && *s > 0.0),
                "preprocess.mean must be finite and preprocess.std above 0".into(),
            ),
        ];
        let failed = checks.into_iter().filter(|(holds, _)| !holds);
        failed.map(|(_, problem)| problem).collect()
    }
}
