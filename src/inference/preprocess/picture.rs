//! A square of bytes, and its centre.

use crate::domain::Rgb8Image;

/// A square picture: rows of R, G, B.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) side: usize,
    pub(super) bytes: Vec<u8>,
}

impl Picture {
    /// `crop` must be square.
    pub(super) fn of(crop: &Rgb8Image) -> Self {
        Self {
            side: crop.width_px() as usize,
            bytes: crop.pixels().to_vec(),
        }
    }

    /// The centre of `side` pixels, with black around where the picture is smaller. Where the
    /// margins cannot be equal they are torchvision's (`CenterCrop`).
    pub(super) fn centred(self, side: usize) -> Self {
        if side == self.side {
            return self;
        }
        // The margin before the picture's or the cut's first pixel.
        let (skip, pad) = match self.side.checked_sub(side) {
            Some(spare) => ((spare as f64 / 2.0).round_ties_even() as usize, 0),
            None => (0, (side - self.side) / 2),
        };
        let count = side.min(self.side);
        let mut bytes = vec![0; side * side * 3];
        for row in 0..count {
            let from = ((skip + row) * self.side + skip) * 3;
            let to = ((pad + row) * side + pad) * 3;
            bytes[to..to + count * 3].copy_from_slice(&self.bytes[from..from + count * 3]);
        }
        Self { side, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each pixel's bytes are its row, its column and 7.
    fn numbered(side: usize) -> Picture {
        let pixels = (0..side).flat_map(|y| (0..side).map(move |x| [y as u8, x as u8, 7]));
        Picture {
            side,
            bytes: pixels.flatten().collect(),
        }
    }

    #[test]
    fn an_odd_margin_is_split_as_torchvision_splits_it() {
        // CenterCrop starts at int(round((have - want) / 2)), which rounds halves to even.
        for (have, want, start) in [(8, 5, 2), (8, 7, 0), (8, 4, 2), (256, 197, 30)] {
            let cut = numbered(have).centred(want);
            assert_eq!((cut.side, cut.bytes.len()), (want, want * want * 3));
            assert_eq!(cut.bytes[..3], [start, start, 7], "{have} to {want}");
        }
    }

    #[test]
    fn a_smaller_picture_stands_in_the_middle_of_black() {
        let padded = numbered(2).centred(5);
        let at = |y: usize, x: usize| &padded.bytes[(y * 5 + x) * 3..][..3];
        assert_eq!(at(0, 0), [0, 0, 0]);
        assert_eq!(at(1, 1), [0, 0, 7]);
        assert_eq!(at(2, 2), [1, 1, 7]);
        assert_eq!(at(3, 3), [0, 0, 0]);
        let black = padded.bytes.chunks(3).filter(|p| *p == [0, 0, 0]).count();
        assert_eq!(black, 25 - 4);
    }
}
