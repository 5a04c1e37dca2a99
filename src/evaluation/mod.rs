//! Measuring the models on files whose truth is known: `framewitness evaluate`.
//!
//! ```text
//! folder or table ─▶ items ─▶ analyses (journal) ─▶ scores by protocol ─▶ figures ─▶ report, tables, plots
//! ```
//!
//! 1. [`read_items`] reads which files there are and what they are known to be.
//! 2. [`Run::score_all`] analyses them as the service would, several at a time, and writes each score
//!    into a journal, so that a run that was stopped goes on where it was. Nothing is stored among the
//!    records of the service.
//! 3. [`measure`] computes AUC, average precision, equal error rate, error rates at the thresholds,
//!    coverage and calibration, each manipulation apart, with intervals.
//! 4. [`write_results`] writes `report.md`, `metrics.json`, `videos.csv`, `frames.csv` and three plots.
//!
//! A file that does not decode is counted and named, never silently left out.

mod answers;
mod calibration;
mod error;
mod journal;
mod list;
mod measure;
mod plots;
mod protocol;
mod ranking;
mod report;
mod run;
mod tables;

use std::fs;
use std::path::Path;

pub use answers::{Answers, Counts, Share};
pub use calibration::{Bin, Calibration};
pub use error::EvaluationError;
pub use list::{Item, read_items};
pub use measure::{Evaluated, Failed, Figures, MethodFigures, ModelFigures, measure};
pub use protocol::{DEEPFAKEBENCH_FRAMES, FrameScore, Protocol, Scores, VideoScore};
pub use ranking::{Discrimination, Estimate};
pub use report::{About, report};
pub use run::{Run, Scored};

use error::at;

/// Writes everything into `out`, which must exist; earlier results there are replaced.
///
/// # Errors
/// [`EvaluationError`] naming the file that cannot be written.
pub fn write_results(
    out: &Path,
    about: &About,
    scored: &Scored,
    figures: &Figures,
) -> Result<(), EvaluationError> {
    let text = report(about, figures, &scored.failed);
    let write = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        fs::write(&path, bytes).map_err(at(&path))
    };
    write("report.md", text.as_bytes())?;
    let metrics =
        serde_json::json!({ "about": about, "figures": figures, "failed": scored.failed });
    write("metrics.json", format!("{metrics:#}\n").as_bytes())?;
    tables::write_videos(&out.join("videos.csv"), scored)?;
    tables::write_frames(&out.join("frames.csv"), &scored.evaluated)?;
    plots::draw(out, &scored.evaluated, figures)
}
