//! Ways to change a picture that leave what it shows: a judge that means what it says should say
//! the same of all of them.
//!
//! They are those of an earlier service, with its numbers: grey by the weights of ITU-R 601, turns
//! of 20 degrees to the nearest pixel with black corners, contrast stretched until a tenth of the
//! values at either end is clipped, four fifths of the brightness, left and right exchanged.

use super::MediaError;
use crate::domain::Rgb8Image;

/// Degrees of a turn.
const TURN_DEGREES: f64 = 20.0;
/// Part of a channel's values that is clipped at either end.
const CLIPPED_PERCENT: u64 = 10;
/// What is left of the brightness.
const DIMMED: f32 = 0.8;

/// A change of a picture that keeps its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variation {
    /// Without colour.
    Grayscale,
    /// Turned clockwise.
    RotateRight,
    /// Turned counter-clockwise.
    RotateLeft,
    /// With stretched contrast.
    BrightnessUp,
    /// Darker.
    BrightnessDown,
    /// Mirrored.
    FlipHorizontal,
}

impl Variation {
    /// Every one, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Grayscale,
        Self::RotateRight,
        Self::RotateLeft,
        Self::BrightnessUp,
        Self::BrightnessDown,
        Self::FlipHorizontal,
    ];

    /// The picture, changed.
    ///
    /// # Errors
    /// None that a picture can cause.
    pub fn of(self, image: &Rgb8Image) -> Result<Rgb8Image, MediaError> {
        let pixels = match self {
            Self::Grayscale => each_pixel(image, grey),
            Self::RotateRight => turned(image, TURN_DEGREES),
            Self::RotateLeft => turned(image, -TURN_DEGREES),
            Self::BrightnessUp => stretched(image),
            Self::BrightnessDown => each_pixel(image, |pixel| pixel.map(dimmed)),
            Self::FlipHorizontal => mirrored(image),
        };
        Rgb8Image::new(image.width_px(), image.height_px(), pixels)
            .map_err(|error| MediaError::Encode(error.to_string()))
    }
}

fn pixels(image: &Rgb8Image) -> impl Iterator<Item = [u8; 3]> {
    (image.pixels().chunks_exact(3)).map(|p| [p[0], p[1], p[2]])
}

fn each_pixel(image: &Rgb8Image, change: impl Fn([u8; 3]) -> [u8; 3]) -> Vec<u8> {
    pixels(image).flat_map(change).collect()
}

fn grey([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let weighted = 19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue);
    [((weighted + 0x8000) >> 16) as u8; 3]
}

fn dimmed(value: u8) -> u8 {
    (f32::from(value) * DIMMED) as u8
}

fn mirrored(image: &Rgb8Image) -> Vec<u8> {
    let row_bytes = image.width_px() as usize * 3;
    let rows = image.pixels().chunks_exact(row_bytes);
    rows.flat_map(|row| row.rchunks_exact(3).flatten().copied())
        .collect()
}

/// Turns about the middle, clockwise for positive angles.
fn turned(image: &Rgb8Image, degrees: f64) -> Vec<u8> {
    let (width, height) = (image.width_px() as usize, image.height_px() as usize);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (middle_x, middle_y) = (width as f64 / 2.0, height as f64 / 2.0);
    let mut turned = vec![0; image.pixels().len()];
    for (place, pixel) in turned.chunks_exact_mut(3).enumerate() {
        let x = (place % width) as f64 + 0.5 - middle_x;
        let y = (place / width) as f64 + 0.5 - middle_y;
        let from_x = (cos * x + sin * y + middle_x).floor();
        let from_y = (cos * y - sin * x + middle_y).floor();
        let inside = |at: f64, end: usize| at >= 0.0 && at < end as f64;
        if inside(from_x, width) && inside(from_y, height) {
            let from = (from_y as usize * width + from_x as usize) * 3;
            pixel.copy_from_slice(&image.pixels()[from..from + 3]);
        }
    }
    turned
}

/// Each channel from its darkest kept value at 0 to its brightest at 255.
fn stretched(image: &Rgb8Image) -> Vec<u8> {
    let tables = [0, 1, 2].map(|channel| stretch_table(&histogram(image, channel)));
    each_pixel(image, |[red, green, blue]| {
        [
            tables[0][usize::from(red)],
            tables[1][usize::from(green)],
            tables[2][usize::from(blue)],
        ]
    })
}

fn histogram(image: &Rgb8Image, channel: usize) -> [u64; 256] {
    let mut counts = [0; 256];
    pixels(image).for_each(|pixel| counts[usize::from(pixel[channel])] += 1);
    counts
}

fn stretch_table(counts: &[u64; 256]) -> [u8; 256] {
    let clipped = counts.iter().sum::<u64>() * CLIPPED_PERCENT / 100;
    let lowest = first_beyond(counts.iter(), clipped);
    let highest = 255 - first_beyond(counts.iter().rev(), clipped);
    std::array::from_fn(|value| {
        if highest <= lowest {
            return value as u8;
        }
        let scale = 255.0 / (highest - lowest) as f64;
        ((value as f64 - lowest as f64) * scale).clamp(0.0, 255.0) as u8
    })
}

/// Position of the first value that is left when `clipped` pixels are taken away.
fn first_beyond<'a>(counts: impl Iterator<Item = &'a u64>, clipped: u64) -> usize {
    let mut left = clipped;
    for (place, count) in counts.enumerate() {
        if *count > left {
            return place;
        }
        left -= count;
    }
    0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn image(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Rgb8Image {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = places.flat_map(|(x, y)| pixel(x, y)).collect();
        Rgb8Image::new(width, height, pixels).unwrap()
    }

    fn at(image: &Rgb8Image, x: u32, y: u32) -> [u8; 3] {
        let place = (y * image.width_px() + x) as usize * 3;
        image.pixels()[place..place + 3].try_into().unwrap()
    }

    #[test]
    fn grayscale_weighs_the_channels_as_the_eye_does() {
        let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
        let picture = image(4, 1, |x, _| colours[x as usize]);
        let grey = Variation::Grayscale.of(&picture).unwrap();
        let values: Vec<_> = (0..4).map(|x| at(&grey, x, 0)).collect();
        assert_eq!(values, [[76; 3], [150; 3], [29; 3], [255; 3]]);
    }

    #[test]
    fn a_turn_to_the_right_takes_the_top_to_the_right_and_leaves_the_corners_black() {
        let top = image(101, 101, |x, y| {
            if y < 10 && (45..56).contains(&x) {
                [255; 3]
            } else {
                [1; 3]
            }
        });
        // 45 px above the middle, turned by 20 degrees: 15 px beside it, 42 px above it.
        let right = Variation::RotateRight.of(&top).unwrap();
        assert_eq!(at(&right, 50 + 15, 50 - 42), [255; 3]);
        let left = Variation::RotateLeft.of(&top).unwrap();
        assert_eq!(at(&left, 50 - 15, 50 - 42), [255; 3]);
        for picture in [right, left] {
            assert_eq!(at(&picture, 50, 50), [1; 3]);
            assert_eq!(at(&picture, 0, 0), [0; 3]);
            assert_eq!(at(&picture, 100, 100), [0; 3]);
        }
    }

    #[test]
    fn contrast_is_stretched_between_the_tenths_at_either_end() {
        // Values 100 to 199, each once: 110 is the first kept, 189 the last.
        let ramp = image(100, 1, |x, _| [100 + x as u8; 3]);
        let stretched = Variation::BrightnessUp.of(&ramp).unwrap();
        assert_eq!(at(&stretched, 0, 0), [0; 3]);
        assert_eq!(at(&stretched, 10, 0), [0; 3]);
        assert_eq!(at(&stretched, 11, 0), [3; 3]);
        assert_eq!(at(&stretched, 89, 0), [255; 3]);
        assert_eq!(at(&stretched, 99, 0), [255; 3]);
    }

    #[test]
    fn a_picture_of_one_value_has_no_contrast_to_stretch() {
        let flat = image(5, 5, |_, _| [77; 3]);
        assert_eq!(Variation::BrightnessUp.of(&flat).unwrap(), flat);
    }

    #[test]
    fn darker_is_four_fifths() {
        let picture = image(3, 1, |x, _| [0, 100, [1, 200, 255][x as usize]]);
        let darker = Variation::BrightnessDown.of(&picture).unwrap();
        let values: Vec<_> = (0..3).map(|x| at(&darker, x, 0)).collect();
        assert_eq!(values, [[0, 80, 0], [0, 80, 160], [0, 80, 204]]);
    }

    #[test]
    fn a_flip_exchanges_left_and_right_and_two_flips_nothing() {
        let picture = image(3, 2, |x, y| [x as u8, y as u8, 9]);
        let flipped = Variation::FlipHorizontal.of(&picture).unwrap();
        assert_eq!(at(&flipped, 0, 1), [2, 1, 9]);
        assert_eq!(Variation::FlipHorizontal.of(&flipped).unwrap(), picture);
    }

    proptest! {
        #[test]
        fn every_variation_keeps_the_size_of_any_picture(
            (width, height, pixels) in (1u32..20, 1u32..20).prop_flat_map(|(width, height)| {
                let bytes = (width * height * 3) as usize;
                (Just(width), Just(height), proptest::collection::vec(any::<u8>(), bytes))
            })
        ) {
            let picture = Rgb8Image::new(width, height, pixels).unwrap();
            for variation in Variation::ALL {
                let varied = variation.of(&picture).unwrap();
                prop_assert_eq!(varied.width_px(), width);
                prop_assert_eq!(varied.height_px(), height);
            }
        }
    }
}
