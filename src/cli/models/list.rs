//! `framewitness models list`.

use std::fs;
use std::path::{Path, PathBuf};

use framewitness::inference::Trial;

use super::super::output::{at, print};
use super::dropped::Dropped;
use super::facts::Facts;
use super::pull::DOWNLOADS;

/// Prints every model folder, every graph without a manifest and every download; an error when one does not load.
pub(super) fn run(models_dir: &Path, trial: &Trial) -> Result<(), String> {
    let mut broken = Vec::new();
    for folder in model_folders(models_dir)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let text = match Facts::read(&folder) {
            Ok(facts) => {
                let state = facts.try_out(&folder, trial);
                let shown = state.as_ref().map_or_else(
                    |problem| format!("  does not load: {problem}\n"),
                    |()| "  loads\n".into(),
                );
                if state.is_err() {
                    broken.push(name.to_string());
                }
                facts.describe(&folder, &trial.foundations) + &shown
            }
            Err(problem) => {
                broken.push(name.to_string());
                format!("does not load: {problem}\n")
            }
        };
        print(&format!("{name}: {text}"));
    }
    for dropped in Dropped::all(models_dir)? {
        print(&dropped.describe());
    }
    downloads(&models_dir.join(DOWNLOADS))?;
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("these do not load: {}", broken.join(", ")))
}

/// Folders with a manifest, by name.
fn model_folders(models_dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(models_dir).map_err(at(models_dir))?;
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("manifest.toml").is_file())
        .filter(|path| !is_hidden(path))
        .collect();
    folders.sort();
    Ok(folders)
}

/// Folders that `add` has not finished begin with a dot.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b".")
}

fn downloads(folder: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut files: Vec<PathBuf> = (fs::read_dir(folder).map_err(at(folder))?)
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    for file in files {
        let size = fs::metadata(&file).map_err(at(&file))?.len();
        print(&format!("{}: {size} bytes\n", file.display()));
    }
    Ok(())
}
