//! Faces unlike the training data, told apart by a limit set so low that every face lies beyond it.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, repository};

/// A copy of the shipped bundle in which only what lies exactly where the training data does is
/// familiar.
fn wary_bundle() -> TempDir {
    let copy = tempfile::tempdir().expect("a temporary directory");
    copy_folder(&repository("models"), copy.path());
    let manifest = copy.path().join("sequence-s/manifest.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let (before, table) = text.split_once("[familiarity]").expect(
        "models/sequence-s has no [familiarity] table; write it with scripts/train/familiarity.py",
    );
    let lowered = table.lines().map(|line| match line.split_once(" = ") {
        Some(("limit", _)) => "limit = 0.001".to_owned(),
        _ => line.to_owned(),
    });
    let table: Vec<String> = lowered.collect();
    let text = format!("{before}[familiarity]{}\n", table.join("\n"));
    fs::write(manifest, text).expect("the manifest is written");
    copy
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).expect("a folder is made");
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file is copied");
        }
    }
}

#[tokio::test]
async fn a_face_beyond_the_limit_is_neither_real_nor_fake_and_keeps_its_probability() {
    let wary = wary_bundle();
    let models_dir = wary.path().to_str().expect("UTF-8");
    let wary = [
        ("models_dir", models_dir),
        ("sample_frames", "30"),
        ("frame_model_frames", "8"),
    ];
    let (wary, usual) = (Server::start_with(&wary).await, Server::shared().await);
    for clip in ["videos/manipulated.mp4", "videos/genuine.mp4"] {
        let (held_back, said) = (wary.predict(clip).await, usual.predict(clip).await);
        assert_eq!(held_back["verdict"], "INCONCLUSIVE", "{clip}");
        assert_eq!(held_back["reasons"][0]["code"], "unlike-training-data");
        assert_eq!(held_back["confidence"], 0.0);
        assert!(held_back["probability_fake"].is_f64());
        assert_eq!(held_back["probability_fake"], said["probability_fake"]);
        let track = &held_back["tracks"][0];
        let number = |name: &str| track[name].as_f64().expect("a number");
        assert!(number("training_distance") > number("training_distance_limit"));
        assert_eq!(
            track["training_distance"],
            said["tracks"][0]["training_distance"]
        );
    }
}

#[tokio::test]
async fn the_demo_clips_are_familiar_to_the_shipped_models() {
    let server = Server::shared().await;
    for clip in ["videos/manipulated.mp4", "videos/genuine.mp4"] {
        let answer = server.predict(clip).await;
        let track = &answer["tracks"][0];
        let number = |name: &str| track[name].as_f64().expect("a number");
        assert!(
            number("training_distance") <= number("training_distance_limit"),
            "{clip}: {track}"
        );
        let reasons: &Value = &answer["reasons"];
        assert!(!reasons.to_string().contains("unlike-training-data"));
    }
}
