//! Which frames the frame model looks at, and what it says of where.

use std::time::{Duration, Instant};

use super::super::fixture::{TinyBundle, noise_clip};
use super::super::{ClipScores, InferenceSettings, ModelWorker};
use super::*;

async fn scored(settings: InferenceSettings, frames: u32) -> ClipScores {
    let (_worker, scorer) = ModelWorker::start(settings).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    scorer.score(noise_clip(3, frames), deadline).await.unwrap()
}

#[test]
fn frames_are_spread_evenly_and_all_are_taken_where_there_are_no_more() {
    assert_eq!(spread(30, 4), [3, 11, 18, 26]);
    assert_eq!(spread(30, 1), [15]);
    assert_eq!(spread(5, 4), [0, 1, 3, 4]);
    for (count, wanted) in [(3, 0), (3, 3), (3, 8)] {
        assert_eq!(spread(count, wanted), [0, 1, 2]);
    }
    assert_eq!(spread(0, 4), [0; 0]);
}

#[test]
fn no_frame_is_taken_twice() {
    for count in 1..60 {
        for wanted in 1..60 {
            let positions = spread(count, wanted);
            assert!(positions.is_sorted_by(|a, b| a < b), "{count} {wanted}");
            assert_eq!(positions.len(), wanted.min(count));
            assert!(positions.iter().all(|position| *position < count));
        }
    }
}

#[tokio::test]
async fn a_frame_that_is_not_looked_at_has_no_score_and_counts_as_its_nearest_neighbour() {
    let bundle = TinyBundle::with_dinov2();
    let all = scored(bundle.settings(), 6).await;
    let some = scored(
        InferenceSettings {
            frame_model_frames: 2,
            ..bundle.settings()
        },
        6,
    )
    .await;
    let logit = |scores: &ClipScores, position: usize| {
        let score = scores.frame_frames[position].as_ref();
        score.map(|score| score.logit.get())
    };
    assert_eq!(some.frame_frames.len(), 6);
    for (position, nearest) in [1, 1, 1, 4, 4, 4].into_iter().enumerate() {
        let is_looked_at = position == nearest;
        assert_eq!(logit(&some, position).is_some(), is_looked_at, "{position}");
        let expected = logit(&all, nearest).unwrap();
        if let Some(found) = logit(&some, position) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        // The fusion of the fixture gives each model one half.
        let fused = 0.5 * (some.sequence_frames[position].get() + expected);
        let found = some.fused_frames[position].get();
        assert!((found - fused).abs() < 1e-4, "{found} {fused}");
    }
    assert_eq!(all.sequence_track, some.sequence_track);
    let mean = 0.5 * (logit(&some, 1).unwrap() + logit(&some, 4).unwrap());
    let fused = 0.5 * (some.sequence_track.unwrap().get() + mean);
    assert!((some.fused_track.get() - fused).abs() < 1e-4);
}

#[tokio::test]
async fn a_network_with_a_head_for_patches_says_of_each_frame_where() {
    let bundle = TinyBundle::with_dinov2();
    let scores = scored(bundle.settings(), 3).await;
    let map = |position: usize| {
        let score = scores.frame_frames[position].as_ref().unwrap();
        score.map.clone().unwrap()
    };
    assert_eq!((map(0).side(), map(0).cells().len()), (4, 16));
    assert_ne!(map(0), map(1));
    let cells: Vec<f32> = map(2).cells().iter().map(|cell| cell.get()).collect();
    assert!(cells.iter().any(|cell| *cell != cells[0]), "{cells:?}");

    bundle.edit(
        "frame/manifest.toml",
        "position_grid = 5",
        "position_grid = 5\nmask_head = false",
    );
    bundle.change_weights("frame", |tensors| {
        tensors.retain(|(name, _)| !name.starts_with("mask_head."));
    });
    let silent = scored(bundle.settings(), 3).await;
    let maps = silent.frame_frames.iter().flatten();
    assert!(maps.clone().count() == 3 && maps.clone().all(|score| score.map.is_none()));
    assert_eq!(silent.fused_track, scores.fused_track);
}

#[tokio::test]
async fn the_frame_model_may_compute_more_coarsely_than_the_sequence_model() {
    let bundle = TinyBundle::with_dinov2();
    let computing_in = |precision: &str| InferenceSettings {
        frame_model_precision: precision.parse().unwrap(),
        ..bundle.settings()
    };
    let fine = scored(computing_in("fp32"), 4).await;
    let coarse = scored(computing_in("bf16"), 4).await;
    assert_eq!(fine.sequence_frames, coarse.sequence_frames);
    assert_ne!(fine.frame_frames, coarse.frame_frames);
}
