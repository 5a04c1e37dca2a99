//! Files put together for a network: prefixes, several files, names behind `model.`, and what is
//! wrong with them.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tch::{Device, Tensor};
use tempfile::TempDir;

use super::ModelWorker;
use super::checkpoint::Naming;
use super::fixture::TinyBundle;
use super::weight_files::Weights;
use super::weights::{Scope, Tensors};

/// A folder with copies of fixtures, each with its digest.
struct Folder {
    folder: TempDir,
    toml: String,
}

impl Folder {
    fn new(main: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sha256 = plant(folder.path(), main);
        Self {
            folder,
            toml: format!("file = {main:?}\nsha256 = {sha256:?}\n"),
        }
    }

    fn with(mut self, file: &str, prefix: &str) -> Self {
        let sha256 = plant(self.folder.path(), file);
        self.toml +=
            &format!("[[more]]\nfile = {file:?}\nsha256 = {sha256:?}\nprefix = {prefix:?}\n");
        self
    }

    fn open(&self, naming: Naming) -> Result<Tensors, Vec<String>> {
        let weights: Weights = toml::from_str(&self.toml).unwrap();
        assert_eq!(weights.problems(), Vec::<String>::new());
        Tensors::open(self.folder.path(), &weights, naming, Device::Cpu)
    }

    /// What is wrong with the files for a network that takes `names` alone.
    fn problems(&self, naming: Naming, take: impl FnOnce(Scope<'_>)) -> Vec<String> {
        let mut tensors = self.open(naming).unwrap_or_else(|p| panic!("{p:?}"));
        take(tensors.root());
        let path = self.folder.path().display().to_string();
        let problems = tensors.finish().into_iter();
        problems
            .map(|p| p.replace(&format!("{path}/"), ""))
            .collect()
    }
}

/// Copies a fixture; its digest.
fn plant(folder: &Path, name: &str) -> String {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/checkpoints")
        .join(name);
    let bytes = fs::read(&from).unwrap_or_else(|e| {
        panic!(
            "{}: {e}; write it with scripts/train/checkpoints.py",
            from.display()
        )
    });
    fs::write(folder.join(name), &bytes).unwrap();
    hex::encode(Sha256::digest(bytes))
}

/// Takes everything that the small network of the fixtures has.
fn small(mut root: Scope<'_>) {
    let _ = root.tensor("fc.weight", &[2, 4]);
    let _ = root.tensor("fc.bias", &[2]);
    let _ = root.tensor("stem.0.weight", &[4, 3, 3, 3]);
    let mut norm = root.at("stem.1");
    for name in ["weight", "bias", "running_mean", "running_var"] {
        let _ = norm.tensor(name, &[4]);
    }
    norm.counter("num_batches_tracked");
}

/// Takes the vision tower of the fixtures' CLIP, without its projection.
fn tower(mut root: Scope<'_>) {
    let mut visual = root.at("visual");
    let _ = visual.tensor("class_embedding", &[8]);
    let _ = visual.tensor("positional_embedding", &[5, 8]);
    let _ = visual.tensor("conv1.weight", &[8, 3, 4, 4]);
    for norm in ["ln_pre", "ln_post"] {
        let _ = visual.at(norm).tensor("weight", &[8]);
        let _ = visual.at(norm).tensor("bias", &[8]);
    }
    let mut block = visual.at("transformer.resblocks.0");
    for (name, shape) in [
        ("attn.in_proj_weight", &[24, 8][..]),
        ("attn.in_proj_bias", &[24]),
        ("attn.out_proj.weight", &[8, 8]),
        ("attn.out_proj.bias", &[8]),
        ("mlp.c_fc.weight", &[32, 8]),
        ("mlp.c_fc.bias", &[32]),
        ("mlp.c_proj.weight", &[8, 32]),
        ("mlp.c_proj.bias", &[8]),
    ] {
        let _ = block.tensor(name, shape);
    }
    for norm in ["ln_1", "ln_2"] {
        let _ = block.at(norm).tensor("weight", &[8]);
        let _ = block.at(norm).tensor("bias", &[8]);
    }
}

const NONE: Vec<String> = Vec::new();

#[test]
fn a_backbone_is_found_behind_model_where_the_network_has_no_such_prefix() {
    let folder = Folder::new("compiled-backbone.pth");
    assert_eq!(folder.problems(Naming::Own, small), NONE);
}

#[test]
fn every_clip_file_fills_the_vision_tower_and_may_hold_the_rest_of_clip() {
    for file in ["clip-openai.pt", "clip-hugging-face.safetensors"] {
        assert_eq!(
            Folder::new(file).problems(Naming::Clip, tower),
            NONE,
            "{file}"
        );
    }
    let with_head = |mut root: Scope<'_>| {
        let _ = root.tensor("attention_head.fc.weight", &[1, 2]);
        tower(root);
    };
    for folder in [
        Folder::new("d3-full.pth"),
        Folder::new("clip-openai.pt").with("head.pth", "attention_head."),
    ] {
        assert_eq!(folder.problems(Naming::Clip, with_head), NONE);
    }
    let gend = Folder::new("gend.safetensors").problems(Naming::Clip, |mut root| {
        let _ = root.tensor("model.linear.weight", &[2, 8]);
        let _ = root.tensor("linear.bias", &[2]);
        tower(root);
    });
    assert_eq!(gend, NONE);
}

#[test]
fn dinov2_is_read_in_metas_names_and_in_hugging_faces() {
    let files = ["dinov2-meta.pth", "dinov2-hugging-face.safetensors"];
    let [meta, hugging_face] = files.map(|file| {
        let mut tensors = Folder::new(file).open(Naming::DinoV2).unwrap();
        let mut root = tensors.root();
        let mut taken = Vec::new();
        for (name, shape) in [
            ("embeddings.cls_token", &[1, 1, 8][..]),
            ("embeddings.position_embeddings", &[1, 5, 8]),
            (
                "embeddings.patch_embeddings.projection.weight",
                &[8, 3, 4, 4],
            ),
            ("embeddings.patch_embeddings.projection.bias", &[8]),
            ("layernorm.weight", &[8]),
            ("layernorm.bias", &[8]),
        ] {
            taken.push(root.tensor(name, shape));
        }
        let mut layer = root.at("encoder.layer.0");
        for linear in ["query", "key", "value"] {
            let mut linear = layer.at(format!("attention.attention.{linear}"));
            taken.push(linear.tensor("weight", &[8, 8]));
            taken.push(linear.tensor("bias", &[8]));
        }
        for (name, shape) in [
            ("attention.output.dense.weight", &[8, 8][..]),
            ("attention.output.dense.bias", &[8]),
            ("layer_scale1.lambda1", &[8]),
            ("norm1.weight", &[8]),
            ("norm1.bias", &[8]),
            ("mlp.fc1.weight", &[32, 8]),
            ("mlp.fc1.bias", &[32]),
            ("mlp.fc2.weight", &[8, 32]),
            ("mlp.fc2.bias", &[8]),
            ("layer_scale2.lambda1", &[8]),
            ("norm2.weight", &[8]),
            ("norm2.bias", &[8]),
        ] {
            taken.push(layer.tensor(name, shape));
        }
        // The token that nobody asks for may be left.
        assert_eq!(tensors.finish(), NONE, "{file}");
        taken
    });
    for (a, b) in meta.iter().zip(&hugging_face) {
        assert!(a.equal(b));
    }
}

#[test]
fn the_rest_of_clip_is_not_accepted_for_other_networks() {
    let problems = Folder::new("clip-openai.pt").problems(Naming::Own, tower);
    let named = |name: &str| problems.iter().any(|p| p.contains(name));
    assert!(
        named("logit_scale is not part of this architecture"),
        "{problems:?}"
    );
    assert!(named("and 2 more tensors"), "{problems:?}");
}

#[test]
fn a_head_without_its_prefix_is_missing_and_extra_and_never_random() {
    let folder = Folder::new("clip-openai.pt").with("head.pth", "");
    let problems = folder.problems(Naming::Clip, |mut root| {
        let _ = root.tensor("attention_head.fc.weight", &[1, 2]);
        tower(root);
    });
    let expected = [
        "clip-openai.pt and head.pth: attention_head.fc.weight [1, 2] is missing",
        "head.pth: fc.weight is not part of this architecture",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn a_name_in_two_files_is_an_error_naming_both() {
    let folder = Folder::new("plain.pth").with("half.pth", "");
    let problems = folder.problems(Naming::Own, small);
    assert_eq!(problems.len(), 8, "{problems:?}");
    assert!(problems.contains(&"half.pth: fc.bias is in plain.pth too".to_owned()));
}

#[test]
fn missing_extra_misshapen_and_mistyped_tensors_are_one_error_naming_the_file() {
    let problems = Folder::new("plain.pth").problems(Naming::Own, |mut root| {
        let _ = root.tensor("fc.weight", &[3, 4]);
        let _ = root.tensor("stem.1.num_batches_tracked", &[]);
        root.counter("fc.bias");
        let _ = root.tensor("fc2.weight", &[2, 2]);
        let _ = root.tensor("stem.0.weight", &[4, 3, 3, 3]);
    });
    let expected = [
        "plain.pth: fc.weight has shape [2, 4], expected [3, 4]",
        "plain.pth: stem.1.num_batches_tracked has type I64, expected Float",
        "plain.pth: fc.bias has type F32, expected Int64",
        "plain.pth: fc2.weight [2, 2] is missing",
        "plain.pth: stem.1.bias is not part of this architecture",
        "plain.pth: stem.1.running_mean is not part of this architecture",
        "plain.pth: stem.1.running_var is not part of this architecture",
        "plain.pth: stem.1.weight is not part of this architecture",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn every_file_that_is_gone_changed_or_hostile_is_named() {
    let folder = Folder::new("plain.pth")
        .with("head.pth", "a.")
        .with("whole-model.pth", "b.");
    fs::remove_file(folder.folder.path().join("plain.pth")).unwrap();
    fs::write(folder.folder.path().join("head.pth"), b"changed").unwrap();
    let problems = folder.open(Naming::Own).err().unwrap();
    assert_eq!(problems.len(), 3, "{problems:?}");
    for (problem, (file, sentence)) in problems.iter().zip([
        ("plain.pth", "cannot be read"),
        ("head.pth", "the manifest says"),
        (
            "whole-model.pth",
            "names torch.nn.modules.container.Sequential",
        ),
    ]) {
        assert!(
            problem.contains(file) && problem.contains(sentence),
            "{problem}"
        );
    }
}

#[test]
fn half_precision_is_widened_when_it_is_read() {
    let folder = Folder::new("half.pth");
    let mut tensors = folder.open(Naming::Own).unwrap();
    let tensor: Tensor = tensors.root().tensor("fc.weight", &[2, 4]);
    assert_eq!(tensor.kind(), tch::Kind::Float);
}

#[test]
fn the_weights_table_is_checked_file_by_file() {
    let weights: Weights = toml::from_str(
        r#"
file = "a/b.pth"
sha256 = "00"
[[more]]
file = "../c.pth"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
prefix = "head"
"#,
    )
    .unwrap();
    let expected = [
        "weights.file must be a plain file name",
        "weights.sha256 must be 64 lower-case hex digits",
        "weights.more[0].file must be a plain file name",
        "weights.more[0].prefix must end in a dot, got \"head\"",
    ];
    assert_eq!(weights.problems(), expected);
}

#[test]
fn a_model_worker_does_not_start_on_a_damaged_cut_or_renamed_file() {
    type Harm = fn(&Path);
    let harms: [(Harm, &str); 4] = [
        (|file| change(file, |bytes| bytes[4000] ^= 1), "SHA-256 is"),
        (
            |file| change(file, |bytes| bytes.truncate(4000)),
            "SHA-256 is",
        ),
        (|file| change(file, |bytes| bytes.clear()), "SHA-256 is"),
        (
            |file| fs::rename(file, file.with_extension("pth")).unwrap(),
            "cannot be read",
        ),
    ];
    for (harm, sentence) in harms {
        let bundle = TinyBundle::new();
        let file = bundle.path().join("frame/weights.safetensors");
        harm(&file);
        let error = ModelWorker::start(bundle.settings()).err().unwrap();
        assert_eq!(error.code(), "bad-bundle");
        let expected = format!("{}: {sentence}", file.display());
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn a_model_worker_does_not_start_on_a_hostile_file_whose_digest_is_right() {
    let bundle = TinyBundle::new();
    let folder = bundle.path().join("sequence");
    let digest = plant(&folder, "whole-model.pth");
    let file = folder.join("weights.safetensors");
    let old = hex::encode(Sha256::digest(fs::read(&file).unwrap()));
    fs::rename(folder.join("whole-model.pth"), &file).unwrap();
    bundle.edit("sequence/manifest.toml", &old, &digest);
    let error = ModelWorker::start(bundle.settings())
        .err()
        .unwrap()
        .to_string();
    let named = "sequence/weights.safetensors: names torch.nn.modules.container.Sequential";
    assert!(error.contains(named), "{error}");
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}
