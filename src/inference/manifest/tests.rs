//! Manifests of every family, from the parity fixtures.

use super::super::parity::path;
use super::*;

const SEQUENCES: [&str; 4] = ["tiny-seed", "tiny-seed-old", "tiny-lstm-last", "full-seed"];
const FRAMES: [&str; 8] = [
    "tiny-d3",
    "tiny-d3-given",
    "tiny-ufd",
    "tiny-gend",
    "tiny-dinov2",
    "tiny-dinov2-graph",
    "tiny-dinov2-field",
    "tiny-resnet-dropout",
];

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name).join("manifest.toml")).unwrap()
}

/// The parse error, or the problems.
fn problems_of<A: Architecture>(text: &str) -> String {
    match toml::from_str::<Manifest<A>>(text) {
        Err(error) => error.to_string(),
        Ok(manifest) => manifest.problems().join("\n"),
    }
}

/// What is wrong with the manifest of fixture `name` after one replacement.
fn problems_after(name: &str, from: &str, to: &str) -> String {
    let text = text(name);
    assert!(text.contains(from), "{name} has no {from}");
    let text = text.replacen(from, to, 1);
    if SEQUENCES.contains(&name) {
        problems_of::<SequenceArchitecture>(&text)
    } else {
        problems_of::<FrameArchitecture>(&text)
    }
}

#[test]
fn a_manifest_of_every_family_is_accepted() {
    for name in SEQUENCES.into_iter().chain(FRAMES) {
        assert_eq!(
            problems_after(name, "schema = 1", "schema = 1"),
            "",
            "{name}"
        );
    }
}

#[test]
fn a_misspelt_size_is_refused_in_every_family() {
    for name in SEQUENCES.into_iter().chain(FRAMES) {
        let problem = problems_after(name, "[architecture]\n", "[architecture]\nlayrs = 3\n");
        assert!(problem.contains("layrs"), "{name}: {problem}");
    }
}

#[test]
fn a_missing_size_is_named_in_every_family() {
    for name in SEQUENCES.into_iter().chain(FRAMES) {
        let problem = problems_after(name, "\nlayers = ", "\n#");
        assert!(
            problem.contains("missing field `layers`"),
            "{name}: {problem}"
        );
    }
}

#[test]
fn a_permutation_must_be_one_and_be_given_once() {
    for (from, to, named) in [
        (
            "[3, 0,",
            "[3, 3,",
            "permutation must hold each of 0 to 15 once",
        ),
        (
            "[3, 0,",
            "[3,",
            "permutation must hold each of 0 to 15 once",
        ),
        (
            "permutation = ",
            "permutation_seed = 1\npermutation = ",
            "not both",
        ),
        ("permutation = ", "#", "permutation_seed or permutation"),
    ] {
        let problem = problems_after("tiny-d3-given", from, to);
        assert!(problem.contains(named), "{problem}");
    }
}

#[test]
fn labels_must_fit_the_head_in_either_order() {
    for (name, labels, accepted) in [
        ("tiny-ufd", r#"["REAL"]"#, true),
        ("tiny-ufd", r#"["FAKE", "REAL"]"#, false),
        ("tiny-gend", r#"["FAKE", "REAL"]"#, true),
        ("tiny-gend", r#"["FAKE", "FAKE"]"#, false),
        ("tiny-gend", r#"["FAKE"]"#, false),
    ] {
        let written = if name == "tiny-ufd" {
            r#"["FAKE"]"#
        } else {
            r#"["REAL", "FAKE"]"#
        };
        let problem = problems_after(name, written, labels);
        assert_eq!(problem.is_empty(), accepted, "{name} {labels}: {problem}");
        assert!(accepted || problem.contains("output.labels"), "{problem}");
    }
}

#[test]
fn dinov2_needs_a_head_that_is_known_and_a_grid_of_positions() {
    for (from, to, named) in [
        ("head = \"linear\"", "head = \"d3\"", "unknown variant `d3`"),
        ("head = \"linear\"", "", "missing field `head`"),
        (
            "position_grid = 5",
            "position_grid = 0",
            "position_grid must lie between",
        ),
        (
            "position_grid = 5",
            "position_grid = 257",
            "position_grid must lie between",
        ),
        (
            "patch_px = 8",
            "patch_px = 7",
            "patch_px must divide image_px",
        ),
    ] {
        let problem = problems_after("tiny-dinov2", from, to);
        assert!(problem.contains(named), "{problem}");
    }
}

#[test]
fn a_field_lies_in_the_grid_of_patches_and_has_a_map_to_show() {
    for (field, named) in [
        ("[-1, 0, 2, 3]", "within 4 patches a side"),
        ("[1, 0, 0, 3]", "within 4 patches a side"),
        ("[3, 0, 2, 3]", "within 4 patches a side"),
        ("[1, 2, 2, 3]", "within 4 patches a side"),
        ("[1, 0, 9223372036854775807, 3]", "within 4 patches a side"),
        ("[1, 0, 2]", "invalid length"),
        ("[1, 0, 2, 3]\nmask_head = false", "needs the mask head"),
    ] {
        let problem = problems_after("tiny-dinov2-field", "[1, 0, 2, 3]", field);
        assert!(problem.contains(named), "{field}: {problem}");
    }
}

#[test]
fn a_foundation_is_stated_in_full() {
    for (from, to, named) in [
        (
            "file = \"tiny.onnx\"",
            "file = \"a/tiny.onnx\"",
            "foundation.file must be",
        ),
        ("name = \"tiny\"", "name = \"\"", "foundation.name must say"),
        ("source = \"parity.py\"", "", "missing field `source`"),
        ("source = ", "url = \"\"\nsource = ", "unknown field `url`"),
    ] {
        let problem = problems_after("tiny-dinov2-graph", from, to);
        assert!(problem.contains(named), "{problem}");
    }
}

#[test]
fn a_part_of_the_canvas_that_is_none_is_refused() {
    for ratio in ["0.0", "-1.0", "1.01", "nan"] {
        let to = format!("centre_ratio = {ratio}");
        let problem = problems_after("tiny-d3-given", "centre_ratio = 0.77", &to);
        assert!(problem.contains("centre_ratio"), "{ratio}: {problem}");
    }
}
