//! What a file is, by its first bytes. Names and declared types are never asked.

use image::ImageFormat;

use super::foreign::{self, Brand};
use super::heif::Flavour;

/// Bytes that are looked at.
pub(super) const HEAD_BYTES: usize = 1024;

/// What the first bytes look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recognised {
    /// A still image that the `image` crate decodes.
    Still(ImageFormat),
    /// A still image that libheif decodes.
    Heif(Flavour),
    /// A sound format that cannot hold moving pictures.
    Sound,
    /// A video container, by name.
    Container(&'static str),
    /// Something that is not read, by name.
    Foreign(&'static str),
    /// None of these; FFmpeg may still know it.
    Unknown,
}

/// Recognises `head`, the first bytes of a file.
pub(super) fn recognise(head: &[u8]) -> Recognised {
    match foreign::brand(head) {
        Some(Brand::Heif(flavour)) => return Recognised::Heif(flavour),
        Some(Brand::Foreign(what)) => return Recognised::Foreign(what),
        Some(Brand::Unknown) => return Recognised::Unknown,
        Some(Brand::Video) | None => {}
    }
    if let Some(container) = container(head) {
        return Recognised::Container(container);
    }
    if let Some(still) = still(head) {
        return Recognised::Still(still);
    }
    if let Some(what) = foreign::start(head) {
        return Recognised::Foreign(what);
    }
    if is_sound(head) {
        return Recognised::Sound;
    }
    Recognised::Unknown
}

fn container(head: &[u8]) -> Option<&'static str> {
    const BOXES: [&[u8]; 9] = [
        b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot",
    ];
    const ASF: [u8; 8] = [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11];
    let word = |at: usize| head.get(at..at + 4).unwrap_or_default();
    if BOXES.contains(&word(4)) {
        Some("MP4 or MOV")
    } else if word(0) == [0x1a, 0x45, 0xdf, 0xa3] {
        Some("MKV or WebM")
    } else if word(0) == b"RIFF" && word(8) == b"AVI " {
        Some("AVI")
    } else if head.starts_with(b"FLV") {
        Some("FLV")
    } else if head.starts_with(&ASF) {
        Some("WMV")
    } else if word(0) == [0, 0, 1, 0xba] {
        Some("MPEG program stream")
    } else if is_transport_stream(head) {
        Some("MPEG transport stream")
    } else {
        None
    }
}

/// Three sync bytes at the packet spacing, after the 4-byte time code of some recorders.
fn is_transport_stream(head: &[u8]) -> bool {
    [(0, 188), (4, 192)].into_iter().any(|(first, spacing)| {
        (0..3).all(|packet| head.get(first + packet * spacing) == Some(&0x47))
    })
}

fn still(head: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(head).ok()?;
    [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Gif,
    ]
    .contains(&format)
    .then_some(format)
}

fn is_sound(head: &[u8]) -> bool {
    let is_wave = head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WAVE");
    // Eleven set bits start an MPEG audio or ADTS frame.
    let is_frame = matches!(head, [0xff, second, ..] if second & 0xe0 == 0xe0);
    is_wave
        || is_frame
        || [&b"ID3"[..], b"fLaC", b"#!AMR"]
            .iter()
            .any(|m| head.starts_with(m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_containers_are_told_by_their_bytes() {
        assert_eq!(
            recognise(b"\x89PNG\r\n\x1a\n...."),
            Recognised::Still(ImageFormat::Png)
        );
        assert_eq!(
            recognise(b"RIFF....WEBPVP8 "),
            Recognised::Still(ImageFormat::WebP)
        );
        assert_eq!(recognise(b"RIFF....AVI LIST"), Recognised::Container("AVI"));
        assert_eq!(
            recognise(b"....ftypisom"),
            Recognised::Container("MP4 or MOV")
        );
        assert_eq!(
            recognise(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1"),
            Recognised::Heif(Flavour::Avif)
        );
        assert_eq!(recognise(b"RIFF....WAVEfmt "), Recognised::Sound);
        assert_eq!(recognise(b"ID3\x04"), Recognised::Sound);
    }

    #[test]
    fn what_is_not_read_is_named() {
        let cr3 = recognise(b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom");
        assert_eq!(cr3, Recognised::Foreign("a raw photograph (Canon CR3)"));
        let bare = recognise(b"\xff\x0a\x7a\x1f");
        assert_eq!(bare, Recognised::Foreign("a JPEG XL image"));
        let tiff = recognise(b"II*\0\x08\0\0\0");
        assert!(matches!(tiff, Recognised::Foreign(what) if what.contains("TIFF")));
    }

    #[test]
    fn text_playlists_and_unknown_brands_are_unknown() {
        for head in [
            &b"#EXTM3U\n"[..],
            b"ffconcat version 1.0",
            b"hello",
            b"\0\0\0\x10ftypwhat\0\0\0\0",
            b"",
            b"G",
        ] {
            assert_eq!(recognise(head), Recognised::Unknown, "{head:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_recognised_without_panic(head in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            recognise(&head);
        }
    }
}
