//! Loading a bundle and running it, on tiny networks with invented weights.

use std::path::Path;
use std::sync::LazyLock;

use tch::{Device, Kind, Tensor};

use super::bundle::Bundle;
use super::clip::Clip;
use super::engine::{Engine, EngineScores, Networks};
use super::fixture::{TinyBundle, noise_clip};
use super::model::Running;
use super::{FoundationFolders, InferenceError, ModelWorker, Precision};

pub(super) fn load(bundle: &TinyBundle) -> Result<Networks, InferenceError> {
    let bundle = Bundle::read(bundle.path())?;
    Networks::load(bundle.folder(), &bundle.models, on_cpu(16))
}

pub(super) fn on_cpu(pass_frames: usize) -> Running<'static> {
    static NONE: LazyLock<FoundationFolders> =
        LazyLock::new(|| FoundationFolders::new(Path::new("nowhere"), Path::new("nowhere")));
    Running {
        device: Device::Cpu,
        precision: Precision::Fp32,
        frame_precision: Precision::Fp32,
        frame_frames: 0,
        pass_frames,
        foundations: &NONE,
    }
}

pub(super) fn problem_of(result: Result<Networks, InferenceError>) -> String {
    let error = result.err().expect("the bundle is refused");
    assert_eq!(error.code(), "bad-bundle");
    error.to_string()
}

pub(super) fn score(networks: &Networks, clips: &[&Clip]) -> Vec<EngineScores> {
    let _no_grad = tch::no_grad_guard();
    networks.score(clips).unwrap()
}

/// All logits of a clip's scores in a row.
pub(super) fn numbers(scores: &EngineScores) -> Vec<f32> {
    let sequence = scores.sequence.iter();
    let sequence = sequence.flat_map(|(track, frames)| std::iter::once(track).chain(frames));
    let frames = scores.frames.iter().flatten().map(|score| &score.logit);
    sequence.chain(frames).map(|logit| logit.get()).collect()
}

fn largest_difference(a: &EngineScores, b: &EngineScores) -> f32 {
    let (a, b) = (numbers(a), numbers(b));
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

#[test]
fn every_wrong_manifest_value_of_all_files_is_named_at_once() {
    let bundle = TinyBundle::new();
    bundle.edit(
        "bundle.toml",
        "sequence_weight = 0.5",
        "sequence_weight = -1.0",
    );
    bundle.edit(
        "bundle.toml",
        "real_at_or_below = 0.35",
        "real_at_or_below = 0.75",
    );
    bundle.edit(
        "sequence/manifest.toml",
        "attention_heads = 3",
        "attention_heads = 5",
    );
    bundle.edit(
        "sequence/manifest.toml",
        r#"["FAKE", "REAL"]"#,
        r#"["FAKE"]"#,
    );
    bundle.edit("frame/manifest.toml", "image_px = 64", "image_px = 96");
    bundle.edit(
        "frame/manifest.toml",
        "std = [0.25, 0.25, 0.25]",
        "std = [0.25, 0.0, 0.25]",
    );
    let problem = problem_of(load(&bundle));
    for name in [
        "fusion",
        "thresholds",
        "attention_heads",
        "output.labels",
        "image_px",
        "preprocess.std",
    ] {
        assert!(problem.contains(name), "{name} is missing in: {problem}");
    }
}

#[test]
fn misspelt_fields_unknown_families_and_folders_elsewhere_are_refused() {
    for (file, from, to, named) in [
        (
            "frame/manifest.toml",
            "patch_px = ",
            "patch_px = 16\npatch_size = ",
            "patch_size",
        ),
        (
            "sequence/manifest.toml",
            "resnext-bilstm",
            "resnet-gru",
            "resnet-gru",
        ),
        (
            "sequence/manifest.toml",
            "kind = \"sequence\"",
            "kind = \"frame\"",
            "kind must be sequence",
        ),
        (
            "bundle.toml",
            "\"sequence\"",
            "\"../sequence\"",
            "../sequence",
        ),
        ("bundle.toml", "version = \"1\"", "", "version"),
        (
            "bundle.toml",
            "[thresholds]",
            "[[measured]]\ndata = \"d\"\nprotocol = \"p\"\nauc = [0.8, 0.9, 1.0]\n[thresholds]",
            "does not hold",
        ),
    ] {
        let bundle = TinyBundle::new();
        bundle.edit(file, from, to);
        let problem = problem_of(load(&bundle));
        assert!(problem.contains(named), "{named} is missing in: {problem}");
    }
}

#[test]
fn missing_extra_misshapen_mistyped_and_broken_tensors_are_all_named_at_once() {
    let bundle = TinyBundle::new();
    bundle.change_weights("sequence", |tensors| {
        tensors.retain(|(name, _)| name != "lstm.bias_hh_l1_reverse");
        tensors.push((
            "fc3.weight".into(),
            Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)),
        ));
        for (name, tensor) in tensors.iter_mut() {
            match name.as_str() {
                "fc2.weight" => *tensor = Tensor::zeros([3, 6], (Kind::Float, Device::Cpu)),
                "fc1.bias" => *tensor = tensor.to_kind(Kind::Int64),
                _ => {}
            }
        }
    });
    bundle.change_weights("frame", |tensors| {
        let (_, tensor) = tensors
            .iter_mut()
            .find(|(name, _)| name == "visual.ln_post.bias")
            .unwrap();
        *tensor = tensor.shallow_clone() * f64::NAN;
    });
    let problem = problem_of(load(&bundle));
    for sentence in [
        "lstm.bias_hh_l1_reverse [24] is missing",
        "fc3.weight is not part of this architecture",
        "fc2.weight has shape [3, 6], expected [2, 6]",
        "fc1.bias has type I64, expected Float",
        "visual.ln_post.bias holds values that are not finite",
    ] {
        assert!(problem.contains(sentence), "no {sentence:?} in: {problem}");
    }
}

#[test]
fn a_head_only_file_does_not_load_as_a_whole_network() {
    let bundle = TinyBundle::new();
    bundle.change_weights("frame", |tensors| {
        tensors.retain(|(name, _)| name.starts_with("attention_head."));
    });
    assert!(problem_of(load(&bundle)).contains("visual.conv1.weight [24, 3, 16, 16] is missing"));
}

#[test]
fn a_file_with_another_digest_is_refused_unread() {
    let bundle = TinyBundle::new();
    let path = bundle.path().join("frame/weights.safetensors");
    std::fs::write(&path, b"garbage that must not be parsed").unwrap();
    let problem = problem_of(load(&bundle));
    assert!(
        problem.contains("SHA-256 is") && problem.contains("fetch"),
        "{problem}"
    );
    std::fs::remove_file(&path).unwrap();
    assert!(problem_of(load(&bundle)).contains("cannot be read"));
}

#[test]
fn a_clip_scores_the_same_alone_and_among_clips_of_other_lengths() {
    let networks = load(&TinyBundle::new()).unwrap();
    let clips = [
        noise_clip(1, 5),
        noise_clip(2, 3),
        noise_clip(3, 5),
        noise_clip(4, 1),
    ];
    let together = score(&networks, &clips.iter().collect::<Vec<_>>());
    for (clip, among_others) in clips.iter().zip(&together) {
        let alone = &score(&networks, &[clip])[0];
        let difference = largest_difference(alone, among_others);
        assert!(difference < 1e-4, "{difference}");
    }
    assert!(
        largest_difference(&together[0], &together[2]) > 1e-3,
        "clips must differ at all"
    );
}

#[test]
fn a_clip_longer_than_a_pass_scores_as_in_one_pass() {
    let bundle = TinyBundle::new();
    let manifests = Bundle::read(bundle.path()).unwrap();
    let [small, large] = [3, 64]
        .map(|pass| Networks::load(manifests.folder(), &manifests.models, on_cpu(pass)).unwrap());
    let clip = noise_clip(5, 10);
    let (pieces, whole) = (score(&small, &[&clip]), score(&large, &[&clip]));
    assert!(largest_difference(&pieces[0], &whole[0]) < 1e-4);
}

#[test]
fn the_order_of_frames_matters_to_the_sequence_model_and_not_to_the_frame_model() {
    let networks = load(&TinyBundle::new()).unwrap();
    let forward = noise_clip(6, 6);
    let mut backward = forward.clone();
    backward.crops.reverse();
    let (a, b) = (
        &score(&networks, &[&forward])[0],
        &score(&networks, &[&backward])[0],
    );
    let track = |s: &EngineScores| s.sequence.as_ref().unwrap().0.get();
    assert!(
        (track(a) - track(b)).abs() > 1e-5,
        "{} {}",
        track(a),
        track(b)
    );
    for (x, y) in a.frames.iter().zip(b.frames.iter().rev()) {
        let [x, y] = [x, y].map(|score| score.as_ref().unwrap().logit.get());
        assert!((x - y).abs() < 1e-4);
    }
}

#[test]
fn swapping_the_labels_turns_the_sequence_score_around() {
    let bundle = TinyBundle::new();
    let clip = noise_clip(7, 4);
    let before = score(&load(&bundle).unwrap(), &[&clip]).remove(0);
    bundle.edit(
        "sequence/manifest.toml",
        r#"["FAKE", "REAL"]"#,
        r#"["REAL", "FAKE"]"#,
    );
    bundle.edit("sequence/manifest.toml", "bias = 0.0", "bias = 0.5");
    let after = score(&load(&bundle).unwrap(), &[&clip]).remove(0);
    let track = |s: &EngineScores| s.sequence.as_ref().unwrap().0.get();
    assert!((track(&after) - (0.5 - track(&before))).abs() < 1e-5);
    assert_eq!(before.frames, after.frames);
}

#[tokio::test]
async fn a_still_image_is_scored_by_the_frame_model_alone() {
    let bundle = TinyBundle::new();
    let (_worker, scorer) = ModelWorker::start(bundle.settings()).unwrap();
    let clip = Clip {
        is_still: true,
        ..noise_clip(8, 1)
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let scores = scorer.score(clip, deadline).await.unwrap();
    assert_eq!(
        (scores.sequence_track, scores.sequence_frames.len()),
        (None, 0)
    );
    assert_eq!(scores.frame_frames.len(), 1);
    let frame = scores.frame_frames[0].as_ref().unwrap();
    assert_eq!(scores.fused_track, frame.logit);
    assert!(frame.map.is_some());
}

#[tokio::test]
async fn a_still_image_is_also_a_track_of_one_frame_where_the_bundle_says_how_it_counts() {
    let bundle = TinyBundle::new();
    let stills =
        "[fusion.stills]\nbias = 0.25\nsequence_weight = 1.0\nframe_weight = 0.0\n[thresholds]";
    bundle.edit("bundle.toml", "[thresholds]", stills);
    let (_worker, scorer) = ModelWorker::start(bundle.settings()).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let moving = scorer.score(noise_clip(8, 1), deadline).await.unwrap();
    let still = Clip {
        is_still: true,
        ..noise_clip(8, 1)
    };
    let still = scorer.score(still, deadline).await.unwrap();
    assert_eq!(still.sequence_track, moving.sequence_track);
    let track = still.sequence_track.unwrap().get();
    assert_eq!(still.fused_track.get(), 0.25 + track);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_clip_gives_the_same_bits_whoever_else_is_scored() {
    let bundle = TinyBundle::new();
    let (_worker, scorer) = ModelWorker::start(bundle.settings()).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let first = scorer.score(noise_clip(9, 7), deadline).await.unwrap();
    let tasks: Vec<_> = (0..24)
        .map(|n| {
            let scorer = scorer.clone();
            let clip = if n % 2 == 0 {
                noise_clip(9, 7)
            } else {
                noise_clip(n, 1 + n % 5)
            };
            tokio::spawn(async move {
                loop {
                    match scorer.score(clip.clone(), deadline).await {
                        Err(InferenceError::Overloaded { .. }) => tokio::task::yield_now().await,
                        scores => return (n, scores.unwrap()),
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        let (n, scores) = task.await.unwrap();
        if n % 2 == 0 {
            assert_eq!(scores.fused_track, first.fused_track);
            assert_eq!(scores.fused_frames, first.fused_frames);
            assert_eq!(scores.sequence_frames, first.sequence_frames);
        }
    }
}

#[test]
fn a_bundle_may_have_one_of_the_two_models_and_then_the_other_weighs_nothing() {
    for (absent, line) in [
        ("sequence", "sequence = \"sequence\"\n"),
        ("frame", "frame = \"frame\"\n"),
    ] {
        let bundle = TinyBundle::new();
        bundle.edit("bundle.toml", line, "");
        let weight = format!("{absent}_weight");
        let problem = problem_of(load(&bundle));
        assert!(problem.contains(&weight), "{problem}");

        bundle.edit(
            "bundle.toml",
            &format!("{weight} = 0.5"),
            &format!("{weight} = 0.0"),
        );
        let networks = load(&bundle).unwrap();
        let clip = noise_clip(1, 3);
        let scores = score(&networks, &[&clip, &clip]).remove(1);
        assert_eq!(scores.sequence.is_none(), absent == "sequence");
        let frames = if absent == "frame" { 0 } else { 3 };
        assert_eq!(scores.frames.len(), frames);
    }
}

#[test]
fn a_bundle_without_any_model_is_refused() {
    let bundle = TinyBundle::new();
    bundle.edit("bundle.toml", "sequence = \"sequence\"\n", "");
    bundle.edit("bundle.toml", "frame = \"frame\"\n", "");
    let problem = problem_of(load(&bundle));
    assert!(problem.contains("neither"), "{problem}");
}
