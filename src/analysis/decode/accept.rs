//! What the parent believes of a worker's report.
//!
//! By now the worker has read a hostile file and may be in its hands. Nothing of a report is used
//! before it has passed here: counts within the settings, numbers finite and in range, parts of the
//! region inside it and together no larger than it, crops of exactly their size, pictures that
//! begin and end as JPEG does, texts short and printable. What follows from settings is computed
//! anew.

use std::time::Duration;

use thiserror::Error;

use super::super::{AnalysisSettings, Artifact, Timings};
use super::observation::{
    Observation, ObservedFace, ObservedFrame, ObservedTrack, is_usable, obstacle,
};
use super::wire::{Report, ReportedFace, ReportedFrame, ReportedTrack};
use crate::domain::{CROP_CANVAS_PX, Face, Isolation, MediaInfo, MediaKind, Rgb8Image, SampleNote};
use crate::isolation::{IsolationError, Region, Span};

/// Longest text about a file, bytes; `media` cuts its own at 512.
const MAX_TEXT_BYTES: usize = 1024;
/// More kinds of notes than there are.
const MAX_NOTES: usize = 16;
const CROP_BYTES: u64 = (CROP_CANVAS_PX * CROP_CANVAS_PX * 3) as u64;

/// Why a report is not believed.
#[derive(Debug, Error)]
pub(super) enum Distrust {
    /// A claim that cannot be.
    #[error("its report claims {0}")]
    Claim(&'static str),
    /// A part of the region that cannot be read.
    #[error(transparent)]
    Region(#[from] IsolationError),
}

/// What the parent knows by itself.
pub(super) struct Known<'a> {
    pub(super) settings: &'a AnalysisSettings,
    pub(super) size_bytes: u64,
    pub(super) isolation: Isolation,
    /// How long the worker has taken.
    pub(super) took: Duration,
}

/// Makes an observation of a report, or refuses all of it.
pub(super) fn accept(
    report: Report,
    region: &Region,
    known: &Known<'_>,
) -> Result<Observation, Distrust> {
    check_counts(&report, known.settings)?;
    check_spans(&report, region.capacity())?;
    check_info(&report.info)?;
    let mut reader = Reader {
        region,
        settings: known.settings,
        artifacts: Vec::new(),
    };
    let frames = (report.frames.iter().enumerate())
        .map(|(sample_index, frame)| reader.frame(sample_index, frame))
        .collect::<Result<Vec<_>, _>>()?;
    let kind = report.info.kind;
    let tracks = (report.tracks.into_iter())
        .map(|track| reader.track(track, kind))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Observation {
        info: MediaInfo {
            size_bytes: known.size_bytes,
            ..report.info
        },
        notes: report.notes,
        frames,
        tracks,
        artifacts: reader.artifacts,
        timings: Timings {
            decode: seconds(report.decode_s).min(known.took),
            faces: seconds(report.faces_s).min(known.took),
            ..Timings::default()
        },
        isolation: known.isolation,
        credentials: None,
    })
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or_default()
}

fn ensure(holds: bool, claim: &'static str) -> Result<(), Distrust> {
    if holds {
        Ok(())
    } else {
        Err(Distrust::Claim(claim))
    }
}

fn check_counts(report: &Report, settings: &AnalysisSettings) -> Result<(), Distrust> {
    let frames = report.frames.len();
    let most = settings.sample.most().max(1) as usize;
    ensure(
        (1..=most).contains(&frames),
        "a number of frames that was not asked for",
    )?;
    ensure(report.notes.len() <= MAX_NOTES, "too many notes")?;
    ensure(
        report.notes.iter().all(is_printable_note),
        "a note without sense",
    )?;
    ensure(
        report.tracks.len() <= settings.max_tracks,
        "too many people",
    )?;
    let ascending = report.tracks.windows(2).all(|pair| pair[0].id < pair[1].id);
    ensure(ascending, "people out of order")?;
    for track in &report.tracks {
        ensure(!track.faces.is_empty(), "a person without a face")?;
        let ascending =
            (track.faces.windows(2)).all(|pair| pair[0].sample_index < pair[1].sample_index);
        ensure(ascending, "faces out of order")?;
        let last = track.faces.last().map_or(0, |face| face.sample_index);
        ensure(last < frames, "a face in a frame that does not exist")?;
    }
    Ok(())
}

/// Counts of packets and frames are shown as they are; any number will do.
fn is_printable_note(note: &SampleNote) -> bool {
    match note {
        SampleNote::BrokenTail | SampleNote::SizeChange => true,
        SampleNote::DamagedPackets { count } => *count > 0,
        SampleNote::FewFrames { .. } => true,
        SampleNote::OtherVideoStreams { analysed, streams } => analysed < streams && *streams > 1,
    }
}

/// Together no larger than the region: otherwise one picture, named a thousand times, would become
/// a thousand pictures.
fn check_spans(report: &Report, capacity: u64) -> Result<(), Distrust> {
    let faces = report.tracks.iter().flat_map(|track| &track.faces);
    let of_faces = faces
        .flat_map(|face| [Some(face.jpeg), face.pixels])
        .flatten();
    let mut spans = report.frames.iter().map(|frame| frame.jpeg).chain(of_faces);
    let total = spans.try_fold(0_u64, |total, span| total.checked_add(span.bytes));
    ensure(
        total.is_some_and(|total| total <= capacity),
        "more bytes than there are",
    )
}

fn check_info(info: &MediaInfo) -> Result<(), Distrust> {
    let device = &info.device;
    let texts = [
        Some(&info.container),
        Some(&info.picture.codec),
        info.picture.pixel_format.as_ref(),
        info.creation_time.as_ref(),
        device.make.as_ref(),
        device.model.as_ref(),
        device.software.as_ref(),
        device.encoder.as_ref(),
        device.location.as_ref(),
    ];
    let printable =
        |text: &&String| text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control);
    ensure(texts.iter().flatten().all(printable), "a text that is none")?;
    ensure(
        info.duration_s.is_none_or(is_amount),
        "an impossible duration",
    )?;
    let rate = info.picture.frame_rate.map(|rate| rate.per_second());
    ensure(
        rate.is_none_or(|rate| rate.is_finite() && rate > 0.0),
        "an impossible frame rate",
    )
}

fn is_amount(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn check_face(reported: &ReportedFace) -> Result<(), Distrust> {
    let Face {
        bounds,
        landmarks,
        detection_score,
    } = &reported.face;
    let numbers = [bounds.x, bounds.y, bounds.width, bounds.height];
    let mut numbers = numbers.iter().chain(landmarks.0.iter().flatten());
    ensure(numbers.all(|n| n.is_finite()), "a face nowhere")?;
    ensure(
        bounds.width > 0.0 && bounds.height > 0.0 && bounds.area().is_finite(),
        "a face without extent",
    )?;
    ensure((0.0..=1.0).contains(detection_score), "an impossible score")?;
    ensure(
        is_amount(f64::from(reported.sharpness)),
        "an impossible sharpness",
    )
}

/// Copies pictures out of the region, once each.
struct Reader<'a> {
    region: &'a Region,
    settings: &'a AnalysisSettings,
    artifacts: Vec<Artifact>,
}

impl Reader<'_> {
    fn frame(
        &mut self,
        sample_index: usize,
        frame: &ReportedFrame,
    ) -> Result<ObservedFrame, Distrust> {
        ensure(frame.time_s.is_none_or(is_amount), "an impossible time")?;
        Ok(ObservedFrame {
            frame_index: frame.frame_index,
            time_s: frame.time_s,
            artifact: self.keep(format!("frame-{sample_index:03}.jpg"), frame.jpeg)?,
        })
    }

    fn track(&mut self, track: ReportedTrack, kind: MediaKind) -> Result<ObservedTrack, Distrust> {
        let faces = (track.faces.iter())
            .map(|face| self.face(track.id, face))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ObservedTrack {
            id: track.id,
            obstacle: obstacle(&faces, kind, self.settings),
            faces,
            is_still: kind == MediaKind::Image,
        })
    }

    fn face(&mut self, track_id: u32, reported: &ReportedFace) -> Result<ObservedFace, Distrust> {
        check_face(reported)?;
        let name = format!("crop-{:03}-{track_id}.jpg", reported.sample_index);
        let usable = is_usable(&reported.face, reported.sharpness, self.settings);
        ensure(
            reported.pixels.is_some() == usable,
            "a crop that should not be, or none",
        )?;
        Ok(ObservedFace {
            sample_index: reported.sample_index,
            face: reported.face,
            sharpness: reported.sharpness,
            crop_artifact: self.keep(name, reported.jpeg)?,
            usable,
            crop: reported.pixels.map(|span| self.crop(span)).transpose()?,
        })
    }

    fn crop(&self, span: Span) -> Result<Rgb8Image, Distrust> {
        ensure(span.bytes == CROP_BYTES, "a crop of another size")?;
        let pixels = self.region.read(span)?;
        Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, pixels)
            .map_err(|_| Distrust::Claim("a crop of another size"))
    }

    fn keep(&mut self, name: String, jpeg: Span) -> Result<String, Distrust> {
        let bytes = self.region.read(jpeg)?;
        let is_jpeg = bytes.starts_with(&[0xff, 0xd8, 0xff]) && bytes.ends_with(&[0xff, 0xd9]);
        ensure(is_jpeg, "a picture that is no JPEG")?;
        self.artifacts.push(Artifact {
            name: name.clone(),
            bytes,
        });
        Ok(name)
    }
}
