//! What working on jobs takes.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::analysis::Analyzer;
use crate::store::{
    ArtifactStore, Claim, ClaimTerms, JobStore, JobUploads, RecordStore, UploadDir,
};

/// Tells the time.
pub type Clock = fn() -> OffsetDateTime;

/// How jobs are worked on.
#[derive(Debug, Clone, Copy)]
pub struct JobSettings {
    /// How long a job is a worker's without a word of him.
    pub lease: Duration,
    /// Tries before a job is set aside.
    pub max_tries: u32,
    /// How long a job is remembered after its end.
    pub keep_ended: Duration,
    /// Between two looks for what nobody needs any more.
    pub tidy_every: Duration,
}

/// The parts that working on jobs takes.
pub struct Workshop {
    /// Analyses files.
    pub analyzer: Analyzer,
    /// Where records go.
    pub records: RecordStore,
    /// Where pictures go.
    pub artifacts: ArtifactStore,
    /// The queue.
    pub jobs: JobStore,
    /// The files of the queue.
    pub uploads: JobUploads,
    /// Where copies of them lie while they are looked at.
    pub copies: UploadDir,
    /// How it is worked.
    pub settings: JobSettings,
    /// What time it is.
    pub clock: Clock,
}

impl Workshop {
    /// Jobs that may be under way at the same time: half of the places, so that requests find the
    /// other half, and no more than there are decode workers, because the rest would only wait.
    pub(super) fn at_once(&self) -> usize {
        let settings = self.analyzer.settings();
        (settings.places() / 2).min(settings.decode_threads).max(1)
    }

    /// What a process claims on.
    pub(super) fn terms(&self, worker: Uuid) -> ClaimTerms {
        ClaimTerms {
            worker,
            lease: self.settings.lease,
            max_tries: self.settings.max_tries,
        }
    }

    pub(super) fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// Removes the upload of a job that has ended. What does not go now is swept later.
    pub(super) async fn remove_upload(&self, claim: &Claim) {
        if let Err(error) = self.uploads.remove(claim.job).await {
            tracing::warn!(%error, job = %claim.job, "the upload of a job that ended stays for now");
        }
    }
}
