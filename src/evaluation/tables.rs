//! The scores as tables: one row a video, one row a frame.

use std::path::Path;

use super::error::EvaluationError;
use super::measure::Evaluated;
use super::protocol::Scores;
use super::run::Scored;
use crate::domain::{Probability, inert_cell};

const VIDEO_COLUMNS: [&str; 12] = [
    "name",
    "label",
    "method",
    "group",
    "verdict",
    "probability_fake",
    "sequence_probability",
    "frame_probability",
    "scored_frames",
    "reasons",
    "sha256",
    "error",
];
const FRAME_COLUMNS: [&str; 9] = [
    "name",
    "label",
    "method",
    "group",
    "frame_index",
    "frame_time_sec",
    "probability_fake",
    "sequence_probability",
    "frame_probability",
];

pub(super) fn write_videos(path: &Path, scored: &Scored) -> Result<(), EvaluationError> {
    let evaluated = scored.evaluated.iter().map(video_row);
    let failed = scored.failed.iter().map(|failed| {
        let mut row = vec![String::new(); VIDEO_COLUMNS.len()];
        row[0] = inert_cell(&failed.name).into_owned();
        row[VIDEO_COLUMNS.len() - 1] = inert_cell(&failed.reason).into_owned();
        row
    });
    write(path, &VIDEO_COLUMNS, evaluated.chain(failed))
}

pub(super) fn write_frames(path: &Path, evaluated: &[Evaluated]) -> Result<(), EvaluationError> {
    write(path, &FRAME_COLUMNS, evaluated.iter().flat_map(frame_rows))
}

fn write(
    path: &Path,
    header: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
) -> Result<(), EvaluationError> {
    let write_all = || {
        let mut table = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_path(path)?;
        table.write_record(header)?;
        for row in rows {
            table.write_record(row)?;
        }
        table.flush()?;
        Ok(())
    };
    write_all().map_err(|source| EvaluationError::Table {
        path: path.to_path_buf(),
        source,
    })
}

fn video_row(evaluated: &Evaluated) -> Vec<String> {
    let score = &evaluated.score;
    let mut row = about(evaluated);
    row.push(score.verdict.as_str().to_owned());
    row.extend(numbers(&score.scores));
    row.extend([
        score.frames.len().to_string(),
        score.reasons.join(" "),
        evaluated.sha256.clone(),
        String::new(),
    ]);
    row
}

fn frame_rows(evaluated: &Evaluated) -> Vec<Vec<String>> {
    let row = |frame: &super::FrameScore| {
        let mut row = about(evaluated);
        row.push(frame.frame_index.to_string());
        row.push(frame.time_s.map_or_else(String::new, |t| format!("{t:.6}")));
        row.extend(numbers(&frame.scores));
        row
    };
    evaluated.score.frames.iter().map(row).collect()
}

fn about(evaluated: &Evaluated) -> Vec<String> {
    let item = &evaluated.item;
    vec![
        inert_cell(&item.name).into_owned(),
        item.truth.as_str().to_owned(),
        inert_cell(&item.method).into_owned(),
        inert_cell(&item.group).into_owned(),
    ]
}

fn numbers(scores: &Scores) -> [String; 3] {
    let text = |p: Option<Probability>| p.map_or_else(String::new, |p| p.get().to_string());
    [
        text(scores.fused),
        text(scores.sequence),
        text(scores.frame),
    ]
}
