//! What the `ffmpeg` program makes, made once and kept from run to run under its recipe.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// A file that `ffmpeg ARGUMENTS FILE` makes; `name` gives its extension. `inputs` are the files that
/// the arguments name: their contents belong to the recipe. Others read it too: copy it to change it.
///
/// # Panics
/// Where ffmpeg is missing or refuses.
pub(crate) fn film(name: &str, arguments: &[&str], inputs: &[&Path]) -> PathBuf {
    let mut recipe = Sha256::new();
    recipe.update(version());
    for argument in arguments {
        recipe.update(argument.len().to_le_bytes());
        recipe.update(argument);
    }
    for input in inputs {
        recipe.update(std::fs::read(input).expect("an input of ffmpeg"));
    }
    let extension = Path::new(name).extension().expect("a file with a kind");
    let extension = extension.to_str().expect("a plain name");
    let kept = folder().join(format!("{:x}.{extension}", recipe.finalize()));
    if kept.exists() {
        return kept;
    }
    // Whole or not at all: another test may be making the same.
    let made = tempfile::Builder::new()
        .suffix(&format!(".{extension}"))
        .tempfile_in(folder())
        .expect("room for a film")
        .into_temp_path();
    run(arguments, &made);
    made.persist(&kept).expect("a folder of ours");
    kept
}

/// Runs `ffmpeg ARGUMENTS FILE`.
pub(crate) fn run(arguments: &[&str], file: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(arguments)
        .arg(file)
        .output()
        .expect("these tests need the `ffmpeg` program: run scripts/setup.sh --test");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {errors}");
}

/// In the build folder, so that a clean build forgets them.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = std::env::current_exe().expect("a program");
        // target/debug/deps/NAME
        let target = program.ancestors().nth(3).expect("a build folder");
        let folder = target.join("tmp/films");
        std::fs::create_dir_all(&folder).expect("a folder for films");
        folder
    })
}

/// Another ffmpeg makes other files.
fn version() -> &'static [u8] {
    static VERSION: OnceLock<Vec<u8>> = OnceLock::new();
    VERSION.get_or_init(|| {
        let output = Command::new("ffmpeg").arg("-version").output();
        output.map_or_else(|_| Vec::new(), |output| output.stdout)
    })
}
