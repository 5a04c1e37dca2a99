//! From the colours a stream states to sRGB: which filters a picture needs.
//!
//! Three kinds of pictures. What a screen shows as it is (BT.709 and BT.601 in all their spellings)
//! only leaves its matrix and range: swscale does that, and the numbers of such pictures pass as they
//! are, as in every player. Other primaries or curves are converted in linear light by zimg. High
//! dynamic range (PQ and HLG, ITU-R BT.2100) is made linear with white at 203 nits (ITU-R BT.2408,
//! 2.2), moved to BT.709's primaries, and what is brighter than white pressed together; up to
//! [`KNEE`] nothing changes, so a face looks as it does in the standard copy of the same picture.
//!
//! Tags are honoured. Where the matrix is missing, it is guessed as players do: BT.709 for pictures
//! at least 1280 wide or more than 576 high, BT.601 for smaller ones.

use super::native::{ColourTags, FrameShape};

const SCALE_FLAGS: &str = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact";

/// Nits of a white sheet of paper in HDR video, by ITU-R BT.2408.
const WHITE_NITS: u32 = 203;
/// The brightest that phones and broadcasts master for, in units of white.
const PEAK: f64 = 1000.0 / WHITE_NITS as f64;
/// Linear light in units of white up to which tone-mapping changes nothing.
const KNEE: f64 = 0.85;

/// How values relate to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    /// As a screen shows it.
    Display,
    /// Another one.
    Other,
    /// PQ or HLG.
    HighRange,
}

/// Filters that bring a picture of `shape` to `width` times `height` pixels, or into them with
/// `margins`, as 8-bit sRGB in planes.
pub(super) fn filters(shape: FrameShape, (width, height): (u32, u32), margins: &str) -> String {
    let tags = shape.colour;
    let (curve, primaries) = (curve(tags.transfer), primaries(tags.primaries));
    let scale = format!("scale=w={width}:h={height}:flags={SCALE_FLAGS}");
    if is_shown_as_it_is(tags) {
        let matrix = if tags.matrix == UNSTATED && is_large(shape) {
            ":in_color_matrix=bt709"
        } else {
            ""
        };
        return format!("{scale}{matrix}{margins},format=gbrp");
    }
    // Scaled as every other picture is, then every sample has its colour and zimg the full range.
    let is_rgb = tags.matrix == RGB;
    let range = if is_rgb || tags.range == FULL {
        "full"
    } else {
        "limited"
    };
    let unpacked = if is_rgb { "gbrp16le" } else { "yuv444p16le" };
    let (matrix, primaries) = (zimg_matrix(shape), primaries.unwrap_or(BT709));
    let from = format!("zscale=rin=full:min={matrix}:pin={primaries}");
    let transfer = tags.transfer;
    let light = match curve {
        Curve::Display => format!("{from}:tin={BT709}:{TO_SCREEN}"),
        Curve::Other => format!("{from}:tin={transfer}:{TO_SCREEN}"),
        Curve::HighRange => format!(
            "{from}:tin={transfer}:t=linear:p={BT709}:m=gbr:r=full:npl={WHITE_NITS},format=gbrpf32le,\
             tonemap=mobius:param={KNEE}:peak={PEAK}:desat=0,\
             zscale=tin=linear:pin={BT709}:min=gbr:rin=full:{TO_SCREEN}"
        ),
    };
    format!(
        "{scale}:in_range={range}:out_range=full{margins},format={unpacked},{light},format=gbrp"
    )
}

/// Whether the numbers of such a picture pass as they are, once matrix and range are undone.
pub(super) fn is_shown_as_it_is(tags: ColourTags) -> bool {
    let is_display = curve(tags.transfer) == Curve::Display;
    is_display && primaries(tags.primaries).is_none() && swscale_knows(tags.matrix)
}

/// Whether such a picture is PQ or HLG.
pub(super) fn is_high_range(tags: ColourTags) -> bool {
    curve(tags.transfer) == Curve::HighRange
}

/// What standard video holds and screens show.
const TO_SCREEN: &str = "t=709:p=709:m=gbr:r=full";

const RGB: i32 = 0;
const BT709: i32 = 1;
const UNSTATED: i32 = 2;
const BT601: i32 = 5;
const BT2020: i32 = 9;
const ICTCP: i32 = 14;
const FULL: i32 = 2;

/// Matrices that swscale applies itself: BT.709, FCC, the two of BT.601, SMPTE 240M.
fn swscale_knows(matrix: i32) -> bool {
    matches!(matrix, RGB | BT709 | UNSTATED | 4 | BT601 | 6 | 7)
}

/// The usual border between standard and high definition among players.
fn is_large(shape: FrameShape) -> bool {
    shape.width_px >= 1280 || shape.height_px > 576
}

/// The number of a matrix that zimg applies to pictures with these tags: the stated one, or else a
/// guess. ICtCp is defined for PQ and HLG alone (ITU-R BT.2100).
fn zimg_matrix(shape: FrameShape) -> i32 {
    match shape.colour.matrix {
        stated @ (RGB | BT709 | 4..=10) => stated,
        ICTCP if curve(shape.colour.transfer) == Curve::HighRange => ICTCP,
        ICTCP => BT2020,
        _ if is_large(shape) => BT709,
        _ => BT601,
    }
}

/// The number of primaries that differ from a screen's, if they do and zimg knows them.
fn primaries(stated: i32) -> Option<i32> {
    matches!(stated, 4..=12 | 22).then_some(stated)
}

fn curve(stated: i32) -> Curve {
    const GAMMA_2_8: i32 = 5;
    const LINEAR_OR_LOG: std::ops::RangeInclusive<i32> = 8..=10;
    const PQ: i32 = 16;
    const HLG: i32 = 18;
    match stated {
        PQ | HLG => Curve::HighRange,
        GAMMA_2_8 => Curve::Other,
        _ if LINEAR_OR_LOG.contains(&stated) => Curve::Other,
        _ => Curve::Display,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(size: (u32, u32), colour: ColourTags) -> FrameShape {
        FrameShape {
            width_px: size.0,
            height_px: size.1,
            pixel_format: 0,
            colour,
        }
    }

    fn tags(matrix: i32, transfer: i32, primaries: i32) -> ColourTags {
        ColourTags {
            matrix,
            range: 1,
            transfer,
            primaries,
        }
    }

    #[test]
    fn a_missing_matrix_is_guessed_from_the_size_and_a_stated_one_is_kept() {
        let unstated = tags(UNSTATED, UNSTATED, UNSTATED);
        let of = |size, tags| filters(shape(size, tags), size, "");
        assert!(of((1280, 720), unstated).contains("in_color_matrix=bt709"));
        assert!(of((720, 1280), unstated).contains("in_color_matrix=bt709"));
        assert!(!of((720, 576), unstated).contains("in_color_matrix"));
        assert!(!of((1920, 1080), tags(6, UNSTATED, UNSTATED)).contains("in_color_matrix"));
    }

    #[test]
    fn what_a_screen_shows_as_it_is_passes_without_a_change_of_light() {
        for plain in [tags(1, 1, 1), tags(6, 6, UNSTATED), tags(1, 13, 1)] {
            assert!(!filters(shape((640, 480), plain), (640, 480), "").contains("zscale"));
        }
        for other in [
            tags(9, 16, 9),
            tags(9, 18, 9),
            tags(1, 13, 12),
            tags(8, 1, 1),
        ] {
            assert!(filters(shape((640, 480), other), (640, 480), "").contains("zscale"));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_tags_give_filters_that_end_in_rgb(
            matrix in proptest::num::i32::ANY, range in proptest::num::i32::ANY,
            transfer in 0i32..30, primaries in proptest::num::i32::ANY
        ) {
            let colour = ColourTags { matrix, range, transfer, primaries };
            proptest::prop_assert!(filters(shape((64, 48), colour), (64, 48), "").ends_with("format=gbrp"));
        }
    }
}
