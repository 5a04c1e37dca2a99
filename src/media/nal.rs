//! NAL units of H.264 and HEVC: how they lie in packets, and which pictures no other refers to.
//!
//! A picture that nothing refers to can be left out without changing any other (ITU-T H.264, 7.4.1,
//! `nal_ref_idc`; ITU-T H.265, 7.4.2.2, sub-layer non-reference pictures).

use memchr::memmem;

/// How NAL units are told apart in packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NalFraming {
    /// Each behind its length in this many bytes (MP4, MKV, FLV).
    Length(usize),
    /// Each behind a start code (MPEG-TS, AVI).
    StartCode,
}

impl NalFraming {
    /// Reads an avcC record, which names the length; without one, start codes are used.
    pub(super) fn of_avcc(extradata: &[u8]) -> Self {
        match extradata {
            [1, _, _, _, length, ..] => Self::Length(usize::from(length & 3) + 1),
            _ => Self::StartCode,
        }
    }

    /// Reads an hvcC record, likewise (ISO 14496-15, 8.3.3.1).
    pub(super) fn of_hvcc(extradata: &[u8]) -> Self {
        match (extradata.first(), extradata.get(21)) {
            (Some(1), Some(length)) => Self::Length(usize::from(length & 3) + 1),
            _ => Self::StartCode,
        }
    }

    /// The NAL units of `packet` in order, each from its header on. Behind start codes a unit runs to
    /// the end of the packet: only its header is to be read.
    pub(super) fn units(self, packet: &[u8]) -> Units<'_> {
        Units {
            framing: self,
            rest: packet,
        }
    }
}

/// Iterates over [`NalFraming::units`].
pub(super) struct Units<'a> {
    framing: NalFraming,
    rest: &'a [u8],
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self.framing {
            NalFraming::Length(size) => {
                let (length, nal) = self.rest.split_at_checked(size)?;
                let length = length
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                let (unit, rest) = nal.split_at_checked(length).unwrap_or((nal, &[]));
                self.rest = rest;
                Some(unit)
            }
            NalFraming::StartCode => {
                let at = memmem::find(self.rest, &[0, 0, 1])?;
                self.rest = &self.rest[at + 3..];
                Some(self.rest)
            }
        }
    }
}

/// What a packet of H.264 or HEVC holds of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Picture {
    /// The temporal layer above which nothing may refer to it; 0 in H.264, which has none here.
    pub(super) spare_in_layer: Option<u8>,
    /// Highest temporal layer of its slices.
    pub(super) layer: u8,
}

/// Looks at the H.264 picture in `packet`.
pub(super) fn h264_picture(packet: &[u8], framing: NalFraming) -> Picture {
    /// Slices, partitioned or not, of pictures that are IDR or not.
    const SLICES: [u8; 3] = [1, 2, 5];
    let slices = framing.units(packet).filter_map(|unit| {
        let header = unit.first()?;
        (SLICES.contains(&(header & 0x1f))).then_some((header >> 5 & 3 == 0, 0))
    });
    picture(slices)
}

/// Looks at the HEVC picture in `packet`.
pub(super) fn hevc_picture(packet: &[u8], framing: NalFraming) -> Picture {
    const FIRST_NOT_A_SLICE: u8 = 32;
    /// Below it, even types are sub-layer non-reference pictures.
    const FIRST_RANDOM_ACCESS: u8 = 16;
    let slices = framing.units(packet).filter_map(|unit| {
        let kind = unit.first()? >> 1 & 0x3f;
        let layer = (unit.get(1)? & 7).saturating_sub(1);
        let is_spare = kind < FIRST_RANDOM_ACCESS && kind.is_multiple_of(2);
        (kind < FIRST_NOT_A_SLICE).then_some((is_spare, layer))
    });
    picture(slices)
}

fn picture(slices: impl Iterator<Item = (bool, u8)>) -> Picture {
    let mut picture = Picture::default();
    for (is_spare, layer) in slices {
        picture.layer = picture.layer.max(layer);
        picture.spare_in_layer = is_spare.then_some(picture.layer);
        // What is referred to is not searched to its end: packets without lengths are long.
        if !is_spare {
            break;
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_nothing_refers_to_is_told_by_every_slice() {
        let lengths = NalFraming::Length(4);
        let spare = [0, 0, 0, 2, 0x06, 9, 0, 0, 0, 2, 0x01, 7];
        let picture = h264_picture(&spare, lengths);
        assert_eq!(picture.spare_in_layer, Some(0));
        let referred = [&spare[..], &[0, 0, 0, 1, 0x41]].concat();
        let picture = h264_picture(&referred, lengths);
        assert_eq!(picture.spare_in_layer, None);
        assert_eq!(h264_picture(&spare[..6], lengths), Picture::default());
        let codes = [0, 0, 0, 1, 0x09, 0x10, 0, 0, 1, 0x01, 1];
        let picture = h264_picture(&codes, NalFraming::StartCode);
        assert_eq!(picture.spare_in_layer, Some(0));
    }

    #[test]
    fn of_hevc_the_layer_counts_too() {
        // TRAIL_N in layer 1, and TRAIL_R.
        let spare = hevc_picture(&[0, 0, 1, 0x00, 0x02, 1], NalFraming::StartCode);
        assert_eq!((spare.spare_in_layer, spare.layer), (Some(1), 1));
        let referred = hevc_picture(&[0, 0, 1, 0x02, 0x01, 1], NalFraming::StartCode);
        assert_eq!((referred.spare_in_layer, referred.layer), (None, 0));
        // IDR_N_LP is even and no spare picture.
        let start = hevc_picture(&[0, 0, 1, 0x28, 0x01, 1], NalFraming::StartCode);
        assert_eq!(start.spare_in_layer, None);
    }

    proptest::proptest! {
        #[test]
        fn any_packet_is_looked_at_without_panic(
            packet in proptest::collection::vec(proptest::num::u8::ANY, 0..80), size in 1usize..5
        ) {
            for framing in [NalFraming::Length(size), NalFraming::StartCode] {
                h264_picture(&packet, framing);
                hevc_picture(&packet, framing);
            }
        }
    }
}
