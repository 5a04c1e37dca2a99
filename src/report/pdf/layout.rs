//! Pages that fill from the top.

use super::super::drawing::{Area, Colour, Drawing};
use super::font::Typeface;

/// A4 in points.
pub(super) const PAGE_WIDTH: f32 = 595.28;
pub(super) const PAGE_HEIGHT: f32 = 841.89;
/// Where text begins, and how wide it is.
pub(super) const LEFT: f32 = 48.0;
pub(super) const WIDTH: f32 = 499.0;
const TOP: f32 = 52.0;
const BOTTOM: f32 = 786.0;
const FOOTER: f32 = 812.0;
const FOOTER_SIZE: f32 = 7.5;

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    pub(super) typeface: Typeface,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

impl Style {
    /// From one base line to the next.
    pub(super) fn leading(self) -> f32 {
        self.size * 1.38
    }
}

/// One thing at its place on a page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Placed<'d> {
    /// Text on a base line.
    Text {
        at: (f32, f32),
        text: String,
        style: Style,
    },
    /// A filled area.
    Fill { area: Area, colour: Colour },
    /// A drawing by its upper left corner.
    Drawing {
        at: (f32, f32),
        drawing: &'d Drawing<'d>,
    },
}

/// Pages being filled.
#[derive(Debug)]
pub(super) struct Layout<'d> {
    pages: Vec<Vec<Placed<'d>>>,
    /// Where the next thing goes on the last page.
    y: f32,
}

impl<'d> Layout<'d> {
    /// One empty page.
    pub(super) fn new() -> Self {
        Self {
            pages: vec![Vec::new()],
            y: TOP,
        }
    }

    /// The pages, each with what it is of at its foot.
    pub(super) fn finish(mut self, title: &str) -> Vec<Vec<Placed<'d>>> {
        let style = Style {
            typeface: Typeface::Regular,
            size: FOOTER_SIZE,
            colour: Colour::GREY,
        };
        let count = self.pages.len();
        let mut title = style.typeface.wrapped(title, style.size, WIDTH - 80.0);
        let title = title.swap_remove(0);
        for (position, page) in self.pages.iter_mut().enumerate() {
            let number = format!("page {} of {count}", position + 1);
            let right = LEFT + WIDTH - style.typeface.width(&number, style.size);
            for (x, text) in [(LEFT, title.clone()), (right, number)] {
                page.push(Placed::Text {
                    at: (x, FOOTER),
                    text,
                    style,
                });
            }
        }
        self.pages
    }

    /// Where the next thing goes.
    pub(super) fn y(&self) -> f32 {
        self.y
    }

    /// Begins a page where less than `height` is left of this one.
    pub(super) fn keep_together(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > TOP {
            self.pages.push(Vec::new());
            self.y = TOP;
        }
    }

    /// Goes down, but not onto another page.
    pub(super) fn advance(&mut self, height: f32) {
        self.y += height;
    }

    /// Room between two things; none at the top of a page.
    pub(super) fn gap(&mut self, height: f32) {
        if self.y > TOP {
            self.y += height;
        }
    }

    /// Puts something on the page that is being filled.
    pub(super) fn put(&mut self, placed: Placed<'d>) {
        let page = self.pages.last_mut();
        page.expect("there is always a page").push(placed);
    }

    /// Writes lines under each other from `x` on, over as many pages as they need.
    pub(super) fn lines(&mut self, x: f32, lines: Vec<String>, style: Style) {
        for text in lines {
            self.keep_together(style.leading());
            self.put_line((x, self.y), text, style);
            self.y += style.leading();
        }
    }

    /// Writes one line whose top is at `y`, without going down.
    pub(super) fn put_line(&mut self, (x, y): (f32, f32), text: String, style: Style) {
        if !text.is_empty() {
            self.put(Placed::Text {
                at: (x, y + style.size),
                text,
                style,
            });
        }
    }

    /// A thin line across the text.
    pub(super) fn rule(&mut self, colour: Colour) {
        self.put(Placed::Fill {
            area: Area {
                x: LEFT,
                y: self.y,
                width: WIDTH,
                height: 0.5,
            },
            colour,
        });
    }
}
