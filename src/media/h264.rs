//! The little of H.264 that seeking safely needs (ITU-T H.264, 7.3.1 and 7.4.1).
//!
//! Two traps. Not every packet marked as a key frame is one to start at: with open groups of
//! pictures or intra refresh it only begins a recovery, so seeking uses IDR pictures alone. And
//! x264 before build 151 coded High 4:4:4 with a fault that decoders undo when they know the build,
//! which only the first packet tells; a decoder that starts later needs it as an option.

use super::nal::NalFraming;

/// NAL unit type of a slice of an IDR picture.
const IDR_SLICE: u8 = 5;
/// What x264 writes before its build number, in a user-data SEI.
const X264_BANNER: &[u8] = b"x264 - core ";

/// Whether `packet` holds a slice of an IDR picture.
pub(super) fn holds_idr(packet: &[u8], framing: NalFraming) -> bool {
    let is_idr = |unit: &[u8]| {
        unit.first()
            .is_some_and(|header| header & 0x1f == IDR_SLICE)
    };
    framing.units(packet).any(is_idr)
}

/// The x264 build that `packet` names, if it does.
pub(super) fn x264_build(packet: &[u8]) -> Option<u32> {
    let at = packet
        .windows(X264_BANNER.len())
        .position(|window| window == X264_BANNER)?;
    let digits: String = packet[at + X264_BANNER.len()..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .take(6)
        .map(|byte| char::from(*byte))
        .collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idr_slice_is_found_in_either_framing() {
        let lengths = [0, 0, 0, 2, 0x06, 9, 0, 0, 0, 1, 0x65];
        assert!(holds_idr(&lengths, NalFraming::Length(4)));
        assert!(!holds_idr(&lengths[..6], NalFraming::Length(4)));
        assert!(holds_idr(
            &[0, 0, 0, 1, 0x09, 0, 0, 1, 0x65, 1],
            NalFraming::StartCode
        ));
        assert!(!holds_idr(&[0, 0, 1, 0x41, 1, 2], NalFraming::StartCode));
    }

    #[test]
    fn the_build_is_read_from_the_banner() {
        assert_eq!(x264_build(b"..x264 - core 148 r2643 ..."), Some(148));
        assert_eq!(x264_build(b"..x264 - core r2643 ..."), None);
        assert_eq!(x264_build(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn any_packet_is_searched_without_panic(
            packet in proptest::collection::vec(proptest::num::u8::ANY, 0..80), size in 1usize..5
        ) {
            holds_idr(&packet, NalFraming::Length(size));
            holds_idr(&packet, NalFraming::StartCode);
            x264_build(&packet);
        }
    }
}
