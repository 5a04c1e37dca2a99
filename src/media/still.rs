//! Still images: decoded by the `image` crate, never by FFmpeg.

use std::fs::File;
use std::io::{BufReader, Read};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::jpeg::{self, Condition};
use super::limits::{Deadline, MediaLimits};
use super::reader::{PositionedReader, RanOut};
use super::{MediaError, icc};
use crate::domain::{
    DeviceTags, MediaInfo, MediaKind, PictureInfo, PixelArea, Rgb8Image, Rotation, Sample,
    SampleNote, SampledFrame,
};

/// Bytes a decoder may use for each pixel: 16-bit RGBA, twice.
const DECODER_BYTES_PER_PIXEL: u64 = 16;

/// The file of an image, what it is and what it may cost.
#[derive(Clone, Copy)]
pub(super) struct StillFile<'a> {
    pub(super) file: &'a File,
    /// What it is, by its first bytes.
    pub(super) format: ImageFormat,
    pub(super) limits: &'a MediaLimits,
    pub(super) deadline: Deadline,
}

/// An opened image: format and orientation are known, sizes are within the limits.
pub(super) struct OpenImage<D> {
    pub(super) decoder: D,
    pub(super) orientation: Orientation,
    size_bytes: u64,
    pub(super) ran_out: RanOut,
}

/// Describes the image.
pub(super) fn probe(still: StillFile) -> Result<MediaInfo, MediaError> {
    let image = still.open()?;
    let (width, height) = image.decoder.dimensions();
    let rotation = rotation(image.orientation);
    let (width_px, height_px) = if rotation.swaps_sides() {
        (height, width)
    } else {
        (width, height)
    };
    Ok(MediaInfo {
        kind: MediaKind::Image,
        container: format!("{} image", name(still.format).to_uppercase()),
        size_bytes: image.size_bytes,
        duration_s: None,
        bit_rate_bps: None,
        creation_time: None,
        device: DeviceTags::default(),
        picture: PictureInfo {
            codec: name(still.format).to_owned(),
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

/// Decodes the image upright, as a sample of one.
pub(super) fn sample(still: StillFile) -> Result<Sample, MediaError> {
    let mut image = still.open()?;
    let condition = still.condition()?;
    // A profile that does not decode is as good as none.
    let profile = image.decoder.icc_profile().ok().flatten();
    let picture = DynamicImage::from_decoder(image.decoder)
        .map_err(|error| still.explain(&error, &image.ran_out))?;
    let stored_size = (picture.width(), picture.height());
    let mut picture = DynamicImage::from(icc::to_srgb(picture, profile.as_deref()));
    picture.apply_orientation(image.orientation);
    let upright = picture.into_rgb8();
    let (width, height) = upright.dimensions();
    let picture =
        Rgb8Image::new(width, height, upright.into_raw()).map_err(|_| MediaError::NoFrames)?;
    Ok(Sample {
        frames: vec![SampledFrame {
            frame_index: 0,
            time_s: Some(0.0),
            image: picture,
        }],
        decoded: condition
            .filter(|condition| condition.whole_rows < stored_size.1)
            .map(|condition| top_rows(stored_size, condition.whole_rows, image.orientation)),
        notes: condition.map_or(Vec::new(), notes),
        seen_s: None,
    })
}

/// Encodes `image` as JPEG. `quality` runs from 1 to 100.
pub(super) fn encode_jpeg(
    image: &Rgb8Image,
    quality: u8,
    colours: Colours,
) -> Result<Vec<u8>, MediaError> {
    let (width, height) = (image.width_px(), image.height_px());
    let side = |side_px: u32| {
        u16::try_from(side_px).map_err(|_| {
            MediaError::Encode(format!("a JPEG has no room for {width}x{height} pixels"))
        })
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality.clamp(1, 100));
    encoder.set_sampling_factor(match colours {
        Colours::Full => SamplingFactor::F_1_1,
        Colours::Halved => SamplingFactor::F_2_2,
    });
    encoder
        .encode(image.pixels(), side(width)?, side(height)?, ColorType::Rgb)
        .map_err(|error| MediaError::Encode(error.to_string()))?;
    Ok(bytes)
}

/// How finely a JPEG keeps colours; brightness is always kept of every pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    /// Of every pixel.
    Full,
    /// Of two by two together, as nearly every video has them already.
    Halved,
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

impl<'a> StillFile<'a> {
    pub(super) fn new(
        file: &'a File,
        format: ImageFormat,
        limits: &'a MediaLimits,
        deadline: Deadline,
    ) -> Self {
        Self {
            file,
            format,
            limits,
            deadline,
        }
    }

    pub(super) fn open(&self) -> Result<OpenImage<impl ImageDecoder>, MediaError> {
        let reader = PositionedReader::new(self.file, self.deadline)?;
        let (size_bytes, ran_out) = (reader.size_bytes(), reader.ran_out());
        let explain = |error| self.explain(&error, &ran_out);
        let mut reader = ImageReader::with_format(BufReader::new(reader), self.format);
        reader.limits(self.memory());
        let mut decoder = reader.into_decoder().map_err(explain)?;
        let (width, height) = decoder.dimensions();
        self.limits.check_pixels(width, height)?;
        let orientation = decoder.orientation().map_err(explain)?;
        Ok(OpenImage {
            decoder,
            orientation,
            size_bytes,
            ran_out,
        })
    }

    /// What a decoder may allocate.
    pub(super) fn memory(&self) -> Limits {
        let most = (self.limits.max_pixels).saturating_mul(DECODER_BYTES_PER_PIXEL);
        let mut memory = Limits::no_limits();
        memory.max_alloc = Some(most);
        memory
    }

    /// Of a JPEG how much of it is there; its decoder never says. `None` for other formats, whose
    /// decoders fail, and for what only the decoder understands.
    fn condition(&self) -> Result<Option<Condition>, MediaError> {
        if self.format != ImageFormat::Jpeg {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        PositionedReader::new(self.file, self.deadline)?.read_to_end(&mut bytes)?;
        jpeg::condition(&bytes, self.deadline)
    }

    pub(super) fn explain(&self, error: &image::ImageError, ran_out: &RanOut) -> MediaError {
        if self.deadline.has_passed() {
            return self.deadline.exceeded();
        }
        tracing::debug!(%error, "image does not decode");
        let container = name(self.format).to_uppercase();
        // The JPEG decoder reads every file to its end before it begins.
        let is_cut = if self.format == ImageFormat::Jpeg {
            (self.condition()).is_ok_and(|found| found.is_some_and(|found| found.is_cut))
        } else {
            ran_out.has_happened()
        };
        if is_cut {
            MediaError::CutOff { container }
        } else {
            MediaError::Damaged { container }
        }
    }
}

fn notes(condition: Condition) -> Vec<SampleNote> {
    let count = condition.damaged_scans;
    let damaged = (count > 0).then_some(SampleNote::DamagedPackets { count });
    let cut = condition.is_cut.then_some(SampleNote::BrokenTail);
    cut.into_iter().chain(damaged).collect()
}

/// Where the first `rows` rows of a stored picture of this size lie once it is upright.
fn top_rows((width, height): (u32, u32), rows: u32, orientation: Orientation) -> PixelArea {
    let far = height - rows;
    let (x, y, width, height) = match orientation {
        Orientation::NoTransforms | Orientation::FlipHorizontal => (0, 0, width, rows),
        Orientation::Rotate180 | Orientation::FlipVertical => (0, far, width, rows),
        Orientation::Rotate270 | Orientation::Rotate90FlipH => (0, 0, rows, width),
        Orientation::Rotate90 | Orientation::Rotate270FlipH => (far, 0, rows, width),
    };
    PixelArea {
        x,
        y,
        width,
        height,
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
