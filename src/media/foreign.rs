//! What the brand of an ISO media file says that it holds, and files that are known and not read: what
//! they are, by their first bytes, so that a refusal can say so.

use super::heif::Flavour;

/// Brands of videos in ISO media files (ISO 14496-12). Those of 3GPP begin with `3gp` or `3g2`.
const VIDEO_BRANDS: [&[u8; 4]; 29] = [
    b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41",
    b"mp42", b"mp4v", b"avc1", b"hvc1", b"av01", b"qt  ", b"M4V ", b"M4VH", b"M4VP", b"F4V ",
    b"f4v ", b"mmp4", b"MSNV", b"XAVC", b"dash", b"msdh", b"cmfc", b"piff", b"dby1",
];

/// Brands of other things, in the order in which they are looked for.
const OTHER_BRANDS: [(&[u8; 4], Brand); 33] = [
    (b"crx ", Brand::Foreign("a raw photograph (Canon CR3)")),
    (b"jxl ", Brand::Foreign("a JPEG XL image")),
    (b"jp2 ", Brand::Foreign("a JPEG 2000 image")),
    (b"jpx ", Brand::Foreign("a JPEG 2000 image")),
    (b"jpm ", Brand::Foreign("a JPEG 2000 image")),
    (b"mjp2", Brand::Foreign("a JPEG 2000 film")),
    (b"M4A ", Brand::Foreign("a sound file (M4A)")),
    (b"M4B ", Brand::Foreign("an audio book (M4B)")),
    (b"M4P ", Brand::Foreign("a protected sound file (M4P)")),
    (b"F4A ", Brand::Foreign("a sound file (F4A)")),
    (b"F4B ", Brand::Foreign("an audio book (F4B)")),
    (b"aax ", Brand::Foreign("an audio book (Audible AAX)")),
    (b"aaxc", Brand::Foreign("an audio book (Audible AAXC)")),
    (b"avif", Brand::Heif(Flavour::Avif)),
    (b"avis", Brand::Heif(Flavour::Avif)),
    (b"heic", Brand::Heif(Flavour::Heic)),
    (b"heix", Brand::Heif(Flavour::Heic)),
    (b"heim", Brand::Heif(Flavour::Heic)),
    (b"heis", Brand::Heif(Flavour::Heic)),
    (b"hevc", Brand::Heif(Flavour::Heic)),
    (b"hevx", Brand::Heif(Flavour::Heic)),
    (b"avci", Brand::Foreign("a HEIF image in H.264")),
    (b"avcs", Brand::Foreign("a HEIF image in H.264")),
    (b"vvic", Brand::Foreign("a HEIF image in VVC")),
    (b"vvis", Brand::Foreign("a HEIF image in VVC")),
    (b"evbi", Brand::Foreign("a HEIF image in EVC")),
    (b"evmi", Brand::Foreign("a HEIF image in EVC")),
    (b"j2ki", Brand::Foreign("a HEIF image in JPEG 2000")),
    (b"j2is", Brand::Foreign("a HEIF image in JPEG 2000")),
    (b"mif1", Brand::Heif(Flavour::Heif)),
    (b"mif2", Brand::Heif(Flavour::Heif)),
    (b"msf1", Brand::Heif(Flavour::Heif)),
    (b"miaf", Brand::Heif(Flavour::Heif)),
];

/// First bytes of other things.
const FOREIGN_STARTS: [(&[u8], &str); 15] = [
    (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"FUJIFILMCCD-RAW", "a raw photograph (Fujifilm RAF)"),
    (b"IIU\0", "a raw photograph (Panasonic RW2)"),
    (b"IIRO", "a raw photograph (Olympus ORF)"),
    (b"IIRS", "a raw photograph (Olympus ORF)"),
    (b"FOVb", "a raw photograph (Sigma X3F)"),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF-", "a PDF document"),
];

/// Many raw formats are TIFF inside.
const TIFF: &str = "a TIFF image or raw photograph (DNG, NEF, CR2, ARW)";

/// What an ISO media file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Brand {
    /// A video.
    Video,
    /// A still image of that family.
    Heif(Flavour),
    /// Something that is not read.
    Foreign(&'static str),
    /// Nothing that is known.
    Unknown,
}

/// What the file type box says that a file begins with; `None` when it begins with another.
///
/// The major brand counts first, as the one that "best" describes the file; the compatible ones
/// then tell what else can read it.
pub(super) fn brand(head: &[u8]) -> Option<Brand> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    let size = u32::from_be_bytes(head.first_chunk().copied()?) as usize;
    // A box of 0 or 1 states its size elsewhere; no writer does that here.
    let end = if size < 16 {
        head.len()
    } else {
        size.min(head.len())
    };
    let major = head.get(8..12).unwrap_or_default();
    let compatible: Vec<&[u8]> = (head.get(16..end).unwrap_or_default())
        .chunks_exact(4)
        .collect();
    Some(match of_major(major) {
        // These name any HEIF file; the compatible brands tell its codec.
        Brand::Heif(Flavour::Heif) | Brand::Unknown => of_compatible(&compatible, major),
        known @ (Brand::Video | Brand::Heif(_) | Brand::Foreign(_)) => known,
    })
}

fn of_major(brand: &[u8]) -> Brand {
    let is_3gpp = brand.starts_with(b"3gp") || brand.starts_with(b"3g2");
    if is_3gpp || VIDEO_BRANDS.iter().any(|video| brand == *video) {
        return Brand::Video;
    }
    let other = OTHER_BRANDS.iter().find(|(name, _)| brand == *name);
    other.map_or(Brand::Unknown, |(_, what)| *what)
}

fn of_compatible(compatible: &[&[u8]], major: &[u8]) -> Brand {
    let is_major_known = of_major(major) != Brand::Unknown;
    let is_video = compatible
        .iter()
        .any(|brand| of_major(brand) == Brand::Video);
    if is_video && !is_major_known {
        return Brand::Video;
    }
    let all = || compatible.iter().copied().chain([major]);
    let other = (OTHER_BRANDS.iter()).find(|(name, _)| all().any(|brand| brand == *name));
    other.map_or(Brand::Unknown, |(_, what)| *what)
}

/// What begins with these bytes and is not read.
pub(super) fn start(head: &[u8]) -> Option<&'static str> {
    let known = FOREIGN_STARTS
        .iter()
        .find(|(start, _)| head.starts_with(start));
    known.map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Option<Brand> {
        let size = 16 + 4 * compatible.len() as u32;
        let mut head = [&size.to_be_bytes()[..], b"ftyp", major, &[0; 4]].concat();
        compatible.iter().for_each(|brand| head.extend(*brand));
        // The next box is none of the brands.
        head.extend(b"\0\0\0\x08jxl ");
        brand(&head)
    }

    #[test]
    fn the_major_brand_tells_a_video_from_a_photograph_and_from_sound() {
        assert_eq!(of(b"isom", &[b"avif"]), Some(Brand::Video));
        assert_eq!(of(b"qt  ", &[]), Some(Brand::Video));
        assert_eq!(of(b"3gp5", &[]), Some(Brand::Video));
        let heic = Some(Brand::Heif(Flavour::Heic));
        assert_eq!(of(b"heic", &[b"mif1", b"isom"]), heic);
        let cr3 = "a raw photograph (Canon CR3)";
        assert_eq!(of(b"crx ", &[b"isom"]), Some(Brand::Foreign(cr3)));
        let m4a = "a sound file (M4A)";
        assert_eq!(of(b"M4A ", &[b"isom", b"mp42"]), Some(Brand::Foreign(m4a)));
    }

    #[test]
    fn compatible_brands_tell_where_the_major_one_does_not() {
        assert_eq!(of(b"NIKO", &[b"mp42"]), Some(Brand::Video));
        let heif = |flavour| Some(Brand::Heif(flavour));
        assert_eq!(of(b"mif1", &[b"miaf", b"avif"]), heif(Flavour::Avif));
        assert_eq!(of(b"mif1", &[b"heic"]), heif(Flavour::Heic));
        assert_eq!(of(b"mif1", &[]), heif(Flavour::Heif));
        let vvc = Some(Brand::Foreign("a HEIF image in VVC"));
        assert_eq!(of(b"mif1", &[b"vvic", b"miaf"]), vvc);
        assert_eq!(of(b"none", &[b"what"]), Some(Brand::Unknown));
        assert_eq!(brand(b"\0\0\0\x08wide"), None);
    }
}
