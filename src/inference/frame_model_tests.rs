//! Which frames the frame model looks at, and what it says of where.

use std::time::{Duration, Instant};

use super::super::fixture::{TinyBundle, noise_clip};
use super::super::{ClipScores, InferenceSettings, ModelWorker};
use super::*;
use crate::domain::MapKind;

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
    let kinds: Vec<_> = (maps.clone())
        .map(|score| score.map.as_ref().map(ManipulationMap::kind))
        .collect();
    assert_eq!(kinds, [Some(MapKind::Contribution); 3]);
    let difference = silent.fused_track.get() - scores.fused_track.get();
    assert!(
        difference.abs() < 1e-4,
        "the answer is the same: {difference}"
    );
}

#[tokio::test]
async fn clips_transformer_says_of_each_frame_what_speaks_for_its_score() {
    let scores = scored(TinyBundle::new().settings(), 3).await;
    for score in scores.frame_frames.iter().flatten() {
        let map = score.map.as_ref().unwrap();
        assert_eq!(map.kind(), MapKind::Contribution);
        let strongest = map.percents().into_iter().max();
        let probability = (score.logit.probability().get() * 100.0).round() as u8;
        assert_eq!(strongest, Some(probability), "{map:?}");
    }
    assert!(scores.sequence_maps.is_empty(), "the frame model says it");
}

#[tokio::test]
async fn without_a_frame_model_the_sequence_model_says_what_speaks_for_the_track() {
    let bundle = TinyBundle::new();
    bundle.edit("bundle.toml", "frame = \"frame\"\n", "");
    bundle.edit("bundle.toml", "frame_weight = 0.5", "frame_weight = 0.0");
    let scores = scored(bundle.settings(), 5).await;
    assert_eq!(scores.sequence_maps.len(), 5);
    let most = |map: &ManipulationMap| map.percents().into_iter().max().unwrap();
    let strongest = scores.sequence_maps.iter().map(most).max().unwrap();
    let track = scores.sequence_track.unwrap().probability().get();
    let probability = (track * 100.0).round() as u8;
    assert_eq!(strongest, probability);
    assert!(
        scores
            .sequence_maps
            .iter()
            .all(|m| m.kind() == MapKind::Contribution)
    );
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
