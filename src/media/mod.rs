//! Probing, frame sampling, image decoding and encoding: the only place that names FFmpeg and
//! libheif.
//!
//! [`probe`] tells what a file says about itself; [`sample`] takes frames at even times. Both
//! recognise a file by its bytes, never by its name, and treat it as hostile: bytes reach FFmpeg
//! only from the open descriptor, through lists of allowed containers and decoders and under
//! [`MediaLimits`]. They block; call them on a thread of their own.
//!
//! | file | tells |
//! |---|---|
//! | `recognise`, `foreign`, `reader`, `source` | what a file is, how it is read, how it is opened safely |
//! | `probe`, `orientation` | what the container states |
//! | `options`, `index`, `clock`, `plan`, `h264`, `nal` | which frames to take and how to reach them |
//! | `task`, `sampler`, `survey`, `decoder`, `picker` | decoding them, catching them |
//! | `render`, `rendering`, `colour` | making them upright sRGB, beside the decoder |
//! | `still`, `jpeg`, `icc` | images, how much of a JPEG is there, colours |
//! | `heif` | HEIC and AVIF |
//! | `moving` | images of several frames |
//! | `annotate`, `score_strip`, `canvas` | pictures drawn on |
//! | `film` | pictures at their times, written as a film |
//! | `variation`, `change` | pictures changed |
//! | `native` | the unsafe edge |

mod annotate;
mod av1;
mod canvas;
mod change;
mod clock;
mod colour;
mod decoder;
mod error;
mod film;
mod foreign;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod h264;
mod heif;
mod icc;
mod index;
mod jpeg;
mod limits;
mod moving;
mod nal;
mod native;
mod options;
mod orientation;
mod picker;
mod plan;
mod probe;
mod reader;
mod recognise;
mod render;
mod rendering;
mod sampler;
mod score_strip;
mod source;
mod still;
mod survey;
mod task;
#[cfg(test)]
mod tests;
mod variation;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Once;

pub use annotate::{Mark, Tone, annotate};
pub use error::MediaError;
pub use film::FilmWriter;
pub use limits::MediaLimits;
pub use options::{SampleOptions, Steps};
pub use score_strip::{ScoreBar, ScoreStrip, with_score_strip};
pub use source::MovingStreams;
pub use variation::Variation;

use crate::domain::{Change, MediaInfo, MediaKind, Rgb8Image, Sample};
use heif::HeifFile;
use limits::Deadline;
use moving::Timeline;
use recognise::{HEAD_BYTES, Recognised};
use source::{Opening, VideoSource};
use still::{Colours, StillFile};
use task::{Strategy, Task};

/// Whether `file` is a still image or a video, by its first bytes alone; `None` when they are those
/// of no known image or container. FFmpeg may still know it: [`probe`] tells.
///
/// # Errors
/// [`MediaError::EmptyFile`], and when the file cannot be read.
pub fn kind(file: &File) -> Result<Option<MediaKind>, MediaError> {
    Ok(match recognise_file(file)? {
        Recognised::Still(format) => {
            let limits = MediaLimits::default();
            let deadline = Deadline::after(limits.deadline);
            let timeline = Timeline::of(StillFile::new(file, format, &limits, deadline));
            let is_moving = timeline.is_ok_and(|timeline| timeline.is_moving());
            Some(if is_moving {
                MediaKind::Video
            } else {
                MediaKind::Image
            })
        }
        // Told by its brand alone: this runs outside the worker too, and libheif does not.
        Recognised::Heif(_) => Some(MediaKind::Image),
        Recognised::Container(_) => Some(MediaKind::Video),
        Recognised::Sound | Recognised::Foreign(_) | Recognised::Unknown => None,
    })
}

/// Reads what `file`, a video or a still image, says about itself. No frame is decoded beyond what
/// finding the stream's parameters takes; the file's cursor stays where it is.
///
/// # Errors
/// [`MediaError`]: not a supported medium, damaged, without pictures, over a limit.
pub fn probe(file: &File, limits: &MediaLimits) -> Result<MediaInfo, MediaError> {
    probe_streams(file, None, limits).map(|(info, _)| info)
}

/// The same of one of several moving picture streams, named as [`SampleOptions::stream`] names it, and
/// which there are.
///
/// # Errors
/// As [`probe`], and [`MediaError::NoSuchStream`].
pub fn probe_streams(
    file: &File,
    stream: Option<u32>,
    limits: &MediaLimits,
) -> Result<(MediaInfo, MovingStreams), MediaError> {
    let deadline = Deadline::after(limits.deadline);
    match recognise_file(file)? {
        Recognised::Still(format) => {
            let still = StillFile::new(file, format, limits, deadline);
            let timeline = Timeline::of(still)?;
            let info = if timeline.is_moving() {
                moving::probe(still, &timeline)?
            } else {
                still::probe(still)?
            };
            Ok((info, MovingStreams::default()))
        }
        Recognised::Heif(flavour) => {
            let info = heif::probe(HeifFile::new(file, flavour, limits, deadline))?;
            Ok((info, MovingStreams::default()))
        }
        Recognised::Foreign(what) => Err(MediaError::foreign(what)),
        recognised @ (Recognised::Container(_) | Recognised::Sound | Recognised::Unknown) => {
            let opening = Opening {
                limits,
                deadline,
                recognised,
                stream,
                is_described: true,
            };
            let source = VideoSource::open(file, &opening)?;
            probe::check_header(&source, limits)?;
            Ok((probe::describe(&source), source.moving))
        }
    }
}

/// Takes `options.frames` upright frames at even times from `file`; all of them when it has fewer,
/// one from a still image of a single frame. Frames at `options.steps` come first and the even ones fill up. At no time are more frames than these held. The same file gives the
/// same pixels each time.
///
/// # Errors
/// [`MediaError`]: as [`probe`], and when no frame decodes or the deadline passes.
pub fn sample(
    file: &File,
    options: &SampleOptions,
    limits: &MediaLimits,
) -> Result<Sample, MediaError> {
    let deadline = Deadline::after(limits.deadline);
    match recognise_file(file)? {
        Recognised::Still(format) => {
            let still = StillFile::new(file, format, limits, deadline);
            let timeline = Timeline::of(still)?;
            if timeline.is_moving() {
                moving::sample(still, &timeline, options)
            } else {
                still::sample(still)
            }
        }
        Recognised::Heif(flavour) => heif::sample(HeifFile::new(file, flavour, limits, deadline)),
        Recognised::Foreign(what) => Err(MediaError::foreign(what)),
        recognised @ (Recognised::Container(_) | Recognised::Sound | Recognised::Unknown) => {
            let (sample, _) = sampler::sample(&Task {
                file,
                options,
                limits,
                deadline,
                recognised,
                strategy: Strategy::Automatic,
            })?;
            Ok(sample)
        }
    }
}

/// Loads what [`sample`] otherwise loads from disk at the first HEIC or AVIF: a worker that shuts
/// itself in calls this before.
pub fn load_decoders() {
    heif::load_decoders();
}

/// Encodes `image` as JPEG of `quality` 1 to 100, for people to look at.
///
/// # Errors
/// [`MediaError::Encode`] when a side exceeds JPEG's 65,535 pixels.
pub fn encode_jpeg(image: &Rgb8Image, quality: u8) -> Result<Vec<u8>, MediaError> {
    still::encode_jpeg(image, quality, Colours::Halved)
}

/// The picture after `change`, of its own size.
///
/// # Errors
/// None that a picture can cause.
pub fn changed(change: Change, image: &Rgb8Image) -> Result<Rgb8Image, MediaError> {
    change::changed(change, image)
}

/// Decodes a JPEG that [`encode_jpeg`] wrote.
///
/// # Errors
/// [`MediaError::Damaged`] when it is none.
pub fn decode_jpeg(bytes: &[u8]) -> Result<Rgb8Image, MediaError> {
    still::decode_jpeg(bytes)
}

fn recognise_file(file: &File) -> Result<Recognised, MediaError> {
    silence_ffmpeg();
    let mut head = [0; HEAD_BYTES];
    let mut filled = 0;
    while filled < HEAD_BYTES {
        match file.read_at(&mut head[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    if filled == 0 {
        return Err(MediaError::EmptyFile);
    }
    Ok(recognise::recognise(&head[..filled]))
}

/// FFmpeg writes every oddity of a file to standard error; what matters is in our own results.
fn silence_ffmpeg() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet));
}
