//! Still images: decoded by the `image` crate, never by FFmpeg.

use std::fs::File;
use std::io::BufReader;

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::MediaError;
use super::limits::{Deadline, MediaLimits};
use super::reader::PositionedReader;
use crate::domain::{
    DeviceTags, MediaInfo, MediaKind, PictureInfo, Rgb8Image, Rotation, Sample, SampledFrame,
};

/// Bytes a decoder may use for each pixel: 16-bit RGBA, twice.
const DECODER_BYTES_PER_PIXEL: u64 = 16;

/// An opened image: format and orientation are known, sizes are within the limits.
struct OpenImage<D> {
    decoder: D,
    orientation: Orientation,
    format: ImageFormat,
    size_bytes: u64,
}

/// Describes the image in `file`.
pub(super) fn probe(
    file: &File,
    format: ImageFormat,
    limits: &MediaLimits,
    deadline: Deadline,
) -> Result<MediaInfo, MediaError> {
    let image = open(file, format, limits, deadline)?;
    let (width, height) = image.decoder.dimensions();
    let rotation = rotation(image.orientation);
    let (width_px, height_px) = if rotation.swaps_sides() {
        (height, width)
    } else {
        (width, height)
    };
    Ok(MediaInfo {
        kind: MediaKind::Image,
        container: format!("{} image", name(format).to_uppercase()),
        size_bytes: image.size_bytes,
        duration_s: None,
        bit_rate_bps: None,
        creation_time: None,
        device: DeviceTags::default(),
        picture: PictureInfo {
            codec: name(image.format).to_owned(),
            width_px,
            height_px,
            rotation,
            frame_rate: None,
            frame_count: Some(1),
            pixel_format: None,
        },
        has_audio: false,
    })
}

/// Decodes the image in `file` (of an animation the first frame) upright, as a sample of one.
pub(super) fn sample(
    file: &File,
    format: ImageFormat,
    limits: &MediaLimits,
    deadline: Deadline,
) -> Result<Sample, MediaError> {
    let image = open(file, format, limits, deadline)?;
    let mut picture = DynamicImage::from_decoder(image.decoder)
        .map_err(|error| explain(&error, format, deadline))?;
    picture.apply_orientation(image.orientation);
    let upright = picture.into_rgb8();
    let (width, height) = upright.dimensions();
    let image =
        Rgb8Image::new(width, height, upright.into_raw()).map_err(|_| MediaError::NoFrames)?;
    Ok(Sample {
        frames: vec![SampledFrame {
            frame_index: 0,
            time_s: Some(0.0),
            image,
        }],
        notes: Vec::new(),
        seen_s: None,
    })
}

/// Encodes `image` as JPEG. `quality` runs from 1 to 100.
pub(super) fn encode_jpeg(image: &Rgb8Image, quality: u8) -> Result<Vec<u8>, MediaError> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100))
        .encode(
            image.pixels(),
            image.width_px(),
            image.height_px(),
            ExtendedColorType::Rgb8,
        )
        .map_err(|error| MediaError::Encode(error.to_string()))?;
    Ok(bytes)
}

/// Decodes a JPEG of ours.
pub(super) fn decode_jpeg(bytes: &[u8]) -> Result<Rgb8Image, MediaError> {
    let damaged = || MediaError::Damaged {
        container: name(ImageFormat::Jpeg).to_uppercase(),
    };
    let picture = image::load_from_memory_with_format(bytes, ImageFormat::Jpeg);
    let picture = picture.map_err(|_| damaged())?.into_rgb8();
    let (width, height) = picture.dimensions();
    Rgb8Image::new(width, height, picture.into_raw()).map_err(|_| damaged())
}

fn open(
    file: &File,
    format: ImageFormat,
    limits: &MediaLimits,
    deadline: Deadline,
) -> Result<OpenImage<impl ImageDecoder>, MediaError> {
    let explain = |error| explain(&error, format, deadline);
    let reader = PositionedReader::new(file, deadline)?;
    let size_bytes = reader.size_bytes();
    let mut reader = ImageReader::with_format(BufReader::new(reader), format);
    let mut memory = Limits::no_limits();
    memory.max_alloc = Some(limits.max_pixels.saturating_mul(DECODER_BYTES_PER_PIXEL));
    reader.limits(memory);
    let mut decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    limits.check_pixels(width, height)?;
    let orientation = decoder.orientation().map_err(explain)?;
    Ok(OpenImage {
        decoder,
        orientation,
        format,
        size_bytes,
    })
}

fn explain(error: &image::ImageError, format: ImageFormat, deadline: Deadline) -> MediaError {
    if deadline.has_passed() {
        return deadline.exceeded();
    }
    tracing::debug!(%error, "image does not decode");
    MediaError::Damaged {
        container: name(format).to_uppercase(),
    }
}

fn name(format: ImageFormat) -> &'static str {
    format.extensions_str().last().copied().unwrap_or("image")
}

/// The clockwise turn of an EXIF orientation, its mirroring left aside.
fn rotation(orientation: Orientation) -> Rotation {
    match orientation {
        Orientation::NoTransforms | Orientation::FlipHorizontal => Rotation::None,
        Orientation::Rotate90 | Orientation::Rotate90FlipH => Rotation::Quarter,
        Orientation::Rotate180 | Orientation::FlipVertical => Rotation::Half,
        Orientation::Rotate270 | Orientation::Rotate270FlipH => Rotation::ThreeQuarter,
    }
}
