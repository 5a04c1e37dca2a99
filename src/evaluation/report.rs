//! The figures as a page of Markdown, for the terminal and for a model card.

use serde::Serialize;

use super::answers::{Counts, Share};
use super::measure::{Failed, Figures};
use super::protocol::Protocol;
use super::ranking::{DRAWS, Discrimination, Estimate};
use crate::domain::ModelIdentity;

/// Failed files shown before the rest is counted; `videos.csv` has them all.
const SHOWN_FAILURES: usize = 10;

/// What was measured, and with what.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The folder or table.
    pub source: String,
    /// `service` or `deepfakebench`.
    pub protocol: &'static str,
    /// Frames taken of a video.
    pub frames: u32,
    /// Name and version of the bundle.
    pub bundle: String,
    /// Every model that took part.
    pub models: Vec<ModelIdentity>,
    /// Where the networks ran, and how finely they computed.
    pub device: String,
    /// Version of this program.
    pub program: &'static str,
}

/// Lays everything out.
pub fn report(about: &About, figures: &Figures, failed: &[Failed]) -> String {
    let mut lines = preamble(about, figures, failed.len());
    lines.extend(failures(failed));
    lines.extend(by_model(figures));
    lines.extend(at_the_thresholds(figures));
    lines.extend(by_method(figures));
    lines.extend(calibration(figures));
    lines.push(format!(
        "\nIntervals are 95 %: percentiles of {DRAWS} bootstrap draws over the {} groups of the list for AUC, AP and EER, Wilson's for shares.",
        figures.groups
    ));
    if figures.groups == figures.genuine + figures.manipulated {
        lines.push(
            "Every file is a group of its own; videos of one person are not independent, so give a `group` column where there are several.".into(),
        );
    }
    lines.join("\n") + "\n"
}

fn preamble(about: &About, figures: &Figures, failed: usize) -> Vec<String> {
    let score = if about.protocol == Protocol::DeepfakeBench.as_str() {
        "the mean P(fake) of the largest face of each frame"
    } else {
        "the probability that the service answers"
    };
    let models = about.models.iter().map(|model| {
        let digest: String = model.sha256.chars().take(12).collect();
        format!("{} {} ({digest}…)", model.name, model.version)
    });
    vec![
        format!("# Evaluation on {}\n", about.source),
        format!(
            "Protocol `{}`: {} frames a video, the score of a video is {score}. framewitness {}, bundle {}, {}; {}.\n",
            about.protocol,
            about.frames,
            about.program,
            about.bundle,
            about.device,
            models.collect::<Vec<_>>().join(", ")
        ),
        format!(
            "{} genuine and {} manipulated files, {} scored frames; {} without anything to score, {failed} failed.",
            figures.genuine, figures.manipulated, figures.frames, figures.without_score
        ),
    ]
}

fn failures(failed: &[Failed]) -> Vec<String> {
    let shown = failed.iter().take(SHOWN_FAILURES);
    let mut lines: Vec<String> = shown
        .map(|failed| format!("- failed: {}: {}", failed.name, failed.reason))
        .collect();
    if failed.len() > SHOWN_FAILURES {
        let more = failed.len() - SHOWN_FAILURES;
        lines.push(format!("- and {more} more, in videos.csv"));
    }
    lines
}

fn by_model(figures: &Figures) -> Vec<String> {
    let mut lines = heading(
        "Ranking",
        "| scores of | video AUC | video AP | video EER | frame AUC | frame AP | frame EER |",
    );
    if figures.models.iter().all(|model| model.video.is_none()) {
        lines
            .push("\nAUC, AP and EER need both genuine and manipulated files with a score.".into());
        return lines;
    }
    for model in &figures.models {
        let cells = measures(model.video)
            .into_iter()
            .chain(measures(model.frame));
        let cells: Vec<String> = cells.collect();
        lines.push(format!("| {} | {} |", model.model, cells.join(" | ")));
    }
    lines
}

fn at_the_thresholds(figures: &Figures) -> Vec<String> {
    let answers = &figures.answers;
    let mut lines = heading("At the thresholds of the bundle", "| | share |");
    for (what, shown) in [
        ("coverage: FAKE or REAL, of all", answers.coverage),
        ("accuracy, of those", answers.accuracy),
        ("genuine called FAKE", answers.false_alarms),
        ("manipulated called REAL", answers.misses),
        ("manipulated called FAKE", answers.detections),
        (
            "accuracy at 0.5, of all with a score",
            figures.accuracy_at_half,
        ),
    ] {
        lines.push(format!("| {what} | {} |", share(shown)));
    }
    lines
}

fn by_method(figures: &Figures) -> Vec<String> {
    let mut lines = heading(
        "By manipulation, each against all genuine files",
        "| manipulation | files | video AUC | frame AUC | video EER | FAKE | INCONCLUSIVE | REAL |",
    );
    let genuine = counts(&figures.answers.genuine);
    lines.push(format!(
        "| (genuine) | {} | | | | {genuine} |",
        figures.genuine
    ));
    for method in &figures.methods {
        let of = |discrimination: Option<Discrimination>, pick: fn(Discrimination) -> Estimate| {
            discrimination.map_or_else(|| "–".into(), |d| estimate(pick(d)))
        };
        lines.push(format!(
            "| {} | {} | {} | {} | {} | {} |",
            method.method,
            method.videos,
            of(method.video, |d| d.auc),
            of(method.frame, |d| d.auc),
            of(method.video, |d| d.equal_error_rate),
            counts(&method.answers)
        ));
    }
    lines
}

fn calibration(figures: &Figures) -> Vec<String> {
    let Some(calibration) = &figures.calibration else {
        return Vec::new();
    };
    let mut lines = heading(
        "Calibration",
        "| P(fake) | files | mean P(fake) | manipulated |",
    );
    for bin in &calibration.bins {
        lines.push(format!(
            "| {:.1}-{:.1} | {} | {:.3} | {:.1} % |",
            bin.from,
            bin.to,
            bin.count,
            bin.mean_probability,
            bin.share_manipulated * 100.0
        ));
    }
    lines.push(format!(
        "\nExpected calibration error {:.3}, Brier score {:.3}. Both depend on how many of the files are manipulated.",
        calibration.expected_error, calibration.brier_score
    ));
    lines
}

fn heading(title: &str, header: &str) -> Vec<String> {
    let columns = header.matches('|').count() - 1;
    vec![
        format!("\n**{title}**\n"),
        header.to_owned(),
        format!("|{}", "---|".repeat(columns)),
    ]
}

fn measures(discrimination: Option<Discrimination>) -> [String; 3] {
    discrimination.map_or_else(
        || ["–".into(), "–".into(), "–".into()],
        |d| {
            [
                estimate(d.auc),
                estimate(d.average_precision),
                estimate(d.equal_error_rate),
            ]
        },
    )
}

fn estimate(estimate: Estimate) -> String {
    match estimate.interval {
        Some((low, high)) => format!("{:.3} ({low:.3}-{high:.3})", estimate.value),
        None => format!("{:.3}", estimate.value),
    }
}

fn share(share: Share) -> String {
    match (share.value(), share.interval) {
        (Some(value), Some((low, high))) => format!(
            "{:.1} % ({:.1}-{:.1}), {} of {}",
            value * 100.0,
            low * 100.0,
            high * 100.0,
            share.count,
            share.of
        ),
        (_, _) => "– (of none)".into(),
    }
}

fn counts(counts: &Counts) -> String {
    format!(
        "{} | {} | {}",
        counts.fake, counts.inconclusive, counts.real
    )
}
