//! What a model folder states about itself, and whether it loads.

use std::fs;
use std::path::Path;

use framewitness::faces::Detector;
use framewitness::inference::{FoundationFolders, Trial};
use serde::Deserialize;

use super::super::output::{at, describe};

/// The part of a manifest that all kinds of models share.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) licence: String,
    weights: Weights,
    foundation: Option<Foundation>,
    architecture: Architecture,
}

/// Pre-trained weights that a model rests on.
#[derive(Debug, Deserialize)]
struct Foundation {
    name: String,
    #[serde(flatten)]
    file: WeightsFile,
    source: String,
    licence: String,
}

#[derive(Debug, Deserialize)]
struct Weights {
    #[serde(flatten)]
    first: WeightsFile,
    #[serde(default)]
    more: Vec<WeightsFile>,
}

/// A file that holds weights.
#[derive(Debug, Deserialize)]
pub(super) struct WeightsFile {
    pub(super) file: String,
    pub(super) sha256: String,
}

#[derive(Debug, Deserialize)]
struct Architecture {
    family: String,
}

impl Facts {
    /// Reads `manifest.toml` in `folder`; what it says of sizes and tensors is not looked at here.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("manifest.toml");
        let text = fs::read_to_string(&path).map_err(at(&path))?;
        toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &WeightsFile> {
        std::iter::once(&self.weights.first).chain(&self.weights.more)
    }

    /// Loads the model strictly and runs it once on a grey picture.
    pub(super) fn try_out(&self, folder: &Path, trial: &Trial) -> Result<(), String> {
        if self.kind == "detector" {
            return Detector::load(folder).map(drop).map_err(|e| describe(&e));
        }
        trial.model(folder).map_err(|e| describe(&e))
    }

    /// Several lines: what it is, whose terms it has, its files with sizes and digests, and what it
    /// rests on.
    pub(super) fn describe(&self, folder: &Path, foundations: &FoundationFolders) -> String {
        let mut text = format!(
            "{} {} ({}, {})\n  licence: {}\n",
            self.name, self.version, self.kind, self.architecture.family, self.licence
        );
        for WeightsFile { file, sha256 } in self.files() {
            let size = size_of(&folder.join(file));
            text += &format!("  {file}: {size}, SHA-256 {sha256}\n");
        }
        if let Some(Foundation {
            name,
            file: WeightsFile { file, sha256 },
            source,
            licence,
        }) = &self.foundation
        {
            let found = foundations.find(file);
            let place = found.as_ref().map_or_else(
                || format!("{file}: missing"),
                |path| format!("{}: {}", path.display(), size_of(path)),
            );
            text += &format!(
                "  rests on {name} ({source}), licence: {licence}\n  {place}, SHA-256 {sha256}\n"
            );
        }
        text
    }
}

fn size_of(path: &Path) -> String {
    let facts = fs::metadata(path);
    facts.map_or("missing".into(), |facts| format!("{} bytes", facts.len()))
}
