//! Drawings as SVG within a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::drawing::{Anchor, Area, Colour, Drawing, Mark};

/// How many CSS pixels a point takes on a screen.
const PX_PER_PT: f32 = 1.35;

/// The drawing, as large as it is on paper, or as wide as there is room.
pub(super) fn svg(drawing: &Drawing<'_>) -> Markup {
    let (width, height) = (drawing.width, drawing.height);
    html! {
        svg viewBox=(format!("0 0 {width:.2} {height:.2}")) width=(pixels(width)) height=(pixels(height))
            role="img" aria-label=(drawing.description) {
            @for mark in &drawing.marks { (shape(mark)) }
        }
    }
}

fn pixels(points: f32) -> String {
    format!("{:.0}", points * PX_PER_PT)
}

fn shape(mark: &Mark<'_>) -> Markup {
    match mark {
        Mark::Picture { area, jpeg } => {
            let data = format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg));
            let [x, y, width, height] = sides(area);
            html! {
                image x=(x) y=(y) width=(width) height=(height) preserveAspectRatio="none" href=(data) {}
            }
        }
        Mark::Fill {
            area,
            colour,
            opacity,
        } => {
            let [x, y, width, height] = sides(area);
            let (colour, opacity) = (colour.hex(), format!("{opacity:.3}"));
            html! {
                rect x=(x) y=(y) width=(width) height=(height) fill=(colour) fill-opacity=(opacity) {}
            }
        }
        Mark::Outline {
            area,
            colour,
            width: line,
        } => {
            let [x, y, width, height] = sides(area);
            html! {
                rect x=(x) y=(y) width=(width) height=(height) fill="none" stroke=(colour.hex())
                    stroke-width=(line) {}
            }
        }
        Mark::Line {
            points,
            colour,
            width,
            is_dashed,
        } => line(points, *colour, *width, *is_dashed),
        Mark::Text {
            at: (x, y),
            text,
            size,
            colour,
            anchor,
        } => {
            let anchor = match anchor {
                Anchor::Start => "start",
                Anchor::Middle => "middle",
                Anchor::End => "end",
            };
            html! {
                text x=(x) y=(y) font-size=(size) fill=(colour.hex()) text-anchor=(anchor) { (text) }
            }
        }
    }
}

fn sides(area: &Area) -> [String; 4] {
    [area.x, area.y, area.width, area.height].map(|side| format!("{side:.2}"))
}

fn line(points: &[(f32, f32)], colour: Colour, width: f32, is_dashed: bool) -> Markup {
    let points: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.2},{y:.2}"))
        .collect();
    html! {
        polyline points=(points.join(" ")) fill="none" stroke=(colour.hex()) stroke-width=(width)
            stroke-dasharray=[is_dashed.then_some("4 3")] {}
    }
}
