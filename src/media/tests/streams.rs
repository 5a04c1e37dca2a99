//! Files with several moving pictures.

use super::*;
use crate::media::{MovingStreams, probe_streams};

/// The numbered film second, after a black one.
fn black_and_numbered(studio: &Studio, name: &str) -> PathBuf {
    let path = studio.path(name);
    let words = format!(
        "-f lavfi -i color=size=160x120:rate=25:duration=2 -f lavfi -i {} -map 0 -map 1 \
         -c:v libx264 -preset veryfast -pix_fmt yuv420p",
        NUMBERED.replace(' ', "")
    );
    let words: Vec<&str> = words.split_whitespace().collect();
    films::run(&words, &path);
    path
}

fn sample_of(path: &Path, stream: Option<u32>) -> Result<Sample, MediaError> {
    let options = SampleOptions {
        stream,
        ..SampleOptions::even(10)
    };
    let file = File::open(path).unwrap();
    crate::media::sample(&file, &options, &MediaLimits::default())
}

#[test]
fn each_of_several_moving_pictures_can_be_sampled_by_its_number() {
    let studio = Studio::new();
    for name in ["two.mkv", "two.mp4", "two.ts"] {
        let clip = black_and_numbered(&studio, name);
        assert_ten_true_frames(&sample_of(&clip, Some(1)).unwrap(), name);
        let file = File::open(&clip).unwrap();
        let (_, streams) = probe_streams(&file, Some(1), &MediaLimits::default()).unwrap();
        let both = MovingStreams {
            analysed: 1,
            readable: vec![0, 1],
            count: 2,
        };
        assert_eq!(streams, both, "{name}");
        let missing = sample_of(&clip, Some(2)).unwrap_err();
        assert_eq!(missing.code(), "no-such-stream", "{name}");
    }
}

#[test]
fn cover_art_is_not_one_of_them() {
    let studio = Studio::new();
    let clip = studio.film(
        "a.mp4",
        NUMBERED,
        "-c:v libx264 -preset veryfast -pix_fmt yuv420p",
    );
    let cover = studio.film("cover.jpg", "testsrc2=size=64x64", "-frames:v 1");
    let both = studio.path("both.mp4");
    let (clip, cover) = (clip.to_str().unwrap(), cover.to_str().unwrap());
    let arguments = [
        "-i", clip, "-i", cover, "-map", "0", "-map", "1", "-c", "copy",
    ];
    films::run(
        &[&arguments[..], &["-disposition:v:1", "attached_pic"]].concat(),
        &both,
    );
    let file = File::open(&both).unwrap();
    let (_, streams) = probe_streams(&file, None, &MediaLimits::default()).unwrap();
    assert_eq!((streams.count, streams.analysed), (1, 0));
}
