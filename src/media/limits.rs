//! What a file may cost. A file over a limit is refused with an error that names the limit.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::MediaError;

/// Bounds on one file. Defaults follow what comparable services publish.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MediaLimits {
    /// Longest video, seconds. Default 600.
    pub max_duration_s: f64,
    /// Largest picture, pixels, stated by the container or found while decoding. Default 36 million.
    pub max_pixels: u64,
    /// Most frames of a video, shown or not. Default 72,000: ten minutes at 120 a second.
    pub max_frames: u64,
    /// Most pixels decoded of one video, in all its frames together: what the work is, whatever the
    /// frame rate. Default 600 billion: twenty minutes of 4K at 60 frames a second, or ten twice.
    pub max_decoded_pixels: u64,
    /// Most streams in a container. Default 32: phones write up to eight (picture, sound, sensor
    /// data), broadcast recordings about twenty.
    pub max_streams: u32,
    /// Longest time for one call, wall clock. Default 60 s.
    pub deadline: Duration,
    /// Decoder threads for one file. Default 3: one more than most workers' cores, as FFmpeg itself
    /// chooses, keeps two cores busy.
    pub decoder_threads: u32,
    /// Pixels that all sampled frames of a video hold together; larger frames are scaled down to
    /// fit. Default 270 million: thirty frames of 4K, 810 MB.
    pub max_sample_pixels: u64,
}

impl Default for MediaLimits {
    fn default() -> Self {
        Self {
            max_duration_s: 600.0,
            max_pixels: 36_000_000,
            max_frames: 72_000,
            max_decoded_pixels: 600_000_000_000,
            max_streams: 32,
            deadline: Duration::from_secs(60),
            decoder_threads: 3,
            max_sample_pixels: 270_000_000,
        }
    }
}

impl MediaLimits {
    /// Most bytes FFmpeg may allocate at once: a picture at the limit at eight bytes a pixel, and
    /// room for packets and tables.
    pub(super) fn allocation_bytes(&self) -> u64 {
        (self.decoder_pixels())
            .saturating_mul(8)
            .saturating_add(MAX_TABLE_BYTES)
    }

    /// What FFmpeg is given as its own limit, which keeps it from allocating. It counts the margins
    /// that some decoders put around a picture, so it is a little above `max_pixels`; each decoded
    /// picture is checked against `max_pixels` itself.
    pub(super) fn decoder_pixels(&self) -> u64 {
        (self.max_pixels)
            .saturating_add(self.max_pixels / 8)
            .saturating_add(MARGIN_PIXELS)
    }

    /// Refuses a picture of more than `max_pixels`.
    pub(super) fn check_pixels(&self, width_px: u32, height_px: u32) -> Result<(), MediaError> {
        if u64::from(width_px) * u64::from(height_px) <= self.max_pixels {
            return Ok(());
        }
        Err(MediaError::TooManyPixels {
            width_px,
            height_px,
            limit_px: self.max_pixels,
        })
    }

    /// Refuses a video of more than `max_duration_s`.
    pub(super) fn check_duration(&self, duration_s: f64) -> Result<(), MediaError> {
        if duration_s <= self.max_duration_s {
            return Ok(());
        }
        Err(MediaError::TooLong {
            duration_s,
            limit_s: self.max_duration_s,
        })
    }

    /// Refuses a video of more than `max_frames`.
    pub(super) fn check_frames(&self, frames: u64) -> Result<(), MediaError> {
        if frames <= self.max_frames {
            return Ok(());
        }
        Err(MediaError::TooManyFrames {
            frames,
            limit: self.max_frames,
        })
    }

    /// Refuses to decode more than `max_decoded_pixels`.
    pub(super) fn check_decoded(&self, pixels: u64) -> Result<(), MediaError> {
        if pixels <= self.max_decoded_pixels {
            return Ok(());
        }
        Err(MediaError::TooMuchToDecode {
            pixels,
            limit: self.max_decoded_pixels,
        })
    }
}

/// Margins of a small picture: up to some sixty pixels on each side.
const MARGIN_PIXELS: u64 = 1_000_000;

/// Enough for the packets and tables of any video that is read.
const MAX_TABLE_BYTES: u64 = 64 * 1024 * 1024;

/// The moment at which work on one file stops.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now.
    pub(super) fn after(limit: Duration) -> Self {
        Self {
            at: Instant::now() + limit,
            limit,
        }
    }

    /// Whether it is over.
    pub(super) fn has_passed(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Fails once it is over.
    pub(super) fn check(&self) -> Result<(), MediaError> {
        if self.has_passed() {
            Err(self.exceeded())
        } else {
            Ok(())
        }
    }

    /// The error for work that ran past it.
    pub(super) fn exceeded(&self) -> MediaError {
        MediaError::DeadlineExceeded { limit: self.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_a_limit_passes_and_one_more_does_not() {
        let limits = MediaLimits::default();
        assert!(limits.check_pixels(6000, 6000).is_ok());
        let code = |result: Result<(), MediaError>| result.map_err(|error| error.code());
        assert_eq!(
            code(limits.check_pixels(6000, 6001)),
            Err("too-many-pixels")
        );
        let widest = limits.check_pixels(u32::MAX, u32::MAX);
        assert_eq!(code(widest), Err("too-many-pixels"));
        assert!(limits.check_duration(600.0).is_ok());
        assert_eq!(code(limits.check_duration(600.04)), Err("too-long"));
        assert_eq!(code(limits.check_duration(f64::NAN)), Err("too-long"));
        assert!(limits.check_frames(72_000).is_ok());
        assert_eq!(code(limits.check_frames(72_001)), Err("too-many-frames"));
        assert!(limits.check_decoded(600_000_000_000).is_ok());
        let most = limits.check_decoded(u64::MAX);
        assert_eq!(code(most), Err("too-much-to-decode"));
    }
}
