//! The turn (and mirroring) that brings a stored picture upright.

use ffmpeg_next::Stream;
use ffmpeg_next::codec::packet::side_data;
use image::RgbImage;
use image::imageops;

use crate::domain::Rotation;

/// A clockwise rotation, then a mirroring left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Orientation {
    pub(super) rotation: Rotation,
    pub(super) is_mirrored: bool,
}

impl Orientation {
    /// What the display matrix of `stream` asks for; nothing when it has none.
    pub(super) fn of_stream(stream: &Stream) -> Self {
        stream
            .side_data()
            .find(|data| data.kind() == side_data::Type::DisplayMatrix)
            .map(|data| Self::of_matrix(data.data()))
            .unwrap_or_default()
    }

    /// Reads a display matrix: nine native 32-bit numbers `a b u c d v x y w`, where a stored
    /// point moves to `(a·x + c·y, b·x + d·y)` with y downwards (ISO 14496-12, 6.2.2).
    fn of_matrix(bytes: &[u8]) -> Self {
        let number = |at: usize| {
            let bytes = bytes.get(at * 4..at * 4 + 4)?.try_into().ok()?;
            Some(f64::from(i32::from_ne_bytes(bytes)))
        };
        let (Some(a), Some(b), Some(c), Some(d)) = (number(0), number(1), number(3), number(4))
        else {
            return Self::default();
        };
        let determinant = a * d - b * c;
        if determinant == 0.0 {
            return Self::default();
        }
        // Undoing a mirroring of the result leaves a pure rotation: only x' changes its sign.
        let is_mirrored = determinant < 0.0;
        let a = if is_mirrored { -a } else { a };
        Self {
            rotation: Rotation::from_clockwise_degrees(b.atan2(a).to_degrees()),
            is_mirrored,
        }
    }

    /// Width and height after the turn.
    pub(super) fn turned_size(self, width_px: u32, height_px: u32) -> (u32, u32) {
        if self.rotation.swaps_sides() {
            (height_px, width_px)
        } else {
            (width_px, height_px)
        }
    }

    /// Turns `image` upright.
    pub(super) fn apply(self, image: RgbImage) -> RgbImage {
        let mut turned = match self.rotation {
            Rotation::None => image,
            Rotation::Quarter => imageops::rotate90(&image),
            Rotation::Half => imageops::rotate180(&image),
            Rotation::ThreeQuarter => imageops::rotate270(&image),
        };
        if self.is_mirrored {
            imageops::flip_horizontal_in_place(&mut turned);
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a: i32, b: i32, c: i32, d: i32) -> Orientation {
        let one = 1 << 16;
        let matrix = [a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30];
        let bytes: Vec<u8> = matrix.iter().flat_map(|n| n.to_ne_bytes()).collect();
        Orientation::of_matrix(&bytes)
    }

    #[test]
    fn a_matrix_gives_the_turn_that_moves_points_as_it_does() {
        assert_eq!(of(1, 0, 0, 1), Orientation::default());
        assert_eq!(of(0, 1, -1, 0).rotation, Rotation::Quarter);
        assert_eq!(of(-1, 0, 0, -1).rotation, Rotation::Half);
        assert_eq!(of(0, -1, 1, 0).rotation, Rotation::ThreeQuarter);
    }

    #[test]
    fn a_mirroring_matrix_mirrors_after_the_turn() {
        let picture = RgbImage::from_fn(2, 1, |x, _| image::Rgb([x as u8, 0, 0]));
        let columns = |image: &RgbImage| image.pixels().map(|p| p[0]).collect::<Vec<_>>();
        let mirror = of(-1, 0, 0, 1);
        assert_eq!(mirror.rotation, Rotation::None);
        assert_eq!(columns(&mirror.apply(picture.clone())), [1, 0]);
        // Upside down mirrored: half a turn and a mirroring put the columns where they were.
        let flip = of(1, 0, 0, -1);
        assert_eq!((flip.rotation, flip.is_mirrored), (Rotation::Half, true));
        assert_eq!(columns(&flip.apply(picture)), [0, 1]);
    }

    #[test]
    fn a_matrix_that_is_short_or_flat_turns_nothing() {
        assert_eq!(Orientation::of_matrix(&[1, 2, 3]), Orientation::default());
        assert_eq!(of(0, 0, 0, 0), Orientation::default());
    }
}
