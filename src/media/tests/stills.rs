//! Still images.

use image::{ImageFormat, RgbImage};

use super::*;
use crate::domain::{MediaKind, Rotation};

/// 40x20, red on the left, blue on the right.
fn two_colours() -> RgbImage {
    RgbImage::from_fn(40, 20, |x, _| {
        image::Rgb(if x < 20 { [250, 10, 10] } else { [10, 10, 250] })
    })
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    two_colours().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn is_red(image: &Rgb8Image, x: u32, y: u32) -> bool {
    let [red, _, blue] = pixel(image, x, y);
    red > 200 && blue < 60
}

#[test]
fn jpeg_png_webp_and_bmp_decode_through_the_same_types() {
    let studio = Studio::new();
    for (format, name) in [
        (ImageFormat::Jpeg, "jpeg"),
        (ImageFormat::Png, "png"),
        (ImageFormat::WebP, "webp"),
        (ImageFormat::Bmp, "bmp"),
    ] {
        let path = studio.write("picture.bin", &encoded(format));
        let info = probe(&path).unwrap();
        assert_eq!(
            (info.kind, info.picture.codec.as_str()),
            (MediaKind::Image, name)
        );
        assert_eq!((info.picture.width_px, info.picture.height_px), (40, 20));
        let sample = sample(&path, 30).unwrap();
        assert_eq!((sample.frames.len(), sample.frames[0].frame_index), (1, 0));
        let image = &sample.frames[0].image;
        assert!(is_red(image, 5, 10) && !is_red(image, 35, 10), "{name}");
    }
}

/// A JPEG with an EXIF block that states `orientation`.
pub(super) fn turned(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif =
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

#[test]
fn exif_orientation_is_applied() {
    let studio = Studio::new();
    for (orientation, rotation, size, red) in [
        (1, Rotation::None, (40, 20), (5, 10)),
        (2, Rotation::None, (40, 20), (35, 10)),
        (3, Rotation::Half, (40, 20), (35, 10)),
        (4, Rotation::Half, (40, 20), (5, 10)),
        (6, Rotation::Quarter, (20, 40), (10, 5)),
        (8, Rotation::ThreeQuarter, (20, 40), (10, 35)),
    ] {
        let path = studio.write(
            "turned.jpg",
            &turned(&encoded(ImageFormat::Jpeg), orientation),
        );
        let info = probe(&path).unwrap();
        assert_eq!(info.picture.rotation, rotation, "orientation {orientation}");
        assert_eq!(
            (info.picture.width_px, info.picture.height_px),
            size,
            "orientation {orientation}"
        );
        let image = &sample(&path, 1).unwrap().frames[0].image;
        assert_eq!(
            (image.width_px(), image.height_px()),
            size,
            "orientation {orientation}"
        );
        assert!(is_red(image, red.0, red.1), "orientation {orientation}");
    }
}

#[test]
fn damaged_and_oversized_images_are_refused() {
    let studio = Studio::new();
    let png = encoded(ImageFormat::Png);
    let cut = studio.write("cut.png", &png[..png.len() / 2]);
    assert_eq!(sample(&cut, 1).unwrap_err().code(), "damaged-media");

    // A PNG header may claim any size; nothing of that size may be set aside for it.
    let mut huge = png.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
    let checksum = crc32(&huge[12..29]);
    huge[29..33].copy_from_slice(&checksum.to_be_bytes());
    let huge = studio.write("huge.png", &huge);
    assert_eq!(probe(&huge).unwrap_err().code(), "too-many-pixels");
    assert_eq!(sample(&huge, 1).unwrap_err().code(), "too-many-pixels");
}

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn a_frame_is_written_as_jpeg_and_read_back() {
    let studio = Studio::new();
    let image = Rgb8Image::new(40, 20, two_colours().into_raw()).unwrap();
    let bytes = super::super::encode_jpeg(&image, 90).unwrap();
    let back = sample(&studio.write("a.jpg", &bytes), 1).unwrap();
    assert!(is_red(&back.frames[0].image, 5, 10));
    let ribbon = Rgb8Image::new(70_000, 1, vec![0; 210_000]).unwrap();
    assert_eq!(
        super::super::encode_jpeg(&ribbon, 90).unwrap_err().code(),
        "encode-failed"
    );
}
