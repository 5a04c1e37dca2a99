//! What a video container tells about itself.

use super::MediaError;
use super::limits::MediaLimits;
use super::native;
use super::render::square_size;
use super::source::VideoSource;
use crate::domain::{DeviceTags, MediaInfo, MediaKind, PictureInfo};

/// Refuses what the header already shows to be over a limit.
pub(super) fn check_header(source: &VideoSource, limits: &MediaLimits) -> Result<(), MediaError> {
    // A length that is taken from a clock that jumps says nothing yet.
    if let Some(duration_s) = source.duration_s().filter(|_| !source.clock_may_jump()) {
        limits.check_duration(duration_s)?;
    }
    limits.check_frames(source.stated_frames().unwrap_or(0))
}

/// Collects the facts of an open container.
pub(super) fn describe(source: &VideoSource) -> MediaInfo {
    let duration_s = source.duration_s();
    let facts = &source.facts;
    let square = square_size((facts.width_px, facts.height_px), facts.pixel_shape);
    let (width_px, height_px) = source.orientation.turned_size(square.0, square.1);
    let tags = Tags::of(source);
    MediaInfo {
        kind: MediaKind::Video,
        container: source.input.format().description().to_owned(),
        size_bytes: source.size_bytes,
        duration_s,
        bit_rate_bps: bit_rate_bps(source, duration_s),
        creation_time: tags.first(&["creation_time", "com.apple.quicktime.creationdate", "date"]),
        device: tags.device(),
        picture: PictureInfo {
            codec: facts.codec.clone(),
            width_px,
            height_px,
            rotation: source.orientation.rotation,
            frame_rate: source.frame_rate(),
            frame_count: source.stated_frames(),
            pixel_format: facts.pixel_format.clone(),
        },
        has_audio: source.has_audio(),
    }
}

/// The stated rate, or else size over length.
fn bit_rate_bps(source: &VideoSource, duration_s: Option<f64>) -> Option<u64> {
    let stated = u64::try_from(source.input.bit_rate())
        .ok()
        .filter(|rate| *rate > 0);
    let measured = duration_s.map(|seconds| (source.size_bytes as f64 * 8.0 / seconds) as u64);
    stated.or(measured)
}

/// Tags of the container, then of the picture stream.
struct Tags(Vec<(String, String)>);

impl Tags {
    fn of(source: &VideoSource) -> Self {
        let mut tags = native::container_tags(&source.input);
        tags.extend(native::stream_tags(&source.stream()));
        Self(tags)
    }

    /// The value of the first of `keys` that is present and not empty.
    fn first(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| {
            let (_, value) = self.0.iter().find(|(k, v)| k == key && !v.is_empty())?;
            Some(value.clone())
        })
    }

    fn device(&self) -> DeviceTags {
        DeviceTags {
            make: self.first(&[
                "com.apple.quicktime.make",
                "com.android.manufacturer",
                "make",
            ]),
            model: self.first(&["com.apple.quicktime.model", "com.android.model", "model"]),
            software: self.first(&[
                "com.apple.quicktime.software",
                "com.android.version",
                "software",
                "writing_application",
            ]),
            encoder: self.first(&["encoder", "encoded_by", "encoder-eng"]),
            location: self.first(&[
                "com.apple.quicktime.location.iso6709",
                "location",
                "location-eng",
            ]),
        }
    }
}
