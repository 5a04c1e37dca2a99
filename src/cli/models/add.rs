//! `framewitness models add NAME`: a weights file becomes a model folder.
//!
//! The folder is made under a hidden name in the models directory, loaded strictly and run once,
//! and only then gets its own name. Whatever fails on the way, nothing is left behind.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use clap::Args;
use framewitness::inference::{FileFormat, Trial};
use framewitness::integrity;

use super::super::output::{at, describe, print};
use super::facts::Facts;
use super::presets::{Preset, Shape};
use super::pull::is_reserved;

/// Side in pixels that classifiers usually take.
const SIDE_PX: u32 = 224;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Name of the new folder: letters, digits, `-`, `_` and `.`.
    name: String,
    /// What the file is.
    #[arg(long, value_enum)]
    preset: Preset,
    /// The weights.
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// A second file with the head alone (d3-vit-l14, ufd-vit-l14, dinov2-vit-s14).
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// What the outputs mean, one label a line (torchscript, onnx, resnet18).
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The outputs are probabilities, not logits (torchscript, onnx).
    #[arg(long)]
    probabilities: bool,
    /// Side of the input in pixels (torchscript, onnx, resnet18).
    #[arg(long, value_name = "PIXELS", default_value_t = SIDE_PX)]
    size_px: u32,
}

/// A weights file in the new folder.
struct Copied {
    file: String,
    sha256: String,
}

pub(super) fn run(models_dir: &Path, trial: &Trial, options: &Options) -> Result<(), String> {
    let target = options.make(models_dir, trial)?;
    let facts = Facts::read(&target)?;
    print(&format!(
        "{}: {}",
        options.name,
        facts.describe(&target, &trial.foundations)
    ));
    print(&format!(
        "  loads; nothing was measured\nnext: framewitness models use {}\n",
        options.name
    ));
    Ok(())
}

impl Options {
    /// For a graph that was found with its labels; of the side it does not state, the default.
    pub(super) fn of_dropped(
        name: &str,
        graph: &Path,
        labels: &Path,
        side_px: Option<u32>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            preset: Preset::Onnx,
            weights: graph.to_owned(),
            head: None,
            labels: Some(labels.to_owned()),
            probabilities: false,
            size_px: side_px.unwrap_or(SIDE_PX),
        }
    }

    /// Makes the folder and answers where it is.
    pub(super) fn make(&self, models_dir: &Path, trial: &Trial) -> Result<PathBuf, String> {
        self.check()?;
        let target = models_dir.join(&self.name);
        if target.symlink_metadata().is_ok() {
            return Err(format!(
                "{} exists; choose another name or remove it first",
                target.display()
            ));
        }
        let folder = tempfile::Builder::new()
            .prefix(".adding-")
            .tempdir_in(models_dir)
            .map_err(at(models_dir))?;
        self.fill(folder.path(), trial)?;
        // It was made for the owner alone; a model is as readable as the directory it stands in.
        let permissions = fs::metadata(models_dir)
            .map_err(at(models_dir))?
            .permissions();
        fs::set_permissions(folder.path(), permissions).map_err(at(folder.path()))?;
        fs::rename(folder.path(), &target).map_err(at(&target))?;
        // It has moved: nothing is left for the temporary folder to remove.
        let _ = folder.keep();
        Ok(target)
    }

    /// Makes the folder in which the weights already are a model folder; one whose model does not
    /// load stays as it was.
    pub(super) fn settle_in(&self, folder: &Path, trial: &Trial) -> Result<(), String> {
        self.check()?;
        // Tried out in a folder of its own, so that a graph that does not load leaves no manifest.
        let attempt = tempfile::tempdir().map_err(|e| e.to_string())?;
        self.fill(attempt.path(), trial)?;
        let file = self.weights.file_name().unwrap_or_default();
        let weights = Copied {
            file: file.to_string_lossy().into_owned(),
            sha256: digest_of(&self.weights)?,
        };
        let shape = self.preset.shape(self.size_px);
        let card = folder.join("README.md");
        if !card.exists() {
            fs::write(&card, self.card(&shape, &weights)).map_err(at(&card))?;
        }
        let manifest = folder.join("manifest.toml");
        let text = self.manifest(&shape, &shape.architectures[0], &weights, None);
        fs::write(&manifest, text).map_err(at(&manifest))
    }

    fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let usable = !self.name.is_empty() && self.name.chars().all(plain);
        if !usable || self.name.starts_with(['.', '-']) || is_reserved(&self.name) {
            return Err(format!(
                "{:?} cannot name a model: use letters, digits, -, _ and ., beginning with a letter or digit",
                self.name
            ));
        }
        let preset = self.preset.name();
        let shape = self.preset.shape(self.size_px);
        let takes_labels = self.preset.is_image_model() || self.preset == Preset::Resnet18;
        if self.head.is_some() && shape.head_prefix.is_none() {
            return Err(format!("--head: {preset} has all its tensors in one file"));
        }
        if self.labels.is_some() && !takes_labels {
            return Err(format!("--labels: the labels of {preset} are known"));
        }
        if self.labels.is_none() && self.preset.is_image_model() {
            return Err(format!(
                "--labels: {preset} needs a file that says what its outputs mean, one label a \
                 line, such as REAL and FAKE"
            ));
        }
        if self.probabilities && !self.preset.is_image_model() {
            return Err(format!("--probabilities: {preset} gives logits"));
        }
        Ok(())
    }

    /// Everything the folder holds, loaded at the end.
    fn fill(&self, folder: &Path, trial: &Trial) -> Result<(), String> {
        let shape = self.preset.shape(self.size_px);
        let weights = copy(&self.weights, folder, "weights")?;
        let head = self.head.as_ref();
        let head = head.map(|file| copy(file, folder, "head")).transpose()?;
        if let Some(labels) = &self.labels {
            let copied = folder.join("labels.txt");
            fs::copy(labels, &copied).map_err(at(labels))?;
        }
        let card = folder.join("README.md");
        fs::write(&card, self.card(&shape, &weights)).map_err(at(&card))?;

        let manifest = folder.join("manifest.toml");
        let mut first_problem = None;
        for architecture in &shape.architectures {
            let text = self.manifest(&shape, architecture, &weights, head.as_ref());
            fs::write(&manifest, text).map_err(at(&manifest))?;
            match trial.model(folder) {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let text = describe(&error);
                    let head = head.as_ref().zip(self.head.as_ref());
                    let labels = self.labels.as_deref().map(|file| ("labels.txt", file));
                    let known = [
                        Some((weights.file.as_str(), self.weights.as_path())),
                        labels,
                    ]
                    .into_iter()
                    .flatten()
                    .chain(head.map(|(copy, file)| (copy.file.as_str(), file.as_path())));
                    first_problem.get_or_insert(in_known_names(&text, folder, known));
                }
            }
        }
        Err(first_problem.unwrap_or_else(|| "the preset has no architecture".into()))
    }

    fn manifest(
        &self,
        shape: &Shape,
        architecture: &str,
        weights: &Copied,
        head: Option<&Copied>,
    ) -> String {
        let mut text = format!(
            "schema = 1\nname = \"{}\"\nversion = \"1\"\nkind = \"{}\"\nlicence = \"unknown: yours to state\"\ncard = \"README.md\"\n\n[weights]\nfile = \"{}\"\nsha256 = \"{}\"\n",
            self.name, shape.kind, weights.file, weights.sha256
        );
        if let (Some(head), Some(prefix)) = (head, shape.head_prefix) {
            text += &format!(
                "\n[[weights.more]]\nfile = \"{}\"\nsha256 = \"{}\"\nprefix = \"{prefix}\"\n",
                head.file, head.sha256
            );
        }
        text += &format!(
            "\n[architecture]\n{architecture}\n[preprocess]\n{}\n[output]\n",
            shape.preprocess
        );
        text += &match self.labels {
            Some(_) => "labels_file = \"labels.txt\"\n".to_owned(),
            None => format!("labels = {:?}\n", shape.labels),
        };
        if self.probabilities {
            text += "activation = \"probabilities\"\n";
        }
        text + "\n[calibration]\nscale = 1.0\nbias = 0.0\n"
    }

    fn card(&self, shape: &Shape, weights: &Copied) -> String {
        format!(
            "# {}\n\nAdded by `framewitness models add` as `{}` from `{}` (SHA-256 `{}`).\n\n\
            These weights are not part of Framewitness. Whose they are, under which terms they may be used and on what they were \
            trained is for whoever added them to know and to write down here and in `manifest.toml`.\n\n\
            **Nothing was measured.** Neither how often the model errs nor whether its probabilities mean what they say \
            (`[calibration]` is the identity), and no thresholds were fitted to it.\n\n{}\n",
            self.name,
            self.preset.name(),
            self.weights
                .file_name()
                .unwrap_or_default()
                .to_string_lossy(),
            weights.sha256,
            shape.remark
        )
    }
}

/// Copies a file to `STEM.SUFFIX`, where the suffix tells what its bytes are, and hashes the copy:
/// the digest is that of the bytes that will be loaded.
fn copy(source: &Path, folder: &Path, stem: &str) -> Result<Copied, String> {
    let format = FileFormat::of(source).map_err(at(source))?;
    let file = format!("{stem}.{}", format.suffix());
    let target = folder.join(&file);
    fs::copy(source, &target).map_err(at(source))?;
    let sha256 = digest_of(&target)?;
    Ok(Copied { file, sha256 })
}

fn digest_of(path: &Path) -> Result<String, String> {
    let mut reader = File::open(path).map_err(at(path))?;
    let digest = integrity::hash_reader(&mut reader);
    let digest = digest.map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(digest.sha256.to_hex())
}

/// A message about copies in a folder that is about to vanish, said of the files they are copies of.
fn in_known_names<'a>(
    message: &str,
    folder: &Path,
    known: impl Iterator<Item = (&'a str, &'a Path)>,
) -> String {
    let said = known.fold(message.to_owned(), |said, (copy, file)| {
        let copy = folder.join(copy).display().to_string();
        said.replace(&copy, &file.display().to_string())
    });
    said.replace(&format!("{}/", folder.display()), "")
        .replace(&folder.display().to_string(), "the new folder")
}
