//! Three plots as SVG, which needs no fonts here and opens in every browser: the ROC curves, the
//! reliability diagram and the histogram of scores.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::calibration::{Bin, slice_of};
use super::error::EvaluationError;
use super::measure::{Evaluated, Figures, fused_rankings};
use super::ranking::{Discrimination, RocPoint};
use crate::domain::Truth;

const SIZE_PX: (u32, u32) = (720, 640);
const FONT: &str = "sans-serif";
/// Two colours that people who confuse red and green tell apart (Okabe and Ito).
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
/// Columns of the histogram.
const COLUMNS: usize = 20;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

/// Draws `roc.svg`, `reliability.svg` and `scores.svg` into `out`.
pub(super) fn draw(
    out: &Path,
    evaluated: &[Evaluated],
    figures: &Figures,
) -> Result<(), EvaluationError> {
    let [videos, frames] = fused_rankings(evaluated).map(|ranking| ranking.roc());
    let fused = figures.models.first();
    let curves = [
        ("videos", BLUE, videos, fused.and_then(|model| model.video)),
        (
            "frames",
            ORANGE,
            frames,
            fused.and_then(|model| model.frame),
        ),
    ];
    on_page(&out.join("roc.svg"), |page| roc(page, &curves))?;
    let bins = figures.calibration.as_ref().map(|c| c.bins.as_slice());
    on_page(&out.join("reliability.svg"), |page| {
        reliability(page, bins.unwrap_or_default())
    })?;
    on_page(&out.join("scores.svg"), |page| histogram(page, evaluated))
}

fn on_page(path: &Path, draw: impl FnOnce(&Area<'_>) -> Drawn) -> Result<(), EvaluationError> {
    let page = SVGBackend::new(path, SIZE_PX).into_drawing_area();
    let drawn = (page.fill(&WHITE).map_err(Into::into))
        .and_then(|()| draw(&page))
        .and_then(|()| page.present().map_err(Into::into));
    drawn.map_err(|error| EvaluationError::Plot {
        path: path.to_path_buf(),
        reason: error.to_string(),
    })
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Axes from 0 to 1 and from 0 to `highest`, with a title and what each axis shows.
fn axes<'a, 'b>(
    page: &'a Area<'b>,
    title: &str,
    highest: f64,
    [across, up]: [&str; 2],
) -> Result<Chart<'a, 'b>, Box<dyn Error>>
where
    'b: 'a,
{
    let mut chart = ChartBuilder::on(page)
        .caption(title, (FONT, 24))
        .margin(16)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..1.0, 0.0..highest)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc(across)
        .y_desc(up)
        .label_style((FONT, 14))
        .draw()?;
    Ok(chart)
}

type Curve = (
    &'static str,
    RGBColor,
    Vec<RocPoint>,
    Option<Discrimination>,
);

fn roc(page: &Area<'_>, curves: &[Curve]) -> Drawn {
    let mut chart = axes(
        page,
        "ROC",
        1.0,
        [
            "genuine called manipulated (false-positive rate)",
            "manipulated found (true-positive rate)",
        ],
    )?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3)))?;
    for (name, colour, points, measured) in curves {
        let Some(measured) = measured else { continue };
        let colour = *colour;
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(line)?
            .label(format!("{name}: AUC {:.3}", measured.auc.value))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)
}

fn reliability(page: &Area<'_>, bins: &[Bin]) -> Drawn {
    let mut chart = axes(
        page,
        "Reliability",
        1.0,
        [
            "mean P(fake) of the files in a tenth",
            "share of them that is manipulated",
        ],
    )?;
    chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3)))?;
    chart.draw_series(bins.iter().map(|bin| {
        let column = [(bin.from, 0.0), (bin.to, bin.share_manipulated)];
        Rectangle::new(column, BLUE.mix(0.25).filled())
    }))?;
    let points = bins
        .iter()
        .map(|bin| (bin.mean_probability, bin.share_manipulated));
    chart.draw_series(points.clone().map(|at| Circle::new(at, 5, BLUE.filled())))?;
    chart.draw_series(points.zip(bins).map(|((x, y), bin)| {
        let above = (y + 0.03).min(0.97);
        Text::new(bin.count.to_string(), (x, above), (FONT, 14))
    }))?;
    Ok(())
}

fn histogram(page: &Area<'_>, evaluated: &[Evaluated]) -> Drawn {
    let kinds = [(Truth::Genuine, BLUE), (Truth::Manipulated, ORANGE)];
    let counted = kinds.map(|(truth, colour)| (truth, colour, count(evaluated, truth)));
    let highest = counted.iter().flat_map(|(_, _, counts)| counts).max();
    let highest = f64::from(*highest.unwrap_or(&1)).max(1.0) * 1.05;
    let mut chart = axes(page, "Scores of the files", highest, ["P(fake)", "files"])?;
    for (truth, colour, counts) in counted {
        let width = 1.0 / COLUMNS as f64;
        let columns = counts.iter().enumerate().map(|(column, count)| {
            let left = column as f64 * width;
            let corners = [(left, 0.0), (left + width, f64::from(*count))];
            Rectangle::new(corners, colour.mix(0.45).filled())
        });
        chart
            .draw_series(columns)?
            .label(truth.as_str())
            .legend(move |(x, y)| {
                Rectangle::new([(x, y - 6), (x + 20, y + 6)], colour.mix(0.45).filled())
            });
    }
    legend(&mut chart, SeriesLabelPosition::UpperMiddle)
}

fn count(evaluated: &[Evaluated], truth: Truth) -> [u32; COLUMNS] {
    let mut counts = [0; COLUMNS];
    for evaluated in evaluated.iter().filter(|e| e.item.truth == truth) {
        if let Some(probability) = evaluated.score.scores.fused {
            counts[slice_of(f64::from(probability.get()), COLUMNS)] += 1;
        }
    }
    counts
}

fn legend<'a, 'b: 'a>(chart: &mut Chart<'a, 'b>, place: SeriesLabelPosition) -> Drawn {
    chart
        .configure_series_labels()
        .position(place)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, 15))
        .draw()?;
    Ok(())
}
