//! Videos as phones, recorders and editors really write them: high dynamic range, slow motion, live
//! clocks, several programmes. What is said of them is what is said of the plain copy.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::films::film;
use crate::heif_files::{Codec, coded};
use crate::server::{Server, repository};

const PLAIN: &str = "videos/two-people.mp4";

/// A demo clip made over by the words of the ffmpeg program.
fn made_over(clip: &str, name: &str, words: &str) -> PathBuf {
    let clip = repository(clip);
    let path = clip.to_str().expect("UTF-8").to_owned();
    let mut arguments = vec!["-i", &path];
    arguments.extend(words.split_whitespace());
    film(name, &arguments, &[&clip])
}

async fn answer_to(server: &Server, file: &Path, query: &str) -> Value {
    let response = server.post_file(&format!("/predict{query}"), file).await;
    assert_eq!(response.status(), 200, "{}", file.display());
    response.json().await.expect("JSON")
}

fn probability(answer: &Value) -> f64 {
    answer["probability_fake"].as_f64().expect("a probability")
}

fn has_reason(answer: &Value, code: &str) -> bool {
    let reasons = answer["reasons"].as_array().expect("reasons");
    reasons.iter().any(|reason| reason["code"] == code)
}

/// Mean of all values of the frames that are shown first.
async fn brightness(server: &Server, answer: &Value) -> f64 {
    let frames = answer["frames_for_display"].as_array().expect("frames");
    let (mut sum, mut count) = (0.0, 0.0);
    for frame in frames {
        let url = frame["url"].as_str().expect("a link");
        let bytes = server.get(url).await.bytes().await.expect("a picture");
        let picture = image::load_from_memory(&bytes).expect("a JPEG").into_rgb8();
        sum += picture.as_raw().iter().map(|v| f64::from(*v)).sum::<f64>();
        count += picture.as_raw().len() as f64;
    }
    sum / count
}

#[tokio::test]
async fn high_dynamic_range_is_judged_like_its_standard_original() {
    let server = &Server::shared().await;
    // Whatever coding changes, it changes in both.
    let coder = "-an -c:v libx265 -preset veryfast -crf 10 -x265-params log-level=error";
    let words = format!("-pix_fmt yuv420p10le {coder}");
    let plain = answer_to(server, &made_over(PLAIN, "plain.mov", &words), "").await;
    let plain_brightness = brightness(server, &plain).await;
    for transfer in ["smpte2084", "arib-std-b67"] {
        let filters = format!(
            "zscale=t=linear:npl=203,format=gbrpf32le,zscale=t={transfer}:p=2020:m=2020_ncl:r=limited:npl=203,format=yuv420p10le"
        );
        let tags = format!("-color_primaries bt2020 -color_trc {transfer} -colorspace bt2020nc");
        let words = format!("-vf {filters} {coder} {tags}");
        let hdr = answer_to(server, &made_over(PLAIN, "hdr.mov", &words), "").await;
        let (here, there) = (probability(&hdr), probability(&plain));
        assert!((here - there).abs() <= 0.15, "{transfer}: {here}, {there}");
        assert_eq!(hdr["verdict"], plain["verdict"], "{transfer}");
        let people = |answer: &Value| answer["tracks"].as_array().map(Vec::len);
        assert_eq!(people(&hdr), people(&plain), "{transfer}");
        let ratio = brightness(server, &hdr).await / plain_brightness;
        assert!((0.95..1.05).contains(&ratio), "{transfer}: {ratio}");
    }
}

#[tokio::test]
async fn slow_motion_is_little_work_and_is_analysed() {
    let server = &Server::shared().await;
    let words = "-t 1 -vf setpts=PTS,fps=240,scale=320:-2 -an -c:v libx264 -preset ultrafast";
    let answer = answer_to(server, &made_over(PLAIN, "slow.mp4", words), "").await;
    assert!(answer["frames"].as_array().expect("frames").len() > 1);
}

#[tokio::test]
async fn a_film_behind_an_empty_one_is_found_and_it_is_said_that_there_are_two() {
    let server = &Server::shared().await;
    let words = "-f lavfi -i color=black:size=320x240:rate=25 -map 1:v -map 0:v -t 2 -c:v libx264 -preset ultrafast";
    for name in ["two.ts", "two.mkv"] {
        let file = made_over("videos/genuine.mp4", name, words);
        let found = answer_to(server, &file, "").await;
        assert!(has_reason(&found, "other-video-streams"), "{name}");
        assert!(!has_reason(&found, "no-face"), "{name}");
        let empty = answer_to(server, &file, "?stream=0").await;
        assert!(has_reason(&empty, "no-face"), "{name}");
        let missing = server.post_file("/predict?stream=7", &file).await;
        assert_eq!(missing.status(), 422);
        let missing: Value = missing.json().await.expect("JSON");
        assert_eq!(missing["code"], "no-such-stream");
        let nonsense = server.post_file("/predict?stream=first", &file).await;
        assert_eq!(nonsense.status(), 400, "{name}");
    }
}

#[tokio::test]
async fn a_live_recording_is_as_long_as_what_there_is_to_see() {
    let server = &Server::shared().await;
    let words = "-t 2 -an -c:v libx264 -preset ultrafast -output_ts_offset 3600";
    let live = made_over("videos/genuine.mp4", "live.mkv", words);
    let answer = answer_to(server, &live, "").await;
    let length = answer["metadata"]["duration"].as_str().expect("a length");
    let length: f64 = length.parse().expect("seconds");
    assert!((length - 2.0).abs() < 0.1, "{length}");
}

#[tokio::test]
async fn a_photograph_as_phones_and_browsers_save_it_is_judged_like_its_jpeg() {
    // Other programs' clients are answered otherwise to a still image.
    const OWN_FORM: &str = "?format=framewitness";
    let server = &Server::shared().await;
    let size = "scale=640:480";
    let jpeg = format!("-frames:v 1 -vf {size} -q:v 2");
    let jpeg = made_over("videos/genuine.mp4", "frame.jpg", &jpeg);
    let jpeg = answer_to(server, &jpeg, OWN_FORM).await;
    let clip = repository("videos/genuine.mp4");
    let arguments = [
        "-i",
        clip.to_str().expect("UTF-8"),
        "-vf",
        size,
        "-pix_fmt",
        "yuv420p",
    ];
    for (codec, brand) in [(Codec::Hevc, b"heic"), (Codec::Av1, b"avif")] {
        let item = coded(codec, &arguments, &[&clip], (640, 480, 8));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("photograph.jpg");
        std::fs::write(&path, item.file(brand)).expect("room for a picture");
        let answer = answer_to(server, &path, OWN_FORM).await;
        assert!(has_reason(&answer, "still-image"), "{codec:?}: {answer}");
        let (here, there) = (probability(&answer), probability(&jpeg));
        assert!((here - there).abs() <= 0.1, "{codec:?}: {here}, {there}");
    }
}
