//! GIF, WebP and PNG with more than one frame: short videos to the person who sends them.

mod timeline;

use std::io::BufReader;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    AnimationDecoder, DynamicImage, Frames, ImageDecoder, ImageError, ImageFormat, RgbaImage,
};

use super::reader::PositionedReader;
use super::still::{self, StillFile};
use super::{MediaError, SampleOptions, icc, plan};
use crate::domain::{FrameRate, MediaInfo, MediaKind, Rgb8Image, Sample, SampleNote, SampledFrame};

pub(super) use timeline::Timeline;

/// Describes an image whose frames are shown at the times of `timeline`.
pub(super) fn probe(still: StillFile, timeline: &Timeline) -> Result<MediaInfo, MediaError> {
    let mut info = still::probe(still)?;
    let frames = timeline.starts_ms.len();
    info.kind = MediaKind::Video;
    info.container = info.container.replace("image", "animation");
    info.duration_s = Some(timeline.length_s());
    info.picture.frame_count = Some(frames as u64);
    info.picture.frame_rate = frame_rate(frames, timeline.length_ms);
    Ok(info)
}

/// Frames in so many milliseconds, as the smallest fraction.
fn frame_rate(frames: usize, length_ms: i64) -> Option<FrameRate> {
    let (frames, length_ms) = (i64::try_from(frames).ok()? * 1000, length_ms);
    let (mut a, mut b) = (frames, length_ms);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let whole = |value: i64| i32::try_from(value / a.max(1)).ok();
    FrameRate::new(whole(frames)?, whole(length_ms)?)
}

/// Takes the frames that `options` ask for. Each builds on those before it, so all are decoded up
/// to the last one wanted; only wanted ones are held.
pub(super) fn sample(
    still: StillFile,
    timeline: &Timeline,
    options: &SampleOptions,
) -> Result<Sample, MediaError> {
    let wanted = plan::positions(&timeline.starts_ms, options);
    let mut image = still.open()?;
    let profile = image.decoder.icc_profile().ok().flatten();
    let renderer = Renderer {
        orientation: image.orientation,
        profile,
        max_pixels: (still.limits.max_sample_pixels / wanted.len().max(1) as u64).max(1),
    };
    let mut wanted = wanted.into_iter().peekable();
    let mut taken = Vec::with_capacity(wanted.len());
    let mut notes = Vec::new();
    let decoded = frames(still).map_err(|error| still.explain(&error, &image.ran_out))?;
    for (index, frame) in decoded.enumerate() {
        still.deadline.check()?;
        let Some(next) = wanted.peek() else { break };
        let Ok(frame) = frame else {
            still.deadline.check()?;
            notes.push(SampleNote::DamagedPackets { count: 1 });
            break;
        };
        if index == *next {
            wanted.next();
            taken.push(SampledFrame {
                frame_index: index as u64,
                time_s: Some(timeline.starts_ms[index] as f64 / 1000.0),
                image: renderer.render(frame.into_buffer())?,
            });
        }
    }
    if taken.is_empty() {
        return Err(MediaError::NoFrames);
    }
    let available = timeline.starts_ms.len() as u64;
    let few = available < u64::from(options.frames);
    notes.extend(timeline.is_cut.then_some(SampleNote::BrokenTail));
    notes.extend(few.then_some(SampleNote::FewFrames { available }));
    Ok(Sample {
        frames: taken,
        decoded: None,
        seen_s: None,
        notes,
    })
}

/// All frames, each on the whole canvas.
fn frames(still: StillFile) -> Result<Frames<'static>, ImageError> {
    let reader = PositionedReader::new(still.file, still.deadline).map_err(ImageError::IoError)?;
    let reader = BufReader::new(reader);
    if still.format == ImageFormat::Gif {
        limited(GifDecoder::new(reader)?, still).map(GifDecoder::into_frames)
    } else if still.format == ImageFormat::WebP {
        limited(WebPDecoder::new(reader)?, still).map(WebPDecoder::into_frames)
    } else {
        let decoder = limited(PngDecoder::new(reader)?, still)?;
        Ok(decoder.apng()?.into_frames())
    }
}

fn limited<D: ImageDecoder>(mut decoder: D, still: StillFile) -> Result<D, ImageError> {
    decoder.set_limits(still.memory())?;
    Ok(decoder)
}

struct Renderer {
    orientation: Orientation,
    profile: Option<Vec<u8>>,
    /// Pixels that one image may hold.
    max_pixels: u64,
}

impl Renderer {
    fn render(&self, canvas: RgbaImage) -> Result<Rgb8Image, MediaError> {
        let (width, height) = canvas.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        let mut picture = DynamicImage::from(canvas);
        if pixels > self.max_pixels {
            let scale = (self.max_pixels as f64 / pixels as f64).sqrt();
            let scaled = |side: u32| ((f64::from(side) * scale) as u32).max(1);
            picture = picture.resize_exact(scaled(width), scaled(height), FilterType::CatmullRom);
        }
        let mut picture = DynamicImage::from(icc::to_srgb(picture, self.profile.as_deref()));
        picture.apply_orientation(self.orientation);
        let upright = picture.into_rgb8();
        let (width, height) = upright.dimensions();
        Rgb8Image::new(width, height, upright.into_raw()).map_err(|_| MediaError::NoFrames)
    }
}
