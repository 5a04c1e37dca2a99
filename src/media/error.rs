//! Why a file gives no frames.

use std::time::Duration;

use thiserror::Error;

/// Everything that can go wrong between a file and its frames.
#[derive(Debug, Error)]
pub enum MediaError {
    /// No bytes at all.
    #[error("the file is empty; send the video or image itself")]
    EmptyFile,
    /// Not one of the containers and image formats that are read.
    #[error(
        "this is not a supported video or image; send MP4, MOV, MKV, WebM, AVI, FLV, WMV, MPEG-PS, \
         MPEG-TS, JPEG, PNG, WebP, HEIC, AVIF, BMP or GIF"
    )]
    UnsupportedMedia,
    /// Known, and not one of those.
    #[error("this is {format}, which is not read; send a JPEG or PNG image, or a video as MP4")]
    ForeignFormat {
        /// What it is, with an article.
        format: String,
    },
    /// A supported container around a codec that is not decoded.
    #[error("video codec `{codec}` is not supported; convert the video to H.264 and send it again")]
    UnsupportedCodec {
        /// FFmpeg's short name of the codec.
        codec: String,
    },
    /// Sound, subtitles or cover art, but no moving picture.
    #[error("the file has no video stream (sound or cover art only)")]
    NoVideoStream,
    /// The pictures are encrypted.
    #[error("the video is encrypted; send a copy without copy protection")]
    Encrypted,
    /// The format is known but the file cannot be opened.
    #[error("the {container} file is damaged or cut off: its header cannot be read")]
    Damaged {
        /// Container or image format.
        container: String,
    },
    /// The file ends in the middle of its only picture.
    #[error(
        "the {container} file is cut off: it ends in the middle of the picture; send the whole file"
    )]
    CutOff {
        /// Image format.
        container: String,
    },
    /// Opened, but not one picture could be decoded.
    #[error("no frame of the file could be decoded; it is damaged or holds no pictures")]
    NoFrames,
    /// Over `max_duration_s`.
    #[error("the video lasts {duration_s:.1} s; at most {limit_s:.0} s are analysed")]
    TooLong {
        /// Length found, seconds.
        duration_s: f64,
        /// Length allowed, seconds.
        limit_s: f64,
    },
    /// Over `max_pixels`.
    #[error(
        "a picture of {width_px}x{height_px} has more than {limit_px} pixels, the limit max_pixels; \
         scale it down, or raise max_pixels where the service is yours"
    )]
    TooManyPixels {
        /// Width found.
        width_px: u32,
        /// Height found.
        height_px: u32,
        /// Pixels allowed.
        limit_px: u64,
    },
    /// Over `max_frames`.
    #[error(
        "the video has at least {frames} frames; at most {limit} (`max_frames`) are analysed: send a shorter part"
    )]
    TooManyFrames {
        /// Frames found before stopping.
        frames: u64,
        /// Frames allowed.
        limit: u64,
    },
    /// Over `max_decoded_pixels`.
    #[error(
        "{pixels} pixels would have to be decoded; at most {limit} (`max_decoded_pixels`) are: send a shorter or smaller video"
    )]
    TooMuchToDecode {
        /// Pixels of all frames together that were decoded or would have to be.
        pixels: u64,
        /// Pixels allowed.
        limit: u64,
    },
    /// A client asked for a picture stream that is not there.
    #[error(
        "the file has {streams} picture streams, counted from 0; there is no `stream={asked}` that can be read"
    )]
    NoSuchStream {
        /// Number asked for.
        asked: u32,
        /// Moving picture streams in the file.
        streams: u32,
    },
    /// Over `max_streams`.
    #[error("the file has {streams} streams; at most {limit} are accepted")]
    TooManyStreams {
        /// Streams found.
        streams: u32,
        /// Streams allowed.
        limit: u32,
    },
    /// Decoding took longer than `deadline`.
    #[error("reading the file took longer than {limit:?}; send a shorter or smaller video")]
    DeadlineExceeded {
        /// Time allowed.
        limit: Duration,
    },
    /// The operating system could not read the file.
    #[error("the file could not be read: {0}")]
    Read(#[from] std::io::Error),
    /// A picture could not be written as JPEG.
    #[error("a picture could not be encoded: {0}")]
    Encode(String),
    /// FFmpeg lacks something it always has, or memory ran out.
    #[error("the video library failed while {doing}: {cause}")]
    Library {
        /// What was being done.
        doing: &'static str,
        /// FFmpeg's words.
        cause: ffmpeg_next::Error,
    },
}

impl MediaError {
    pub(super) fn foreign(format: &str) -> Self {
        Self::ForeignFormat {
            format: format.to_owned(),
        }
    }

    /// Stable name for clients, in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyFile => "empty-file",
            Self::UnsupportedMedia | Self::ForeignFormat { .. } => "unsupported-media",
            Self::UnsupportedCodec { .. } => "unsupported-codec",
            Self::NoVideoStream => "no-video-stream",
            Self::Encrypted => "encrypted-media",
            Self::Damaged { .. } | Self::CutOff { .. } => "damaged-media",
            Self::NoFrames => "no-frames",
            Self::TooLong { .. } => "too-long",
            Self::TooManyPixels { .. } => "too-many-pixels",
            Self::TooManyFrames { .. } => "too-many-frames",
            Self::TooMuchToDecode { .. } => "too-much-to-decode",
            Self::NoSuchStream { .. } => "no-such-stream",
            Self::TooManyStreams { .. } => "too-many-streams",
            Self::DeadlineExceeded { .. } => "deadline-exceeded",
            Self::Read(_) => "read-failed",
            Self::Encode(_) => "encode-failed",
            Self::Library { .. } => "video-library-failed",
        }
    }
}
