//! Limits on media: a file exactly at each is judged, one past it is refused by name.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::problem::expect_problem;
use crate::server::{Server, repository};

const PREDICT: (Method, &str) = (Method::POST, "/predict");

/// A film of test pictures.
fn film(folder: &Path, name: &str, source: &str, arguments: &str) -> PathBuf {
    let path = folder.join(name);
    let source = format!("testsrc2={source}");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-f", "lavfi", "-i", &source])
        .args(arguments.split_whitespace())
        .args(["-c:v", "mpeg4"])
        .arg(&path)
        .status()
        .expect("ffmpeg is needed: run scripts/setup.sh --test");
    assert!(made.success(), "ffmpeg makes {name}");
    path
}

#[tokio::test]
async fn each_limit_on_a_file_lets_pass_what_is_at_it_and_refuses_one_more() {
    let limits = [
        ("max_duration_s", "2"),
        ("max_pixels", "76800"),
        ("max_frames", "50"),
        ("max_decoded_pixels", "3000000"),
        ("max_streams", "3"),
        ("sample_frames", "9"),
        ("worker_memory_bytes", "1073741824"),
        ("worker_requests", "5"),
    ];
    let server = Server::start_quick_with(&limits).await;
    let published: Value = server
        .get("/api/v1/limits")
        .await
        .json()
        .await
        .expect("JSON");
    for (name, value) in limits {
        let value: f64 = value.parse().expect("a number");
        assert_eq!(published[name].as_f64(), Some(value), "{name}");
    }

    let folder = tempfile::tempdir().expect("a directory");
    let film = |name: &str, source: &str, more: &str| film(folder.path(), name, source, more);
    for (at, past, code) in [
        (
            film("d0.mp4", "size=64x64:rate=25:duration=2", ""),
            film("d1.mp4", "size=64x64:rate=25:duration=2.04", ""),
            "too-long",
        ),
        (
            film("p0.mp4", "size=320x240:rate=5:duration=1", ""),
            film("p1.mp4", "size=320x242:rate=5:duration=1", ""),
            "too-many-pixels",
        ),
        (
            film("r0.mp4", "size=64x64:rate=240:duration=0.2", ""),
            film("r1.mp4", "size=64x64:rate=240:duration=0.22", ""),
            "too-many-frames",
        ),
        (
            film("w0.mp4", "size=320x240:rate=10:duration=2", ""),
            // With one key frame: what follows the last frame wanted before another is not decoded.
            film("w1.mp4", "size=320x240:rate=25:duration=2", "-g 250"),
            "too-much-to-decode",
        ),
        (
            film(
                "s0.mkv",
                "size=64x64:rate=5:duration=1",
                "-map 0 -map 0 -map 0",
            ),
            film(
                "s1.mkv",
                "size=64x64:rate=5:duration=1",
                "-map 0 -map 0 -map 0 -map 0",
            ),
            "too-many-streams",
        ),
    ] {
        let passed = server.post_file("/predict", &at).await;
        assert_eq!(passed.status(), 200, "{}", at.display());
        let answer: Value = passed.json().await.expect("JSON");
        let frames = answer["frames"].as_array().map_or(0, Vec::len);
        assert!(
            (1..=9).contains(&frames),
            "{frames} frames of {}",
            at.display()
        );
        let refused = server.post_file("/predict", &past).await;
        let problem = expect_problem(&server, PREDICT, refused, (422, code)).await;
        if code == "too-many-pixels" {
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(detail.contains("the limit max_pixels"), "{detail}");
        }
    }
}

/// People seen, and the most faces in one frame.
async fn people_and_faces(settings: &[(&str, &str)]) -> (usize, usize) {
    let server = Server::start_quick_with(settings).await;
    let answer = server.predict("videos/two-people.mp4").await;
    let length = |value: &Value| value.as_array().map_or(0, Vec::len);
    let frames = answer["frames"].as_array().expect("frames");
    let most = frames.iter().map(|frame| length(&frame["faces"])).max();
    (length(&answer["tracks"]), most.unwrap_or(0))
}

#[tokio::test]
async fn no_more_people_and_faces_are_looked_at_than_the_limits_say() {
    assert_eq!(
        people_and_faces(&[("max_faces_per_frame", "2"), ("max_tracks", "2")]).await,
        (2, 2)
    );
    assert_eq!(people_and_faces(&[("max_tracks", "1")]).await, (1, 1));
    assert_eq!(people_and_faces(&[("max_faces_per_frame", "1")]).await.1, 1);
}

#[tokio::test]
async fn a_disk_below_the_floor_takes_no_upload_and_the_rest_goes_on() {
    let server = Server::start_quick_with(&[("min_free_disk_bytes", "9000000000000000000")]).await;
    for path in ["/predict", "/integrity/sign"] {
        let refused = server
            .post_file(path, &repository("videos/genuine.mp4"))
            .await;
        expect_problem(
            &server,
            (Method::POST, path),
            refused,
            (507, "storage-full"),
        )
        .await;
    }
    for path in ["/readyz", "/health", "/api/v1/predictions/recent"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
    assert!(
        server.log().contains("min_free_disk_bytes"),
        "{}",
        server.log()
    );
}
