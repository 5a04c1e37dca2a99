//! GIF, WebP and PNG of several frames.

use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, Rgba, RgbaImage};

use super::*;
use crate::domain::MediaKind;

/// Ending and encoder of each format that moves.
const FORMATS: [(&str, &str); 3] = [
    (
        "a.gif",
        "-filter_complex split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1:dither=none",
    ),
    ("a.webp", "-c:v libwebp_anim -lossless 1 -loop 0"),
    ("a.apng", "-f apng -plays 0"),
];

/// 50 frames at 25 per second, as each format.
fn animations(studio: &Studio) -> Vec<(&'static str, PathBuf)> {
    let film = |(name, arguments)| (name, studio.film(name, NUMBERED, arguments));
    FORMATS.into_iter().map(film).collect()
}

#[test]
fn an_image_of_several_frames_is_a_short_video() {
    let studio = Studio::new();
    for (name, path) in animations(&studio) {
        let info = probe(&path).unwrap();
        assert_eq!(info.kind, MediaKind::Video, "{name}");
        assert_eq!(info.duration_s, Some(2.0), "{name}");
        assert_eq!(info.picture.frame_count, Some(50), "{name}");
        let rate = info.picture.frame_rate.unwrap().to_string();
        assert_eq!(rate, "25/1", "{name}");
        assert!(info.container.ends_with("animation"), "{}", info.container);
        assert_ten_true_frames(&sample(&path, 10).unwrap(), name);
        let file = File::open(&path).unwrap();
        assert_eq!(super::super::kind(&file).unwrap(), Some(MediaKind::Video));
    }
}

#[test]
fn all_frames_are_taken_where_there_are_fewer_than_asked_for_and_said_so() {
    let studio = Studio::new();
    for (name, path) in animations(&studio) {
        let sample = sample(&path, 64).unwrap();
        assert_eq!(numbers(&sample), (0..50).collect::<Vec<_>>(), "{name}");
        assert_eq!(sample.notes, [SampleNote::FewFrames { available: 50 }]);
    }
}

#[test]
fn an_animation_that_is_cut_gives_the_frames_that_came_and_says_so() {
    let studio = Studio::new();
    for (name, path) in animations(&studio) {
        let bytes = std::fs::read(&path).unwrap();
        let cut = studio.write("cut", &bytes[..bytes.len() / 2]);
        let Ok(sample) = sample(&cut, 5) else {
            // The WebP decoder opens no file that lacks a chunk, and that is said instead.
            let text = sample(&cut, 5).unwrap_err().to_string();
            assert!(
                name == "a.webp" && text.contains("cut off: it ends"),
                "{name}: {text}"
            );
            continue;
        };
        assert!(
            has_note(&sample, |n| *n == SampleNote::BrokenTail),
            "{name}"
        );
        assert_eq!(sample.frames.len(), 5, "{name}");
        let shown = numbers(&sample);
        assert!(
            shown.iter().all(|number| (0..40).contains(number)),
            "{name}: {shown:?}"
        );
    }
}

/// A GIF whose frames, of one colour each, are shown for these times in milliseconds.
fn gif(delays_ms: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut gif = GifEncoder::new(&mut bytes);
    for (shade, delay_ms) in (0..).step_by(40).zip(delays_ms) {
        let picture = RgbaImage::from_pixel(16, 16, Rgba([shade, 0, 250, 255]));
        let delay = Delay::from_numer_denom_ms(*delay_ms, 1);
        gif.encode_frame(Frame::from_parts(picture, 0, 0, delay))
            .unwrap();
    }
    drop(gif);
    bytes
}

#[test]
fn delays_that_no_browser_keeps_count_as_a_tenth_of_a_second() {
    let studio = Studio::new();
    let path = studio.write("a.gif", &gif(&[0, 10, 500, 20]));
    assert_eq!(probe(&path).unwrap().duration_s, Some(0.72));
    let times: Vec<_> = (sample(&path, 9).unwrap().frames.iter())
        .map(|frame| frame.time_s)
        .collect();
    assert_eq!(times, [0.0, 0.1, 0.2, 0.7].map(Some));
}

#[test]
fn a_gif_of_one_frame_is_a_still_image() {
    let studio = Studio::new();
    let path = studio.write("a.gif", &gif(&[100]));
    let info = probe(&path).unwrap();
    assert_eq!((info.kind, info.duration_s), (MediaKind::Image, None));
    let sample = sample(&path, 9).unwrap();
    assert_eq!((sample.frames.len(), &sample.notes[..]), (1, &[][..]));
}

#[test]
fn animations_are_held_to_the_limits_of_videos() {
    let studio = Studio::new();
    for (name, path) in animations(&studio) {
        let file = File::open(&path).unwrap();
        let within =
            |limits: MediaLimits| super::super::sample(&file, &SampleOptions::even(10), &limits);
        let short = MediaLimits {
            max_duration_s: 1.5,
            ..MediaLimits::default()
        };
        assert_eq!(within(short).unwrap_err().code(), "too-long", "{name}");
        let small = MediaLimits {
            max_sample_pixels: 10 * 80 * 60,
            ..MediaLimits::default()
        };
        let sizes = |sample: Sample| -> Vec<_> {
            let frames = sample.frames.iter();
            frames
                .map(|f| (f.image.width_px(), f.image.height_px()))
                .collect()
        };
        assert_eq!(sizes(within(small).unwrap()), [(80, 60); 10], "{name}");
    }
}
