//! Which of several moving pictures in one file is looked at.
//!
//! Nobody may hide a film behind an empty one: where the client names no stream, the first that shows
//! a face in a few frames is taken, the one FFmpeg ranks best before the others.

use std::fs::File;

use super::super::{AnalysisError, AnalysisSettings};
use crate::domain::MediaInfo;
use crate::faces::Detector;
use crate::media::{self, MovingStreams, SampleOptions};

/// Frames of a stream in which faces are looked for.
const GLANCE_FRAMES: u32 = 4;
/// Most streams that are glanced at: cameras write two or three, broadcasts a dozen.
const MAX_GLANCES: usize = 12;

/// The facts of the stream to be analysed, and which others there are.
///
/// # Errors
/// [`AnalysisError::Media`] when the file, or the stream the client named, cannot be read.
pub(super) fn choose(
    file: &File,
    detector: &mut Detector,
    settings: &AnalysisSettings,
) -> Result<(MediaInfo, MovingStreams), AnalysisError> {
    let named = settings.sample.stream;
    let ranked_best = media::probe_streams(file, named, &settings.media)?;
    let (_, streams) = &ranked_best;
    if named.is_some() || streams.readable.len() < 2 {
        return Ok(ranked_best);
    }
    let others = streams.readable.iter().copied();
    let others = others.filter(|number| *number != streams.analysed);
    for number in std::iter::once(streams.analysed)
        .chain(others)
        .take(MAX_GLANCES)
    {
        // A stream that cannot be read shows no face; the others may.
        if shows_a_face(file, number, detector, settings).unwrap_or(false) {
            return Ok(media::probe_streams(file, Some(number), &settings.media)?);
        }
    }
    Ok(ranked_best)
}

fn shows_a_face(
    file: &File,
    number: u32,
    detector: &mut Detector,
    settings: &AnalysisSettings,
) -> Result<bool, AnalysisError> {
    let glance = SampleOptions {
        stream: Some(number),
        ..SampleOptions::even(GLANCE_FRAMES)
    };
    let sure = detector.confirm_score();
    for frame in media::sample(file, &glance, &settings.media)?.frames {
        let faces = detector.detect(&frame.image)?;
        if faces.iter().any(|face| face.detection_score >= sure) {
            return Ok(true);
        }
    }
    Ok(false)
}
