//! Faces that cannot be judged are reported, never guessed over.

use std::path::PathBuf;

use serde_json::Value;

use crate::films::film;
use crate::server::{Server, repository};

/// The genuine clip through an FFmpeg filter.
fn filtered(filter: &str) -> PathBuf {
    let genuine = repository("videos/genuine.mp4");
    let mut arguments = vec!["-i", genuine.to_str().expect("UTF-8"), "-vf", filter];
    arguments.extend(["-c:v", "libx264", "-pix_fmt", "yuv420p"]);
    film("filtered.mp4", &arguments, &[&genuine])
}

async fn unscored_because(filter: &str) -> String {
    let clip = filtered(filter);
    let server = Server::shared().await;
    let response = server.post_file("/predict", &clip).await;
    assert_eq!(response.status(), 200, "{}", server.log());
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
