//! Still images that lie about their size, or grow when they are opened.

use super::films::{Studio, damage};
use super::{Attack, Expected};
use crate::server::repository;

const TOO_LARGE: Expected = Expected::Refused(422, "too-many-pixels");

pub(super) fn all(studio: &Studio, flips: u32) -> Vec<Attack> {
    let mut attacks = liars();
    attacks.extend(jpegs(studio));
    attacks.extend(gifs(studio));
    for (name, arguments) in [
        ("still.jpg", "-q:v 3"),
        ("still.png", ""),
        ("still.bmp", ""),
        ("still.gif", ""),
        ("still.webp", "-c:v libwebp"),
        ("still.avif", "-c:v libaom-av1 -cpu-used 8 -still-picture 1"),
    ] {
        let from = repository("videos/genuine.mp4").display().to_string();
        let path = studio.make(name, &["-i", &from, "-frames:v", "1"], arguments);
        let bytes = std::fs::read(path).expect("a picture");
        attacks.push(Attack::new(
            &format!("{name}, whole"),
            bytes.clone(),
            Expected::Verdict,
        ));
        attacks.extend(damage(name, &bytes, flips));
    }
    attacks
}

/// A PNG chunk; its checksum is right, so that what follows is looked at.
fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let body = [&kind[..], content].concat();
    let size = (content.len() as u32).to_be_bytes();
    [&size[..], &body, &crc32(&body).to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

fn png(width: u32, height: u32, depth: u8, rest: &[u8]) -> Vec<u8> {
    let head = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[depth, 0, 0, 0, 0],
    ]
    .concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &head),
        rest.to_vec(),
    ]
    .concat()
}

fn liars() -> Vec<Attack> {
    let bmp = |width: i32, height: i32| {
        let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bytes.extend(width.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        bytes.extend(b"\x01\0\x18\0".iter().chain(&[0; 24]));
        bytes
    };
    let webp = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff".to_vec();
    let data = chunk(b"IDAT", b"\x78\x9c\x63\0\0\0\x01\0\x01");
    vec![
        Attack::new(
            "PNG of 30,000 x 30,000",
            png(30_000, 30_000, 1, &data),
            TOO_LARGE,
        ),
        Attack::new(
            "PNG of 2 billion x 2 billion",
            png(0x7fff_ffff, 0x7fff_ffff, 8, &data),
            Expected::Unusable,
        ),
        Attack::new("PNG of 0 x 0", png(0, 0, 8, &data), Expected::Unusable),
        Attack::new(
            "PNG of 5,000 x 5,000 without data",
            png(5000, 5000, 8, &data),
            Expected::Unusable,
        ),
        Attack::new(
            "PNG with 100,000 empty texts",
            png(16, 16, 8, &chunk(b"tEXt", b"a\0").repeat(100_000)),
            Expected::Unusable,
        ),
        Attack::new(
            "BMP of 2 billion x 2 billion",
            bmp(i32::MAX, i32::MAX),
            Expected::Unusable,
        ),
        Attack::new(
            "BMP of the lowest height there is",
            bmp(100, i32::MIN),
            Expected::Unusable,
        ),
        Attack::new("WebP of 16 million x 16 million", webp, Expected::Unusable),
    ]
}

/// A JPEG whose EXIF says `ifd`.
fn with_exif(jpeg: &[u8], ifd: &[u8]) -> Vec<u8> {
    let exif = [b"Exif\0\0II*\0\x08\0\0\0", ifd].concat();
    let size = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &size, &exif, &jpeg[2..]].concat()
}

fn jpegs(studio: &Studio) -> Vec<Attack> {
    let path = studio.make(
        "small.jpg",
        &["-f", "lavfi", "-i", "testsrc=size=64x64"],
        "-frames:v 1",
    );
    let jpeg = std::fs::read(path).expect("a picture");
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [
            &tag.to_le_bytes()[..],
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &value.to_le_bytes(),
        ]
        .concat()
    };
    let ifd = |entries: &[Vec<u8>], next: u32| {
        let count = (entries.len() as u16).to_le_bytes();
        [&count[..], &entries.concat(), &next.to_le_bytes()].concat()
    };
    let frame = jpeg
        .windows(2)
        .position(|w| w == [0xff, 0xc0])
        .expect("a frame header");
    let mut huge = jpeg.clone();
    huge[frame + 5..frame + 9].fill(0xff);
    let comments = [0xff, 0xfe, 0xff, 0xff]
        .iter()
        .copied()
        .chain([0; 65_533])
        .collect::<Vec<u8>>();
    let commented = [&jpeg[..2], &comments.repeat(300), &jpeg[2..]].concat();
    vec![
        Attack::new("JPEG of 65,535 x 65,535", huge, TOO_LARGE),
        Attack::new(
            "EXIF of 4 billion values",
            with_exif(&jpeg, &ifd(&[entry(0x112, 3, u32::MAX, 8)], 0)),
            Expected::Read,
        ),
        Attack::new(
            "EXIF that leads to itself",
            with_exif(&jpeg, &ifd(&[entry(0x8769, 4, 1, 8)], 8)),
            Expected::Read,
        ),
        Attack::new(
            "EXIF with an orientation of 60,000",
            with_exif(&jpeg, &ifd(&[entry(0x112, 3, 1, 60_000)], 0)),
            Expected::Read,
        ),
        Attack::new(
            "EXIF of 5000 entries",
            with_exif(&jpeg, &ifd(&vec![entry(0x112, 3, 1, 6); 5000], 0)),
            Expected::Read,
        ),
        Attack::new("JPEG with 20 MB of comments", commented, Expected::Read),
    ]
}

fn gifs(studio: &Studio) -> Vec<Attack> {
    let path = studio.make(
        "many.gif",
        &["-f", "lavfi", "-i", "color=size=16x16:rate=50:duration=200"],
        "",
    );
    let many = std::fs::read(path).expect("an animation");
    let mut huge = many.clone();
    huge[6..10].fill(0xff);
    let blocks = b"GIF89a\x10\0\x10\0\0\0\0"
        .iter()
        .copied()
        .chain(b"\x21\xfe\x01x\0".repeat(200_000));
    vec![
        Attack::new("GIF of 10,000 frames", many, Expected::Read),
        Attack::new("GIF of 65,535 x 65,535", huge, TOO_LARGE),
        Attack::new(
            "GIF of 200,000 comments",
            blocks.collect::<Vec<u8>>(),
            Expected::Unusable,
        ),
    ]
}
