//! Where foundations lie.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Folder within the user's cache, where `scripts/setup.sh` puts them for every clone.
const IN_CACHE: &str = "framewitness/foundations";

/// Folders that are searched for foundations, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundationFolders([PathBuf; 2]);

impl FoundationFolders {
    /// Name of the folder within the models directory.
    pub const BESIDE_MODELS: &str = "foundations";

    /// `foundations` in the models directory, then `shared`; where that is empty,
    /// `framewitness/foundations` in the user's cache.
    pub fn new(models_dir: &Path, shared: &Path) -> Self {
        let shared = if shared.as_os_str().is_empty() {
            cache(std::env::var_os("XDG_CACHE_HOME"), std::env::home_dir()).join(IN_CACHE)
        } else {
            shared.to_owned()
        };
        Self([models_dir.join(Self::BESIDE_MODELS), shared])
    }

    /// The first file of that name.
    pub fn find(&self, file: &str) -> Option<PathBuf> {
        let paths = self.0.iter().map(|folder| folder.join(file));
        paths.into_iter().find(|path| path.is_file())
    }

    /// The folder that is searched first.
    pub(super) fn first(&self) -> &Path {
        &self.0[0]
    }

    /// All of them, for a sentence.
    pub(super) fn listed(&self) -> String {
        let [first, second] = &self.0;
        format!("{} or {}", first.display(), second.display())
    }
}

/// As the XDG base directories are defined: an empty or relative path counts as none.
fn cache(xdg: Option<OsString>, home: Option<PathBuf>) -> PathBuf {
    let stated = xdg.map(PathBuf::from).filter(|path| path.is_absolute());
    stated.unwrap_or_else(|| home.unwrap_or_default().join(".cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_where_the_set_up_looks_for_it() {
        let home = || Some(PathBuf::from("/home/a"));
        assert_eq!(cache(Some("/c".into()), home()), Path::new("/c"));
        assert_eq!(cache(None, home()), Path::new("/home/a/.cache"));
        assert_eq!(cache(Some("".into()), home()), Path::new("/home/a/.cache"));
    }

    #[test]
    fn a_folder_that_is_named_takes_the_place_of_the_cache_and_the_models_come_first() {
        let folder = tempfile::tempdir().unwrap();
        let (models, shared) = (folder.path().join("models"), folder.path().join("shared"));
        let folders = FoundationFolders::new(&models, &shared);
        assert_eq!(folders.find("a.onnx"), None);
        for place in [&shared, &models.join("foundations")] {
            std::fs::create_dir_all(place).unwrap();
            std::fs::write(place.join("a.onnx"), b"").unwrap();
            assert_eq!(folders.find("a.onnx"), Some(place.join("a.onnx")));
        }
    }
}
