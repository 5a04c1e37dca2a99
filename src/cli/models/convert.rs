//! `framewitness models convert SRC DST`: the tensors of any weights file as safetensors.

use std::path::Path;

use framewitness::inference;

use super::super::output::{at, describe, print};

pub(super) fn run(source: &Path, destination: &Path) -> Result<(), String> {
    if destination.exists() {
        return Err(format!(
            "{} is there already; name a file that is not",
            destination.display()
        ));
    }
    // Beside the destination, so that the name appears at once and whole, or not at all.
    let folder = destination.parent().filter(|p| !p.as_os_str().is_empty());
    let partial = tempfile::Builder::new()
        .prefix(".convert-")
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(at(destination))?;
    let tensors = inference::write_safetensors(source, partial.path()).map_err(|e| describe(&e))?;
    partial
        .persist_noclobber(destination)
        .map_err(|e| format!("{}: {}", destination.display(), e.error))?;
    print(&format!(
        "{}: {tensors} tensors, safetensors\n",
        destination.display()
    ));
    Ok(())
}
