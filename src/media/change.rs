//! What becomes of a picture on its way: compressed as messengers do, made smaller and enlarged again,
//! cut a little closer.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Rgb};

use super::MediaError;
use super::still::{self, Colours};
use crate::domain::{Change, Rgb8Image};

/// JPEG quality of a picture that a messenger passed on.
const RECOMPRESSED_QUALITY: u8 = 60;
/// Sides of a picture that was made smaller.
const RESCALED_RATIO: f32 = 0.6;
/// Sides of what is left of a picture that was cut.
const CROPPED_RATIO: f32 = 0.94;

/// The picture after `change`, of its own size.
pub(super) fn changed(change: Change, image: &Rgb8Image) -> Result<Rgb8Image, MediaError> {
    let pixels = match change {
        Change::Recompressed => {
            let bytes = still::encode_jpeg(image, RECOMPRESSED_QUALITY, Colours::Full)?;
            return still::decode_jpeg(&bytes);
        }
        Change::Rescaled => rescaled(image),
        Change::Cropped => cropped(image),
    };
    Rgb8Image::new(image.width_px(), image.height_px(), pixels)
        .map_err(|error| MediaError::Encode(error.to_string()))
}

fn rescaled(image: &Rgb8Image) -> Vec<u8> {
    let (width, height) = (image.width_px(), image.height_px());
    let smaller = [width, height].map(|side| share(side, RESCALED_RATIO));
    let small = imageops::resize(&view(image), smaller[0], smaller[1], FilterType::Triangle);
    imageops::resize(&small, width, height, FilterType::Triangle).into_raw()
}

fn cropped(image: &Rgb8Image) -> Vec<u8> {
    let (width, height) = (image.width_px(), image.height_px());
    let kept = [width, height].map(|side| share(side, CROPPED_RATIO));
    let (left, top) = ((width - kept[0]) / 2, (height - kept[1]) / 2);
    let whole = view(image);
    let inside = imageops::crop_imm(&whole, left, top, kept[0], kept[1]);
    imageops::resize(&*inside, width, height, FilterType::Triangle).into_raw()
}

/// At least one pixel of a side.
fn share(side_px: u32, ratio: f32) -> u32 {
    ((side_px as f32 * ratio).round() as u32).clamp(1, side_px)
}

fn view(image: &Rgb8Image) -> ImageBuffer<Rgb<u8>, &[u8]> {
    ImageBuffer::from_raw(image.width_px(), image.height_px(), image.pixels())
        .expect("an image has three bytes for each of its pixels")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Change; 3] = [Change::Recompressed, Change::Rescaled, Change::Cropped];

    fn image(side: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Rgb8Image {
        let places = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let pixels = places.flat_map(|(x, y)| pixel(x, y)).collect();
        Rgb8Image::new(side, side, pixels).unwrap()
    }

    fn mean_change(before: &Rgb8Image, after: &Rgb8Image) -> f64 {
        let pairs = before.pixels().iter().zip(after.pixels());
        let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / before.pixels().len() as f64
    }

    #[test]
    fn a_shade_outlasts_every_change_and_fine_stripes_do_not_outlast_rescaling() {
        let shade = image(64, |x, y| [40 + x as u8, 90 + y as u8, 120]);
        for change in ALL {
            let after = changed(change, &shade).unwrap();
            let moved = mean_change(&shade, &after);
            assert!(moved < 3.0, "{change:?} changes a shade by {moved}");
        }
        let stripes = image(64, |x, _| [if x % 2 == 0 { 40 } else { 200 }; 3]);
        let rescaled = changed(Change::Rescaled, &stripes).unwrap();
        assert!(mean_change(&stripes, &rescaled) > 20.0);
    }

    #[test]
    fn a_cut_enlarges_what_is_in_the_middle() {
        let dot = image(100, |x, y| {
            let inside = (30..70).contains(&x) && (30..70).contains(&y);
            [if inside { 255 } else { 0 }; 3]
        });
        let bright = |picture: &Rgb8Image| picture.pixels().iter().filter(|&&v| v > 127).count();
        let cut = changed(Change::Cropped, &dot).unwrap();
        let ratio = bright(&cut) as f64 / bright(&dot) as f64;
        assert!((1.05..1.2).contains(&ratio), "{ratio}");
    }

    proptest! {
        #[test]
        fn every_change_keeps_the_size_of_any_picture(
            (width, height, pixels) in (1u32..20, 1u32..20).prop_flat_map(|(width, height)| {
                let bytes = (width * height * 3) as usize;
                (Just(width), Just(height), proptest::collection::vec(any::<u8>(), bytes))
            })
        ) {
            let picture = Rgb8Image::new(width, height, pixels).unwrap();
            for change in ALL {
                let after = changed(change, &picture).unwrap();
                prop_assert_eq!((after.width_px(), after.height_px()), (width, height));
            }
        }
    }
}
