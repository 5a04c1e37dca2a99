//! Colours of still images that carry an ICC profile.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};
use moxcms::{ColorProfile, Layout, TransformOptions};

use super::*;

/// Soft colours all over, none beyond what both sRGB and Display P3 hold.
pub(super) fn original() -> RgbImage {
    RgbImage::from_fn(96, 64, |x, y| {
        image::Rgb([40 + 2 * x as u8, 60 + 2 * y as u8, 200 - (x + y) as u8])
    })
}

/// The same colours as numbers of another space.
pub(super) fn numbers_in(profile: &ColorProfile) -> RgbImage {
    let picture = original();
    let mut numbers = vec![0; picture.len()];
    ColorProfile::new_srgb()
        .create_transform_8bit(
            Layout::Rgb,
            profile,
            Layout::Rgb,
            TransformOptions::default(),
        )
        .and_then(|transform| transform.transform(&picture, &mut numbers))
        .unwrap();
    RgbImage::from_raw(picture.width(), picture.height(), numbers).unwrap()
}

fn written(
    mut encoder: impl ImageEncoder,
    picture: &[u8],
    colour: ExtendedColorType,
    profile: Vec<u8>,
) {
    encoder.set_icc_profile(profile).unwrap();
    encoder.write_image(picture, 96, 64, colour).unwrap();
}

/// As JPEG, PNG and lossless WebP.
fn files(picture: &RgbImage, profile: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    let rgb = ExtendedColorType::Rgb8;
    let [mut jpeg, mut png, mut webp] = [Vec::new(), Vec::new(), Vec::new()];
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, 100);
    written(encoder, picture, rgb, profile.to_vec());
    written(PngEncoder::new(&mut png), picture, rgb, profile.to_vec());
    let encoder = WebPEncoder::new_lossless(&mut webp);
    written(encoder, picture, rgb, profile.to_vec());
    [("jpeg", jpeg), ("png", png), ("webp", webp)]
}

fn decoded(studio: &Studio, bytes: &[u8]) -> Vec<u8> {
    let sample = sample(&studio.write("picture", bytes), 1).unwrap();
    sample.frames[0].image.pixels().to_vec()
}

/// Mean difference of two pictures, levels of 255.
pub(super) fn difference(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len() as f64
}

#[test]
fn a_picture_in_display_p3_or_adobe_rgb_comes_out_as_its_srgb_original() {
    let studio = Studio::new();
    for profile in [
        ColorProfile::new_display_p3(),
        ColorProfile::new_adobe_rgb(),
    ] {
        let picture = numbers_in(&profile);
        let before = difference(&picture, &original());
        assert!(before > 4.0, "the numbers of both spaces differ: {before}");
        for (name, bytes) in files(&picture, &profile.encode().unwrap()) {
            let after = difference(&decoded(&studio, &bytes), &original());
            assert!(after < 2.0, "{name}: {after}");
        }
    }
}

#[test]
fn a_picture_that_is_srgb_already_keeps_its_exact_bytes() {
    let studio = Studio::new();
    let picture = original();
    let profile = ColorProfile::new_srgb().encode().unwrap();
    for (name, bytes) in &files(&picture, &profile)[1..] {
        assert!(decoded(&studio, bytes) == *picture.as_raw(), "{name}");
    }
}

#[test]
fn a_profile_that_is_broken_or_of_another_kind_of_picture_changes_nothing() {
    let studio = Studio::new();
    let picture = original();
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let grey = ColorProfile::new_gray_with_gamma(1.8).encode().unwrap();
    let mut lost = p3.clone();
    lost[132..180].fill(0xff);
    for profile in [&p3[..90], b"no profile at all", &grey, &lost] {
        for (name, bytes) in &files(&picture, profile)[1..] {
            assert!(decoded(&studio, bytes) == *picture.as_raw(), "{name}");
        }
    }
}

#[test]
fn a_grey_picture_follows_a_grey_profile() {
    let studio = Studio::new();
    let grey: Vec<u8> = (0..96 * 64).map(|at| (at % 96 * 2 + 20) as u8).collect();
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let mut png = Vec::new();
    let encoder = PngEncoder::new(&mut png);
    written(encoder, &grey, ExtendedColorType::L8, profile);
    let shown = decoded(&studio, &png);
    // Linear light of 20 of 255 is sRGB 79 (IEC 61966-2-1).
    assert!(shown[0].abs_diff(79) <= 3, "{:?}", &shown[..3]);
    assert!(
        shown[..3]
            .iter()
            .all(|channel| channel.abs_diff(shown[0]) <= 1)
    );
}
