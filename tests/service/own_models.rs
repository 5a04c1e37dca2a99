//! People with checkpoints of their own: added by the command line, served, and refused by name when
//! they are not what they should be. The tiny networks are written by
//! `scripts/train/image_models.py`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::server::{Server, program, repository};

/// A models directory with the shipped models, to change at will.
struct Models(TempDir);

impl Models {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        for shipped in fs::read_dir(repository("models")).expect("the models") {
            let shipped = shipped.expect("a model");
            if shipped.path().join("manifest.toml").is_file() {
                let link = folder.path().join(shipped.file_name());
                symlink(shipped.path(), link).expect("a link");
            }
        }
        fs::copy(
            repository("models/bundle.toml"),
            folder.path().join("bundle.toml"),
        )
        .expect("the bundle");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Names of everything in the directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("a listing").flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = program();
        command.arg("models").args(arguments);
        command.arg("--models-dir").arg(self.path());
        command.output().expect("the program runs")
    }

    /// Runs a command that must succeed and gives what it printed.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a command that must fail and gives what it complained about.
    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        stderr
    }

    async fn serve(&self) -> Server {
        let folder = self.path().to_str().expect("a UTF-8 path");
        Server::start_with(&[("models_dir", folder)]).await
    }
}

fn fixture(name: &str) -> String {
    let path = repository("tests/fixtures/image-models").join(name);
    path.to_str().expect("a UTF-8 path").to_owned()
}

/// Arguments that add a tiny image model.
fn add<'a>(name: &'a str, preset: &'a str, weights: &'a str, labels: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["add", name, "--preset", preset, "--weights", weights];
    arguments.extend(["--labels", labels, "--size-px", "64"]);
    arguments
}

#[tokio::test]
async fn a_quantised_onnx_classifier_is_added_and_serves_without_a_sequence_model() {
    let models = Models::new();
    let (weights, labels) = (fixture("int8.onnx"), fixture("labels.txt"));
    models.succeed(&add("mine", "onnx", &weights, &labels));
    let listed = models.succeed(&["list"]);
    assert!(listed.contains("mine 1 (frame, onnx)"), "{listed}");
    models.succeed(&["use", "mine"]);
    let bundle = fs::read_to_string(models.path().join("bundle.toml")).expect("the bundle");
    assert!(!bundle.contains("sequence ="), "{bundle}");
    let before = fs::read_to_string(models.path().join("bundle.toml.before"));
    assert!(
        before
            .expect("the old bundle")
            .contains("framewitness-default")
    );

    let server = models.serve().await;
    let answer = server.predict("videos/genuine.mp4").await;
    let track = &answer["tracks"][0];
    assert_eq!(track["sequence_probability"], Value::Null);
    assert_eq!(track["frame_probability"], track["probability_fake"]);
    assert_eq!(answer["probability_fake"], track["probability_fake"]);
    let roles = answer["models"].as_array().expect("models").iter();
    let roles: Vec<_> = roles.map(|model| model["role"].clone()).collect();
    assert_eq!(roles, ["detector", "frame"]);
    // It looks at some frames of a person; the others have the probability of the nearest.
    let frames = answer["frames"].as_array().expect("frames").iter();
    let faces: Vec<_> = frames.map(|frame| &frame["faces"][0]).collect();
    assert!(
        faces
            .iter()
            .all(|face| face["probability_fake"].is_number())
    );
    let looked_at = faces
        .iter()
        .filter(|face| face["frame_probability"].is_number());
    let looked_at: Vec<_> = looked_at.collect();
    assert!(!looked_at.is_empty());
    assert!(
        looked_at
            .iter()
            .all(|face| face["frame_probability"] == face["probability_fake"])
    );
}

#[tokio::test]
async fn a_bundle_without_a_frame_model_judges_videos_and_says_why_it_cannot_judge_a_picture() {
    let models = Models::new();
    models.succeed(&["use", "--sequence", "sequence-s"]);
    let server = models.serve().await;
    let answer = server.predict("videos/manipulated.mp4").await;
    let track = &answer["tracks"][0];
    assert_eq!(track["frame_probability"], Value::Null);
    assert_eq!(track["sequence_probability"], track["probability_fake"]);
    assert!(answer["probability_fake"].is_number(), "{answer}");

    let url = answer["frames"][0]["url"]
        .as_str()
        .expect("a url")
        .to_owned();
    let picture = server.get(&url).await.bytes().await.expect("a picture");
    let response = server
        .post_bytes(
            "/predict?format=framewitness",
            "still.jpg",
            picture.to_vec(),
        )
        .await;
    let still: Value = response.json().await.expect("JSON");
    assert_eq!(still["verdict"], "INCONCLUSIVE", "{still}");
    assert_eq!(still["probability_fake"], Value::Null);
    assert_eq!(still["reasons"][0]["code"], "no-frame-model");
    assert_eq!(
        still["reasons"].as_array().map(Vec::len),
        Some(1),
        "{still}"
    );
}

#[tokio::test]
async fn a_quantised_onnx_classifier_dropped_into_the_directory_is_listed_and_serves_by_its_name() {
    let models = Models::new();
    fs::copy(fixture("int8.onnx"), models.path().join("ResNet18.onnx")).expect("a graph");
    let listed = models.succeed(&["list"]);
    assert!(
        listed.contains("ResNet18.onnx, cannot be used without"),
        "{listed}"
    );
    let complaint = models.fail(&["use", "ResNet18"]);
    assert!(complaint.contains("labels.txt"), "{complaint}");
    assert!(!models.path().join("ResNet18").exists());

    fs::copy(fixture("labels.txt"), models.path().join("labels.txt")).expect("labels");
    let listed = models.succeed(&["list"]);
    assert!(
        listed.contains("framewitness models use ResNet18"),
        "{listed}"
    );
    models.succeed(&["use", "ResNet18"]);
    let listed = models.succeed(&["list"]);
    assert!(listed.contains("ResNet18 1 (frame, onnx)"), "{listed}");

    let server = models.serve().await;
    let face = crate::picture::face();
    let response = server.post_bytes("/predict", "face.jpg", face).await;
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(
        answer["predictions"].as_array().map(Vec::len),
        Some(2),
        "{answer}"
    );
    let health: Value = server.get("/health").await.json().await.expect("JSON");
    assert_eq!(health["models"][1]["name"], "ResNet18", "{health}");
}

#[test]
fn a_graph_in_a_folder_of_its_own_gets_a_manifest_there_and_a_damaged_one_does_not() {
    let models = Models::new();
    for (name, bytes) in [
        ("whole", fs::read(fixture("int8.onnx")).expect("a graph")),
        ("damaged", b"no graph".to_vec()),
    ] {
        let folder = models.path().join(name);
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join("resnet_quantized.onnx"), bytes).expect("a graph");
        fs::copy(fixture("labels.txt"), folder.join("labels.txt")).expect("labels");
    }
    models.succeed(&["use", "whole"]);
    let manifest = fs::read_to_string(models.path().join("whole/manifest.toml"));
    let manifest = manifest.expect("a manifest");
    assert!(
        manifest.contains("file = \"resnet_quantized.onnx\""),
        "{manifest}"
    );
    assert!(manifest.contains("size_px = 64"), "{manifest}");
    let complaint = models.fail(&["use", "damaged"]);
    assert!(complaint.contains("resnet_quantized.onnx"), "{complaint}");
    assert!(!models.path().join("damaged/manifest.toml").exists());
}

#[test]
fn a_torchscript_module_is_added_and_checked_and_never_overwritten() {
    let models = Models::new();
    let (weights, labels) = (fixture("module.pt"), fixture("labels.txt"));
    let arguments = add("module", "torchscript", &weights, &labels);
    models.succeed(&arguments);
    let folder = models.path().join("module");
    let checked = models.succeed(&["check", folder.to_str().expect("a UTF-8 path")]);
    assert!(checked.contains("loads"), "{checked}");
    let card = fs::read_to_string(folder.join("README.md")).expect("a card");
    assert!(card.contains("Nothing was measured"), "{card}");
    let error = models.fail(&arguments);
    assert!(error.contains("exists"), "{error}");
}

#[test]
fn what_is_not_a_model_is_refused_by_name_and_leaves_nothing_behind() {
    let models = Models::new();
    let before = models.names();
    let folder = tempfile::tempdir().expect("a directory");
    let write = |name: &str, bytes: &[u8]| -> String {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.to_str().expect("a UTF-8 path").to_owned()
    };
    let graph = fs::read(fixture("int8.onnx")).expect("the graph");
    let module = fs::read(fixture("module.pt")).expect("the module");
    let trap = folder.path().join("trap");
    let hostile = format!("cposix\nsystem\n(S'touch {}'\ntR.", trap.display());
    let labels = fixture("labels.txt");
    for (name, bytes, preset) in [
        ("cut.onnx", &graph[..graph.len() / 2], "onnx"),
        ("renamed.onnx", &module[..], "onnx"),
        ("cut.pt", &module[..module.len() / 2], "torchscript"),
        ("renamed.pt", &graph[..], "torchscript"),
        ("empty.onnx", &[], "onnx"),
        ("hostile.pth", hostile.as_bytes(), "resnet18"),
        ("module-as-weights.pth", &module[..], "resnet18"),
    ] {
        let path = write(name, bytes);
        let error = models.fail(&add("bad", preset, &path, &labels));
        assert!(error.contains(name), "{name}: {error}");
        assert_eq!(models.names(), before, "{name}");
    }
    assert!(!trap.exists(), "the pickle was executed");

    let graph = fixture("int8.onnx");
    let unknown = write("labels.txt", b"cat\ndog\n");
    let error = models.fail(&add("bad", "onnx", &graph, &unknown));
    assert!(error.contains(r#"["cat", "dog"]"#), "{error}");
    let error = models.fail(&["add", "bad", "--preset", "onnx", "--weights", &graph]);
    assert!(error.contains("--labels"), "{error}");
    let mut large = add("bad", "onnx", &graph, &labels);
    large.pop();
    large.push("224");
    let error = models.fail(&large);
    assert!(
        error.contains("64, 64") && error.contains("size_px"),
        "{error}"
    );
    assert_eq!(models.names(), before);
}

#[test]
fn a_model_whose_file_was_changed_is_named_and_nothing_is_served() {
    let models = Models::new();
    let (weights, labels) = (fixture("int8.onnx"), fixture("labels.txt"));
    models.succeed(&add("mine", "onnx", &weights, &labels));
    models.succeed(&["use", "sequence-s", "mine"]);
    let file: PathBuf = models.path().join("mine/weights.onnx");
    let mut bytes = fs::read(&file).expect("the weights");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).expect("the weights");

    let error = models.fail(&["list"]);
    assert!(error.contains("mine"), "{error}");
    let data = tempfile::tempdir().expect("a directory");
    let mut command = program();
    command.args(["analyze", "videos/genuine.mp4", "--models-dir"]);
    command
        .arg(models.path())
        .arg("--data-dir")
        .arg(data.path());
    let output = command.output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "no verdict is printed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("mine/weights.onnx") && error.contains("SHA-256"),
        "{error}"
    );
}

#[test]
fn a_bundle_that_does_not_load_never_replaces_the_one_that_does() {
    let models = Models::new();
    let bundle = fs::read(models.path().join("bundle.toml")).expect("the bundle");
    let error = models.fail(&["use", "--frame", "sequence-s"]);
    assert!(error.contains("sequence-s"), "{error}");
    let error = models.fail(&["use", "--frame", "no-such-model"]);
    assert!(error.contains("no-such-model"), "{error}");
    let error = models.fail(&["use", "no-such-model"]);
    assert!(error.contains("no-such-model"), "{error}");
    let error = models.fail(&["use", "sequence-s", "sequence-s"]);
    assert!(error.contains("both sequence"), "{error}");
    let error = models.fail(&["use", "face-detector-s"]);
    assert!(error.contains("judges nothing"), "{error}");
    assert_eq!(models.run(&["use"]).status.code(), Some(2));
    let after = fs::read(models.path().join("bundle.toml")).expect("the bundle");
    assert_eq!(after, bundle);
    assert!(!models.path().join("bundle.toml.before").exists());
}

#[tokio::test]
async fn a_model_names_the_foundation_it_rests_on_and_does_not_serve_without_it() {
    let models = Models::new();
    let fixtures = repository("tests/fixtures/parity");
    for name in ["tiny-dinov2-graph", "foundations"] {
        let copy = models.path().join(name);
        fs::create_dir(&copy).expect("a folder");
        for file in fs::read_dir(fixtures.join(name)).expect("a fixture") {
            let file = file.expect("a file");
            fs::copy(file.path(), copy.join(file.file_name())).expect("a copy");
        }
    }
    let listed = models.succeed(&["list"]);
    let graph = models.path().join("foundations/tiny.onnx");
    for said in [
        "tiny-dinov2-graph 1 (frame, dinov2-vit)",
        "rests on tiny (parity.py), licence: Apache-2.0 OR MIT",
        &graph.display().to_string(),
    ] {
        assert!(listed.contains(said), "no {said:?} in: {listed}");
    }
    assert!(!listed.contains("models use foundations"), "{listed}");
    models.succeed(&["use", "tiny-dinov2-graph"]);

    let server = models.serve().await;
    let answer = server.predict("videos/genuine.mp4").await;
    let health: Value = server.get("/health").await.json().await.expect("JSON");
    let manifest = fs::read_to_string(models.path().join("tiny-dinov2-graph/manifest.toml"));
    let manifest: toml::Table = manifest.expect("a manifest").parse().expect("TOML");
    for named in [&answer["models"], &health["models"]] {
        assert_eq!(named[0].get("foundation"), None, "{named}");
        let foundation = &named[1]["foundation"];
        for field in ["name", "sha256", "source", "licence"] {
            let stated = manifest["foundation"][field].as_str();
            assert_eq!(foundation[field].as_str(), stated, "{named}");
        }
    }
    let id = answer["id"].as_str().expect("an id");
    let stored = server.get(&format!("/api/v1/predictions/{id}")).await;
    let stored: Value = stored.json().await.expect("JSON");
    assert_eq!(stored["models"], answer["models"]);
    drop(server);

    fs::remove_file(&graph).expect("removed");
    let folder = models.path().join("tiny-dinov2-graph");
    let complaint = models.fail(&["check", folder.to_str().expect("a UTF-8 path")]);
    for said in [
        "foundation tiny: tiny.onnx is not in",
        "scripts/setup.sh",
        &graph.display().to_string(),
    ] {
        assert!(complaint.contains(said), "no {said:?} in: {complaint}");
    }
}
