//! The scores of every person over time.

use super::drawing::{Anchor, Area, Colour, Drawing, Mark};
use super::numbers::threshold;
use crate::domain::{Analysis, Conditions, Probability};

const WIDTH: f32 = 499.0;
const HEIGHT: f32 = 190.0;
/// The square of the axes within the drawing.
const PLOT: Area = Area {
    x: 38.0,
    y: 20.0,
    width: 400.0,
    height: 140.0,
};
const LABEL_SIZE: f32 = 8.0;
const COLOURS: [Colour; 5] = [
    Colour::BLUE,
    Colour::VERMILION,
    Colour::GREEN,
    Colour::PURPLE,
    Colour::GREY,
];
/// Half the side of the mark of a score.
const DOT: f32 = 1.6;

/// Scores of one person: place in the video and probability.
struct Curve {
    track_id: u32,
    points: Vec<(f64, Probability)>,
}

/// The plot; `None` when nothing was scored.
pub(super) fn scores<'a>(analysis: &Analysis) -> Option<Drawing<'a>> {
    let by_time = analysis.frames.iter().all(|frame| frame.time_s.is_some());
    let curves = curves(analysis, by_time);
    let places = curves.iter().flat_map(|curve| &curve.points);
    let last = places.map(|(place, _)| *place).max_by(f64::total_cmp)?;
    let whole = analysis.media.duration_s.filter(|_| by_time);
    let end = whole.unwrap_or(last).max(last).max(f64::MIN_POSITIVE);
    let mut marks = axes(end, by_time);
    if let Some(conditions) = &analysis.conditions {
        marks.extend(thresholds(conditions));
    }
    for (position, curve) in curves.iter().enumerate() {
        let colour = COLOURS[position % COLOURS.len()];
        marks.extend(line(curve, end, colour));
        marks.push(legend(position, curve.track_id, colour));
    }
    Some(Drawing {
        width: WIDTH,
        height: HEIGHT,
        marks,
        description: "Scores over time; the table beneath and the CSV hold the numbers".into(),
    })
}

/// A curve for each person with scores, the deciding one first.
fn curves(analysis: &Analysis, by_time: bool) -> Vec<Curve> {
    let place = |frame: &crate::domain::FrameResult| match frame.time_s {
        Some(time_s) if by_time => time_s,
        Some(_) | None => frame.frame_index as f64,
    };
    let curves = analysis.tracks.iter().map(|track| {
        let faces = analysis.frames.iter().filter_map(|frame| {
            let face = frame.faces.iter().find(|face| face.track_id == track.id)?;
            Some((place(frame), face.probability_fake?))
        });
        Curve {
            track_id: track.id,
            points: faces.collect(),
        }
    });
    curves.filter(|curve| !curve.points.is_empty()).collect()
}

fn across(place: f64, end: f64) -> f32 {
    PLOT.x + PLOT.width * (place / end) as f32
}

fn up(probability: f32) -> f32 {
    PLOT.y + PLOT.height * (1.0 - probability)
}

fn axes<'a>(end: f64, by_time: bool) -> Vec<Mark<'a>> {
    let mut marks = vec![Mark::Outline {
        area: PLOT,
        colour: Colour::GREY,
        width: 0.6,
    }];
    for step in 0..=4_u8 {
        let share = f32::from(step) / 4.0;
        let (x, y) = (PLOT.x + PLOT.width * share, up(share));
        marks.push(grid(vec![(PLOT.x, y), (PLOT.x + PLOT.width, y)]));
        let percent = format!("{:.0} %", share * 100.0);
        marks.push(label((PLOT.x - 4.0, y + 2.5), percent, Anchor::End));
        let place = end * f64::from(share);
        let place = match by_time {
            true => format!("{place:.2} s"),
            false => format!("{place:.0}"),
        };
        let below = PLOT.y + PLOT.height + 11.0;
        marks.push(label((x, below), place, Anchor::Middle));
    }
    let (name, middle) = (PLOT.x - 32.0, PLOT.x + PLOT.width / 2.0);
    let title = "Probability of manipulation".to_owned();
    marks.push(label((name, PLOT.y - 8.0), title, Anchor::Start));
    let below = PLOT.y + PLOT.height + 23.0;
    let axis = if by_time {
        "time in the video"
    } else {
        "frame of the video"
    };
    marks.push(label((middle, below), axis.to_owned(), Anchor::Middle));
    marks
}

fn grid<'a>(points: Vec<(f32, f32)>) -> Mark<'a> {
    Mark::Line {
        points,
        colour: Colour::PALE,
        width: 0.5,
        is_dashed: false,
    }
}

fn label<'a>(at: (f32, f32), text: String, anchor: Anchor) -> Mark<'a> {
    Mark::Text {
        at,
        text,
        size: LABEL_SIZE,
        colour: Colour::GREY,
        anchor,
    }
}

fn thresholds<'a>(conditions: &Conditions) -> Vec<Mark<'a>> {
    let right = PLOT.x + PLOT.width;
    let of = |what: &str, probability: Probability, colour: Colour| {
        let y = up(probability.get());
        [
            Mark::Line {
                points: vec![(PLOT.x, y), (right, y)],
                colour,
                width: 0.9,
                is_dashed: true,
            },
            Mark::Text {
                at: (right + 4.0, y + 2.5),
                text: format!("{what} {}", threshold(probability)),
                size: LABEL_SIZE,
                colour,
                anchor: Anchor::Start,
            },
        ]
    };
    let fake = of("FAKE", conditions.fake_at_or_above, Colour::VERMILION);
    let real = of("REAL", conditions.real_at_or_below, Colour::GREEN);
    fake.into_iter().chain(real).collect()
}

fn line<'a>(curve: &Curve, end: f64, colour: Colour) -> Vec<Mark<'a>> {
    let points: Vec<(f32, f32)> = (curve.points.iter())
        .map(|(place, probability)| (across(*place, end), up(probability.get())))
        .collect();
    let dots = points.iter().map(|(x, y)| Mark::Fill {
        area: Area {
            x: x - DOT,
            y: y - DOT,
            width: 2.0 * DOT,
            height: 2.0 * DOT,
        },
        colour,
        opacity: 1.0,
    });
    let mut marks: Vec<Mark<'a>> = dots.collect();
    marks.push(Mark::Line {
        points,
        colour,
        width: 1.2,
        is_dashed: false,
    });
    marks
}

fn legend<'a>(position: usize, track_id: u32, colour: Colour) -> Mark<'a> {
    Mark::Text {
        at: (PLOT.x + 160.0 + 56.0 * position as f32, PLOT.y - 8.0),
        text: format!("■ person {track_id}"),
        size: LABEL_SIZE,
        colour,
        anchor: Anchor::Start,
    }
}
