//! What was placed, drawn with krilla.

use krilla::color::rgb;
use krilla::geom::{Path, PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::num::NormalizedF32;
use krilla::paint::{Fill, FillRule, Stroke, StrokeDash};
use krilla::surface::Surface;
use krilla::text::{Font, TextDirection};

use super::super::ReportError;
use super::super::drawing::{Anchor, Area, Colour, Drawing, Mark};
use super::font::Typeface;
use super::layout::{Placed, Style};

/// The loaded fonts.
pub(super) struct Ink {
    fonts: [(Typeface, Font); 3],
}

impl Ink {
    /// Loads the fonts.
    pub(super) fn new() -> Result<Self, ReportError> {
        let loaded = Typeface::ALL.map(|typeface| {
            let font = Font::new(typeface.bytes().into(), 0);
            font.map(|font| (typeface, font))
        });
        let [Some(regular), Some(bold), Some(mono)] = loaded else {
            return Err(ReportError::Pdf(
                "a font that is built in is damaged".into(),
            ));
        };
        Ok(Self {
            fonts: [regular, bold, mono],
        })
    }

    fn font(&self, wanted: Typeface) -> Font {
        let mut fonts = self.fonts.iter();
        let found = fonts.find(|(typeface, _)| *typeface == wanted);
        found.expect("every face is loaded").1.clone()
    }

    /// Draws everything on a page.
    pub(super) fn draw(&self, surface: &mut Surface<'_>, page: &[Placed<'_>]) {
        for placed in page {
            match placed {
                Placed::Text { at, text, style } => self.text(surface, *at, text, *style),
                Placed::Fill { area, colour } => fill(surface, area, *colour, 1.0),
                Placed::Drawing { at, drawing } => self.drawing(surface, *at, drawing),
            }
        }
    }

    fn text(&self, surface: &mut Surface<'_>, (x, y): (f32, f32), text: &str, style: Style) {
        surface.set_stroke(None);
        surface.set_fill(Some(paint(style.colour, 1.0)));
        surface.draw_text(
            Point::from_xy(x, y),
            self.font(style.typeface),
            style.size,
            text,
            false,
            TextDirection::Auto,
        );
    }

    fn drawing(&self, surface: &mut Surface<'_>, (x, y): (f32, f32), drawing: &Drawing<'_>) {
        let sheet = Area {
            x: 0.0,
            y: 0.0,
            width: drawing.width,
            height: drawing.height,
        };
        let Some(sheet) = path_of(&sheet) else {
            return;
        };
        surface.push_transform(&Transform::from_translate(x, y));
        surface.push_clip_path(&sheet, &FillRule::NonZero);
        for mark in &drawing.marks {
            self.mark(surface, mark);
        }
        surface.pop();
        surface.pop();
    }

    fn mark(&self, surface: &mut Surface<'_>, mark: &Mark<'_>) {
        match mark {
            Mark::Picture { area, jpeg } => picture(surface, area, jpeg),
            Mark::Fill {
                area,
                colour,
                opacity,
            } => fill(surface, area, *colour, *opacity),
            Mark::Outline {
                area,
                colour,
                width,
            } => line(surface, path_of(area), *colour, *width, None),
            Mark::Line {
                points,
                colour,
                width,
                is_dashed,
            } => {
                let dash = is_dashed.then(|| StrokeDash {
                    array: vec![4.0, 3.0],
                    offset: 0.0,
                });
                line(surface, path_through(points), *colour, *width, dash);
            }
            Mark::Text {
                at: (x, y),
                text,
                size,
                colour,
                anchor,
            } => {
                let style = Style {
                    typeface: Typeface::Regular,
                    size: *size,
                    colour: *colour,
                };
                let width = style.typeface.width(text, *size);
                let before = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => width / 2.0,
                    Anchor::End => width,
                };
                self.text(surface, (x - before, *y), text, style);
            }
        }
    }
}

/// A JPEG as it is; a grey area where it is none any more.
fn picture(surface: &mut Surface<'_>, area: &Area, jpeg: &[u8]) {
    let image = Image::from_jpeg(jpeg.to_vec().into(), true);
    let size = Size::from_wh(area.width, area.height);
    let (Ok(image), Some(size)) = (image, size) else {
        fill(surface, area, Colour::PALE, 1.0);
        return;
    };
    surface.push_transform(&Transform::from_translate(area.x, area.y));
    surface.draw_image(image, size);
    surface.pop();
}

fn fill(surface: &mut Surface<'_>, area: &Area, colour: Colour, opacity: f32) {
    if let Some(path) = path_of(area) {
        surface.set_stroke(None);
        surface.set_fill(Some(paint(colour, opacity)));
        surface.draw_path(&path);
    }
}

fn line(
    surface: &mut Surface<'_>,
    path: Option<Path>,
    colour: Colour,
    width: f32,
    dash: Option<StrokeDash>,
) {
    let Some(path) = path else { return };
    surface.set_fill(None);
    surface.set_stroke(Some(Stroke {
        paint: ink(colour).into(),
        width,
        dash,
        ..Stroke::default()
    }));
    surface.draw_path(&path);
}

fn paint(colour: Colour, opacity: f32) -> Fill {
    Fill {
        paint: ink(colour).into(),
        opacity: NormalizedF32::new(opacity.clamp(0.0, 1.0)).unwrap_or(NormalizedF32::ONE),
        rule: FillRule::NonZero,
    }
}

fn ink(Colour(red, green, blue): Colour) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

/// `None` for areas without extent.
fn path_of(area: &Area) -> Option<Path> {
    let rect = Rect::from_xywh(area.x, area.y, area.width, area.height)?;
    let mut path = PathBuilder::new();
    path.push_rect(rect);
    path.finish()
}

fn path_through(points: &[(f32, f32)]) -> Option<Path> {
    let ((x, y), rest) = points.split_first()?;
    let mut path = PathBuilder::new();
    path.move_to(*x, *y);
    for (x, y) in rest {
        path.line_to(*x, *y);
    }
    path.finish()
}
