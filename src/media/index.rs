//! One pass over a file's packets, without decoding: what is shown when, and where decoding can
//! start. Containers keep such an index too, but not all do, and theirs may be wrong.

use ffmpeg_next::codec::packet::side_data::Type;
use ffmpeg_next::{Packet, Rational};

use super::MediaError;
use super::av1::Av1Packets;
use super::clock::SeenTime;
use super::h264;
use super::limits::MediaLimits;
use super::nal::{self, NalFraming, Picture};
use super::native;
use super::source::{ReadOutcome, VideoSource};

/// A stated length may exceed what is found by this many seconds …
const TAIL_TOLERANCE_S: f64 = 0.5;
/// … or this part of it, before the file counts as cut short.
const TAIL_TOLERANCE_RATIO: f64 = 0.05;
/// Codecs that start afresh at every key frame. Others carry tables over from before it (seen with
/// WMV2: pictures after a seek differ), so they are decoded through.
const RESTARTING_CODECS: [&str; 12] = [
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "av1",
    "mpeg4",
    "mpeg1video",
    "mpeg2video",
    "mjpeg",
    "prores",
    "dnxhd",
    "dvvideo",
];
/// Interlaced streams may spend two packets on a frame.
const PACKETS_PER_FRAME: u64 = 2;

/// One packet of the picture stream, in decoding order. Times in units of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketEntry {
    /// When it is shown.
    pub(super) pts: Option<i64>,
    /// When it is decoded.
    pub(super) dts: Option<i64>,
    /// Whether decoding can start here.
    pub(super) can_start: bool,
    /// Whether no other picture refers to this one.
    pub(super) is_spare: bool,
}

impl PacketEntry {
    /// What seeking to it asks for.
    pub(super) fn seek_time(&self) -> Option<i64> {
        self.dts.or(self.pts)
    }
}

/// The packets of the picture stream.
#[derive(Debug, Default)]
pub(super) struct PacketIndex {
    /// All packets that hold something, in decoding order.
    pub(super) entries: Vec<PacketEntry>,
    /// Positions in `entries` of the shown pictures, in presentation order.
    pub(super) shown: Vec<usize>,
    /// First packet worth decoding: a key frame, where there is one.
    pub(super) first: usize,
    /// Whether every shown picture has a time of its own, so that times name pictures.
    pub(super) is_timed: bool,
    /// Whether decoding may jump: the codec allows it and the decoder is not reconfigured on the way.
    pub(super) may_seek: bool,
    /// Whether the file ends before its header says it should.
    pub(super) is_cut_short: bool,
    /// Build of the x264 that wrote the stream, where it says so.
    pub(super) x264_build: Option<u32>,
    /// Seconds there are to see, where the clock jumps and its end less its start says nothing.
    pub(super) seen_s: Option<f64>,
}

impl PacketIndex {
    /// Reads `source` from start to end.
    pub(super) fn scan(source: &mut VideoSource, limits: &MediaLimits) -> Result<Self, MediaError> {
        let mut scan = Scan::new(source, *limits);
        let mut packet = Packet::empty();
        loop {
            match source.read(&mut packet)? {
                ReadOutcome::Packet => scan.add(source, &packet)?,
                ReadOutcome::End => break,
                ReadOutcome::Broken => {
                    scan.index.is_cut_short = true;
                    break;
                }
            }
        }
        scan.finish(source.duration_s())
    }

    /// Presentation times of the shown pictures, ascending.
    pub(super) fn times(&self) -> Vec<i64> {
        self.shown
            .iter()
            .filter_map(|packet| self.entries[*packet].pts)
            .collect()
    }
}

/// When the last of the frames shown at `times` (ascending) ends: it is taken to last as long as
/// the others do on average, since what containers state for it is often missing or wrong.
pub(super) fn end_of(times: &[i64]) -> i64 {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return 0;
    };
    let steps = i64::try_from(times.len()).unwrap_or(i64::MAX).max(2) - 1;
    last.saturating_add(last.saturating_sub(*first) / steps)
}

/// Seconds of a time in `units` of a stream.
pub(super) fn seconds(units: i64, time_base: Rational) -> f64 {
    // Multiplying first keeps a whole number of seconds whole.
    units as f64 * f64::from(time_base.numerator()) / f64::from(time_base.denominator())
}

struct Scan {
    index: PacketIndex,
    limits: MediaLimits,
    time_base: Rational,
    codec: Codec,
    is_shown: Vec<bool>,
    is_key: Vec<bool>,
    /// Of the packets that nothing refers to, their temporal layer.
    spare_in_layer: Vec<Option<u8>>,
    highest_layer: u8,
    /// Earliest start and latest end of any stream, seconds.
    reach_s: Option<(f64, f64)>,
    /// Where the clock may jump.
    seen: Option<SeenTime>,
}

/// Codecs whose packets are looked into.
enum Codec {
    H264(NalFraming),
    Hevc(NalFraming),
    Av1(Av1Packets),
    Vp8,
    Other,
}

impl Scan {
    fn new(source: &VideoSource, limits: MediaLimits) -> Self {
        Self {
            index: PacketIndex {
                may_seek: RESTARTING_CODECS.contains(&source.facts.codec.as_str()),
                ..PacketIndex::default()
            },
            limits,
            time_base: source.time_base(),
            codec: match source.facts.codec.as_str() {
                "h264" => Codec::H264(NalFraming::of_avcc(&source.facts.extradata)),
                "hevc" => Codec::Hevc(NalFraming::of_hvcc(&source.facts.extradata)),
                "av1" => Codec::Av1(Av1Packets::after(&source.facts.extradata)),
                "vp8" => Codec::Vp8,
                _ => Codec::Other,
            },
            is_shown: Vec::new(),
            is_key: Vec::new(),
            spare_in_layer: Vec::new(),
            highest_layer: 0,
            reach_s: None,
            seen: (source.clock_may_jump()).then(|| SeenTime::new(f64::from(source.time_base()))),
        }
    }

    fn add(&mut self, source: &VideoSource, packet: &Packet) -> Result<(), MediaError> {
        self.extend_reach(source, packet);
        let Some(data) = packet.data().filter(|data| !data.is_empty()) else {
            return Ok(());
        };
        if packet.stream() != source.stream_index {
            return Ok(());
        }
        let carries = |kind| packet.side_data().any(|data| data.kind() == kind);
        if carries(Type::EncryptionInfo) {
            return Err(MediaError::Encrypted);
        }
        if carries(Type::NewExtraData) || carries(Type::ParamChange) {
            self.index.may_seek = false;
        }
        if self.index.entries.is_empty() {
            self.index.x264_build = h264::x264_build(data);
        }
        self.index.is_cut_short = packet.is_corrupt();
        self.is_key.push(packet.is_key());
        self.is_shown.push(self.shows_picture(packet, data));
        self.note_picture(data);
        self.index.entries.push(PacketEntry {
            pts: packet.pts(),
            dts: packet.dts(),
            can_start: packet.is_key() && self.is_clean_start(data),
            is_spare: false,
        });
        if let (Some(seen), Some(time)) = (&mut self.seen, packet.dts().or(packet.pts())) {
            seen.advance(time);
        }
        self.check_limits()
    }

    fn shows_picture(&self, packet: &Packet, data: &[u8]) -> bool {
        // VP8 marks frames that only later ones refer to (RFC 6386, 9.1).
        let is_hidden = matches!(self.codec, Codec::Vp8) && data[0] & 0x10 == 0;
        !is_hidden && !native::is_discarded(packet)
    }

    fn is_clean_start(&self, data: &[u8]) -> bool {
        match self.codec {
            Codec::H264(framing) => h264::holds_idr(data, framing),
            Codec::Hevc(_) | Codec::Av1(_) | Codec::Vp8 | Codec::Other => true,
        }
    }

    fn note_picture(&mut self, data: &[u8]) {
        let picture = match &mut self.codec {
            Codec::H264(framing) => nal::h264_picture(data, *framing),
            Codec::Hevc(framing) => nal::hevc_picture(data, *framing),
            Codec::Av1(packets) => packets.picture(data),
            Codec::Vp8 | Codec::Other => Picture::default(),
        };
        self.highest_layer = self.highest_layer.max(picture.layer);
        self.spare_in_layer.push(picture.spare_in_layer);
    }

    /// Pictures of lower layers may be referred to from higher ones.
    fn mark_spare(&mut self) {
        let highest = Some(self.highest_layer);
        for (entry, layer) in self.index.entries.iter_mut().zip(&self.spare_in_layer) {
            entry.is_spare = *layer == highest;
        }
    }

    fn extend_reach(&mut self, source: &VideoSource, packet: &Packet) {
        let stream = source.input.stream(packet.stream());
        let (Some(time), Some(stream)) = (packet.pts().or(packet.dts()), stream) else {
            return;
        };
        let unit_s = f64::from(stream.time_base());
        let (start_s, end_s) = (
            time as f64 * unit_s,
            time.saturating_add(packet.duration()) as f64 * unit_s,
        );
        let (first_s, last_s) = self.reach_s.unwrap_or((start_s, end_s));
        self.reach_s = Some((first_s.min(start_s), last_s.max(end_s)));
    }

    fn check_limits(&self) -> Result<(), MediaError> {
        let entries = &self.index.entries;
        let first = entries.first().and_then(|entry| entry.pts);
        let last = entries.last().and_then(|entry| entry.pts);
        let span = match (self.seen, first, last) {
            (Some(seen), ..) => seen.seen(),
            (None, Some(first), Some(last)) => last.saturating_sub(first),
            (None, ..) => 0,
        };
        self.limits.check_duration(seconds(span, self.time_base))?;
        self.limits
            .check_frames(entries.len() as u64 / PACKETS_PER_FRAME)
    }

    fn finish(mut self, stated_s: Option<f64>) -> Result<PacketIndex, MediaError> {
        if self.index.entries.is_empty() {
            return Err(MediaError::NoFrames);
        }
        self.order_by_presentation();
        self.mark_spare();
        if let Some(seen) = self.seen.filter(|seen| seen.has_leapt()) {
            // Times name no frames then: two may bear the same.
            self.index.is_timed = false;
            self.index.seen_s = Some(seconds(seen.seen(), self.time_base));
            return Ok(self.index);
        }
        self.note_missing_tail(stated_s);
        let times = self.index.times();
        if let Some(first) = times.first() {
            let span = end_of(&times).saturating_sub(*first);
            self.limits.check_duration(seconds(span, self.time_base))?;
        }
        Ok(self.index)
    }

    /// Leaves out what precedes the first key frame, and the pictures that lead it: in a recording
    /// that starts in the middle of a broadcast neither can be decoded.
    fn order_by_presentation(&mut self) {
        let entries = &self.index.entries;
        let first = self.is_key.iter().position(|key| *key).unwrap_or(0);
        let first_pts = entries[first].pts.filter(|_| self.is_key[first]);
        let leads = |entry: &PacketEntry| {
            entry
                .pts
                .is_some_and(|pts| first_pts.is_some_and(|f| pts < f))
        };
        let mut shown: Vec<usize> = (first..entries.len())
            .filter(|packet| self.is_shown[*packet] && !leads(&entries[*packet]))
            .collect();
        shown.sort_by_key(|packet| entries[*packet].pts);
        self.index.is_timed = shown.iter().all(|packet| entries[*packet].pts.is_some())
            && shown
                .windows(2)
                .all(|pair| entries[pair[0]].pts < entries[pair[1]].pts);
        self.index.first = first;
        self.index.shown = shown;
    }

    fn note_missing_tail(&mut self, stated_s: Option<f64>) {
        let (Some(stated_s), Some((first_s, last_s))) = (stated_s, self.reach_s) else {
            return;
        };
        let tolerance_s = TAIL_TOLERANCE_S.max(TAIL_TOLERANCE_RATIO * stated_s);
        self.index.is_cut_short |= stated_s - (last_s - first_s.min(0.0)) > tolerance_s
            && stated_s - (last_s - first_s) > tolerance_s;
    }
}
