//! An analysis as a table: RFC 4180 CSV, one row a face, one row for a frame without a face.

use std::io::Write;

use crate::domain::{Analysis, FaceObservation, FrameResult, Probability, inert_cell};

/// The columns. Times are seconds, confidences percent of the stated label, probabilities P(fake)
/// from 0 to 1, boxes pixels of the upright frame.
pub const TABLE_HEADER: [&str; 13] = [
    "frame_index",
    "frame_time_sec",
    "track_id",
    "label",
    "confidence",
    "probability_fake",
    "sequence_probability",
    "frame_probability",
    "box_x",
    "box_y",
    "box_width",
    "box_height",
    "filename",
];

/// Writes one table over several analyses.
///
/// # Errors
/// Whatever `out` fails with.
pub fn write_csv_of_all<'a>(
    analyses: impl IntoIterator<Item = &'a Analysis>,
    out: impl Write,
) -> csv::Result<()> {
    let mut table = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    table.write_record(TABLE_HEADER)?;
    for analysis in analyses {
        write_rows(analysis, &mut table)?;
    }
    table.flush()?;
    Ok(())
}

/// Writes [`TABLE_HEADER`] and the rows of `analysis`, with CRLF line ends, as RFC 4180 section 2
/// has it.
///
/// # Errors
/// Whatever `out` fails with.
pub fn write_csv(analysis: &Analysis, out: impl Write) -> csv::Result<()> {
    write_csv_of_all([analysis], out)
}

fn write_rows(analysis: &Analysis, table: &mut csv::Writer<impl Write>) -> csv::Result<()> {
    for frame in &analysis.frames {
        if frame.faces.is_empty() {
            table.write_record(row(&analysis.filename, frame, None))?;
        }
        for face in &frame.faces {
            table.write_record(row(&analysis.filename, frame, Some(face)))?;
        }
    }
    Ok(())
}

fn row(filename: &str, frame: &FrameResult, face: Option<&FaceObservation>) -> [String; 13] {
    let probability = face.and_then(|face| face.probability_fake);
    let (label, confidence) = match probability.map(Probability::get) {
        Some(p) if p >= 0.5 => ("FAKE", format!("{:.2}", p * 100.0)),
        Some(p) => ("REAL", format!("{:.2}", (1.0 - p) * 100.0)),
        None => ("Unknown", String::new()),
    };
    let score = |p: Option<Probability>| p.map_or_else(String::new, |p| format!("{:.6}", p.get()));
    let pixel = |pick: fn(&FaceObservation) -> f32| {
        face.map_or_else(String::new, |face| format!("{:.1}", pick(face)))
    };
    [
        frame.frame_index.to_string(),
        frame.time_s.map_or_else(String::new, |t| format!("{t:.6}")),
        face.map_or_else(String::new, |face| face.track_id.to_string()),
        label.to_owned(),
        confidence,
        score(probability),
        score(face.and_then(|face| face.sequence_probability)),
        score(face.and_then(|face| face.frame_probability)),
        pixel(|face| face.bounds.x),
        pixel(|face| face.bounds.y),
        pixel(|face| face.bounds.width),
        pixel(|face| face.bounds.height),
        inert_cell(filename).into_owned(),
    ]
}
