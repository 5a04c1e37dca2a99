//! Sizes, turns, depths and colours.

use super::*;
use crate::domain::Rotation;

const H264: &str = "-c:v libx264 -preset veryfast -pix_fmt yuv420p -crf 10";

/// Black with a white box in the top left corner.
const CORNER: &str =
    "color=black:size=160x80:rate=25:duration=0.4,drawbox=w=40:h=40:color=white:t=fill";

fn is_white(image: &Rgb8Image, x: u32, y: u32) -> bool {
    pixel(image, x, y).iter().all(|channel| *channel > 200)
}

#[test]
fn a_turned_video_comes_out_upright_for_every_quarter_and_sign() {
    let studio = Studio::new();
    let stored = studio.film("stored.mp4", CORNER, H264);
    let bytes = std::fs::read(&stored).unwrap();
    // The matrix [a b; c d] of the track header moves a point to (ax + cy, bx + dy).
    for (matrix, rotation, size, corner) in [
        ([1, 0, 0, 1], Rotation::None, (160, 80), (10, 10)),
        ([0, 1, -1, 0], Rotation::Quarter, (80, 160), (70, 10)),
        ([-1, 0, 0, -1], Rotation::Half, (160, 80), (150, 70)),
        ([0, -1, 1, 0], Rotation::ThreeQuarter, (80, 160), (10, 150)),
    ] {
        let turned = studio.write("turned.mp4", &with_matrix(&bytes, matrix));
        let info = probe(&turned).unwrap();
        assert_eq!(info.picture.rotation, rotation, "{matrix:?}");
        assert_eq!(
            (info.picture.width_px, info.picture.height_px),
            size,
            "{matrix:?}"
        );
        let image = &sample(&turned, 2).unwrap().frames[0].image;
        assert_eq!((image.width_px(), image.height_px()), size, "{matrix:?}");
        assert!(
            is_white(image, corner.0, corner.1),
            "{matrix:?}: the corner is elsewhere"
        );
        let opposite = (size.0 - 1 - corner.0, size.1 - 1 - corner.1);
        assert!(!is_white(image, opposite.0, opposite.1), "{matrix:?}");
    }
}

/// An MP4 with another matrix in its track header (ISO 14496-12, 8.3.2, version 0).
fn with_matrix(mp4: &[u8], [a, b, c, d]: [i32; 4]) -> Vec<u8> {
    let header = mp4
        .windows(4)
        .position(|w| w == b"tkhd")
        .expect("an MP4 has a track");
    let matrix = [a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30];
    let mut mp4 = mp4.to_vec();
    for (number, place) in matrix.iter().zip(mp4[header + 44..].chunks_exact_mut(4)) {
        place.copy_from_slice(&number.to_be_bytes());
    }
    mp4
}

#[test]
fn a_turn_is_the_same_whichever_sign_states_it() {
    let studio = Studio::new();
    let stored = studio.film("stored.mp4", CORNER, H264);
    for (one, other) in [("90", "-270"), ("180", "-180"), ("270", "-90")] {
        let turned = |tag: &str| {
            let copy = format!("-c copy -metadata:s:v rotate={tag}");
            let clip = studio.recut(&stored, "turned.mp4", &copy);
            (
                probe(&clip).unwrap().picture.rotation,
                sample(&clip, 2).unwrap(),
            )
        };
        let (one, other) = (turned(one), turned(other));
        assert_ne!(one.0, Rotation::None);
        assert!(one == other);
    }
}

#[test]
fn odd_sizes_keep_their_last_row_and_column() {
    let studio = Studio::new();
    let source = "color=red:size=320x240:rate=25:duration=0.4,format=yuv444p,crop=159:121";
    for (name, arguments) in [
        ("a.mp4", "-c:v libx264 -pix_fmt yuv444p"),
        (
            "b.webm",
            "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p",
        ),
        ("c.avi", "-c:v mjpeg -pix_fmt yuvj420p"),
    ] {
        let clip = studio.film(name, source, arguments);
        let image = &sample(&clip, 3).unwrap().frames[0].image;
        assert_eq!((image.width_px(), image.height_px()), (159, 121), "{name}");
        let [red, green, blue] = pixel(image, 158, 120);
        assert!(
            red > 230 && green < 30 && blue < 30,
            "{name}: {red} {green} {blue}"
        );
    }
}

#[test]
fn ten_bits_and_full_range_give_the_same_colours_as_eight() {
    let studio = Studio::new();
    let source = "color=0x4080c0:size=64x64:rate=25:duration=0.4";
    for (name, arguments) in [
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p10le"),
        ("b.mp4", "-c:v libx264 -pix_fmt yuvj420p"),
        ("c.mov", "-c:v prores_ks -pix_fmt yuv422p10le"),
        (
            "d.mp4",
            "-vf scale=out_color_matrix=bt709 -colorspace bt709 -c:v libx264 -pix_fmt yuv420p",
        ),
    ] {
        let clip = studio.film(name, source, arguments);
        let image = &sample(&clip, 3).unwrap().frames[0].image;
        let error = |channel: usize, wanted: u8| pixel(image, 32, 32)[channel].abs_diff(wanted);
        let worst = [error(0, 0x40), error(1, 0x80), error(2, 0xc0)]
            .into_iter()
            .max()
            .unwrap();
        assert!(worst <= 4, "{name}: {:?}", pixel(image, 32, 32));
    }
}

#[test]
fn pixels_that_are_not_square_are_made_so() {
    let studio = Studio::new();
    let clip = studio.film("a.mp4", NUMBERED, &format!("-vf setsar=4/3 {H264}"));
    let info = probe(&clip).unwrap();
    assert_eq!((info.picture.width_px, info.picture.height_px), (213, 120));
    let image = &sample(&clip, 2).unwrap().frames[0].image;
    assert_eq!((image.width_px(), image.height_px()), (213, 120));
}

#[test]
fn a_size_change_in_the_stream_is_fitted_to_the_first_size_and_noted() {
    let studio = Studio::new();
    let small = studio.film("small.ts", NUMBERED, &format!("{H264} -g 10"));
    let large = studio.film(
        "large.ts",
        NUMBERED,
        &format!("-vf scale=320:240 {H264} -g 10"),
    );
    let joined = studio.path("joined.ts");
    let list = format!("concat:{}|{}", small.display(), large.display());
    ffmpeg(&["-i", &list, "-c", "copy", joined.to_str().unwrap()]);
    let first = sample(&joined, 10).unwrap();
    assert_eq!(first.frames.len(), 10);
    assert!(
        first
            .frames
            .iter()
            .all(|f| (f.image.width_px(), f.image.height_px()) == (160, 120))
    );
    assert!(
        has_note(&first, |n| *n == SampleNote::SizeChange),
        "{:?}",
        first.notes
    );
    assert_eq!(numbers(&first), [5, 15, 25, 35, 45, 5, 15, 25, 35, 45]);
    assert!(
        sample_along(&joined, 10, Strategy::Survey)
            .unwrap()
            .0
            .frames
            == first.frames
    );
}

#[test]
fn frames_that_together_would_fill_the_memory_are_scaled_down() {
    let studio = Studio::new();
    let clip = studio.film("a.mp4", NUMBERED, H264);
    let limits = MediaLimits {
        max_sample_pixels: 10 * 80 * 60,
        ..MediaLimits::default()
    };
    let file = File::open(&clip).unwrap();
    let taken = super::super::sample(&file, &SampleOptions::even(10), &limits).unwrap();
    assert!(
        taken
            .frames
            .iter()
            .all(|f| (f.image.width_px(), f.image.height_px()) == (80, 60))
    );
    assert_eq!(
        numbers(&taken),
        (0..10).map(|slot| 2 + 5 * slot).collect::<Vec<_>>()
    );
}
