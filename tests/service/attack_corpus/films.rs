//! Attacks that the ffmpeg program makes: too long, too large, too many frames, out of time, and damaged.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Attack, Expected};
use crate::films;

const H264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";

/// A folder in which files are made.
pub(super) struct Studio(TempDir);

impl Studio {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// Makes `name` from `input` with further `arguments`, split at spaces.
    pub(super) fn make(&self, name: &str, input: &[&str], arguments: &str) -> PathBuf {
        let path = self.0.path().join(name);
        let words: Vec<&str> = ["-threads", "2"]
            .into_iter()
            .chain(input.iter().copied())
            .chain(arguments.split_whitespace())
            .collect();
        let of_this_run = |word: &&str| Path::new(word).starts_with(self.0.path());
        if input.iter().any(of_this_run) {
            films::run(&words, &path);
        } else {
            std::fs::copy(films::film(name, &words, &[]), &path).expect("a copy");
        }
        path
    }

    fn film(&self, name: &str, source: &str, arguments: &str) -> Vec<u8> {
        let path = self.make(name, &["-f", "lavfi", "-i", source], arguments);
        std::fs::read(path).expect("a film")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a writable folder");
        path
    }
}

/// Everything that is made, a group at a time, so that only one group is in memory.
pub(super) const MAKERS: &[fn(&Studio) -> Vec<Attack>] =
    &[beyond_limits, out_of_time, of_many_sizes, without_pictures];

fn beyond_limits(studio: &Studio) -> Vec<Attack> {
    let large = studio.film(
        "large.mp4",
        "color=size=8192x8192:rate=3:duration=1",
        &format!("{H264} -qp 51"),
    );
    let largest = studio.film(
        "largest.avi",
        "color=size=8192x8192:rate=1:duration=1",
        "-c:v mjpeg -pix_fmt yuvj420p -q:v 31",
    );
    let black = studio.film(
        "black.mp4",
        "color=size=64x64:rate=30:duration=7200",
        &format!("{H264} -g 9999"),
    );
    let endless = studio.film(
        "endless.mkv",
        "color=size=16x16:rate=10:duration=7200",
        &format!("{H264} -live 1"),
    );
    let many = studio.film("many.mp4", "color=size=16x16:rate=1000:duration=73", H264);
    let streams = "-map 0 ".repeat(40) + "-c:v mpeg4 -frames:v 3";
    let streams = studio.film(
        "streams.mkv",
        "color=size=16x16:rate=5:duration=1",
        &streams,
    );
    let few_bytes = Attack::new(
        &format!("8192 x 8192 in {} bytes", large.len()),
        large,
        Expected::Refused(422, "too-many-pixels"),
    );
    vec![
        few_bytes,
        Attack::new(
            "8192 x 8192 as JPEG",
            largest,
            Expected::Refused(422, "too-many-pixels"),
        ),
        Attack::new(
            "two hours of black",
            black,
            Expected::Refused(422, "too-long"),
        ),
        Attack::new(
            "two hours that do not say so",
            endless,
            Expected::Refused(422, "too-long"),
        ),
        Attack::new(
            "73 000 frames in 73 seconds",
            many,
            Expected::Refused(422, "too-many-frames"),
        ),
        Attack::new(
            "40 streams",
            streams,
            Expected::Refused(422, "too-many-streams"),
        ),
    ]
}

fn out_of_time(studio: &Studio) -> Vec<Attack> {
    const SOURCE: &str = "testsrc2=size=320x240:rate=25:duration=2";
    let still =
        |name: &str, arguments: &str| studio.film(name, SOURCE, &format!("{H264} {arguments}"));
    let mut no_rate = studio.film("rate.avi", SOURCE, "-c:v mpeg4");
    let header = no_rate
        .windows(4)
        .position(|w| w == b"strh")
        .expect("a stream header");
    no_rate[header + 28..header + 36].fill(0);
    vec![
        Attack::new("AVI of 0/0 frames a second", no_rate, Expected::Documented),
        Attack::new(
            "times before the beginning",
            still(
                "negative.mkv",
                "-output_ts_offset -3 -avoid_negative_ts disabled",
            ),
            Expected::Documented,
        ),
        Attack::new(
            "times in 30 years",
            still("late.mkv", "-output_ts_offset 1000000000"),
            Expected::Documented,
        ),
        Attack::new(
            "times of tomorrow",
            still("late.ts", "-output_ts_offset 80000"),
            Expected::Documented,
        ),
        Attack::new(
            "times that run backwards",
            still(
                "backwards.mkv",
                "-vf setpts=(60-N)/25/TB -fps_mode passthrough -bf 0",
            ),
            Expected::Documented,
        ),
        Attack::new(
            "all frames at one time",
            still(
                "one.mkv",
                "-vf setpts=0 -fps_mode passthrough -bf 0 -enc_time_base 1:1000",
            ),
            Expected::Documented,
        ),
        Attack::new(
            "a frame each four minutes",
            still(
                "slow.mp4",
                "-vf setpts=N*240/TB -fps_mode passthrough -frames:v 4",
            ),
            Expected::Refused(422, "too-long"),
        ),
    ]
}

/// The picture size changes with every frame.
fn of_many_sizes(studio: &Studio) -> Vec<Attack> {
    let sizes: Vec<u32> = (0..30).map(|n| 64 + (n * 37 % 40) * 16).collect();
    let each = |extension: &str, arguments: &str| -> Vec<u8> {
        let frames = sizes.iter().map(|size| {
            let source = format!("testsrc2=size={size}x{}:rate=25:duration=0.04", size + 32);
            studio.film(&format!("frame.{extension}"), &source, arguments)
        });
        frames.flatten().collect()
    };
    let wrap = |elementary: &Path, format: &str, name: &str| {
        let input = elementary.display().to_string();
        let path = studio.make(name, &["-f", format, "-i", &input], "-c copy");
        std::fs::read(path).expect("a film")
    };
    let h264 = studio.write("sizes.h264", &each("h264", &format!("{H264} -frames:v 1")));
    let mjpeg = studio.write(
        "sizes.mjpeg",
        &each("mjpeg", "-c:v mjpeg -frames:v 1 -pix_fmt yuvj420p"),
    );
    vec![
        Attack::new(
            "H.264 of 30 sizes in a transport stream",
            wrap(&h264, "h264", "sizes.ts"),
            Expected::Documented,
        ),
        Attack::new(
            "H.264 of 30 sizes in MKV",
            wrap(&h264, "h264", "sizes.mkv"),
            Expected::Documented,
        ),
        Attack::new(
            "JPEG of 30 sizes in AVI",
            wrap(&mjpeg, "mjpeg", "sizes.avi"),
            Expected::Documented,
        ),
    ]
}

fn without_pictures(studio: &Studio) -> Vec<Attack> {
    let none = Expected::Refused(422, "no-video-stream");
    let sound = |name: &str| studio.film(name, "sine=duration=1", "");
    let key = "-encryption_scheme cenc-aes-ctr -encryption_key 00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddeeff";
    let locked = studio.film(
        "locked.mp4",
        "testsrc2=size=320x240:rate=25:duration=1",
        &format!("{H264} {key}"),
    );
    vec![
        Attack::new("sound as MP3", sound("a.mp3"), none),
        Attack::new("sound as WAV", sound("a.wav"), none),
        Attack::new(
            "sound as M4A",
            sound("a.m4a"),
            Expected::Refused(415, "unsupported-media"),
        ),
        Attack::new("sound as FLAC", sound("a.flac"), none),
        Attack::new(
            "an encrypted MP4",
            locked,
            Expected::Refused(422, "encrypted-media"),
        ),
    ]
}

/// A short film in every container and codec that is read.
pub(super) fn one_of_each_kind(studio: &Studio) -> Vec<(String, Vec<u8>)> {
    [
        ("h264.mp4", H264),
        (
            "hevc.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=error",
        ),
        ("mpeg4.mp4", "-c:v mpeg4"),
        ("prores.mov", "-c:v prores"),
        (
            "dnxhd.mov",
            "-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p",
        ),
        ("h264.mkv", H264),
        ("vp8.webm", "-c:v libvpx -deadline realtime -cpu-used 8"),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
        ("av1.mkv", "-c:v libaom-av1 -cpu-used 8 -usage realtime"),
        ("mpeg4.avi", "-c:v mpeg4 -bf 2"),
        ("msmpeg4.avi", "-c:v msmpeg4"),
        ("mjpeg.avi", "-c:v mjpeg -pix_fmt yuvj420p"),
        ("flv1.flv", "-c:v flv"),
        ("h264.flv", H264),
        ("wmv1.wmv", "-c:v wmv1"),
        ("wmv2.wmv", "-c:v wmv2"),
        ("mpeg1.mpg", "-c:v mpeg1video"),
        ("mpeg2.mpg", "-c:v mpeg2video"),
        ("mpeg2.ts", "-c:v mpeg2video"),
        ("h264.ts", H264),
        (
            "hevc.ts",
            "-c:v libx265 -preset ultrafast -x265-params log-level=error",
        ),
    ]
    .into_iter()
    .map(|(name, arguments)| {
        let source = "testsrc2=size=320x240:rate=25:duration=1";
        let film = studio.film(name, source, arguments);
        (name.to_owned(), film)
    })
    .collect()
}

/// The film as it is, and in pieces.
pub(super) fn damaged((name, film): &(String, Vec<u8>), flips: u32) -> Vec<Attack> {
    let whole = Attack::new(&format!("{name}, whole"), film.clone(), Expected::Verdict);
    std::iter::once(whole)
        .chain(damage(name, film, flips))
        .collect()
}

/// A file cut off at several places, with bits flipped, and with a part left out.
pub(super) fn damage(name: &str, bytes: &[u8], flips: u32) -> Vec<Attack> {
    let cut = [1, 10, 50, 90, 99].map(|percent| {
        let kept = (bytes.len() * percent / 100).max(1);
        let label = format!("{name}, the first {percent} %");
        Attack::new(&label, &bytes[..kept], Expected::Documented)
    });
    let hole = {
        let third = bytes.len() / 3;
        let rest = [&bytes[..third], &bytes[third + third / 10..]].concat();
        Attack::new(
            &format!("{name}, a part left out"),
            rest,
            Expected::Documented,
        )
    };
    let flipped = (0..flips).map(|seed| {
        let label = format!("{name}, bits flipped ({seed})");
        Attack::new(&label, flip(bytes, seed), Expected::Documented)
    });
    cut.into_iter().chain([hole]).chain(flipped).collect()
}

/// One bit in 2 kB, and eight in the first kilobyte, where headers are: the same ones each time.
fn flip(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut state = u64::from(seed) * 2 + 1;
    let mut random = |below: usize| {
        // A 64-bit linear congruential generator (Knuth's constants); its high bits are even.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    let mut flipped = bytes.to_vec();
    let in_header = (0..8).map(|_| bytes.len().min(1024));
    let anywhere = (0..bytes.len() / 2048).map(|_| bytes.len());
    for below in in_header.chain(anywhere) {
        let (at, bit) = (random(below), random(8));
        flipped[at] ^= 1 << bit;
    }
    flipped
}
