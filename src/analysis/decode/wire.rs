//! The messages between a pool thread and its worker.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::{AnalysisError, AnalysisSettings};
use crate::domain::{ContentCredentials, Face, Isolation, MediaInfo, ModelIdentity, SampleNote};
use crate::isolation::Span;
use crate::media::{MediaError, SampleOptions};

/// Both ends come from one build: a mismatch means that one program was replaced without the other.
pub(super) const PROTOCOL: &str = concat!(env!("CARGO_PKG_VERSION"), ", protocol 7");

/// Longest [`Setup`], bytes: it may carry a trust list.
pub(super) const SETUP_BYTES: u32 = 4 * 1024 * 1024;
/// Longest [`Started`] and [`Look`], bytes.
pub(super) const SHORT_MESSAGE_BYTES: u32 = 64 * 1024;
/// Longest [`Answer`], bytes: 200 frames of 64 people make about half of it.
pub(super) const ANSWER_BYTES: u32 = 8 * 1024 * 1024;
/// Longest [`Answer::Credentials`], bytes; bounded ones are shorter.
pub(super) const CREDENTIALS_BYTES: u32 = 512 * 1024;
/// Longest text of a refusal that is kept, characters.
const MAX_TEXT_CHARS: usize = 500;

/// What a worker is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) protocol: String,
    /// Absolute.
    pub(super) detector_dir: PathBuf,
    pub(super) settings: AnalysisSettings,
}

/// How its start went.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Started {
    /// It waits for files, shut in.
    Ready(Ready),
    /// It ended; the text says why.
    Failed(String),
}

/// A worker that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) protocol: String,
    pub(super) isolation: Isolation,
    pub(super) detector: ModelIdentity,
}

/// Look at the file beside this message; pictures go into the region beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Look {
    /// Frames to take.
    pub(super) sample: SampleOptions,
    /// Time left.
    pub(super) deadline_ms: u64,
    /// Threads that may look for faces.
    pub(super) face_threads: u32,
    /// How long to read content credentials afterwards, where the file could be looked at; `None`: not.
    pub(super) credentials_ms: Option<u64>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Nothing yet: faces were looked for in `seen` of so many frames. Another answer follows.
    UnderWay {
        seen: u32,
        frames: u32,
    },
    Seen(Box<Report>),
    /// Follows [`Self::Seen`] where it was asked for.
    Credentials(Box<ContentCredentials>),
    Refused(Refusal),
}

/// Everything seen in one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) info: MediaInfo,
    pub(super) notes: Vec<SampleNote>,
    pub(super) frames: Vec<ReportedFrame>,
    /// In the order of their numbers.
    pub(super) tracks: Vec<ReportedTrack>,
    /// Seconds of probing, decoding and encoding.
    pub(super) decode_s: f64,
    /// Seconds of detecting, tracking and cropping.
    pub(super) faces_s: f64,
}

/// One sampled frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReportedFrame {
    pub(super) frame_index: u64,
    pub(super) time_s: Option<f64>,
    pub(super) jpeg: Span,
}

/// One person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReportedTrack {
    pub(super) id: u32,
    /// In time order.
    pub(super) faces: Vec<ReportedFace>,
}

/// One face of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ReportedFace {
    pub(super) sample_index: usize,
    pub(super) face: Face,
    pub(super) sharpness: f32,
    pub(super) jpeg: Span,
    /// The crop's RGB bytes, where it is usable.
    pub(super) pixels: Option<Span>,
}

/// Why there is no report: what the file is guilty of, in full, or a failure of the worker's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Refusal {
    EmptyFile,
    UnsupportedMedia,
    ForeignFormat {
        format: String,
    },
    UnsupportedCodec {
        codec: String,
    },
    NoVideoStream,
    Encrypted,
    Damaged {
        container: String,
    },
    CutOff {
        container: String,
    },
    NoFrames,
    TooLong {
        duration_s: f64,
        limit_s: f64,
    },
    TooManyPixels {
        width_px: u32,
        height_px: u32,
        limit_px: u64,
    },
    TooManyFrames {
        frames: u64,
        limit: u64,
    },
    TooMuchToDecode {
        pixels: u64,
        limit: u64,
    },
    NoSuchStream {
        asked: u32,
        streams: u32,
    },
    TooManyStreams {
        streams: u32,
        limit: u32,
    },
    DeadlineExceeded {
        limit: Duration,
    },
    /// Something failed that must not.
    Failed(String),
}

impl From<AnalysisError> for Refusal {
    fn from(error: AnalysisError) -> Self {
        if let AnalysisError::Media(error) = error {
            return error.into();
        }
        Self::Failed(describe(&error))
    }
}

impl From<MediaError> for Refusal {
    fn from(error: MediaError) -> Self {
        match error {
            MediaError::EmptyFile => Self::EmptyFile,
            MediaError::UnsupportedMedia => Self::UnsupportedMedia,
            MediaError::ForeignFormat { format } => Self::ForeignFormat { format },
            MediaError::UnsupportedCodec { codec } => Self::UnsupportedCodec { codec },
            MediaError::NoVideoStream => Self::NoVideoStream,
            MediaError::Encrypted => Self::Encrypted,
            MediaError::Damaged { container } => Self::Damaged { container },
            MediaError::CutOff { container } => Self::CutOff { container },
            MediaError::NoFrames => Self::NoFrames,
            MediaError::TooLong {
                duration_s,
                limit_s,
            } => Self::TooLong {
                duration_s,
                limit_s,
            },
            MediaError::TooManyPixels {
                width_px,
                height_px,
                limit_px,
            } => Self::TooManyPixels {
                width_px,
                height_px,
                limit_px,
            },
            MediaError::TooManyFrames { frames, limit } => Self::TooManyFrames { frames, limit },
            MediaError::TooMuchToDecode { pixels, limit } => {
                Self::TooMuchToDecode { pixels, limit }
            }
            MediaError::NoSuchStream { asked, streams } => Self::NoSuchStream { asked, streams },
            MediaError::TooManyStreams { streams, limit } => {
                Self::TooManyStreams { streams, limit }
            }
            MediaError::DeadlineExceeded { limit } => Self::DeadlineExceeded { limit },
            error @ (MediaError::Read(_) | MediaError::Encode(_) | MediaError::Library { .. }) => {
                Self::Failed(describe(&error))
            }
        }
    }
}

impl From<Refusal> for AnalysisError {
    /// Texts are shown to a client, so they are cut and cleaned.
    fn from(refusal: Refusal) -> Self {
        let media = match refusal {
            Refusal::EmptyFile => MediaError::EmptyFile,
            Refusal::UnsupportedMedia => MediaError::UnsupportedMedia,
            Refusal::ForeignFormat { format } => MediaError::ForeignFormat {
                format: clean(&format),
            },
            Refusal::UnsupportedCodec { codec } => MediaError::UnsupportedCodec {
                codec: clean(&codec),
            },
            Refusal::NoVideoStream => MediaError::NoVideoStream,
            Refusal::Encrypted => MediaError::Encrypted,
            Refusal::Damaged { container } => MediaError::Damaged {
                container: clean(&container),
            },
            Refusal::CutOff { container } => MediaError::CutOff {
                container: clean(&container),
            },
            Refusal::NoFrames => MediaError::NoFrames,
            Refusal::TooLong {
                duration_s,
                limit_s,
            } => MediaError::TooLong {
                duration_s,
                limit_s,
            },
            Refusal::TooManyPixels {
                width_px,
                height_px,
                limit_px,
            } => MediaError::TooManyPixels {
                width_px,
                height_px,
                limit_px,
            },
            Refusal::TooManyFrames { frames, limit } => MediaError::TooManyFrames { frames, limit },
            Refusal::TooMuchToDecode { pixels, limit } => {
                MediaError::TooMuchToDecode { pixels, limit }
            }
            Refusal::NoSuchStream { asked, streams } => MediaError::NoSuchStream { asked, streams },
            Refusal::TooManyStreams { streams, limit } => {
                MediaError::TooManyStreams { streams, limit }
            }
            Refusal::DeadlineExceeded { limit } => MediaError::DeadlineExceeded { limit },
            Refusal::Failed(text) => return Self::DecoderFailed(clean(&text)),
        };
        Self::Media(media)
    }
}

fn clean(text: &str) -> String {
    let printable = text.chars().filter(|c| !c.is_control());
    printable.take(MAX_TEXT_CHARS).collect()
}

/// An error and its causes in one line.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
