//! Networks on foundations: where their tensors come from, and what is refused.

use std::fs;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use super::super::bundle::Bundle;
use super::super::engine::EngineScores;
use super::super::engine::Networks;
use super::super::engine_tests::{numbers, on_cpu, problem_of, score};
use super::super::fixture::{TinyBundle, noise_clip};
use super::super::model::Running;
use super::super::{FoundationFolders, InferenceError, ModelWorker};
use super::*;

fn load(bundle: &TinyBundle) -> Result<Networks, InferenceError> {
    let read = Bundle::read(bundle.path())?;
    let shared = bundle.path().join("shared");
    let running = Running {
        foundations: &FoundationFolders::new(bundle.path(), &shared),
        ..on_cpu(16)
    };
    Networks::load(bundle.path(), &read.models, running)
}

fn scores(bundle: &TinyBundle) -> EngineScores {
    score(&load(bundle).unwrap(), &[&noise_clip(1, 2)]).remove(0)
}

fn is_of_tower(name: &str) -> bool {
    !name.contains("head.")
}

#[test]
fn a_network_in_two_files_scores_as_in_one_and_names_both() {
    let whole = TinyBundle::with_dinov2();
    let parted = TinyBundle::with_dinov2();
    parted.found_frame_on(is_of_tower);
    assert_eq!(scores(&parted), scores(&whole));
    let models = Bundle::read(parted.path()).unwrap().models();
    let foundation = models[1].foundation.as_ref().unwrap();
    assert_eq!(
        (&*foundation.name, &*foundation.licence),
        ("tiny-base", "MIT")
    );
    assert_ne!(foundation.sha256, models[1].sha256);
    assert_eq!(
        Bundle::read(whole.path()).unwrap().models()[1].foundation,
        None
    );
}

#[test]
fn what_was_trained_stands_before_what_the_foundation_holds() {
    let bundle = TinyBundle::with_dinov2();
    bundle.found_frame_on(is_of_tower);
    let before = scores(&bundle);
    let moved = Tensor::full([24], 3.0, (Kind::Float, Device::Cpu));
    bundle.change_weights("frame", |tensors| {
        tensors.push(("layernorm.bias".into(), moved));
    });
    let (before, after) = (numbers(&before), numbers(&scores(&bundle)));
    // The logits of the sequence model come first and stay.
    assert_eq!(before[..3], after[..3]);
    assert!(before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 1e-3));
}

const MATRIX: &str = "encoder.layer.0.mlp.fc1";

/// Adds factors of rank 3 of these shapes to the difference of `bundle`.
fn add_factors(bundle: &TinyBundle, up: &[i64], down: &[i64]) -> [Tensor; 2] {
    let pattern = |shape: &[i64], scale: f64| {
        let count = shape.iter().product::<i64>();
        let values = Tensor::arange(count, (Kind::Float, Device::Cpu));
        (values.remainder(7) * scale).reshape(shape)
    };
    let factors = [pattern(up, 0.05), pattern(down, -0.04)];
    bundle.change_weights("frame", |tensors| {
        for (name, factor) in ["up", "down"].iter().zip(&factors) {
            tensors.push((format!("{MATRIX}.low_rank.{name}"), factor.shallow_clone()));
        }
    });
    factors
}

#[test]
fn a_matrix_moved_by_factors_scores_as_the_moved_matrix_itself() {
    let [by_factors, whole] = [TinyBundle::with_dinov2(), TinyBundle::with_dinov2()];
    for bundle in [&by_factors, &whole] {
        bundle.found_frame_on(is_of_tower);
    }
    let before = scores(&by_factors);
    let [up, down] = add_factors(&by_factors, &[96, 3], &[3, 24]);
    let base = whole.path().join("foundations/base.safetensors");
    let base = Tensor::read_safetensors(base).unwrap();
    let name = format!("{MATRIX}.weight");
    let (_, matrix) = base.into_iter().find(|(found, _)| *found == name).unwrap();
    whole.change_weights("frame", |tensors| {
        tensors.push((name, matrix + up.matmul(&down)));
    });
    assert_eq!(scores(&by_factors), scores(&whole));
    assert_ne!(scores(&by_factors), before);
}

#[test]
fn factors_that_do_not_fit_their_matrix_are_refused_by_name() {
    for (up, down) in [([95, 3], [3, 24]), ([96, 3], [2, 24]), ([96, 3], [3, 23])] {
        let bundle = TinyBundle::with_dinov2();
        bundle.found_frame_on(is_of_tower);
        let _ = add_factors(&bundle, &up, &down);
        let problem = problem_of(load(&bundle));
        let said = format!(
            "the factors of {MATRIX}.weight have shapes {up:?} and {down:?}, expected [outputs, R] \
             and [R, inputs] of [96, 24]"
        );
        assert!(problem.contains(&said), "no {said:?} in: {problem}");
    }
}

#[test]
fn a_factor_without_its_other_half_or_its_matrix_is_refused_by_name() {
    let bundle = TinyBundle::with_dinov2();
    bundle.found_frame_on(is_of_tower);
    let _ = add_factors(&bundle, &[96, 3], &[3, 24]);
    let lone = Tensor::zeros([2, 2], (Kind::Float, Device::Cpu));
    bundle.change_weights("frame", |tensors| {
        tensors.retain(|(name, _)| !name.ends_with("low_rank.up"));
        tensors.push(("encoder.layer.9.mlp.fc1.low_rank.up".into(), lone));
    });
    let problem = problem_of(load(&bundle));
    for said in [
        format!("{MATRIX}.low_rank.down stands without its other factor"),
        "encoder.layer.9.mlp.fc1.low_rank.up is not part of this architecture".into(),
    ] {
        assert!(problem.contains(&said), "no {said:?} in: {problem}");
    }
}

#[test]
fn a_foundation_may_lie_where_the_settings_say() {
    let bundle = TinyBundle::with_dinov2();
    let path = bundle.found_frame_on(is_of_tower);
    let shared = bundle.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::rename(&path, shared.join("base.safetensors")).unwrap();
    assert!(ModelWorker::start(bundle.settings()).is_ok());
}

/// The error of a service that starts on `bundle`.
fn refusal(bundle: &TinyBundle) -> String {
    let error = ModelWorker::start(bundle.settings()).err();
    let error = error.expect("the foundation is refused");
    assert_eq!(error.code(), "bad-bundle");
    error.to_string()
}

#[test]
fn an_absent_foundation_is_refused_with_where_to_put_which_file() {
    let bundle = TinyBundle::with_dinov2();
    let path = bundle.found_frame_on(is_of_tower);
    let sha256 = digest(&path);
    fs::remove_file(&path).unwrap();
    let problem = refusal(&bundle);
    for said in [
        "foundation tiny-base: base.safetensors is not in",
        "scripts/setup.sh",
        "the file of a package",
        &sha256,
        &format!("at {}", path.display()),
        &bundle.path().join("shared").display().to_string(),
    ] {
        assert!(problem.contains(said), "no {said:?} in: {problem}");
    }
}

#[test]
fn a_foundation_with_one_bit_changed_or_of_another_version_is_refused_unread() {
    let bundle = TinyBundle::with_dinov2();
    let path = bundle.found_frame_on(is_of_tower);
    let bytes = fs::read(&path).unwrap();
    let expected = digest(&path);
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    let mut other = Tensor::read_safetensors(&path).unwrap();
    for (_, tensor) in &mut other {
        *tensor = &*tensor * 1.5;
    }
    let another = path.with_extension("another");
    Tensor::write_safetensors(&other, &another).unwrap();
    for bytes in [changed, fs::read(&another).unwrap(), b"no weights".to_vec()] {
        fs::write(&path, bytes).unwrap();
        let problem = refusal(&bundle);
        for said in [
            "foundation tiny-base: ",
            &path.display().to_string(),
            &format!("SHA-256 is {}", digest(&path)),
            &expected,
            "scripts/setup.sh",
            "the file of a package in its place",
        ] {
            assert!(problem.contains(said), "no {said:?} in: {problem}");
        }
    }
    fs::write(&path, bytes).unwrap();
    assert!(load(&bundle).is_ok());
}

#[test]
fn missing_extra_and_misshapen_tensors_are_named_with_their_file() {
    let bundle = TinyBundle::with_dinov2();
    let path = bundle.found_frame_on(|name| is_of_tower(name) && name != "layernorm.bias");
    let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    bundle.change_weights("frame", |tensors| {
        tensors.retain(|(name, _)| name != "layernorm.bias");
        tensors.push(("encoder.layer.0.norm1.bias".into(), zeros(&[23])));
        tensors.push(("encoder.layer.2.norm1.bias".into(), zeros(&[24])));
    });
    let problem = problem_of(load(&bundle));
    let difference = bundle.path().join("frame/weights.safetensors");
    let (difference, base) = (difference.display(), path.display());
    for said in [
        format!("{difference} and {base}: layernorm.bias [24] is missing"),
        format!("{difference}: encoder.layer.0.norm1.bias has shape [23], expected [24]"),
        format!("{difference}: encoder.layer.2.norm1.bias is not part of this architecture"),
    ] {
        assert!(problem.contains(&said), "no {said:?} in: {problem}");
    }
    bundle.edit("frame/manifest.toml", "layers = 2", "layers = 1");
    let problem = problem_of(load(&bundle));
    let said = format!("{base}: encoder.layer.1.mlp.fc1.bias is not part of this architecture");
    assert!(problem.contains(&said), "no {said:?} in: {problem}");
}

#[test]
fn the_table_is_checked_and_an_image_model_has_none() {
    let bundle = TinyBundle::with_dinov2();
    bundle.found_frame_on(is_of_tower);
    bundle.edit(
        "frame/manifest.toml",
        "base.safetensors",
        "../base.safetensors",
    );
    bundle.edit(
        "frame/manifest.toml",
        "family = \"dinov2-vit\"",
        "family = \"onnx\"",
    );
    for line in [
        "image_px = 64\n",
        "patch_px = 16\n",
        "width = 24\n",
        "layers = 2\n",
        "heads = 3\n",
        "head = \"linear\"\n",
        "position_grid = 5\n",
    ] {
        bundle.edit("frame/manifest.toml", line, "");
    }
    let problem = problem_of(load(&bundle));
    for said in [
        "foundation.file must be a plain file name",
        "the file of an image model holds all of it",
    ] {
        assert!(problem.contains(said), "no {said:?} in: {problem}");
    }
}

#[test]
fn a_checkpoint_of_metas_serves_as_a_foundation_too() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
    let path = fixtures.join("dinov2-meta.pth");
    let opened = opened(path.clone(), File::open(&path).unwrap());
    assert!(matches!(opened, Ok(OpenFoundation::Weights(_))));
}

fn digest(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(fs::read(path).unwrap()))
}
