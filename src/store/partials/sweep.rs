//! Removes what nobody will go on with.

use std::fs;

use time::OffsetDateTime;

use super::super::blocking::on_disk_thread;
use super::super::disk::unless_missing;
use super::super::error::StoreError;
use super::super::jobs::{JobId, JobStore};
use super::super::session::lock_folder;
use super::folder::BYTES;
use super::{Hold, PartialUploads, STAGED};

impl PartialUploads {
    /// Removes the uploads that are too old at `now`, those that became jobs, and what a process that
    /// died left of one; answers how many.
    ///
    /// # Errors
    /// [`StoreError`] of the folder or the database.
    pub async fn sweep(&self, jobs: &JobStore, now: OffsetDateTime) -> Result<u64, StoreError> {
        let own = self.clone();
        let mut removed = on_disk_thread(move || own.clear_leftovers()).await?;
        let own = self.clone();
        let suspects = on_disk_thread(move || own.suspects(now)).await?;
        for id in suspects {
            // One that somebody has is swept when he has left.
            let Hold::Held(held) = self.hold(id).await? else {
                continue;
            };
            if held.record().is_expired(now) || jobs.state_of(id).await?.is_some() {
                held.remove().await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Those that are too old, and those of which every byte came.
    fn suspects(&self, now: OffsetDateTime) -> Result<Vec<JobId>, StoreError> {
        let mut suspects = Vec::new();
        for id in self.names()? {
            let Some(record) = self.read_record(id)? else {
                continue;
            };
            let path = self.folder_of(id).join(BYTES);
            let bytes = unless_missing(fs::metadata(&path))
                .map_err(StoreError::io("measure the upload", &path))?;
            let is_whole = bytes.is_some_and(|bytes| bytes.len() >= record.length_bytes);
            if is_whole || record.is_expired(now) {
                suspects.push(id);
            }
        }
        Ok(suspects)
    }

    /// Removes folders that are not complete: nobody makes one now, because the turn is ours.
    fn clear_leftovers(&self) -> Result<u64, StoreError> {
        let _turn = lock_folder(&self.root)?;
        let mut removed = 0;
        for entry in fs::read_dir(&self.root).map_err(self.not_listed())? {
            let path = entry.map_err(self.not_listed())?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let is_staged = name.is_some_and(|name| name.starts_with(STAGED));
            let is_broken = match name.and_then(JobId::parse) {
                Some(id) if self.folder_of(id) == path => {
                    self.read_record(id)?.is_none() || !path.join(BYTES).exists()
                }
                Some(_) | None => false,
            };
            if is_staged || is_broken {
                unless_missing(fs::remove_dir_all(&path))
                    .map_err(StoreError::io("remove the leftover", &path))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
