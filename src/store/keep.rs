//! Pictures first, then the record that makes them findable, with a note of it all the while; and
//! what a process that died in between left.

use std::sync::Arc;

use super::blocking::on_disk_thread;
use super::journal::{Intent, noted_in, remove_settled};
use super::step::Step;
use super::{
    ArtifactName, ArtifactStore, Pictures, Reader, RecordStore, StoreError, Stored, Submission,
};
use crate::domain::{Analysis, AnalysisId};

/// Stores an analysis and its pictures, or neither: without the record the pictures go again. A
/// bucket that is away costs the pictures' place, not the analysis; the result says so.
///
/// # Errors
/// [`StoreError`] of whichever store refused.
pub async fn keep(
    records: &RecordStore,
    artifacts: &ArtifactStore,
    analysis: Analysis,
    mut submission: Submission,
    pictures: Vec<(ArtifactName, Vec<u8>)>,
) -> Result<Stored, StoreError> {
    let id = analysis.id;
    let intent = artifacts.announce(id).await?;
    let pictures = match artifacts.put_all(id, pictures).await {
        Ok(pictures) => pictures,
        Err(error) => {
            intent.end().await;
            return Err(error);
        }
    };
    Step::PicturesThere.reached();
    submission.pictures_lost = pictures == Pictures::Lost;
    match records.insert(&analysis, &submission).await {
        Ok(number) => {
            Step::Recorded.reached();
            intent.end().await;
            Ok(Stored {
                number,
                analysis,
                submission,
                pictures,
            })
        }
        Err(error) => after_refusal((records, artifacts), id, intent, error).await,
    }
}

/// A database that went away in the middle may have the record all the same; only where it has not
/// do the pictures go. Where nobody can tell, that is settled later.
async fn after_refusal(
    (records, artifacts): (&RecordStore, &ArtifactStore),
    id: AnalysisId,
    intent: Intent,
    refusal: StoreError,
) -> Result<Stored, StoreError> {
    let is_taken = matches!(refusal, StoreError::DuplicateRecord { .. });
    let stored = match is_taken {
        true => Ok(None),
        false => records.get(id, Reader::Unrestricted).await,
    };
    match stored {
        Ok(Some(stored)) => {
            intent.end().await;
            Ok(stored)
        }
        Ok(None) => {
            take_back(artifacts, id, intent).await;
            Err(refusal)
        }
        Err(_) => {
            intent.leave().await;
            Err(refusal)
        }
    }
}

/// The caller hears of the record that failed; that the pictures stay is for the log.
async fn take_back(artifacts: &ArtifactStore, id: AnalysisId, intent: Intent) {
    match artifacts.remove(id).await {
        Ok(_) => intent.end().await,
        Err(error) => {
            tracing::error!(%error, %id, "pictures without a record stay until they can go");
            intent.leave().await;
        }
    }
}

impl ArtifactStore {
    /// Notes that pictures of `id` will come and then a record.
    async fn announce(&self, id: AnalysisId) -> Result<Intent, StoreError> {
        let journal = Arc::clone(&self.journal);
        let intent = on_disk_thread(move || journal.announce(id)).await?;
        Step::Announced.reached();
        Ok(intent)
    }

    /// Removes the pictures of analyses that a process was keeping when it died and that have no
    /// record; answers for how many there were pictures.
    ///
    /// # Errors
    /// [`StoreError`] of the store that does not answer; what could not be settled can be later.
    pub async fn settle(&self, records: &RecordStore) -> Result<u64, StoreError> {
        let journal = Arc::clone(&self.journal);
        let folders = on_disk_thread(move || journal.dead_others()).await?;
        let mut removed = 0;
        for folder in folders {
            for id in noted_in(folder.clone()).await? {
                let is_recorded = records.contains(id, Reader::Unrestricted).await?;
                removed += u64::from(!is_recorded && self.remove(id).await?);
            }
            remove_settled(folder).await?;
        }
        Ok(removed)
    }
}
