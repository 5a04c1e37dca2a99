//! Pictures to sRGB, by the ICC profile that a still image carries.
//!
//! A profile that cannot be read, or is not one for this kind of picture (CMYK, whose values the
//! decoder has turned into RGB already), changes nothing: that is how the picture looks to most
//! programs.

use image::{DynamicImage, RgbImage};
use moxcms::{
    CmsError, ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions,
};

/// Profiles of printers, the largest there are, have up to a few megabytes.
const MAX_PROFILE_BYTES: usize = 16 * 1024 * 1024;

/// Profiles that move no colour further than this, of 255, are sRGB written another way: rounding
/// would change pixels and improve none.
const MAX_ROUNDING: u8 = 2;

/// The pixels of `picture` in sRGB. `profile` says which colours they are; `None`: sRGB.
pub(super) fn to_srgb(picture: DynamicImage, profile: Option<&[u8]>) -> RgbImage {
    let profile = profile.filter(|bytes| bytes.len() <= MAX_PROFILE_BYTES);
    let Some(profile) = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok()) else {
        return picture.into_rgb8();
    };
    let is_grey = !picture.color().has_color();
    if profile.color_space == DataColorSpace::Gray && is_grey {
        let grey = picture.into_luma8();
        let (width, height) = grey.dimensions();
        return converted(&profile, Layout::Gray, &grey)
            .and_then(|pixels| RgbImage::from_raw(width, height, pixels))
            .unwrap_or_else(|| DynamicImage::from(grey).into_rgb8());
    }
    let rgb = picture.into_rgb8();
    if profile.color_space != DataColorSpace::Rgb {
        return rgb;
    }
    let (width, height) = rgb.dimensions();
    converted(&profile, Layout::Rgb, &rgb)
        .and_then(|pixels| RgbImage::from_raw(width, height, pixels))
        .unwrap_or(rgb)
}

/// `pixels` of `layout` as RGB; `None` when they are to stay as they are.
fn converted(profile: &ColorProfile, layout: Layout, pixels: &[u8]) -> Option<Vec<u8>> {
    let transform = profile
        .create_transform_8bit(
            layout,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            TransformOptions::default(),
        )
        .ok()?;
    let channels = layout.channels();
    if is_srgb(&*transform, channels) {
        return None;
    }
    apply(&*transform, channels, pixels)
        .inspect_err(|error| tracing::debug!(%error, "a colour profile does not apply"))
        .ok()
}

fn apply(
    transform: &Transform8BitExecutor,
    channels: usize,
    pixels: &[u8],
) -> Result<Vec<u8>, CmsError> {
    let mut converted = vec![0; pixels.len() / channels * 3];
    transform.transform(pixels, &mut converted)?;
    Ok(converted)
}

/// Whether the transform leaves a lattice of colours where it is.
fn is_srgb(transform: &Transform8BitExecutor, channels: usize) -> bool {
    const STEPS: [u8; 9] = [0, 16, 40, 72, 112, 152, 192, 228, 255];
    let lattice: Vec<[u8; 3]> = if channels == 1 {
        STEPS.map(|grey| [grey; 3]).to_vec()
    } else {
        let greens = |red| STEPS.iter().map(move |green| (red, *green));
        (STEPS.iter().flat_map(|red| greens(*red)))
            .flat_map(|(red, green)| STEPS.map(|blue| [red, green, blue]))
            .collect()
    };
    let colours = lattice.as_flattened();
    let given: Vec<u8> = colours.iter().copied().step_by(3 / channels).collect();
    let moved = apply(transform, channels, &given);
    moved.is_ok_and(|moved| {
        let mut pairs = moved.iter().zip(colours);
        pairs.all(|(moved, colour)| moved.abs_diff(*colour) <= MAX_ROUNDING)
    })
}
