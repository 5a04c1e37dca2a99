//! `framewitness models …`: what is in the models directory, and how one's own checkpoints get
//! there.
//!
//! `pull` fetches a public file and checks it, `add` makes a model folder of a file, `use` makes the
//! bundle name it; `list` and `check` look; `convert` writes safetensors. Nothing becomes visible before it was loaded strictly.

mod add;
mod catalog;
mod check;
mod convert;
mod download;
mod dropped;
mod facts;
mod list;
mod presets;
mod pull;
mod serve_with;

use std::process::ExitCode;

use clap::Subcommand;
use framewitness::config::Settings;
use framewitness::inference::{FoundationFolders, Trial};

use super::output::FAILED;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show every model folder: kind, digests, sizes, licence, and whether it loads.
    List,
    /// Load a model folder strictly, or say what a weights file holds.
    #[command(visible_aliases = ["info", "verify"])]
    Check {
        /// A model folder or a weights file.
        path: std::path::PathBuf,
    },
    /// Write the tensors of a weights file as safetensors, under the names loading gives them.
    Convert {
        /// A `.pt`, `.pth`, TorchScript or safetensors file; nothing in it is run.
        source: std::path::PathBuf,
        /// The file to write; it must not exist.
        destination: std::path::PathBuf,
    },
    /// Make a model folder of a weights file.
    Add(add::Options),
    /// Make the bundle serve these models (`use NAME`, `use NAME NAME`); a kind that is not named is
    /// left out. `NAME.onnx` with a `labels.txt` beside it, without a manifest, gets one.
    Use(serve_with::Options),
    /// Fetch a public checkpoint and check its digest; without a name, list them.
    Pull(pull::Options),
}

impl Command {
    /// Whether networks run in it.
    pub(crate) fn runs_models(&self) -> bool {
        !matches!(self, Self::Pull(_))
    }
}

/// Runs a command to its exit code.
pub(crate) fn run(settings: &Settings, command: Command) -> ExitCode {
    let folder = settings.models_dir.as_path();
    let trial = Trial {
        device: settings.device,
        foundations: FoundationFolders::new(folder, &settings.foundations_dir),
    };
    let outcome = match command {
        Command::List => list::run(folder, &trial),
        Command::Check { path } => check::run(&path, &trial),
        Command::Convert {
            source,
            destination,
        } => convert::run(&source, &destination),
        Command::Add(options) => add::run(folder, &trial, &options),
        Command::Use(options) => serve_with::run(folder, &trial, options),
        Command::Pull(options) => pull::run(folder, options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("framewitness: {message}");
            ExitCode::from(FAILED)
        }
    }
}
