//! HEIC and AVIF.

use std::sync::OnceLock;

use image::RgbImage;
use moxcms::ColorProfile;

use super::heif_files::{CODECS, Codec, Item, coded, colours, file, mirrored, profile, turned};
use super::icc::{difference, numbers_in, original};
use super::*;
use crate::domain::{MediaKind, Rotation};

/// Red on the left, green below.
const QUARTERS: &str = "color=black:size=64x32,format=gbrp,\
     geq=r='if(lt(X,W/2),250,10)':g='if(lt(Y,H/2),10,250)':b=10,format=yuv444p";
/// Detail and colour.
const DETAIL: &str = "testsrc2=size=64x48:rate=1:duration=1,eq=saturation=0.6,format=rgb24";

fn from_lavfi(codec: Codec, source: &str, size: (u32, u32)) -> Item {
    let arguments = ["-f", "lavfi", "-i", source, "-pix_fmt", "yuv444p"];
    coded(codec, &arguments, &[], (size.0, size.1, 8))
}

fn quarters(codec: Codec) -> Item {
    from_lavfi(codec, QUARTERS, (64, 32))
}

fn brand(codec: Codec) -> &'static [u8; 4] {
    match codec {
        Codec::Hevc => b"heic",
        Codec::Av1 => b"avif",
    }
}

fn shown(studio: &Studio, bytes: &[u8]) -> Rgb8Image {
    let path = studio.write("picture.jpg", bytes);
    let info = probe(&path).unwrap();
    let mut sample = sample(&path, 30).unwrap();
    assert_eq!((&sample.notes[..], sample.frames.len()), (&[][..], 1));
    let image = sample.frames.remove(0).image;
    let size = (info.picture.width_px, info.picture.height_px);
    assert_eq!(size, (image.width_px(), image.height_px()));
    image
}

/// Whether red is at the left and green at the bottom of the corners, in reading order.
fn corners(image: &Rgb8Image) -> [(bool, bool); 4] {
    let (right, bottom) = (image.width_px() - 4, image.height_px() - 4);
    [(4, 4), (right, 4), (4, bottom), (right, bottom)].map(|(x, y)| {
        let [red, green, _] = pixel(image, x, y);
        (red > 128, green > 128)
    })
}

#[test]
fn heic_and_avif_are_stills_under_any_name() {
    let studio = Studio::new();
    let png = studio.film("whole.png", DETAIL, "-frames:v 1");
    let expected = sample(&png, 1).unwrap();
    for (codec, container, name) in [
        (Codec::Hevc, "HEIC image", "heic"),
        (Codec::Av1, "AVIF image", "avif"),
    ] {
        let bytes = from_lavfi(codec, DETAIL, (64, 48)).file(brand(codec));
        let path = studio.write("picture.jpg", &bytes);
        let info = probe(&path).unwrap();
        assert_eq!(info.kind, MediaKind::Image);
        assert_eq!((&*info.container, &*info.picture.codec), (container, name));
        assert_eq!(info.picture.rotation, Rotation::None);
        assert_eq!(info.size_bytes, bytes.len() as u64);
        let kind = super::super::kind(&File::open(&path).unwrap()).unwrap();
        assert_eq!(kind, Some(MediaKind::Image));
        let image = shown(&studio, &bytes);
        let difference = difference(image.pixels(), expected.frames[0].image.pixels());
        assert!(difference < 3.0, "{name}: {difference}");
    }
}

#[test]
fn a_picture_is_turned_and_mirrored_as_the_file_asks() {
    let studio = Studio::new();
    let (no, red, green, both) = ((false, false), (true, false), (false, true), (true, true));
    for codec in CODECS {
        for (what, properties, expected) in [
            ("as it is", vec![], [red, no, both, green]),
            ("a quarter left", vec![turned(1)], [no, green, red, both]),
            ("half a turn", vec![turned(2)], [green, both, no, red]),
            ("a quarter right", vec![turned(3)], [both, red, green, no]),
            ("top to bottom", vec![mirrored(0)], [both, green, red, no]),
            ("left to right", vec![mirrored(1)], [no, red, green, both]),
            ("both", vec![turned(1), mirrored(1)], [green, no, both, red]),
        ] {
            let is_upright = properties.first() == Some(&turned(1)) || what.contains("quarter");
            let item = properties.into_iter().fold(quarters(codec), Item::with);
            let image = shown(&studio, &item.file(brand(codec)));
            let expected_size = if is_upright { (32, 64) } else { (64, 32) };
            let size = (image.width_px(), image.height_px());
            assert_eq!(size, expected_size, "{codec:?} {what}");
            assert_eq!(corners(&image), expected, "{codec:?} {what}");
        }
    }
}

#[test]
fn a_picture_of_tiles_is_one_picture() {
    let studio = Studio::new();
    for codec in CODECS {
        let canvas = Item::grid(2, 1, (64, 60)).with(turned(2));
        let items = [canvas, quarters(codec), quarters(codec)];
        let image = shown(&studio, &file(brand(codec), &items));
        assert_eq!((image.width_px(), image.height_px()), (64, 60));
        let red_and_green = |y| {
            let [red, green, _] = pixel(&image, 60, y);
            (red > 128, green > 128)
        };
        // Upside down, so red is at the right. The last four rows of the lower tile are cut away.
        let column = [4, 20, 36, 52].map(red_and_green);
        assert_eq!(
            column,
            [true, false, true, false].map(|green| (true, green))
        );
    }
}

#[test]
fn where_tiles_leave_the_canvas_bare_nothing_of_earlier_files_shows() {
    let studio = Studio::new();
    let secret = from_lavfi(Codec::Av1, "color=white:size=640x640", (640, 640)).file(b"avif");
    let canvas = Item::grid(1, 1, (600, 600));
    let bare = file(b"avif", &[canvas, quarters(Codec::Av1)]);
    for _ in 0..3 {
        shown(&studio, &secret);
        let image = shown(&studio, &bare);
        let grey = pixel(&image, 300, 300);
        assert!((40..600).all(|y| pixel(&image, y, y) == grey));
        assert_eq!(grey, [0x80; 3]);
    }
}

#[test]
fn a_picture_in_display_p3_comes_out_as_its_srgb_original() {
    let studio = Studio::new();
    let p3 = ColorProfile::new_display_p3();
    let numbers: RgbImage = numbers_in(&p3);
    let png = studio.path("numbers.png");
    numbers.save(&png).unwrap();
    let before = difference(&numbers, &original());
    for codec in CODECS {
        let arguments = ["-i", png.to_str().unwrap(), "-pix_fmt", "yuv444p"];
        let item = coded(codec, &arguments, &[&png], (96, 64, 8));
        let image = |item: Item| shown(&studio, &item.file(brand(codec)));
        let profiled = image(item.clone().with(profile(&p3.encode().unwrap())));
        let after = difference(profiled.pixels(), &original());
        assert!(before > 4.0 && after < 2.0, "{codec:?}: {before}, {after}");
        // Display P3 by numbers: its primaries, the transfer of sRGB, the matrix of BT.601.
        let numbered = image(item.with(colours([12, 13, 6])));
        let after = difference(numbered.pixels(), &original());
        assert!(after < 2.0, "{codec:?}: {after}");
    }
}

#[test]
fn high_dynamic_range_looks_like_its_standard_original() {
    let studio = Studio::new();
    let light = "scale=out_color_matrix=bt709:out_range=limited,format=yuv444p16le,\
         setparams=colorspace=bt709:color_trc=bt709:color_primaries=bt709:range=limited,\
         zscale=t=linear:npl=203,format=gbrpf32le";
    let image = |codec, to: &str, numbers: [u16; 3]| {
        let source = format!(
            "testsrc2=size=320x240:rate=1:duration=1,eq=saturation=0.5:contrast=0.7,{light},\
             zscale={to}:npl=203,format=yuv444p10le"
        );
        let arguments = ["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv444p10le"];
        let item = coded(codec, &arguments, &[], (320, 240, 10)).with(colours(numbers));
        shown(&studio, &item.file(brand(codec)))
    };
    for codec in CODECS {
        let original = image(codec, "t=709:p=709:m=709:r=limited", [1, 1, 1]);
        for (transfer, number) in [("smpte2084", 16), ("arib-std-b67", 18)] {
            let to = format!("t={transfer}:p=2020:m=2020_ncl:r=limited");
            let hdr = image(codec, &to, [9, number, 9]);
            let difference = difference(hdr.pixels(), original.pixels());
            assert!(difference < 2.5, "{codec:?} {transfer}: {difference}");
        }
    }
}

#[test]
fn a_picture_over_the_limit_is_refused_by_what_it_says_and_by_what_it_is() {
    let studio = Studio::new();
    for codec in CODECS {
        let said = quarters(codec).said_to_have(60_000, 60_000);
        let path = studio.write("large", &said.file(brand(codec)));
        for error in [probe(&path).unwrap_err(), sample(&path, 1).unwrap_err()] {
            assert_eq!(error.code(), "too-many-pixels");
            assert!(error.to_string().contains("60000x60000"), "{error}");
        }
        let other = quarters(codec).said_to_have(48, 32);
        let path = studio.write("other", &other.file(brand(codec)));
        assert_eq!(sample(&path, 1).unwrap_err().code(), "damaged-media");
        let canvas = Item::grid(1, 1, (60_000, 60_000)).said_to_have(64, 32);
        let path = studio.write("canvas", &file(brand(codec), &[canvas, quarters(codec)]));
        assert_eq!(sample(&path, 1).unwrap_err().code(), "damaged-media");
    }
}

#[test]
fn what_is_cut_says_so_and_what_is_damaged_too() {
    let studio = Studio::new();
    for codec in CODECS {
        let whole = from_lavfi(codec, DETAIL, (64, 48)).file(brand(codec));
        for percent in [5, 15, 30, 60, 95] {
            let cut = studio.write("cut", &whole[..whole.len() * percent / 100]);
            let error = sample(&cut, 1).unwrap_err();
            assert_eq!(error.code(), "damaged-media", "{codec:?} {percent} %");
            let text = error.to_string();
            assert!(
                text.contains("cut off: it ends"),
                "{codec:?} {percent} %: {text}"
            );
        }
        let at = whole.windows(4).position(|w| w == b"iprp").unwrap();
        let mut damaged = whole.clone();
        damaged[at..at + 4].copy_from_slice(b"what");
        let error = sample(&studio.write("damaged", &damaged), 1).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("damaged") && !text.contains("ends in"),
            "{codec:?}: {text}"
        );
    }
}

#[test]
fn another_codec_inside_is_refused_by_name() {
    let studio = Studio::new();
    for (kind, file_brand, expected) in [
        (b"vvc1", b"vvic", "a HEIF image in VVC"),
        (b"j2k1", b"j2ki", "a HEIF image in JPEG 2000"),
        (b"vvc1", b"mif1", "coded otherwise than as HEVC or AV1"),
    ] {
        let item = quarters(Codec::Hevc).of_type(*kind);
        let path = studio.write("other", &item.file(file_brand));
        let error = sample(&path, 1).unwrap_err();
        assert_eq!(error.code(), "unsupported-media");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn of_a_sequence_the_primary_picture_is_shown() {
    let studio = Studio::new();
    let arguments = "-c:v libaom-av1 -cpu-used 8 -crf 10 -pix_fmt yuv420p";
    let source = "testsrc2=size=64x48:rate=5:duration=1,geq=lum='40+40*N':cb=128:cr=128";
    let path = studio.film("moving.avif", source, arguments);
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[8..12], b"avis");
    let [red, ..] = pixel(&shown(&studio, &bytes), 30, 20);
    // 40 of the limited range.
    assert!(red.abs_diff(28) < 4, "{red}");
    let at = bytes.windows(4).position(|w| w == b"meta").unwrap();
    let mut bare = bytes.clone();
    bare[at..at + 4].copy_from_slice(b"free");
    let error = sample(&studio.write("bare", &bare), 1).unwrap_err();
    assert!(
        error.to_string().contains("without a primary picture"),
        "{error}"
    );
}

/// Small whole files of both codecs, one of them of tiles.
pub(in super::super) fn small_files() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let tiled = [
            Item::grid(2, 2, (120, 32)),
            quarters(Codec::Hevc),
            quarters(Codec::Hevc),
        ];
        vec![
            quarters(Codec::Hevc).with(turned(1)).file(b"heic"),
            quarters(Codec::Av1).with(colours([9, 16, 9])).file(b"avif"),
            file(b"heic", &tiled),
        ]
    })
}

proptest::proptest! {
    /// As `fuzzing::image` looks at what a worker answers: an error in words or a picture.
    #[test]
    fn a_damaged_file_gives_an_error_or_a_picture(
        which in 0usize..3,
        changes in proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 1..6),
    ) {
        let mut bytes = small_files()[which].clone();
        let size = bytes.len();
        // Most of it is coded; what describes it comes first and is hit half the time.
        for (at, value) in changes {
            let within = if at % 2 == 0 { size.min(500) } else { size };
            bytes[at / 2 % within] = value;
        }
        super::super::fuzzing::image(&bytes);
    }
}
