//! Pixels to draw rectangles and letters on.

use font8x8::UnicodeFonts;

use crate::domain::{FaceBox, Rgb8Image};

/// A glyph is eight dots wide and high.
const GLYPH_DOTS: i64 = 8;
/// Shorter side of a picture in which a dot of a letter is one pixel.
const SIDE_OF_ONE_DOT_PX: u32 = 240;
/// Dots of room around a text.
const ROOM_DOTS: i64 = 2;
pub(super) const WHITE: Colour = [255, 255, 255];

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Pixels being drawn on. Coordinates may lie anywhere; what is outside is not drawn.
pub(super) struct Canvas {
    pub(super) width: i64,
    pub(super) height: i64,
    pixels: Vec<u8>,
    /// Side of a dot of the captions.
    pub(super) dot_px: i64,
}

/// Edges in pixels; the right and the lower one are outside.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) left: i64,
    pub(super) top: i64,
    pub(super) right: i64,
    pub(super) bottom: i64,
}

impl Canvas {
    /// Of a picture.
    pub(super) fn new(image: &Rgb8Image) -> Self {
        let side = image.width_px().min(image.height_px());
        Self {
            width: i64::from(image.width_px()),
            height: i64::from(image.height_px()),
            pixels: image.pixels().to_vec(),
            dot_px: i64::from((side / SIDE_OF_ONE_DOT_PX).max(1)),
        }
    }

    /// Adds `rows` of `colour` below.
    pub(super) fn extend(&mut self, rows: i64, colour: Colour) {
        let dots = usize::try_from(self.width * rows).unwrap_or(0);
        self.pixels.extend(colour.repeat(dots));
        self.height += rows.max(0);
    }

    pub(super) fn finish(self) -> Option<Rgb8Image> {
        let (width, height) = (self.width.try_into().ok()?, self.height.try_into().ok()?);
        Rgb8Image::new(width, height, self.pixels).ok()
    }

    pub(super) fn outline(&mut self, bounds: FaceBox, colour: Colour) {
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

    /// Above `bounds`, or inside where there is no room above.
    pub(super) fn caption(&mut self, bounds: FaceBox, text: &str, colour: Colour) {
        let Area { left, top, .. } = area_of(bounds);
        let height = self.line_height();
        let top = if top >= height { top - height } else { top };
        let width = self.text_width(text, self.dot_px);
        let left = left.min(self.width - width).max(0);
        let top = top.clamp(0, (self.height - height).max(0));
        self.label((left, top), text, colour, self.dot_px);
    }

    /// Of a label in the letters of captions.
    pub(super) fn line_height(&self) -> i64 {
        (GLYPH_DOTS + 2 * ROOM_DOTS) * self.dot_px
    }

    fn text_width(&self, text: &str, dot_px: i64) -> i64 {
        (text.chars().count() as i64 * GLYPH_DOTS + 2 * ROOM_DOTS) * dot_px
    }

    /// White on a ground of `colour`; in smaller letters where the picture is too narrow.
    pub(super) fn label(
        &mut self,
        (left, top): (i64, i64),
        text: &str,
        colour: Colour,
        dot_px: i64,
    ) {
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

    pub(super) fn fill(&mut self, area: Area, colour: Colour) {
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
