//! Faces that cannot be judged are reported, never guessed over.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::server::{Server, repository};

/// The genuine clip through an FFmpeg filter.
fn filtered(directory: &Path, filter: &str) -> PathBuf {
    let path = directory.join("filtered.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(repository("videos/genuine.mp4"))
        .args(["-vf", filter, "-c:v", "libx264", "-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .expect("ffmpeg is needed: run scripts/setup.sh --test");
    assert!(made.success(), "ffmpeg filters the clip");
    path
}

async fn unscored_because(filter: &str) -> String {
    let scratch = tempfile::tempdir().expect("a directory");
    let clip = filtered(scratch.path(), filter);
    let server = Server::start().await;
    let response = server.post_file("/predict", &clip).await;
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(answer["verdict"], "INCONCLUSIVE");
    assert_eq!(answer["probability_fake"], Value::Null);
    answer["reasons"][0]["code"]
        .as_str()
        .expect("a code")
        .to_owned()
}

#[tokio::test]
async fn a_face_under_the_minimum_size_is_not_scored() {
    assert_eq!(unscored_because("scale=160:120").await, "face-too-small");
}

#[tokio::test]
async fn a_blurred_face_is_not_scored() {
    assert_eq!(unscored_because("gblur=sigma=5").await, "face-too-blurred");
}
