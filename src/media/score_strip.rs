//! Scores over time, drawn beneath a picture: a bar a picture of the film at its time, the present one
//! marked, the thresholds as lines across.

use super::annotate::Tone;
use super::canvas::{Area, Canvas, Colour};
use crate::domain::Rgb8Image;

/// Height of the bars' room, as a share of the picture's shorter side.
const ROOM_RATIO: i64 = 6;
/// Dots between the edges of the strip and its bars.
const EDGE_DOTS: i64 = 4;
const GROUND: Colour = [22, 24, 28];
const LINE: Colour = [110, 114, 120];
const PRESENT: Colour = [70, 74, 82];

/// What is drawn beneath every picture of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreStrip {
    /// The pictures in time order.
    pub bars: Vec<ScoreBar>,
    /// Probabilities at which the verdict changes, 0 to 1.
    pub thresholds: Vec<f32>,
}

/// One picture of the film.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreBar {
    /// Its time, as a share of the film from 0 to 1.
    pub at_ratio: f32,
    /// Its score, 0 to 1, where there is one.
    pub score: Option<f32>,
    /// What the score says.
    pub tone: Tone,
    /// Time and score in ASCII, shown while the picture is.
    pub words: String,
}

/// `image` with the strip beneath it, on which picture number `present` is marked.
pub fn with_score_strip(image: &Rgb8Image, strip: &ScoreStrip, present: usize) -> Rgb8Image {
    let mut canvas = Canvas::new(image);
    let edge = EDGE_DOTS * canvas.dot_px;
    let (top, words) = (canvas.height, canvas.line_height());
    let room = (canvas.width.min(canvas.height) / ROOM_RATIO).max(8);
    canvas.extend(words + room + 2 * edge, GROUND);
    let plot = Area {
        left: edge,
        top: top + words + edge,
        right: canvas.width - edge,
        bottom: top + words + edge + room,
    };
    let half_width = (plot.right - plot.left) / (3 * strip.bars.len().max(1) as i64);
    for (number, bar) in strip.bars.iter().enumerate() {
        let centre = along(plot.left, plot.right, bar.at_ratio);
        let column = Area {
            left: centre - half_width.max(canvas.dot_px),
            right: centre + half_width.max(canvas.dot_px),
            ..plot
        };
        if number == present {
            let (top, bottom) = (plot.top - edge, plot.bottom + edge);
            #[rustfmt::skip]
            canvas.fill(Area { top, bottom, ..column }, PRESENT);
        }
        let height = bar.score.unwrap_or(0.0);
        let top = along(plot.bottom, plot.top, height).min(plot.bottom - canvas.dot_px);
        canvas.fill(Area { top, ..column }, bar.tone.colour());
    }
    for threshold in &strip.thresholds {
        let top = along(plot.bottom, plot.top, *threshold);
        let bottom = top + canvas.dot_px.div_euclid(2).max(1);
        canvas.fill(
            Area {
                top,
                bottom,
                ..plot
            },
            LINE,
        );
    }
    if let Some(bar) = strip.bars.get(present) {
        canvas.label((0, top), &bar.words, bar.tone.colour(), canvas.dot_px);
    }
    canvas.finish().unwrap_or_else(|| image.clone())
}

/// From `begin` at 0 to `end` at 1.
fn along(begin: i64, end: i64, ratio: f32) -> i64 {
    let ratio = if ratio.is_finite() {
        ratio.clamp(0.0, 1.0)
    } else {
        0.0
    };
    begin + (f64::from(ratio) * (end - begin) as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(at_ratio: f32, score: Option<f32>, tone: Tone) -> ScoreBar {
        ScoreBar {
            at_ratio,
            score,
            tone,
            words: "1.00 s".into(),
        }
    }

    fn strip() -> ScoreStrip {
        ScoreStrip {
            bars: vec![
                bar(0.0, Some(0.1), Tone::Clean),
                bar(0.5, None, Tone::Undecided),
                bar(1.0, Some(1.0), Tone::Suspect),
            ],
            thresholds: vec![0.5],
        }
    }

    fn count(image: &Rgb8Image, colour: Colour) -> usize {
        let pixels = image.pixels().chunks_exact(3);
        pixels.filter(|pixel| *pixel == colour).count()
    }

    #[test]
    fn a_higher_score_is_a_taller_bar_and_the_picture_stays_as_it_is() {
        let grey = Rgb8Image::new(320, 240, vec![128; 320 * 240 * 3]).unwrap();
        let drawn = with_score_strip(&grey, &strip(), 1);
        assert_eq!(drawn.width_px(), 320);
        assert!(drawn.height_px() > 240);
        assert_eq!(&drawn.pixels()[..grey.pixels().len()], grey.pixels());
        let [suspect, clean] = [Tone::Suspect, Tone::Clean].map(|t| count(&drawn, t.colour()));
        assert!(suspect > 4 * clean && clean > 0, "{suspect} {clean}");
    }

    #[test]
    fn the_present_picture_is_marked_where_its_time_is() {
        let grey = Rgb8Image::new(320, 240, vec![128; 320 * 240 * 3]).unwrap();
        let marked = |present| {
            let drawn = with_score_strip(&grey, &strip(), present);
            let row = drawn
                .pixels()
                .chunks_exact(320 * 3)
                .last()
                .unwrap()
                .to_vec();
            row.chunks_exact(3).position(|pixel| pixel == PRESENT)
        };
        let places = [0, 1, 2].map(|present| marked(present).expect("a mark"));
        assert!(places.is_sorted() && places[0] < places[2], "{places:?}");
    }

    #[test]
    fn odd_numbers_and_small_pictures_do_no_harm() {
        let odd = ScoreStrip {
            bars: vec![bar(f32::NAN, Some(f32::INFINITY), Tone::Suspect)],
            thresholds: vec![f32::NAN, -3.0],
        };
        let dot = Rgb8Image::new(1, 1, vec![0; 3]).unwrap();
        assert_eq!(with_score_strip(&dot, &odd, 7).width_px(), 1);
    }
}
