//! Still images that end early or hold wrong bytes.

use std::process::Command;

use super::*;
use crate::domain::PixelArea;

const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;

/// A picture with detail everywhere, as `ffmpeg` writes it.
fn baseline(studio: &Studio, arguments: &str) -> Vec<u8> {
    let source = "testsrc2=size=320x240:rate=1:duration=1";
    let arguments = format!("-frames:v 1 -c:v mjpeg -huffman default -q:v 3 {arguments}");
    std::fs::read(studio.film("whole.jpg", source, &arguments)).unwrap()
}

fn taken(studio: &Studio, bytes: &[u8]) -> Sample {
    sample(&studio.write("picture.jpg", bytes), 1).unwrap()
}

fn rows(sample: &Sample) -> u32 {
    sample.decoded.map_or(HEIGHT, |area| {
        assert_eq!((area.x, area.y, area.width), (0, 0, WIDTH));
        area.height
    })
}

/// Whether the first `rows` rows of both show the same.
fn is_same_above(a: &Sample, b: &Sample, rows: u32) -> bool {
    let bytes = (rows * WIDTH * 3) as usize;
    a.frames[0].image.pixels()[..bytes] == b.frames[0].image.pixels()[..bytes]
}

const LAYOUTS: [&str; 3] = [
    "-pix_fmt yuvj420p",
    "-pix_fmt yuvj422p",
    "-pix_fmt yuvj444p",
];

#[test]
fn a_whole_jpeg_carries_no_note_whatever_follows_it() {
    let studio = Studio::new();
    for layout in LAYOUTS {
        let jpeg = baseline(&studio, layout);
        let trailed = [&jpeg[..], b"trailing garbage \xff\xd8\xff"].concat();
        let padded = [&jpeg[..], &[0; 5000]].concat();
        for bytes in [jpeg, trailed, padded] {
            let sample = taken(&studio, &bytes);
            assert_eq!(
                (&sample.notes[..], sample.decoded),
                (&[][..], None),
                "{layout}"
            );
        }
    }
}

#[test]
fn of_a_cut_baseline_jpeg_exactly_the_rows_that_came_are_decoded() {
    let studio = Studio::new();
    for layout in LAYOUTS {
        let jpeg = baseline(&studio, layout);
        let whole = taken(&studio, &jpeg);
        let mut last = 0;
        for percent in [20, 35, 60, 90] {
            let sample = taken(&studio, &jpeg[..jpeg.len() * percent / 100]);
            assert_eq!(
                sample.notes,
                [SampleNote::BrokenTail],
                "{layout} {percent} %"
            );
            let rows = rows(&sample);
            let expected = HEIGHT * percent as u32 / 100;
            assert!(
                rows.abs_diff(expected) < 60 && rows >= last,
                "{layout} {percent} %: {rows}"
            );
            assert!(
                rows < HEIGHT && rows.is_multiple_of(8),
                "{layout} {percent} %: {rows}"
            );
            // Chroma is interpolated between rows of blocks.
            assert!(
                is_same_above(&sample, &whole, rows.saturating_sub(1)),
                "{layout} {percent} %"
            );
            last = rows;
        }
    }
}

#[test]
fn a_download_that_ends_in_zeros_or_lacks_its_end_is_noted() {
    let studio = Studio::new();
    let jpeg = baseline(&studio, LAYOUTS[0]);
    let mut zeros = jpeg.clone();
    zeros[jpeg.len() / 2..].fill(0);
    let sample = taken(&studio, &zeros);
    assert_eq!(sample.notes, [SampleNote::BrokenTail]);
    assert!(
        (1..HEIGHT * 3 / 4).contains(&rows(&sample)),
        "{}",
        rows(&sample)
    );

    let unmarked = taken(&studio, &jpeg[..jpeg.len() - 2]);
    assert_eq!(
        (&unmarked.notes[..], unmarked.decoded),
        (&[SampleNote::BrokenTail][..], None)
    );
}

#[test]
fn wrong_bytes_in_the_middle_of_a_jpeg_are_noted_and_what_they_spoil_does_not_count() {
    let studio = Studio::new();
    for layout in LAYOUTS {
        let jpeg = baseline(&studio, layout);
        let mut wrong = jpeg.clone();
        let middle = jpeg.len() / 2;
        for byte in &mut wrong[middle..middle + 40] {
            *byte = !*byte & 0x7f;
        }
        let sample = taken(&studio, &wrong);
        assert!(
            has_note(&sample, |n| matches!(n, SampleNote::DamagedPackets { .. })),
            "{layout}: {:?}",
            sample.notes
        );
        assert_eq!(
            rows(&sample),
            0,
            "{layout}: codes may be misread from the first on"
        );
    }
}

/// The same picture in another arrangement of its data, by jpegtran.
fn rearranged(studio: &Studio, layout: &str, arguments: &[&str]) -> Vec<u8> {
    let whole = studio.write("whole.jpg", &baseline(studio, layout));
    let done = Command::new("jpegtran").args(arguments).arg(whole).output();
    let done = done.expect("scripts/setup.sh --test installs jpegtran");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    done.stdout
}

#[test]
fn of_a_cut_or_spoiled_progressive_jpeg_no_row_is_whole() {
    let studio = Studio::new();
    for layout in LAYOUTS {
        let jpeg = rearranged(&studio, layout, &["-progressive"]);
        let whole = taken(&studio, &jpeg);
        assert_eq!(
            (&whole.notes[..], whole.decoded),
            (&[][..], None),
            "{layout}"
        );
        for percent in [10, 50, 95] {
            let sample = taken(&studio, &jpeg[..jpeg.len() * percent / 100]);
            assert_eq!(
                sample.notes,
                [SampleNote::BrokenTail],
                "{layout} {percent} %"
            );
            assert_eq!(rows(&sample), 0, "{layout} {percent} %");
        }
        // A scan in the middle, and the bits that refine in the last.
        for at in [jpeg.len() / 2, jpeg.len() - 600] {
            let mut wrong = jpeg.clone();
            for byte in &mut wrong[at..at + 40] {
                *byte = !*byte & 0x7f;
            }
            let sample = taken(&studio, &wrong);
            let is_noted = has_note(&sample, |n| matches!(n, SampleNote::DamagedPackets { .. }));
            assert!(is_noted, "{layout} at {at}: {:?}", sample.notes);
            assert_eq!(rows(&sample), 0, "{layout} at {at}");
        }
    }
}

#[test]
fn with_restart_markers_the_rows_before_a_spoiled_interval_count() {
    let studio = Studio::new();
    for arguments in [&["-restart", "1"][..], &["-restart", "3B"]] {
        let jpeg = rearranged(&studio, LAYOUTS[0], arguments);
        let whole = taken(&studio, &jpeg);
        assert_eq!(
            (&whole.notes[..], whole.decoded),
            (&[][..], None),
            "{arguments:?}"
        );
        let mut wrong = jpeg.clone();
        let middle = jpeg.len() / 2;
        for byte in &mut wrong[middle..middle + 60] {
            *byte = !*byte & 0x7f;
        }
        let sample = taken(&studio, &wrong);
        let is_noted = has_note(&sample, |n| matches!(n, SampleNote::DamagedPackets { .. }));
        assert!(is_noted, "{arguments:?}: {:?}", sample.notes);
        let rows = rows(&sample);
        assert!((48..200).contains(&rows), "{arguments:?}: {rows}");
        assert!(is_same_above(&sample, &whole, rows - 1), "{arguments:?}");
    }
}

#[test]
fn grey_jpegs_and_those_of_several_scans_are_walked_too() {
    let studio = Studio::new();
    for arguments in [
        &["-grayscale"][..],
        &["-grayscale", "-progressive"],
        &["-arithmetic"],
    ] {
        let jpeg = rearranged(&studio, LAYOUTS[0], arguments);
        let Ok(whole) = sample(&studio.write("picture.jpg", &jpeg), 1) else {
            // Our decoder knows no arithmetic coding, and says so.
            assert_eq!(arguments, ["-arithmetic"]);
            continue;
        };
        assert_eq!(
            (&whole.notes[..], whole.decoded),
            (&[][..], None),
            "{arguments:?}"
        );
        let cut = taken(&studio, &jpeg[..jpeg.len() / 2]);
        assert_eq!(cut.notes, [SampleNote::BrokenTail], "{arguments:?}");
        assert!(rows(&cut) < HEIGHT * 3 / 4, "{arguments:?}");
    }
}

#[test]
fn the_decoded_part_of_a_turned_picture_is_turned_with_it() {
    let studio = Studio::new();
    let jpeg = baseline(&studio, LAYOUTS[2]);
    let cut = &jpeg[..jpeg.len() / 2];
    let rows = rows(&taken(&studio, cut));
    for (orientation, x, y) in [
        (3, 0, HEIGHT - rows),
        (4, 0, HEIGHT - rows),
        (6, HEIGHT - rows, 0),
        (7, HEIGHT - rows, 0),
        (5, 0, 0),
        (8, 0, 0),
    ] {
        let sample = taken(&studio, &super::stills::turned(cut, orientation));
        let (width, height) = if orientation < 5 {
            (WIDTH, rows)
        } else {
            (rows, WIDTH)
        };
        let area = PixelArea {
            x,
            y,
            width,
            height,
        };
        assert_eq!(sample.decoded, Some(area), "orientation {orientation}");
    }
}

#[test]
fn other_images_that_are_cut_say_so() {
    let studio = Studio::new();
    let source = "testsrc2=size=320x240:rate=1:duration=1";
    for (name, arguments) in [
        ("a.png", "-frames:v 1"),
        ("a.bmp", "-frames:v 1"),
        ("a.gif", "-frames:v 1"),
        ("a.webp", "-frames:v 1 -c:v libwebp -q:v 80"),
        ("b.webp", "-frames:v 1 -c:v libwebp -lossless 1"),
    ] {
        let bytes = std::fs::read(studio.film(name, source, arguments)).unwrap();
        for percent in [30, 60, 95] {
            let cut = studio.write("cut", &bytes[..bytes.len() * percent / 100]);
            let error = sample(&cut, 1).unwrap_err();
            assert_eq!(error.code(), "damaged-media", "{name} {percent} %");
            let text = error.to_string();
            assert!(
                text.contains("cut off: it ends"),
                "{name} {percent} %: {text}"
            );
        }
        let whole = sample(&studio.write("whole", &bytes), 1).unwrap();
        assert_eq!((&whole.notes[..], whole.decoded), (&[][..], None), "{name}");
    }
    let jpeg = baseline(&studio, LAYOUTS[0]);
    let error = sample(&studio.write("cut.jpg", &jpeg[..200]), 1).unwrap_err();
    assert!(error.to_string().contains("cut off: it ends"), "{error}");
}
