//! Decoded planes of red, green and blue to sRGB.

use std::io::ErrorKind;

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use image::{DynamicImage, RgbImage};

use super::super::native::{ColourTags, set_colour};
use super::super::orientation::Orientation;
use super::super::render::Renderer;
use super::super::{MediaError, colour, icc};
use super::native::{Colours, Plane};
use crate::domain::Rgb8Image;

/// What the numbers of a picture mean.
pub(super) struct Meaning<'a> {
    pub(super) colours: Option<Colours>,
    pub(super) profile: Option<&'a [u8]>,
}

/// The picture of these planes, all of the same size and depth, in sRGB.
///
/// A high dynamic range is told by `colours` alone, so they count first then. Else a profile, which
/// is the more exact, comes before them; without either a picture is sRGB (ISO 23000-22, 7.3.6.4).
pub(super) fn to_srgb(planes: [Plane; 3], meaning: &Meaning) -> Result<Rgb8Image, MediaError> {
    let tags = tags(meaning.colours);
    let is_high_range = colour::is_high_range(tags);
    if is_high_range || (meaning.profile.is_none() && !colour::is_shown_as_it_is(tags)) {
        return rendered(planes, tags);
    }
    let picture = icc::to_srgb(DynamicImage::from(eight_bits(planes)), meaning.profile);
    let (width, height) = picture.dimensions();
    Rgb8Image::new(width, height, picture.into_raw()).map_err(|_| MediaError::NoFrames)
}

fn tags(colours: Option<Colours>) -> ColourTags {
    const UNSTATED: i32 = 2;
    let unstated = Colours {
        primaries: UNSTATED,
        transfer: UNSTATED,
    };
    let colours = colours.unwrap_or(unstated);
    ColourTags {
        // libheif has undone matrix and range.
        matrix: 0,
        range: 2,
        transfer: colours.transfer,
        primaries: colours.primaries,
    }
}

fn eight_bits(planes: [Plane; 3]) -> RgbImage {
    let [red, _, _] = planes;
    let (width, height) = (red.width_px as usize, red.height_px as usize);
    let mut pixels = vec![0; width * height * 3];
    for (channel, plane) in planes.into_iter().enumerate() {
        let scale = Scale::new(plane.depth, 8);
        for (y, row) in pixels.chunks_exact_mut(width * 3).enumerate() {
            let places = row.iter_mut().skip(channel).step_by(3);
            places
                .zip(plane.samples(y))
                .for_each(|(place, sample)| *place = scale.of(sample) as u8);
        }
    }
    RgbImage::from_raw(red.width_px, red.height_px, pixels)
        .expect("as many bytes as its pixels have were set aside")
}

/// Through FFmpeg's filters, as the frames of videos.
fn rendered(planes: [Plane; 3], tags: ColourTags) -> Result<Rgb8Image, MediaError> {
    let [red, green, blue] = planes;
    let mut frame = frame::Video::new(Pixel::GBRP16LE, red.width_px, red.height_px);
    // That is how it tells that there was no memory.
    if frame.planes() < planes.len() {
        return Err(MediaError::Read(ErrorKind::OutOfMemory.into()));
    }
    for (at, plane) in [green, blue, red].into_iter().enumerate() {
        let scale = Scale::new(plane.depth, 16);
        let stride = frame.stride(at);
        let rows = frame.data_mut(at).chunks_exact_mut(stride);
        for (y, row) in rows.take(plane.height_px as usize).enumerate() {
            row.chunks_exact_mut(2)
                .zip(plane.samples(y))
                .for_each(|(place, sample)| {
                    place.copy_from_slice(&scale.of(sample).to_le_bytes());
                });
        }
    }
    set_colour(&mut frame, tags);
    let (upright, square) = (Orientation::default(), (1, 1));
    Renderer::new(upright, square, u64::MAX).render(&frame)
}

/// Every sample of one depth as one of another, rounded.
struct Scale(Vec<u16>);

impl Scale {
    /// From `depth` to `target` bits, both at most sixteen.
    fn new(depth: u32, target: u32) -> Self {
        let (most, most_target) = ((1u64 << depth) - 1, (1u64 << target) - 1);
        let scaled = |sample: u64| (sample * most_target + most / 2) / most;
        Self((0..=most).map(|sample| scaled(sample) as u16).collect())
    }

    fn of(&self, sample: u16) -> u16 {
        let at = usize::from(sample).min(self.0.len() - 1);
        self.0[at]
    }
}

impl<'a> Plane<'a> {
    /// The samples of row `y`.
    fn samples(self, y: usize) -> impl Iterator<Item = u16> + 'a {
        let wide = self.depth > 8;
        let step = if wide { 2 } else { 1 };
        let start = (y * self.stride).min(self.bytes.len());
        self.bytes[start..]
            .chunks_exact(step)
            .take(self.width_px as usize)
            .map(move |bytes| match *bytes {
                [low, high] => u16::from_ne_bytes([low, high]),
                [byte] => u16::from(byte),
                _ => 0,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_stay_such_in_every_depth() {
        for depth in 8..=16 {
            for (target, white) in [(8, 255), (16, 65_535)] {
                let scale = Scale::new(depth, target);
                let most = ((1u32 << depth) - 1) as u16;
                assert_eq!((scale.of(0), scale.of(most)), (0, white), "{depth}");
                assert!(scale.0.is_sorted(), "{depth}");
            }
        }
        let middle = (Scale::new(10, 8).of(512), Scale::new(8, 16).of(128));
        assert_eq!(middle, (128, 32_896));
        assert_eq!(Scale::new(10, 8).of(u16::MAX), 255);
    }
}
