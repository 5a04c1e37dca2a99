//! What a container says about itself, before a frame is decoded.

use serde::{Deserialize, Serialize};

/// Whether a file is a moving or a still picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// A container with a video stream, or an image of several frames.
    Video,
    /// A still image.
    Image,
}

/// Frames per second as the fraction the container states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRate {
    numerator: u32,
    denominator: u32,
}

impl FrameRate {
    /// A rate above zero, or `None` for the `0/0` and `n/0` that many files carry.
    pub fn new(numerator: i32, denominator: i32) -> Option<Self> {
        let numerator = u32::try_from(numerator).ok().filter(|n| *n > 0)?;
        let denominator = u32::try_from(denominator).ok().filter(|d| *d > 0)?;
        Some(Self {
            numerator,
            denominator,
        })
    }

    /// Frames per second.
    pub fn per_second(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }
}

impl std::fmt::Display for FrameRate {
    /// `30000/1001`, the form ffprobe prints.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// Clockwise turn that brings the stored picture upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Rotation {
    /// Stored upright.
    #[default]
    #[serde(rename = "0")]
    None,
    /// A quarter turn clockwise.
    #[serde(rename = "90")]
    Quarter,
    /// Upside down.
    #[serde(rename = "180")]
    Half,
    /// Three quarter turns clockwise.
    #[serde(rename = "270")]
    ThreeQuarter,
}

impl Rotation {
    /// The nearest quarter turn to `degrees` clockwise, of either sign and any number of turns.
    pub fn from_clockwise_degrees(degrees: f64) -> Self {
        if !degrees.is_finite() {
            return Self::None;
        }
        let quarters = (degrees.rem_euclid(360.0) / 90.0).round();
        if quarters == 1.0 {
            Self::Quarter
        } else if quarters == 2.0 {
            Self::Half
        } else if quarters == 3.0 {
            Self::ThreeQuarter
        } else {
            Self::None
        }
    }

    /// 0, 90, 180 or 270.
    pub fn degrees(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Quarter => 90,
            Self::Half => 180,
            Self::ThreeQuarter => 270,
        }
    }

    /// Whether width and height change places.
    pub fn swaps_sides(self) -> bool {
        matches!(self, Self::Quarter | Self::ThreeQuarter)
    }
}

/// The picture stream that is analysed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureInfo {
    /// Codec by FFmpeg's short name (`h264`, `hevc`, `av1`; images: `jpeg`, `png` …).
    pub codec: String,
    /// Width in pixels as displayed, rotation applied.
    pub width_px: u32,
    /// Height in pixels as displayed, rotation applied.
    pub height_px: u32,
    /// Turn that the container asks for; already applied to the sizes above and to frames.
    pub rotation: Rotation,
    /// Average frame rate, where the container states one.
    pub frame_rate: Option<FrameRate>,
    /// Number of frames, where the container states it.
    pub frame_count: Option<u64>,
    /// Pixel format by FFmpeg's name (`yuv420p10le`), where known.
    pub pixel_format: Option<String>,
}

/// Tags that name the device and program behind a file. They are claims, not proof.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceTags {
    /// Camera or phone maker.
    pub make: Option<String>,
    /// Camera or phone model.
    pub model: Option<String>,
    /// Operating system or camera software.
    pub software: Option<String>,
    /// Program or library that wrote the stream.
    pub encoder: Option<String>,
    /// Place, in the form the file holds it (usually ISO 6709).
    pub location: Option<String>,
}

/// Everything the header of a file tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// Moving or still.
    pub kind: MediaKind,
    /// Container by its descriptive name (`QuickTime / MOV`).
    pub container: String,
    /// Size of the file in bytes.
    pub size_bytes: u64,
    /// Length in seconds; `None` where neither container nor stream states it.
    pub duration_s: Option<f64>,
    /// Overall bits per second.
    pub bit_rate_bps: Option<u64>,
    /// Creation time as the file holds it.
    pub creation_time: Option<String>,
    /// Device and program tags.
    pub device: DeviceTags,
    /// The analysed picture stream.
    pub picture: PictureInfo,
    /// Whether there is a sound stream.
    pub has_audio: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_without_frames_or_seconds_is_no_rate() {
        assert!(FrameRate::new(0, 0).is_none());
        assert!(FrameRate::new(30, 0).is_none());
        assert!(FrameRate::new(-30, 1).is_none());
        assert_eq!(
            FrameRate::new(30000, 1001).map(|r| r.to_string()),
            Some("30000/1001".into())
        );
    }

    #[test]
    fn rotation_is_the_same_whichever_sign_states_it() {
        assert_eq!(Rotation::from_clockwise_degrees(-90.0).degrees(), 270);
        assert_eq!(Rotation::from_clockwise_degrees(270.0).degrees(), 270);
        assert_eq!(Rotation::from_clockwise_degrees(450.0).degrees(), 90);
        assert_eq!(Rotation::from_clockwise_degrees(-180.4).degrees(), 180);
        assert_eq!(Rotation::from_clockwise_degrees(359.9).degrees(), 0);
        assert_eq!(Rotation::from_clockwise_degrees(f64::NAN).degrees(), 0);
    }
}
