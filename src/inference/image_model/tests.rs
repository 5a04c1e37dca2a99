//! Image models against ONNX Runtime and PyTorch; the references are written by
//! `scripts/train/image_models.py`.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use super::{Expected, ImageFormat, ImageModel};

const SIDE: i64 = 64;

fn fixture(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/image-models");
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is missing; write it with scripts/train/image_models.py",
        path.display()
    );
    path
}

fn load_as(
    path: &Path,
    format: ImageFormat,
    size_px: i64,
    outputs: i64,
) -> Result<ImageModel, String> {
    let sha256 = hex::encode(Sha256::digest(fs::read(path).unwrap()));
    let expected = Expected {
        sha256: &sha256,
        format,
        size_px,
        outputs,
        device: Device::Cpu,
    };
    ImageModel::load(path, &expected)
}

fn load(name: &str, format: ImageFormat) -> ImageModel {
    load_as(&fixture(name), format, SIDE, 2).unwrap()
}

fn problem(result: Result<ImageModel, String>) -> String {
    result.err().expect("the file is refused")
}

fn reference(name: &str) -> Tensor {
    let tensors = Tensor::read_safetensors(fixture("pictures.safetensors")).unwrap();
    let mut named = tensors.into_iter().filter(|(n, _)| n == name);
    named.next().expect("a reference of that name").1
}

fn largest_difference(model: &ImageModel, name: &str) -> f64 {
    let _no_grad = tch::no_grad_guard();
    let actual = model.run(&reference("pictures")).unwrap();
    f64::try_from((actual - reference(name)).abs().max()).unwrap()
}

#[test]
fn a_dynamic_quantised_network_gives_what_onnx_runtime_gives() {
    let difference = largest_difference(&load("int8.onnx", ImageFormat::Onnx), "int8");
    assert!(difference < 1e-3, "{difference}");
}

#[test]
fn a_network_that_takes_channels_last_gets_them_so() {
    let model = load("channels-last.onnx", ImageFormat::Onnx);
    let difference = largest_difference(&model, "channels_last");
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn a_torchscript_module_gives_what_pytorch_gives() {
    let model = load("module.pt", ImageFormat::TorchScript);
    let difference = largest_difference(&model, "module");
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn a_picture_gets_the_same_outputs_alone_and_among_others() {
    let model = load("int8.onnx", ImageFormat::Onnx);
    let pictures = reference("pictures");
    let together = model.run(&pictures).unwrap();
    let alone = model.run(&pictures.narrow(0, 1, 1)).unwrap();
    assert_eq!(together.narrow(0, 1, 1), alone);
}

#[test]
fn a_size_that_the_graph_does_not_take_is_said_with_the_one_it_takes() {
    let path = fixture("int8.onnx");
    let error = problem(load_as(&path, ImageFormat::Onnx, 96, 2));
    assert!(error.contains("[?, 3, 64, 64]"), "{error}");
    assert!(error.contains("size_px"), "{error}");
    assert!(error.contains("int8.onnx"), "{error}");
}

#[test]
fn a_number_of_outputs_that_is_not_that_of_the_labels_is_refused() {
    for (name, format) in [
        ("int8.onnx", ImageFormat::Onnx),
        ("module.pt", ImageFormat::TorchScript),
    ] {
        let error = problem(load_as(&fixture(name), format, SIDE, 1));
        assert!(error.contains("one number per label"), "{error}");
    }
}

#[test]
fn a_file_with_another_digest_is_not_even_parsed() {
    let expected = Expected {
        sha256: &"0".repeat(64),
        format: ImageFormat::TorchScript,
        size_px: SIDE,
        outputs: 2,
        device: Device::Cpu,
    };
    let error = problem(ImageModel::load(&fixture("module.pt"), &expected));
    assert!(
        error.contains("SHA-256") && error.contains("module.pt"),
        "{error}"
    );
}

#[test]
fn files_of_another_kind_and_cut_ones_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("brought.bin");
    let graph = fs::read(fixture("int8.onnx")).unwrap();
    let module = fs::read(fixture("module.pt")).unwrap();
    for (bytes, format) in [
        (&graph[..], ImageFormat::TorchScript),
        (&module[..], ImageFormat::Onnx),
        (b"", ImageFormat::Onnx),
        (b"", ImageFormat::TorchScript),
        (&graph[..graph.len() / 2], ImageFormat::Onnx),
        (&module[..module.len() / 2], ImageFormat::TorchScript),
    ] {
        fs::write(&path, bytes).unwrap();
        let error = problem(load_as(&path, format, SIDE, 2));
        assert!(error.contains("brought.bin"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_graph_with_a_changed_byte_is_refused_or_runs_and_never_ends_the_program(
        place in 0.0..1.0f64,
        value in any::<u8>(),
    ) {
        let mut bytes = fs::read(fixture("int8.onnx")).unwrap();
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] = value;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("changed.onnx");
        fs::write(&path, bytes).unwrap();
        if let Err(error) = load_as(&path, ImageFormat::Onnx, SIDE, 2) {
            prop_assert!(error.contains("changed.onnx"), "{}", error);
        }
    }
}
