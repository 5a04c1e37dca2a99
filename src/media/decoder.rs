//! One decoder run: packets in, pictures out, failures counted and passed over.

use ffmpeg_next::codec::Context;
use ffmpeg_next::{Dictionary, Error, Packet, decoder, error, frame};

use super::MediaError;
use super::limits::{Deadline, MediaLimits};
use super::source::VideoSource;

/// Codecs of which a damaged packet is an error and no picture, so that their pictures can be decoded
/// side by side. The decoders of the others (H.264, HEVC, the MPEG family) conceal damage, with what
/// their other threads have decoded by then, and say so beside the picture; in FFmpeg 5.1 that word is
/// lost when the picture goes out through another thread. With two threads, 25 of 48 decodings of
/// damaged H.264 films with B-frames passed for sound ones.
const STRICT_CODECS: [&str; 5] = ["vp8", "vp9", "av1", "prores", "dnxhd"];

/// What is told to the decoder when it is opened.
pub(super) struct DecoderSettings<'a> {
    pub(super) limits: &'a MediaLimits,
    /// For codecs that can do with several; see [`STRICT_CODECS`].
    pub(super) threads: u32,
    pub(super) x264_build: Option<u32>,
}

/// An open decoder for one stream.
pub(super) struct FrameDecoder {
    decoder: decoder::Video,
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
        let mut options = Dictionary::new();
        let is_strict = STRICT_CODECS.contains(&source.facts.codec.as_str());
        let threads = if is_strict {
            settings.threads.max(1)
        } else {
            1
        };
        options.set("threads", &threads.to_string());
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
