//! Distances from the training data as the engine gives them, on tiny networks and on the shipped
//! one.

use std::collections::HashMap;
use std::path::Path;

use tch::Tensor;

use super::bundle::{Bundle, Models};
use super::clip::Clip;
use super::engine::{EngineScores, Networks};
use super::engine_tests::{load, numbers, on_cpu, problem_of, score};
use super::fixture::{TinyBundle, noise_clip};
use crate::domain::{CROP_CANVAS_PX, Rgb8Image};

#[test]
fn distances_come_beside_scores_that_stay_the_same() {
    let bundle = TinyBundle::new();
    let clips = [noise_clip(1, 5), noise_clip(2, 3)];
    let clips: Vec<&Clip> = clips.iter().collect();
    let without = score(&load(&bundle).unwrap(), &clips);
    bundle.add_familiarity(1.5);
    let with = score(&load(&bundle).unwrap(), &clips);
    for (without, with) in without.iter().zip(&with) {
        assert_eq!(without.familiarity, None);
        assert_eq!(numbers(without), numbers(with));
        let familiarity = with.familiarity.unwrap();
        assert_eq!(familiarity.limit, 1.5);
        assert!(familiarity.distance > 0.0);
    }
    assert_ne!(with[0].familiarity, with[1].familiarity);
}

#[test]
fn a_still_image_lies_where_a_track_of_its_one_frame_lies() {
    let bundle = TinyBundle::new();
    bundle.add_familiarity(1.5);
    let networks = load(&bundle).unwrap();
    let moving = noise_clip(4, 1);
    let still = Clip {
        is_still: true,
        ..moving.clone()
    };
    let scores = score(&networks, &[&still, &moving, &still]);
    assert_eq!(scores[0].sequence, None);
    assert!(scores[0].familiarity.is_some());
    for clip in &scores[1..] {
        let distance = |s: &EngineScores| s.familiarity.unwrap().distance;
        assert!((distance(clip) - distance(&scores[0])).abs() < 1e-4);
    }
}

#[test]
fn a_familiarity_table_that_cannot_be_used_is_refused() {
    for (from, to, named) in [
        ("limit = 1.5", "limit = 0.0", "familiarity.limit"),
        (
            "stage = 1",
            "stage = 3",
            "familiarity.stage must lie between 1 and 2",
        ),
        (
            "stage = 1",
            "stage = 2",
            "mean has shape [32], expected [64]",
        ),
        ("stage = 1", "layer = 1", "layer"),
        ("region.safetensors", "../region", "familiarity.file"),
    ] {
        let bundle = TinyBundle::new();
        bundle.add_familiarity(1.5);
        bundle.edit("sequence/manifest.toml", from, to);
        let problem = problem_of(load(&bundle));
        assert!(problem.contains(named), "{named} is missing in: {problem}");
    }
    let bundle = TinyBundle::new();
    let table = "[familiarity]\nfile = \"a\"\nsha256 = \"b\"\nlimit = 1.0\n[calibration]";
    bundle.edit("frame/manifest.toml", "[calibration]", table);
    assert!(problem_of(load(&bundle)).contains("sequence models only"));
}

/// `scripts/train/familiarity.py --fixture` states what PyTorch gives for these canvases.
#[test]
fn the_shipped_models_distance_of_a_track_is_what_pytorch_gives() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = repository.join("tests/fixtures/familiarity/shipped.safetensors");
    let fixture: HashMap<String, Tensor> = Tensor::read_safetensors(fixture)
        .unwrap()
        .into_iter()
        .collect();
    let canvases = &fixture["canvases"];
    let canvas = |i| {
        let pixels = Vec::<u8>::try_from(canvases.get(i).flatten(0, -1)).unwrap();
        Rgb8Image::new(CROP_CANVAS_PX, CROP_CANVAS_PX, pixels).unwrap()
    };
    let clip = Clip {
        crops: (0..canvases.size()[0]).map(canvas).collect(),
        is_still: false,
    };
    let bundle = Bundle::read(&repository.join("models")).unwrap();
    // The sequence model alone measures it, and needs nobody's foundation.
    let models = Models {
        frame: None,
        ..bundle.models.clone()
    };
    let networks = Networks::load(bundle.folder(), &models, on_cpu(64)).unwrap();
    let expected = fixture["distance"].double_value(&[0]);
    let familiarity = score(&networks, &[&clip])[0].familiarity.unwrap();
    let difference = (f64::from(familiarity.distance) - expected).abs() / expected;
    assert!(
        difference <= 1e-4,
        "{} for {expected}; write the fixture again when the weights changed",
        familiarity.distance
    );
}
