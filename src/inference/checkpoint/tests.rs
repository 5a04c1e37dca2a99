//! Files that PyTorch, transformers and safetensors wrote (`scripts/train/checkpoints.py`) are read
//! as what they hold; files that are no weights are refused with a sentence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::*;

pub(super) fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/checkpoints")
        .join(name);
    assert!(
        path.is_file(),
        "{} is missing; write it with scripts/train/checkpoints.py",
        path.display()
    );
    path
}

/// What a network of the fixtures holds, under its own names.
fn expected(network: &str) -> BTreeMap<String, Tensor> {
    let all = Tensor::read_safetensors(fixture("expected.safetensors")).unwrap();
    let own = all.into_iter();
    own.filter_map(|(name, t)| Some((name.strip_prefix(network)?.to_owned(), t)))
        .collect()
}

fn read(name: &str) -> BTreeMap<String, Tensor> {
    let file = Checkpoint::open(&fixture(name)).unwrap_or_else(|e| panic!("{e}"));
    let tensors = file.tensors().iter();
    tensors
        .map(|(name, stored)| (name.clone(), file.read(stored).unwrap()))
        .collect()
}

fn refusal(path: &Path) -> String {
    let problem = Checkpoint::open(path).unwrap_err().to_string();
    let named = path.display().to_string();
    assert!(problem.starts_with(&named), "{problem}");
    problem
}

fn assert_same(file: &str, actual: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>) {
    let names = |tensors: &BTreeMap<String, Tensor>| tensors.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(actual), names(expected), "{file}");
    for (name, tensor) in expected {
        assert_eq!(&actual[name], tensor, "{file}: {name}");
        assert_eq!(actual[name].kind(), tensor.kind(), "{file}: {name}");
        assert!(actual[name].is_contiguous(), "{file}: {name}");
    }
}

#[test]
fn every_way_to_save_the_same_tensors_reads_the_same() {
    let expected = expected("plain.");
    for file in [
        "plain.pth",
        "protocol-5.pth",
        "state-dict.pth",
        "model-state-dict.pth",
        "training-dump.pth",
        "data-parallel.pth",
        "parameters.pth",
        "half.pth",
        "bfloat16.pth",
        "double.pth",
        "half.safetensors",
        "strided.pth",
        "scripted.pt",
    ] {
        assert_same(file, &read(file), &expected);
    }
}

#[test]
fn a_prefix_that_every_name_has_is_taken_off_and_model_is_left_to_the_network() {
    let names: Vec<_> = read("compiled-backbone.pth").into_keys().collect();
    assert!(names.contains(&"model.fc.weight".to_owned()), "{names:?}");
    assert!(names.iter().all(|n| n.starts_with("model.")), "{names:?}");
}

#[test]
fn both_layouts_of_clip_become_openais() {
    let expected = expected("clip.");
    for file in [
        "clip-openai.pt",
        "clip-hugging-face.safetensors",
        "gend.safetensors",
    ] {
        let opened = Checkpoint::open(&fixture(file)).unwrap();
        let recipes = Naming::Clip.translate(opened.tensors());
        for (name, tensor) in &expected {
            let recipe = recipes
                .get(name)
                .unwrap_or_else(|| panic!("{file}: {name}"));
            assert_eq!(recipe.shape(), tensor.size(), "{file}: {name}");
            assert_eq!(&recipe.read(&opened).unwrap(), tensor, "{file}: {name}");
        }
        let others = recipes.keys().filter(|name| !expected.contains_key(*name));
        let left: Vec<_> = others.filter(|n| !Naming::Clip.may_be_left(n)).collect();
        let head = ["model.linear.bias", "model.linear.weight"];
        match file {
            "gend.safetensors" => assert_eq!(left, head),
            _ => assert!(left.is_empty(), "{file}: {left:?}"),
        }
    }
}

#[test]
fn only_clip_files_may_hold_more_than_the_network_asks_for() {
    for name in ["logit_scale", "text_model.x", "transformer.resblocks.0.x"] {
        assert!(Naming::Clip.may_be_left(name), "{name}");
        assert!(!Naming::Own.may_be_left(name), "{name}");
    }
    for name in ["visual.ln_post.bias", "fc.weight", "attention_head.fc.bias"] {
        assert!(!Naming::Clip.may_be_left(name), "{name}");
    }
}

#[test]
fn a_projection_without_its_siblings_keeps_its_name() {
    let file = Checkpoint::open(&fixture("clip-hugging-face.safetensors")).unwrap();
    let mut tensors = file.tensors().clone();
    let gone = "vision_model.encoder.layers.0.self_attn.v_proj.weight";
    tensors.remove(gone).unwrap();
    let recipes = Naming::Clip.translate(&tensors);
    assert!(recipes.contains_key(&gone.replace("v_proj", "q_proj")));
    assert!(recipes.contains_key(&gone.replace("v_proj", "k_proj")));
    assert!(!recipes.contains_key("visual.transformer.resblocks.0.attn.in_proj_weight"));
    assert!(recipes.contains_key("visual.transformer.resblocks.0.attn.in_proj_bias"));
}

#[test]
fn what_is_no_state_dict_is_refused_with_what_to_do() {
    for (file, sentence) in [
        (
            "whole-model.pth",
            "names torch.nn.modules.container.Sequential",
        ),
        ("whole-model.pth", "torch.save(model.state_dict(), FILE)"),
        ("two-states.pth", "under state_dict and under model"),
        (
            "nothing.pth",
            "a dictionary of net, epoch, not a state dict",
        ),
        ("legacy.pth", "before 1.6"),
        ("legacy.pth", "save it again"),
    ] {
        let problem = refusal(&fixture(file));
        assert!(problem.contains(sentence), "no {sentence:?} in: {problem}");
    }
}

#[test]
fn other_formats_are_told_apart_by_their_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, sentence) in [
        (&b""[..], "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\n<!DOCTYPE html><title>404</title>", "web page"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x08\x08\x12\x07pytorch", "unknown format"),
        (&tar, "before 1.6"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let problem = refusal(&path);
        assert!(problem.contains(sentence), "no {sentence:?} in: {problem}");
    }
}

#[test]
fn the_format_is_told_by_the_content_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let renamed = folder.path().join("weights.safetensors");
    std::fs::copy(fixture("plain.pth"), &renamed).unwrap();
    let file = Checkpoint::open(&renamed).unwrap();
    assert!(file.tensors().contains_key("fc.weight"));
}

#[test]
fn types_and_shapes_are_known_before_anything_is_read() {
    let file = Checkpoint::open(&fixture("half.pth")).unwrap();
    let stored = &file.tensors()["stem.0.weight"];
    assert_eq!(stored.element(), Element::F16);
    assert_eq!(stored.shape(), [4, 3, 3, 3]);
    assert_eq!(file.read(stored).unwrap().kind(), Kind::Float);
    let counter = &file.tensors()["stem.1.num_batches_tracked"];
    assert_eq!(counter.element(), Element::I64);
}
