//! What was found, drawn on the picture it was found in: a frame around each face with its score,
//! and the verdict in the upper left corner.
//!
//! Lines and letters grow with the picture, so that they can be read however large it is shown.
//! The colours differ for people who see few of them, and the words say the same.

use super::canvas::{Canvas, Colour};
use crate::domain::{FaceBox, Rgb8Image};

/// What a mark says, and with that its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Signs of manipulation.
    Suspect,
    /// None.
    Clean,
    /// Nothing is claimed.
    Undecided,
}

/// A face to point at.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where it is; may reach past the picture.
    pub bounds: FaceBox,
    /// What to write above it, ASCII.
    pub text: String,
    /// Its colour.
    pub tone: Tone,
}

/// Draws `marks`, and `headline` above them all.
pub fn annotate(image: &Rgb8Image, marks: &[Mark], headline: (&str, Tone)) -> Rgb8Image {
    let mut canvas = Canvas::new(image);
    for mark in marks {
        canvas.outline(mark.bounds, mark.tone.colour());
    }
    // Letters over lines, whoever they belong to.
    for mark in marks {
        canvas.caption(mark.bounds, &mark.text, mark.tone.colour());
    }
    let (text, tone) = headline;
    canvas.label((0, 0), text, tone.colour(), canvas.dot_px * 2);
    canvas.finish().unwrap_or_else(|| image.clone())
}

impl Tone {
    /// Vermilion, bluish green and grey of the palette of Okabe and Ito, darkened under white
    /// letters.
    pub(super) fn colour(self) -> Colour {
        match self {
            Self::Suspect => [190, 70, 0],
            Self::Clean => [0, 120, 90],
            Self::Undecided => [90, 90, 90],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::canvas::WHITE;
    use super::*;

    fn grey(width: u32, height: u32) -> Rgb8Image {
        Rgb8Image::new(width, height, vec![128; (width * height * 3) as usize]).unwrap()
    }

    fn mark(x: f32, y: f32, width: f32, height: f32) -> Mark {
        Mark {
            bounds: FaceBox {
                x,
                y,
                width,
                height,
            },
            text: "97 %".into(),
            tone: Tone::Suspect,
        }
    }

    fn at(image: &Rgb8Image, x: u32, y: u32) -> &[u8] {
        let place = (y * image.width_px() + x) as usize * 3;
        &image.pixels()[place..place + 3]
    }

    #[test]
    fn a_face_is_framed_and_what_is_inside_stays_as_it_is() {
        let face = mark(100.0, 100.0, 60.0, 80.0);
        let drawn = annotate(&grey(320, 240), &[face], ("FAKE 97 %", Tone::Suspect));
        let line = Tone::Suspect.colour();
        for (x, y) in [(100, 140), (159, 140), (130, 100), (130, 179)] {
            assert_eq!(at(&drawn, x, y), line, "{x} {y}");
        }
        for (x, y) in [(130, 140), (99, 140), (160, 140), (130, 180), (300, 200)] {
            assert_eq!(at(&drawn, x, y), [128; 3], "{x} {y}");
        }
        // The verdict stands in the corner, in white on its colour.
        assert_eq!(at(&drawn, 0, 0), line);
        let corner = (0..16).flat_map(|y| (0..80).map(move |x| (x, y)));
        let white = corner.filter(|&(x, y)| at(&drawn, x, y) == WHITE).count();
        assert!(white > 100, "{white} white pixels");
    }

    #[test]
    fn lines_grow_with_the_picture() {
        let thickness = |side: u32| {
            let face = mark(side as f32 / 2.0, 0.0, side as f32 / 4.0, side as f32);
            let drawn = annotate(&grey(side, side), &[face], ("", Tone::Clean));
            let row = side * 3 / 4;
            let line = (side / 2..side).take_while(|&x| at(&drawn, x, row) != [128; 3]);
            line.count()
        };
        assert_eq!(
            (thickness(100), thickness(240), thickness(1200)),
            (2, 2, 10)
        );
    }

    proptest! {
        #[test]
        fn any_box_in_any_picture_is_drawn_without_harm(
            (width, height) in (1u32..64, 1u32..64),
            sides in proptest::array::uniform4(prop_oneof![
                -100f32..100.0, any::<f32>(), Just(f32::NAN), Just(f32::INFINITY),
            ]),
            text in ".{0,20}",
        ) {
            let [x, y, w, h] = sides;
            let face = Mark { text, ..mark(x, y, w, h) };
            let drawn = annotate(&grey(width, height), &[face], ("INCONCLUSIVE", Tone::Undecided));
            prop_assert_eq!((drawn.width_px(), drawn.height_px()), (width, height));
        }
    }
}
