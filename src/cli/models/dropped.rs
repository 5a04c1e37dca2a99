//! ONNX classifiers that were dropped into the models directory as they come: `NAME.onnx` beside a
//! `labels.txt`, or both in a folder `NAME`, and no manifest.
//!
//! `list` shows them, and `use NAME` writes the manifest from what the graph says and the defaults
//! of the preset `onnx`. Nothing of the user's is moved or changed.

use std::fs;
use std::path::{Path, PathBuf};

use framewitness::inference::{self, Trial};

use super::super::output::{at, describe};
use super::add::Options;
use super::pull::is_reserved;

const LABELS: &str = "labels.txt";

/// A graph without a manifest.
pub(super) struct Dropped {
    /// What `use` calls it.
    pub(super) name: String,
    graph: PathBuf,
    labels: PathBuf,
    /// It has a folder of its own.
    in_own_folder: bool,
}

impl Dropped {
    /// Every dropped graph, by name.
    pub(super) fn all(models_dir: &Path) -> Result<Vec<Self>, String> {
        let mut found = Vec::new();
        for path in entries(models_dir)? {
            let name = path.file_stem().unwrap_or_default();
            let name = name.to_string_lossy().into_owned();
            if is_graph(&path) {
                let in_own_folder = false;
                let graph = path;
                // Adopted before, or a folder of the same name has it.
                if !models_dir.join(&name).exists() {
                    let labels = models_dir.join(LABELS);
                    found.push(Self {
                        name,
                        graph,
                        labels,
                        in_own_folder,
                    });
                }
            } else if path.is_dir() && !is_taken(&path) {
                let graphs: Vec<_> = (entries(&path)?.into_iter())
                    .filter(|file| is_graph(file))
                    .collect();
                if let [graph] = &graphs[..] {
                    let folder = path.file_name().unwrap_or_default();
                    found.push(Self {
                        name: folder.to_string_lossy().into_owned(),
                        graph: graph.clone(),
                        labels: path.join(LABELS),
                        in_own_folder: true,
                    });
                }
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// One line: where it is and what to do about it.
    pub(super) fn describe(&self) -> String {
        let graph = self.graph.display();
        if self.labels.is_file() {
            return format!(
                "{}: {graph}, no manifest yet\n  next: framewitness models use {}\n",
                self.name, self.name
            );
        }
        let labels = self.labels.display();
        format!(
            "{}: {graph}, cannot be used without {labels}: what its outputs mean, one label a line, \
             such as real and deepfake\n",
            self.name
        )
    }

    /// Writes the manifest, after the graph was loaded and run with it.
    pub(super) fn adopt(&self, models_dir: &Path, trial: &Trial) -> Result<(), String> {
        let said = inference::onnx_side_px(&self.graph);
        let side_px = said.map_err(|error| describe(&error))?;
        let options = Options::of_dropped(&self.name, &self.graph, &self.labels, side_px);
        if self.in_own_folder {
            options.settle_in(&models_dir.join(&self.name), trial)
        } else {
            options.make(models_dir, trial).map(drop)
        }
    }
}

/// Makes model folders of those of `names` that are dropped graphs.
pub(super) fn adopt<'a>(
    models_dir: &Path,
    trial: &Trial,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), String> {
    let dropped = Dropped::all(models_dir)?;
    for name in names {
        if let Some(dropped) = dropped.iter().find(|dropped| dropped.name == *name) {
            dropped.adopt(models_dir, trial)?;
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(at(folder))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn is_graph(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|suffix| suffix == "onnx")
}

/// Whether a folder is a model already, or none.
fn is_taken(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default();
    folder.join("manifest.toml").exists()
        || is_reserved(&name.to_string_lossy())
        || name.as_encoded_bytes().starts_with(b".")
}
