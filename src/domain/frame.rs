//! Decoded pictures and the sample taken from a video.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why pixels do not make an image.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameError {
    /// A side of length zero.
    #[error("an image needs at least one pixel, got {width_px}x{height_px}")]
    Empty {
        /// Width stated.
        width_px: u32,
        /// Height stated.
        height_px: u32,
    },
    /// The buffer does not hold width × height × 3 bytes.
    #[error("{width_px}x{height_px} RGB needs {expected_bytes} bytes, got {actual_bytes}")]
    Length {
        /// Width stated.
        width_px: u32,
        /// Height stated.
        height_px: u32,
        /// Bytes the size calls for.
        expected_bytes: usize,
        /// Bytes present.
        actual_bytes: usize,
    },
}

/// An upright picture: packed rows of R, G, B bytes, no padding.
#[derive(Clone, PartialEq, Eq)]
pub struct Rgb8Image {
    width_px: u32,
    height_px: u32,
    pixels: Vec<u8>,
}

impl Rgb8Image {
    /// Takes `pixels` of shape `[height, width, 3]`.
    ///
    /// # Errors
    /// [`FrameError`] when a side is zero or the length does not match.
    pub fn new(width_px: u32, height_px: u32, pixels: Vec<u8>) -> Result<Self, FrameError> {
        if width_px == 0 || height_px == 0 {
            return Err(FrameError::Empty {
                width_px,
                height_px,
            });
        }
        let expected_bytes = width_px as usize * height_px as usize * 3;
        if pixels.len() != expected_bytes {
            return Err(FrameError::Length {
                width_px,
                height_px,
                expected_bytes,
                actual_bytes: pixels.len(),
            });
        }
        Ok(Self {
            width_px,
            height_px,
            pixels,
        })
    }

    /// Width in pixels, at least 1.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height in pixels, at least 1.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// Bytes of shape `[height, width, 3]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Gives the bytes up.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

impl std::fmt::Debug for Rgb8Image {
    /// Size only: pixels never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rgb8Image({}x{})", self.width_px, self.height_px)
    }
}

/// One frame of the sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledFrame {
    /// Position of the frame in its stream, counted from 0 in presentation order.
    pub frame_index: u64,
    /// Presentation time in seconds from the first frame of the stream, never negative; `None`
    /// when neither timestamps nor a frame rate exist.
    pub time_s: Option<f64>,
    /// The upright picture.
    pub image: Rgb8Image,
}

/// Something about the sample that the reader of a verdict should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum SampleNote {
    /// The stream ended in data that does not decode; what came before was used.
    BrokenTail,
    /// Some packets did not decode and were passed over.
    DamagedPackets {
        /// How many.
        count: u64,
    },
    /// The stream has fewer frames than were asked for.
    FewFrames {
        /// How many there are.
        available: u64,
    },
    /// The picture size changes within the stream.
    SizeChange,
    /// The file holds other moving pictures beside those that were analysed.
    OtherVideoStreams {
        /// Number of the analysed one among them, from 0, in the order of the file.
        analysed: u32,
        /// How many there are.
        streams: u32,
    },
}

impl SampleNote {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BrokenTail => "broken-tail",
            Self::DamagedPackets { .. } => "damaged-packets",
            Self::FewFrames { .. } => "few-frames",
            Self::SizeChange => "size-change",
            Self::OtherVideoStreams { .. } => "other-video-streams",
        }
    }
}

impl std::fmt::Display for SampleNote {
    /// One sentence for a person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BrokenTail => write!(
                f,
                "The end of the file does not decode; what came before was used."
            ),
            Self::DamagedPackets { count } => {
                write!(f, "{count} damaged packets were passed over.")
            }
            Self::FewFrames { available } => write!(
                f,
                "The file has {available} frames, fewer than are usually sampled."
            ),
            Self::SizeChange => write!(f, "The picture size changes within the video."),
            Self::OtherVideoStreams { analysed, streams } => write!(
                f,
                "The file holds {streams} moving pictures; number {analysed}, counted from 0, was analysed."
            ),
        }
    }
}

/// A rectangle of an upright picture, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelArea {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Width; may be 0.
    pub width: u32,
    /// Height; may be 0.
    pub height: u32,
}

impl PixelArea {
    /// Whether every point `[x, y]` lies in it. A point outside the picture, which is `width_px` by
    /// `height_px`, counts as the nearest one inside.
    pub fn holds(&self, points: &[[f64; 2]], width_px: u32, height_px: u32) -> bool {
        let within = |value: f64, side: u32, begin: u32, length: u32| {
            let value = value.clamp(0.0, f64::from(side));
            length > 0 && value >= f64::from(begin) && value <= f64::from(begin) + f64::from(length)
        };
        points.iter().all(|[x, y]| {
            within(*x, width_px, self.x, self.width) && within(*y, height_px, self.y, self.height)
        })
    }
}

/// Frames spread evenly over a video, in time order, and what was noticed on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The frames; at least one.
    pub frames: Vec<SampledFrame>,
    /// The part of each frame that was decoded; `None` when that is all of it. What lies outside
    /// is a filling.
    pub decoded: Option<PixelArea>,
    /// What was noticed.
    pub notes: Vec<SampleNote>,
    /// Seconds there are to see, where that is another length than the container states.
    pub seen_s: Option<f64>,
}

impl Sample {
    /// Mean seconds from one frame to the next; 0 where times are unknown and for a single frame.
    pub fn spacing_s(&self) -> f64 {
        let time = |frame: Option<&SampledFrame>| frame.and_then(|frame| frame.time_s);
        match (time(self.frames.first()), time(self.frames.last())) {
            (Some(first), Some(last)) if self.frames.len() > 1 => {
                (last - first) / (self.frames.len() - 1) as f64
            }
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_apart_by_their_mean_distance_where_times_are_known() {
        let sample = |times: &[Option<f64>]| Sample {
            frames: (times.iter())
                .map(|&time_s| SampledFrame {
                    frame_index: 0,
                    time_s,
                    image: Rgb8Image::new(1, 1, vec![0; 3]).unwrap(),
                })
                .collect(),
            decoded: None,
            notes: Vec::new(),
            seen_s: None,
        };
        assert_eq!(sample(&[Some(1.0), Some(1.5), Some(4.0)]).spacing_s(), 1.5);
        assert_eq!(sample(&[None, None]).spacing_s(), 0.0);
        assert_eq!(sample(&[Some(3.0)]).spacing_s(), 0.0);
    }

    #[test]
    fn an_area_holds_what_lies_in_it_and_what_sticks_out_of_the_picture_beside_it() {
        let top = PixelArea {
            x: 0,
            y: 0,
            width: 100,
            height: 40,
        };
        let holds = |points: &[[f64; 2]]| top.holds(points, 100, 80);
        assert!(holds(&[[-5.0, -9.0], [105.0, 40.0]]));
        assert!(!holds(&[[10.0, 10.0], [10.0, 40.5]]));
        let nothing = PixelArea { height: 0, ..top };
        assert!(!nothing.holds(&[[0.0, 0.0]], 100, 80));
    }

    #[test]
    fn an_image_holds_exactly_its_pixels() {
        assert!(Rgb8Image::new(2, 1, vec![0; 6]).is_ok());
        assert!(matches!(
            Rgb8Image::new(2, 1, vec![0; 5]),
            Err(FrameError::Length {
                expected_bytes: 6,
                ..
            })
        ));
        assert!(matches!(
            Rgb8Image::new(0, 1, vec![]),
            Err(FrameError::Empty { .. })
        ));
    }
}
