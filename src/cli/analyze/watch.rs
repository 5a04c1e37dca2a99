//! `--watch`: files are analysed as they come into a folder.
//!
//! The folders are looked at every [`LOOK_EVERY`]; that works on network drives, where notices of the
//! kernel do not come. A file is taken when its size and time have not changed between two looks, so that
//! one that is still being copied waits. One that changes later is analysed again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::files;

/// From one look to the next.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);

type Stamp = (u64, Option<SystemTime>);

/// What was seen in the folders so far.
#[derive(Debug)]
pub(super) struct Watched {
    folders: Vec<PathBuf>,
    seen: HashMap<PathBuf, Stamp>,
    taken: HashMap<PathBuf, Stamp>,
}

impl Watched {
    pub(super) fn new(folders: Vec<PathBuf>) -> Self {
        Self {
            folders,
            seen: HashMap::new(),
            taken: HashMap::new(),
        }
    }

    /// Looks once; the files that have come to rest since, each of them once.
    pub(super) fn look(&mut self) -> Vec<PathBuf> {
        let now: HashMap<PathBuf, Stamp> = (self.folders.iter())
            .flat_map(|folder| files::in_folder(folder).0)
            .filter_map(|file| Some((file.clone(), stamp(&file)?)))
            .collect();
        let mut at_rest: Vec<PathBuf> = (now.iter())
            .filter(|(file, stamp)| self.seen.get(*file) == Some(stamp))
            .filter(|(file, stamp)| self.taken.get(*file) != Some(stamp))
            .map(|(file, _)| file.clone())
            .collect();
        at_rest.sort();
        (self.taken).extend(at_rest.iter().map(|file| (file.clone(), now[file])));
        self.seen = now;
        at_rest
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let facts = file.metadata().ok()?;
    Some((facts.len(), facts.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_once_it_is_at_rest_and_again_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("clip.mp4");
        let mut watched = Watched::new(vec![folder.path().to_path_buf()]);
        let none: [PathBuf; 0] = [];
        assert_eq!(watched.look(), none);
        std::fs::write(&clip, b"ha").unwrap();
        assert_eq!(watched.look(), none, "it may still grow");
        std::fs::write(&clip, b"half").unwrap();
        assert_eq!(watched.look(), none, "it did");
        assert_eq!(watched.look(), std::slice::from_ref(&clip));
        assert_eq!(watched.look(), none, "once");
        std::fs::write(&clip, b"another").unwrap();
        assert_eq!(watched.look(), none);
        assert_eq!(watched.look(), [clip]);
    }
}
