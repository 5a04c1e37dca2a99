//! Loading, unloading and the leases in between, with real networks.

use std::time::{Duration, Instant};

use super::fixture::{TinyBundle, noise_clip};
use super::slot::{Change, Lease};
use super::{ClipScores, InferenceError, ModelSlot};

const PATIENCE: Duration = Duration::from_secs(60);

async fn score(models: &Lease) -> ClipScores {
    let clip = noise_clip(9, 7);
    (models.score(clip, Instant::now() + PATIENCE).await).unwrap()
}

fn code<T>(result: Result<T, InferenceError>) -> &'static str {
    result.map_or_else(|e| e.code(), |_| "done")
}

#[tokio::test]
async fn models_score_the_same_after_they_were_unloaded_and_loaded() {
    let bundle = TinyBundle::new();
    let slot = ModelSlot::start(bundle.settings()).unwrap();
    let before = score(&slot.lease().unwrap()).await;
    assert!(slot.is_ready());

    assert_eq!(slot.unload(PATIENCE).await.unwrap(), Change::Made);
    assert!(!slot.is_ready());
    assert_eq!(code(slot.lease()), "model-not-loaded");
    assert_eq!(slot.unload(PATIENCE).await.unwrap(), Change::AlreadySo);
    assert_eq!(slot.facts().bundle, "tiny 1");

    assert_eq!(slot.load(PATIENCE).await.unwrap(), Change::Made);
    assert_eq!(slot.load(PATIENCE).await.unwrap(), Change::AlreadySo);
    let after = score(&slot.lease().unwrap()).await;
    assert_eq!(after.fused_track, before.fused_track);
    assert_eq!(after.fused_frames, before.fused_frames);
}

#[tokio::test]
async fn what_has_begun_finishes_before_the_models_go_and_newcomers_are_told_at_once() {
    let bundle = TinyBundle::new();
    let slot = ModelSlot::start(bundle.settings()).unwrap();
    let begun = slot.lease().unwrap();
    let unloading = tokio::spawn({
        let slot = slot.clone();
        async move { slot.unload(PATIENCE).await }
    });
    while slot.lease().is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(code(slot.lease()), "model-not-loaded");
    assert!(!unloading.is_finished());
    score(&begun).await;
    drop(begun);
    assert_eq!(unloading.await.unwrap().unwrap(), Change::Made);
}

#[tokio::test]
async fn models_that_stay_in_use_too_long_stay_loaded() {
    let bundle = TinyBundle::new();
    let slot = ModelSlot::start(bundle.settings()).unwrap();
    let begun = slot.lease().unwrap();
    let refused = slot.unload(Duration::from_millis(10)).await;
    assert_eq!(code(refused), "model-in-use");
    score(&begun).await;
    assert!(slot.lease().is_ok());
}

#[tokio::test]
async fn a_bundle_that_was_spoilt_meanwhile_leaves_the_place_empty_until_it_is_mended() {
    let bundle = TinyBundle::new();
    let slot = ModelSlot::start(bundle.settings()).unwrap();
    slot.unload(PATIENCE).await.unwrap();
    bundle.edit("bundle.toml", "schema = 1", "schema = 2");
    assert_eq!(code(slot.load(PATIENCE).await), "bad-bundle");
    assert_eq!(code(slot.lease()), "model-not-loaded");
    bundle.edit("bundle.toml", "schema = 2", "schema = 1");
    bundle.edit("bundle.toml", "\"detector\"", "\"sequence\"");
    assert_eq!(code(slot.load(PATIENCE).await), "other-detector");
    bundle.edit(
        "bundle.toml",
        "detector = \"sequence\"",
        "detector = \"detector\"",
    );
    assert_eq!(slot.load(PATIENCE).await.unwrap(), Change::Made);
}
