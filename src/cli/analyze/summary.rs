//! A result for a person at a terminal.

use console::Style;
use framewitness::domain::{Analysis, MediaKind, Probability, TrackResult, VerdictLabel};

/// From "no sign" to "surely"; a score is a bar.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A face that was not scored.
const NOT_SCORED: char = '·';
/// A frame without the person.
const ABSENT: char = ' ';

/// Name, verdict, reasons, the scores of each person over time, models, digest.
pub(super) fn summary(analysis: &Analysis) -> String {
    let verdict = &analysis.verdict;
    let mut lines = vec![
        analysis.filename.clone(),
        format!(
            "  {}  {}",
            word(verdict.label),
            percent(verdict.probability_fake)
        ),
    ];
    lines.extend(verdict.reasons.iter().map(|reason| format!("  - {reason}")));
    lines.extend(
        (analysis.stability.iter())
            .flat_map(|stability| &stability.scores)
            .map(|score| {
                format!(
                    "  {}: {}, {}",
                    score.change.code(),
                    score.label.as_str(),
                    percent(Some(score.probability_fake))
                )
            }),
    );
    lines.extend(
        (analysis.content_credentials.iter())
            .map(|found| format!("  content credentials ({}): {found}", found.state())),
    );
    if analysis.media.kind == MediaKind::Video {
        lines.extend(
            analysis
                .tracks
                .iter()
                .map(|track| over_time(analysis, track)),
        );
    }
    let scored = (analysis.models.iter()).filter(|model| model.probability_fake.is_some());
    lines.extend(scored.map(|model| {
        format!(
            "  {} {}: {}",
            model.name,
            model.version,
            percent(model.probability_fake)
        )
    }));
    lines.push(format!("  sha256 {}\n", analysis.sha256));
    lines.join("\n")
}

/// A person's scores, a character a sampled frame.
fn over_time(analysis: &Analysis, track: &TrackResult) -> String {
    let bars: String = (analysis.frames.iter())
        .map(|frame| {
            let face = frame.faces.iter().find(|face| face.track_id == track.id);
            face.map_or(ABSENT, |face| face.probability_fake.map_or(NOT_SCORED, bar))
        })
        .collect();
    let when = match (track.first_time_s, track.last_time_s) {
        (Some(first), Some(last)) => format!("  {first:.1} s to {last:.1} s"),
        _ => String::new(),
    };
    let score = percent(track.probability_fake);
    format!("  person {}  |{bars}|{when}, {score}", track.id)
}

fn bar(probability: Probability) -> char {
    let steps = BARS.len() as f32;
    // A probability of 1 belongs to the highest bar.
    BARS[((probability.get() * steps) as usize).min(BARS.len() - 1)]
}

/// The verdict, in colour where the terminal shows any.
fn word(label: VerdictLabel) -> String {
    let colour = match label {
        VerdictLabel::Fake => Style::new().red().bold(),
        VerdictLabel::Real => Style::new().green().bold(),
        VerdictLabel::Inconclusive => Style::new().yellow().bold(),
    };
    colour.apply_to(label.as_str()).to_string()
}

fn percent(probability: Option<Probability>) -> String {
    probability.map_or("no score".into(), |p| {
        format!("{:.1} % fake", p.get() * 100.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_rise_with_the_score() {
        let of = |value| bar(Probability::new(value).unwrap());
        assert_eq!(
            [0.0, 0.12, 0.13, 0.5, 0.99, 1.0].map(of),
            ['▁', '▁', '▂', '▅', '█', '█']
        );
    }
}
