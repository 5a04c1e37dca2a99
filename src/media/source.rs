//! A video file opened for FFmpeg, with the guards of untrusted input in place.
//!
//! Bytes come only from the open descriptor ([`PositionedReader`]); no protocol is allowed, so a
//! file cannot make FFmpeg open another one. Only listed containers and decoders take part. Stated
//! sizes are checked before any decoder sees a packet.

use std::fs::File;

use ffmpeg_next::codec::packet::side_data;
use ffmpeg_next::format::context::Input;
use ffmpeg_next::format::stream::Disposition;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, Stream, media};

use super::limits::{Deadline, MediaLimits};
use super::native::{self, StreamFacts};
use super::reader::PositionedReader;
use super::recognise::Recognised;
use super::{MediaError, orientation::Orientation};

/// Demuxers that may run, by FFmpeg's names.
const CONTAINERS: &str = "mov,matroska,avi,flv,asf,mpeg,mpegts";
/// Decoders that may run, by FFmpeg's names. Sound is never decoded.
const DECODERS: &str = "h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,msmpeg4v2,msmpeg4,mjpeg,mpeg1video,\
                        mpeg2video,wmv1,wmv2,wmv3,vc1,flv,h263,vp6,vp6f,prores,dnxhd,dvvideo";
/// Packets that may fail to be read one after another before the file counts as ended.
const MAX_READ_FAILURES: u32 = 64;

/// Bytes read at most to find out what is in a file: FFmpeg's default, pinned.
const PROBE_BYTES: &str = "5000000";
/// Streams beyond the limit that FFmpeg still opens, so that the refusal can say how many there are.
const COUNTED_STREAMS: u32 = 256;

/// An open video file and the stream that is analysed.
pub(super) struct VideoSource {
    pub(super) input: Input,
    pub(super) stream_index: usize,
    pub(super) facts: StreamFacts,
    pub(super) orientation: Orientation,
    pub(super) deadline: Deadline,
    pub(super) size_bytes: u64,
    pub(super) moving: MovingStreams,
}

/// The moving picture streams of a file; numbers count them from 0 in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MovingStreams {
    /// Number of the one that is looked at.
    pub analysed: u32,
    /// Numbers of those that can be decoded.
    pub readable: Vec<u32>,
    /// How many there are; 0 for a still image.
    pub count: u32,
}

impl MovingStreams {
    /// Of the streams at these indices that at `analysed` is looked at.
    fn of(input: &Input, streams: &[usize], analysed: usize) -> Self {
        let decodes = |index: &usize| {
            let stream = input.stream(*index);
            stream.is_some_and(|stream| check_decoder(&stream).is_ok())
        };
        let numbered = || (0_u32..).zip(streams);
        Self {
            analysed: numbered()
                .find(|(_, index)| **index == analysed)
                .map_or(0, |(number, _)| number),
            readable: numbered()
                .filter(|(_, index)| decodes(index))
                .map(|(number, _)| number)
                .collect(),
            count: numbered().count() as u32,
        }
    }
}

/// How a file is to be opened.
pub(super) struct Opening<'a> {
    pub(super) limits: &'a MediaLimits,
    pub(super) deadline: Deadline,
    pub(super) recognised: Recognised,
    /// Number of a moving picture stream among them; `None`: the one that ranks best.
    pub(super) stream: Option<u32>,
    /// Whether everything is to be known that can be told of the pictures, which takes decoding some.
    pub(super) is_described: bool,
}

/// What reading on gave.
pub(super) enum ReadOutcome {
    /// The packet was filled.
    Packet,
    /// The file ended where it should.
    End,
    /// What follows cannot be read.
    Broken,
}

impl VideoSource {
    /// Opens `file`, finds its picture stream and checks what the header states against the limits.
    pub(super) fn open(file: &File, opening: &Opening<'_>) -> Result<Self, MediaError> {
        let &Opening {
            limits,
            deadline,
            recognised,
            stream,
            is_described,
        } = opening;
        let reader = PositionedReader::new(file, deadline)?;
        let size_bytes = reader.size_bytes();
        native::bound_allocations(limits.allocation_bytes());
        let explain = |error| explain(error, recognised, deadline);
        let mut input = native::open_input(reader, guards(limits), move || deadline.has_passed())
            .map_err(explain)?;
        check_streams(&input, limits)?;
        let max_pixels = limits.decoder_pixels().to_string();
        let mut decoder_options = vec![("max_pixels", max_pixels.as_str())];
        if !is_described && states_everything(&input) {
            decoder_options.push(("skip_frame", "all"));
        }
        native::find_stream_info(&mut input, &decoder_options).map_err(explain)?;
        deadline.check()?;
        check_streams(&input, limits)?;
        let streams = moving_pictures(&input);
        let stream = picture_stream(&input, &streams, stream)?;
        let (stream_index, facts) = (stream.index(), native::stream_facts(&stream));
        let orientation = Orientation::of_stream(&stream);
        let moving = MovingStreams::of(&input, &streams, stream_index);
        Ok(Self {
            input,
            stream_index,
            facts,
            orientation,
            deadline,
            size_bytes,
            moving,
        })
    }

    /// The analysed stream.
    pub(super) fn stream(&self) -> Stream<'_> {
        self.input
            .stream(self.stream_index)
            .expect("streams never disappear and the index came from this input")
    }

    /// Seconds per timestamp unit of the analysed stream.
    pub(super) fn time_base(&self) -> Rational {
        self.stream().time_base()
    }

    /// Average frames per second that the container states.
    pub(super) fn frame_rate(&self) -> Option<crate::domain::FrameRate> {
        let rate = self.stream().avg_frame_rate();
        crate::domain::FrameRate::new(rate.numerator(), rate.denominator())
    }

    /// Number of frames that the container states.
    pub(super) fn stated_frames(&self) -> Option<u64> {
        u64::try_from(self.stream().frames())
            .ok()
            .filter(|count| *count > 0)
    }

    /// Whether there is a sound stream.
    pub(super) fn has_audio(&self) -> bool {
        self.input
            .streams()
            .any(|stream| stream.parameters().medium() == media::Type::Audio)
    }

    /// Whether times may leap inside the file: MPEG streams are cut together from pieces with clocks
    /// of their own, and their clock wraps every 26 hours.
    pub(super) fn clock_may_jump(&self) -> bool {
        ["mpegts", "mpeg"].contains(&self.input.format().name())
    }

    /// Whether the container's own index leads back to any packet.
    pub(super) fn winds_back(&self) -> bool {
        is_named(&self.input, "mov") || is_named(&self.input, "matroska")
    }

    /// Goes to the key frame at or before a time. `false` when the container does not lead there.
    pub(super) fn seek_to(&mut self, timestamp: Option<i64>) -> Result<bool, MediaError> {
        let Some(timestamp) = timestamp else {
            return Ok(false);
        };
        self.deadline.check()?;
        Ok(native::seek_back_to(&mut self.input, self.stream_index, timestamp).is_ok())
    }

    /// Length that container or stream states, seconds.
    pub(super) fn duration_s(&self) -> Option<f64> {
        let container = self.stated_end_s() - self.clock_start_s();
        let stream = self.stream().duration() as f64 * f64::from(self.time_base());
        [container, stream]
            .into_iter()
            .find(|seconds| *seconds > 0.0)
    }

    fn stated_end_s(&self) -> f64 {
        self.input.duration() as f64 / f64::from(ffmpeg_next::ffi::AV_TIME_BASE)
    }

    /// What the stated length counts beside what there is to see: Matroska states the time of the
    /// end, and a live recording's clock runs long before it starts.
    fn clock_start_s(&self) -> f64 {
        let counts_from_zero = self.input.format().name().contains("matroska");
        let start_s = native::start_time_s(&self.input).filter(|_| counts_from_zero);
        start_s
            .filter(|start_s| (0.0..self.stated_end_s()).contains(start_s))
            .unwrap_or(0.0)
    }

    /// Reads the next packet of any stream into `packet`, passing over what cannot be parsed.
    pub(super) fn read(&mut self, packet: &mut Packet) -> Result<ReadOutcome, MediaError> {
        for _ in 0..MAX_READ_FAILURES {
            self.deadline.check()?;
            *packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) => return Ok(ReadOutcome::Packet),
                Err(Error::Eof) => return Ok(ReadOutcome::End),
                Err(Error::InvalidData) => {}
                Err(_) => break,
            }
        }
        self.deadline.check()?;
        Ok(ReadOutcome::Broken)
    }
}

/// Whether the header states when every stream starts and ends, without a look at its pictures.
fn states_everything(input: &Input) -> bool {
    is_named(input, "mov")
}

fn is_named(input: &Input, name: &str) -> bool {
    let format = input.format();
    format.name().split(',').any(|listed| listed == name)
}

fn guards(limits: &MediaLimits) -> Dictionary<'static> {
    let max_streams = limits.max_streams.saturating_add(COUNTED_STREAMS);
    [
        ("format_whitelist", CONTAINERS),
        ("codec_whitelist", DECODERS),
        ("protocol_whitelist", "none"),
        ("probesize", PROBE_BYTES),
        ("max_streams", &max_streams.to_string()),
    ]
    .into_iter()
    .collect()
}

fn check_streams(input: &Input, limits: &MediaLimits) -> Result<(), MediaError> {
    let streams = input.nb_streams();
    if streams > limits.max_streams {
        return Err(MediaError::TooManyStreams {
            streams,
            limit: limits.max_streams,
        });
    }
    input
        .streams()
        .filter(|stream| stream.parameters().medium() == media::Type::Video)
        .map(|stream| native::stream_facts(&stream))
        .try_for_each(|facts| limits.check_pixels(facts.width_px, facts.height_px))
}

/// Indices of the streams that move; cover art does not.
fn moving_pictures(input: &Input) -> Vec<usize> {
    let moves = |stream: &Stream| {
        stream.parameters().medium() == media::Type::Video
            && !stream.disposition().contains(Disposition::ATTACHED_PIC)
    };
    let streams = input.streams().filter(moves);
    streams.map(|stream| stream.index()).collect()
}

/// The stream of this number among `streams`; without one that which FFmpeg ranks best, or else the
/// first that can be decoded.
fn picture_stream<'a>(
    input: &'a Input,
    streams: &[usize],
    number: Option<u32>,
) -> Result<Stream<'a>, MediaError> {
    if streams.is_empty() {
        return Err(MediaError::NoVideoStream);
    }
    if let Some(asked) = number {
        let index = usize::try_from(asked).ok().and_then(|n| streams.get(n));
        let stream = index.and_then(|index| input.stream(*index));
        let stream = stream.ok_or(MediaError::NoSuchStream {
            asked,
            streams: u32::try_from(streams.len()).unwrap_or(u32::MAX),
        })?;
        check_decoder(&stream)?;
        return Ok(stream);
    }
    let best = input.streams().best(media::Type::Video).map(|s| s.index());
    let ranked = best.into_iter().filter(|index| streams.contains(index));
    let mut refusal = MediaError::NoVideoStream;
    for index in ranked.chain(streams.iter().copied()) {
        let Some(stream) = input.stream(index) else {
            continue;
        };
        match check_decoder(&stream) {
            Ok(()) => return Ok(stream),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// Refuses a stream whose pictures are not decoded, or only in false colours.
fn check_decoder(stream: &Stream) -> Result<(), MediaError> {
    let codec = native::stream_facts(stream).codec;
    let decoder = ffmpeg_next::decoder::find(stream.parameters().id());
    if !decoder.is_some_and(|d| DECODERS.split(',').any(|listed| listed == d.name())) {
        return Err(MediaError::UnsupportedCodec { codec });
    }
    match dolby_vision_alone(stream) {
        Some(profile) => Err(MediaError::UnsupportedCodec {
            codec: format!("{codec} as Dolby Vision profile {profile}"),
        }),
        None => Ok(()),
    }
}

/// The Dolby Vision profile of a stream whose pictures make sense with its metadata alone, such as
/// profile 5; others (profile 8, as phones record it) hold ordinary pictures that these only enhance.
/// Reads FFmpeg's `AVDOVIDecoderConfigurationRecord`, which is bytes throughout.
fn dolby_vision_alone(stream: &Stream) -> Option<u8> {
    const PROFILE: usize = 2;
    const COMPATIBLE_WITH: usize = 7;
    let record = stream
        .side_data()
        .find(|data| data.kind() == side_data::Type::DOVI_CONF)?;
    let data = record.data();
    let (profile, compatible_with) = (*data.get(PROFILE)?, *data.get(COMPATIBLE_WITH)?);
    (compatible_with == 0).then_some(profile)
}

/// Tells a damaged file of a known kind from one that is no video at all.
fn explain(error: Error, recognised: Recognised, deadline: Deadline) -> MediaError {
    if deadline.has_passed() || error == Error::Exit {
        return deadline.exceeded();
    }
    match recognised {
        Recognised::Container(name) => MediaError::Damaged {
            container: name.to_owned(),
        },
        Recognised::Sound => MediaError::NoVideoStream,
        Recognised::Foreign(what) => MediaError::foreign(what),
        Recognised::Still(_) | Recognised::Heif(_) | Recognised::Unknown => {
            MediaError::UnsupportedMedia
        }
    }
}
