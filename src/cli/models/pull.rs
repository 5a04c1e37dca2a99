//! `framewitness models pull NAME`: a public checkpoint, or a file of one's own, by its digest.

use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use clap::Args;
use framewitness::inference::FoundationFolders;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::output::print;
use super::catalog::{self, CHECKPOINTS, Proof};
use super::download::{DownloadError, Order, problem_of};

/// Where files are put, under the models directory.
pub(super) const DOWNLOADS: &str = "downloads";

/// Whether a folder of the models directory is for files that are no models by themselves.
pub(super) fn is_reserved(name: &str) -> bool {
    [DOWNLOADS, FoundationFolders::BESIDE_MODELS].contains(&name)
}

/// The largest file of one's own.
const OWN_LIMIT_BYTES: u64 = 64 * 1024 * 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A public checkpoint (without it: the list); with --from and --sha256 any file name.
    name: Option<String>,
    /// Fetch it from here instead, such as from a mirror. The digest must be the same.
    #[arg(long, value_name = "URL", requires = "name")]
    from: Option<String>,
    /// SHA-256 of a file that is not one of the public checkpoints.
    #[arg(long, value_name = "HEX", requires = "from")]
    sha256: Option<String>,
}

/// A checkpoint of the catalogue, or one of the user's.
struct Wanted {
    url: String,
    file: String,
    size_bytes: Option<u64>,
    limit_bytes: u64,
    proof: Proof,
    licence: &'static str,
    next: &'static str,
}

pub(super) fn run(models_dir: &Path, options: Options) -> Result<(), String> {
    let Some(name) = options.name else {
        print(&table());
        return Ok(());
    };
    let wanted = Wanted::find(name, options.from, options.sha256)?;
    let folder = models_dir.join(DOWNLOADS);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let target = folder.join(&wanted.file);
    if target.exists() {
        let problem = problem_of(&target, wanted.size_bytes, &wanted.proof);
        return match problem.map_err(|e| format!("{}: {e}", target.display()))? {
            None => {
                print(&wanted.farewell("is already there", &target));
                Ok(())
            }
            Some(problem) => Err(format!(
                "{} exists and is not the expected file ({problem}); move it away first",
                target.display()
            )),
        };
    }
    wanted.fetch(&target)?;
    print(&wanted.farewell("fetched and checked", &target));
    Ok(())
}

impl Wanted {
    fn find(name: String, from: Option<String>, sha256: Option<String>) -> Result<Self, String> {
        if let (Some(url), Some(sha256)) = (&from, sha256) {
            return Self::own(name, url.clone(), &sha256);
        }
        let known = catalog::find(&name)?;
        Ok(Self {
            url: from.unwrap_or_else(|| known.url.to_owned()),
            file: known.file.to_owned(),
            size_bytes: known.size_bytes,
            limit_bytes: known.limit_bytes,
            proof: known.proof.clone(),
            licence: known.licence,
            next: known.next,
        })
    }

    fn own(file: String, url: String, sha256: &str) -> Result<Self, String> {
        if CHECKPOINTS.iter().any(|known| known.name == file) {
            return Err(format!("{file} has a digest already; leave --sha256 out"));
        }
        if Path::new(&file).file_name() != Some(file.as_ref()) || file.starts_with('.') {
            return Err(format!("{file:?} must be a plain file name"));
        }
        let sha256 = sha256.to_lowercase();
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("--sha256 takes 64 hex digits".into());
        }
        Ok(Self {
            url,
            file,
            size_bytes: None,
            limit_bytes: OWN_LIMIT_BYTES,
            proof: Proof::Sha256(sha256.into()),
            licence: "yours to know",
            next: "framewitness models check {}",
        })
    }

    fn fetch(&self, target: &Path) -> Result<(), String> {
        let bar = progress_bar(self.file.clone());
        let order = Order {
            url: &self.url,
            target,
            size_bytes: self.size_bytes,
            limit_bytes: self.limit_bytes,
            proof: &self.proof,
        };
        let outcome = order.fetch(&|received, expected| {
            if let Some(expected) = expected {
                bar.set_length(expected);
            }
            bar.set_position(received);
        });
        bar.finish_and_clear();
        outcome.map_err(|error| match error {
            DownloadError::Unreachable { .. } => format!("{error}\n{}", self.by_hand(target)),
            DownloadError::Disk { .. }
            | DownloadError::Runtime(_)
            | DownloadError::Taken(_)
            | DownloadError::Status { .. }
            | DownloadError::BrokenOff { .. }
            | DownloadError::TooLarge { .. }
            | DownloadError::WrongBytes { .. } => error.to_string(),
        })
    }

    /// What to do on a machine without a network.
    fn by_hand(&self, target: &Path) -> String {
        format!(
            "Without a network: fetch {} elsewhere, put it at {} and run the command again; it then checks the file ({}).",
            self.url,
            target.display(),
            proof_in_words(&self.proof)
        )
    }

    fn farewell(&self, what: &str, target: &Path) -> String {
        let path = target.display().to_string();
        format!(
            "{path} {what}: {}\nlicence: {}\nnext: {}\n",
            proof_in_words(&self.proof),
            self.licence,
            self.next.replace("{}", &path)
        )
    }
}

fn proof_in_words(proof: &Proof) -> String {
    match proof {
        Proof::Sha256(hex) => format!("SHA-256 {hex}"),
        Proof::GitBlob(hex) => format!("git blob id {hex}"),
    }
}

fn table() -> String {
    let rows = CHECKPOINTS.iter().map(|known| {
        let size = known
            .size_bytes
            .map_or("unknown".into(), |bytes| bytes.to_string());
        format!(
            "{}\n  {}\n  {size} bytes, {}\n  licence: {}\n",
            known.name,
            known.url,
            proof_in_words(&known.proof),
            known.licence
        )
    });
    rows.collect()
}

/// Nothing is drawn where standard error is no terminal.
fn progress_bar(name: String) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template(
        "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(0), target).with_style(style);
    bar.with_message(name)
}
