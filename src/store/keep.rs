//! Pictures first, then the record that makes them findable, with a note of it all the while; and
//! what a process that died in between left.

use std::sync::Arc;

use time::OffsetDateTime;

use super::blocking::on_disk_thread;
use super::journal::{Intent, noted_in, remove_settled};
use super::step::Step;
use super::{
    ArtifactName, ArtifactStore, Claim, JobStore, Pictures, Reader, RecordStore, StoreError,
    Stored, Submission,
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
    submission: Submission,
    pictures: Vec<(ArtifactName, Vec<u8>)>,
) -> Result<Stored, StoreError> {
    let keeper = Keeper {
        records,
        artifacts,
        ending: None,
    };
    keeper.keep(analysis, submission, pictures).await
}

/// The same as the end of a job, in one transaction with it: where the job is no longer the claimant's,
/// nothing is stored.
///
/// # Errors
/// [`StoreError::Stale`]; [`StoreError`] of whichever store refused.
pub async fn keep_for_job(
    (jobs, claim, now): (&JobStore, &Claim, OffsetDateTime),
    (records, artifacts): (&RecordStore, &ArtifactStore),
    analysis: Analysis,
    pictures: Vec<(ArtifactName, Vec<u8>)>,
) -> Result<Stored, StoreError> {
    let keeper = Keeper {
        records,
        artifacts,
        ending: Some((jobs, claim, now)),
    };
    let submission = claim.payload.submission.clone();
    keeper.keep(analysis, submission, pictures).await
}

/// Where an analysis is kept, and which job it ends.
struct Keeper<'a> {
    records: &'a RecordStore,
    artifacts: &'a ArtifactStore,
    ending: Option<(&'a JobStore, &'a Claim, OffsetDateTime)>,
}

impl Keeper<'_> {
    async fn keep(
        &self,
        analysis: Analysis,
        mut submission: Submission,
        pictures: Vec<(ArtifactName, Vec<u8>)>,
    ) -> Result<Stored, StoreError> {
        let id = analysis.id;
        let intent = self.artifacts.announce(id).await?;
        let pictures = match self.artifacts.put_all(id, pictures).await {
            Ok(pictures) => pictures,
            Err(error) => {
                intent.end().await;
                return Err(error);
            }
        };
        Step::PicturesThere.reached();
        submission.pictures_lost = pictures == Pictures::Lost;
        match self.record(&analysis, &submission).await {
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
            Err(error) => self.after_refusal(id, intent, error).await,
        }
    }

    async fn record(
        &self,
        analysis: &Analysis,
        submission: &Submission,
    ) -> Result<u64, StoreError> {
        match self.ending {
            None => self.records.insert(analysis, submission).await,
            Some((jobs, claim, now)) => jobs.finish(claim, (analysis, submission), now).await,
        }
    }

    /// A database that went away in the middle may have the record all the same; only where it has not
    /// do the pictures go. Where nobody can tell, that is settled later.
    async fn after_refusal(
        &self,
        id: AnalysisId,
        intent: Intent,
        refusal: StoreError,
    ) -> Result<Stored, StoreError> {
        let is_certain = matches!(
            refusal,
            StoreError::DuplicateRecord { .. } | StoreError::Stale { .. }
        );
        let stored = match is_certain {
            true => Ok(None),
            false => self.records.get(id, Reader::Unrestricted).await,
        };
        match stored {
            Ok(Some(stored)) => {
                intent.end().await;
                Ok(stored)
            }
            Ok(None) => {
                take_back(self.artifacts, id, intent).await;
                Err(refusal)
            }
            Err(_) => {
                intent.leave().await;
                Err(refusal)
            }
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
