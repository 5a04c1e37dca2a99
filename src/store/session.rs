//! A private folder for work in progress that never outlives its process for long.
//!
//! Layout: `<parent>/<16 hex digits>/…`, one folder per process. The folder is held under an
//! exclusive `flock` from its creation to its removal. The kernel releases the lock with the
//! process, so "can I lock it?" answers "is its owner gone?" even after a kill or a power cut;
//! neither ages nor process numbers are guessed at. Creation and clearing happen under a lock on
//! `<parent>` itself, so that no process clears a folder between its creation and its locking.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StoreError;

/// This process's locked folder; removed with its content on Drop.
#[derive(Debug)]
pub(super) struct SessionDir {
    path: PathBuf,
    parent: PathBuf,
    /// Holds the lock; declared for its Drop.
    _lock: File,
}

impl SessionDir {
    /// Creates `parent` (mode 0700) where needed, clears the folders of dead sessions, and makes
    /// and locks this one's.
    pub(super) fn open(parent: &Path) -> Result<Self, StoreError> {
        create_private_dir(parent)?;
        let _turn = lock_folder(parent)?;
        clear_dead_sessions(parent, None)?;
        Self::create_in(parent)
    }

    /// The same, leaving the folders of dead sessions: they say something.
    pub(super) fn open_beside(parent: &Path) -> Result<Self, StoreError> {
        create_private_dir(parent)?;
        let _turn = lock_folder(parent)?;
        Self::create_in(parent)
    }

    fn create_in(parent: &Path) -> Result<Self, StoreError> {
        let path = tempfile::Builder::new()
            .prefix("session-")
            .rand_bytes(16)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(StoreError::io("create a session folder in", parent))?
            .keep();
        let lock = lock_folder(&path)?;
        Ok(Self {
            path,
            parent: parent.to_path_buf(),
            _lock: lock,
        })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folders that dead sessions left beside this one.
    pub(super) fn dead_others(&self) -> Result<Vec<PathBuf>, StoreError> {
        let _turn = lock_folder(&self.parent)?;
        dead_sessions(&self.parent, Some(&self.path))
    }

    /// Removes the folders that dead sessions left beside this one; returns how many there were.
    pub(super) fn clear_others(&self) -> Result<u64, StoreError> {
        let _turn = lock_folder(&self.parent)?;
        clear_dead_sessions(&self.parent, Some(&self.path))
    }
}

impl Drop for SessionDir {
    fn drop(&mut self) {
        // A failure leaves a folder without an owner, which the next session clears.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Creates a folder and its parents with mode 0700; one that exists keeps its mode.
pub(super) fn create_private_dir(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(StoreError::io("create the folder", path))
}

/// Holds a folder's lock until the file is dropped; waits for it.
pub(super) fn lock_folder(path: &Path) -> Result<File, StoreError> {
    let folder = File::open(path).map_err(StoreError::io("open the folder", path))?;
    folder
        .lock()
        .map_err(StoreError::io("lock the folder", path))?;
    Ok(folder)
}

fn clear_dead_sessions(parent: &Path, own: Option<&Path>) -> Result<u64, StoreError> {
    let dead = dead_sessions(parent, own)?;
    for path in &dead {
        fs::remove_dir_all(path).map_err(StoreError::io("remove the leftover", path))?;
    }
    Ok(dead.len() as u64)
}

fn dead_sessions(parent: &Path, own: Option<&Path>) -> Result<Vec<PathBuf>, StoreError> {
    let mut dead = Vec::new();
    let entries = fs::read_dir(parent).map_err(StoreError::io("list the folder", parent))?;
    for entry in entries {
        let path = entry
            .map_err(StoreError::io("list the folder", parent))?
            .path();
        if Some(path.as_path()) != own && is_dead_session(&path)? {
            dead.push(path);
        }
    }
    Ok(dead)
}

/// Whether `path` is a session folder that no process holds. Anything else is not ours to remove.
fn is_dead_session(path: &Path) -> Result<bool, StoreError> {
    let named_so = path
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("session-"));
    if !named_so {
        return Ok(false);
    }
    match File::open(path) {
        Ok(folder) => is_left_behind(&folder, path),
        // Its owner removed it between the listing and now.
        Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(other) => Err(StoreError::io("open the folder", path)(other)),
    }
}

/// Whether nobody holds `folder`, which was opened at `path`, and it still has that name.
fn is_left_behind(folder: &File, path: &Path) -> Result<bool, StoreError> {
    match folder.try_lock() {
        // Its owner may have removed it, and let go of the lock, between our opening and our
        // locking: what we hold then is a folder without a name.
        Ok(()) => path
            .try_exists()
            .map_err(StoreError::io("look for the folder", path)),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(other)) => Err(StoreError::io("lock the folder", path)(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions_in(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[test]
    fn a_session_is_private_and_takes_its_content_with_it() {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("deep/incoming");
        let session = SessionDir::open(&parent).unwrap();
        fs::write(session.path().join("part"), b"half").unwrap();
        for folder in [parent.as_path(), session.path()] {
            let mode = fs::metadata(folder).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
        drop(session);
        assert_eq!(sessions_in(&parent), 0);
    }

    #[test]
    fn what_a_dead_process_left_is_cleared_and_what_a_living_one_holds_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let living = SessionDir::open(parent.path()).unwrap();
        fs::write(living.path().join("part"), b"half").unwrap();
        let dead = parent.path().join("session-0123456789abcdef");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("part"), b"half").unwrap();

        let next = SessionDir::open(parent.path()).unwrap();

        assert!(!dead.exists());
        assert!(living.path().join("part").exists());
        assert_eq!(sessions_in(parent.path()), 2);
        fs::create_dir(&dead).unwrap();
        assert_eq!(next.clear_others().unwrap(), 1);
        assert!(living.path().join("part").exists());
    }

    #[test]
    fn a_stranger_in_the_folder_is_left_alone() {
        let parent = tempfile::tempdir().unwrap();
        let stranger = parent.path().join("notes");
        fs::create_dir(&stranger).unwrap();
        drop(SessionDir::open(parent.path()).unwrap());
        assert!(stranger.exists());
    }

    #[test]
    fn a_session_that_ends_while_another_looks_at_it_is_not_a_leftover() {
        let parent = tempfile::tempdir().unwrap();
        let session = SessionDir::open(parent.path()).unwrap();
        let path = session.path().to_path_buf();
        let seen = File::open(&path).unwrap();
        drop(session);
        assert!(!is_left_behind(&seen, &path).unwrap());
    }

    #[test]
    fn many_sessions_opening_at_once_never_clear_each_other() {
        let parent = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..20 {
                        let session = SessionDir::open(parent.path()).unwrap();
                        fs::write(session.path().join("part"), b"whole").unwrap();
                        assert_eq!(fs::read(session.path().join("part")).unwrap(), b"whole");
                    }
                });
            }
        });
        assert_eq!(sessions_in(parent.path()), 0);
    }
}
