//! What was found, drawn on the picture it was found in: a frame around each face with its score,
//! and the verdict in the upper left corner.
//!
//! Lines and letters grow with the picture, so that they can be read however large it is shown.
//! The colours differ for people who see few of them, and the words say the same.

use font8x8::UnicodeFonts;

use crate::domain::{FaceBox, Rgb8Image};

/// A glyph is eight dots wide and high.
const GLYPH_DOTS: i64 = 8;
/// Shorter side of a picture in which a dot of a letter is one pixel.
const SIDE_OF_ONE_DOT_PX: u32 = 240;
/// Dots of room around a text.
const ROOM_DOTS: i64 = 2;
const WHITE: Colour = [255, 255, 255];

type Colour = [u8; 3];

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
        canvas.caption(mark);
    }
    let (text, tone) = headline;
    canvas.label((0, 0), text, tone.colour(), canvas.dot_px * 2);
    canvas.finish().unwrap_or_else(|| image.clone())
}

impl Tone {
    /// Vermilion, bluish green and grey of the palette of Okabe and Ito, darkened under white
    /// letters.
    fn colour(self) -> Colour {
        match self {
            Self::Suspect => [190, 70, 0],
            Self::Clean => [0, 120, 90],
            Self::Undecided => [90, 90, 90],
        }
    }
}

/// Pixels being drawn on. Coordinates may lie anywhere; what is outside is not drawn.
struct Canvas {
    width: i64,
    height: i64,
    pixels: Vec<u8>,
    /// Side of a dot of the captions.
    dot_px: i64,
}

/// Edges in pixels; the right and the lower one are outside.
#[derive(Clone, Copy)]
struct Area {
    left: i64,
    top: i64,
    right: i64,
    bottom: i64,
}

impl Canvas {
    fn new(image: &Rgb8Image) -> Self {
        let side = image.width_px().min(image.height_px());
        Self {
            width: i64::from(image.width_px()),
            height: i64::from(image.height_px()),
            pixels: image.pixels().to_vec(),
            dot_px: i64::from((side / SIDE_OF_ONE_DOT_PX).max(1)),
        }
    }

    fn finish(self) -> Option<Rgb8Image> {
        let (width, height) = (self.width.try_into().ok()?, self.height.try_into().ok()?);
        Rgb8Image::new(width, height, self.pixels).ok()
    }

    fn outline(&mut self, bounds: FaceBox, colour: Colour) {
        let area = area_of(bounds);
        let thickness = 2 * self.dot_px;
        let Area {
            left,
            top,
            right,
            bottom,
        } = area;
        let (inner_left, inner_right) = (left + thickness, right - thickness);
        let (inner_top, inner_bottom) = (top + thickness, bottom - thickness);
        #[rustfmt::skip]
        let sides = [
            Area { bottom: inner_top.min(bottom), ..area },
            Area { top: inner_bottom.max(top), ..area },
            Area { right: inner_left.min(right), ..area },
            Area { left: inner_right.max(left), ..area },
        ];
        sides.into_iter().for_each(|side| self.fill(side, colour));
    }

    /// Above the face, or inside its frame where there is no room above.
    fn caption(&mut self, mark: &Mark) {
        let Area { left, top, .. } = area_of(mark.bounds);
        let height = (GLYPH_DOTS + 2 * ROOM_DOTS) * self.dot_px;
        let top = if top >= height { top - height } else { top };
        let width = self.text_width(&mark.text, self.dot_px);
        let left = left.min(self.width - width).max(0);
        let top = top.clamp(0, (self.height - height).max(0));
        self.label((left, top), &mark.text, mark.tone.colour(), self.dot_px);
    }

    fn text_width(&self, text: &str, dot_px: i64) -> i64 {
        (text.chars().count() as i64 * GLYPH_DOTS + 2 * ROOM_DOTS) * dot_px
    }

    /// White on a ground of `colour`; in smaller letters where the picture is too narrow.
    fn label(&mut self, (left, top): (i64, i64), text: &str, colour: Colour, dot_px: i64) {
        let mut dot_px = dot_px;
        while dot_px > 1 && self.text_width(text, dot_px) > self.width {
            dot_px -= 1;
        }
        let ground = Area {
            left,
            top,
            right: left + self.text_width(text, dot_px),
            bottom: top + (GLYPH_DOTS + 2 * ROOM_DOTS) * dot_px,
        };
        self.fill(ground, colour);
        let mut pen = (left + ROOM_DOTS * dot_px, top + ROOM_DOTS * dot_px);
        for letter in text.chars() {
            self.glyph(pen, letter, dot_px);
            pen.0 += GLYPH_DOTS * dot_px;
        }
    }

    fn glyph(&mut self, (left, top): (i64, i64), letter: char, dot_px: i64) {
        let rows = font8x8::BASIC_FONTS.get(letter).unwrap_or_default();
        for (row, dots) in (0..).zip(rows) {
            for column in (0..GLYPH_DOTS).filter(|column| dots >> column & 1 == 1) {
                let (left, top) = (left + column * dot_px, top + row * dot_px);
                let dot = Area {
                    left,
                    top,
                    right: left + dot_px,
                    bottom: top + dot_px,
                };
                self.fill(dot, WHITE);
            }
        }
    }

    fn fill(&mut self, area: Area, colour: Colour) {
        let columns = area.left.clamp(0, self.width)..area.right.clamp(0, self.width);
        let rows = area.top.clamp(0, self.height)..area.bottom.clamp(0, self.height);
        if columns.is_empty() {
            return;
        }
        for row in rows {
            let begin = ((row * self.width + columns.start) * 3) as usize;
            let end = ((row * self.width + columns.end) * 3) as usize;
            for pixel in self.pixels[begin..end].chunks_exact_mut(3) {
                pixel.copy_from_slice(&colour);
            }
        }
    }
}

/// Numbers that are none, or beyond every picture, become edges that are harmless to add to.
fn area_of(bounds: FaceBox) -> Area {
    let edge = |at: f32| i64::from(at.round().clamp(-1e8, 1e8) as i32);
    Area {
        left: edge(bounds.x),
        top: edge(bounds.y),
        right: edge(bounds.x + bounds.width),
        bottom: edge(bounds.y + bounds.height),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
