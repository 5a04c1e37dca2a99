//! One decoder run: packets in, pictures out, failures counted and passed over.

use ffmpeg_next::codec::Context;
use ffmpeg_next::{Dictionary, Error, Packet, decoder, error, frame};

use super::MediaError;
use super::limits::{Deadline, MediaLimits};
use super::native::{self, Complaints};
use super::source::VideoSource;

/// Codecs of which a damaged packet is an error and no picture. The decoders of the others (H.264,
/// HEVC, the MPEG family) conceal damage, with what they have decoded by then, and say so beside the
/// picture; in FFmpeg 5.1 that word is lost when the picture goes out through another thread. Of 48
/// damaged H.264 films with B-frames, 25 passed for sound ones on two threads.
const STRICT_CODECS: [&str; 5] = ["vp8", "vp9", "av1", "prores", "dnxhd"];

/// Codecs that are decoded on several threads under [`Scrutiny::Strict`] too: by the decoder's errors
/// and complaints, each of 113 H.264 films (in one slice and in four) and 43 HEVC films was found
/// damaged that one thread found so.
const WATCHED_CODECS: [&str; 2] = ["h264", "hevc"];

/// How a decoder is to take damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scrutiny {
    /// Damage is an error and no picture, and whatever the decoder complains of is a failure. What
    /// passes is sound; what does not may be so.
    Strict,
    /// What can be decoded is, and what failed is counted.
    Forgiving,
}

/// What is told to the decoder when it is opened.
pub(super) struct DecoderSettings<'a> {
    pub(super) limits: &'a MediaLimits,
    pub(super) scrutiny: Scrutiny,
    /// For codecs that can do with several; see [`STRICT_CODECS`].
    pub(super) threads: u32,
    pub(super) x264_build: Option<u32>,
}

impl DecoderSettings<'_> {
    fn threads_for(&self, codec: &str) -> u32 {
        let is_watched = self.scrutiny == Scrutiny::Strict && WATCHED_CODECS.contains(&codec);
        if STRICT_CODECS.contains(&codec) || is_watched {
            self.threads.max(1)
        } else {
            1
        }
    }

    /// HEVC's decoder reports little else: of 90 damaged films it noticed 43 so, and 8 otherwise.
    fn explodes_for(&self, codec: &str) -> bool {
        self.scrutiny == Scrutiny::Strict || codec == "hevc"
    }
}

/// An open decoder for one stream.
pub(super) struct FrameDecoder {
    decoder: decoder::Video,
    /// Outlives the decoder, which writes to it: fields are dropped in this order.
    complaints: Complaints,
    /// Whether pictures begin with a mark.
    is_marked: bool,
    scrutiny: Scrutiny,
    deadline: Deadline,
    limits: MediaLimits,
    failures: u64,
    decoded_pixels: u64,
}

/// Receives pictures in presentation order.
pub(super) trait FrameSink {
    /// Takes one sound picture.
    fn accept(&mut self, frame: &frame::Video) -> Result<(), MediaError>;
}

impl FrameDecoder {
    /// Opens the decoder of `source`'s picture stream.
    pub(super) fn open(
        source: &VideoSource,
        settings: &DecoderSettings<'_>,
    ) -> Result<Self, MediaError> {
        let library = |cause| MediaError::Library {
            doing: "opening the decoder",
            cause,
        };
        let stream = source.stream();
        let codec =
            decoder::find(stream.parameters().id()).ok_or(MediaError::UnsupportedCodec {
                codec: source.facts.codec.clone(),
            })?;
        let mut context = Context::from_parameters(stream.parameters())
            .map_err(library)?
            .decoder();
        context.set_packet_time_base(stream.time_base());
        let complaints = Complaints::of(&mut context);
        let is_marked = source.facts.codec == "hevc";
        if is_marked {
            native::mark_undecoded(&mut context);
        }
        let mut options = Dictionary::new();
        let codec_name = source.facts.codec.as_str();
        options.set("threads", &settings.threads_for(codec_name).to_string());
        if settings.explodes_for(codec_name) {
            options.set("err_detect", "+explode");
        }
        options.set("max_pixels", &settings.limits.decoder_pixels().to_string());
        options.set("flags", "+bitexact");
        if let Some(build) = settings.x264_build {
            options.set("x264_build", &build.to_string());
        }
        let decoder = context
            .open_as_with(codec, options)
            .and_then(decoder::Opened::video)
            .map_err(|_| MediaError::NoFrames)?;
        Ok(Self {
            decoder,
            complaints,
            is_marked,
            scrutiny: settings.scrutiny,
            deadline: source.deadline,
            limits: *settings.limits,
            failures: 0,
            decoded_pixels: 0,
        })
    }

    /// Packets and pictures that did not decode so far.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether everything so far stands up to the scrutiny.
    pub(super) fn is_sound(&self) -> bool {
        let complains = self.scrutiny == Scrutiny::Strict && self.complaints.any();
        self.failures == 0 && !complains
    }

    /// Decodes `packet` and hands on the pictures that are ready.
    pub(super) fn feed(
        &mut self,
        packet: &Packet,
        sink: &mut impl FrameSink,
    ) -> Result<(), MediaError> {
        self.deadline.check()?;
        match self.decoder.send_packet(packet) {
            Ok(()) => {}
            // The decoder is full: it takes the packet after giving its pictures.
            Err(Error::Other {
                errno: error::EAGAIN,
            }) => {
                self.drain(sink)?;
                self.failures += u64::from(self.decoder.send_packet(packet).is_err());
            }
            Err(_) => self.failures += 1,
        }
        self.drain(sink)
    }

    /// Hands on the pictures still inside, and makes ready for a new run.
    pub(super) fn finish_run(&mut self, sink: &mut impl FrameSink) -> Result<(), MediaError> {
        self.failures += u64::from(self.decoder.send_eof().is_err());
        self.drain(sink)?;
        self.decoder.flush();
        Ok(())
    }

    /// Sizes that the container states may be far from those of the pictures.
    fn check_work(&mut self, width_px: u32, height_px: u32) -> Result<(), MediaError> {
        self.limits.check_pixels(width_px, height_px)?;
        self.decoded_pixels += u64::from(width_px) * u64::from(height_px);
        self.limits.check_decoded(self.decoded_pixels)
    }

    fn drain(&mut self, sink: &mut impl FrameSink) -> Result<(), MediaError> {
        loop {
            self.deadline.check()?;
            let mut frame = frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                // Concealed and unrecovered pictures show what the decoder guessed, not the video.
                Ok(()) if frame.is_corrupt() || frame.has_decode_errors() => self.failures += 1,
                Ok(()) if self.is_marked && native::is_unfinished(&frame) => self.failures += 1,
                Ok(()) => {
                    self.check_work(frame.width(), frame.height())?;
                    sink.accept(&frame)?;
                }
                Err(
                    Error::Eof
                    | Error::Other {
                        errno: error::EAGAIN,
                    },
                ) => return Ok(()),
                Err(_) => self.failures += 1,
            }
        }
    }
}
