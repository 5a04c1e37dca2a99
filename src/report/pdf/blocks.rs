//! Every kind of block at its place.

use super::super::document::{Block, Document};
use super::super::drawing::{Area, Colour, Drawing};
use super::font::Typeface;
use super::layout::{LEFT, Layout, Placed, Style, WIDTH};
use crate::domain::VerdictLabel;

const BODY: Style = style(Typeface::Regular, 9.0, Colour::BLACK);
const MUTED: Style = style(Typeface::Regular, 8.0, Colour::GREY);
const TITLE: Style = style(Typeface::Bold, 16.0, Colour::BLACK);
const HEADING: Style = style(Typeface::Bold, 11.5, Colour::BLACK);
const CELL: Style = style(Typeface::Regular, 8.0, Colour::BLACK);
const CELL_HEADER: Style = style(Typeface::Bold, 8.0, Colour::GREY);
const COMMAND: Style = style(Typeface::Mono, 7.2, Colour::BLACK);
const VERBATIM: Style = style(Typeface::Mono, 6.0, Colour::BLACK);
/// The names beside the values of facts.
const NAMES: f32 = 128.0;
const GUTTER: f32 = 10.0;
const BESIDE: f32 = 12.0;
/// A heading is not left alone at the foot of a page; a figure that follows needs its own height more.
const HEADING_ROOM: f32 = 70.0;

const fn style(typeface: Typeface, size: f32, colour: Colour) -> Style {
    Style {
        typeface,
        size,
        colour,
    }
}

/// Places the whole document.
pub(super) fn place<'d>(layout: &mut Layout<'d>, document: &'d Document<'_>) {
    text(layout, &document.title, TITLE);
    layout.gap(2.0);
    text(layout, &document.byline, MUTED);
    for section in &document.sections {
        layout.gap(14.0);
        layout.keep_together(HEADING_ROOM + tallest_drawing(section.blocks.first()));
        text(layout, section.heading, HEADING);
        layout.advance(2.0);
        layout.rule(Colour::PALE);
        layout.advance(6.0);
        for block in &section.blocks {
            place_block(layout, block);
        }
    }
}

/// Of the figure that a section begins with; 0 where it begins with anything else.
fn tallest_drawing(first: Option<&Block<'_>>) -> f32 {
    match first {
        Some(Block::Figure { drawings, .. }) => {
            drawings.iter().map(|d| d.height).fold(0.0, f32::max)
        }
        _ => 0.0,
    }
}

fn place_block<'d>(layout: &mut Layout<'d>, block: &'d Block<'_>) {
    match block {
        Block::Answer { label, sentence } => answer(layout, *label, sentence),
        Block::Paragraph(paragraph) => text(layout, paragraph, BODY),
        Block::List(items) => list(layout, items),
        Block::Facts(facts) => {
            for (name, value) in facts {
                fact(layout, name, value);
            }
        }
        Block::Table { header, rows } => table(layout, header, rows),
        Block::Figure { drawings, caption } => figure(layout, drawings, caption),
        Block::Commands(lines) => {
            for line in lines {
                text(layout, line, COMMAND);
            }
        }
        Block::Verbatim(verbatim) => text(layout, verbatim, VERBATIM),
    }
    layout.gap(5.0);
}

fn text(layout: &mut Layout<'_>, text: &str, style: Style) {
    let lines = style.typeface.wrapped(text, style.size, WIDTH);
    layout.lines(LEFT, lines, style);
}

fn answer(layout: &mut Layout<'_>, label: VerdictLabel, sentence: &str) {
    const HEIGHT: f32 = 34.0;
    let colour = match label {
        VerdictLabel::Fake => Colour::VERMILION,
        VerdictLabel::Real => Colour::GREEN,
        VerdictLabel::Inconclusive => Colour::AMBER,
    };
    layout.keep_together(HEIGHT);
    let y = layout.y();
    let bar = Area {
        x: LEFT,
        y,
        width: 4.0,
        height: HEIGHT,
    };
    layout.put(Placed::Fill { area: bar, colour });
    let large = style(Typeface::Bold, 18.0, colour);
    let word = label.as_str();
    layout.put_line((LEFT + 14.0, y + 7.0), word.to_owned(), large);
    let beside = LEFT + 14.0 + large.typeface.width(word, large.size) + 14.0;
    let room = LEFT + WIDTH - beside;
    let lines = BODY.typeface.wrapped(sentence, BODY.size, room);
    let top = y + (HEIGHT - BODY.leading() * lines.len() as f32) / 2.0 + 2.0;
    for (position, line) in lines.into_iter().enumerate() {
        let below = top + BODY.leading() * position as f32;
        layout.put_line((beside, below), line, BODY);
    }
    layout.advance(HEIGHT);
}

fn list(layout: &mut Layout<'_>, items: &[String]) {
    const INDENT: f32 = 12.0;
    for item in items {
        let lines = BODY.typeface.wrapped(item, BODY.size, WIDTH - INDENT);
        layout.keep_together(BODY.leading());
        layout.put_line((LEFT + 2.0, layout.y()), "•".into(), BODY);
        layout.lines(LEFT + INDENT, lines, BODY);
        layout.advance(2.0);
    }
}

fn fact(layout: &mut Layout<'_>, name: &str, value: &str) {
    let room = WIDTH - NAMES - GUTTER;
    let name = MUTED.typeface.wrapped(name, MUTED.size, NAMES);
    let value = CELL.typeface.wrapped(value, CELL.size, room);
    row(layout, &[(NAMES, name, MUTED), (room, value, CELL)]);
}

/// A cell: its width, its lines and their style.
type Cell = (f32, Vec<String>, Style);

/// Cells beside each other.
fn row(layout: &mut Layout<'_>, cells: &[Cell]) {
    let height = |(_, lines, style): &Cell| style.leading() * lines.len() as f32;
    let height = cells.iter().map(height).fold(0.0, f32::max);
    layout.keep_together(height + 4.0);
    let mut x = LEFT;
    for (width, lines, style) in cells {
        for (position, line) in lines.iter().enumerate() {
            let below = layout.y() + style.leading() * position as f32;
            layout.put_line((x, below), line.clone(), *style);
        }
        x += width + GUTTER;
    }
    layout.advance(height + 1.5);
    layout.rule(Colour::PALE);
    layout.advance(2.5);
}

fn table(layout: &mut Layout<'_>, header: &[&'static str], rows: &[Vec<String>]) {
    let widths = widths(header, rows);
    row(layout, &cells(header, &widths, CELL_HEADER));
    for texts in rows {
        row(layout, &cells(texts, &widths, CELL));
    }
}

fn cells(texts: &[impl AsRef<str>], widths: &[f32], style: Style) -> Vec<Cell> {
    (texts.iter().zip(widths))
        .map(|(text, width)| {
            let lines = style.typeface.wrapped(text.as_ref(), style.size, *width);
            (*width, lines, style)
        })
        .collect()
}

/// As wide as the widest cell of each column, made to fit where that is too wide.
fn widths(header: &[&'static str], rows: &[Vec<String>]) -> Vec<f32> {
    let natural = header.iter().enumerate().map(|(column, name)| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let cells = cells.map(|cell| CELL.typeface.width(cell, CELL.size));
        let name = CELL_HEADER.typeface.width(name, CELL_HEADER.size);
        // A hair more than measured, so that rounding never breaks a word.
        cells.fold(name, f32::max) + 0.5
    });
    let natural: Vec<f32> = natural.collect();
    let room = WIDTH - GUTTER * header.len().saturating_sub(1) as f32;
    let scale = (room / natural.iter().sum::<f32>()).min(1.0);
    natural.into_iter().map(|width| width * scale).collect()
}

fn figure<'d>(layout: &mut Layout<'d>, drawings: &'d [Drawing<'_>], caption: &str) {
    let caption = MUTED.typeface.wrapped(caption, MUTED.size, WIDTH);
    let height = drawings.iter().map(|d| d.height).fold(0.0, f32::max);
    let below = MUTED.leading() * caption.len() as f32;
    layout.keep_together(height + below + 8.0);
    let mut x = LEFT;
    for drawing in drawings {
        let at = (x, layout.y());
        layout.put(Placed::Drawing { at, drawing });
        x += drawing.width + BESIDE;
    }
    layout.advance(height + 4.0);
    layout.lines(LEFT, caption, MUTED);
    layout.advance(4.0);
}
