//! Which files are meant: each as it is named, all media in a folder, and what fits a pattern.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

/// How the names of videos and pictures end. Only what lies in a folder is chosen by its name; what is
/// in a file is told by its bytes.
const MEDIA_ENDINGS: [&str; 39] = [
    "3g2", "3gp", "apng", "asf", "avi", "avif", "bmp", "f4v", "flv", "gif", "heic", "heif", "hif",
    "jpeg", "jpg", "m2ts", "m2v", "m4v", "mjpeg", "mkv", "mov", "mp4", "mpeg", "mpg", "mpv", "mts",
    "mxf", "ogv", "png", "qt", "tif", "tiff", "ts", "vob", "webm", "webp", "wmv", "y4m", "jfif",
];

/// What was found, in order and each file once, and what could not be.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    pub(super) files: Vec<PathBuf>,
    /// A sentence each.
    pub(super) problems: Vec<String>,
}

/// Finds what `named` stands for. A name that is there is never a pattern; one that is neither a file
/// nor a pattern is given back as it is, for whoever opens it to complain of.
pub(super) fn find(named: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for name in named {
        match name.to_str() {
            _ if name.is_dir() => found.take_folder(name),
            Some(pattern) if !name.exists() && is_pattern(pattern) => found.take_pattern(pattern),
            _ => found.files.push(name.clone()),
        }
    }
    let mut seen = HashSet::new();
    found.files.retain(|file| seen.insert(file.clone()));
    found
}

/// The media in a folder and those beneath it, by name; nothing hidden.
pub(super) fn in_folder(folder: &Path) -> (Vec<PathBuf>, Vec<String>) {
    let is_seen = |entry: &DirEntry| entry.depth() == 0 || !is_hidden(entry);
    let walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for entry in walk.filter_entry(is_seen) {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_medium(entry.path()) => {
                files.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => problems.push(error.to_string()),
        }
    }
    (files, problems)
}

impl Found {
    fn take_folder(&mut self, folder: &Path) {
        let (files, problems) = in_folder(folder);
        if files.is_empty() && problems.is_empty() {
            let folder = folder.display();
            (self.problems).push(format!("{folder}: no video or picture in this folder"));
        }
        self.files.extend(files);
        self.problems.extend(problems);
    }

    fn take_pattern(&mut self, pattern: &str) {
        let paths = match glob::glob(pattern) {
            Ok(paths) => paths,
            Err(error) => return self.problems.push(format!("{pattern}: {error}")),
        };
        let before = (self.files.len(), self.problems.len());
        for path in paths {
            match path {
                Ok(path) if path.is_dir() => self.take_folder(&path),
                Ok(path) => self.files.push(path),
                Err(error) => self.problems.push(error.to_string()),
            }
        }
        if (self.files.len(), self.problems.len()) == before {
            (self.problems).push(format!("{pattern}: nothing fits this pattern"));
        }
    }
}

fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

fn is_medium(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    MEDIA_ENDINGS.contains(&ending.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_give_their_media_by_name_patterns_what_fits_and_nothing_twice() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("cases/.hidden")).unwrap();
        for name in [
            "cases/b.MP4",
            "cases/a.mov",
            "cases/notes.txt",
            "cases/.hidden/c.mp4",
            "single.bin",
        ] {
            std::fs::write(at(name), b"x").unwrap();
        }
        let found = find(&[
            at("single.bin"),
            at("cases"),
            at("cases/*.MP4"),
            at("gone.mp4"),
        ]);
        let expected = ["single.bin", "cases/a.mov", "cases/b.MP4", "gone.mp4"].map(at);
        assert_eq!(found.files, expected);
        assert!(found.problems.is_empty(), "{found:?}");
    }

    #[test]
    fn a_folder_and_a_pattern_without_media_are_told_of() {
        let root = tempfile::tempdir().unwrap();
        let found = find(&[root.path().to_path_buf(), root.path().join("*.mp4")]);
        assert!(found.files.is_empty(), "{found:?}");
        let [folder, pattern] = &found.problems[..] else {
            panic!("{found:?}");
        };
        assert!(folder.contains("no video or picture"), "{folder}");
        assert!(pattern.contains("nothing fits"), "{pattern}");
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
        let root = tempfile::tempdir().unwrap();
        let odd = root.path().join("clip[1].mp4");
        std::fs::write(&odd, b"x").unwrap();
        assert_eq!(find(std::slice::from_ref(&odd)).files, [odd]);
    }
}
