//! The little of AV1 that tells which pictures no other refers to (AV1 Bitstream and Decoding Process
//! Specification, 5.3 to 5.5, 5.9 and 7.20).
//!
//! A frame that refreshes none of the eight slots is kept nowhere: nothing later can refer to it, neither to
//! its pixels and motion nor to its probabilities, which go through the slots too (`primary_ref_frame`). Of
//! VP9 nothing can be left out: there the probabilities and the motion of the frame that was decoded last
//! count, kept or not.
//!
//! Streams with the rarer parts of the syntax (a decoder model, numbered frames) are decoded whole.

use bitreader::{BitReader, BitReaderError};

use super::nal::Picture;

/// Types of the units that a packet consists of (6.2.2).
const SEQUENCE_HEADER: u64 = 1;
const FRAME_HEADER: u64 = 3;
const FRAME: u64 = 6;

/// Types of frames (6.8.2).
const KEY_FRAME: u8 = 0;
const INTRA_ONLY_FRAME: u8 = 2;
const SWITCH_FRAME: u8 = 3;

/// Looks at the packets of a stream in order.
#[derive(Debug, Default)]
pub(super) struct Av1Packets {
    /// The latest; `None` where there was none yet, or one of the rarer kind.
    sequence: Option<Sequence>,
}

/// What the headers of frames depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sequence {
    /// `None`: each frame says for itself.
    screen_content_tools: Option<bool>,
    /// Whether a frame with those tools says whether its motion is in whole pixels.
    frames_choose_integer_motion: bool,
    order_hint_bits: u8,
}

/// A unit of a packet: its type and what is in it.
type Unit<'a> = (u64, &'a [u8]);

impl Av1Packets {
    /// Reads an av1C record (marker and version, three bytes, units), or units alone: they may hold the first
    /// sequence header.
    pub(super) fn after(extradata: &[u8]) -> Self {
        let mut packets = Self::default();
        match extradata {
            [0x81, _, _, _, units @ ..] => packets.picture(units),
            units => packets.picture(units),
        };
        packets
    }

    /// Looks at the frames in `packet`: it is spare where it holds some and none of them is kept.
    pub(super) fn picture(&mut self, packet: &[u8]) -> Picture {
        let mut is_spare = None;
        for (kind, unit) in units(packet) {
            match kind {
                SEQUENCE_HEADER => self.sequence = Sequence::read(unit).ok().flatten(),
                FRAME_HEADER | FRAME => {
                    let is_kept = self
                        .sequence
                        .is_none_or(|sequence| sequence.keeps_frame(unit).unwrap_or(true));
                    is_spare = Some(is_spare.unwrap_or(true) && !is_kept);
                }
                _ => {}
            }
        }
        Picture {
            spare_in_layer: (is_spare == Some(true)).then_some(0),
            layer: 0,
        }
    }
}

/// The units of a packet, as far as they are whole.
fn units(packet: &[u8]) -> impl Iterator<Item = Unit<'_>> {
    let mut rest = packet;
    std::iter::from_fn(move || {
        let (unit, after) = split_unit(rest).ok()?;
        rest = after;
        Some(unit)
    })
}

fn split_unit(bytes: &[u8]) -> Result<(Unit<'_>, &[u8]), BitReaderError> {
    let mut bits = BitReader::new(bytes);
    bits.skip(1)?;
    let kind = bits.read_u64(4)?;
    let (is_extended, is_sized) = (bits.read_bool()?, bits.read_bool()?);
    bits.skip(1)?;
    if is_extended {
        bits.skip(8)?;
    }
    let size = match is_sized {
        true => Some(leb128(&mut bits)?),
        false => None,
    };
    let body = bytes
        .get((bits.position() / 8) as usize..)
        .unwrap_or_default();
    let size = size.map_or(Ok(body.len()), usize::try_from);
    let (unit, after) = body
        .split_at_checked(size.unwrap_or(usize::MAX))
        .unwrap_or((body, &[]));
    Ok(((kind, unit), after))
}

/// An integer of up to eight bytes, seven bits each, the lowest first (4.10.5).
fn leb128(bits: &mut BitReader<'_>) -> Result<u64, BitReaderError> {
    let mut value = 0;
    for byte in 0..8 {
        let goes_on = bits.read_bool()?;
        value |= bits.read_u64(7)? << (7 * byte);
        if !goes_on {
            break;
        }
    }
    Ok(value)
}

impl Sequence {
    /// Reads a sequence header (5.5.1); `None` for one of a still picture or of the rarer kind.
    fn read(unit: &[u8]) -> Result<Option<Self>, BitReaderError> {
        let mut bits = BitReader::new(unit);
        bits.skip(3 + 1)?; // profile, still picture
        let is_reduced = bits.read_bool()?;
        if is_reduced || has_decoder_model(&mut bits)? {
            return Ok(None);
        }
        skip_operating_points(&mut bits)?;
        let (width_bits, height_bits) = (bits.read_u64(4)? + 1, bits.read_u64(4)? + 1);
        bits.skip(width_bits + height_bits)?;
        let numbers_frames = bits.read_bool()?;
        if numbers_frames {
            return Ok(None);
        }
        // Superblocks of 128, two intra tools, four inter tools.
        bits.skip(3 + 4)?;
        let has_order_hints = bits.read_bool()?;
        if has_order_hints {
            bits.skip(2)?;
        }
        let screen_content_tools = match bits.read_bool()? {
            true => None,
            false => Some(bits.read_bool()?),
        };
        let frames_choose_integer_motion = match screen_content_tools {
            Some(false) => true,
            None | Some(true) => {
                let choose = bits.read_bool()?;
                if !choose {
                    bits.skip(1)?;
                }
                choose
            }
        };
        let order_hint_bits = match has_order_hints {
            true => bits.read_u8(3)? + 1,
            false => 0,
        };
        Ok(Some(Self {
            screen_content_tools,
            frames_choose_integer_motion,
            order_hint_bits,
        }))
    }

    /// Whether the frame whose header this is goes into a slot (5.9.2). One that shows what lies in a slot may
    /// be a key frame there, which then goes into all.
    fn keeps_frame(self, header: &[u8]) -> Result<bool, BitReaderError> {
        let mut bits = BitReader::new(header);
        let shows_existing = bits.read_bool()?;
        let (kind, is_shown) = (bits.read_u8(2)?, bits.read_bool()?);
        if shows_existing || kind == SWITCH_FRAME || kind == KEY_FRAME && is_shown {
            return Ok(true);
        }
        if !is_shown {
            bits.skip(1)?; // showable
        }
        let is_resilient = bits.read_bool()?;
        bits.skip(1)?; // probabilities stay
        let has_screen_tools = match self.screen_content_tools {
            Some(has) => has,
            None => bits.read_bool()?,
        };
        if has_screen_tools && self.frames_choose_integer_motion {
            bits.skip(1)?;
        }
        bits.skip(1)?; // size of its own
        bits.skip(self.order_hint_bits.into())?;
        if kind != KEY_FRAME && kind != INTRA_ONLY_FRAME && !is_resilient {
            bits.skip(3)?; // where its probabilities come from
        }
        Ok(bits.read_u8(8)? != 0)
    }
}

/// Reads what is said of timing (5.5.3), and whether a decoder model follows.
fn has_decoder_model(bits: &mut BitReader<'_>) -> Result<bool, BitReaderError> {
    let states_timing = bits.read_bool()?;
    if !states_timing {
        return Ok(false);
    }
    bits.skip(32 + 32)?;
    let is_steady = bits.read_bool()?;
    if is_steady {
        let mut zeros = 0;
        while !bits.read_bool()? {
            zeros += 1;
        }
        bits.skip(if zeros < 32 { zeros } else { 0 })?;
    }
    bits.read_bool()
}

fn skip_operating_points(bits: &mut BitReader<'_>) -> Result<(), BitReaderError> {
    /// From this level on a tier is stated.
    const FIRST_LEVEL_WITH_TIERS: u8 = 8;
    let states_delays = bits.read_bool()?;
    for _ in 0..=bits.read_u8(5)? {
        bits.skip(12)?;
        if bits.read_u8(5)? >= FIRST_LEVEL_WITH_TIERS {
            bits.skip(1)?;
        }
        if states_delays && bits.read_bool()? {
            bits.skip(4)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sequence header as SVT-AV1 writes it: no timing, frames without numbers.
    fn sequence() -> Vec<u8> {
        sequence_with("0", "0")
    }

    /// One with this said of timing and of numbers, and order hints of seven bits.
    fn sequence_with(timing: &str, numbers: &str) -> Vec<u8> {
        let point = format!("0 00000 {:012b} {:05b}", 0, 4);
        let size = format!("{:04b} {:04b} {:08b} {:07b}", 7, 6, 159, 119);
        let tools = "111 1111 1 11 1 1 110";
        let bits = format!("000 0 0 {timing} {point} {size} {numbers} {tools}");
        unit(SEQUENCE_HEADER, &bits)
    }

    /// The header of a shown inter frame that goes into these slots.
    fn inter_frame(slots: u8) -> Vec<u8> {
        unit(FRAME, &format!("0 01 1 0 0 0 0 0000011 000 {slots:08b}"))
    }

    fn unit(kind: u64, bits: &str) -> Vec<u8> {
        let bits = bits.replace(' ', "");
        let bits = format!("0{kind:04b}010{:08b}{bits}", bits.len().div_ceil(8));
        let byte = |bits: &[u8]| {
            bits.iter()
                .enumerate()
                .fold(0, |byte, (at, bit)| byte | (bit - b'0') << (7 - at))
        };
        bits.as_bytes().chunks(8).map(byte).collect()
    }

    fn is_spare(packets: &mut Av1Packets, units: &[Vec<u8>]) -> bool {
        packets.picture(&units.concat()).spare_in_layer.is_some()
    }

    #[test]
    fn a_packet_is_spare_where_it_holds_frames_and_none_goes_into_a_slot() {
        let delimiter = || vec![0x12, 0];
        let mut packets = Av1Packets::default();
        assert!(
            !is_spare(&mut packets, &[inter_frame(0)]),
            "nothing is known yet"
        );
        assert!(
            !is_spare(&mut packets, &[delimiter(), sequence()]),
            "no frame"
        );
        assert!(is_spare(&mut packets, &[delimiter(), inter_frame(0)]));
        assert!(!is_spare(&mut packets, &[delimiter(), inter_frame(4)]));
        assert!(
            !is_spare(&mut packets, &[inter_frame(4), inter_frame(0)]),
            "one is kept"
        );
        let key_frame = unit(FRAME, "0001");
        assert!(!is_spare(&mut packets, &[key_frame]));
        let shows_existing = unit(FRAME_HEADER, "1011");
        assert!(!is_spare(&mut packets, &[shows_existing]));
        assert!(
            !is_spare(&mut packets, &[inter_frame(0)[..3].to_vec()]),
            "cut off"
        );

        let record = [&[0x81, 4, 0x0c, 0][..], &sequence()].concat();
        assert!(is_spare(&mut Av1Packets::after(&record), &[inter_frame(0)]));
        assert!(is_spare(
            &mut Av1Packets::after(&sequence()),
            &[inter_frame(0)]
        ));
    }

    #[test]
    fn streams_of_the_rarer_kinds_are_decoded_whole() {
        let is_looked_into = |header: Vec<u8>| {
            let mut packets = Av1Packets::after(&header);
            is_spare(&mut packets, &[inter_frame(0)])
        };
        let ticks = "0".repeat(64);
        let timing = |model: u8| format!("1 {ticks} 1 00101 {model}");
        assert!(is_looked_into(sequence_with(&timing(0), "0")));
        assert!(!is_looked_into(sequence_with(&timing(1), "0")), "a model");
        assert!(!is_looked_into(sequence_with("0", "1")), "numbers");
        assert!(
            !is_looked_into(unit(SEQUENCE_HEADER, "000 0 1")),
            "a still picture"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_packet_is_looked_at_without_panic(
            noise in proptest::collection::vec(proptest::num::u8::ANY, 0..80), at in 0usize..40
        ) {
            let mut packets = Av1Packets::after(&noise);
            packets.picture(&noise);
            let mut header = sequence();
            let at = at.min(header.len());
            header.splice(at.., noise.iter().copied());
            packets.picture(&header);
            packets.picture(&noise);
        }
    }
}
