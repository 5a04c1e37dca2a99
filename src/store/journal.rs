//! What is being kept right now, so that a crash leaves no pictures without a record.
//!
//! Pictures come before the record that makes them findable. From before the first picture until
//! after the record, an empty file stands for the analysis in the process's own locked folder:
//! `<store>/.keeping/session-…/<analysis-id>`. The folder of a process that is gone tells what it
//! was at: [`ArtifactStore::settle`](super::ArtifactStore::settle) removes the pictures of those that
//! have no record. With pictures on S3 the files lie on this machine's disk; what a machine leaves
//! that never starts again goes by its age.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::AnalysisId;

use super::blocking::on_disk_thread;
use super::error::StoreError;
use super::session::SessionDir;

const FOLDER: &str = ".keeping";

/// This process's notes.
#[derive(Debug)]
pub(super) struct KeepJournal {
    session: SessionDir,
}

/// One note. Dropped without a word it stays, as it does when the process ends.
#[derive(Debug)]
#[must_use = "a note that is never ended has its pictures removed at the next start"]
pub(super) struct Intent {
    path: PathBuf,
}

impl KeepJournal {
    /// Opens the notes below `store`; those that dead processes left are not touched.
    pub(super) fn open(store: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            session: SessionDir::open_beside(&store.join(FOLDER))?,
        })
    }

    /// Notes that pictures of `id` will come.
    pub(super) fn announce(&self, id: AnalysisId) -> Result<Intent, StoreError> {
        let path = self.session.path().join(id.to_string());
        let write = || -> io::Result<()> {
            File::create_new(&path)?;
            File::open(self.session.path())?.sync_all()
        };
        write().map_err(StoreError::io("note what is kept in", &path))?;
        Ok(Intent { path })
    }

    /// The folders that dead processes left.
    pub(super) fn dead_others(&self) -> Result<Vec<PathBuf>, StoreError> {
        self.session.dead_others()
    }
}

impl Intent {
    /// Both are there, or neither is.
    pub(super) async fn end(self) {
        // A note too many costs one look at the database at the next start.
        let _ = on_disk_thread(move || {
            let _ = fs::remove_file(&self.path);
            Ok(())
        })
        .await;
    }

    /// Whether both are there could not be found out:
    /// [`ArtifactStore::settle`](super::ArtifactStore::settle) will.
    pub(super) async fn leave(self) {
        let left = on_disk_thread(move || {
            let (Some(session), Some(id)) = (self.path.parent(), self.path.file_name()) else {
                return Ok(());
            };
            // A folder of the form of a session that no process holds.
            let orphan = session.with_file_name(format!("session-{}", id.display()));
            fs::create_dir(&orphan)
                .and_then(|()| fs::rename(&self.path, orphan.join(id)))
                .map_err(StoreError::io("note what is unsettled in", &orphan))
        });
        if let Err(error) = left.await {
            tracing::error!(%error, "pictures may stay without a record until they are old");
        }
    }
}

/// The analyses noted in a dead session's folder.
pub(super) async fn noted_in(folder: PathBuf) -> Result<Vec<AnalysisId>, StoreError> {
    on_disk_thread(move || {
        let failed = StoreError::io("read the notes in", &folder);
        let entries = match fs::read_dir(&folder) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        Ok(names
            .filter_map(|name| name.to_str().and_then(AnalysisId::parse))
            .collect())
    })
    .await
}

/// Removes a dead session's folder when everything noted in it is settled.
pub(super) async fn remove_settled(folder: PathBuf) -> Result<(), StoreError> {
    on_disk_thread(move || {
        let failed = StoreError::io("remove the settled folder", &folder);
        match fs::remove_dir_all(&folder) {
            // Another process settled it at the same time.
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(failed),
        }
    })
    .await
}
