//! Graphs as exporters leave them, whole and harmed. `scripts/train/parity.py` writes the fixture.

use tract_onnx::pb::ModelProto;
use tract_onnx::pb::{StringStringEntryProto, tensor_proto};

use super::super::super::parity;
use super::*;

fn fixture() -> ModelProto {
    let mut file = File::open(parity::path("foundations/tiny.onnx")).unwrap();
    let model = tract_onnx::onnx().proto_model_for_read(&mut file);
    model.unwrap()
}

/// The initialiser of that name.
fn initialiser<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    let all = &mut model.graph.as_mut().unwrap().initializer;
    let found = all.iter_mut().find(|stored| stored.name == name);
    found.unwrap_or_else(|| panic!("no {name}"))
}

/// Why the fixture is refused after `harm`.
fn refusal(harm: impl FnOnce(&mut ModelProto)) -> String {
    let mut model = fixture();
    harm(&mut model);
    named(model).expect_err("it is refused")
}

#[test]
fn every_tensor_of_the_transformer_is_found_under_its_name_and_nothing_else_is() {
    let found = named(fixture()).unwrap();
    let whole = parity::tensors("tiny-dinov2/weights.safetensors");
    let tower: Vec<_> = whole
        .keys()
        .filter(|name| !name.contains("head."))
        .collect();
    assert_eq!(found.len(), tower.len());
    for name in tower {
        assert_eq!(found[name].size(), whole[name].size(), "{name}");
        // The vectors are those of before training, and some matrices lack what factors add.
        let moves = whole[name].dim() == 1 || MOVED.iter().any(|end| name.ends_with(end));
        assert_eq!(found[name].equal(&whole[name]), !moves, "{name}");
    }
}

/// Matrices that the fixture's training moved, by two factors each.
const MOVED: [&str; 2] = ["query.weight", "fc2.weight"];

#[test]
fn the_difference_holds_what_the_graph_has_other_values_for() {
    let found = named(fixture()).unwrap();
    let difference = parity::tensors("tiny-dinov2-graph/weights.safetensors");
    let moved = difference
        .iter()
        .filter(|(name, _)| !name.contains("head.") && !name.contains(".low_rank."));
    for (name, tensor) in moved {
        assert!(!found[name].equal(tensor), "{name}");
    }
}

#[test]
fn a_tensor_that_is_not_what_it_claims_is_refused_by_name() {
    const TOKEN: &str = "backbone.embeddings.cls_token";
    type Harm = fn(&mut TensorProto);
    let harms: [(Harm, &str); 7] = [
        (|t| t.raw_data.truncate(60), "60 bytes here"),
        (|t| t.dims = vec![1, 1, -16], "-16"),
        (|t| t.dims = vec![1 << 40, 1 << 40], "as many bytes"),
        (|t| t.dims = vec![1, 1, 1, 1, 16], "as many bytes"),
        (|t| t.dims = vec![0], "as many bytes"),
        (
            |t| t.data_type = tensor_proto::DataType::Double as i32,
            "expected 32-bit floats",
        ),
        (
            |t| t.external_data.push(StringStringEntryProto::default()),
            "expected numbers in this file",
        ),
    ];
    for (harm, said) in harms {
        let problem = refusal(|model| harm(initialiser(model, TOKEN)));
        assert!(
            problem.contains(TOKEN) && problem.contains(said),
            "no {said:?} in: {problem}"
        );
    }
}

#[test]
fn a_graph_that_does_not_say_whose_a_constant_is_is_refused() {
    let twice = refusal(|model| {
        let graph = model.graph.as_mut().unwrap();
        let mut products = graph.node.iter_mut().filter(|n| n.op_type == "MatMul");
        let (first, second) = (products.next().unwrap(), products.next().unwrap());
        second.input[1] = first.input[1].clone();
    });
    assert!(twice.contains("has one weight for"), "{twice}");

    let flat = refusal(|model| {
        let mut nodes = model.graph.as_ref().unwrap().node.iter();
        let product = nodes.find(|node| node.op_type == "MatMul").unwrap();
        let weight = product.input[1].clone();
        let stored = initialiser(model, &weight);
        stored.dims = vec![stored.dims.iter().product()];
    });
    assert!(flat.contains("the weight of a linear layer"), "{flat}");

    let half = refusal(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph.node.retain(|node| node.op_type != "Concat");
    });
    assert!(
        half.contains("0 positions for a class token and 1 grids"),
        "{half}"
    );

    let same = refusal(|model| {
        let graph = model.graph.as_mut().unwrap();
        let token = graph.initializer[0].clone();
        graph.initializer.push(token);
    });
    assert!(same.contains("twice"), "{same}");

    let odd = refusal(|model| {
        initialiser(model, "backbone.embeddings.cls_token").name = "backbone.a\u{1b}[31m".into();
    });
    assert!(odd.contains("odd name") && !odd.contains('\u{1b}'), "{odd}");

    let other = refusal(|model| {
        let graph = model.graph.as_mut().unwrap();
        graph
            .initializer
            .retain(|stored| stored.name.starts_with("decoder."));
    });
    assert!(other.contains("no tensors called backbone."), "{other}");
    assert!(refusal(|model| model.graph = None).contains("no graph"));
}

#[test]
fn a_weight_that_nobody_owns_is_missing_from_the_network_and_not_guessed() {
    let mut model = fixture();
    let graph = model.graph.as_mut().unwrap();
    graph.node.retain(|node| node.op_type != "Add");
    let found = named(model).unwrap();
    assert!(!found.contains_key("encoder.layer.0.mlp.fc1.weight"));
}

#[test]
fn bytes_that_are_no_graph_are_an_error() {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &[0x08, 7, 0xff, 0xff, 0xff]).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let problem = tensors(file).unwrap_err();
    assert!(problem.contains("no ONNX graph"), "{problem}");
}

#[test]
fn a_file_larger_than_any_graph_is_refused_unread() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(LARGEST_FILE_BYTES + 1).unwrap();
    let problem = tensors(file).unwrap_err();
    assert!(
        problem.contains("larger than 2147483648 bytes"),
        "{problem}"
    );
}
