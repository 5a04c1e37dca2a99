//! Pictures first, then the record that makes them findable.

use super::{ArtifactName, ArtifactStore, Pictures, RecordStore, StoreError, Stored, Submission};
use crate::domain::Analysis;

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
    let pictures = artifacts.put_all(analysis.id, pictures).await?;
    submission.pictures_lost = pictures == Pictures::Lost;
    match records.insert(&analysis, &submission).await {
        Ok(number) => Ok(Stored {
            number,
            analysis,
            submission,
            pictures,
        }),
        Err(error) => {
            take_back(artifacts, &analysis).await;
            Err(error)
        }
    }
}

/// The caller hears of the record that failed; that the pictures stay is for the log and the sweep.
async fn take_back(artifacts: &ArtifactStore, analysis: &Analysis) {
    if let Err(error) = artifacts.remove(analysis.id).await {
        tracing::error!(%error, id = %analysis.id, "pictures without a record stay until the sweep");
    }
}
